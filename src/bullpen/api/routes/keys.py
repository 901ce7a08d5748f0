"""`/security/keys`: API keys are listed, made, rotated and revoked by those who manage them."""

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any, Final, NoReturn

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from bullpen.api.body import body_of
from bullpen.api.credentials import (
    IssuedKeyDocument,
    KeyBody,
    KeyDocument,
    KeysDocument,
    RotateBody,
    key_document,
)
from bullpen.api.documents import body, path_parameter, responses
from bullpen.api.gate import Gate
from bullpen.api.json import json_response
from bullpen.api.query import Asked, parameter, query
from bullpen.api.strict import strictly
from bullpen.caller import Caller
from bullpen.errors import FieldError, Forbidden, InvalidRequest, NotFound
from bullpen.security.audit import Audit, EventType
from bullpen.security.authentication import ApiKey, KeyRecord, Locksmith, beyond
from bullpen.security.authentication.identity import is_tenant
from bullpen.security.authentication.opaque import is_id
from bullpen.security.authorization import Resource

__all__ = ["routes"]

_READ: Final = "key:read"
_MANAGE: Final = "key:manage"
_HOUSE: Final = ":house"  # what the standing rules keep for the operator, whatever the policy file says
_PAGE: Final = 100
_LONGEST_PAGE: Final = 1000
_KEY_ID: Final = path_parameter("key_id", description="The public part of a key, as `GET /security/keys` lists it")


_ISSUED: Final = responses({"model": IssuedKeyDocument}, 400, 401, 403, 413, 415, 422, 429, 500, 503, 504, created=True)
_REPLACED: Final = responses(
    {"model": IssuedKeyDocument}, 400, 401, 403, 404, 413, 415, 422, 429, 500, 503, 504, created=True
)
_QUERY: Final = (
    parameter("tenant", "Your own when left out"),
    parameter("after", "The `next` of the page before"),
    parameter("limit", "Keys on one page", type="integer", minimum=1, maximum=_LONGEST_PAGE, default=_PAGE),
)


def routes(*, gate: Gate, locksmith: Locksmith, audit: Audit, roles: Callable[[], Collection[str]]) -> APIRouter:
    """The routes of API keys; `roles` tells which roles there are now."""
    router = APIRouter(tags=["security"])
    handlers = _Routes(_Reach(gate, locksmith), gate=gate, locksmith=locksmith, audit=audit, roles=roles)
    router.get(
        "/security/keys",
        summary="List API keys",
        responses=responses({"model": KeysDocument}, 401, 403, 422, 429, 500, 503),
        openapi_extra=query(*_QUERY),
    )(handlers.listed)
    router.post(
        "/security/keys",
        summary="Make an API key",
        status_code=201,
        responses=_ISSUED,
        openapi_extra=body(KeyBody),
    )(handlers.create)
    router.post(
        "/security/keys/{key_id}/rotate",
        summary="Replace an API key",
        status_code=201,
        responses=_REPLACED,
        openapi_extra=body(RotateBody) | _KEY_ID,
    )(handlers.rotate)
    router.delete(
        "/security/keys/{key_id}",
        summary="Revoke an API key",
        responses=responses({"model": KeyDocument}, 401, 403, 404, 429, 500, 503),
        openapi_extra=_KEY_ID,
    )(handlers.revoke)
    return router


class _Reach:
    """Whose keys a caller reaches: those of their own tenant, and the operator those of all."""

    def __init__(self, gate: Gate, locksmith: Locksmith) -> None:
        self._gate = gate
        self._locksmith = locksmith

    async def theirs(self, request: Request) -> tuple[Caller, KeyRecord]:
        """The caller, and the key the path names; one of another tenant is as unknown as none."""
        caller = await self._gate.admit(request)
        key_id = request.path_params["key_id"]
        found = await self._locksmith.find(key_id)
        if found is None or not self._reaches(caller, _MANAGE, found.tenant):
            self._refuse(caller, key_id if is_id(key_id) else "")
        self.require(caller, _MANAGE, found.tenant, key_id=found.id, owner=found.user_id)
        return caller, found

    def _refuse(self, caller: Caller, key_id: str) -> NoReturn:
        """On record as well as in the answer, another tenant's key is as unknown as none."""
        self._gate.require(caller, _MANAGE, Resource(kind="key", id=key_id, tenant=caller.tenant))
        with suppress(Forbidden):
            self._gate.require(caller, f"{_MANAGE}{_HOUSE}", Resource(kind="key", id=key_id))
        raise NotFound("There is no such API key. List those there are.")

    def require(
        self, caller: Caller, permission: str, tenant: str, *, key_id: str = "", owner: str | None = None
    ) -> None:
        """Raises `Forbidden` unless the caller may do this to the tenant's keys; recorded either way."""
        if caller.tenant == tenant:
            self._gate.require(caller, permission, Resource(kind="key", id=key_id, tenant=tenant, owner=owner))
            return
        self._gate.require(caller, f"{permission}{_HOUSE}", Resource(kind="key", id=key_id))

    def _reaches(self, caller: Caller, permission: str, tenant: str) -> bool:
        return caller.tenant == tenant or self._gate.allows(caller, f"{permission}{_HOUSE}")


class _Routes:
    """What the four routes do."""

    def __init__(
        self,
        reach: _Reach,
        *,
        gate: Gate,
        locksmith: Locksmith,
        audit: Audit,
        roles: Callable[[], Collection[str]],
    ) -> None:
        self._reach = reach
        self._gate = gate
        self._locksmith = locksmith
        self._audit = audit
        self._roles = roles

    async def listed(self, request: Request) -> Response:
        caller = await self._gate.admit(request)
        asked = Asked(request, *_QUERY)
        tenant, after = _tenant(caller, asked.text("tenant")), asked.text("after") or ""
        limit = asked.number("limit", least=1, most=_LONGEST_PAGE, default=_PAGE)
        self._reach.require(caller, _READ, tenant)
        keys = [record for record in await self._locksmith.keys(tenant=tenant) if record.id > after]
        more = keys[limit - 1].id if len(keys) > limit else None
        return json_response({"keys": [key_document(record) for record in keys[:limit]], "next": more})

    async def create(self, request: Request) -> Response:
        caller = await self._gate.admit(request)
        asked = await body_of(request, KeyBody)
        tenant = _tenant(caller, asked.tenant)
        self._reach.require(caller, _MANAGE, tenant, owner=_owner(asked))
        self._refuse_unknown(asked)
        key, record = _cut(self._locksmith, asked, tenant=tenant, by=caller)
        self._check(record, caller)
        async with strictly(self._audit, EventType.API_KEY_CREATED, caller, **record.facts()):
            await self._locksmith.add(record)
        return _issued(key, record)

    async def rotate(self, request: Request) -> Response:
        caller, old = await self._reach.theirs(request)
        asked = await body_of(request, RotateBody)
        self._check(old, caller)
        key, heir = self._locksmith.heir(old, created_by=_name(caller))
        facts = heir.facts() | {"replaces": old.id, "overlap": asked.overlap}
        async with strictly(self._audit, EventType.API_KEY_ROTATED, caller, **facts):
            ends_at = await self._locksmith.rotate(old.id, heir, overlap=asked.overlap)
        return _issued(key, heir, replaces=old.id, replaced_expires_at=min(ends_at, old.expires_at or ends_at))

    async def revoke(self, request: Request) -> Response:
        caller, old = await self._reach.theirs(request)
        async with strictly(self._audit, EventType.API_KEY_REVOKED, caller, **old.facts()):
            await self._locksmith.revoke(old.id)
        revoked = await self._locksmith.find(old.id)
        return json_response(key_document(revoked or old))

    def _refuse_unknown(self, asked: KeyBody) -> None:
        """A role that the policy does not name grants nothing, until a policy does name it."""
        if unknown := sorted(set(asked.roles).difference(self._roles())):
            raise _invalid("roles", f"There is no role `{'` or `'.join(unknown)}`")

    def _check(self, record: KeyRecord, caller: Caller) -> None:
        """Raises `Forbidden` when the key would have more than its giver."""
        allows = partial(self._gate.allows, caller)
        if wrong := beyond(record, giver=caller, allows=allows):
            facts = {"reason": "more_than_the_giver", "fields": ",".join(sorted({each.path for each in wrong}))}
            self._audit.record(EventType.AUTHORIZATION_DENIED, caller, outcome="denied", details=facts)
            raise Forbidden(f"You may not give a key so much. {_told(wrong)}.")


def _owner(asked: KeyBody) -> str:
    return asked.name if asked.user_id is None else asked.user_id


def _cut(locksmith: Locksmith, asked: KeyBody, *, tenant: str, by: Caller) -> tuple[ApiKey, KeyRecord]:
    return locksmith.cut(
        name=asked.name,
        user_id=_owner(asked),
        tenant=tenant,
        roles=asked.roles or (() if asked.permissions else ("user",)),
        permissions=asked.permissions,
        attributes=asked.attributes,
        lifetime=asked.expires_in,
        created_by=_name(by),
    )


def _tenant(caller: Caller, tenant: str | None) -> str:
    """The tenant that is asked for, the caller's own when none is."""
    if tenant is None:
        return caller.tenant
    if not is_tenant(tenant):
        raise _invalid("tenant", "Must be 1 to 64 letters, digits, dots, dashes and underscores")
    return tenant


def _invalid(path: str, message: str) -> InvalidRequest:
    fields = [FieldError(path, message)]
    return InvalidRequest(f"The request is not valid. {_told(fields)}.", fields=fields)


def _name(caller: Caller) -> str:
    return f"{caller.tenant}:{caller.user_id}"


def _issued(key: ApiKey, record: KeyRecord, **more: Any) -> Response:
    return json_response(key_document(record) | {"key": key.text} | more, status=201)


def _told(wrong: list[FieldError]) -> str:
    return "; ".join(f"{error.path}: {error.message}" for error in wrong)
