"""A person crossing from one state's hands into another's: where, by what, with whom (domain.md 4.1, 11.3)."""

from datetime import date
from typing import Annotated

from schemas.codes import states
from schemas.errors import Severity
from schemas.parts.block import Block, text_of
from schemas.parts.coded import listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import Moment
from schemas.parts.node import Findings, Node
from schemas.parts.stay import BorderPoint, check_border_point

TransferMode = Annotated[str, listed("AIR", "LAND", "SEA")]


class Escort(Block):
    """Who goes with the person: passport, and by whose leave (Montenegro's form)."""

    name: Annotated[str, text_of(100)]
    passport: Annotated[str, text_of(40)]
    authorisation: Annotated[str, text_of(60)]


class Crossed(Block):
    """When and where somebody was handed over, or let through."""

    at: Moment
    bcp: BorderPoint


def check_border_of_recipient(point: Node, context: CheckContext, severity: Severity = "error") -> Findings:
    """CODE_UNKNOWN for a crossing point of no state, FIELD_RANGE for one that is not the recipient's."""
    yield from check_border_point(point)
    recipients = {states.alpha2(state) for state in context.recipient_states}
    specimen = states.alpha2(states.SPECIMEN)
    if point.text is not None and recipients and point.text[:2] not in {*recipients, specimen}:
        yield point.finding("FIELD_RANGE", severity)


def check_expiry(document: Node, until: date) -> Findings:
    """A document to travel on says when it expires, and is valid on the day of travel."""
    expires = document["expires_on"]
    if isinstance(document.value, dict) and not expires.present:
        yield expires.finding("FIELD_MISSING")
    if expires.day is not None and expires.day < until:
        yield expires.finding("TD_EXPIRES_BEFORE_TRANSFER")
