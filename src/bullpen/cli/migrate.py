"""`bullpen migrate`: the database's schema, brought up to date by one job, under a lock (P31)."""

import asyncio

from bullpen.bootstrap import engine_of
from bullpen.cli.exits import told
from bullpen.settings import Settings
from bullpen.stores.schema import upgrade

__all__ = ["migrate"]


def migrate() -> None:
    """Bring the database's schema up to date. Safe to run several times, also at once."""
    with told():
        revision = asyncio.run(_migrate(Settings.load()))
    print(f"The database is at revision {revision}.")


async def _migrate(settings: Settings) -> str:
    engine = engine_of(settings)
    try:
        return await upgrade(engine)
    finally:
        await engine.dispose()
