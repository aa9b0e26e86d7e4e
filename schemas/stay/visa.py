"""What a visa allows: from when to when, how many days, how many entries (domain.md 2.1, 3.1).

The holder must have left by midnight of the last day of validity. The days of stay on the sticker and the entries are
counted from the first stay under the visa; a third entry on a visa for two is a breach from its first day. A visa of
limited territory under Visa Code art. 25(1)(b) gives days of its own, whatever 90/180 says (EES art. 11(6)).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from schemas.stay.days import Rule, Stay, last_day, present

ENTRIES: Mapping[str, int | None] = MappingProxyType({"1": 1, "2": 2, "MULT": None})
"""How a Visa block writes the entries -> how many they are; None for as many as one likes."""


@dataclass(frozen=True, slots=True)
class VisaTerms:
    """What stands on the sticker.

    Attributes:
        valid_from, valid_until: first and last day it may be used.
        entries: how many it allows; None for as many as one likes.
        duration_days: days of stay it allows; None for a long-stay visa.
        limited_territory: it holds in some states only; where somebody was is not known here, so this is only shown.
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

    @property
    def title(self) -> str:
        """What a stay under it is `under`."""
        return "long_stay_visa" if self.long_stay else "visa"


def under(terms: VisaTerms, stays: Iterable[Stay]) -> list[Stay]:
    """The stays under this visa, by entry; one that ended before it was valid was under an earlier one."""
    own = {stay for stay in stays if stay.under == terms.title and last_day(stay) >= terms.valid_from}
    return sorted(own, key=lambda stay: (stay.entry, last_day(stay)))


def entries(own: Iterable[Stay]) -> list[list[Stay]]:
    """The stays of each entry: those that overlap are one stay recorded twice, a return on the day of exit is not."""
    found: list[list[Stay]] = []
    reached = date.min
    for stay in own:
        if found and stay.entry < reached:
            found[-1].append(stay)
        else:
            found.append([stay])
        reached = max(reached, last_day(stay))
    return found


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
