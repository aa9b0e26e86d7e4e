"""Transfers, version 1: notice, acknowledgement, obstacle and result (domain.md 11.3, 4.1, kinds 35 to 38).

A notice is sent on a consent that is on record: a decision, a claim after silence, or a communication. It says when,
where, by what and with whom; which persons and which travel document. The result says whether they were handed over, in
words from which nobody can tell a court's stay from a missed flight.
"""

from typing import Annotated, Literal

from schemas.kinds.kind import Kind, always, told
from schemas.parts import case
from schemas.parts.attachment import Attachment
from schemas.parts.block import Block, many, text_of
from schemas.parts.coded import coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, Moment, not_in_future
from schemas.parts.document import TravelDocument, check_document
from schemas.parts.handover import (
    Crossed,
    Escort,
    TransferMode,
    check_border_of_recipient,
    check_expiry,
)
from schemas.parts.message import MessageId, Reply
from schemas.parts.node import Findings, Node
from schemas.parts.outcome import check_outcome_object
from schemas.parts.person import PersonRef
from schemas.parts.profile import When
from schemas.parts.stay import BorderPoint, check_border_point
from schemas.parts.times import check_lead

CONSENTS = ("decision", "tacit_claim", "communication")


class ConsentRef(Block):
    """What the transfer rests on, and of which day: one of the three messages, by its id."""

    decision: MessageId | None = None
    tacit_claim: MessageId | None = None
    communication: MessageId | None = None
    on: CivilDate


class TransferNotice(Reply):
    """Announces when, where and how persons will be handed over."""

    kind: Literal["transfer.notice"]
    consent_ref: ConsentRef
    persons: Annotated[list[PersonRef], many(longest=30, shortest=1)]
    td: TravelDocument
    at: Moment
    bcp: BorderPoint
    mode: TransferMode
    carrier_ref: Annotated[str, text_of(40)]
    escorts: Annotated[list[Escort], many(longest=20)] | None = None
    medical_escort: bool
    reason_not_air: Annotated[str, text_of(200)] | None = None
    protective: Annotated[list[Annotated[str, text_of(200)]], many(longest=10)] | None = None
    needs: Annotated[list[Annotated[str, coded("need")]], many(longest=16)] | None = None
    attachments: Annotated[list[Attachment], many(longest=20)] | None = None


class TransferAck(Reply):
    """Confirms that the notice was received, and by whom."""

    kind: Literal["transfer.ack"]
    received_at: Moment
    official: Annotated[str, text_of(100)]


class TransferObstacle(Reply):
    """Says at once that the transfer cannot take place as announced."""

    kind: Literal["transfer.obstacle"]
    reason: Annotated[str, text_of(300)]
    proposed_at: Moment | None = None


class TransferResult(Reply):
    """Says whether the persons were handed over."""

    kind: Literal["transfer.result"]
    outcome: Annotated[
        str,
        listed("HANDED_OVER", "NOT_BOARDED", "ABSCONDED", "REFUSED_BY_RDS", "CARRIER", "MEDICAL", "POSTPONED_BY_RQS"),
    ]
    handed_over: Crossed | None = None


def check_transfer_notice(message: Node, context: CheckContext) -> Findings:
    """The consent covers the persons, the day lies in the agreement's window, and the document outlives it."""
    consent, at, document = message["consent_ref"], message["at"], message["td"]
    relied_on = [name for name in CONSENTS if consent[name].present]
    if isinstance(consent.value, dict) and not relied_on:
        yield consent["decision"].finding("FIELD_MISSING")
    for name in relied_on[1:]:
        yield consent[name].finding("FIELD_UNKNOWN")
    yield from not_in_future(consent["on"], context)
    yield from case.check_persons(message["persons"], case.consented(context))
    yield from check_document(document, context)
    if at.day is not None:
        yield from check_expiry(document, at.day)
    yield from check_border_of_recipient(message["bcp"], context)
    if message["mode"].text == "AIR" and message["reason_not_air"].present:
        yield message["reason_not_air"].finding("FIELD_UNKNOWN")
    yield from check_lead(at, "notice_lead", context)
    yield from _window(message, context)


def _window(message: Node, context: CheckContext) -> Findings:
    """WINDOW_EXPIRED for a day after the time for transfers; after silence that runs from the end of the answer's."""
    start: When | None = case.lapsed_on(context) or message["consent_ref"]["on"].day
    at, profile = message["at"], context.profile
    if profile is None or start is None or at.day is None:
        return
    extension = case.extension(context, "TRANSFER")
    last = extension.until or profile.due("transfer_limit", start, extension_days=extension.days)
    if last is not None and at.day > last:
        yield at.finding("WINDOW_EXPIRED")


def check_transfer_ack(message: Node, context: CheckContext) -> Findings:
    """Nothing was received tomorrow."""
    yield from not_in_future(message["received_at"], context)


def check_transfer_obstacle(message: Node, context: CheckContext) -> Findings:
    """Another day proposed has not passed."""
    proposed = message["proposed_at"]
    if proposed.day is not None and proposed.day < context.today:
        yield proposed.finding("FIELD_RANGE")


def check_transfer_result(message: Node, context: CheckContext) -> Findings:
    """A hand-over says when and where; nothing else does."""
    yield from check_outcome_object(message, {"HANDED_OVER": "handed_over"})
    yield from not_in_future(message["handed_over"]["at"], context)
    yield from check_border_point(message["handed_over"]["bcp"])


def _ended(message: Node) -> str:
    """Every way not to be handed over is one step: which it was stands in the sealed payload."""
    return "handed_over" if message["outcome"].text == "HANDED_OVER" else "not_handed_over"


KINDS = (
    Kind(
        "transfer.notice",
        TransferNotice,
        check_transfer_notice,
        always("transfer_notified"),
        facts=told(event_on="at"),
    ),
    Kind("transfer.ack", TransferAck, check_transfer_ack, always("transfer_acknowledged")),
    Kind("transfer.obstacle", TransferObstacle, check_transfer_obstacle, always("transfer_obstructed")),
    Kind("transfer.result", TransferResult, check_transfer_result, _ended, facts=told(event_on="handed_over/at")),
)
