"""What goes over the wire about API keys and tokens."""

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bullpen.security.authentication import Grant, KeyRecord
from bullpen.security.authentication.keys import LONGEST_LIFE

__all__ = [
    "IssuedKeyDocument",
    "KeyBody",
    "KeyDocument",
    "KeysDocument",
    "RefreshBody",
    "RevokeBody",
    "RotateBody",
    "TokenDocument",
    "key_document",
    "token_document",
]

_LONGEST: Final = 8 * 1024

_Word = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_Words = Annotated[list[_Word], Field(max_length=100)]
_Credential = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class KeyBody(_Body):
    """A key to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "ci", "roles": ["user"], "expires_in": 86400}]})

    name: _Word = Field(description="What people call it")
    user_id: _Word | None = Field(default=None, description="Its owner; the name when left out")
    tenant: _Word | None = Field(default=None, description="The owner's tenant; your own when left out")
    roles: _Words = Field(default=[], description="Not more than you have; `user` without roles and permissions")
    permissions: _Words = Field(default=[], description="Beside those of the roles")
    attributes: Annotated[dict[_Word, _Word | int], Field(max_length=100)] = Field(
        default={}, description="`department`, `clearance_level`, `project` and the like"
    )
    expires_in: Annotated[float, Field(gt=0, le=LONGEST_LIFE)] | None = Field(
        default=None, description="Seconds until it expires; null means never"
    )


class RotateBody(_Body):
    """How a key is replaced."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap": 3600}]})

    overlap: Annotated[float, Field(ge=0, le=90 * 86_400)] = Field(
        default=86_400, description="Seconds the old key still opens; 0 ends it at once"
    )


class RefreshBody(_Body):
    """A refresh token to be exchanged."""

    refresh_token: _Credential


class RevokeBody(_Body):
    """A token whose session is to end."""

    token: _Credential = Field(description="An access token or a refresh token")


class KeyDocument(BaseModel):
    """An API key, without the key. Times are in seconds since 1970."""

    id: str
    name: str
    user_id: str
    tenant: str
    roles: list[str]
    permissions: list[str]
    attributes: dict[str, str | int]
    created_at: float
    created_by: str = Field(description="`tenant:user`; empty for the command line")
    expires_at: float | None
    revoked_at: float | None
    last_used_at: float | None = Field(description="Give or take a minute")
    replaced_by: str = Field(description="The id of the key that takes its place; empty when it was not rotated")


class IssuedKeyDocument(KeyDocument):
    """A fresh API key."""

    key: str = Field(description="The key; it cannot be shown again")
    replaces: str | None = Field(default=None, description="The key it takes the place of")
    replaced_expires_at: float | None = Field(default=None, description="When that one ends")


class KeysDocument(BaseModel):
    """API keys, in order of their ids."""

    keys: list[KeyDocument]
    next: str | None = Field(description="Give it as `after` to read on; null at the end")


class TokenDocument(BaseModel):
    """Tokens."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int = Field(description="Seconds")
    refresh_token: str = Field(description="Good for one exchange")
    refresh_expires_in: int = Field(description="Seconds")


def key_document(record: KeyRecord) -> dict[str, Any]:
    """The key as it goes out: neither it nor its digest."""
    return {
        "id": record.id,
        "name": record.name,
        "user_id": record.user_id,
        "tenant": record.tenant,
        "roles": sorted(record.roles),
        "permissions": sorted(record.permissions),
        "attributes": dict(record.attributes),
        "created_at": record.created_at,
        "created_by": record.created_by,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
        "last_used_at": record.last_used_at,
        "replaced_by": record.replaced_by,
    }


def token_document(grant: Grant) -> dict[str, Any]:
    """The grant as it goes out (RFC 6749 §5.1)."""
    return {
        "access_token": grant.access_token,
        "token_type": "Bearer",
        "expires_in": grant.expires_in,
        "refresh_token": grant.refresh_token,
        "refresh_expires_in": grant.refresh_expires_in,
    }
