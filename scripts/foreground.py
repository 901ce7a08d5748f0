#!/usr/bin/env python3
"""Runs a command as the terminal's foreground job, so that Ctrl-C reaches it and not the `make` above it.

    scripts/foreground.py COMMAND [ARGUMENT ...]

A terminal sends Ctrl-C to a whole process group, and `make` answers it with an error however well the command ends.
Here the command gets a group of its own, as a shell does for a job, and its exit status is passed on. Away from a
terminal, or in the background of one, the command replaces this process and nothing is different.
"""

import os
import signal
import sys

__all__: list[str] = []

TERMINAL = 0  # standard input: a job a script put in the background has none, and must not take the terminal


def in_foreground() -> bool:
    """Whether this process may hand the terminal on."""
    return os.isatty(TERMINAL) and os.tcgetpgrp(TERMINAL) == os.getpgrp()


def start(command: list[str]) -> int:
    """Starts the command in a process group of its own that holds the terminal; returns its process id."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.tcsetpgrp(TERMINAL, os.getpgrp())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        become(command)
    return child


def become(command: list[str]) -> None:
    """Replaces this process by the command; a missing command is one line and status 127."""
    try:
        os.execvp(command[0], command)  # noqa: S606 - to run the command it is given is this program's purpose
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(127)


def wait(child: int) -> int:
    """The command's exit status, as a shell would give it. Ctrl-Z stops the whole job, and `fg` continues it."""
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        os.tcsetpgrp(TERMINAL, os.getpgrp())
        os.kill(0, signal.SIGSTOP)
        if in_foreground():
            os.tcsetpgrp(TERMINAL, child)
        os.killpg(child, signal.SIGCONT)


def run(command: list[str]) -> int:
    """Runs the command in the terminal's foreground; a SIGTERM or SIGHUP sent here is passed to it."""
    home = os.getpgrp()
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # or the terminal could not be handed on and taken back
    child = start(command)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: os.kill(child, received))
    try:
        return wait(child)
    finally:
        os.tcsetpgrp(TERMINAL, home)


if __name__ == "__main__":
    if not in_foreground():
        become(sys.argv[1:])
    sys.exit(run(sys.argv[1:]))
