"""Our own clocks: what runs where no agreement's profile says anything (domain.md 7, 11.1, 12; settled.md, Log).

`CLOCKS` says which run, and until when. An `answer` is counted from the hand-over, by the recipient's own signed
`ContentHandover`; until then the clock is not started and has no due date. A `validity` runs at once, and so does the
answer to a person's own request: its month began when the person asked, whoever was asked first.

Our clocks show and warn; they close nothing and never stand for consent. Civil dates are UTC's, and a working day is
Monday to Friday there: calendars with holidays, and the zone of the state that must act, come with the agreements'
profiles.
"""

import re
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Basis: TypeAlias = Literal["H", "CD", "WD", "M"]

CLOCKS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("document_check", "requested"): "`answer`: urgency A 2 hours, B 24 hours, C 5 working days from the hand-over",
        ("readmission", "sent"): "`ack`: 1 working day from the hand-over; the agreement's own times run beside it",
        ("alert", "issued"): "`validity`: to the end of `valid_until`",
        ("alert", "confirmed"): "`validity`: to the end of `valid_until`",
        ("subject_request", "requested"): "`answer`: one month from the day the person asked (`event_on`)",
    }
)
"""(procedure, state) -> the clock of ours that runs there, in words; `next_clock` is the rule."""

CORRECTION: Final = timedelta(days=7)
"""From the hand-over of a `data.correction` to each recipient's answer (domain.md 11.4; ours)."""

_FACT_CODES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "procedure": frozenset({"normal", "accelerated", "airport"}),
        "variant": frozenset({"own_national", "former_national", "tcn", "stateless", "family_member"}),
    }
)
"""What an agreement's clocks choose their time by."""

_URGENCIES: Mapping[str, tuple[int, Basis]] = {"A": (2, "H"), "B": (24, "H"), "C": (5, "WD")}
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_MOMENT = re.compile(
    r"[0-9-]{10}(T[0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Clock:
    """What is due next in a case.

    Attributes:
        name: `ack`, `answer`, `validity` or `correction`.
        basis: how it counts: H hours, CD calendar days, WD working days, M months.
        due: an instant (aware UTC) for hours; for days and months the last civil date in UTC on which it is in time;
            None until the clock is started.
    """

    name: str
    basis: Basis
    due: datetime | date | None

    @property
    def started(self) -> bool:
        """Whether it runs."""
        return self.due is not None

    @property
    def ends_at(self) -> datetime | None:
        """The first instant (aware UTC) that is too late; None until the clock is started."""
        if self.due is None or isinstance(self.due, datetime):
            return self.due
        if self.due == date.max:
            return datetime.max.replace(tzinfo=UTC)
        return datetime(self.due.year, self.due.month, self.due.day, tzinfo=UTC) + timedelta(days=1)

    def expired(self, at: datetime) -> bool:
        """Whether it has run out at this instant (aware)."""
        ends_at = self.ends_at
        return ends_at is not None and at >= ends_at


def next_clock(
    procedure: str, state: str, facts: Mapping[str, str], handed_over_at: datetime | None = None
) -> Clock | None:
    """The clock that runs, or waits to, in a case that stands there; None when no clock of ours does.

    Args:
        procedure: the case's.
        state: where it stands.
        facts: those of the message that opened it.
        handed_over_at: when the recipient's edge handed that message to its national system, by its signed statement
            (aware); None while it has not.

    Raises:
        ValueError: `handed_over_at` has no zone.
    """
    if (procedure, state) == ("document_check", "requested"):
        return _answer(facts.get("urgency", ""), handed_over_at)
    if (procedure, state) == ("readmission", "sent"):
        return _acknowledgement(handed_over_at)
    if procedure == "alert" and state in {"issued", "confirmed"}:
        until = _civil_date(facts.get("valid_until", ""))
        return None if until is None else Clock("validity", "CD", until)
    if (procedure, state) == ("subject_request", "requested"):
        asked = _civil_date(facts.get("event_on", "")[:10])
        return None if asked is None else Clock("answer", "M", next_month(asked))
    return None


def correction(handed_over_at: datetime | None) -> Clock:
    """The time of one recipient to say what it did about a `data.correction`, in any case, open or closed.

    Args:
        handed_over_at: when that recipient's edge handed the correction over (aware); None while it has not.

    Raises:
        ValueError: `handed_over_at` has no zone.
    """
    began = _began(handed_over_at)
    return Clock("correction", "CD", None if began is None else began.date() + CORRECTION)


def readable(fact: str, value: str) -> bool:
    """Whether a fact's value is one that a clock can be set by; a fact that no clock of ours reads never is."""
    if fact == "urgency":
        return value in _URGENCIES
    if fact == "event_on":
        return _MOMENT.fullmatch(value) is not None and _civil_date(value[:10]) is not None  # as it is written
    if fact in _FACT_CODES:
        return value in _FACT_CODES[fact]
    return fact in {"valid_until", "known_on"} and _civil_date(value) is not None


def next_month(day: date) -> date:
    """The same day of the next month, or that month's last (domain.md 4.4)."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def add_working_days(day: date, count: int) -> date:
    """The `count`th working day (from 1) after a day, which itself never counts."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < _SATURDAY
    return day


def _answer(urgency: str, handed_over_at: datetime | None) -> Clock | None:
    if urgency not in _URGENCIES:
        return None
    count, basis = _URGENCIES[urgency]
    began = _began(handed_over_at)
    if began is None:
        return Clock("answer", basis, None)
    if basis == "H":
        return Clock("answer", basis, began + timedelta(hours=count))
    return Clock("answer", basis, add_working_days(began.date(), count))


def _acknowledgement(handed_over_at: datetime | None) -> Clock:
    began = _began(handed_over_at)
    return Clock("ack", "WD", None if began is None else add_working_days(began.date(), 1))


def _began(handed_over_at: datetime | None) -> datetime | None:
    if handed_over_at is not None and handed_over_at.tzinfo is None:
        raise ValueError("an instant needs a zone")
    return None if handed_over_at is None else handed_over_at.astimezone(UTC)


def _civil_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None
