"""Every way Bullpen can fail, as one small tree.

    BullpenError
    ├── Misconfigured            the operator must change a setting or a file
    ├── Refused                  the caller must change something
    │   ├── InvalidRequest       a field is wrong; `fields` says which
    │   ├── MalformedBody        the body is not JSON
    │   ├── UnsupportedMediaType
    │   ├── BodyTooLarge
    │   ├── Unauthenticated
    │   ├── Forbidden
    │   ├── NotFound
    │   │   └── UnknownAgent
    │   ├── MethodNotAllowed
    │   ├── GuardrailRefused     a guardrail of the agent does not allow the input, or the output
    │   ├── RateLimited          too much, too soon; `retry_after` says when
    │   └── Cancelled            the caller hung up
    ├── Unavailable              nobody is at fault; try again after `retry_after` seconds
    │   ├── PoolExhausted
    │   ├── ShuttingDown
    │   └── DependencyDown
    ├── Unexpected               a defect of ours; the log has the traceback
    └── RunFailed                the run was accepted and did not succeed
        ├── DeadlineExceeded
        ├── ResultMismatch       the result does not match its output schema
        └── ModelFailed
            ├── ModelTimeout
            ├── ModelBusy        the provider said 429 or "overloaded"
            ├── ModelUnavailable the provider failed, hung up or could not be reached
            ├── CircuitOpen      the model has failed too often, and is left alone for a while
            ├── ModelCredentials the provider refused our key
            ├── ModelRejected    the provider refused our request
            └── ModelNonsense    the provider sent something that is not an answer

A class's docstring is the title people read, and `kind` is the name programs read; both are stable. The text
given to the constructor is shown to the caller: it says what happened, to which thing, and what to do, and never
repeats a provider's own words. HTTP meets these kinds once, in `bullpen.api.errors`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

__all__ = [
    "BodyTooLarge",
    "BullpenError",
    "Cancelled",
    "CircuitOpen",
    "DeadlineExceeded",
    "DependencyDown",
    "FieldError",
    "Forbidden",
    "GuardrailRefused",
    "InvalidRequest",
    "MalformedBody",
    "MethodNotAllowed",
    "Misconfigured",
    "ModelBusy",
    "ModelCredentials",
    "ModelFailed",
    "ModelNonsense",
    "ModelRejected",
    "ModelTimeout",
    "ModelUnavailable",
    "NotFound",
    "PoolExhausted",
    "RateLimited",
    "Refused",
    "ResultMismatch",
    "RunFailed",
    "ShuttingDown",
    "Unauthenticated",
    "Unavailable",
    "Unexpected",
    "UnknownAgent",
    "UnsupportedMediaType",
]


@dataclass(frozen=True, slots=True)
class FieldError:
    """One wrong field: `path` as in `requests.0.task`, and what was expected."""

    path: str
    message: str


class BullpenError(Exception):
    """Something went wrong."""

    kind: ClassVar[str] = "error"

    def __init__(self, detail: str, *, retry_after: float | None = None) -> None:
        """`detail` is shown to the caller; `retry_after` is in seconds."""
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after

    @property
    def title(self) -> str:
        """The kind in words, the same for every error of this class."""
        return (type(self).__doc__ or "").partition("\n")[0].rstrip(".")


class Misconfigured(BullpenError):
    """The configuration is wrong."""

    kind = "misconfigured"

    def __init__(self, *problems: str) -> None:
        """Takes every problem found, so that all can be mended at once."""
        super().__init__("\n".join(problems))
        self.problems = problems


class Refused(BullpenError):
    """The request was refused."""

    kind = "refused"


class InvalidRequest(Refused):
    """The request is not valid."""

    kind = "invalid_request"

    def __init__(self, detail: str, *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(detail)
        self.fields = tuple(fields)


class MalformedBody(Refused):
    """The body is not JSON."""

    kind = "malformed_body"


class UnsupportedMediaType(Refused):
    """The content type is not supported."""

    kind = "unsupported_media_type"


class BodyTooLarge(Refused):
    """The body is too large."""

    kind = "body_too_large"


class Unauthenticated(Refused):
    """The credential is missing or not valid."""

    kind = "unauthenticated"

    def __init__(
        self,
        detail: str,
        *,
        event: str = "token_invalid",
        facts: Mapping[str, str] = MappingProxyType({}),
        challenge: str = 'Bearer realm="bullpen"',
    ) -> None:
        """What the caller is not told, and the audit trail is.

        Args:
            detail: For the caller: the same whatever was wrong with the credential.
            event: The audit trail's name for it.
            facts: What of the credential may be written down, such as a key's id; never the credential.
            challenge: How to authenticate, as `WWW-Authenticate` (RFC 9110 §11.6.1).
        """
        super().__init__(detail)
        self.event = event
        self.facts = facts
        self.challenge = challenge


class Forbidden(Refused):
    """The caller may not do this."""

    kind = "forbidden"


class NotFound(Refused):
    """There is no such thing."""

    kind = "not_found"


class UnknownAgent(NotFound):
    """There is no such agent type."""

    kind = "unknown_agent"


class MethodNotAllowed(Refused):
    """The method is not allowed here."""

    kind = "method_not_allowed"

    def __init__(self, detail: str, *, allowed: str = "") -> None:
        """`allowed` lists the methods that are, by comma."""
        super().__init__(detail)
        self.allowed = allowed


class GuardrailRefused(Refused):
    """A guardrail of the agent refused the input or the output."""

    kind = "guardrail_refused"


class RateLimited(Refused):
    """Too many requests."""

    kind = "rate_limited"

    def __init__(
        self,
        detail: str,
        *,
        retry_after: float = 1.0,
        headers: Mapping[str, str] = MappingProxyType({}),
        event: str = "rate_limit_exceeded",
        level: str = "",
    ) -> None:
        """A 429 must say when to come back, so there is a default.

        Args:
            detail: For the caller.
            retry_after: Seconds.
            headers: Tell the caller how its limits stand.
            event: The audit trail's name for it.
            level: The level that refused.
        """
        super().__init__(detail, retry_after=retry_after)
        self.headers = headers
        self.event = event
        self.level = level


class Cancelled(Refused):
    """The caller hung up before the answer was ready."""

    kind = "cancelled"


class Unavailable(BullpenError):
    """The service cannot take this now."""

    kind = "unavailable"

    def __init__(self, detail: str, *, retry_after: float = 1.0) -> None:
        """Unlike elsewhere `retry_after` always has a value: a 503 must say when to come back."""
        super().__init__(detail, retry_after=retry_after)


class PoolExhausted(Unavailable):
    """Every lane is busy."""

    kind = "pool_exhausted"


class ShuttingDown(Unavailable):
    """This replica is stopping."""

    kind = "shutting_down"


class DependencyDown(Unavailable):
    """A service this call needs is away."""

    kind = "dependency_down"


class Unexpected(BullpenError):
    """Something went wrong inside Bullpen."""

    kind = "unexpected_error"


class RunFailed(BullpenError):
    """The run failed."""

    kind = "task_execution_failed"


class DeadlineExceeded(RunFailed):
    """The run outlived its deadline."""

    kind = "deadline_exceeded"


class ResultMismatch(RunFailed):
    """The result does not match its output schema."""

    kind = "result_mismatch"


class ModelFailed(RunFailed):
    """The model call failed."""

    kind = "model_failed"


class ModelTimeout(ModelFailed):
    """The model did not answer in time."""

    kind = "model_timeout"


class ModelBusy(ModelFailed):
    """The model provider is limiting or overloaded."""

    kind = "model_busy"


class ModelUnavailable(ModelFailed):
    """The model provider failed or could not be reached."""

    kind = "model_unavailable"


class CircuitOpen(ModelFailed):
    """The model has failed too often and is not called for now."""

    kind = "circuit_open"


class ModelCredentials(ModelFailed):
    """The model provider refused this server's credentials."""

    kind = "model_credentials"


class ModelRejected(ModelFailed):
    """The model provider refused the request."""

    kind = "model_rejected"


class ModelNonsense(ModelFailed):
    """The model provider sent something that is not an answer."""

    kind = "model_nonsense"
