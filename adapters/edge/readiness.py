"""Whether the edge can do its work now: database, disk, directory, log, channels, each judged for itself."""

import os
from collections.abc import Callable, Mapping

from adapters.edge.tables import write_meta
from adapters.edge.wiring import Edge
from schemas.errors import LiaisonError, Rejected, Unavailable
from service.sqlite import transaction


async def check_all(edge: Edge) -> Mapping[str, str]:
    """`ok` or a code for each thing; a check that fails says nothing about the others."""
    checks: dict[str, Callable[[Edge], None]] = {
        "database": _database,
        "disk": _disk,
        "directory": _directory,
        "log": _log,
    }
    found = {}
    for name, check in checks.items():
        try:
            check(edge)
            found[name] = "ok"
        except (Rejected, Unavailable) as error:
            found[name] = error.code
        except LiaisonError:
            found[name] = "INTERNAL"
    for name, channel in edge.channels.items():
        found |= {f"{name}.{check.name}": check.state for check in await channel.probe()}
    return found


def held(edge: Edge) -> Mapping[str, int | None]:
    """How many submissions wait for an officer and how long the oldest has, in the metrics too.

    No reason to be unready: they wait for a person, and everything else goes on. None where it cannot be read now.
    """
    try:
        waiting = edge.holds.waiting()
    except Unavailable:
        return {"count": None, "oldest_seconds": None}
    age = 0 if waiting.oldest is None else max(0, int(edge.seconds()) - waiting.oldest)
    edge.metrics.held.set(waiting.count)
    edge.metrics.held_oldest.set(age)
    return {"count": waiting.count, "oldest_seconds": age}


def _database(edge: Edge) -> None:
    """A row can be written durably."""
    with transaction(edge.connection):
        write_meta(edge.connection, "probe", str(int(edge.seconds())).encode())


def _disk(edge: Edge) -> None:
    try:
        about = os.statvfs(edge.settings.folder)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    if about.f_bavail * about.f_frsize < edge.settings.disk_free_bytes_min:
        raise Unavailable("STORE_UNAVAILABLE")


def _directory(edge: Edge) -> None:
    _ = edge.directories.current


def _log(edge: Edge) -> None:
    edge.monitor.check_trusted()
