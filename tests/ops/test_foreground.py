"""`scripts/foreground.py`: Ctrl-C at a terminal ends the server, and `make run` with it, as a success."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

PROJECT: Final = Path(__file__).parents[2]
LAUNCHER: Final = PROJECT / "scripts" / "foreground.py"
CTRL_C: Final = b"\x03"

# Runs a command at a terminal of its own; what comes in is typed there, and what it says comes out.
TERMINAL: Final = """
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""

# Ends with the given status on Ctrl-C, once it has said that it listens.
SERVER: Final = """
import signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(int(sys.argv[1])))
print("listening", flush=True)
signal.pause()
"""


def at_a_terminal(folder: Path, *command: str) -> int:
    """Runs `make` over the command, presses Ctrl-C when it listens, and returns make's exit status."""
    (folder / "server.py").write_text(SERVER)
    (folder / "Makefile").write_text(f"run:\n\t@{' '.join(command)}\n")
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, "make", "run"],
        cwd=folder,
        env={"PATH": os.environ["PATH"]},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    with process:
        assert process.stdin
        assert process.stdout
        assert b"listening" in process.stdout.readline()
        process.stdin.write(CTRL_C)
        return process.wait(timeout=30)


@pytest.mark.parametrize("status", [0, 2])
def test_make_ends_as_the_command_does(tmp_path: Path, status: int) -> None:
    """The command alone gets Ctrl-C; make sees its exit status and nothing else (make's own failure is 2)."""
    assert at_a_terminal(tmp_path, sys.executable, str(LAUNCHER), sys.executable, "server.py", str(status)) == status


def test_without_it_make_would_fail(tmp_path: Path) -> None:
    """The reason it exists: make answers the same Ctrl-C with an error, though the command ended well."""
    assert at_a_terminal(tmp_path, sys.executable, "server.py", "0") != 0
