"""Keys in a database. Its promises as a `KeyStore` are in `tests/contract/test_key_store.py`."""

from pathlib import Path

import pytest

from bullpen.errors import DependencyDown
from bullpen.security.authentication.ports import KeyRecord
from bullpen.security.authentication.sql import SqlKeyStore
from bullpen.stores import open_engine
from bullpen.stores.schema import upgrade

RECORD = KeyRecord(id="a" * 12, digest=b"\x01" * 32, name="n", user_id="u", tenant="t", created_at=0.0)


async def test_keys_outlive_the_process_that_added_them(tmp_path: Path) -> None:
    """Another engine on the same file finds them."""
    url = f"sqlite:///{tmp_path}/a.db"
    first, second = open_engine(url), open_engine(url)
    await upgrade(first)
    await SqlKeyStore(first).add(RECORD)
    await first.dispose()
    assert list(await SqlKeyStore(second).load()) == [RECORD]
    await second.dispose()


async def test_a_database_that_was_not_migrated_is_down(tmp_path: Path) -> None:
    """A missing table is as bad as a missing server: no key can be checked."""
    engine = open_engine(f"sqlite:///{tmp_path}/a.db")
    with pytest.raises(DependencyDown):
        await SqlKeyStore(engine).load()
    await engine.dispose()
