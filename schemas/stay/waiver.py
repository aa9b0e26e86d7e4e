"""A stay lengthened under a bilateral visa waiver agreement (Convention implementing Schengen, art. 20(2)).

Only an agreement from before, and notified, lengthens a stay; it is asked for on the last working day of the 90 at the
latest; the longer stay is in that state alone, and ends through it (domain.md 3.3). Its days are days of stay and use
up the 90 (docs/adr/0027). What does not hold frees no day.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

from schemas.agreements import calendars
from schemas.stay.days import Stay, over, present
from schemas.stay.territory import since

TITLE = "bilateral_waiver"

Objection: TypeAlias = Literal["AGREEMENT_LATE", "NOT_NOTIFIED", "REQUESTED_LATE"]
"""Why a waiver frees no day: concluded when the state was already in the territory, or it never was; not notified to
the Commission; asked for after the last working day of the 90."""


@dataclass(frozen=True, slots=True)
class Waiver:
    """One extension, as it was noted in the record.

    Attributes:
        agreement_id: names the agreement; nothing is looked up by it.
        state: that granted it, ISO alpha-3.
        concluded_on: the day of the agreement.
        notified: it was notified to the Commission.
        requested_on: the day on which the extension was asked for.
        first: the first day granted.
        last: the last day granted.
        exit_via: the state through which the stay must end; the one that granted it unless said.
    """

    agreement_id: str
    state: str
    concluded_on: date
    notified: bool
    requested_on: date
    first: date
    last: date
    exit_via: str = ""

    @property
    def granted(self) -> range:
        """The days granted, as ordinals."""
        return range(self.first.toordinal(), self.last.toordinal() + 1)


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether a waiver holds: it does when nothing is objected.

    Attributes:
        objections: what stands against it.
        request_until: the last day on which it could be asked for; None while the 90 are not used up under it.
    """

    objections: tuple[Objection, ...]
    request_until: date | None

    @property
    def holds(self) -> bool:
        """Whether it frees days."""
        return not self.objections


def judge(waiver: Waiver, counted: Sequence[Stay]) -> Judgement:
    """Whether it lengthens a stay.

    Args:
        waiver: the extension.
        counted: the stays that count, this one's under its title, as they stand on the day judged.
    """
    joined, until = since(waiver.state), _request_until(waiver, counted)
    found: list[Objection] = []
    if joined is None or waiver.concluded_on >= joined:
        found.append("AGREEMENT_LATE")
    if not waiver.notified:
        found.append("NOT_NOTIFIED")
    if until is not None and waiver.requested_on > until:
        found.append("REQUESTED_LATE")
    return Judgement(tuple(found), until)


def free_days(stays: Iterable[Stay], waiver: Waiver | None, judgement: Judgement | None) -> set[int]:
    """The days (ordinals) on which more than 90 may be used.

    Args:
        stays: any; those under the title are taken.
        waiver: None where no record is at hand: then the title alone says that there was one.
        judgement: of that waiver.
    """
    claimed = [stay for stay in stays if stay.under == TITLE]
    if waiver is None or judgement is None:
        return set(present(claimed))
    return set(_covered(claimed, waiver)) if judgement.holds else set()


def _covered(claimed: Iterable[Stay], waiver: Waiver) -> Iterator[int]:
    for stay in claimed:
        if stay.state not in {None, waiver.state}:
            continue
        days = present([stay])
        wrong_way = stay.exit_state not in {None, waiver.exit_via or waiver.state}
        yield from (day for day in (days[:-1] if wrong_way else days) if day in waiver.granted)


def _request_until(waiver: Waiver, counted: Sequence[Stay]) -> date | None:
    """The last working day of the 90: of the days present before the first that needs the waiver."""
    days = present(counted)
    needed = set(present(stay for stay in counted if stay.under == TITLE)) & set(over(days))
    if not needed:
        return None
    day = date.fromordinal(max(one for one in days if one < min(needed)))
    while not _worked(waiver.state, day):
        day -= timedelta(days=1)
    return day


def _worked(state: str, day: date) -> bool:
    return calendars.calendar(state).is_working_day(day) if state in calendars.known_states() else day.weekday() < 5
