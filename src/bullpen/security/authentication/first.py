"""The first start: a folder, a secret and a key for whoever runs Bullpen on a laptop.

All of it is made once and found again. Two first starts at the same moment agree on what they find.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE
from typing import Final

import structlog

from bullpen.errors import Misconfigured
from bullpen.security.authentication.identity import DEFAULT_TENANT
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Peppers
from bullpen.security.authentication.ports import KeyRecord, KeyStore

__all__ = ["admin_key", "admit", "data_folder", "first_key", "server_secret"]

_OTHERS: Final = 0o077
_FIRST_USER: Final = "admin"
_SECRET_LENGTH: Final = 64

_log = structlog.get_logger("bullpen.authentication")


def data_folder(path: Path) -> Path:
    """Makes the folder, for its owner alone (mode 0700), unless it is there.

    Raises:
        Misconfigured: It cannot be made.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Misconfigured(f"The data folder {path} cannot be made: {error.strerror}.") from error
    return path


def server_secret(folder: Path) -> str:
    """The secret of this data folder, 64 hex digits: read from `secret`, which is made (mode 0600) if need be.

    Raises:
        Misconfigured: The file cannot be read or made, or holds something else.
    """
    path = folder / "secret"
    text = _once(path, secrets.token_hex(_SECRET_LENGTH // 2))
    if len(text) < _SECRET_LENGTH:
        raise Misconfigured(f"{path} does not hold a secret. Remove it, and `api-key` beside it, and start again.")
    return text


async def first_key(folder: Path, *, store: KeyStore, peppers: Peppers, now: float) -> ApiKey:
    """The administrator's key of this data folder: read from `api-key`, which is made (mode 0600) if need be.

    The store has its record afterwards, even when the database was deleted in between.

    Raises:
        Misconfigured: The file cannot be read or made, holds something else, or was made with another secret.
        DependencyDown: The store is away.
    """
    path = folder / "api-key"
    return await admit(_once(path, ApiKey.generate().text), source=path, store=store, peppers=peppers, now=now)


async def admin_key(path: Path, *, store: KeyStore, peppers: Peppers, now: float) -> ApiKey:
    """The administrator's key of a cluster, from a file that the operator has made: one line, an API key.

    Every replica may admit it, as often as it starts. A revoked one stays revoked.

    Raises:
        Misconfigured: The file cannot be read, holds something else, or was made with another secret.
        DependencyDown: The store is away.
    """
    return await admit(_given(path), source=path, store=store, peppers=peppers, now=now)


async def admit(text: str, *, source: Path, store: KeyStore, peppers: Peppers, now: float) -> ApiKey:
    """Makes sure that the store has this key, as an administrator's. A revoked key stays revoked.

    Args:
        text: The key in the clear.
        source: The file it came from, named in errors.
        store: Where keys are kept.
        peppers: The server's.
        now: Seconds since 1970.

    Raises:
        Misconfigured: It is not a key, or the store has one of this id that was made with another secret.
        DependencyDown: The store is away.
    """
    key = ApiKey.parse(text)
    if key is None:
        raise Misconfigured(f"{source} does not hold an API key. Remove it and start again.")
    record = KeyRecord(
        id=key.id,
        digest=peppers.current.digest(key),
        pepper=peppers.current.id,
        name="first key",
        user_id=_FIRST_USER,
        tenant=DEFAULT_TENANT,
        roles=frozenset({"admin"}),
        created_at=now,
    )
    if not await store.add(record):
        kept = next((each for each in await store.load() if each.id == key.id), None)
        if kept is None or not peppers.fits(key, kept):
            raise Misconfigured(f"The key in {source} was made with another secret. Remove the file and start again.")
    return key


def _given(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"BOOTSTRAP_ADMIN_KEY_FILE: {path} cannot be read ({type(error).__name__}). Put an API key there: "
            "`bp_`, 12 letters or digits, `_` and 64 hex digits. Or leave the setting out."
        ) from None


def _once(path: Path, text: str) -> str:
    """What the file holds; `text`, if it did not exist. A reader never finds it half written."""
    try:
        if not path.exists():
            _create(path, text)
        _close(path)
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read or made ({type(error).__name__}).") from error


def _close(path: Path) -> None:
    """Takes the file from everybody but its owner: a copy or a backup may have opened it."""
    mode = S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS:
        return
    try:
        path.chmod(0o600)
    except OSError:
        raise Misconfigured(f"{path} is open to others (mode {mode:04o}). Make it yours alone: mode 0600.") from None
    remedy = "It is closed now. If somebody else has read it, remove it and start again."
    _log.warning("file_was_open", path=str(path), mode=f"{mode:04o}", remedy=remedy)


def _create(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(text + "\n")
        # A link, unlike a rename, fails when the name is taken: of two writers the first wins, whole.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
