"""Visas and stays, version 1: the overstay notice and its answer (domain.md 11.2, kinds 14 and 15).

`visa.overstay.notice` tells the state that issued the visa, or the state of nationality, that somebody stayed too long;
the days claimed must follow from the stays given. `visa.overstay.reply` notes it, or says what stands against it.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from schemas.kinds.kind import Kind, always
from schemas.parts.block import Block, many, text_of
from schemas.parts.coded import coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, Moment, not_in_future
from schemas.parts.document import TravelDocument, check_document
from schemas.parts.evidence import Evidence, check_evidence
from schemas.parts.message import PersonalMessage, Purpose, Reply
from schemas.parts.node import Findings, Node
from schemas.parts.person import Person, check_person
from schemas.parts.stay import BorderPoint, Stay, check_border_point, check_overstay, check_stays
from schemas.parts.visa import ENDED_EARLY, Visa, check_visa, visa_terms

STAYS_MAX = 400


class Computed(Block):
    """What the sender's calculator found, and under which rules."""

    first_overstay_day: CivilDate
    days: Annotated[int, Field(ge=1, le=36_500)]
    rule_version: Annotated[str, text_of(40)]


class VisaOverstayNotice(PersonalMessage):
    """Reports an overstay."""

    kind: Literal["visa.overstay.notice"]
    purpose_code: Purpose
    person: Person
    document: TravelDocument
    visa: Visa | None = None
    stays: Annotated[list[Stay], many(longest=STAYS_MAX)] | None = None
    computed: Computed
    status: Annotated[str, listed("DEPARTED", "STILL_PRESENT", "UNKNOWN")]
    exemption_claimed: Annotated[str, coded("stay_exemption")] | None = None
    detected_at: Moment


class ExitRecorded(Block):
    """The exit that was on record."""

    date: CivilDate
    bcp: BorderPoint


def _one_or_many(value: object) -> str:
    return "<many>" if isinstance(value, list) else "<one>"


class Exempt(Block):
    """Why the stay was no overstay, and what shows it."""

    code: Annotated[str, coded("stay_exemption")]
    evidence: Annotated[
        Annotated[Evidence, Tag("<one>")]
        | Annotated[Annotated[list[Evidence], many(longest=50, shortest=1)], Tag("<many>")],
        Discriminator(_one_or_many),
    ]


class VisaOverstayReply(Reply):
    """Answers a visa.overstay.notice."""

    kind: Literal["visa.overstay.reply"]
    outcome: Annotated[str, listed("NOTED", "EXIT_RECORDED", "EXEMPT", "PERSON_UNKNOWN", "DATA_WRONG")]
    exit_recorded: ExitRecorded | None = None
    exempt: Exempt | None = None


def check_visa_overstay_notice(message: Node, context: CheckContext) -> Findings:
    """Person, document, visa and stays each hold; the overstay claimed is the one the stays give."""
    detected = message["detected_at"]
    yield from check_person(message["person"], context)
    yield from check_document(message["document"], context, holder=message["person"])
    visa = message["visa"]
    disputed = list(check_visa(visa, context, holder=message["person"]))
    yield from disputed
    yield from check_stays(message["stays"], detected, context)
    yield from not_in_future(detected, context)
    yield from not_in_future(message["computed"]["first_overstay_day"], context)
    terms = visa_terms(visa)
    if any(finding.severity == "error" for finding in disputed) or (visa.present and terms is None):
        return  # what follows from the visa rests on what it says
    exact = visa["status"].text not in ENDED_EARLY
    yield from check_overstay(message["computed"], message["stays"], detected, terms, exact=exact)


def check_visa_overstay_reply(message: Node, context: CheckContext) -> Findings:
    """The object named after the outcome is there, and no other."""
    outcome = message["outcome"].text
    for name, code in (("exit_recorded", "EXIT_RECORDED"), ("exempt", "EXEMPT")):
        if outcome == code and not message[name].present:
            yield message[name].finding("FIELD_MISSING")
        if outcome is not None and outcome != code and message[name].present:
            yield message[name].finding("FIELD_UNKNOWN")
    yield from not_in_future(message["exit_recorded"]["date"], context)
    yield from check_border_point(message["exit_recorded"]["bcp"])
    evidence = message["exempt"]["evidence"]
    for piece in evidence.items or [evidence]:
        yield from check_evidence(piece, context)


KINDS = (
    Kind("visa.overstay.notice", VisaOverstayNotice, check_visa_overstay_notice, always("notified")),
    # one event for all: an outcome must not tell the hub of a protection matter
    Kind("visa.overstay.reply", VisaOverstayReply, check_visa_overstay_reply, always("answered")),
)
