"""`bullpen keys`: API keys are made, listed, rotated and revoked. A key is shown once."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager, redirect_stdout
from dataclasses import asdict
from typing import Annotated, Any, Final

import typer

from bullpen.bootstrap import key_store, known_roles
from bullpen.cli.exits import told
from bullpen.cli.listing import columns, moment
from bullpen.clock import SystemClock
from bullpen.errors import Misconfigured, NotFound
from bullpen.security.authentication import ApiKey, KeyRecord, Locksmith, Peppers
from bullpen.security.authentication.identity import DEFAULT_TENANT
from bullpen.settings import Settings

__all__ = ["app"]

app: Final = typer.Typer(help="Manage API keys.", no_args_is_help=True)

_HOUR: Final = 3600
_DAY: Final = 86_400
_ROLES: Final = "A role of the policy, such as admin or user; may be repeated. Without it and --permission: user."
_HEADER: Final = ("ID", "NAME", "OWNER", "TENANT", "ROLES", "STATE", "EXPIRES", "LAST USED", "SECRET")

_KeyId = Annotated[str, typer.Argument(metavar="ID", help="The public part of a key, as `bullpen keys list` shows it.")]


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
    days: Annotated[float | None, typer.Option(help="Days until it expires; never when not given.")] = None,
) -> None:
    """Create an API key and print it. It is kept nowhere in the clear, so it cannot be shown again."""

    async def make() -> ApiKey:
        async with _locksmith() as (locksmith, _):
            key, record = locksmith.cut(
                name=name,
                user_id=name if user is None else user,
                tenant=tenant,
                roles=role or (() if permission else ("user",)),
                permissions=permission or [],
                lifetime=None if days is None else days * _DAY,
            )
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
        async with _locksmith() as (locksmith, peppers):
            return await locksmith.keys(tenant=tenant), peppers

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
        async with _locksmith() as (locksmith, _):
            old = await locksmith.find(key_id)
            if old is None:
                raise NotFound("There is no such API key.")
            key, heir = locksmith.heir(old)
            await locksmith.rotate(key_id, heir, overlap=hours * _HOUR)
        return key

    with told(), redirect_stdout(sys.stderr):
        key = asyncio.run(replace())
    print(key.text)


@app.command()
def revoke(key_id: _KeyId) -> None:
    """Withdraw a key for good. Running servers refuse it, and the tokens it was exchanged for, within a second."""

    async def withdraw() -> None:
        async with _locksmith() as (locksmith, _):
            await locksmith.revoke(key_id)

    with told(), redirect_stdout(sys.stderr):
        asyncio.run(withdraw())
    print(f"The key {key_id} is revoked.")


@asynccontextmanager
async def _locksmith() -> AsyncIterator[tuple[Locksmith, Peppers]]:
    async with key_store(Settings.load(log_level="WARNING")) as (store, peppers):
        yield Locksmith(store, peppers=peppers), peppers


def _refuse_unknown(roles: Iterable[str]) -> None:
    """A role that is not in the table grants nothing; nobody asks for that on purpose."""
    known = known_roles(Settings.load(log_level="WARNING"))
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
