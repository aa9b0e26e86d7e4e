"""A period of an agreement: so many calendar days, working days or months; and how each is counted.

The day from which it runs is not counted; the last day is a whole day (domain.md 4.4). "days" without more are calendar
days; a year is twelve months; a month ends on the same day number, or on the last day of a shorter month; "immediately"
is the day itself. A lead counts backward from an event: what must arrive before it arrives on a day with at least that
many full days between (domain.md 11.6).
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Protocol, TypeAlias, cast

from schemas.errors import Rejected

Basis: TypeAlias = Literal["CD", "WD", "M"]
"""Calendar days, working days, months."""

WORDS = {"CD": "calendar days", "WD": "working days", "M": "months"}
NUMBER_MAX = 1200
"""Longest period in its own unit: far beyond any treaty's, and short enough to walk day by day."""

ONE_DAY = timedelta(days=1)

_ISO = re.compile(r"P([0-9]{1,3})([YM])", re.ASCII)


class Calendar(Protocol):
    """Which days are working days somewhere. It answers for any day; how far to trust it is its owner's matter."""

    def is_working_day(self, day: date) -> bool:
        """Whether authorities work on that day."""


@dataclass(frozen=True, slots=True)
class Period:
    """So many of one unit; `n` is 0 for "immediately"."""

    n: int
    basis: Basis

    @property
    def words(self) -> str:
        """As a reader says it."""
        return f"{self.n} {WORDS[self.basis]}" if self.n else "immediately"


@dataclass(frozen=True, slots=True)
class Extension:
    """By how much a period can be made longer: by a period, to a whole one, or while an obstacle lasts (neither)."""

    by: Period | None
    to: Period | None

    @property
    def words(self) -> str:
        """As a reader says it."""
        if self.by is not None:
            return f"by {self.by.words}" if self.by.n else "none"
        return "while the obstacle lasts" if self.to is None else f"to {self.to.words} in all"

    @property
    def basis(self) -> Basis:
        """The unit in which an extension is asked for: its own, else calendar days."""
        bound = self.by or self.to
        return "CD" if bound is None else bound.basis

    def rest(self, of: Period) -> Period:
        """The longest extension of a period itself: of a whole period, what is left of it in the same unit."""
        bound = self.by or self.to or of
        if self.to is None or self.to.basis != of.basis:
            return bound
        return Period(self.to.n - of.n, of.basis)


NO_EXTENSION = Extension(Period(0, "CD"), None)
"""The text was read and provides none, or the step is none that can be made longer."""


def parse_period(value: object, path: str) -> Period:
    """A period as profiles write it: `{"n", "basis"}`, `P1Y`, `P3M` or `immediately`.

    Raises:
        Rejected: FIELD_TYPE, FIELD_PATTERN, FIELD_MISSING, FIELD_UNKNOWN, FIELD_RANGE or CODE_UNKNOWN, with `path`.
    """
    if isinstance(value, str):
        found = _ISO.fullmatch(value)
        if value == "immediately":
            return Period(0, "CD")
        if found is None:
            raise Rejected("FIELD_PATTERN", path)
        return Period(_number(int(found[1]) * (12 if found[2] == "Y" else 1), path), "M")
    if not isinstance(value, Mapping):
        raise Rejected("FIELD_TYPE", path)
    for name in ("n", "basis"):
        if name not in value:
            raise Rejected("FIELD_MISSING", f"{path}/{name}")
    if len(value) > 2:
        raise Rejected("FIELD_UNKNOWN", path)
    if value["basis"] not in ("CD", "WD"):
        raise Rejected("CODE_UNKNOWN", f"{path}/basis")
    return Period(_number(value["n"], f"{path}/n"), cast("Basis", value["basis"]))


def parse_extension(value: object, path: str) -> Extension:
    """An extension as profiles write it: `{"n", "basis"}`, `{"to": {"n", "basis"}}` or `while_obstacle`.

    Raises:
        Rejected: as `parse_period`.
    """
    if isinstance(value, str):
        if value != "while_obstacle":
            raise Rejected("CODE_UNKNOWN", path)
        return Extension(None, None)
    if isinstance(value, Mapping) and "to" in value:
        if len(value) > 1:
            raise Rejected("FIELD_UNKNOWN", path)
        return Extension(None, parse_period(value["to"], f"{path}/to"))
    return Extension(parse_period(value, path), None)


def last_day(start: date, period: Period, calendar: Calendar) -> date:
    """The last day of a period that runs from `start`, which itself is not counted."""
    if period.basis == "CD":
        return start + timedelta(days=period.n)
    if period.basis == "M":
        return _add_months(start, period.n)
    day = start
    left = period.n
    while left:
        day += ONE_DAY
        left -= calendar.is_working_day(day)
    return day


def latest_arrival(event: date, lead: Period, calendar: Calendar) -> date:
    """The last day on which a notice is in time: so many full days lie between it and the event.

    Raises:
        ValueError: the lead is in months, which no agreement has.
    """
    if lead.basis == "M":
        raise ValueError("a lead is a number of days")
    day = event
    left = lead.n
    while left:
        day -= ONE_DAY
        left -= lead.basis == "CD" or calendar.is_working_day(day)
    return day - ONE_DAY


def next_working_day(day: date, calendar: Calendar) -> date:
    """The day itself when it is a working day, else the first one after it."""
    while not calendar.is_working_day(day):
        day += ONE_DAY
    return day


def _add_months(start: date, months: int) -> date:
    years, month = divmod(start.month - 1 + months, 12)
    _, longest = monthrange(start.year + years, month + 1)
    return date(start.year + years, month + 1, min(start.day, longest))


def _number(value: object, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Rejected("FIELD_TYPE", path)
    if not 1 <= value <= NUMBER_MAX:
        raise Rejected("FIELD_RANGE", path)
    return value
