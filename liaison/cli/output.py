"""What commands print, and how they end: data on stdout, messages on stderr, one exit code per kind of ending.

Guarantees that with `--json` standard output holds exactly one JSON document, also when the command was refused; that
an error shows its code, pointer and fixed words, and an unforeseen one its type and place, but never an exception's own
text, for that may hold a value from a message (LIAISON_DEBUG=1 shows it); that colour and progress appear only on a
terminal and never with NO_COLOR. `rich` is imported on first use alone.

A group module writes `app = group("what it is for")` and plain functions; it may return an `ExitCode`.
"""

import dataclasses
import enum
import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias

import typer
from typer.main import get_command

from schemas.errors import CODES, Fault, Rejected, Unavailable

Advance: TypeAlias = Callable[[int, int | None], None]
"""Tells how far a long command is: (done, total or None while it is not known)."""


class ExitCode(enum.IntEnum):
    """How a command ended (design.md section 2)."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_VERIFIED = 3
    REFUSED = 4
    UNREACHABLE = 5


NOT_VERIFIED_CODES = frozenset(
    {"PROOF_INVALID", "CHECKPOINT_INVALID", "LOG_INCONSISTENT", "LOG_BEHIND", "BACKUP_INVALID", "DIRECTORY_INVALID"}
)
"""Refusals that mean a proof does not hold; all others mean that a rule says no."""


def group(about: str) -> typer.Typer:
    """A new group of commands, which stays a group even while it has one command."""
    app = typer.Typer(help=about, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    app.callback()(_nothing_before_commands)
    return app


def single(about: str) -> typer.Typer:
    """A new app for a group that is itself one command (`demo`, `doctor`)."""
    return typer.Typer(help=about, add_completion=False, pretty_exceptions_enable=False)


def _nothing_before_commands() -> None:
    """A callback makes typer keep a group of one command a group."""


def emit(value: object, as_json: bool = False) -> None:
    """Print a result on standard output.

    Args:
        value: anything JSON can hold, also dataclasses, aware datetimes, dates, bytes (as hex) and paths.
        as_json: one JSON document; else aligned `name: value` lines, a table for a list of objects.
    """
    plain = json.loads(json.dumps(value, default=_plain, ensure_ascii=False))
    if as_json:
        text = json.dumps(plain, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None)
    else:
        text = "\n".join(_human(plain))
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def note(message: str) -> None:
    """Tell the person at the terminal something; not part of the result."""
    sys.stderr.write(message + "\n")
    sys.stderr.flush()


def colourful() -> bool:
    """Whether standard error is a terminal that may be coloured (no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR")


@contextmanager
def progress(label: str) -> Iterator[Advance]:
    """Show how far a long command is, on standard error of a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total: None  # noqa: ARG005 - the shape of Advance
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def run(app: typer.Typer, arguments: Sequence[str], *, name: str, single: bool = False) -> int:
    """Run one command of a group and turn every way to end into an exit code.

    Args:
        app: the group's typer app.
        arguments: the words after the group's name.
        name: the group's name, for usage texts.
        single: the group is one command; otherwise it stays a group even with one command.
    """
    if not single and app.registered_callback is None:
        app.callback()(_nothing_before_commands)
    as_json = "--json" in arguments
    try:
        ending = get_command(app).main(args=list(arguments), prog_name=f"liaison {name}", standalone_mode=False)
    except typer.Abort:
        note("Stopped.")
        return ExitCode.FAILED
    except typer.TyperException as error:  # a usage error: typer's own words, without a frame around them
        show = getattr(error, "show", None)
        if show is None:
            note(f"Error: {error.format_message()}")
        else:
            show()
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the one place where an ending becomes an exit code
        return explain(_innermost(error), as_json=as_json)
    return ending if isinstance(ending, int) else ExitCode.DONE


def explain(error: BaseException, *, as_json: bool) -> ExitCode:
    """Print why a command failed, without any value from a message, and give the exit code."""
    match error:
        case Rejected():
            where = {} if error.path is None else {"path": error.path}
            _problem({"code": error.code, **where}, f"Refused: {error}. {error.words}", as_json=as_json)
            return ExitCode.NOT_VERIFIED if error.code in NOT_VERIFIED_CODES else ExitCode.REFUSED
        case Unavailable():
            words = CODES[error.code].words if error.code in CODES else ""
            _problem({"code": error.code}, f"Unreachable: {error.code}. {words}", as_json=as_json)
            return ExitCode.UNREACHABLE
        case Fault():
            _problem({"code": "INTERNAL"}, f"Fault: {error}. Nothing more was done.", as_json=as_json)
        case _:
            _problem({"code": "INTERNAL"}, f"Failed: {_where(error)}", as_json=as_json)
    if os.environ.get("LIAISON_DEBUG"):
        traceback.print_exception(error)
    return ExitCode.FAILED


def _problem(document: Mapping[str, str], words: str, *, as_json: bool) -> None:
    if as_json:
        emit(document, as_json=True)
    note(words.rstrip())


def _innermost(error: BaseException) -> BaseException:
    """The one error inside a task group's wrapping; the group itself when it holds several."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _where(error: BaseException) -> str:
    """Type and places of an unforeseen error. Source lines hold no values; the error's text might."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    stack = error.__traceback__
    frames = "".join(f"\n  {line}" for line in _frames(stack))
    return f"{type(error).__name__} (LIAISON_DEBUG=1 shows more){frames}"


def _frames(stack: TracebackType | None) -> list[str]:
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(stack)[-6:]]


def _plain(value: object) -> Any:
    match value:
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
        case datetime() if value.tzinfo is not None:
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case datetime() | date():
            return value.isoformat()
        case Path():
            return str(value)
        case set() | frozenset():
            return sorted(value)
        case Mapping():
            return dict(value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    raise TypeError(type(value).__name__)


def _human(value: Any, indent: str = "") -> Iterator[str]:
    match value:
        case dict():
            width = max((len(key) for key in value), default=0) + 1
            for key, inner in value.items():
                if isinstance(inner, dict | list) and inner:
                    yield f"{indent}{key}:"
                    yield from _human(inner, indent + "  ")
                else:
                    yield f"{indent}{key + ':':<{width}} {_cell(inner)}"
        case list() if value and all(isinstance(row, dict) for row in value):
            yield from (indent + line for line in _table(value))
        case list():
            for row in value:
                if isinstance(row, dict | list):
                    yield from _human(row, indent + "  ")
                else:
                    yield f"{indent}- {_cell(row)}"
        case _:
            yield indent + _cell(value)


def _table(rows: list[dict[str, Any]]) -> Iterator[str]:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [[name.upper() for name in names], *([_cell(row.get(name)) for name in names] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(names))]
    for line in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case dict() | list():
            return json.dumps(value, ensure_ascii=False) if value else "-"
        case _:
            # a partner's text must not move the reader's cursor or colour the terminal
            return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in str(value))
