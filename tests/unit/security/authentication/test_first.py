"""The first start makes a secret and a key; every later one finds them."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_IMODE

import pytest
from structlog.testing import capture_logs

from bullpen.errors import Misconfigured
from bullpen.operations.strength import weakness
from bullpen.security.authentication import KeyRing, Peppers
from bullpen.security.authentication.first import admin_key, data_folder, first_key, server_secret
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


async def given(path: Path, store: LocalKeyStore, *, peppers: Peppers = PEPPERS, now: float = 1.0) -> ApiKey:
    """What a start makes of the operator's file."""
    return await admin_key(path, store=store, peppers=peppers, now=now, weakness=weakness)


@pytest.mark.parametrize(("before", "after"), [(b"", b""), (b"\xef\xbb\xbf", b"\r\n"), (b" ", b"\n\n")])
async def test_an_operators_own_key_is_admitted(
    store: LocalKeyStore, tmp_path: Path, before: bytes, after: bytes
) -> None:
    """As an administrator's, whatever editor wrote the file."""
    path, key = tmp_path / "admin-key", ApiKey.generate()
    path.write_bytes(before + key.text.encode() + after)
    assert await given(path, store) == key
    assert [record.roles for record in await store.load()] == [{"admin"}]


@pytest.mark.parametrize("secret", ["0" * 64, "0123456789abcdef" * 4, "deadbeef" * 8])
async def test_a_key_that_was_typed_is_refused(store: LocalKeyStore, tmp_path: Path, secret: str) -> None:
    """It has the form of a key and can be guessed; the start stops, and nothing is admitted."""
    path = tmp_path / "admin-key"
    path.write_text(f"bp_000000000000_{secret}")
    with pytest.raises(Misconfigured, match="repeats itself") as caught:
        await given(path, store)
    assert secret not in str(caught.value)
    assert await store.load() == []


async def test_a_new_key_in_the_file_is_admitted_beside_the_one_before(store: LocalKeyStore, tmp_path: Path) -> None:
    """Whoever replaces the file revokes the key before by its id."""
    path, keys = tmp_path / "admin-key", [ApiKey.generate(), ApiKey.generate()]
    for key in keys:
        path.write_text(key.text)
        await given(path, store)
    assert {record.id for record in await store.load() if record.usable(at=2.0)} == {key.id for key in keys}


async def test_a_file_whose_key_opens_nothing_is_told(store: LocalKeyStore, tmp_path: Path) -> None:
    """Nobody should have to guess why the key they hold is refused."""
    path, key = tmp_path / "admin-key", ApiKey.generate()
    path.write_text(key.text)
    await given(path, store)
    await store.revoke(key.id, at=2.0)
    with capture_logs() as logged:
        await given(path, store)
    assert [(line["log_level"], line["event"], line["key_id"]) for line in logged] == [
        ("warning", "first_key_admits_no_administrator", key.id)
    ]
    assert key.secret not in str(logged)


async def test_a_lost_secret_is_named_as_the_cause(store: LocalKeyStore, tmp_path: Path) -> None:
    """The operator put the old one away too early, and reads how to go on."""
    path = tmp_path / "admin-key"
    path.write_text(ApiKey.generate().text)
    await given(path, store)
    with pytest.raises(Misconfigured, match=r"another secret.*API_SECRET_KEY_PREVIOUS.*Put an API key there"):
        await given(path, store, peppers=Peppers("t" * 32))


async def test_a_clusters_first_key_is_admitted_by_every_start(store: LocalKeyStore, tmp_path: Path) -> None:
    """`BOOTSTRAP_ADMIN_KEY_FILE`: one record however often; a revoked one stays so."""
    path = tmp_path / "admin-key"
    key = ApiKey.generate()
    path.write_text(f"{key.text}\n")
    for peppers in (PEPPERS, PEPPERS, Peppers("t" * 32, "s" * 32)):
        assert await given(path, store, peppers=peppers) == key
    assert [(record.id, *record.roles) for record in await store.load()] == [(key.id, "admin")]
    await store.revoke(key.id, at=2.0)
    await given(path, store, now=3.0)
    assert [record.revoked_at for record in await store.load()] == [2.0]


@pytest.mark.parametrize("content", [None, b"", b"sk-1", b"\xff", b"bp_abc"])
async def test_a_clusters_first_key_must_be_one(store: LocalKeyStore, tmp_path: Path, content: bytes | None) -> None:
    """A file that is not there, or holds something else, stops the start, and its content is not repeated."""
    path = tmp_path / "admin-key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match="admin-key") as caught:
        await given(path, store)
    assert "sk-1" not in str(caught.value)
    assert await store.load() == []
