"""From what a token claims to the caller it speaks of."""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from bullpen.caller import Caller
from bullpen.errors import Misconfigured, Unauthenticated
from bullpen.security.authentication.factors import factors_of
from bullpen.security.authentication.identity import DEFAULT_TENANT, is_tenant, is_user_id
from bullpen.security.authentication.jwt import REFUSED

__all__ = ["OWN", "ClaimMap", "Path", "claim_path"]

Path: TypeAlias = tuple[str, ...]
Roles: TypeAlias = Callable[[Iterable[str]], frozenset[str]]

_STEP: Final = re.compile(r'"([^"]+)"|([^".]+)')
_STEPS: Final = re.compile(r'(?:"[^"]+"|[^".]+)(?:\.(?:"[^"]+"|[^".]+))*')
_WHOLE: Final = re.compile(r"-?[0-9]{1,15}")
_ALL: Final = "*"
_LARGEST: Final = 2**53
_CLEARANCE: Final = "clearance_level"
_ABSENT: Final = object()
_LEFT_OUT: Final = (
    "The token leaves out the user's groups, because there are too many of them. Have the provider issue only the "
    "groups that are assigned to this application, or its roles."
)


def claim_path(text: str) -> Path:
    """Where a claim is: names joined by dots, as in `realm_access.roles`.

    A name that has dots itself stands in double quotes, as in `resource_access."my.client".roles`. What holds `://` is
    one name as it stands, as in `https://example.com/roles`.

    Raises:
        Misconfigured: It is neither.
    """
    if "://" in text and '"' not in text:
        return (text,)
    if not _STEPS.fullmatch(text):
        raise Misconfigured(f'`{text}` names no claim. Join names by dots, and quote one that has dots: `a."b.c".d`.')
    return tuple(quoted or plain for quoted, plain in _STEP.findall(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimMap:
    """Which claim says what. A claim that is not named here says nothing.

    Attributes:
        user_id: The first of these that is there names the user.
        tenant: Names the tenant.
        fixed_tenant: The tenant of a token that names none; None refuses it.
        roles: A list of role names.
        groups: A list of groups, which `roles_of` turns into roles.
        permissions: A list of them.
        scopes: They are what a client asked a provider for. They may also be one string with spaces, as OAuth's
            `scope` is, and `*` counts only with a prefix: without it, it means everything somewhere else.
        permission_prefix: Only permissions that begin with it count, without it.
        attributes: Attribute by name; strings and whole numbers.
        all_attributes: One claim that holds all attributes by name.
        amr: How the user proved who they are (RFC 8176).
        acr: How far that goes, in the provider's own words: one, or a list of them.
        mfa_acr_values: The words among these that mean more than one factor.
        reserved: Tenant and user id of users that no token speaks of: a name alone must not make anybody theirs.
    """

    user_id: tuple[Path, ...] = (("user_id",), ("sub",))
    tenant: Path | None = None
    fixed_tenant: str | None = DEFAULT_TENANT
    roles: Path | None = None
    groups: Path | None = None
    permissions: Path | None = None
    scopes: bool = False
    permission_prefix: str = ""
    attributes: Mapping[str, Path] = field(default_factory=dict)
    all_attributes: Path | None = None
    amr: Path = ("amr",)
    acr: Path = ("acr",)
    mfa_acr_values: frozenset[str] = frozenset()
    reserved: frozenset[tuple[str, str]] = frozenset()

    def caller(self, claims: Mapping[str, Any], *, credential: str, roles_of: Roles | None = None) -> Caller:
        """The caller these claims speak of.

        Args:
            claims: Of a token whose signature is good.
            credential: As in `Caller`.
            roles_of: What groups there are are roles of; without it, none.

        Raises:
            Unauthenticated: A claim is missing or of the wrong kind, the user is reserved, or the groups were left out.
        """
        user_id, tenant = self._user(claims), self._tenant(claims)
        if (tenant, user_id) in self.reserved:
            raise Unauthenticated(REFUSED, facts={"reason": "reserved_user"})
        groups = self._groups(claims)
        granted = roles_of(groups) if roles_of and groups else frozenset()
        return Caller(
            user_id=user_id,
            tenant=tenant,
            credential=credential,
            roles=_names(claims, self.roles) | granted,
            permissions=self._permissions(claims),
            attributes=self._attributes(claims),
            factors=self._factors(claims),
        )

    def about(self, claims: Mapping[str, Any]) -> dict[str, str]:
        """Whom the claims are about, as a fact for the audit trail; nothing if they do not say."""
        with suppress(Unauthenticated):
            return {"user_id": self._user(claims)}
        return {}

    def _user(self, claims: Mapping[str, Any]) -> str:
        said = (_found(claims, name) for name in self.user_id)
        user_id = next((each for each in said if each is not _ABSENT), None)
        if not is_user_id(user_id):
            raise _wrong("user_id")
        return user_id

    def _tenant(self, claims: Mapping[str, Any]) -> str:
        said = _found(claims, self.tenant)
        tenant = self.fixed_tenant if said is _ABSENT else said
        if not is_tenant(tenant):
            raise _wrong("tenant")
        return tenant

    def _groups(self, claims: Mapping[str, Any]) -> frozenset[str]:
        if self.groups is None:
            return frozenset()
        elsewhere = claims.get("_claim_names", {})
        if not isinstance(elsewhere, dict):
            raise _wrong("_claim_names")
        if claims.get("hasgroups") or {self.groups[0], "groups"} & elsewhere.keys():
            raise Unauthenticated(_LEFT_OUT, facts={"reason": "groups_left_out"})
        return _names(claims, self.groups)

    def _permissions(self, claims: Mapping[str, Any]) -> frozenset[str]:
        names, prefix = _names(claims, self.permissions, split=self.scopes), self.permission_prefix
        foreign = {"", _ALL} if self.scopes and not prefix else {""}
        return frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix)) - foreign

    def _attributes(self, claims: Mapping[str, Any]) -> dict[str, str | int]:
        whole = _found(claims, self.all_attributes)
        found = _plain({} if whole is _ABSENT else whole)
        for name, where in self.attributes.items():
            said = _found(claims, where)
            if said is not _ABSENT and said is not None:
                found |= _plain({name: _number(said) if name == _CLEARANCE else said})
        return found

    def _factors(self, claims: Mapping[str, Any]) -> frozenset[str]:
        found = _found(claims, self.acr)
        reached = found if isinstance(found, list) else [found]
        enough = any(isinstance(each, str) and each in self.mfa_acr_values for each in reached)
        return factors_of(_names(claims, self.amr, split=True), enough=enough)


OWN: Final = ClaimMap(
    tenant=("tenant",), roles=("roles",), permissions=("permissions",), all_attributes=("attributes",)
)
"""What tokens of our own claim."""


def _found(claims: Mapping[str, Any], where: Path | None) -> Any:
    """What the claim there says; `_ABSENT` when there is none, or nothing is looked for."""
    if where is None:
        return _ABSENT
    found: Any = claims
    for step in where:
        if not isinstance(found, dict) or step not in found:
            return _ABSENT
        found = found[step]
    return found


def _names(claims: Mapping[str, Any], where: Path | None, *, split: bool = False) -> frozenset[str]:
    found = _found(claims, where)
    if found is _ABSENT:
        return frozenset()
    names = found.split() if split and isinstance(found, str) else found
    if not isinstance(names, list) or not all(map(_is_text, names)):
        raise _wrong(".".join(where or ()))
    return frozenset(names)


def _plain(value: object) -> dict[str, str | int]:
    if not isinstance(value, dict) or not all(_is_text(name) and _is_plain(entry) for name, entry in value.items()):
        raise _wrong("attributes")
    return value


def _number(value: object) -> object:
    """Some providers can only send text: `"2"` is 2. A level that is no number at all is refused."""
    number = int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value
    if type(number) is not int:
        raise _wrong(_CLEARANCE)
    return number


def _is_plain(value: object) -> bool:
    return _is_text(value) or (type(value) is int and abs(value) < _LARGEST)


def _is_text(value: object) -> bool:
    # Printable keeps out what would break a line of a log.
    return isinstance(value, str) and value.isprintable()


def _wrong(claim: str) -> Unauthenticated:
    return Unauthenticated(REFUSED, facts={"reason": "claim", "claim": claim})
