"""What day it is in a state, and which of its days are working days.

This file owns `holidays` and `tzdata`: nobody else asks them. Zones come from the pinned package `tzdata`, never from
the machine, so that two partners and a court count alike (docs/adr/0060). Public holidays and weekends come from the
pinned package `holidays`, imported at the first question about a working day; the dated rows of `calendars.json` win.

Guarantees that a year for which nobody knows the holidays is said to be so (`covers`), and that an override nobody has
read in its source is told apart (`unread`): a date may be shown by it, consent never.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from schemas.codes import states
from schemas.errors import Rejected

if TYPE_CHECKING:
    from holidays.holiday_base import HolidayBase

Effect: TypeAlias = Literal["no_public_holidays", "day_off", "working_day"]
"""What an override does with its days: no public holiday counts there; they are off; they are worked."""

EFFECTS = ("no_public_holidays", "day_off", "working_day")
WEEKEND = "weekend"
FILE = Path(__file__).with_name("calendars.json")


@dataclass(frozen=True, slots=True)
class Override:
    """What national law changes about a state's days.

    Attributes:
        state: ISO alpha-3.
        effect: what becomes of the days.
        first: the first day.
        last: the last day, itself included; None while it lasts.
        source: the text.
        verified: whether somebody has read that text.
    """

    state: str
    effect: Effect
    first: date
    last: date | None
    source: str
    verified: bool

    def holds_on(self, day: date) -> bool:
        """Whether it speaks of this day."""
        return self.first <= day and (self.last is None or day <= self.last)


@dataclass(frozen=True, slots=True)
class NationalCalendar:
    """The working days of one state.

    Attributes:
        state: ISO alpha-3.
        overrides: those of this state; a day's own (`day_off`, `working_day`) win over `no_public_holidays`.
    """

    state: str
    overrides: tuple[Override, ...] = field(default=())

    def is_working_day(self, day: date) -> bool:
        """Whether authorities there work on that day. A year that is not covered has weekends alone."""
        found = self._override(day, "day_off", "working_day")
        if found is not None:
            return found.effect == "working_day"
        library = self._library()
        holiday = day in library  # asked first: the package learns a year's moved working days with its holidays
        if library.is_weekend(day):
            return day in library.weekend_workdays
        return not holiday or self._override(day, "no_public_holidays") is not None

    def day_off(self, day: date) -> str | None:
        """The name of the public holiday that makes a day off, `weekend`, or None for a working day."""
        if self.is_working_day(day):
            return None
        library = self._library()
        if library.is_weekend(day):
            return WEEKEND
        return library.get(day) or "day off by override"

    def covers(self, day: date) -> bool:
        """Whether the holidays of that day's year are known at all."""
        library = self._library()
        return library.start_year <= day.year <= library.end_year

    def unread(self, first: date, last: date) -> tuple[Override, ...]:
        """Overrides that bear on these days and that nobody has verified."""
        return tuple(
            one
            for one in self.overrides
            if not one.verified and one.first <= last and (one.last is None or first <= one.last)
        )

    def _override(self, day: date, *effects: Effect) -> Override | None:
        return next((one for one in self.overrides if one.effect in effects and one.holds_on(day)), None)

    def _library(self) -> "HolidayBase":
        # A state whose holidays the package itself already leaves out for a time has them in its category `workday`:
        # here the dated override decides, not the package's release.
        suspended = any(one.effect == "no_public_holidays" for one in self.overrides)
        return _holidays(self.state, suspended)


def calendar(state: str) -> NationalCalendar:
    """The calendar of a state. Raises Rejected (CODE_UNKNOWN) for one whose zone is not in the table."""
    if state not in _table()[0]:
        raise Rejected("CODE_UNKNOWN", "/requested")
    return NationalCalendar(state, tuple(one for one in _table()[1] if one.state == state))


def zone(state: str) -> ZoneInfo:
    """The time zone of a state's capital. Raises Rejected (CODE_UNKNOWN) as `calendar` does."""
    name = _table()[0].get(state)
    if name is None:
        raise Rejected("CODE_UNKNOWN", "/requested")
    return _zone(name)


def civil_date(at: datetime, state: str) -> date:
    """The date it is in a state at an instant.

    Raises:
        ValueError: the instant has no zone.
        Rejected: CODE_UNKNOWN for a state without a zone in the table.
    """
    if at.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return at.astimezone(zone(state)).date()


def crossing_date(at: datetime, point: str) -> date:
    """The date it is at a border crossing point at an instant: of its own zone, else of its state's capital.

    Where the state has no zone in the table it is the date that the instant was written with.

    Args:
        at: an instant with its zone.
        point: the state's ISO 3166-1 alpha-2 code, then UN/LOCODE or the partner's own code.
    """
    own = _table()[2].get(point)
    name = _table()[0].get(states.from_alpha2(point[:2]) or "") if own is None else own
    return at.date() if name is None else at.astimezone(_zone(name)).date()


def day_ends_at(day: date, state: str) -> datetime:
    """The first instant (UTC) after a civil date of a state: its 24:00 there. Raises Rejected as `zone` does."""
    after = day + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=zone(state)).astimezone(UTC)


def known_states() -> frozenset[str]:
    """The states that have a zone, and with it a calendar."""
    return frozenset(_table()[0])


def sources() -> dict[str, str]:
    """The releases that were counted with: package -> version."""
    return {name: metadata.version(name) for name in ("holidays", "tzdata")}


def parse_override(row: Mapping[str, Any]) -> Override:
    """One row of the table. Raises KeyError for one without a member, ValueError for a day or effect there is not."""
    if row["effect"] not in EFFECTS:
        raise ValueError("no such effect")
    last = None if row["to"] is None else date.fromisoformat(row["to"])
    if row["effect"] == "day_off" and last is None:
        raise ValueError("days off without an end")  # no working day would ever follow
    date.fromisoformat(row["dated"])
    return Override(
        row["state"],
        cast("Effect", row["effect"]),
        date.fromisoformat(row["from"]),
        last,
        row["source"],
        row["verified"],
    )


@cache
def _table() -> tuple[Mapping[str, str], tuple[Override, ...], Mapping[str, str]]:
    content = json.loads(FILE.read_text(encoding="utf-8"))
    overrides = tuple(parse_override(row) for row in content["overrides"])
    return MappingProxyType(content["zones"]), overrides, MappingProxyType(content["border_points"])


@cache
def _zone(name: str) -> ZoneInfo:
    place = resources.files("tzdata") / "zoneinfo"
    for part in name.split("/"):
        place /= part
    with place.open("rb") as stored:
        return ZoneInfo.from_file(stored, key=name)


@cache
def _holidays(state: str, suspended: bool) -> "HolidayBase":  # noqa: FBT001 - part of the cache's key
    import holidays  # noqa: PLC0415 - 0.15 seconds that a clock in calendar days need not pay

    categories = ("public", "workday") if suspended else ("public",)
    found: HolidayBase = getattr(holidays, states.alpha2(state) or state)(categories=categories, language="en_US")
    return found
