"""The first start: a folder, a secret and a key for whoever runs Bullpen on a laptop.

All of it is made once and found again. Two first starts at the same moment agree on what they find.
"""

import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE
from typing import Final

import structlog

from bullpen.errors import Misconfigured
from bullpen.security.authentication.identity import ADMIN, DEFAULT_TENANT, FIRST_USER
from bullpen.security.authentication.opaque import ApiKey
from bullpen.security.authentication.pepper import Peppers
from bullpen.security.authentication.ports import KeyRecord, KeyStore

__all__ = ["admin_key", "data_folder", "first_key", "server_secret"]

_OTHERS: Final = 0o077
_SECRET_LENGTH: Final = 64
_REMOVE: Final = "Remove it and start again."
_GIVE: Final = (
    "Put an API key there: `bp_`, what `openssl rand -hex 6` prints, `_`, and what `openssl rand -hex 32` prints. "
    "Or leave BOOTSTRAP_ADMIN_KEY_FILE out."
)

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
    key = _key(_once(path, ApiKey.generate().text), path, remedy=_REMOVE)
    await _admit(key, path, remedy=_REMOVE, store=store, peppers=peppers, now=now)
    return key


async def admin_key(
    path: Path, *, store: KeyStore, peppers: Peppers, now: float, weakness: Callable[[str], str | None]
) -> ApiKey:
    """The administrator's key of a cluster, from a file that the operator has made: one line, an API key.

    Every replica may admit it, as often as it starts. A revoked one stays revoked, which the log says.

    Args:
        path: The file.
        store: Where keys are kept.
        peppers: The server's.
        now: Seconds since 1970.
        weakness: Says why a secret is none, such as one that was typed; None when it is one.

    Raises:
        Misconfigured: The file cannot be read, holds something else or what is easily guessed, or its key was made with
            another secret.
        DependencyDown: The store is away.
    """
    key = _key(_given(path), path, remedy=_GIVE)
    if why := weakness(key.secret):
        raise Misconfigured(f"BOOTSTRAP_ADMIN_KEY_FILE: the key in {path} {why}. {_GIVE}")
    await _admit(key, path, remedy=_GIVE, store=store, peppers=peppers, now=now)
    return key


def _key(text: str, source: Path, *, remedy: str) -> ApiKey:
    key = ApiKey.parse(text)
    if key is None:
        raise Misconfigured(f"{source} does not hold an API key. {remedy}")
    return key


async def _admit(key: ApiKey, source: Path, *, remedy: str, store: KeyStore, peppers: Peppers, now: float) -> None:
    """Makes sure that the store has this key, as an administrator's; one that it has already stays as it is."""
    record = KeyRecord(
        id=key.id,
        digest=peppers.current.digest(key),
        pepper=peppers.current.id,
        name="first key",
        user_id=FIRST_USER,
        tenant=DEFAULT_TENANT,
        roles=frozenset({ADMIN}),
        created_at=now,
    )
    if await store.add(record):
        return
    kept = next((each for each in await store.load() if each.id == key.id), None)
    if kept is None or not peppers.fits(key, kept):
        raise Misconfigured(
            f"The key in {source} was made with another secret. Put that one into API_SECRET_KEY_PREVIOUS. Is "
            f"it lost? {remedy}"
        )
    if not kept.usable(at=now) or ADMIN not in kept.roles:
        _log.warning("first_key_admits_no_administrator", key_id=key.id, path=str(source), remedy=remedy)


def _given(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        problem = f"BOOTSTRAP_ADMIN_KEY_FILE: {path} cannot be read ({type(error).__name__}). {_GIVE}"
        raise Misconfigured(problem) from None


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
