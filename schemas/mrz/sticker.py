"""The Schengen visa sticker: MRV-B with a use of its own for positions 29 to 36 (Visa Code, annex VII; domain.md 2.1).

29 is T for limited territorial validity; 30 the number of entries, M for many; 31 and 32 the days of stay, fillers on a
long-stay visa; 33 to 36 the month and day on which validity begins. The year of that day is not in the zone and is not
inferred, for a visa may run for years.
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import Final

from schemas.codes import states

VISA_TYPES: Final = frozenset("ACD")

_LEAP_YEAR = 2000

_ENTRIES = {"1": "1", "2": "2", "M": "MULT"}
_DAYS = re.compile(r"[0-9]{2}|<<", re.ASCII)
_BEGINS = re.compile(r"[0-9]{4}", re.ASCII)


def is_sticker(document_code: str, issuer: str, day: date) -> bool:
    """Whether a MRV-B is a sticker of this form: a type of the Visa Code, and an issuer that applies it."""
    return document_code[1:] in VISA_TYPES and states.bound_by("SCHENGEN", states.from_zone(issuer.rstrip("<")), day)


def read_sticker(own: str) -> Iterator[tuple[str, object | None]]:
    """For positions 29 to 36: each field's name and value, or the code of what is wrong and None.

    The type of the visa is not here: it is the second letter of the document code.
    """
    limited, entries, days, begins = own[0], own[1], own[2:4], own[4:]
    if limited in "T<" and entries in _ENTRIES and _DAYS.fullmatch(days) is not None and days != "00":
        yield "ltv", limited == "T"
        yield "entries", _ENTRIES[entries]
        if days != "<<":
            yield "duration_days", int(days)
    else:
        yield "MRZ_CHARSET", None
    if (day := _month_and_day(begins)) is None:
        yield "MRZ_DATE", None
    else:
        yield "valid_from", day


def _month_and_day(written: str) -> str | None:
    if _BEGINS.fullmatch(written) is None:
        return None
    try:
        return date(_LEAP_YEAR, int(written[:2]), int(written[2:])).isoformat()[5:]
    except ValueError:
        return None
