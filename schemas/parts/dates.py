"""Dates and times as payloads write them: civil dates, instants with their offset, partial dates (domain.md 6).

A placeholder (1900-01-01, YYYY-00-00) is refused as DATE_PLACEHOLDER, for a real system uses such dates for people
about whom nothing is known.
"""

import re
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, WithJsonSchema

from schemas.errors import Rejected
from schemas.partial_date import PartialDate as Reading
from schemas.partial_date import parse
from schemas.parts.block import Block, refuse, text_of
from schemas.parts.coded import listed
from schemas.parts.context import CheckContext
from schemas.parts.node import Findings, Node

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)


def civil_date(value: str) -> str:
    """The text, if it is a date of the calendar that is no placeholder."""
    if _DATE.fullmatch(value) is None:
        raise refuse("FIELD_PATTERN")
    if value == "1900-01-01" or value[5:7] == "00" or value[8:] == "00":
        raise refuse("DATE_PLACEHOLDER")
    try:
        date.fromisoformat(value)
    except ValueError as error:
        raise refuse("FIELD_PATTERN") from error
    return value


def instant(value: str) -> str:
    """The text, if it is an RFC 3339 instant with its offset."""
    if _INSTANT.fullmatch(value) is None:
        raise refuse("FIELD_PATTERN")
    civil_date(value[:10])
    try:
        datetime.fromisoformat(value)
    except ValueError as error:
        raise refuse("FIELD_PATTERN") from error
    return value


def moment(value: str) -> str:
    """The text, if it is a civil date or an instant."""
    return instant(value) if "T" in value else civil_date(value)


def _partial(value: str) -> str:
    try:
        parse(value)
    except Rejected as error:
        raise refuse(error.code) from error
    return value


CivilDate = Annotated[str, AfterValidator(civil_date), WithJsonSchema({"type": "string", "format": "date"})]
"""`YYYY-MM-DD`."""

Moment = Annotated[
    str,
    AfterValidator(moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]}),
]
"""A civil date, or an instant with offset whose civil date is the one written (domain.md 11.0, Stay)."""


class Original(Block):
    """The date as another calendar writes it; shown, never computed with."""

    calendar: Annotated[str, listed("solar_hijri", "islamic", "other")]
    text: Annotated[str, text_of(60)]


class PartialDate(Block):
    """A date of which parts may be unknown: EDTF level 1 subset of ISO 8601-2."""

    value: Annotated[str, AfterValidator(_partial), WithJsonSchema({"type": "string", "pattern": "^[0-9X-]{4,10}$"})]
    qualifier: Annotated[str, listed("exact", "approximate", "estimated_by_authority", "declared")] | None = None
    calendar: Literal["gregorian"] | None = None
    original: Original | None = None


class Period(Block):
    """From one day to another, both included."""

    from_: CivilDate = Field(alias="from")
    to: CivilDate


def partial(node: Node) -> Reading | None:
    """The reading of a partial date block; None if there is none to read."""
    value = node["value"].text
    if value is None:
        return None
    try:
        return parse(value)
    except Rejected:
        return None


def not_in_future(node: Node, context: CheckContext) -> Findings:
    """FIELD_RANGE when the day written has not come yet, anywhere among the partners."""
    day = node.day
    if day is not None and day > context.latest_day:
        yield node.finding("FIELD_RANGE")


def in_order(first: Node, second: Node, code: str = "FIELD_RANGE") -> Findings:
    """The code, at the second, when it lies before the first."""
    if first.day is not None and second.day is not None and second.day < first.day:
        yield second.finding(code)
