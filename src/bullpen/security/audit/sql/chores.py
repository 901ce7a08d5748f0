"""Chores that one replica does for all."""

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncEngine

from bullpen.clock import Clock
from bullpen.security.audit.sql.tables import CHORES
from bullpen.stores import sql_errors

__all__ = ["Chores"]


class Chores:
    """Who does what: one row a chore, taken by one statement, so that no two take it at once."""

    def __init__(self, engine: AsyncEngine, *, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert

    async def claim(self, chore: str, *, every: float) -> bool:
        """See `Upkeep.claim`."""
        now = self._clock.now()
        taken = self._insert(CHORES).values(name=chore, claimed_at=now)
        statement = taken.on_conflict_do_update(
            index_elements=["name"], set_={"claimed_at": now}, where=CHORES.c.claimed_at <= now - every
        )
        with sql_errors():
            async with self._engine.begin() as connection:
                return (await connection.execute(statement.returning(CHORES.c.name))).first() is not None

    async def disclaim(self, chore: str) -> None:
        """See `Upkeep.disclaim`."""
        with sql_errors():
            async with self._engine.begin() as connection:
                await connection.execute(update(CHORES).where(CHORES.c.name == chore).values(claimed_at=0.0))
