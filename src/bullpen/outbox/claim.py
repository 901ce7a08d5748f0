"""A folder that one process has to itself for as long as it lives."""

import fcntl
import os
import secrets
import shutil
from contextlib import suppress
from errno import EEXIST
from pathlib import Path
from typing import Final, Self

__all__ = ["Claim"]

_LOCK: Final = "lock"
_ATTEMPTS: Final = 100


class Claim:
    """Holds a folder by a lock on a file in it. The system lets go of it when the process dies, however it dies.

    Attributes:
        folder: Whose files nobody else touches.
    """

    def __init__(self, folder: Path, lock: int) -> None:
        """Takes over an open and locked file; use `make` and `take`."""
        self.folder = folder
        self._lock = lock

    @classmethod
    def make(cls, parent: Path) -> Self:
        """A new folder in `parent`, both for their owner alone (mode 0700).

        Raises:
            OSError: It cannot be made.
        """
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for _ in range(_ATTEMPTS):
            folder = parent / f"{os.getpid()}-{secrets.token_hex(4)}"
            folder.mkdir(mode=0o700)
            # Somebody who tidies up may find the folder before it is locked, and take it for a dead process'.
            with suppress(FileNotFoundError):
                os.close(os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
            if claim := cls.take(folder):
                return claim
        raise FileExistsError(EEXIST, "somebody removes every folder that is made there", str(parent))

    @classmethod
    def take(cls, folder: Path) -> Self | None:
        """The folder, if there is one and whoever had it is dead."""
        try:
            lock = os.open(folder / _LOCK, os.O_RDWR)
        except OSError:
            with suppress(OSError):
                folder.rmdir()  # left by a process that died before it could lock it; refused unless it is empty
            return None
        if _locked(lock, folder / _LOCK):
            return cls(folder, lock)
        os.close(lock)
        return None

    def release(self) -> None:
        """Leaves the folder, and what is in it, to the next who looks."""
        os.close(self._lock)

    def remove(self) -> None:
        """Removes the folder with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.release()


def _locked(lock: int, path: Path) -> bool:
    """Whether the file is ours now, and still the one at that path."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(lock), path.stat())
    except OSError:
        return False
