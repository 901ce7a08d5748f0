"""What happened: the trail, the outbox before it, and the upkeep behind it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.bootstrap.stores import engine_of, open_database, plain, secret_of
from bullpen.outbox import Outbox
from bullpen.outbox.local import LocalOutbox
from bullpen.outbox.shared import SharedOutbox
from bullpen.outbox.sql import OutboxTable
from bullpen.security.audit import Audit, Notary, Retention
from bullpen.security.audit.recorder import TOPIC
from bullpen.security.audit.sql import SqlAuditLog
from bullpen.security.authentication.first import data_folder
from bullpen.settings import Settings
from bullpen.stores.secrets import Password
from bullpen.telemetry import Metrics

__all__ = ["AuditTrail", "audit_log", "durability", "open_outbox", "open_trail"]

_SHARED: Final = "shared"
_WRITERS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditTrail:
    """The audit trail: what records events, what delivers them, and what keeps them."""

    audit: Audit
    outbox: Outbox
    log: SqlAuditLog
    notary: Notary
    mode: str


@asynccontextmanager
async def open_trail(
    settings: Settings, *, engine: AsyncEngine, password: Password, metrics: Metrics
) -> AsyncIterator[AuditTrail]:
    """Opens the trail. What was recorded and not delivered when a process died is delivered now.

    Args:
        settings: What the operator set.
        engine: The database, migrated.
        password: Of the database, for connections of the trail's own.
        metrics: Where events are counted.

    Raises:
        Misconfigured: The mode asks for a database that is not there.
        DependencyDown: The data folder cannot be written.
    """
    mode = durability(settings, engine)
    notary = notary_of(settings)
    log = SqlAuditLog(engine, notary=notary, metrics=metrics)
    async with AsyncExitStack() as stack:
        retention = Retention(log, keep_days=settings.audit.keep_days)
        retention.start()
        stack.push_async_callback(retention.aclose)
        outbox = await stack.enter_async_context(_opened(settings, log, mode=mode, password=password, metrics=metrics))
        yield AuditTrail(audit=Audit(outbox), outbox=outbox, log=log, notary=notary, mode=mode)


@asynccontextmanager
async def open_outbox(settings: Settings, *, engine: AsyncEngine, metrics: Metrics) -> AsyncIterator[Outbox]:
    """The outbox alone, for a command whose deeds are recorded as firmly as a server's. Raises what `open_trail` does.

    `engine` is the database, migrated.
    """
    mode = durability(settings, engine)
    log = SqlAuditLog(engine, notary=notary_of(settings), metrics=metrics)
    password = plain(settings.database_password)
    async with _opened(settings, log, mode=mode, password=password, metrics=metrics) as outbox:
        yield outbox


@asynccontextmanager
async def audit_log(settings: Settings) -> AsyncIterator[SqlAuditLog]:
    """The log alone, for a command."""
    async with open_database(settings) as engine:
        yield SqlAuditLog(engine, notary=notary_of(settings), metrics=Metrics())


def durability(settings: Settings, engine: AsyncEngine) -> str:
    """What recorded means here: what was set, or what suits the database."""
    return settings.audit.durability or (_SHARED if engine.dialect.name == "postgresql" else "process")


def notary_of(settings: Settings) -> Notary:
    """Signs by the server's secret; knows what was signed by the one before."""
    previous = plain(settings.api_secret_key_previous)
    return Notary(secret_of(settings), previous=[previous] if previous else [])


@asynccontextmanager
async def _opened(
    settings: Settings, log: SqlAuditLog, *, mode: str, password: Password, metrics: Metrics
) -> AsyncIterator[Outbox]:
    folder, consumers = data_folder(settings.data_dir) / "outbox", {TOPIC: log}
    if mode != _SHARED:
        durable: Literal["process", "disk"] = "disk" if mode == "disk" else "process"
        async with LocalOutbox(folder, consumers=consumers, metrics=metrics, mode=durable) as outbox:
            yield outbox
        return
    # Connections of its own: requests that wait for one must not keep the others' events from being recorded.
    engine = engine_of(settings, password=password, pool_size=_WRITERS)
    try:
        table = OutboxTable(engine, topics=consumers)
        patience = settings.audit.patience
        async with SharedOutbox(
            table, folder=folder, consumers=consumers, metrics=metrics, patience=patience
        ) as shared:
            yield shared
    finally:
        await engine.dispose()
