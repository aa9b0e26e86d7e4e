"""Dates of a zone: six characters, no century, and birth dates of which parts are unknown (domain.md 2.1).

The century is inferred: a birth is not in the future; an expiry lies between ten years before and fifty years after the
day of reading or, when neither century puts it there, is the latest one already past. Whoever shows such a date is told
that its century was inferred.
"""

import re
from datetime import date

_BIRTH = re.compile(r"(?:[0-9]{6}|[0-9]{4}<<|[0-9]{2}<<(?:[0-9]{2}|<<)|<{6})", re.ASCII)
_FULL = re.compile(r"[0-9]{6}", re.ASCII)

_CENTURIES = (2100, 2000, 1900)
_EXPIRED_YEARS = 10
_VALID_YEARS = 50


def read_birth(written: str, today: date) -> str | None:
    """A birth as a partial date (`schemas.partial_date`); None for one that cannot be.

    A day whose month is unknown says no more than its year.
    """
    if _BIRTH.fullmatch(written) is None:
        return None
    if written == "<<<<<<":
        return "XXXX-XX-XX"
    year, month, day = written[:2], written[2:4], written[4:]
    for century in _CENTURIES:
        earliest = _day(century, year, month.replace("<<", "01"), "01" if "<<" in {month, day} else day)
        if earliest is not None and earliest <= today:
            return _written(earliest, known_month=month != "<<", known_day="<<" not in {month, day})
    return None


def read_expiry(written: str, today: date) -> str | None:
    """An expiry as `YYYY-MM-DD`; None for one that is partial or cannot be."""
    if _FULL.fullmatch(written) is None:
        return None
    found = [day for century in _CENTURIES if (day := _day(century, written[:2], written[2:4], written[4:]))]
    near = [day for day in found if _in_window(day, today)]
    past = [day for day in found if day < today]
    chosen = near or past
    return chosen[0].isoformat() if chosen else None


def _in_window(day: date, today: date) -> bool:
    """Compared by year, month and day: 29 February has no anniversary in most years."""
    written = (day.year, day.month, day.day)
    earliest = (today.year - _EXPIRED_YEARS, today.month, today.day)
    return earliest <= written <= (today.year + _VALID_YEARS, today.month, today.day)


def _day(century: int, year: str, month: str, day: str) -> date | None:
    try:
        return date(century + int(year), int(month), int(day))
    except ValueError:
        return None


def _written(day: date, *, known_month: bool, known_day: bool) -> str:
    return day.isoformat()[: 10 if known_day else 7 if known_month else 4]
