"""What other people's libraries may say in our log."""

import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import orjson
import pytest
from agno.agent import Agent
from agno.exceptions import ModelProviderError
from agno.models.base import Model
from agno.models.response import ModelResponse

from bullpen.telemetry.logging import configure, set_level

Lines = Callable[[], list[dict[str, Any]]]

SECRET = "the patient's name"


@pytest.fixture(autouse=True)
def configured(own_logging: None) -> Iterator[None]:
    configure(level="debug", environment="test", version="1")
    yield
    set_level("info")


@pytest.mark.parametrize("name", ["sqlalchemy.engine", "httpx", "openai._base_client", "mcp.client", "agno", "asyncio"])
def test_a_library_is_quiet_below_warning(lines: Lines, name: str) -> None:
    """Even when we debug: requests, parameters and prompts would be printed. Nor may it set a level of its own."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.DEBUG)
    logger.debug("sent %s", SECRET)
    logger.info("sent %s", SECRET)
    logger.setLevel(logging.NOTSET)
    assert lines() == []


def test_a_librarys_warning_is_a_line_like_ours(lines: Lines) -> None:
    """The same JSON, with the logger's name."""
    logging.getLogger("sqlalchemy.pool").warning("connection %d lost", 3)
    (line,) = lines()
    assert line["event"] == "connection 3 lost"
    assert (line["level"], line["logger"], line["service"]) == ("warning", "sqlalchemy.pool", "bullpen")


@pytest.mark.parametrize("name", ["agno", "agno-team", "agno-workflow", "agno.os", "openai._client", "anthropic"])
def test_who_handles_prompts_is_not_quoted(lines: Lines, name: str) -> None:
    """The fact, the logger and the kind of exception remain; message, arguments and traceback do not."""
    logging.getLogger(name).error("failed on %s", SECRET, exc_info=ValueError(SECRET))
    (line,) = lines()
    assert line["event"] == f"{name.partition('.')[0].replace('-', '_')}_said"
    assert (line["level"], line["logger"], line["error"]) == ("error", name, "ValueError")
    assert SECRET not in str(line)


def test_a_failed_run_is_told_once(lines: Lines) -> None:
    """By its own line, which says why; Agno's is for those who debug."""
    logging.getLogger("agno").error("Error in Agent run: %s", SECRET)
    (line,) = lines()
    assert line["level"] == "debug"
    assert SECRET not in str(line)


class Failing(Model):
    """A model whose provider answers with the prompt in its error."""

    def invoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        raise ModelProviderError(f"refused: {SECRET}")

    async def ainvoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        return self.invoke()

    def invoke_stream(self, *args: Any, **kwargs: Any) -> Iterator[ModelResponse]:
        yield self.invoke()

    async def ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncIterator[ModelResponse]:
        yield self.invoke()

    def _parse_provider_response(self, response: Any, **kwargs: Any) -> ModelResponse:
        return ModelResponse(content=response)

    def _parse_provider_response_delta(self, response: Any) -> ModelResponse:
        return ModelResponse(content=response)


@pytest.mark.parametrize("debug", [False, True])
async def test_t17_a_run_that_resets_agnos_level_prints_no_prompt(lines: Lines, *, debug: bool) -> None:
    """Agno sets its logger to INFO or DEBUG on every run, and then prints prompts and providers' errors: not here."""
    agent = Agent(model=Failing(id="failing"), debug_mode=debug, telemetry=False)
    await agent.arun(SECRET, user_id="u", session_id="s")
    assert logging.getLogger("agno").level == (logging.DEBUG if debug else logging.INFO)
    said = lines()
    assert said
    assert all(line["event"].startswith("agno") and line["event"].endswith("_said") for line in said)
    assert {line["level"] for line in said} <= {"debug", "warning", "error"}
    assert SECRET not in str(said)


@pytest.mark.parametrize("first", ["agno", "bullpen"])
def test_agno_adds_no_handler_whoever_is_imported_first(first: str) -> None:
    """Agno gives its loggers a handler when it is imported; ours is the only one left, in either order."""
    steps = {
        "agno": "from agno.utils.log import log_info, log_error",
        "bullpen": "from bullpen.telemetry import logging\nlogging.configure(level='info', environment='', version='')",
    }
    order = [steps.pop(first), *steps.values()]
    program = "\n".join([*order, "log_info('quiet')", "log_error('secret')"])
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert [orjson.loads(line)["event"] for line in done.stdout.splitlines()] == ["agno_said"]
    assert done.stderr == ""


def test_the_server_follows_our_level_from_info_up(lines: Lines) -> None:
    """The server tells that it has started, unless we want warnings only; each request is told by us, not by it."""
    logging.getLogger("uvicorn.error").info("Application startup complete.")
    logging.getLogger("uvicorn.error").debug("a frame")
    logging.getLogger("uvicorn.access").info("GET /")
    set_level("warning")
    logging.getLogger("uvicorn.error").info("Shutting down")
    assert [line["event"] for line in lines()] == ["Application startup complete."]


def test_a_broken_record_is_still_a_line(lines: Lines) -> None:
    """Arguments that do not fit their format, and levels between ours, break nothing."""
    logging.getLogger().handlers[1:] = []  # pytest's own, which raise
    logging.getLogger("somebody").warning("%d of", "two")
    logging.getLogger("somebody").log(35, "between")
    said = lines()
    assert [(line["event"], line["level"]) for line in said] == [("%d of", "warning"), ("between", "warning")]
