"""The first question, when it cannot be asked."""

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from bullpen.cli.question import ask
from tests.stubs.ports import free_port

if TYPE_CHECKING:
    from bullpen.bootstrap import Services


async def test_it_is_told_and_nothing_is_raised(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that does not answer its own question is no reason to stop serving: one line says so."""
    listening = asyncio.Event()
    listening.set()
    services = cast("Services", SimpleNamespace(first_key=None))
    await ask("Why?", listening=listening, url=f"http://127.0.0.1:{free_port()}", services=services)
    assert capsys.readouterr().err == "bullpen: the first question was not answered (ConnectError).\n"
