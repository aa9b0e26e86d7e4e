"""The account of somebody's stays on one day: days used and left, and from when on it was too long.

An overstay begins with the earliest breach, of 90/180 or of the visa, and lasts one day for each day present in breach
(domain.md 3.1). Days under a bilateral waiver count, for they are days of stay, but are no breach themselves; so do
those of a visa with days of its own (docs/adr/0027). Where a stay names its state, its days count from when that state
is in the territory (docs/adr/0091).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from schemas.codes import states
from schemas.stay import days as count
from schemas.stay import territory, waiver
from schemas.stay import visa as visas
from schemas.stay.days import Rule, Stay
from schemas.stay.visa import VisaTerms
from schemas.stay.waiver import Judgement, Waiver

RULE_VERSION = "2"
"""Names these rules in a notice (`computed.rule_version`); a change of any result is another version."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that was broken: since when, and on how many days present."""

    rule: Rule
    first_day: date
    days: int


@dataclass(frozen=True, slots=True)
class Apart:
    """The account of one state that counts 90 days in 180 by itself; the attributes are those of `Account`.

    `remaining` is None once its days count with the others'.
    """

    state: str
    used: int
    remaining: int | None
    overstay_days: int
    first_overstay_day: date | None


@dataclass(frozen=True, slots=True)
class Account:
    """What follows from the stays, as they stand on one day.

    Attributes:
        on: that day; later days are not there yet.
        used: days of stay in the 180 that end with it.
        remaining: the longest stay that can begin, or go on, with it, itself included; 0 when it is one too many.
        stay_until: the last day of that stay, None when there is none.
        overstay_days: days present in breach of any rule.
        first_overstay_day: the earliest of them.
        breaches: each rule broken.
        entries_used: entries made under the visa, None without one.
        limited_territory: the visa holds in some states only.
        territory_judged: every stay under that visa names its state, so that leaving its states would show; None where
            these are not known, or not limited.
        waiver: whether the bilateral waiver holds; None without a record of one.
        apart: the accounts of states outside the territory that count by themselves.
    """

    on: date
    used: int
    remaining: int
    stay_until: date | None
    overstay_days: int
    first_overstay_day: date | None
    breaches: tuple[Breach, ...]
    entries_used: int | None = None
    limited_territory: bool = False
    territory_judged: bool | None = None
    waiver: Judgement | None = None
    apart: tuple[Apart, ...] = ()


def account(stays: Iterable[Stay], on: date, visa: VisaTerms | None = None, extension: Waiver | None = None) -> Account:
    """The account of these stays on a day.

    Args:
        stays: in any order; none ends before it begins.
        on: the day judged.
        visa: the visa relied on; a long-stay visa's validity is judged, its days do not count.
        extension: the record of a bilateral waiver; without one, what a stay says it is under is believed.

    Raises:
        Rejected: FIELD_RANGE at `/stays` when they have more than `DAYS_MAX` days.
    """
    begun = count.until(stays, on)
    count.present(count.counted(begun))  # refuses wrong dates, wherever somebody was
    known = territory.inside(begun)
    counted = count.counted(known)
    days, today = count.present(counted), on.toordinal()
    judgement = None if extension is None else waiver.judge(extension, counted)
    free = waiver.free_days(counted, extension, judgement)
    if visa is not None and visa.own_days:
        free |= set(count.present(visas.held(visa, counted)))
    found: dict[Rule, list[int]] = {"90_180": [day for day in count.over(days) if day not in free]}
    own: list[Stay] = []
    if visa is not None:
        own = visas.under(visa, known)
        found |= visas.breaches(visa, own)
    breached = sorted({day for rule in found.values() for day in rule})
    granted = extension.granted if extension is not None and judgement is not None and judgement.holds else range(0)
    left = _remaining(days, today, visa, own, granted)
    return Account(
        on=on,
        used=count.used(days, today),
        remaining=left,
        stay_until=date.fromordinal(min(today + left - 1, date.max.toordinal())) if left else None,
        overstay_days=len(breached),
        first_overstay_day=date.fromordinal(breached[0]) if breached else None,
        breaches=tuple(Breach(rule, date.fromordinal(each[0]), len(each)) for rule, each in found.items() if each),
        entries_used=None if visa is None else len(visas.entries(own)),
        limited_territory=visa is not None and visa.limited_territory,
        territory_judged=None if visa is None else visas.judged(visa, own),
        waiver=judgement,
        apart=tuple(_apart(state, there, today) for state, there in territory.apart(count.counted(begun)).items()),
    )


def _apart(state: str, stays: list[Stay], today: int) -> Apart:
    days = count.present(stays)
    over = count.over(days)
    first = date.fromordinal(over[0]) if over else None
    left = count.remaining(days, today) if states.bound_by(territory.APART, state, date.fromordinal(today)) else None
    return Apart(state, count.used(days, today), left, len(over), first)


def _remaining(days: list[int], today: int, visa: VisaTerms | None, own: list[Stay], granted: range) -> int:
    """What the visa leaves and 90/180 allows; days that a waiver grants need no visa."""
    left = count.remaining(days, today, granted)
    if visa is None or today in granted:
        return left
    of_visa = visas.remaining(visa, own, today)
    return of_visa if visa.own_days or visa.long_stay else min(of_visa, left)
