"""The account of somebody's stays on one day: days used and left, and from when on it was too long.

An overstay begins with the earliest breach, of 90/180 or of the visa, and lasts one day for each day present in breach
(domain.md 3.1). Days under a bilateral waiver count, for they are days of stay, but are no breach themselves; so do
those of a visa with days of its own (docs/adr/0027).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from schemas.stay import days as count
from schemas.stay import visa as visas
from schemas.stay.days import Rule, Stay
from schemas.stay.visa import VisaTerms

RULE_VERSION = "1"
"""Names these rules in a notice (`computed.rule_version`); a change of any result is another version."""


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that was broken: since when, and on how many days present."""

    rule: Rule
    first_day: date
    days: int


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
        limited_territory: the visa holds in some states only; whether these were left is not judged.
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


def account(stays: Iterable[Stay], on: date, visa: VisaTerms | None = None) -> Account:
    """The account of these stays on a day.

    Args:
        stays: in any order; none ends before it begins.
        on: the day judged.
        visa: the visa relied on; a long-stay visa's validity is judged, its days do not count.

    Raises:
        Rejected: FIELD_RANGE at `/stays` when they have more than `DAYS_MAX` days.
    """
    known = count.until(stays, on)
    counted = count.counted(known)
    days, today = count.present(counted), on.toordinal()
    found: dict[Rule, list[int]] = {"90_180": _over(counted, days, visa)}
    own: list[Stay] = []
    if visa is not None:
        own = visas.under(visa, known)
        found |= visas.breaches(visa, own)
    breached = sorted({day for rule in found.values() for day in rule})
    left = _remaining(days, today, visa, own)
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
    )


def _over(counted: list[Stay], days: list[int], visa: VisaTerms | None) -> list[int]:
    lawful = [stay for stay in counted if stay.under == "bilateral_waiver"]
    if visa is not None and visa.own_days:
        lawful += visas.under(visa, counted)
    free = set(count.present(lawful))
    return [day for day in count.over(days) if day not in free]


def _remaining(days: list[int], today: int, visa: VisaTerms | None, own: list[Stay]) -> int:
    if visa is None:
        return count.remaining(days, today)
    left = visas.remaining(visa, own, today)
    return left if visa.own_days or visa.long_stay else min(left, count.remaining(days, today))
