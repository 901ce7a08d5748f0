"""`bullpen` with a wall clock that jumps: SIGUSR1 sets it an hour forward, SIGUSR2 an hour back.

Only `time.time` of this process, and before anything of Bullpen is imported; the machine's clock stays as it is.
"""

import signal
import time
from types import FrameType
from typing import Final

__all__: list[str] = []

_HOUR: Final = 3600.0
_JUMPS: Final = {signal.SIGUSR1: _HOUR, signal.SIGUSR2: -_HOUR}

_real = time.time
_ahead = 0.0


def _shifted() -> float:
    return _real() + _ahead


def _jump(sig: int, _: FrameType | None) -> None:
    global _ahead  # noqa: PLW0603 -- a clock is one for a process
    _ahead += _JUMPS[signal.Signals(sig)]


if __name__ == "__main__":
    time.time = _shifted
    for each in _JUMPS:
        signal.signal(each, _jump)

    from bullpen.cli import app  # its rooms take the clock as they are imported

    app()
