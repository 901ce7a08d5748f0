"""`bullpen audit verify`, `bullpen audit prune` and `bullpen audit export`."""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from typing import Annotated, Final

import typer

from bullpen.bootstrap.audit import audit_log
from bullpen.cli.exits import FAILED, told
from bullpen.errors import InvalidRequest
from bullpen.security.audit import KEEP_DAYS, AuditLog, Verification, Wanted
from bullpen.settings import Settings

__all__ = ["app"]

app: Final = typer.Typer(help="Verify, prune and export the audit trail.", no_args_is_help=True)

_DAY: Final = 86_400.0
_NOT_SEEN: Final = "What the outbox still holds is not in the chains yet, and was not looked at."


@app.command()
def verify(
    tenant: Annotated[
        str | None, typer.Option(help="Only this tenant's chain; `-` is nobody's. All if not given.")
    ] = None,
) -> None:
    """Verify the chains, and name the first row of each that was changed, removed or reordered. Exit code 1 if any."""
    with told():
        found = asyncio.run(_verify(_settings(), tenant))
    for each in found:
        print(_line(each))
    sys.stderr.write(f"bullpen: chains: {len(found)}. {_NOT_SEEN}\n")
    if not all(each.intact for each in found):
        raise typer.Exit(FAILED)


@app.command()
def prune(
    days: Annotated[float, typer.Option(min=1, help="Age at which a row is removed, days.")] = KEEP_DAYS,
) -> None:
    """Remove rows that are too old from every chain, and leave a signed stub. The server does it once a day."""
    with told():
        removed = asyncio.run(_prune(_settings(), days * _DAY))
    for tenant, rows in removed.items():
        print(f"{tenant}: {rows} rows removed")
    sys.stderr.write(f"bullpen: rows removed: {sum(removed.values())}.\n")


@app.command()
def export(
    tenant: Annotated[str, typer.Option(help="Whose chain; `-` is nobody's.")],
    user: Annotated[str | None, typer.Option(help="Only rows about this user.")] = None,
) -> None:
    """Print a chain as JSON lines, oldest row first."""
    with told():
        asyncio.run(_export(_settings(), Wanted(tenant=tenant, user_id=user)))


async def _verify(settings: Settings, tenant: str | None) -> list[Verification]:
    async with audit_log(settings) as log:
        return [await log.verify(each) for each in await _chains(log, tenant)]


async def _prune(settings: Settings, older_than: float) -> dict[str, int]:
    async with audit_log(settings) as log:
        return dict(await log.prune(older_than=older_than))


async def _export(settings: Settings, wanted: Wanted) -> None:
    async with audit_log(settings) as log:
        await _chains(log, wanted.tenant)
        async with aclosing(log.export(wanted)) as batches:
            async for lines in batches:
                sys.stdout.write(lines.decode())


async def _chains(log: AuditLog, tenant: str | None) -> Sequence[str]:
    """The chains that are meant."""
    known = await log.tenants()
    if tenant is not None and tenant not in known:
        raise InvalidRequest(f"There is no chain of `{tenant}`. There are {', '.join(known) or 'none'}.")
    return known if tenant is None else [tenant]


def _settings() -> Settings:
    return Settings.load(log_level="WARNING")


def _line(found: Verification) -> str:
    if found.fault is not None:
        return f"{found.tenant}: BROKEN, {found.fault}"
    return f"{found.tenant}: whole, rows {found.pruned + 1} to {found.through}, signed up to {found.signed}"
