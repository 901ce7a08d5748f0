"""Logs: one JSON object a line on standard output, for ours and for every library's.

Ours are events with fields: `structlog.get_logger("bullpen.costs").info("model_attempt", input_tokens=7)`, where the
name becomes the field `logger`. Whatever is bound with `structlog.contextvars` (request_id) is added to each.

Failure mode: open. A line that cannot be written is lost; a log call never raises.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import structlog

from bullpen.errors import Misconfigured
from bullpen.telemetry import libraries

__all__ = ["configure", "hears", "introduce", "set_level"]

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_SYNONYMS: Final = {"warn": "warning", "exception": "error", "fatal": "critical", "msg": "info"}


def configure(*, level: str, environment: str, version: str, json: bool = True) -> None:
    """Sends every log line of this process to standard output; may be called again, and the last call wins.

    Args:
        level: debug, info, warning, error or critical.
        environment: Where this runs, as in `production`.
        version: Of Bullpen.
        json: False gives lines for people instead.

    Raises:
        Misconfigured: There is no such level.
    """
    set_level(level)
    _chain[:] = [_threshold, structlog.contextvars.merge_contextvars, _with_speaker]
    if json:
        frame = _Frame(service="bullpen", environment=environment, version=version)
        _chain.extend([structlog.processors.format_exc_info, frame, _to_json])
    else:
        stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
        # The renderer's own choice would print every frame's variables, and with them credentials and tasks.
        plain = structlog.dev.plain_traceback
        console = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty(), exception_formatter=plain)
        _chain.extend([structlog.processors.add_log_level, stamp, console])
    structlog.configure(
        processors=_chain,
        wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
        logger_factory=_StandardOutput,
        cache_logger_on_first_use=True,
    )
    libraries.adopt()


def set_level(level: str) -> None:
    """Changes how much is logged from now on, without a restart.

    Raises:
        Misconfigured: There is no such level.
    """
    number = _LEVELS.get(level.lower())
    if number is None:
        raise Misconfigured(f"LOG_LEVEL: there is no level `{level}`; take one of {', '.join(_LEVELS)}.")
    _threshold.level = number
    libraries.follow(number)


def hears(level: str) -> bool:
    """Whether lines of this level are written now. Asking costs a tenth of a line that is dropped."""
    return _LEVELS[level] >= _threshold.level


def introduce(**who: Any) -> None:
    """Fields of every line of this process from now on, such as `worker=2` where several write to one output."""
    _speaker.update(who)


class _Threshold:
    """Drops what is below the level, before anything is spent on it."""

    def __init__(self) -> None:
        self.level = logging.INFO

    def __call__(self, _: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if _LEVELS[_SYNONYMS.get(method, method)] < self.level:
            raise structlog.DropEvent
        return event


_threshold = _Threshold()
_speaker: dict[str, Any] = {}
_chain: list[Any] = []  # one list for good: loggers in use hold on to it, and follow when it changes


def _with_speaker(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.update(_speaker)
    return event


class _Frame:
    """Puts time, level, event and who speaks in front of each line; no field of a log call can replace them."""

    def __init__(self, **who: str) -> None:
        self._who = who

    def __call__(self, output: "_StandardOutput", method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        frame = {
            "timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
            "level": _SYNONYMS.get(method, method),
            "event": event.pop("event", ""),
            **self._who,
            **output.who,
        }
        return {**frame, **event, **frame}


def _to_json(_: object, __: str, event: Mapping[str, Any]) -> str:
    try:
        return orjson.dumps(event, default=repr, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # such as half a surrogate pair, or an integer of 65 bits
        return orjson.dumps({_plain(key): _plain(value) for key, value in event.items()}).decode()


def _plain(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text.encode(errors="backslashreplace").decode()


class _StandardOutput:
    """The end of the chain. It looks standard output up for each line, for that may be replaced."""

    def __init__(self, name: str | None = None) -> None:
        """`name` is what the logger was asked for by."""
        self.who = {} if name is None else {"logger": name}

    def msg(self, line: str) -> None:
        """Writes one line at once; a closed or broken output loses it, for there is no better place to say so."""
        try:
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = warn = error = critical = fatal = exception = msg
