"""The 90/180 rule: which days count, how many of them are used, how many are left (SBC art. 6(1) and (2)).

A stay is of no more than 90 days in any period of 180 days, looking back from each day of stay. The day of entry is the
first day of stay, the day of exit the last; days are counted once however many stays they belong to; stays under a
residence permit or a long-stay visa do not count. Days are civil dates of the place and have no zone here.

The states are taken as one territory; `schemas.stay.territory` says who belongs to it since when.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import count as steps
from typing import Literal, TypeAlias

from schemas.errors import Rejected

DAYS_MAX = 36_500
"""Most days present in one account; beyond it the dates are wrong, and counting them would only cost time."""

ALLOWED_DAYS = 90
PERIOD_DAYS = 180

TITLES = ("visa", "visa_free", "residence_permit", "long_stay_visa", "bilateral_waiver")
"""What a stay is `under`, as a payload's Stay block has it."""

UNCOUNTED = frozenset({"residence_permit", "long_stay_visa"})


Rule: TypeAlias = Literal["90_180", "VALIDITY", "DURATION", "ENTRIES", "TERRITORY"]
"""What a day of stay may break: the 90 days in 180, or a term of the visa."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One stay. Without `exit` it is still going on; `under` is one of `TITLES`.

    An exit written as an earlier civil date than the entry, which two zones can bring about, is on the day of entry.

    Attributes:
        entry: the first day.
        exit: the last day.
        under: on what title.
        state: where, ISO alpha-3; None: somewhere in the territory, so that every day counts.
        exit_state: through which state it ended; None where that is not known.
    """

    entry: date
    exit: date | None = None
    under: str = "visa_free"
    state: str | None = None
    exit_state: str | None = None


def until(stays: Iterable[Stay], on: date) -> list[Stay]:
    """The stays as they stand on a day: an open one has lasted to it, later days are not there yet; by entry."""
    return sorted((_as_on(stay, on) for stay in stays if stay.entry <= on), key=by_entry)


def _as_on(stay: Stay, on: date) -> Stay:
    if stay.exit is None or stay.exit > on:
        return replace(stay, exit=on, exit_state=None)
    return replace(stay, exit=max(stay.entry, stay.exit))


def by_entry(stay: Stay) -> tuple[date, date, str, str, str]:
    """The order of stays."""
    return stay.entry, last_day(stay), stay.under, stay.state or "", stay.exit_state or ""


def last_day(stay: Stay) -> date:
    """The day of exit, or of entry for a stay that still goes on."""
    return stay.entry if stay.exit is None else stay.exit


def present(stays: Iterable[Stay]) -> list[int]:
    """The days of stays that ended, each once, in order, as ordinals.

    Raises:
        Rejected: FIELD_RANGE when they are more than `DAYS_MAX`.
    """
    days: list[int] = []
    for stay in sorted(stays, key=lambda stay: stay.entry):
        first = stay.entry.toordinal()
        if days:
            first = max(first, days[-1] + 1)
        last = last_day(stay).toordinal()
        if last - first + 1 + len(days) > DAYS_MAX:
            raise Rejected("FIELD_RANGE", "/stays")
        days.extend(range(first, last + 1))
    return days


def counted(stays: Iterable[Stay]) -> list[Stay]:
    """The stays that count."""
    return [stay for stay in stays if stay.under not in UNCOUNTED]


def used(days: Sequence[int], day: int) -> int:
    """How many of these days (ordinals, in order, each once) lie in the 180 that end with this one."""
    return bisect_right(days, day) - bisect_left(days, day - PERIOD_DAYS + 1)


def over(days: Sequence[int]) -> list[int]:
    """The days on which more than 90 are used."""
    return [day for day in days if used(days, day) > ALLOWED_DAYS]


def remaining(days: Sequence[int], day: int, free: range = range(0)) -> int:
    """The longest stay that can begin, or go on, with this day, the day itself included.

    Args:
        days: present up to that day, as `present` gives them.
        day: ordinal.
        free: days (ordinals) on which one may be there although the 90 are used; they are used up all the same.
    """
    before = days[: bisect_left(days, day)]

    def used_then(length: int) -> int:
        """Used on the last day of a stay of so many days."""
        return len(before) - bisect_left(before, day + length - PERIOD_DAYS) + length

    return next(n for n in steps() if day + n not in free and used_then(n + 1) > ALLOWED_DAYS)
