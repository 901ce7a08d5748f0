"""`bullpen serve --ask`: the first question."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stubs.serving import PROJECT


def asked_and_stopped(folder: Path, *, last: str) -> tuple[str, int]:
    """What the server prints up to the line that begins with `last`, and its exit code after a Ctrl-C."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DATA_DIR": str(folder / ".bullpen"),
        "CONFIG_DIR": str(PROJECT / "config"),
        "LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "bullpen", "serve", "--port", "0", "--ask", "What is 17 * 23?"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith(last):
                break
        process.send_signal(signal.SIGINT)
        said += process.stdout.read()
        return said, process.wait(timeout=30)


@pytest.mark.timeout(120)
def test_the_answer_and_how_to_repeat_it(tmp_path: Path) -> None:
    """The question is asked over HTTP, its answer and a `curl` line are printed, and Ctrl-C is a success."""
    said, code = asked_and_stopped(tmp_path, last="Stop with")
    assert "391" in said
    assert "curl -s http://127.0.0.1:" in said
    assert "X-API-Key: " in said
    assert code == 0
    assert "Traceback" not in said
