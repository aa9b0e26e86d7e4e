"""The one place that reads the wall clock: everything else is told the time, or is given a `Clock`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Gives the present instant, aware, UTC."""


def utc_now() -> datetime:
    """The machine's clock."""
    return datetime.now(UTC)


def ahead(seconds: int) -> Clock:
    """The machine's clock, so many seconds ahead: for trying what time alone brings (docs/adr/0089)."""
    return utc_now if seconds == 0 else lambda: utc_now() + timedelta(seconds=seconds)
