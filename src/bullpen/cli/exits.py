"""How a command ends when something is wrong: one message on standard error, and a code."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import typer

from bullpen import __version__
from bullpen.errors import BullpenError, InvalidRequest, Misconfigured
from bullpen.telemetry.logging import configure

__all__ = ["FAILED", "WRONG", "told"]

FAILED: Final = 1
WRONG: Final = 2


@contextmanager
def told() -> Iterator[None]:
    """Tells of an error of ours in place of a traceback, and exits: 2 when the operator must change something.

    Until a server sets up a log of its own, only what is wrong is logged, in lines for people and without variables.
    """
    configure(level="warning", environment="", version=__version__, json=False)
    try:
        yield
    except Misconfigured as error:
        sys.stderr.write("bullpen: the configuration is wrong:\n" + "".join(f"  {one}\n" for one in error.problems))
        raise typer.Exit(WRONG) from None
    except BullpenError as error:
        sys.stderr.write(f"bullpen: {error.detail}\n")
        raise typer.Exit(WRONG if isinstance(error, InvalidRequest) else FAILED) from None
