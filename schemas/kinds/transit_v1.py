"""Transit, version 1: leave to bring somebody through a state, its withdrawal, and what came of it (kinds 41 to 44).

The form is the agreements' own (domain.md 4.1, 11.3): the person, the way, the onward journey guaranteed, no ground for
refusal known. Consent may be withdrawn; the requesting state then takes the person back without delay.
"""

from typing import Annotated, Literal

from schemas.kinds.kind import Kind, always, told
from schemas.parts.block import Block, many, text_of
from schemas.parts.coded import State, coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import Moment, not_in_future
from schemas.parts.handover import Crossed, Escort, TransferMode, check_border_of_recipient
from schemas.parts.message import PersonalMessage, Purpose, Reply
from schemas.parts.node import Findings, Node
from schemas.parts.outcome import check_outcome_object
from schemas.parts.person import Person, check_person
from schemas.parts.stay import BorderPoint, check_border_point
from schemas.parts.times import check_lead

TransitGround = Annotated[str, coded("transit_ground")]


class TransitApplication(PersonalMessage):
    """Asks leave to bring a person through."""

    kind: Literal["transit.application"]
    purpose_code: Purpose
    person: Person
    modes: Annotated[list[TransferMode], many(longest=3, shortest=1)]
    other_transit_states: Annotated[list[State], many(longest=10)] | None = None
    destination: State
    bcp: BorderPoint
    at: Moment
    escorts: Annotated[list[Escort], many(longest=20)] | None = None
    assistance: Annotated[str, text_of(300)] | None = None
    guarantee_onward: bool
    known_refusal_ground: bool


class Consent(Block):
    """Where and when the person may come in, and whether the state helps."""

    bcp: BorderPoint
    at: Moment
    support: bool


class Refusal(Block):
    """On which ground the agreement's transit clause lets a state say no."""

    ground: TransitGround


class TransitDecision(Reply):
    """Allows or refuses transit."""

    kind: Literal["transit.decision"]
    outcome: Annotated[str, listed("CONSENT", "REFUSE")]
    consent: Consent | None = None
    refuse: Refusal | None = None


class TransitRevoke(Reply):
    """Takes consent back; the requesting state takes the person back."""

    kind: Literal["transit.revoke"]
    ground: TransitGround
    at: Moment


class TransitResult(Reply):
    """Says that the person went through, or was taken back."""

    kind: Literal["transit.result"]
    outcome: Annotated[str, listed("PERFORMED", "TAKEN_BACK")]
    performed: Crossed | None = None
    taken_back: Crossed | None = None


def check_transit_application(message: Node, context: CheckContext) -> Findings:
    """The onward journey is guaranteed, no ground for refusal is known, and the application is early enough."""
    yield from check_person(message["person"], context)
    for name, wanted in (("guarantee_onward", True), ("known_refusal_ground", False)):
        if message[name].flag is (not wanted):
            yield message[name].finding("FIELD_RANGE")
    yield from check_border_of_recipient(message["bcp"], context, "warning")  # the worked example has another state's
    yield from check_lead(message["at"], "transit_lead", context)
    destination, through = message["destination"], message["other_transit_states"]
    if destination.text is not None and destination.text in {*context.recipient_states, context.sender_state}:
        yield destination.finding("FIELD_RANGE")
    for state in through.items:
        if state.text is not None and state.text == destination.text:
            yield state.finding("FIELD_RANGE")


def check_transit_decision(message: Node, context: CheckContext) -> Findings:
    """Consent says where and when, a refusal its ground."""
    yield from check_outcome_object(message, {"CONSENT": "consent", "REFUSE": "refuse"})
    yield from check_border_point(message["consent"]["bcp"])
    at = message["consent"]["at"]
    if at.day is not None and at.day < context.today:
        yield at.finding("FIELD_RANGE")


def check_transit_revoke(message: Node, context: CheckContext) -> Findings:
    """Consent is not withdrawn tomorrow."""
    yield from not_in_future(message["at"], context)


def check_transit_result(message: Node, context: CheckContext) -> Findings:
    """Each outcome says when and where."""
    yield from check_outcome_object(message, {"PERFORMED": "performed", "TAKEN_BACK": "taken_back"})
    for crossed in (message["performed"], message["taken_back"]):
        yield from not_in_future(crossed["at"], context)
        yield from check_border_point(crossed["bcp"])


def _decided(message: Node) -> str:
    return "consented" if message["outcome"].text == "CONSENT" else "refused"


def _ended(message: Node) -> str:
    return "performed" if message["outcome"].text == "PERFORMED" else "taken_back"


KINDS = (
    Kind(
        "transit.application",
        TransitApplication,
        check_transit_application,
        always("applied"),
        facts=told(event_on="at"),
    ),
    Kind("transit.decision", TransitDecision, check_transit_decision, _decided, facts=told(event_on="consent/at")),
    Kind("transit.revoke", TransitRevoke, check_transit_revoke, always("revoked"), facts=told(event_on="at")),
    Kind("transit.result", TransitResult, check_transit_result, _ended),
)
