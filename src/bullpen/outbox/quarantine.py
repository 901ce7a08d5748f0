"""Where that is put which nobody can make sense of, so that it is neither lost nor in the way."""

import os
from pathlib import Path
from typing import Final

import structlog

__all__ = ["QUARANTINE", "Quarantine"]

_log = structlog.get_logger("bullpen.outbox")

QUARANTINE: Final = "quarantine"


class Quarantine:
    """Keeps bytes as files in a folder `quarantine`, and says so in the log.

    Failure mode: raises `OSError`. What cannot be put aside stays where it is.
    """

    def __init__(self, parent: Path) -> None:
        self._folder = parent / QUARANTINE

    def put(self, data: bytes, *, name: str) -> None:
        """Keeps the bytes (mode 0600); under the name of something kept already it does nothing."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        path = self._folder / name
        if path.exists():
            return
        part = path.with_suffix(".part")
        file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(file, "wb") as kept:
            kept.write(data)
        part.replace(path)
        _log.error("outbox_quarantined", file=str(path), bytes=len(data), remedy="Look at it; nothing else waits.")
