"""`bullpen keys`: API keys are made, listed, rotated and revoked. A key is shown once."""

import asyncio
import json
import sys
from collections.abc import Iterable, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from bullpen.api.strict import strictly
from bullpen.bootstrap import key_store, known_roles, open_locksmith
from bullpen.caller import Caller
from bullpen.cli.exits import told
from bullpen.cli.listing import columns, moment
from bullpen.cli.words import named_value
from bullpen.clock import SystemClock
from bullpen.errors import Misconfigured, NotFound
from bullpen.security.audit import EventType
from bullpen.security.authentication import ApiKey, KeyRecord, Locksmith, Peppers, key_id_of
from bullpen.security.authentication.identity import DEFAULT_TENANT
from bullpen.settings import Settings

__all__ = ["app"]

app: Final = typer.Typer(help="Manage API keys.", no_args_is_help=True)

# In the chain of the operator's tenant, as when its administrators change keys over HTTP.
_OPERATOR: Final = Caller(user_id="operator", tenant=DEFAULT_TENANT, credential="shell")
_HOUR: Final = 3600
_DAY: Final = 86_400
_ROLES: Final = "A role of the policy, such as admin or user; may be repeated. Without it and --permission: user."
_ATTRIBUTE: Final = "`name=value`, such as `clearance_level=2` or `department=sales`; digits are a number."
_HEADER: Final = ("ID", "NAME", "OWNER", "TENANT", "ROLES", "STATE", "EXPIRES", "LAST USED", "SECRET")


def _public(text: str) -> str:
    # Whoever has found a key somewhere has all of it, and must not be told that there is no such key.
    return key_id_of(text) or text


_KEY_ID: Final = "The public part of a key, as `bullpen keys list` shows it; of a whole key the rest is not looked at."
_KeyId = Annotated[str, typer.Argument(metavar="ID", help=_KEY_ID, parser=_public)]


@app.callback()
def keys() -> None:
    """Manage API keys."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call the key.")],
    user: Annotated[str | None, typer.Option(help="Its owner; the key's name when not given.")] = None,
    tenant: Annotated[str, typer.Option(help="The owner's tenant.")] = DEFAULT_TENANT,
    role: Annotated[list[str] | None, typer.Option(help=_ROLES)] = None,
    permission: Annotated[list[str] | None, typer.Option(help="Beside those of the roles; may be repeated.")] = None,
    attribute: Annotated[list[str] | None, typer.Option(help=_ATTRIBUTE)] = None,
    days: Annotated[float | None, typer.Option(help="Days until it expires; never when not given.")] = None,
) -> None:
    """Create an API key and print it. It is kept nowhere in the clear, so it cannot be shown again."""

    async def make() -> ApiKey:
        async with open_locksmith(_settings()) as (locksmith, audit):
            key, record = locksmith.cut(
                name=name,
                user_id=name if user is None else user,
                tenant=tenant,
                roles=role or (() if permission else ("user",)),
                permissions=permission or [],
                attributes=dict(map(named_value, attribute or ())),
                lifetime=None if days is None else days * _DAY,
            )
            async with strictly(audit, EventType.API_KEY_CREATED, _OPERATOR, **record.facts()):
                await locksmith.add(record)
        return key

    with told():
        _refuse_unknown(role or ())
        # Standard output is for the key alone, so that a script can take it; what is logged meanwhile goes aside.
        with redirect_stdout(sys.stderr):
            key = asyncio.run(make())
    print(key.text)


@app.command("list")
def listed(
    tenant: Annotated[str | None, typer.Option(help="Only keys of this tenant.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,  # noqa: FBT002 -- a flag of the command line
) -> None:
    """List API keys, without the keys. `older` under SECRET hangs on the secret before: it is kept for such keys."""

    async def read() -> tuple[Sequence[KeyRecord], Peppers]:
        async with key_store(_settings()) as (store, peppers):
            return await Locksmith(store, peppers=peppers).keys(tenant=tenant), peppers

    with told(), redirect_stdout(sys.stderr):
        found, peppers = asyncio.run(read())
    if as_json:
        for record in found:
            print(json.dumps(_document(record, peppers)))
        return
    print(columns([_HEADER, *(_row(record, peppers) for record in found)]))


@app.command()
def rotate(
    key_id: _KeyId,
    hours: Annotated[float, typer.Option(help="Hours the old key still opens; 0 ends it at once.")] = 24,
) -> None:
    """Make a key with the same owner and rights, print it, and let the old one expire."""

    async def replace() -> ApiKey:
        async with open_locksmith(_settings()) as (locksmith, audit):
            old = await _found(locksmith, key_id)
            key, heir = locksmith.heir(old)
            facts = heir.facts() | {"replaces": key_id}
            async with strictly(audit, EventType.API_KEY_ROTATED, _OPERATOR, overlap=hours * _HOUR, **facts):
                await locksmith.rotate(key_id, heir, overlap=hours * _HOUR)
        return key

    with told(), redirect_stdout(sys.stderr):
        key = asyncio.run(replace())
    print(key.text)


@app.command()
def revoke(key_id: _KeyId) -> None:
    """Withdraw a key for good. Running servers refuse it, and the tokens it was exchanged for, within a second."""

    async def withdraw() -> None:
        async with open_locksmith(_settings()) as (locksmith, audit):
            old = await _found(locksmith, key_id)
            async with strictly(audit, EventType.API_KEY_REVOKED, _OPERATOR, **old.facts()):
                await locksmith.revoke(key_id)

    with told(), redirect_stdout(sys.stderr):
        asyncio.run(withdraw())
    print(f"The key {key_id} is revoked.")


async def _found(locksmith: Locksmith, key_id: str) -> KeyRecord:
    found = await locksmith.find(key_id)
    if found is None:
        raise NotFound("There is no such API key. List those there are.")
    return found


def _settings() -> Settings:
    return Settings.load(log_level="WARNING")


def _refuse_unknown(roles: Iterable[str]) -> None:
    """A role that is not in the table grants nothing; nobody asks for that on purpose."""
    known = known_roles(_settings())
    unknown = sorted(set(roles) - set(known))
    if unknown:
        raise Misconfigured(f"There is no role `{'` or `'.join(unknown)}`. There are {', '.join(known)}.")


def _row(record: KeyRecord, peppers: Peppers) -> tuple[str, ...]:
    return (
        record.id,
        record.name,
        record.user_id,
        record.tenant,
        ",".join(sorted(record.roles | record.permissions)) or "-",
        _state(record),
        moment(record.expires_at),
        moment(record.last_used_at),
        peppers.age(record),
    )


def _state(record: KeyRecord) -> str:
    if record.revoked_at is not None:
        return "revoked"
    return "usable" if record.usable(at=SystemClock().now()) else "expired"


def _document(record: KeyRecord, peppers: Peppers) -> dict[str, Any]:
    whole = asdict(record) | {"state": _state(record), "secret": peppers.age(record)}
    kept = {name: value for name, value in whole.items() if name not in {"digest", "pepper"}}
    return kept | {"roles": sorted(record.roles), "permissions": sorted(record.permissions)}
