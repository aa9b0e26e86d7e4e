"""A person's own request about his or her data, version 1 (domain.md 7 and 11.4, kinds 52 and 53).

It travels as a kind of its own so that each sender of the data can act. Who was asked but does not answer for the data
passes it on within seven days; the person has an answer within a month (Regulation (EC) 767/2008 art. 38). The person's
proof of identity stays where it was shown: only its digest travels.
"""

from datetime import timedelta
from typing import Annotated, Literal

from schemas.kinds.kind import Kind, always
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import State, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, Moment, in_order, not_in_future
from schemas.parts.message import PersonalMessage, Reply
from schemas.parts.node import Findings, Node
from schemas.parts.outcome import check_outcome_object

FORWARD_WITHIN = timedelta(days=7)


class SubjectRequest(PersonalMessage):
    """Passes on what a person asks about his or her own data."""

    kind: Literal["subject.request"]
    right: Annotated[str, listed("ACCESS", "RECTIFY", "ERASE", "RESTRICT")]
    subject_proof_hash: Annotated[str, matching("^[0-9a-f]{64}$")]
    case_hints: Annotated[list[Annotated[str, text_of(60)]], many(longest=20)] | None = None
    received_at: Moment


class Forwarded(Block):
    """To whom it was passed on, and when."""

    to: State
    on: CivilDate


class Refused(Block):
    """When the refusal was decided and written down; why is told to the person alone."""

    on: CivilDate


class SubjectRequestOutcome(Reply):
    """Says what became of a subject.request."""

    kind: Literal["subject.request.outcome"]
    outcome: Annotated[str, listed("ANSWERED", "FORWARDED", "REFUSED", "NOT_HELD")]
    forwarded: Forwarded | None = None
    refused: Refused | None = None


def check_subject_request(message: Node, context: CheckContext) -> Findings:
    """A request that has been made; one passed on after seven days is late, and still has to go."""
    received = message["received_at"]
    yield from not_in_future(received, context)
    if received.day is not None and context.today - received.day > FORWARD_WITHIN:
        yield received.finding("OUT_OF_TIME", "warning")


def check_subject_request_outcome(message: Node, context: CheckContext) -> Findings:
    """The object named after the outcome is there, and no other; nothing happened before the person asked."""
    asked = Node(context.parent)["received_at"]
    yield from check_outcome_object(message, {"FORWARDED": "forwarded", "REFUSED": "refused"})
    for block in (message["forwarded"], message["refused"]):
        yield from not_in_future(block["on"], context)
        yield from in_order(asked, block["on"])


KINDS = (
    Kind(
        "subject.request", SubjectRequest, check_subject_request, always("requested"), facts={"event_on": "received_at"}
    ),
    Kind("subject.request.outcome", SubjectRequestOutcome, check_subject_request_outcome, always("answered")),
)
