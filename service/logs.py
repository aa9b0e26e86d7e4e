"""Log events: one JSON object a line on standard error, made of listed fields only.

Guarantees that no text of a message can get into a log: a field's name must be in `FIELDS`, and a text must look like a
name, code, path or number; anything else is shown as its length. An exception is logged as its type and place, never
its words, which may hold a value. Libraries' own log records pass as logger, level and place alone.
"""

import logging
import re
import sys
import traceback
from typing import TypeAlias

import structlog

Value: TypeAlias = str | int | float | bool | None

FIELDS = frozenset(
    {
        "address", "agreement", "attempts", "batch", "bytes", "channel", "code", "count", "day", "digest", "directory",
        "epoch", "error", "host", "idx", "items", "kind", "level", "library", "lines", "origin", "parked", "partner",
        "path", "place", "port", "program", "reason", "role", "root", "route", "seconds", "setting", "size", "state",
        "status", "step", "target", "url", "version", "year",
    }
)  # fmt: skip
"""Every field a log event may have. None of them is filled with anything a partner wrote freely."""

LEVELS = ("debug", "info", "warning", "error")
_SAFE = re.compile(r"[A-Za-z0-9_.,:/@+<>\[\]*-]{0,200}", re.ASCII)


class Log:
    """Writes events of one program part. `event` is a fixed dotted name, such as `hub.started`."""

    def __init__(self) -> None:
        self._log = structlog.get_logger()

    def info(self, event: str, **fields: Value) -> None:
        """Something an operator may want to know."""
        self._log.info(event, **_checked(fields))

    def warning(self, event: str, **fields: Value) -> None:
        """Something an operator should look at when it goes on."""
        self._log.warning(event, **_checked(fields))

    def error(self, event: str, error: BaseException | None = None, **fields: Value) -> None:
        """Something an operator should look at now; `error` is shown by type and place."""
        if error is not None:
            fields |= {"error": type(error).__name__, "place": place(error)}
        self._log.error(event, **_checked(fields))


log = Log()


def configure(program: str, *, level: str = "info") -> None:
    """Send every log event of this process to standard error as JSON. Called once, where a program starts."""
    number = logging.getLevelNamesMapping()[level.upper()]
    _send_events(program, number)
    root = logging.getLogger()
    root.handlers[:] = [_Libraries()]
    root.setLevel(max(number, logging.WARNING))


def _send_events(program: str, number: int) -> None:
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            lambda _logger, _method, event: {"program": program, **event},
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )


_send_events("liaison", logging.WARNING)
"""Before, or without, `configure`: a command's standard output holds its result alone."""


def place(error: BaseException) -> str:
    """Where an error was raised: the last frames as `file:line`, innermost last. Holds no values."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return ">".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames)


class _Libraries(logging.Handler):
    """Records of uvicorn, aiohttp, asyncio and others: that they said something, and where, but not what."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Value] = {
            "library": record.name,
            "place": f"{record.filename}:{record.lineno}",
        }
        error = record.exc_info[1] if record.exc_info else None
        if record.levelno >= logging.ERROR:
            log.error("library", error, **fields)
            return
        if error is not None:
            fields |= {"error": type(error).__name__, "place": place(error)}
        log.warning("library", **fields)


def _checked(fields: dict[str, Value]) -> dict[str, Value]:
    unknown = fields.keys() - FIELDS
    if unknown:
        raise ValueError("a log event has a field that is not listed")
    return {name: _shown(value) for name, value in fields.items()}


def _shown(value: Value) -> Value:
    if isinstance(value, str) and _SAFE.fullmatch(value) is None:
        return f"<{len(value)}>"
    return value
