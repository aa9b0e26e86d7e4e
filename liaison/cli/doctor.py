"""`liaison doctor`: does this machine have what Liaison needs, and what to type next.

Changes nothing but a file it writes into the data directory and removes again. A part that only tests need is a
warning when it is missing, never a failure.
"""

import os
import shutil
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from liaison.cli.output import ExitCode, emit, note, single

app = single(__doc__ or "")

SQLITE_OLDEST = (3, 37, 0)
"""STRICT tables; WAL and the SQL we use are older."""
FREE_BYTES_LEAST = 1 << 30
RELEASED = datetime(2026, 11, 1, tzinfo=UTC)
"""No right clock shows an earlier time than the release this file belongs to."""
SOURCE = Path(__file__).resolve().parents[2]
NEXT = (
    "python3 bootstrap.py demo         three authorities on this machine, about a minute",
    "liaison schema show ident.request --example --json",
    "liaison hub init var/hub          a hub of your own",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `state` is ok, missing (only some things need it) or wrong."""

    name: str
    state: Literal["ok", "missing", "wrong"]
    found: str


@app.command()
def doctor(
    data: Annotated[
        Path, typer.Option("--data", help="The directory that hub or edge will keep its data in.")
    ] = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> ExitCode:
    """Look at this machine and say what is missing."""
    checks = [
        _python(),
        _environment(),
        *_packages(),
        _signatures(),
        _sqlite(),
        _clock(datetime.now(UTC)),
        _writable(data),
        _space(data),
        *_server(data),
        _pdf(),
        _program("chromium", "the browser test"),
        _program("node", "the second reader's test"),
    ]
    healthy = all(check.state != "wrong" for check in checks)
    emit({"healthy": healthy, "checks": checks, "next": list(NEXT)} if as_json else checks, as_json)
    if not as_json:
        note(("\nAll that is needed is there." if healthy else "\nSomething needed is wrong.") + " Next:")
        for line in NEXT:
            note(f"  {line}")
    return ExitCode.DONE if healthy else ExitCode.FAILED


def _python() -> Check:
    return Check("Python 3.11 or newer", "ok" if sys.version_info >= (3, 11) else "wrong", sys.version.split()[0])


def _environment() -> Check:
    inside = sys.prefix != sys.base_prefix
    return Check("an environment of its own", "ok" if inside else "missing", sys.prefix)


def _packages() -> list[Check]:
    """Installed versions against the pinned ones; nothing to compare with outside a source tree."""
    from importlib.metadata import PackageNotFoundError, version

    pins = SOURCE / "requirements" / "run.txt"
    if not pins.is_file():
        return []
    wrong = []
    count = 0
    for line in pins.read_text(encoding="utf-8").splitlines():
        name, equals, rest = line.partition("==")
        if not equals or line.startswith((" ", "#")):
            continue
        pinned, _, marker = rest.rstrip(" \\").partition(" ; ")
        count += 1
        try:
            found = version(name)
        except PackageNotFoundError:
            if not marker:  # one with a marker may be for another system
                wrong.append(f"{name} is not installed")
            continue
        if found != pinned.strip():
            wrong.append(f"{name} {found} instead of {pinned.strip()}")
    return [Check("packages as pinned", "wrong" if wrong else "ok", "; ".join(wrong) or f"{count} packages")]


def _signatures() -> Check:
    """Both signature schemes, made and checked once with the wheel that is installed."""
    from keys.signing import sign, verify
    from keys.suite import SigningPair
    from schemas.errors import LiaisonError

    pair = SigningPair.generate()
    try:
        verify(pair.public, sign(pair, "text/plain", b"doctor", b"doctor"), "text/plain", b"doctor", b"doctor")
    except (LiaisonError, RuntimeError) as error:
        return Check("Ed25519 and ML-DSA-65", "wrong", type(error).__name__)
    return Check("Ed25519 and ML-DSA-65", "ok", "signed and verified")


def _sqlite() -> Check:
    import sqlite3

    fine = sqlite3.sqlite_version_info >= SQLITE_OLDEST
    return Check(
        f"SQLite {'.'.join(map(str, SQLITE_OLDEST))} or newer", "ok" if fine else "wrong", sqlite3.sqlite_version
    )


def _clock(now: datetime) -> Check:
    return Check("the clock", "ok" if now >= RELEASED else "wrong", now.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _writable(data: Path) -> Check:
    place = _nearest(data)
    try:
        with tempfile.NamedTemporaryFile(dir=place) as file:
            file.write(b"doctor")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Check("the data directory can be written to", "wrong", f"{place}: {error.strerror}")
    return Check("the data directory can be written to", "ok", str(place))


def _space(data: Path) -> Check:
    free = shutil.disk_usage(_nearest(data)).free
    return Check("1 GiB of free space", "ok" if free >= FREE_BYTES_LEAST else "wrong", f"{free / (1 << 30):.1f} GiB")


def _server(data: Path) -> list[Check]:
    """The database server of a hub whose data directory this is; nothing to look at for one with a file."""
    from hub.settings import SETTINGS_FILE, load_settings
    from schemas.errors import Rejected, Unavailable

    if not (data / SETTINGS_FILE).is_file():
        return []
    try:
        settings = load_settings(data)
        if not settings.database_url:
            return []
        from hub.store.engine import open_engine
        from hub.store.inspection import inspect

        with closing(
            open_engine(settings.database, settings.database_url, settings.database_password_file)
        ) as connection:
            return [Check(one.name, "ok" if one.sound else "wrong", one.found) for one in inspect(connection)]
    except (Rejected, Unavailable) as error:
        return [Check("the hub's database server", "wrong", error.code)]


def _nearest(path: Path) -> Path:
    """The path itself, or the nearest directory above it that exists already."""
    return next(place for place in (path.absolute(), *path.absolute().parents) if place.is_dir())


def _pdf() -> Check:
    """The libraries that `liaison schema form` loads; asking for them is cheaper than importing WeasyPrint."""
    from ctypes import CDLL

    missing = []
    for name in ("libpango-1.0.so.0", "libpangoft2-1.0.so.0", "libharfbuzz-subset.so.0"):
        try:
            CDLL(name)
        except OSError:
            missing.append(name)
    found = f"missing: {', '.join(missing)} (packages.txt)" if missing else "Pango and HarfBuzz"
    return Check("printing (only for schema form)", "missing" if missing else "ok", found)


def _program(name: str, needed_by: str) -> Check:
    found = shutil.which(name)
    return Check(f"{name} (only for {needed_by})", "ok" if found else "missing", found or "not on the path")
