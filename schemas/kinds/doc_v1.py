"""Documents, version 1: forgery alerts and questions to the issuer (domain.md 11.1, kinds 1, 6 and 7).

`doc.alert` is about documents, never about people (regulation 2020/493 art. 5): no person, no full number of a genuine
document, and only images in which face, name and number are masked. `doc.verify.request` asks the issuer about one
document; `doc.verify.reply` answers each question and says which fields disagree, never what they should be.
"""

import re
from datetime import date, timedelta
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from schemas.codes import states
from schemas.kinds.kind import Kind, always
from schemas.parts.attachment import Attachment
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import Issuer, Nationality, coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, PartialDate, Period, in_order, not_in_future
from schemas.parts.document import (
    DocumentNumber,
    DocumentType,
    TravelDocument,
    check_document,
    check_holder,
    normalise_number,
)
from schemas.parts.message import Evaluation, Handling, Message, PersonalMessage, Purpose, Reply, TrafficLight
from schemas.parts.names import NameParts, check_name_parts
from schemas.parts.node import Findings, Node
from schemas.parts.person import check_birth_date

QUESTIONS = ("ISSUED", "STATUS", "DATA_MATCH", "PHOTO_MATCH", "NUMBER_FORMAT", "AUTHORITY_EXISTS")

MASKED_IN_ALERTS = ("portrait", "name", "number")

ALERT_YEARS_MAX = 5
"""An alert lasts two years unless said; beyond five it has to be issued anew."""

COHORT_MIN = 5
"""Fewest detections per nationality named (domain.md 8, disclosure control)."""


class DocumentModel(Block):
    """The series of documents meant. For a PSEUDO document `claimed_issuer` stands for the issuer it does not have."""

    doc_type: DocumentType
    issuer: Issuer | None = None
    claimed_issuer: Annotated[str, text_of(100)] | None = None
    series: Annotated[str, text_of(40)] | None = None
    first_issue_year: Annotated[int, Field(ge=1900, le=2200)] | None = None
    last_issue_year: Annotated[int, Field(ge=1900, le=2200)] | None = None


class NumberRange(Block):
    """Numbers from one to another, of one length."""

    from_: DocumentNumber = Field(alias="from")
    to: DocumentNumber


class DetectionPoint(Block):
    """Where to look, what a genuine document shows there, what the false one shows."""

    feature: Annotated[str, text_of(60)]
    genuine: Annotated[str, text_of(300)]
    false: Annotated[str, text_of(300)]
    light: Annotated[str, text_of(40)] | None = None
    page: Annotated[str, text_of(40)] | None = None


class DocAlert(Message):
    """Warns of false documents of one model."""

    kind: Literal["doc.alert"]
    alert_no: Annotated[str, matching("^[A-Z]{2}-DOC-[0-9]{4}-[0-9]{5}$")]
    fraud_types: Annotated[list[Annotated[str, coded("fraud_type")]], many(longest=10, shortest=1)]
    finding_level: Annotated[int, Field(ge=1, le=3)]
    document_model: DocumentModel
    number_masks: Annotated[list[Annotated[str, matching("^[A-Z0-9*]{1,20}$")]], many(longest=50)] | None = None
    number_ranges: Annotated[list[NumberRange], many(longest=50)] | None = None
    detection_points: Annotated[list[DetectionPoint], many(longest=50, shortest=1)]
    techniques: Annotated[list[Annotated[str, coded("technique")]], many(longest=30)] | None = None
    route_code: Annotated[str, coded("route")] | None = None
    bcp_kind: Annotated[str, listed("air", "land", "sea", "rail")] | None = None
    period: Period | None = None
    seen_count: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    nationalities: Annotated[list[Nationality], many(longest=30)] | None = None
    images: Annotated[list[Attachment], many(longest=20)] | None = None
    evaluation: Evaluation
    handling: Handling
    tlp: TrafficLight
    valid_until: CivilDate


class HolderAsPrinted(Block):
    """The holder as the document names him or her."""

    parts: NameParts
    birth_date: PartialDate | None = None


class DocVerifyRequest(PersonalMessage):
    """Asks the issuer about one document."""

    kind: Literal["doc.verify.request"]
    purpose_code: Purpose
    document: TravelDocument
    holder_as_printed: HolderAsPrinted | None = None
    questions: Annotated[list[Annotated[str, listed(*QUESTIONS)]], many(longest=6, shortest=1)]
    reason: Annotated[str, listed("BORDER", "VISA_APPLICATION", "RETURN", "INVESTIGATION")]
    urgency: Annotated[str, listed("A", "B", "C")]


Answer = Annotated[str, listed("YES", "NO", "PARTIAL", "CANNOT_SAY", "REFUSED")]


class Answers(Block):
    """The answer to each question asked, and to no other."""

    ISSUED: Answer | None = None
    STATUS: Answer | None = None
    DATA_MATCH: Answer | None = None
    PHOTO_MATCH: Answer | None = None
    NUMBER_FORMAT: Answer | None = None
    AUTHORITY_EXISTS: Answer | None = None


class DocVerifyReply(Reply):
    """Answers a doc.verify.request."""

    kind: Literal["doc.verify.reply"]
    answers: Answers
    record_status: Annotated[str, coded("record_status")] | None = None
    mismatch_fields: Annotated[list[Annotated[str, coded("mismatch_field")]], many(longest=20)] | None = None
    fog_suspected: bool | None = None
    breeder_check_suggested: bool | None = None


def check_doc_alert(message: Node, context: CheckContext) -> Findings:
    """What keeps an alert about documents: see the module's head."""
    fraud_types = set(message["fraud_types"].texts)
    yield from _alert_number(message["alert_no"], context)
    yield from _model(message["document_model"], pseudo="PSEUDO" in fraud_types)
    if "UNDETERMINED" in fraud_types and message["finding_level"].number == 3:
        yield message["finding_level"].finding("FIELD_RANGE")
    yield from _numbers(message, fraud_types)
    yield from in_order(message["period"]["from"], message["period"]["to"])
    yield from not_in_future(message["period"]["to"], context)
    seen = message["seen_count"].number or 0
    named = len(message["nationalities"].items)
    if named and seen < COHORT_MIN * named:
        yield message["nationalities"].finding("FIELD_RANGE")
    for image in message["images"].items:
        masked = image["masked"]
        if isinstance(image.value, dict) and not set(MASKED_IN_ALERTS) <= set(masked.texts):
            yield masked.finding("FIELD_MISSING")
        if image["media_type"].text == "application/pdf":
            yield image["media_type"].finding("ATTACH_TYPE")
    until = message["valid_until"]
    if until.day is not None and not context.today <= until.day <= _years_after(context, ALERT_YEARS_MAX):
        yield until.finding("FIELD_RANGE")


def check_doc_verify_request(message: Node, context: CheckContext) -> Findings:
    """A printed holder is given only where a question compares it."""
    yield from check_document(message["document"], context)
    holder, questions = message["holder_as_printed"], set(message["questions"].texts)
    if holder.present:
        yield from check_name_parts(holder["parts"])
        yield from check_birth_date(holder["birth_date"], context)
        yield from check_holder(holder, message["document"], context)
        if message["questions"].present and not questions & {"DATA_MATCH", "PHOTO_MATCH"}:
            yield holder.finding("SG8")


def check_doc_verify_reply(message: Node, context: CheckContext) -> Findings:
    """One answer for each question of the request and none extra; mismatching fields need a question about matching."""
    answers = message["answers"]
    given = {answer.name: answer.text for answer in answers.members}
    if answers.present and isinstance(answers.value, dict) and not given:
        yield answers.finding("FIELD_LENGTH")
    if context.parent is not None and answers.present:
        asked = Node(context.parent)["questions"].texts
        for question in asked:
            if question in QUESTIONS and question not in given:
                yield answers[question].finding("FIELD_MISSING")
        for answer in answers.members:
            if answer.name in QUESTIONS and answer.name not in asked:
                yield answer.finding("FIELD_UNKNOWN")
    disagrees = {given.get(question) for question in ("DATA_MATCH", "PHOTO_MATCH")} & {"NO", "PARTIAL"}
    if message["mismatch_fields"].items and not disagrees:
        yield message["mismatch_fields"].finding("SG8")
    parent = Node(context.parent)["document"]["issuer"].text if context.parent is not None else None
    if context.sender_state is not None and parent not in {None, states.SPECIMEN, context.sender_state}:
        yield message["kind"].finding("SENDER_NOT_ISSUER")


def _alert_number(number: Node, context: CheckContext) -> Findings:
    """CC is the sender's alpha-2 code, and the year has begun."""
    text_ = number.text
    if text_ is None or re.fullmatch(r"[A-Z]{2}-DOC-[0-9]{4}-[0-9]{5}", text_, re.ASCII) is None:
        return
    if not states.is_alpha2(text_[:2]):
        yield number.finding("CODE_UNKNOWN")
    elif context.sender_state is not None and states.alpha2(context.sender_state) != text_[:2]:
        yield number.finding("SENDER_NOT_ISSUER")
    if int(text_[7:11]) > context.latest_day.year:
        yield number.finding("FIELD_RANGE")


def _model(model: Node, *, pseudo: bool) -> Findings:
    if not isinstance(model.value, dict):
        return
    wanted, unwanted = ("claimed_issuer", "issuer") if pseudo else ("issuer", "claimed_issuer")
    if not model[wanted].present:
        yield model[wanted].finding("FIELD_MISSING")
    if model[unwanted].present:
        yield model[unwanted].finding("FIELD_UNKNOWN")
    if not pseudo and not model["series"].present:
        yield model["series"].finding("FIELD_MISSING")
    first, last = model["first_issue_year"].number, model["last_issue_year"].number
    if first is not None and last is not None and last < first:
        yield model["last_issue_year"].finding("FIELD_RANGE")


def _numbers(message: Node, fraud_types: set[str]) -> Findings:
    """FIELD_PATTERN for a full number, save of stolen blanks or one counterfeit number seen at least twice."""
    full = [mask for mask in message["number_masks"].items if mask.text is not None and "*" not in mask.text]
    for range_ in message["number_ranges"].items:
        start, end = (normalise_number(range_[name].text or "") for name in ("from", "to"))
        if start and end and (len(start) != len(end) or start > end):
            yield range_["to"].finding("FIELD_RANGE")
        elif start and start == end:
            full.append(range_)
    stolen_blank = bool(fraud_types & {"STOLEN_BLANK", "VISA.STOLEN_BLANK"})
    counterfeit = bool(fraud_types & {"COUNTERFEIT", "VISA.COUNTERFEIT"})
    reused_one = counterfeit and len(full) == 1 and (message["seen_count"].number or 0) >= 2
    if not stolen_blank and not reused_one:
        for node in full:
            yield node.finding("FIELD_PATTERN")


def _years_after(context: CheckContext, years: int) -> date:
    today = context.latest_day
    return date(today.year + years, today.month, min(today.day, 28)) + timedelta(days=3)


def _answered_or_not(message: Node) -> str:
    """`cannot_say` when the issuer answers none of the questions."""
    answers = {answer.text for answer in message["answers"].members}
    return "cannot_say" if answers and answers <= {"CANNOT_SAY", "REFUSED"} else "answered"


KINDS = (
    Kind(
        "doc.alert", DocAlert, check_doc_alert, always("issued"), facts=MappingProxyType({"valid_until": "valid_until"})
    ),
    Kind(
        "doc.verify.request",
        DocVerifyRequest,
        check_doc_verify_request,
        always("requested"),
        facts=MappingProxyType({"urgency": "urgency"}),
    ),
    Kind("doc.verify.reply", DocVerifyReply, check_doc_verify_reply, _answered_or_not),
)
