"""Groups of settings, one a subject: a field's variable is `GROUP__FIELD`."""

import re
from ipaddress import ip_network
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AnyHttpUrl, BaseModel, ConfigDict, Field, field_validator, model_validator

from bullpen.settings.kinds import Bytes, Listed, Seconds
from bullpen.settings.secrets import Secret, from_file, secret_fields

__all__ = [
    "AuditSettings",
    "EndpointSettings",
    "Group",
    "HttpSettings",
    "LimitsSettings",
    "PoolSettings",
    "SecretSettings",
]

_ORIGIN: Final = re.compile(r"https?://[a-z0-9.\-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")


class Group(BaseModel):
    """A nested group: a variable it does not know is a mistake, and said so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _with_files(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        files = {name: given[f"{name}_file"] for name in secret_fields(cls) if given.get(f"{name}_file")}
        rest = {name: value for name, value in given.items() if name.removesuffix("_file") not in files}
        return rest | {name: from_file(name, path, given=given.get(name)) for name, path in files.items()}


class EndpointSettings(Group):
    """An OpenAI-compatible server, used in model names as `name:model`."""

    base_url: AnyHttpUrl = Field(description="Address up to and with `/v1`")
    api_key: Secret = Field(default=None, description="Sent as bearer, if the server wants one")


class HttpSettings(Group):
    """The door."""

    max_body_bytes: Bytes = Field(default=1024 * 1024, description="Largest request body, bytes")
    body_limits: dict[str, Bytes] = Field(default={}, description="Other limits for some routes, as JSON: path → bytes")
    heartbeat: Annotated[Seconds, Field(le=15)] = Field(default=15, description="Longest silence on a stream, seconds")
    batch_concurrency: Annotated[int, Field(ge=1, le=100)] = Field(default=10, description="Items of one batch at once")
    trusted_proxies: Listed = Field(default=(), description="Networks of proxies whose word on the client counts")
    forwarded_by: Literal["x-forwarded-for", "forwarded"] = Field(
        default="x-forwarded-for", description="The one header those proxies write"
    )
    cors_origins: Listed = Field(default=(), description="Origins whose pages may call; none means no CORS at all")
    cors_credentials: bool = Field(default=False, description="Whether those pages may send cookies")

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            ip_network(each)  # its error names the network
        return given

    @model_validator(mode="after")
    def _origins(self) -> Self:
        if self.cors_credentials and "*" in self.cors_origins:
            raise ValueError("CORS_ORIGINS cannot be `*` together with CORS_CREDENTIALS. Name the origins.")
        wrong = [each for each in self.cors_origins if each != "*" and not _ORIGIN.fullmatch(each)]
        if wrong:
            raise ValueError(f"CORS_ORIGINS: `{wrong[0]}` is no origin. Write it like https://app.example.com.")
        return self


class PoolSettings(Group):
    """The pool."""

    max_wait: Seconds = Field(default=30, description="Longest wait for a lane, seconds")
    max_waiting: Annotated[int, Field(ge=0)] = Field(default=1000, description="Requests that may wait at once")
    idle_after: Seconds = Field(default=300, description="Idle time after which a lent instance is closed, seconds")
    ageing: Seconds = Field(default=5, description="Wait that is worth one priority, seconds")
    tenant_share: Annotated[float, Field(gt=0, le=1)] = Field(
        default=1, description="Part of the lanes of which a tenant has more only while no other wants them"
    )
    tenant_weights: dict[str, Annotated[float, Field(ge=0.1, le=100)]] = Field(
        default={}, description="How tenants divide the lanes they wait for, as JSON: tenant → weight; others have 1"
    )


class SecretSettings(Group):
    """Secrets that come from files."""

    reload_every: Annotated[Seconds, Field(le=60)] = Field(default=2, description="Pause between two looks, seconds")
    overlap: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=86_400, description="How long a replaced `API_SECRET_KEY` is still accepted, seconds"
    )


class AuditSettings(Group):
    """The audit trail."""

    durability: Literal["process", "disk", "shared"] | None = Field(
        default=None, description="What recorded means; unset is `shared` with PostgreSQL and `process` without"
    )
    patience: Seconds = Field(default=1, description="Longest wait for the database to record, seconds")
    keep_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=2555, description="Age at which rows are removed, days"
    )


class LimitsSettings(Group):
    """Limits; what they are is in `limits.yaml`."""

    replicas: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=1, description="Least number of replicas that share the limits while Redis is away, or without it"
    )
    tokens_per_run: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1000, description="Tokens reserved for a run before it, beside its body's; corrected after it"
    )
