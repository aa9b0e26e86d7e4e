"""Stays as a file gives them to `liaison stay compute`.

    {"stays": [{"entry", "exit"?, "under"?}], "on"?, "visa"?}

Dates are civil dates, or instants with offset whose civil date is the one written. `visa` has the names of a payload's
Visa block: `valid_from`, `valid_until`, `entries`?, `duration_days`?, `ltv`?, `ltv_ground`?, `type`?. Closed and
strict: refusals carry a code and a pointer, never a value, and no name that looks like none of a field (docs/adr/0012).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from schemas.errors import Rejected
from schemas.stay.days import TITLES, Stay
from schemas.stay.visa import ENTRIES, VisaTerms

STAYS_MAX = 400

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_YEARS = range(1900, 2201)
_DURATION_MAX = 90


@dataclass(frozen=True, slots=True)
class Enquiry:
    """What is to be computed: the arguments of `schemas.stay.account`."""

    stays: tuple[Stay, ...]
    on: date
    visa: VisaTerms | None


def read_enquiry(found: object, *, today: date) -> Enquiry:
    """Read an enquiry's members.

    Args:
        found: decoded JSON.
        today: the day judged where the enquiry names none and somebody is still there; when all have left, it is the
            day of the last exit.

    Raises:
        Rejected: FIELD_MISSING, FIELD_UNKNOWN, FIELD_TYPE, FIELD_LENGTH, FIELD_RANGE, FIELD_PATTERN, CODE_UNKNOWN,
            DATE_PLACEHOLDER or STAY_ORDER, with the pointer of the member at fault.
    """
    members = _object(found, "", mandatory=("stays",), optional=("on", "visa"))
    visa = _visa(members["visa"]) if "visa" in members else None
    listed = members["stays"]
    if not isinstance(listed, list):
        raise Rejected("FIELD_TYPE", "/stays")
    if len(listed) > STAYS_MAX:
        raise Rejected("FIELD_LENGTH", "/stays")
    title = "visa_free" if visa is None else visa.title
    stays = tuple(_stay(one, f"/stays/{at}", title) for at, one in enumerate(listed))
    if "on" in members:
        on = _day(members["on"], "/on")
    else:
        exits = [stay.exit for stay in stays if stay.exit is not None]
        on = max(exits) if exits and len(exits) == len(stays) else today
    for at, stay in enumerate(stays):
        if stay.exit is None and stay.entry > on:
            raise Rejected("STAY_ORDER", f"/stays/{at}/entry")
    return Enquiry(stays, on, visa)


def _stay(value: object, path: str, title: str) -> Stay:
    members = _object(value, path, mandatory=("entry",), optional=("exit", "under"))
    entry, left = _day(members["entry"], f"{path}/entry"), None
    if "exit" in members:
        left = _day(members["exit"], f"{path}/exit")
        if _later(members["entry"], members["exit"]):
            raise Rejected("STAY_ORDER", f"{path}/exit")
    return Stay(entry, left, _code(members.get("under", title), TITLES, f"{path}/under"))


def _visa(value: object) -> VisaTerms:
    members = _object(
        value,
        "/visa",
        mandatory=("valid_from", "valid_until"),
        optional=("entries", "duration_days", "ltv", "ltv_ground", "type"),
    )
    first, last = _day(members["valid_from"], "/visa/valid_from"), _day(members["valid_until"], "/visa/valid_until")
    if last < first:
        raise Rejected("FIELD_RANGE", "/visa/valid_until")
    long_stay = _code(members.get("type", "C"), ("A", "C", "D"), "/visa/type") == "D"
    limited = members.get("ltv", False)
    if not isinstance(limited, bool):
        raise Rejected("FIELD_TYPE", "/visa/ltv")
    own_days = False
    if "ltv_ground" in members:
        own_days = _code(members["ltv_ground"], ("25_1_A", "25_1_B"), "/visa/ltv_ground") == "25_1_B"
        if not limited:
            raise Rejected("FIELD_UNKNOWN", "/visa/ltv_ground")
    if long_stay and "duration_days" in members:
        raise Rejected("FIELD_UNKNOWN", "/visa/duration_days")
    return VisaTerms(
        valid_from=first,
        valid_until=last,
        entries=ENTRIES[_code(members.get("entries", "MULT"), tuple(ENTRIES), "/visa/entries")],
        duration_days=_duration(members["duration_days"]) if "duration_days" in members else None,
        limited_territory=limited,
        own_days=own_days,
        long_stay=long_stay,
    )


def _object(value: object, path: str, *, mandatory: tuple[str, ...], optional: tuple[str, ...]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Rejected("FIELD_TYPE", path)
    for name in mandatory:
        if name not in value:
            raise Rejected("FIELD_MISSING", f"{path}/{name}")
    for name in value:
        if name not in {*mandatory, *optional}:
            raise Rejected("FIELD_UNKNOWN", f"{path}/{name}" if _FIELD_NAME.fullmatch(name) else path)
    return cast("dict[str, object]", value)


def _code(value: object, codes: tuple[str, ...], path: str) -> str:
    if not isinstance(value, str):
        raise Rejected("FIELD_TYPE", path)
    if value not in codes:
        raise Rejected("CODE_UNKNOWN", path)
    return value


def _duration(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Rejected("FIELD_TYPE", "/visa/duration_days")
    if not 1 <= value <= _DURATION_MAX:
        raise Rejected("FIELD_RANGE", "/visa/duration_days")
    return value


def _day(value: object, path: str) -> date:
    """The civil date written."""
    if not isinstance(value, str):
        raise Rejected("FIELD_TYPE", path)
    if _MOMENT.fullmatch(value) is None:
        raise Rejected("FIELD_PATTERN", path)
    if value[:10] == "1900-01-01" or "00" in {value[5:7], value[8:10]}:
        raise Rejected("DATE_PLACEHOLDER", path)
    try:
        day = datetime.fromisoformat(value).date()
    except ValueError as error:
        raise Rejected("FIELD_PATTERN", path) from error
    if day.year not in _YEARS:
        raise Rejected("FIELD_RANGE", path)
    return day


def _later(entry: object, left: object) -> bool:
    """Whether the entry comes after the exit: by instants where both are given, else by civil dates."""
    came, went = datetime.fromisoformat(str(entry)), datetime.fromisoformat(str(left))
    if came.tzinfo is not None and went.tzinfo is not None:
        return went < came
    return went.date() < came.date()
