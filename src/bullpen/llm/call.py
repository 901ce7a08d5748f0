"""How one model call is made, and where an OpenAI-compatible endpoint is."""

from dataclasses import dataclass, field
from typing import Final

from bullpen.errors import Misconfigured

__all__ = ["CallSettings", "Endpoint"]

_HOTTEST: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSettings:
    """How an agent calls its model.

    Attributes:
        temperature: None leaves the provider's own.
        max_tokens: The longest answer; None leaves the provider's own.
        timeout: Seconds for one model call, a stream's last word included; never past the run's deadline.
        first_token: Seconds until a stream's first token; None is the server's own bound, or else `timeout`.
        between_tokens: Seconds of silence between two tokens of a stream; None likewise.
        retries: Further attempts at one model after a failure that may pass.
        retry_delay: Seconds before the first retry; doubles each time.
        retry_delay_max: Seconds no retry waits longer than, unless the provider asks for more.
        fallbacks: Models to try when the first one is away, in order.
        hedge_after: Seconds after which a second call is made beside a first that has not answered; None never does.
    """

    temperature: float | None = 0.1
    max_tokens: int | None = 2048
    timeout: float = 30.0
    first_token: float | None = None
    between_tokens: float | None = None
    retries: int = 3
    retry_delay: float = 1.0
    retry_delay_max: float = 10.0
    fallbacks: tuple[str, ...] = ()
    hedge_after: float | None = None

    def __post_init__(self) -> None:
        """Raises `Misconfigured` with everything that is wrong."""
        wrong = [text for text, is_wrong in self._checks() if is_wrong]
        if wrong:
            raise Misconfigured(*wrong)

    def _checks(self) -> tuple[tuple[str, bool], ...]:
        return (
            ("`temperature` must be 0 to 2.", self.temperature is not None and not 0 <= self.temperature <= _HOTTEST),
            ("`max_tokens` must be at least 1.", self.max_tokens is not None and self.max_tokens < 1),
            ("`timeout` must be more than 0 seconds.", self.timeout <= 0),
            ("`first_token` must be more than 0 seconds.", _is_no_time(self.first_token)),
            ("`between_tokens` must be more than 0 seconds.", _is_no_time(self.between_tokens)),
            ("`hedge_after` must be more than 0 seconds.", _is_no_time(self.hedge_after)),
            ("`retries` must be 0 or more.", self.retries < 0),
            ("`retry_delay` must be 0 seconds or more.", self.retry_delay < 0),
            ("`retry_delay_max` must not be less than `retry_delay`.", self.retry_delay_max < self.retry_delay),
        )


def _is_no_time(seconds: float | None) -> bool:
    return seconds is not None and seconds <= 0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that speaks OpenAI's chat wire, such as vLLM, Ollama or LM Studio. A local one needs no key."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
