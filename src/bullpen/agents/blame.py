"""Where an exception of the user's code came from: what the log may say of it, for its text may hold a prompt."""

import traceback
from pathlib import Path

__all__ = ["blame"]

_INSTALLED = "site-packages"


def blame(error: BaseException) -> dict[str, str]:
    """`error`, its class, and `at`, `file:line` of the innermost frame that is in no installed package."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if _INSTALLED not in frame.filename] or frames
    place = f"{Path(own[-1].filename).name}:{own[-1].lineno}" if own else "unknown"
    return {"error": type(error).__name__, "at": place}
