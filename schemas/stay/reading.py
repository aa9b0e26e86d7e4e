"""Stays as a file gives them to `liaison stay compute`.

    {"stays": [{"entry", "exit"?, "under"?, "state"?, "entry_bcp"?, "exit_bcp"?}], "on"?, "visa"?, "waiver"?}

Dates are civil dates, or instants with offset. An instant's civil date is the one written, or, where the border point
is named, the one at that point. A point also says through which state somebody came or went; `state` says where the
stay was, and is that of the entry unless given. `visa` has the names of a payload's Visa block: `valid_from`,
`valid_until`, `entries`?, `duration_days`?, `ltv`?, `ltv_ground`?, `type`?, and `territory`?, the states in which a
visa of limited territory holds. `waiver` is the record of an extension under a bilateral agreement: `agreement_id`,
`granting_state`, `concluded_on`, `notified`, `requested_on`, `granted_from`, `granted_to`, `exit_only_via`?. Closed and
strict: refusals carry a code and a pointer, never a value, and no name that looks like none of a field (docs/adr/0012).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from schemas.agreements import calendars
from schemas.codes import states
from schemas.errors import Rejected
from schemas.stay.days import TITLES, Stay
from schemas.stay.visa import ENTRIES, VisaTerms
from schemas.stay.waiver import Waiver

STAYS_MAX = 400

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?", re.ASCII
)
_POINT = re.compile(r"[A-Z]{2}[A-Z0-9-]{1,18}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)
_FIELD_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)
_YEARS = range(1900, 2201)
_DURATION_MAX = 90
_STATES_MAX = 60
_POINTS = ("entry_bcp", "exit_bcp")


@dataclass(frozen=True, slots=True)
class Enquiry:
    """What is to be computed: the arguments of `schemas.stay.account`."""

    stays: tuple[Stay, ...]
    on: date
    visa: VisaTerms | None
    waiver: Waiver | None = None


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
    members = _object(found, "", mandatory=("stays",), optional=("on", "visa", "waiver"))
    visa = _visa(members["visa"]) if "visa" in members else None
    waiver = _waiver(members["waiver"]) if "waiver" in members else None
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
    return Enquiry(stays, on, visa, waiver)


def _stay(value: object, path: str, title: str) -> Stay:
    members = _object(value, path, mandatory=("entry",), optional=("exit", "under", "state", "entry_bcp", "exit_bcp"))
    came, left = (_point(members[name], f"{path}/{name}") if name in members else None for name in _POINTS)
    if left is not None and "exit" not in members:
        raise Rejected("FIELD_UNKNOWN", f"{path}/exit_bcp")
    entry = _crossed(members["entry"], f"{path}/entry", came)
    out = _crossed(members["exit"], f"{path}/exit", left) if "exit" in members else None
    if out is not None and _later(members["entry"], members["exit"]):
        raise Rejected("STAY_ORDER", f"{path}/exit")
    return Stay(
        entry=entry,
        exit=out,
        under=_code(members.get("under", title), TITLES, f"{path}/under"),
        state=_state(members["state"], f"{path}/state") if "state" in members else _state_of(came),
        exit_state=_state_of(left),
    )


def _visa(value: object) -> VisaTerms:
    members = _object(
        value,
        "/visa",
        mandatory=("valid_from", "valid_until"),
        optional=("entries", "duration_days", "ltv", "ltv_ground", "type", "territory"),
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
    if "territory" in members and not limited:
        raise Rejected("FIELD_UNKNOWN", "/visa/territory")
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
        territory=_territory(members["territory"]) if "territory" in members else None,
    )


def _territory(value: object) -> frozenset[str]:
    if not isinstance(value, list):
        raise Rejected("FIELD_TYPE", "/visa/territory")
    if not 1 <= len(value) <= _STATES_MAX:
        raise Rejected("FIELD_LENGTH", "/visa/territory")
    return frozenset(_state(one, f"/visa/territory/{at}") for at, one in enumerate(value))


def _waiver(value: object) -> Waiver:
    days = ("concluded_on", "requested_on", "granted_from", "granted_to")
    members = _object(
        value,
        "/waiver",
        mandatory=("agreement_id", "granting_state", "notified", *days),
        optional=("exit_only_via",),
    )
    name, notified = members["agreement_id"], members["notified"]
    if not isinstance(name, str):
        raise Rejected("FIELD_TYPE", "/waiver/agreement_id")
    if _NAME.fullmatch(name) is None:
        raise Rejected("FIELD_PATTERN", "/waiver/agreement_id")
    if not isinstance(notified, bool):
        raise Rejected("FIELD_TYPE", "/waiver/notified")
    concluded, requested, first, last = (_day(members[day], f"/waiver/{day}") for day in days)
    if last < first:
        raise Rejected("FIELD_RANGE", "/waiver/granted_to")
    return Waiver(
        agreement_id=name,
        state=_state(members["granting_state"], "/waiver/granting_state"),
        concluded_on=concluded,
        notified=notified,
        requested_on=requested,
        first=first,
        last=last,
        exit_via=_state(members["exit_only_via"], "/waiver/exit_only_via") if "exit_only_via" in members else "",
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


def _state(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise Rejected("FIELD_TYPE", path)
    if not states.is_state(value):
        raise Rejected("CODE_UNKNOWN", path)
    return value


def _point(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise Rejected("FIELD_TYPE", path)
    if _POINT.fullmatch(value) is None:
        raise Rejected("FIELD_PATTERN", path)
    if not states.is_alpha2(value[:2]):
        raise Rejected("CODE_UNKNOWN", path)
    return value


def _state_of(point: str | None) -> str | None:
    return None if point is None else states.from_alpha2(point[:2])


def _crossed(value: object, path: str, point: str | None) -> date:
    """The civil date of a crossing: at the border point where that is named and an instant is given."""
    day = _day(value, path)
    at = datetime.fromisoformat(str(value))
    return day if point is None or at.tzinfo is None else calendars.crossing_date(at, point)


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
