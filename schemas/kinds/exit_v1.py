"""Exits, version 1: did somebody cross at a neighbour's border? (domain.md 11.2, kinds 16 and 17).

The answer serves to rebut the presumption that somebody without an exit on record is still there (Regulation (EU)
2016/399 art. 12, Regulation (EU) 2017/2226 art. 20). NOT_FOUND proves nothing; who shows it to a person has to say so.
"""

from datetime import timedelta
from typing import Annotated, Literal

from schemas.kinds.kind import Kind, always
from schemas.parts.block import Block, many
from schemas.parts.coded import listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import Moment, Period, in_order, not_in_future
from schemas.parts.document import TravelDocument, check_document
from schemas.parts.message import PersonalMessage, Purpose, Reply
from schemas.parts.node import Findings, Node
from schemas.parts.outcome import check_outcome_object
from schemas.parts.person import Person, check_person
from schemas.parts.stay import BorderPoint, check_border_point

WINDOW_MAX = timedelta(days=180)

MINIMAL = frozenset({"id", "identities", "birth_date", "sex", "nationalities", "source_system"})
"""Of a person, what a border guard needs to look a crossing up."""


class ExitConfirmRequest(PersonalMessage):
    """Asks a neighbour whether somebody crossed in a window of days."""

    kind: Literal["exit.confirm.request"]
    purpose_code: Purpose
    person: Person
    document: TravelDocument
    window: Period
    bcps: Annotated[list[BorderPoint], many(longest=50)] | None = None


class CrossingFound(Block):
    """The crossing that was on record."""

    at: Moment
    bcp: BorderPoint
    direction: Annotated[str, listed("ENTRY", "EXIT")]


class ExitConfirmReply(Reply):
    """Answers an exit.confirm.request. NOT_FOUND proves nothing: not every crossing is on record."""

    kind: Literal["exit.confirm.reply"]
    outcome: Annotated[str, listed("FOUND", "NOT_FOUND", "NO_RECORDS_KEPT")]
    found: CrossingFound | None = None


def check_exit_confirm_request(message: Node, context: CheckContext) -> Findings:
    """As little of the person as will do, and a window of at most 180 days that has been."""
    person, window = message["person"], message["window"]
    yield from check_person(person, context)
    yield from (member.finding("SG8") for member in person.members if member.name in _BEYOND)
    yield from check_document(message["document"], context, holder=person)
    first, last = window["from"], window["to"]
    yield from in_order(first, last)
    yield from not_in_future(last, context)
    if first.day is not None and last.day is not None and last.day - first.day >= WINDOW_MAX:
        yield last.finding("FIELD_RANGE")
    for point in message["bcps"].items:
        yield from check_border_point(point)


def check_exit_confirm_reply(message: Node, context: CheckContext) -> Findings:
    """A crossing with FOUND alone, inside the window asked about."""
    found = message["found"]
    yield from check_outcome_object(message, {"FOUND": "found"})
    yield from check_border_point(found["bcp"])
    yield from not_in_future(found["at"], context)
    window, day = Node(context.parent)["window"], found["at"].day
    first, last = window["from"].day, window["to"].day
    if day is not None and first is not None and last is not None and not first <= day <= last:
        yield found["at"].finding("SG8")  # nobody asked about that day


_BEYOND = frozenset(Person.model_fields) - MINIMAL

KINDS = (
    Kind("exit.confirm.request", ExitConfirmRequest, check_exit_confirm_request, always("requested")),
    Kind("exit.confirm.reply", ExitConfirmReply, check_exit_confirm_reply, always("answered")),
)
