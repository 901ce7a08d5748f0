"""Keys in memory. Its promises as a `KeyStore` are in `tests/contract/test_key_store.py`."""

from bullpen.security.authentication.local import LocalKeyStore
from bullpen.security.authentication.ports import KeyRecord


async def test_two_stores_share_nothing() -> None:
    """Each is an island, so that tests and processes do not meet."""
    one, other = LocalKeyStore(), LocalKeyStore()
    await one.add(KeyRecord(id="a" * 12, digest=b"", name="n", user_id="u", tenant="t", created_at=0.0))
    assert len(await one.load()) == 1
    assert await other.load() == []
