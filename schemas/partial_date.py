"""Dates of which parts may be unknown: `YYYY-MM-DD`, `YYYY-MM`, `YYYY`, `XXXX-XX-XX` (domain.md 6).

A subset of EDTF level 1 (ISO 8601-2), Gregorian. What is known is a span of days, from the earliest to the latest that
the date can be; a comparison asks the end that decides. A made-up date is refused: systems write 1900-01-01, or zeros,
for people about whom nothing is known, and such a date would match a thousand others.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta

from schemas.errors import Rejected

UNKNOWN = "XXXX-XX-XX"

_FORM = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class PartialDate:
    """A span of days that holds the date.

    Attributes:
        value: as it was written.
        earliest, latest: the first and the last day it can be; both None when nothing is known.
    """

    value: str
    earliest: date | None
    latest: date | None

    @property
    def exact(self) -> bool:
        """Whether the day is known."""
        return self.earliest is not None and self.earliest == self.latest

    def __repr__(self) -> str:
        return "PartialDate()"


def parse(value: str) -> PartialDate:
    """Read a partial date.

    Raises:
        Rejected: DATE_PLACEHOLDER for 1900-01-01 and for zeros in place of a year, month or day; FIELD_PATTERN for any
            other text, days that do not exist among them.
    """
    if value == UNKNOWN:
        return PartialDate(value, None, None)
    found = _FORM.fullmatch(value)
    if found is None:
        raise Rejected("FIELD_PATTERN")
    year, month, day = found.groups()
    if value == "1900-01-01" or year == "0000" or "00" in {month, day}:
        raise Rejected("DATE_PLACEHOLDER")
    try:
        earliest = date(int(year), int(month or 1), int(day or 1))
    except ValueError as error:
        raise Rejected("FIELD_PATTERN") from error
    return PartialDate(value, earliest, earliest if day else _last_day(earliest, of_year=month is None))


def _last_day(first: date, *, of_year: bool) -> date:
    if of_year or first.month == 12:
        return date(first.year, 12, 31)
    return date(first.year, first.month + 1, 1) - timedelta(days=1)
