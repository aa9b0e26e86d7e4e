"""What a visa allows: from when to when, how many days, how many entries (domain.md 2.1, 3.1).

The holder must have left by midnight of the last day of validity. The days of stay on the sticker and the entries are
counted from the first stay under the visa; a third entry on a visa for two is a breach from its first day. A visa of
limited territory under Visa Code art. 25(1)(b) gives days of its own, whatever 90/180 says (EES art. 11(6)). Where its
states are known, a stay in another one, or an exit through it, is a breach.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from schemas.stay.days import Rule, Stay, by_entry, last_day, present

ENTRIES: Mapping[str, int | None] = MappingProxyType({"1": 1, "2": 2, "MULT": None})
"""How a Visa block writes the entries -> how many they are; None for as many as one likes."""


@dataclass(frozen=True, slots=True)
class VisaTerms:
    """What stands on the sticker.

    Attributes:
        valid_from, valid_until: first and last day it may be used.
        entries: how many it allows; None for as many as one likes.
        duration_days: days of stay it allows; None for a long-stay visa.
        limited_territory: it holds in some states only.
        territory: those states, ISO alpha-3; None where they are not known, and nothing is judged by them.
        own_days: it is of limited territory under art. 25(1)(b).
        long_stay: it is a national long-stay visa (type D); stays under it are `long_stay_visa` and do not count.
    """

    valid_from: date
    valid_until: date
    entries: int | None = None
    duration_days: int | None = None
    limited_territory: bool = False
    own_days: bool = False
    long_stay: bool = False
    territory: frozenset[str] | None = None

    @property
    def title(self) -> str:
        """What a stay under it is `under`."""
        return "long_stay_visa" if self.long_stay else "visa"


def under(terms: VisaTerms, stays: Iterable[Stay]) -> list[Stay]:
    """The stays under this visa, by entry; one that ended before it was valid was under an earlier one."""
    own = {stay for stay in stays if stay.under == terms.title and last_day(stay) >= terms.valid_from}
    return sorted(own, key=by_entry)


def entries(own: Iterable[Stay]) -> list[list[Stay]]:
    """The stays of each entry.

    Those that overlap are one stay recorded twice. A return on the day of exit is an entry, unless both stays name
    their states and these differ: then somebody went on to another state of the territory.
    """
    found: list[list[Stay]] = []
    reached = date.min
    for stay in own:
        if found and (stay.entry < reached or (stay.entry == reached and _went_on(found[-1], stay))):
            found[-1].append(stay)
        else:
            found.append([stay])
        reached = max(reached, last_day(stay))
    return found


def _went_on(earlier: list[Stay], stay: Stay) -> bool:
    """Whether the stay began where one in another state ended that day."""
    left = {one.state for one in earlier if last_day(one) == stay.entry}
    return stay.state is not None and None not in left and stay.state not in left


def held(terms: VisaTerms, stays: Iterable[Stay]) -> list[Stay]:
    """The stays under this visa in states in which it holds, as far as it is known where they were."""
    return [
        stay
        for stay in under(terms, stays)
        if terms.territory is None or stay.state is None or stay.state in terms.territory
    ]


def judged(terms: VisaTerms, own: list[Stay]) -> bool | None:
    """Whether it is known of every stay in which state it was; None where the visa's territory is not limited."""
    return all(stay.state is not None for stay in own) if terms.territory is not None else None


def _elsewhere(territory: frozenset[str], own: list[Stay]) -> list[int]:
    """Days in a state in which the visa does not hold, and days of exit through one."""
    outside = [stay for stay in own if stay.state is not None and stay.state not in territory]
    left = [stay for stay in own if stay.exit_state is not None and stay.exit_state not in territory]
    return sorted({*present(outside), *(last_day(stay).toordinal() for stay in left)})


def breaches(terms: VisaTerms, own: list[Stay]) -> dict[Rule, list[int]]:
    """The days (ordinals) on which a stay under this visa breaks each of its terms.

    Args:
        terms: the visa's.
        own: as `under` gives them.
    """
    days = present(own)
    first, last = terms.valid_from.toordinal(), terms.valid_until.toordinal()
    found: dict[Rule, list[int]] = {"VALIDITY": [day for day in days if not first <= day <= last]}
    if terms.duration_days is not None:
        found["DURATION"] = days[terms.duration_days :]
    if terms.entries is not None:
        found["ENTRIES"] = present(stay for entry in entries(own)[terms.entries :] for stay in entry)
    if terms.territory is not None:
        found["TERRITORY"] = _elsewhere(terms.territory, own)
    return found


def remaining(terms: VisaTerms, own: list[Stay], day: int) -> int:
    """How long a stay under this visa can begin, or go on, with this day (ordinal), the day itself included."""
    first, last = terms.valid_from.toordinal(), terms.valid_until.toordinal()
    if not first <= day <= last:
        return 0
    left = last - day + 1
    days = present(own)
    before = [one for one in days if one < day]
    if terms.duration_days is not None:
        left = min(left, terms.duration_days - len(before))
    if terms.entries is not None:
        made = len(entries(own)) + (day not in days)
        left = left if made <= terms.entries else 0
    return max(left, 0)
