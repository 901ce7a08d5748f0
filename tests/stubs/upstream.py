"""The stub model provider, as its user holds it: a process of its own, speaking OpenAI's and Anthropic's wire formats.

`tests.stubs.behaviour` says which model id does what, and `tests.stubs.provider` is the process.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, Self

import httpx

from tests.stubs.faults import Fault
from tests.stubs.ledger import Call, Counts, Stage

__all__ = ["Upstream"]

_ROOT: Final = Path(__file__).parents[2]


class Upstream:
    """A running stub provider. Use it as a context manager, or `start` and `stop` it.

    Attributes:
        url: Its address; OpenAI's base URL is `openai_url`, Anthropic's is `anthropic_url`.
    """

    def __init__(self) -> None:
        self.url = ""
        self._control_url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._control = httpx.Client(timeout=60)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def anthropic_url(self) -> str:
        return self.url

    def start(self) -> None:
        """Starts the process and waits for its ports. It ends by itself should this process die."""
        command = [sys.executable, "-m", "tests.stubs.provider", "--port", "0", "--until-stdin-closes"]
        self._process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        ports = json.loads(self._process.stdout.readline())
        self.url = f"http://127.0.0.1:{ports['port']}"
        self._control_url = f"http://127.0.0.1:{ports['control']}/control"

    def stop(self) -> None:
        self._control.close()
        if self._process is not None:
            self._process.terminate()
            self._process.communicate(timeout=10)

    def calls(self) -> list[Call]:
        """Every model call since the last reset, in order of arrival."""
        return [Call(**call) for call in self._control.get(f"{self._control_url}/calls").json()]

    def counts(self, model: str) -> Counts:
        """Of the model's calls since the last reset."""
        return Counts(**self._control.get(f"{self._control_url}/counts").json().get(model, {}))

    def wait(self, *, count: int = 1, stage: Stage = "arrived", within: float = 10.0) -> list[Call]:
        """All calls, once `count` of them have reached `stage`; fails when they have not in time (seconds)."""
        params: dict[str, Any] = {"count": count, "stage": stage, "within": within}
        reached = self._control.get(f"{self._control_url}/wait", params=params).json()
        calls = self.calls()
        assert reached, f"{count} calls should have {stage} within {within} s; there are {calls}"
        return calls

    def reset(self) -> None:
        """Forgets every call."""
        self._control.delete(f"{self._control_url}/calls").raise_for_status()

    def break_down(self, fault: Fault) -> None:
        """From now on; in place of the model's fault before."""
        self._control.put(f"{self._control_url}/fault", json=asdict(fault)).raise_for_status()

    def mend(self, model: str) -> None:
        """The model, or `EVERY`, has no fault of its own any more."""
        self._control.delete(f"{self._control_url}/fault", params={"model": model}).raise_for_status()

    def vanish(self) -> None:
        """Nothing listens at `url` any more, and every connection is reset."""
        self._control.delete(f"{self._control_url}/listener").raise_for_status()

    def appear(self) -> None:
        """Listens again, on the same port."""
        self._control.put(f"{self._control_url}/listener").raise_for_status()
