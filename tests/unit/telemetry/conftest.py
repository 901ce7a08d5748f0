"""Logs as a test reads them."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def own_logging() -> Iterator[None]:
    """Leaves the root logger as it was."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def lines(own_logging: None, capsys: pytest.CaptureFixture[str]) -> Lines:
    """Everything printed since the last call, each line as the JSON object it must be."""
    return lambda: [orjson.loads(line) for line in capsys.readouterr().out.splitlines()]
