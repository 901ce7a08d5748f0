"""Our own log lines."""

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import datetime, timedelta
from typing import Any

import pytest
import structlog

from bullpen.errors import Misconfigured
from bullpen.telemetry import logging as ours
from bullpen.telemetry.logging import configure, hears, introduce, set_level

Lines = Callable[[], list[dict[str, Any]]]

log = structlog.get_logger()


@pytest.fixture(autouse=True)
def configured(own_logging: None) -> None:
    configure(level="info", environment="test", version="1.2.3")


def test_a_line_says_when_what_and_who(lines: Lines) -> None:
    """One JSON object with the time in UTC, the event, its fields, and who speaks."""
    log.info("model_attempt", input_tokens=7)
    (line,) = lines()
    stamp = datetime.fromisoformat(line.pop("timestamp"))
    assert stamp.utcoffset() == timedelta(0)
    assert line == {
        "level": "info",
        "event": "model_attempt",
        "service": "bullpen",
        "environment": "test",
        "version": "1.2.3",
        "input_tokens": 7,
    }


def test_a_logger_with_a_name_says_it(lines: Lines) -> None:
    """The room that speaks is a field, as a library's logger is, and no field of a call can replace it."""
    structlog.get_logger("bullpen.costs").info("model_attempt", logger="evil")
    assert [line["logger"] for line in lines()] == ["bullpen.costs"]


def test_a_line_carries_what_the_request_bound(lines: Lines) -> None:
    """The request's id and its kin are on every line logged inside, and on none after."""
    with structlog.contextvars.bound_contextvars(request_id="r-1", tenant="t"):
        log.info("inside")
    log.info("outside")
    inside, outside = lines()
    assert (inside["request_id"], inside["tenant"]) == ("r-1", "t")
    assert "request_id" not in outside


@pytest.mark.parametrize("json", [True, False])
def test_a_traceback_shows_no_variables(json: bool) -> None:
    """What a frame holds may be a credential or somebody's task, in lines for people as in those for machines."""
    shown = io.StringIO()
    with redirect_stdout(shown):
        configure(level="info", environment="test", version="1", json=json)
        credential = "canary"
        try:
            credential.index("absent")
        except ValueError:
            log.exception("failed")
    assert "ValueError" in shown.getvalue()
    assert "canary" not in shown.getvalue()


def test_no_field_can_pose_as_somebody_else(lines: Lines) -> None:
    """Level, time and service are ours, whatever a call passes."""
    log.info("event", service="evil", level="critical", timestamp="never")
    (line,) = lines()
    assert (line["service"], line["level"]) == ("bullpen", "info")
    assert line["timestamp"] != "never"


def test_a_line_break_cannot_forge_a_line(lines: Lines) -> None:
    """Whatever text is logged, one call is one line."""
    log.info("event", name='x\n{"event": "forged"}')
    assert [line["event"] for line in lines()] == ["event"]


def test_the_level_changes_at_run_time(lines: Lines) -> None:
    """Loggers already in use follow at once, in both directions."""
    log.debug("hidden")
    set_level("DEBUG")
    log.debug("shown")
    set_level("error")
    log.warning("hidden")
    log.error("shown too")
    assert [line["event"] for line in lines()] == ["shown", "shown too"]


def test_what_is_heard_is_what_is_written(lines: Lines) -> None:
    """Who asks before a line, and then writes none, loses no line."""
    heard = [level for level in ("debug", "info", "warning", "error") if hears(level)]
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)("told")
    assert [line["level"] for line in lines()] == heard == ["info", "warning", "error"]


def test_an_unknown_level_is_a_clear_no() -> None:
    """The message names the levels there are."""
    with pytest.raises(Misconfigured, match="debug, info, warning, error, critical"):
        configure(level="loud", environment="test", version="1")


def test_an_exception_is_told_in_its_line(lines: Lines) -> None:
    """A traceback is a field, not lines of its own."""
    log.error("failed", exc_info=ZeroDivisionError("by nought"))
    (line,) = lines()
    assert line["level"] == "error"
    assert line["exception"] == "ZeroDivisionError: by nought"


@pytest.mark.parametrize("value", [2**70, "\ud800", {1: object()}, float("nan"), {"a set"}, b"\xff"])
def test_every_value_can_be_logged(lines: Lines, value: object) -> None:
    """What JSON cannot say is said as text; a log call never raises."""
    log.info("odd", value=value)
    (line,) = lines()
    assert line["event"] == "odd"
    assert "value" in line


@pytest.mark.parametrize("broken", [io.TextIOWrapper(io.BytesIO()), io.StringIO()])
def test_a_log_that_cannot_be_written_is_open(broken: io.TextIOBase) -> None:
    """Failure mode: the line is lost, and the caller never learns of it."""
    broken.close()
    with redirect_stdout(broken):
        log.info("lost")
    assert not sys.stdout.closed


def test_people_may_have_lines_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Without JSON the same call is a readable line."""
    configure(level="info", environment="test", version="1", json=False)
    log.info("model_attempt", input_tokens=7)
    printed = capsys.readouterr().out
    assert "model_attempt" in printed
    assert "input_tokens=7" in printed
    assert not printed.startswith("{")


def test_every_line_says_who_speaks(lines: Lines) -> None:
    """Once a process has introduced itself, in the lines of loggers that were there before, and above their fields."""
    try:
        introduce(worker=2)
        log.info("served", worker=9)
        assert lines()[0]["worker"] == 2
    finally:
        ours._speaker.clear()
