"""Whether the hub can do its work now: database, disk, directory, clock, log, each judged for itself.

`times` says that the clock keeper ends nothing, for our clock is ahead of partners' word. It takes no hub out of
service: what heals it by itself is a partner's next signed request, which must get in.
"""

import os
from collections.abc import Callable, Mapping
from datetime import timedelta

from hub.log.claims import standing
from hub.store import tables
from hub.store.engine import transaction
from hub.wiring import Hub
from schemas.errors import LiaisonError, Rejected, Unavailable

ADVISORY = frozenset({"times"})
"""Shown, and no reason to send no traffic here."""


def check_all(hub: Hub) -> Mapping[str, str]:
    """`ok` or a code for each thing; a check that fails says nothing about the others."""
    checks: dict[str, Callable[[Hub], None]] = {
        "database": _database,
        "disk": _disk,
        "directory": _directory,
        "clock": _clock,
        "times": _times,
        "log": _log,
    }
    found = {}
    for name, check in checks.items():
        try:
            check(hub)
            found[name] = "ok"
        except (Rejected, Unavailable) as error:
            found[name] = error.code
        except LiaisonError:
            found[name] = "INTERNAL"
    return found


def _database(hub: Hub) -> None:
    """Its tables are still ones that this release may work with, a row can be written durably, and a batch was.

    A full disk may have room for the one and not for the other.
    """
    tables.check(hub.connection)
    failed_at = hub.writer.failed_at
    if failed_at is not None and hub.clock() < failed_at + timedelta(seconds=hub.settings.commit_failed_seconds):
        raise Unavailable("STORE_UNAVAILABLE")
    with transaction(hub.connection):
        hub.connection.execute(tables.SET_META, ("probe", str(int(hub.clock().timestamp())).encode()))


def _disk(hub: Hub) -> None:
    try:
        about = os.statvfs(hub.settings.folder)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    if about.f_bavail * about.f_frsize < hub.settings.disk_free_bytes_min:
        raise Unavailable("STORE_UNAVAILABLE")


def _directory(hub: Hub) -> None:
    """The version in use may be relied on, and the one on disk was not refused."""
    hub.directories.current.check_fresh(hub.clock())
    if hub.directories.fault is not None:
        raise Rejected("DIRECTORY_INVALID")


def _clock(hub: Hub) -> None:
    """The clock is not behind the log, whose time never falls."""
    if hub.clock() < hub.writer.last_at - timedelta(seconds=hub.settings.clock_behind_seconds_max):
        raise Rejected("CLOCK_AHEAD")


def _times(hub: Hub) -> None:
    """The clock keeper does not hold back what is due."""
    if hub.witness.held:
        raise Rejected("CLOCK_AHEAD")


def _log(hub: Hub) -> None:
    """No partner has signed that it saw more of the log than there is."""
    if standing(hub.connection) is not None:
        raise Unavailable("LOG_BEHIND")
