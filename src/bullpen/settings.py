"""What the operator may set, by environment variable.

A field's variable is its name in capitals; a field of a nested group is `GROUP__FIELD`, as in `HTTP__MAX_BODY_BYTES`.
Every secret that is no group's can also be a file: `OPENAI_API_KEY_FILE=/run/secrets/openai`. An empty variable counts
as unset, and white space around a secret is not part of it.
Only the composition root and the command line read this; rooms take plain arguments.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, TypeAlias

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bullpen.errors import Misconfigured

__all__ = ["Settings"]

_NOT_AN_OBJECT: Final = {"dict_type", "model_type"}

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(gt=0)]


def _bare(value: Any) -> Any:
    """A secret without the line end that editors and `echo` add; what went wrong with its file is raised here."""
    if isinstance(value, ValueError):
        raise value
    return value.strip() or None if isinstance(value, str) else value


Secret: TypeAlias = Annotated[SecretStr | None, BeforeValidator(_bare)]


class _Group(BaseModel):
    """A nested group: a variable it does not know is a mistake, and said so."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EndpointSettings(_Group):
    """An OpenAI-compatible server, used in model names as `name:model`."""

    base_url: AnyHttpUrl = Field(description="Address up to and with `/v1`")
    api_key: Secret = Field(default=None, description="Sent as bearer, if the server wants one")


class HttpSettings(_Group):
    """The door."""

    max_body_bytes: Bytes = Field(default=1024 * 1024, description="Largest request body, bytes")
    body_limits: dict[str, Bytes] = Field(default={}, description="Other limits for some routes, as JSON: path → bytes")
    heartbeat: Annotated[Seconds, Field(le=15)] = Field(default=15, description="Longest silence on a stream, seconds")
    batch_concurrency: Annotated[int, Field(ge=1, le=100)] = Field(default=10, description="Items of one batch at once")


class PoolSettings(_Group):
    """The pool."""

    max_wait: Seconds = Field(default=30, description="Longest wait for a lane, seconds")
    max_waiting: Annotated[int, Field(ge=0)] = Field(default=1000, description="Requests that may wait at once")
    idle_after: Seconds = Field(default=300, description="Idle time after which a lent instance is closed, seconds")


class AuthSettings(_Group):
    """Authentication."""

    jwt_leeway: Annotated[float, Field(ge=0, le=300)] = Field(default=10, description="Clock skew allowed, seconds")
    jwt_max_age: Seconds = Field(default=86_400, description="Oldest `iat` accepted, seconds")
    keys_stale_after: Seconds = Field(
        default=30, description="How long the last known keys stand when the database is away, seconds"
    )


class Settings(BaseSettings):
    """Every setting, with its default."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__", env_ignore_empty=True, extra="ignore", frozen=True, validate_default=True
    )

    environment: str = Field(default="development", description="Named in every log line")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="INFO", description="Least level"
    )
    log_format: Literal["json", "console"] = Field(default="json", description="`console` is for people")
    enable_metrics: bool = Field(default=True, description="Serve `/metrics`")
    data_dir: Path = Field(default=Path(".bullpen"), description="Where a laptop keeps its database, secret and key")
    config_dir: Path = Field(default=Path("config"), description="Where the catalogue is")

    model_name: str | None = Field(
        default=None, description="The model every alias means: `provider:model` or `offline`"
    )
    models: dict[str, str] = Field(default={}, description="One alias each, as in `MODELS__FAST=openai:gpt-4o-mini`")
    endpoints: dict[str, EndpointSettings] = Field(
        default={}, description="OpenAI-compatible servers, as in `ENDPOINTS__VLLM__BASE_URL=http://…/v1`"
    )
    openai_api_key: Secret = Field(default=None, description="For `openai:…` models")
    openai_base_url: AnyHttpUrl | None = Field(default=None, description="Another address for OpenAI's API")
    anthropic_api_key: Secret = Field(default=None, description="For `anthropic:…` models")
    anthropic_base_url: AnyHttpUrl | None = Field(default=None, description="Another address for Anthropic's API")
    prices_file: Path | None = Field(default=None, description="Prices that override the built-in ones")

    max_concurrent_agents: Annotated[int, Field(ge=1)] = Field(default=20, description="Runs at once in this process")
    agent_timeout: Seconds = Field(default=300, description="Bound of a whole run, seconds")
    shutdown_grace: Seconds = Field(default=30, description="How long a stopping server lets runs finish, seconds")
    tool_threads: Annotated[int, Field(ge=1, le=1024)] = Field(default=64, description="Threads for synchronous tools")

    database_url: str | None = Field(default=None, description="SQLite or Postgres; SQLite in `DATA_DIR` when unset")
    database_password: Secret = Field(default=None, description="Completes a `DATABASE_URL` without one")
    database_migration_wait: Seconds = Field(
        default=60, description="How long a starting server waits for `bullpen migrate`, seconds"
    )
    redis_url: str | None = Field(default=None, description="Shared state; optional, and its health is reported")
    redis_password: Secret = Field(default=None, description="Completes a `REDIS_URL` without one")
    vector_db_url: str | None = Field(default=None, description="Reserved for the vector store")
    queue_url: str | None = Field(default=None, description="Reserved for the message broker")
    cache_ttl: Seconds = Field(default=3600, description="Reserved for the response cache, seconds")

    api_secret_key: Secret = Field(
        default=None, description="Signs tokens and protects stored keys; at least 32 characters"
    )

    http: HttpSettings = HttpSettings()
    pool: PoolSettings = PoolSettings()
    auth: AuthSettings = AuthSettings()

    @field_validator("api_secret_key")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value()) < 32:  # noqa: PLR2004 -- the key size of HS256, RFC 7518 §3.2
            raise ValueError("must have at least 32 characters; `openssl rand -hex 32` makes one")
        return secret

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, level: Any) -> Any:
        return level.upper() if isinstance(level, str) else level

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the library's signature
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- the library's signature
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then files named by the environment, then the environment; no `.env` is read unasked."""
        return init_settings, _SecretFiles(settings_cls), _Environment(settings_cls)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Reads the environment.

        Raises:
            Misconfigured: Names every variable that is wrong, at once.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise Misconfigured(*map(_problem, error.errors(include_url=False))) from None


class _Environment(EnvSettingsSource):
    """The environment. Text that should be JSON and is not stays text, to be told with every other mistake."""

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        """The JSON, read, or the text."""
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            return value


class _SecretFiles(EnvSettingsSource):
    """Reads the file named by `NAME_FILE` for every top-level secret `NAME`; a mistake takes the secret's place."""

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        secrets = [name for name, field in fields.items() if field.annotation == SecretStr | None]
        return {name: self._read(name, path) for name in secrets if (path := self.env_vars.get(f"{name}_file"))}

    def _read(self, name: str, path: str) -> str | ValueError:
        variable = name.upper()
        if self.env_vars.get(name):
            return ValueError(f"{variable} and {variable}_FILE are both set. Keep one of them.")
        try:
            text = Path(path).read_text(encoding="utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            return ValueError(f"the file of {variable}_FILE, {path}, cannot be read ({type(error).__name__}).")
        return text or ValueError(f"the file of {variable}_FILE, {path}, is empty.")


def _problem(error: Any) -> str:
    variable = "__".join(str(part).upper() for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{variable}: there is no such setting. {_meant(*map(str, error['loc']))}"
    if error["type"] in _NOT_AN_OBJECT:
        return f"{variable}: must be a JSON object, or be set entry by entry as {variable}__NAME."
    return f"{variable}: {error['msg'].removeprefix('Value error, ')}"


def _meant(group: str, *rest: str) -> str:
    kind = EndpointSettings if group == "endpoints" else Settings.model_fields[group].annotation
    known = [name.upper() for name in getattr(kind, "model_fields", {})]
    close = get_close_matches(rest[-1].upper(), known, n=1)
    return f"Did you mean {close[0]}?" if close else f"There are {', '.join(known)}."
