"""Events as the outbox delivers them, and a trail to deliver them to."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.clock import Clock
from bullpen.outbox import Fact
from bullpen.security.audit import Event, EventType, Notary, Origin
from bullpen.security.audit.events import to_json
from bullpen.security.audit.sql import SqlAuditLog
from bullpen.security.audit.sql.tables import CHECKPOINTS, CHORES, HEADS, PERSONAL, ROWS
from bullpen.stores import open_engine
from bullpen.telemetry import Metrics
from tests.stubs.clock import StillClock

__all__ = ["NOTARY", "WHERE", "a_trail", "fact", "facts", "log_in", "numbers", "tamper", "trail_tables"]

NOTARY = Notary("the secret of these tests, 32 bytes")
WHERE = Origin(address="192.0.2.7", user_agent="curl/8", request_id="req_1", route="/agent/execute")


def fact(number: int, **changed: Any) -> Fact:
    """The event of this number."""
    given: dict[str, Any] = {
        "id": f"event-{number}",
        "at": 1_700_000_000.0 + number,
        "type": EventType.AGENT_EXECUTION,
        "tenant": "acme",
        "actor": "ann",
        "credential": "api_key:AAAAAAAAAAAA",
        "origin": WHERE,
        "details": {"task_length": number},
    }
    event = Event(**given | changed)
    return Fact(event.id, "audit", to_json(event))


def facts(numbers: range, **changed: Any) -> list[Fact]:
    """The events of these numbers."""
    return [fact(number, **changed) for number in numbers]


def log_in(engine: AsyncEngine, *, clock: Clock | None = None, **options: Any) -> SqlAuditLog:
    """A trail in this database, which must have the tables."""
    given: dict[str, Any] = {"notary": NOTARY, "metrics": Metrics(), "clock": clock or StillClock()}
    return SqlAuditLog(engine, **given | options)


@asynccontextmanager
async def trail_tables(folder: Path) -> AsyncIterator[AsyncEngine]:
    """A SQLite database with the tables of the trail and no others; a migration would take longer than most tests."""
    engine = open_engine(f"sqlite:///{folder / 'trail.db'}")
    async with engine.begin() as connection:
        for table in (ROWS, PERSONAL, HEADS, CHECKPOINTS, CHORES):
            await connection.run_sync(table.create)
    yield engine
    await engine.dispose()


@asynccontextmanager
async def a_trail(folder: Path, **options: Any) -> AsyncIterator[tuple[SqlAuditLog, AsyncEngine]]:
    """An empty trail, and its database."""
    async with trail_tables(folder) as engine:
        yield log_in(engine, **options), engine


async def tamper(engine: AsyncEngine, *statements: str) -> None:
    """What somebody with access to the database does."""
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(text(statement))


def numbers(found: Sequence[Any]) -> list[int]:
    """The numbers of these records."""
    return [record.entry.number for record in found]
