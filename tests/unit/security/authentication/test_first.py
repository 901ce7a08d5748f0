"""The first start makes a secret and a key; every later one finds them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_IMODE

import pytest
from structlog.testing import capture_logs

from bullpen.errors import Misconfigured
from bullpen.security.authentication import KeyRing, Peppers
from bullpen.security.authentication.first import admin_key, admit, data_folder, first_key, server_secret
from bullpen.security.authentication.local import LocalKeyStore
from bullpen.security.authentication.opaque import ApiKey

PEPPERS = Peppers("s" * 32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return data_folder(tmp_path / ".bullpen")


@pytest.fixture
def store() -> LocalKeyStore:
    return LocalKeyStore()


async def begin(folder: Path, store: LocalKeyStore, *, peppers: Peppers = PEPPERS) -> ApiKey:
    return await first_key(folder, store=store, peppers=peppers, now=1.0)


def modes(folder: Path) -> dict[str, int]:
    return {path.name: S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())}


async def test_everything_is_for_its_owner_alone(folder: Path, store: LocalKeyStore) -> None:
    """Folder 0700, files 0600, and no draft left behind."""
    server_secret(folder)
    await begin(folder, store)
    assert modes(folder) == {".bullpen": 0o700, "secret": 0o600, "api-key": 0o600}


async def test_the_first_key_is_an_administrators(folder: Path, store: LocalKeyStore) -> None:
    """The key in the file opens, with the role `admin`."""
    key = await begin(folder, store)
    assert (folder / "api-key").read_text() == f"{key.text}\n"
    ring = KeyRing(store, peppers=PEPPERS)
    await ring.refresh()
    assert ring.verify(key.text).roles == {"admin"}


async def test_the_second_start_finds_what_the_first_made(folder: Path, store: LocalKeyStore) -> None:
    """Same folder, same secret, same key, one record."""
    first = (server_secret(folder), await begin(folder, store))
    data_folder(folder)
    assert (server_secret(folder), await begin(folder, store)) == first
    assert len(await store.load()) == 1
    assert len(bytes.fromhex(first[0])) == 32


async def test_a_deleted_database_gets_the_key_again(folder: Path, store: LocalKeyStore) -> None:
    """The key that people have copied keeps working."""
    key = await begin(folder, store)
    empty = LocalKeyStore()
    assert await begin(folder, empty) == key
    assert [record.id for record in await empty.load()] == [key.id]


async def test_a_revoked_first_key_stays_revoked(folder: Path, store: LocalKeyStore) -> None:
    """A restart does not undo a decision."""
    key = await begin(folder, store)
    await store.revoke(key.id, at=2.0)
    await begin(folder, store)
    assert [record.revoked_at for record in await store.load()] == [2.0]


async def test_racing_first_starts_agree(folder: Path, store: LocalKeyStore) -> None:
    """Whoever is first decides, and nobody reads half a file."""
    with ThreadPoolExecutor(8) as threads:
        secrets = set(threads.map(lambda _: server_secret(folder), range(32)))
        keys = set(threads.map(lambda _: asyncio.run(begin(folder, store)), range(32)))
    assert (len(secrets), len(keys)) == (1, 1)
    assert set(modes(folder)) == {".bullpen", "secret", "api-key"}


async def test_a_key_made_with_another_secret_is_named(folder: Path, store: LocalKeyStore) -> None:
    """It would open nothing, so the start says so instead of printing it."""
    await begin(folder, store)
    with pytest.raises(Misconfigured, match="api-key was made with another secret"):
        await begin(folder, store, peppers=Peppers("t" * 32))


async def test_files_that_hold_something_else_are_named(folder: Path, store: LocalKeyStore) -> None:
    """The operator is told which file to remove."""
    (folder / "secret").write_text("")
    (folder / "api-key").write_bytes(b"\xff")
    with pytest.raises(Misconfigured, match="secret"):
        server_secret(folder)
    with pytest.raises(Misconfigured, match="api-key"):
        await begin(folder, store)
    (folder / "api-key").write_text("hello")
    with pytest.raises(Misconfigured, match="api-key"):
        await begin(folder, store)


async def test_files_that_were_opened_are_closed_again(folder: Path, store: LocalKeyStore) -> None:
    """A copy with mode 0644 still works, is for its owner alone afterwards, and a warning says that it was not."""
    before = (server_secret(folder), await begin(folder, store))
    for name in ("secret", "api-key"):
        (folder / name).chmod(0o644)
    with capture_logs() as logged:
        assert (server_secret(folder), await begin(folder, store)) == before
    assert modes(folder) == {".bullpen": 0o700, "secret": 0o600, "api-key": 0o600}
    assert [(line["log_level"], line["event"], line["path"], line["mode"]) for line in logged] == [
        ("warning", "file_was_open", str(folder / name), "0644") for name in ("secret", "api-key")
    ]
    assert before[0] not in str(logged)
    assert before[1].secret not in str(logged)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """A file in its place is one line, not a traceback."""
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="file"):
        data_folder(tmp_path / "file" / ".bullpen")
    with pytest.raises(Misconfigured, match="file"):
        data_folder(tmp_path / "file")


async def test_an_operators_own_key_is_admitted(store: LocalKeyStore, tmp_path: Path) -> None:
    """A key from a mounted secret becomes an administrator's; anything else is refused."""
    key = ApiKey.generate()
    assert await admit(key.text, source=tmp_path / "k", store=store, peppers=PEPPERS, now=1.0) == key
    assert [record.roles for record in await store.load()] == [{"admin"}]
    with pytest.raises(Misconfigured, match="does not hold an API key"):
        await admit("sk-123", source=tmp_path / "k", store=store, peppers=PEPPERS, now=1.0)


async def test_a_clusters_first_key_is_admitted_by_every_start(store: LocalKeyStore, tmp_path: Path) -> None:
    """`BOOTSTRAP_ADMIN_KEY_FILE`: one record however often; a revoked one stays so."""
    path = tmp_path / "admin-key"
    key = ApiKey.generate()
    path.write_text(f"{key.text}\n")
    for peppers in (PEPPERS, PEPPERS, Peppers("t" * 32, "s" * 32)):
        assert await admin_key(path, store=store, peppers=peppers, now=1.0) == key
    assert [(record.id, *record.roles) for record in await store.load()] == [(key.id, "admin")]
    await store.revoke(key.id, at=2.0)
    await admin_key(path, store=store, peppers=PEPPERS, now=3.0)
    assert [record.revoked_at for record in await store.load()] == [2.0]


@pytest.mark.parametrize("content", [None, b"", b"sk-1", b"\xff", b"bp_abc"])
async def test_a_clusters_first_key_must_be_one(store: LocalKeyStore, tmp_path: Path, content: bytes | None) -> None:
    """A file that is not there, or holds something else, stops the start, and its content is not repeated."""
    path = tmp_path / "admin-key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match="admin-key") as caught:
        await admin_key(path, store=store, peppers=PEPPERS, now=1.0)
    assert "sk-1" not in str(caught.value)
    assert await store.load() == []
