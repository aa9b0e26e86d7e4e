"""Visas and stays, version 1: questions about visas, misuse, overstays (domain.md 11.2, kinds 10 to 15 and 18).

`visa.verify.request` asks the state that issued a visa about it. `visa.misuse.notice` tells that state how it was
misused and what was decided; `misuse.pattern.report` tells others of a pattern, without persons. `visa.overstay.notice`
tells the state that issued the visa, or the state of nationality, that somebody stayed too long; the days claimed must
follow from the stays given. `visa.overstay.reply` notes it, or says what stands against it.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from schemas.codes import states
from schemas.codes.lists import load
from schemas.kinds.kind import Kind, always
from schemas.parts.answers import Answered, answered_or_not, check_answers
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import Issuer, Nationality, coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, Moment, Period, in_order, not_in_future
from schemas.parts.document import DocumentNumber, TravelDocument, check_document
from schemas.parts.evidence import Evidence, check_evidence
from schemas.parts.message import Message, PersonalMessage, Purpose, Reply
from schemas.parts.names import NameParts, check_name_parts
from schemas.parts.node import Findings, Node
from schemas.parts.outcome import check_outcome_object
from schemas.parts.person import Person, check_person
from schemas.parts.stay import BorderPoint, Stay, check_border_point, check_overstay, check_stays
from schemas.parts.visa import ENDED_EARLY, Sponsor, Visa, check_visa, visa_terms

STAYS_MAX = 400

VISA_QUESTIONS = ("ISSUED", "STATUS", "HOLDER_MATCH", "DOC_MATCH", "TERRITORY")

COHORT_MIN = 5
"""Fewest cases that a pattern may be told of (domain.md 8, disclosure control)."""


class VisaVerifyRequest(PersonalMessage):
    """Asks the state that issued a visa about it."""

    kind: Literal["visa.verify.request"]
    purpose_code: Purpose
    visa_number: DocumentNumber
    visa_issuer: Issuer | None = None
    document_number: DocumentNumber
    holder_names: NameParts | None = None
    questions: Annotated[list[Annotated[str, listed(*VISA_QUESTIONS)]], many(longest=5, shortest=1)]


class VisaAnswers(Block):
    """The answer to each question asked, and to no other."""

    ISSUED: Answered | None = None
    STATUS: Answered | None = None
    HOLDER_MATCH: Answered | None = None
    DOC_MATCH: Answered | None = None
    TERRITORY: Answered | None = None


class VisaVerifyReply(Reply):
    """Answers a visa.verify.request; where the visa stands is said inside the Visa Information System alone."""

    kind: Literal["visa.verify.reply"]
    answers: VisaAnswers
    status: Annotated[str, coded("visa_status")] | None = None


class MisuseDecision(Block):
    """What was decided about the visa, on which form."""

    outcome: Annotated[str, listed("ANNULLED", "REVOKED", "REFUSED_ENTRY", "NONE")]
    grounds: Annotated[list[Annotated[str, coded("visa_ground", "refusal_reason")]], many(longest=14)] | None = None
    authority: Annotated[str, text_of(120)] | None = None
    place: Annotated[str, text_of(100)] | None = None
    date: CivilDate | None = None
    form_version: Annotated[str, matching("^[0-9]{3,4}/[0-9]{1,4}$")] | None = None


class SupportingDocument(Block):
    """A paper that was to support an application."""

    kind: Annotated[str, matching("^[a-z][a-z_]{0,39}$")]
    false: bool | None = None
    verified_by: Annotated[str, text_of(120)] | None = None


MisuseTypes = Annotated[list[Annotated[str, coded("misuse_type")]], many(longest=13, shortest=1)]


class VisaMisuseNotice(PersonalMessage):
    """Tells the state that issued a visa how it was misused."""

    kind: Literal["visa.misuse.notice"]
    purpose_code: Purpose
    misuse_types: MisuseTypes
    visa: Visa
    person: Person
    document: TravelDocument
    decision: MisuseDecision
    supporting_docs: Annotated[list[SupportingDocument], many(longest=30)] | None = None
    sponsor: Sponsor | None = None
    agent: Sponsor | None = None


class VisaMisuseAck(Reply):
    """Says that a visa.misuse.notice has come to the right place; what follows from it stays there."""

    kind: Literal["visa.misuse.ack"]
    received_at: Moment


class MisuseCount(Block):
    """How often one type of misuse was seen."""

    misuse_type: Annotated[str, coded("misuse_type")]
    count: Annotated[int, Field(ge=COHORT_MIN, le=1_000_000)]


class MisusePatternReport(Message):
    """Tells others of a pattern of misuse, without persons (Regulation (EU) 2019/1240 art. 3(4))."""

    kind: Literal["misuse.pattern.report"]
    misuse_types: MisuseTypes
    nationality: Nationality
    visa_issuer: Issuer
    sponsor_kind: Annotated[str, listed("person", "company", "none", "unknown")]
    route_code: Annotated[str, coded("route")]
    period: Period
    counts: Annotated[list[MisuseCount], many(longest=13, shortest=1)]
    narrative: Annotated[str, text_of(1000)] | None = None


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


def check_visa_verify_request(message: Node, context: CheckContext) -> Findings:  # noqa: ARG001 - one form for all kinds
    """The holder's names are given where a question compares them, and only there."""
    names, questions = message["holder_names"], message["questions"]
    yield from check_name_parts(names)
    compared = "HOLDER_MATCH" in questions.texts
    if compared and not names.present:
        yield names.finding("FIELD_MISSING")
    if questions.present and names.present and not compared:
        yield names.finding("SG8")


def check_visa_verify_reply(message: Node, context: CheckContext) -> Findings:
    """One answer for each question, none extra; only the issuer answers."""
    yield from check_answers(message["answers"], context.parent, VISA_QUESTIONS)
    issuer = Node(context.parent)["visa_issuer"].text
    if context.sender_state is not None and issuer not in {None, states.SPECIMEN, context.sender_state}:
        yield message["kind"].finding("SENDER_NOT_ISSUER")


def check_visa_misuse_notice(message: Node, context: CheckContext) -> Findings:
    """Visa, person and document each hold; the decision has grounds of its own list and agrees with the visa."""
    yield from check_person(message["person"], context)
    yield from check_document(message["document"], context, holder=message["person"])
    yield from check_visa(message["visa"], context, holder=message["person"])
    decision, status = message["decision"], message["visa"]["status"]
    yield from _grounds(decision)
    outcome = decision["outcome"].text
    for name in ("authority", "place", "date", "form_version"):
        if outcome not in {None, "NONE"} and not decision[name].present:
            yield decision[name].finding("FIELD_MISSING")
    yield from not_in_future(decision["date"], context)
    if outcome in _STATUS_AFTER and status.text is not None and status.text != _STATUS_AFTER[outcome]:
        yield status.finding("FIELD_RANGE")


def check_visa_misuse_ack(message: Node, context: CheckContext) -> Findings:
    """It was received before now."""
    yield from not_in_future(message["received_at"], context)


def check_misuse_pattern_report(message: Node, context: CheckContext) -> Findings:
    """One count for each type of misuse named, none extra; a period that has been."""
    yield from in_order(message["period"]["from"], message["period"]["to"])
    yield from not_in_future(message["period"]["to"], context)
    named, counted = message["misuse_types"].texts, set()
    for count in message["counts"].items:
        misuse = count["misuse_type"]
        if misuse.text is not None and (misuse.text not in named or misuse.text in counted):
            yield misuse.finding("FIELD_UNKNOWN")
        counted.add(misuse.text)
    if message["counts"].items and not set(named) <= counted:
        yield message["counts"].finding("FIELD_MISSING")


_STATUS_AFTER: Mapping[str | None, str] = {"ANNULLED": "annulled", "REVOKED": "revoked"}


def _grounds(decision: Node) -> Findings:
    """VIS art. 12(2) and 13(2)(b) for a visa's end, the letters of the Borders Code's form for a refusal of entry."""
    outcome, grounds = decision["outcome"].text, decision["grounds"]
    if outcome in {"ANNULLED", "REVOKED", "REFUSED_ENTRY"} and not grounds.items:
        yield grounds.finding("GROUND_REQUIRED")
    allowed = {
        "ANNULLED": load("visa_ground") - {"HOLDER_REQUEST"},
        "REVOKED": load("visa_ground"),
        "REFUSED_ENTRY": load("refusal_reason"),
        "NONE": frozenset[str](),
    }.get(outcome or "")
    for ground in grounds.items:
        if allowed is not None and ground.text is not None and ground.text not in allowed:
            yield ground.finding("GROUND_NOT_ALLOWED")


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
    yield from check_outcome_object(message, {"EXIT_RECORDED": "exit_recorded", "EXEMPT": "exempt"})
    yield from not_in_future(message["exit_recorded"]["date"], context)
    yield from check_border_point(message["exit_recorded"]["bcp"])
    evidence = message["exempt"]["evidence"]
    for piece in evidence.items or [evidence]:
        yield from check_evidence(piece, context)


KINDS = (
    Kind("visa.verify.request", VisaVerifyRequest, check_visa_verify_request, always("requested")),
    Kind("visa.verify.reply", VisaVerifyReply, check_visa_verify_reply, answered_or_not),
    Kind("visa.misuse.notice", VisaMisuseNotice, check_visa_misuse_notice, always("requested")),
    Kind("visa.misuse.ack", VisaMisuseAck, check_visa_misuse_ack, always("acknowledged")),
    Kind("misuse.pattern.report", MisusePatternReport, check_misuse_pattern_report, always("notified")),
    Kind("visa.overstay.notice", VisaOverstayNotice, check_visa_overstay_notice, always("notified")),
    # one event for all: an outcome must not tell the hub of a protection matter
    Kind("visa.overstay.reply", VisaOverstayReply, check_visa_overstay_reply, always("answered")),
)
