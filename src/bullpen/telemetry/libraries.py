"""What other people's libraries log, through the standard `logging` module, brought into our lines.

They are held to two rules, because below WARNING they print requests, SQL parameters and prompts:

- from WARNING up only, but for the server and the migrations, which follow our level from INFO up;
- of those that handle prompts and answers, the fact and the kind of exception, never the text.
"""

import logging
import re
from typing import Any, Final

import structlog

__all__ = ["adopt", "follow"]

_AGNO: Final = ("agno", "agno-team", "agno-workflow")
_FOLLOWING: Final = ("uvicorn", "alembic")
# A failed run has a line of its own, with the reason; Agno's has none that may be shown.
_RUN_FAILED: Final = re.compile(r"Error in \w+ run\b")
_PRIVATE: Final = frozenset({*_AGNO, "openai", "anthropic", "mcp"})


def adopt() -> None:
    """Makes every library speak through us, whether it is imported already or not yet."""
    root = logging.getLogger()
    root.handlers[:] = [_Door()]
    root.setLevel(logging.WARNING)
    for name in (*_AGNO, "uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Agno, when imported, puts a handler of its own on a logger that has neither handler nor level: hence a level here.
    # On every run it sets that level back to INFO (trap T17): hence the filtering in `_Door`.
    for name in _AGNO:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)  # the hall writes one line a request itself


def follow(level: int) -> None:
    """Lets the server and the migrations say as much as we do, but nothing below INFO."""
    for name in _FOLLOWING:
        logging.getLogger(name).setLevel(max(level, logging.INFO))


class _Door(logging.Handler):
    """Where records of `logging` become events of ours."""

    def __init__(self) -> None:
        super().__init__()
        self._log = structlog.get_logger()

    def emit(self, record: logging.LogRecord) -> None:
        package = record.name.partition(".")[0]
        if record.levelno < logging.WARNING and package not in _FOLLOWING:
            return
        level = _whole_tens(record.levelno)
        if package in _PRIVATE:
            fields: dict[str, Any] = {"event": f"{package.replace('-', '_')}_said", "error": _kind(record)}
            level = logging.DEBUG if _RUN_FAILED.match(_text(record)) else level
        else:
            fields = {"event": _text(record), "exc_info": record.exc_info}
        self._log.log(level, logger=record.name, **fields)


def _whole_tens(level: int) -> int:
    return min(max(level // 10 * 10, logging.DEBUG), logging.CRITICAL)


def _kind(record: logging.LogRecord) -> str | None:
    return record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None


def _text(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError):  # the arguments do not fit the format
        return str(record.msg)
