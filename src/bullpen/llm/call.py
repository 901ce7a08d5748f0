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
        retries: Further attempts after a failure that may pass. Kept for the resilience issue, not acted on yet.
        retry_delay: Seconds before the first retry; doubles each time. Kept likewise.
        retry_delay_max: Seconds no retry waits longer than. Kept likewise.
        fallbacks: Models to try when the first one is away, in order. Built and guarded now, tried later.
    """

    temperature: float | None = 0.1
    max_tokens: int | None = 2048
    timeout: float = 30.0
    retries: int = 3
    retry_delay: float = 1.0
    retry_delay_max: float = 10.0
    fallbacks: tuple[str, ...] = ()

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
            ("`retries` must be 0 or more.", self.retries < 0),
            ("`retry_delay` must be 0 seconds or more.", self.retry_delay < 0),
            ("`retry_delay_max` must not be less than `retry_delay`.", self.retry_delay_max < self.retry_delay),
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server that speaks OpenAI's chat wire, such as vLLM, Ollama or LM Studio. A local one needs no key."""

    base_url: str
    api_key: str | None = field(default=None, repr=False)
