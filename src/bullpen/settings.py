"""What the operator may set, by environment variable.

A field's variable is its name in capitals; a field of a nested group is `GROUP__FIELD`, as in `HTTP__MAX_BODY_BYTES`.
Every secret can also be a file: `OPENAI_API_KEY_FILE=/run/secrets/openai`. An empty variable counts as unset, and
white space around a secret is not part of it.
Only the composition root and the command line read this; rooms take plain arguments.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from ipaddress import ip_network
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
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from bullpen.errors import Misconfigured

__all__ = ["FileSecret", "Settings"]

_NOT_AN_OBJECT: Final = {"dict_type", "model_type"}
_SHORTEST_SECRET: Final = 32  # bytes: the key size of HS256, RFC 7518 §3.2
_ORIGIN: Final = re.compile(r"https?://[a-z0-9.\-]+(:\d{1,5})?|https?://\[[0-9a-f:]+\](:\d{1,5})?")

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Bytes = Annotated[int, Field(gt=0)]


def _bare(value: Any) -> Any:
    """A secret without the line end that editors and `echo` add; what went wrong with its file is raised here."""
    if isinstance(value, ValueError):
        raise value
    return value.strip() or None if isinstance(value, str) else value


Secret: TypeAlias = Annotated[SecretStr | None, BeforeValidator(_bare)]


def _split(given: Any) -> Any:
    return [word.strip() for word in given.split(",") if word.strip()] if isinstance(given, str) else given


Listed: TypeAlias = Annotated[tuple[str, ...], BeforeValidator(_split)]
"""Words, as JSON or with commas between them."""


class FileSecret(SecretStr):
    """A secret that came from a file, and knows which."""

    def __init__(self, value: str, *, file: Path) -> None:
        super().__init__(value)
        self.file = file


def _secret_fields(model: type[BaseModel]) -> Iterator[str]:
    return (name for name, field in model.model_fields.items() if field.annotation == SecretStr | None)


def _from_file(name: str, path: str, *, given: Any) -> FileSecret | ValueError:
    variable = name.upper()
    if given:
        return ValueError(f"{variable} and {variable}_FILE are both set. Keep one of them.")
    try:
        text = Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        return ValueError(f"the file of {variable}_FILE, {path}, cannot be read ({type(error).__name__}).")
    return FileSecret(text, file=Path(path)) if text else ValueError(f"the file of {variable}_FILE, {path}, is empty.")


class _Group(BaseModel):
    """A nested group: a variable it does not know is a mistake, and said so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _with_files(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        files = {name: given[f"{name}_file"] for name in _secret_fields(cls) if given.get(f"{name}_file")}
        rest = {name: value for name, value in given.items() if name.removesuffix("_file") not in files}
        return rest | {name: _from_file(name, path, given=given.get(name)) for name, path in files.items()}


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


class PoolSettings(_Group):
    """The pool."""

    max_wait: Seconds = Field(default=30, description="Longest wait for a lane, seconds")
    max_waiting: Annotated[int, Field(ge=0)] = Field(default=1000, description="Requests that may wait at once")
    idle_after: Seconds = Field(default=300, description="Idle time after which a lent instance is closed, seconds")


class ClaimSettings(_Group):
    """Where the identity provider's tokens say what; a claim that is not named here says nothing."""

    user_id: str | None = Field(default=None, description="Names the user; unset is `user_id`, or else `sub`")
    tenant: str | None = Field(default=None, description="Names the tenant; a token without it is refused")
    roles: str | None = Field(default=None, description="A list of roles, by the names they have here")
    groups: str | None = Field(default=None, description="A list of groups, which `AUTH__GROUPS_FILE` gives roles")
    permissions: str | None = Field(default=None, description="A list of permissions, or text with spaces")
    permission_prefix: str = Field(default="", description="Only permissions that begin so count, without it")
    attributes: dict[str, str] = Field(default={}, description="Claims of attributes, as JSON: attribute → claim")
    amr: str = Field(default="amr", description="How the user proved who they are")
    acr: str = Field(default="acr", description="How far that goes, in the provider's words")


Algorithm: TypeAlias = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class AuthSettings(_Group):
    """Authentication."""

    jwks_url: AnyHttpUrl | None = Field(default=None, description="Public keys of an identity provider")
    issuer: str | None = Field(default=None, description="The provider, exactly as in `iss`")
    audience: Listed = Field(default=(), description="Names of ours, one of which `aud` must have")
    algorithms: Annotated[tuple[Algorithm, ...], BeforeValidator(_split), Field(min_length=1)] = Field(
        default=("RS256", "ES256"), description="What the provider may sign with"
    )
    claims: ClaimSettings = ClaimSettings()
    groups_file: Path | None = Field(default=None, description="Which roles the members of which groups have")
    tenant: str | None = Field(default=None, description="The tenant of all the provider's users")
    jwks_cooldown: Seconds = Field(default=30, description="Least time between two looks for keys, seconds")
    jwks_refresh: Seconds = Field(default=300, description="Time between two looks that nobody asked for, seconds")
    jwks_stale_after: Seconds = Field(
        default=86_400, description="How long the last known keys stand while the provider is away, seconds"
    )
    guesses: Annotated[int, Field(ge=1)] = Field(
        default=10, description="Wrong credentials in a minute before one must wait, of an address or at a key"
    )
    mfa_routes: Listed = Field(default=(), description="Routes that ask for a second factor, as patterns with `*`")
    mfa_acr_values: Listed = Field(default=(), description="Values of `acr` that mean one")
    jwt_leeway: Annotated[float, Field(ge=0, le=300)] = Field(default=10, description="Clock skew allowed, seconds")
    jwt_max_age: Seconds = Field(default=86_400, description="Oldest `iat` accepted, seconds")
    keys_stale_after: Seconds = Field(
        default=30, description="How long the last known keys stand when the database is away, seconds"
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        claims = self.claims
        needs = (
            ("AUTH__JWKS_URL", self.jwks_url and not self.issuer, "needs AUTH__ISSUER: others may use the same keys"),
            ("AUTH__CLAIMS", not self.jwks_url and claims != ClaimSettings(), "needs AUTH__JWKS_URL"),
            ("AUTH__TENANT", self.tenant and not self.jwks_url, "needs AUTH__JWKS_URL"),
            ("AUTH__TENANT", self.tenant and claims.tenant, "excludes AUTH__CLAIMS__TENANT; keep one of them"),
            ("AUTH__CLAIMS__GROUPS", claims.groups and not self.groups_file, "needs AUTH__GROUPS_FILE"),
            ("AUTH__GROUPS_FILE", self.groups_file and not claims.groups, "needs AUTH__CLAIMS__GROUPS"),
        )
        wrong = [f"{variable} {problem}." for variable, applies, problem in needs if applies]
        wrong += [
            f"AUTH__MFA_ROUTES: `{each}` must begin with `/`." for each in self.mfa_routes if not each.startswith("/")
        ]
        if wrong:
            raise ValueError(" ".join(wrong))
        return self


class SecretSettings(_Group):
    """Secrets that come from files."""

    reload_every: Annotated[Seconds, Field(le=60)] = Field(default=2, description="Pause between two looks, seconds")
    overlap: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        default=86_400, description="How long a replaced `API_SECRET_KEY` is still accepted, seconds"
    )


class AuditSettings(_Group):
    """The audit trail."""

    durability: Literal["process", "disk", "shared"] | None = Field(
        default=None, description="What recorded means; unset is `shared` with PostgreSQL and `process` without"
    )
    patience: Seconds = Field(default=1, description="Longest wait for the database to record, seconds")
    keep_days: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=2555, description="Age at which rows are removed, days"
    )


class LimitsSettings(_Group):
    """Limits; what they are is in `limits.yaml`."""

    replicas: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=1, description="Least number of replicas that share the limits while Redis is away, or without it"
    )
    tokens_per_run: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=1000, description="Tokens reserved for a run before it, beside its body's; corrected after it"
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
        return init_settings, _SecretFiles(settings_cls), _Environment(settings_cls)

    def secrets(self) -> Mapping[str, SecretStr]:
        """Every secret that is set, by its variable; one that came from a file is a `FileSecret`."""
        return dict(_secrets(self))

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
        known = self.env_vars
        files = {name: path for name in _secret_fields(self.settings_cls) if (path := known.get(f"{name}_file"))}
        return {name: _from_file(name, path, given=known.get(name)) for name, path in files.items()}


def _secrets(holder: object, prefix: str = "") -> Iterator[tuple[str, SecretStr]]:
    members: Iterable[tuple[str, Any]] = ()
    if isinstance(holder, BaseModel):
        members = ((name, getattr(holder, name)) for name in type(holder).model_fields)
    elif isinstance(holder, dict):
        members = holder.items()
    for name, value in members:
        variable = f"{prefix}{name}".upper()
        if isinstance(value, SecretStr):
            yield variable, value
        else:
            yield from _secrets(value, f"{variable}__")


def _problem(error: Any) -> str:
    variable = "__".join(str(part).upper() for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{variable}: there is no such setting. {_meant(*map(str, error['loc']))}"
    if error["type"] in _NOT_AN_OBJECT:
        return f"{variable}: must be a JSON object, or be set entry by entry as {variable}__NAME."
    return f"{variable}: {error['msg'].removeprefix('Value error, ')}"


def _meant(group: str, *rest: str) -> str:
    kind: Any = EndpointSettings if group == "endpoints" else Settings.model_fields[group].annotation
    for name in rest[:-1]:
        inner = getattr(kind, "model_fields", {}).get(name)
        kind = inner.annotation if inner else kind
    known = [name.upper() for name in getattr(kind, "model_fields", {})]
    close = get_close_matches(rest[-1].upper(), known, n=1)
    return f"Did you mean {close[0]}?" if close else f"There are {', '.join(known)}."
