"""Every setting there is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AnyHttpUrl, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from bullpen.errors import Misconfigured
from bullpen.settings.auth import AuthSettings
from bullpen.settings.batch import BatchSettings
from bullpen.settings.environment import Environment, SecretFiles
from bullpen.settings.groups import (
    AuditSettings,
    EndpointSettings,
    HttpSettings,
    LimitsSettings,
    PoolSettings,
    SecretSettings,
)
from bullpen.settings.health import HealthSettings
from bullpen.settings.kinds import Seconds
from bullpen.settings.llm import LlmSettings
from bullpen.settings.operations import ScalingSettings, TuningSettings
from bullpen.settings.problems import problem
from bullpen.settings.resilience import AdaptiveSettings, BreakerSettings, RetrySettings
from bullpen.settings.secrets import Secret, secrets_of

__all__ = ["Settings"]

_SHORTEST_SECRET: Final = 32  # bytes: the key size of HS256, RFC 7518 §3.2


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
    drain_delay: Annotated[float, Field(ge=0, le=600)] = Field(
        default=0, description="How long a stopping server, not ready any more, goes on taking connections, seconds"
    )
    tool_threads: Annotated[int, Field(ge=1, le=1024)] = Field(default=64, description="Threads for synchronous tools")

    database_url: str | None = Field(
        default=None, repr=False, description="SQLite or Postgres; SQLite in `DATA_DIR` when unset"
    )
    database_password: Secret = Field(default=None, description="Completes a `DATABASE_URL` without one")
    database_migration_wait: Seconds = Field(
        default=60, description="How long a starting server waits for `bullpen migrate`, seconds"
    )
    redis_url: str | None = Field(
        default=None, repr=False, description="Shared state; optional, and its health is reported"
    )
    redis_password: Secret = Field(default=None, description="Completes a `REDIS_URL` without one")
    vector_db_url: str | None = Field(default=None, repr=False, description="Reserved for the vector store")
    queue_url: str | None = Field(default=None, repr=False, description="Reserved for the message broker")
    cache_ttl: Seconds = Field(default=3600, description="Reserved for the response cache, seconds")

    api_secret_key: Secret = Field(default=None, description="Signs tokens and protects stored keys; at least 32 bytes")
    api_secret_key_previous: Secret = Field(
        default=None, description="The one before: what was made with it goes on being accepted"
    )
    bootstrap_admin_key_file: Path | None = Field(
        default=None, description="Holds an API key that is let in as an administrator's at every start"
    )

    http: HttpSettings = HttpSettings()
    pool: PoolSettings = PoolSettings()
    auth: AuthSettings = AuthSettings()
    audit: AuditSettings = AuditSettings()
    limits: LimitsSettings = LimitsSettings()
    batch: BatchSettings = BatchSettings()
    breaker: BreakerSettings = BreakerSettings()
    adaptive: AdaptiveSettings = AdaptiveSettings()
    retry: RetrySettings = RetrySettings()
    health: HealthSettings = HealthSettings()
    scaling: ScalingSettings = ScalingSettings()
    tuning: TuningSettings = TuningSettings()
    llm: LlmSettings = LlmSettings()
    secret: SecretSettings = SecretSettings()

    @field_validator("api_secret_key", "api_secret_key_previous")
    @classmethod
    def _long_enough(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value().encode()) < _SHORTEST_SECRET:
            raise ValueError("must have at least 32 bytes; `openssl rand -hex 32` makes one")
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
        return init_settings, SecretFiles(settings_cls), Environment(settings_cls)

    def secrets(self) -> Mapping[str, SecretStr]:
        """Every secret that is set, by its variable; one that came from a file is a `FileSecret`."""
        return dict(secrets_of(self))

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Reads the environment.

        Raises:
            Misconfigured: Names every variable that is wrong, at once.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            raise Misconfigured(*(problem(each, cls) for each in error.errors(include_url=False))) from None
