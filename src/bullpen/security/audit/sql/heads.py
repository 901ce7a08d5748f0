"""The ends of the chains. Whoever changes a chain holds its head, so that replicas take turns."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ScalarSelect, Table, and_, bindparam, delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from bullpen.security.audit.chain import GENESIS
from bullpen.security.audit.notary import Checkpoint, Notary
from bullpen.security.audit.sql.tables import CHECKPOINTS, HEADS, PERSONAL, ROWS

__all__ = ["Tail", "found", "keep", "locked", "move", "passed", "renew"]

_TOGETHER: Final = 500


@dataclass(slots=True)
class Tail:
    """The end of one chain, as the table of heads has it."""

    tenant: str
    number: int
    hash: str
    signed_number: int
    signed_at: float


async def locked(connection: AsyncConnection, tenants: Collection[str]) -> Mapping[str, Tail]:
    """The heads of those that have one, held until the transaction ends; always in one order, against deadlock.

    On SQLite the transaction must have begun as `IMMEDIATE`.
    """
    chosen = select(HEADS).where(HEADS.c.tenant.in_(tenants)).order_by(HEADS.c.tenant).with_for_update()
    return {row.tenant: Tail(*row) for row in await connection.execute(chosen)}


async def found(connection: AsyncConnection, tenants: Iterable[str]) -> None:
    """Begins the chains that are not there yet."""
    insert = _inserting(connection)
    begun = {"number": 0, "hash": GENESIS, "signed_number": 0, "signed_at": 0.0}
    new = [{"tenant": tenant, **begun} for tenant in sorted(tenants)]
    await connection.execute(insert(HEADS).on_conflict_do_nothing(), new)


async def passed(connection: AsyncConnection, tails: Iterable[Tail]) -> list[Tail]:
    """Moves the ends past what stands beyond them, and was not put there by us; those that moved.

    The hash stays what the head said: the next row will not follow the one before it, and the break shows for ever.
    """
    moved = []
    for tail in tails:
        ends = [_furthest(table, tail.tenant) for table in (ROWS, PERSONAL, CHECKPOINTS)]
        furthest = max((end for end in (await connection.execute(select(*ends))).one() if end), default=0)
        if furthest > tail.number:
            tail.number = furthest
            moved.append(tail)
    return moved


def _furthest(table: Table, tenant: str) -> ScalarSelect[int]:
    return select(func.max(table.c.number)).where(table.c.tenant == tenant).scalar_subquery()


async def move(connection: AsyncConnection, tails: Iterable[Tail]) -> None:
    """Writes the heads as they are now."""
    columns = [column for column in HEADS.c if not column.primary_key]
    changed: dict[str, Any] = {column.name: bindparam(f"new_{column.name}") for column in columns}
    statement = update(HEADS).where(HEADS.c.tenant == bindparam("of_tenant")).values(changed)
    rows = [
        {"of_tenant": tail.tenant} | {f"new_{column.name}": getattr(tail, column.name) for column in columns}
        for tail in tails
    ]
    await connection.execute(statement, rows)


async def keep(connection: AsyncConnection, checkpoints: Collection[Checkpoint]) -> None:
    """Writes the checkpoints. A chain keeps one tail at most: what is below the newest needs no older one.

    Where rows were pruned up to the very row, the stub is checkpoint enough. Anything else there is not ours.
    """
    if not checkpoints:
        return
    older = and_(CHECKPOINTS.c.number < bindparam("at_number"), CHECKPOINTS.c.kind == "tail")
    false = and_(CHECKPOINTS.c.number == bindparam("at_number"), CHECKPOINTS.c.kind != "stub")
    replaced = delete(CHECKPOINTS).where(CHECKPOINTS.c.tenant == bindparam("of_tenant"), or_(older, false))
    await connection.execute(replaced, [{"of_tenant": each.tenant, "at_number": each.number} for each in checkpoints])
    inserted = _inserting(connection)(CHECKPOINTS).on_conflict_do_nothing()
    await connection.execute(inserted, [each._asdict() for each in checkpoints])


async def renew(connection: AsyncConnection, notary: Notary) -> int:
    """Signs again some of what an older secret signed, so that it can be given up one day; returns of how many.

    What is not genuine stays as it is: it would become so.
    """
    older = select(CHECKPOINTS).where(CHECKPOINTS.c.key_id.in_(notary.older)).limit(_TOGETHER)
    signed = [Checkpoint(*row) for row in await connection.execute(older)] if notary.older else []
    genuine = [checkpoint for checkpoint in signed if notary.genuine(checkpoint)]
    statement = update(CHECKPOINTS).where(
        CHECKPOINTS.c.tenant == bindparam("of_tenant"), CHECKPOINTS.c.number == bindparam("of_number")
    )
    changed = statement.values(key_id=bindparam("new_key_id"), signature=bindparam("new_signature"))
    if genuine:
        await connection.execute(changed, [_renewal(notary.renewed(each)) for each in genuine])
    return len(genuine)


def _inserting(connection: AsyncConnection) -> Any:
    """The dialect's own `insert`, which knows what to do on a conflict."""
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _renewal(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "of_tenant": checkpoint.tenant,
        "of_number": checkpoint.number,
        "new_key_id": checkpoint.key_id,
        "new_signature": checkpoint.signature,
    }
