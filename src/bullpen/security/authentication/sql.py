"""API keys in SQLite or Postgres, shared by every process on the same database."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

from sqlalchemy import JSON, Column, Double, LargeBinary, Row, String, Table, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.security.authentication.ports import KeyRecord
from bullpen.stores import metadata, sql_errors

__all__ = ["API_KEYS", "SqlKeyStore"]

API_KEYS: Final = Table(
    "api_keys",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("name", String(128), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("tenant", String(64), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("permissions", JSON, nullable=False),
    Column("attributes", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("revoked_at", Double),
)


class SqlKeyStore:
    """A `KeyStore` in the table `api_keys`. The database must have been migrated."""

    def __init__(self, engine: AsyncEngine) -> None:
        """The engine stays its opener's to dispose of."""
        self._engine = engine
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def add(self, record: KeyRecord) -> bool:
        """See `KeyStore.add`."""
        statement = self._insert(API_KEYS).values(_to_row(record)).on_conflict_do_nothing(index_elements=["id"])
        return await self._changed(statement)

    async def revoke(self, key_id: str, *, at: float) -> bool:
        """See `KeyStore.revoke`."""
        statement = (
            update(API_KEYS).where(API_KEYS.c.id == key_id).values(revoked_at=func.coalesce(API_KEYS.c.revoked_at, at))
        )
        return await self._changed(statement)

    async def load(self) -> Sequence[KeyRecord]:
        """See `KeyStore.load`."""
        with sql_errors():
            async with self._engine.connect() as connection:
                rows = await connection.execute(select(API_KEYS))
        return sorted(map(_from_row, rows), key=lambda record: record.id)

    async def version(self) -> tuple[int, ...]:
        """See `KeyStore.version`. Both counts only grow, so no clock and no extra table is needed."""
        with sql_errors():
            async with self._engine.connect() as connection:
                rows = await connection.execute(select(func.count(), func.count(API_KEYS.c.revoked_at)))
        return tuple(rows.one())

    async def _changed(self, statement: Any) -> bool:
        with sql_errors():
            async with self._engine.begin() as connection:
                # Row counts of an INSERT are not told by every driver; returned rows are.
                changed = await connection.execute(statement.returning(API_KEYS.c.id))
                return changed.first() is not None


def _to_row(record: KeyRecord) -> dict[str, Any]:
    return asdict(record) | {"roles": sorted(record.roles), "permissions": sorted(record.permissions)}


def _from_row(row: Row[Any]) -> KeyRecord:
    values = row._asdict()
    return KeyRecord(**values | {name: frozenset(values[name]) for name in ("roles", "permissions")})
