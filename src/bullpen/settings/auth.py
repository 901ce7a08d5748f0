"""The group of authentication: whose tokens are accepted, and what their claims mean."""

from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeAlias

from pydantic import AnyHttpUrl, BeforeValidator, Field, model_validator

from bullpen.settings.groups import Group
from bullpen.settings.kinds import Listed, Seconds, split

__all__ = ["AuthSettings", "ClaimSettings"]


class ClaimSettings(Group):
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


_WHOSE: Final = (
    "needs AUTH__TENANT or AUTH__CLAIMS__TENANT, to say whose the provider's users are; administrators of `default` "
    "run this service"
)
Algorithm: TypeAlias = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]


class AuthSettings(Group):
    """Authentication."""

    jwks_url: AnyHttpUrl | None = Field(default=None, description="Public keys of an identity provider")
    issuer: str | None = Field(default=None, description="The provider, exactly as in `iss`")
    audience: Listed = Field(default=(), description="Names of ours, one of which `aud` must have")
    algorithms: Annotated[tuple[Algorithm, ...], BeforeValidator(split), Field(min_length=1)] = Field(
        default=("RS256", "ES256"), description="What the provider may sign with"
    )
    claims: ClaimSettings = ClaimSettings()
    groups_file: Path | None = Field(default=None, description="Which roles the members of which groups have")
    tenant: str | None = Field(default=None, description="The tenant of all the provider's users; or name a claim")
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
            ("AUTH__JWKS_URL", self.jwks_url and not (self.tenant or claims.tenant), _WHOSE),
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
