"""Documents, version 1: alerts, what issuers say of their documents, and questions to them (domain.md 11.1, kinds 1-7).

`doc.alert` is about documents, never about people (regulation 2020/493 art. 5): no person, no full number of a genuine
document, and only images in which face, name and number are masked. `doc.alert.update` changes, confirms or withdraws
one, `doc.alert.feedback` says whether it was of use. `doc.status.notice` and `doc.specimen.notice` are the issuer's
alone. `doc.verify.request` asks the issuer about one document; `doc.verify.reply` answers each question and says which
fields disagree, never what they should be.
"""

import re
from datetime import date, timedelta
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from schemas.codes import states
from schemas.kinds.kind import Kind, always
from schemas.parts.answers import Answered, answered_or_not, check_answers, disagrees
from schemas.parts.attachment import Attachment
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import Issuer, Nationality, closed, coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, Period, in_order, not_in_future
from schemas.parts.document import (
    DocumentNumber,
    DocumentType,
    TravelDocument,
    check_document,
    check_holder,
    normalise_number,
)
from schemas.parts.holder import HolderAsPrinted, check_printed
from schemas.parts.message import Answer, Evaluation, Handling, Message, PersonalMessage, Purpose, Reply, TrafficLight
from schemas.parts.node import Findings, Node

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


AlertNumber = Annotated[str, matching("^[A-Z]{2}-DOC-[0-9]{4}-[0-9]{5}$")]
FraudTypes = Annotated[list[Annotated[str, coded("fraud_type")]], many(longest=10, shortest=1)]
FindingLevel = Annotated[int, Field(ge=1, le=3)]
NumberMasks = Annotated[list[Annotated[str, matching("^[A-Z0-9*]{1,20}$")]], many(longest=50)]
NumberRanges = Annotated[list[NumberRange], many(longest=50)]
DetectionPoints = Annotated[list[DetectionPoint], many(longest=50, shortest=1)]
Techniques = Annotated[list[Annotated[str, coded("technique")]], many(longest=30)]
Route = Annotated[str, coded("route")]
BorderKind = Annotated[str, closed("bcp_kind")]
SeenCount = Annotated[int, Field(ge=1, le=1_000_000)]
Nationalities = Annotated[list[Nationality], many(longest=30)]
Images = Annotated[list[Attachment], many(longest=20)]


class DocAlert(Message):
    """Warns of false documents of one model."""

    kind: Literal["doc.alert"]
    alert_no: AlertNumber
    fraud_types: FraudTypes
    finding_level: FindingLevel
    document_model: DocumentModel
    number_masks: NumberMasks | None = None
    number_ranges: NumberRanges | None = None
    detection_points: DetectionPoints
    techniques: Techniques | None = None
    route_code: Route | None = None
    bcp_kind: BorderKind | None = None
    period: Period | None = None
    seen_count: SeenCount | None = None
    nationalities: Nationalities | None = None
    images: Images | None = None
    evaluation: Evaluation
    handling: Handling
    tlp: TrafficLight
    valid_until: CivilDate


class DocAlertUpdate(Answer):
    """Amends, confirms or withdraws an alert; each field given replaces the alert's."""

    kind: Literal["doc.alert.update"]
    alert_no: AlertNumber | None = None
    action: Annotated[str, listed("AMEND", "CONFIRM", "WITHDRAW")]
    fraud_types: FraudTypes | None = None
    finding_level: FindingLevel | None = None
    document_model: DocumentModel | None = None
    number_masks: NumberMasks | None = None
    number_ranges: NumberRanges | None = None
    detection_points: DetectionPoints | None = None
    techniques: Techniques | None = None
    route_code: Route | None = None
    bcp_kind: BorderKind | None = None
    period: Period | None = None
    seen_count: SeenCount | None = None
    nationalities: Nationalities | None = None
    images: Images | None = None


AMENDABLE = (
    "fraud_types", "finding_level", "document_model", "number_masks", "number_ranges", "detection_points", "techniques",
    "route_code", "bcp_kind", "period", "seen_count", "nationalities", "images",
)  # fmt: skip
"""What an update may replace. An alert's last day is not among them: the hub's clock runs by the opening message."""


class DocAlertFeedback(Answer):
    """Says whether an alert's documents were seen here; never with whom."""

    kind: Literal["doc.alert.feedback"]
    alert_no: AlertNumber | None = None
    seen: bool
    count: SeenCount | None = None
    same_technique: bool | None = None
    remarks: Annotated[str, text_of(300)] | None = None


class DocStatusNotice(Message):
    """The issuer says that a document, or a range of stolen blanks, is no longer good, or was found again."""

    kind: Literal["doc.status.notice"]
    doc_type: DocumentType
    issuer: Issuer
    number: DocumentNumber | None = None
    number_raw: Annotated[str, text_of(40)] | None = None
    range: NumberRange | None = None
    status: Annotated[str, listed("LOST", "STOLEN", "STOLEN_BLANK", "REVOKED", "INVALID", "FOUND")]
    since: CivilDate
    reason: Annotated[str, text_of(200)] | None = None


class DocSpecimenNotice(Message):
    """The issuer shows a new series of documents, or withdraws one."""

    kind: Literal["doc.specimen.notice"]
    document_model: DocumentModel
    valid_from: CivilDate
    withdrawn_on: CivilDate | None = None
    features: Annotated[list[Annotated[str, text_of(300)]], many(longest=50, shortest=1)]
    images: Images | None = None


class DocVerifyRequest(PersonalMessage):
    """Asks the issuer about one document."""

    kind: Literal["doc.verify.request"]
    purpose_code: Purpose
    document: TravelDocument
    holder_as_printed: HolderAsPrinted | None = None
    questions: Annotated[list[Annotated[str, listed(*QUESTIONS)]], many(longest=6, shortest=1)]
    reason: Annotated[str, listed("BORDER", "VISA_APPLICATION", "RETURN", "INVESTIGATION")]
    urgency: Annotated[str, listed("A", "B", "C")]


class Answers(Block):
    """The answer to each question asked, and to no other."""

    ISSUED: Answered | None = None
    STATUS: Answered | None = None
    DATA_MATCH: Answered | None = None
    PHOTO_MATCH: Answered | None = None
    NUMBER_FORMAT: Answered | None = None
    AUTHORITY_EXISTS: Answered | None = None


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
    yield from _alert_number(message["alert_no"], context)
    yield from _content(message, context)
    until = message["valid_until"]
    if until.day is not None and not context.today <= until.day <= _years_after(context, ALERT_YEARS_MAX):
        yield until.finding("FIELD_RANGE")


def check_doc_alert_update(message: Node, context: CheckContext) -> Findings:
    """An amendment changes something, a confirmation raises the level, a withdrawal says nothing of what was wrong.

    What is given replaces the alert's own field; the alert that results has to hold as one issued now would.
    """
    yield from _alert_number(message["alert_no"], context)
    alert = Node(context.parent)
    number = alert["alert_no"]
    if number.present and message["alert_no"].present and number.value != message["alert_no"].value:
        yield message["alert_no"].finding("WRONG_CASE")
    action, level = message["action"].text, message["finding_level"]
    given = [name for name in AMENDABLE if message[name].present]
    if action == "WITHDRAW":
        yield from (message[name].finding("FIELD_UNKNOWN") for name in given)
        return
    if action == "AMEND" and not given:
        yield message["detection_points"].finding("FIELD_MISSING")
    if action == "CONFIRM":
        if not level.present:
            yield level.finding("FIELD_MISSING")
        elif level.number is not None and level.number <= (alert["finding_level"].number or 0):
            yield level.finding("FIELD_RANGE")
    before = {name: alert[name].value for name in AMENDABLE if alert[name].present}
    after = Node(before | {name: message[name].value for name in given})
    for finding in _content(after, context):
        if finding.path.split("/")[1] in given:
            yield finding


def check_doc_alert_feedback(message: Node, context: CheckContext) -> Findings:
    """How often, and whether by the same technique, is said of what was seen."""
    alert = Node(context.parent)["alert_no"]
    if alert.present and message["alert_no"].present and alert.value != message["alert_no"].value:
        yield message["alert_no"].finding("WRONG_CASE")
    seen, count = message["seen"].flag, message["count"]
    if seen is True and not count.present:
        yield count.finding("FIELD_MISSING")
    if seen is False:
        yield from (
            message[name].finding("FIELD_UNKNOWN") for name in ("count", "same_technique") if message[name].present
        )


def check_doc_status_notice(message: Node, context: CheckContext) -> Findings:
    """Only the issuer says it; one number, or a range of stolen blanks."""
    yield from _only_the_issuer(message["issuer"], context)
    number, range_ = message["number"], message["range"]
    if not number.present and not range_.present:
        yield number.finding("FIELD_MISSING")
    if number.present and range_.present:
        yield range_.finding("FIELD_UNKNOWN")
    if range_.present:
        yield from _range_order(range_)
        if message["status"].text is not None and message["status"].text != "STOLEN_BLANK":
            yield range_.finding("FIELD_UNKNOWN")
    yield from not_in_future(message["since"], context)


def check_doc_specimen_notice(message: Node, context: CheckContext) -> Findings:
    """Only the issuer says it; the images are of specimens, never of a document in use."""
    model = message["document_model"]
    yield from _only_the_issuer(model["issuer"], context)
    yield from _model(model, pseudo=False)
    yield from in_order(message["valid_from"], message["withdrawn_on"])
    yield from _no_documents(message["images"])


def _content(message: Node, context: CheckContext) -> Findings:
    """The rules between the fields that an update may replace."""
    fraud_types = set(message["fraud_types"].texts)
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
    yield from _no_documents(message["images"])


def check_doc_verify_request(message: Node, context: CheckContext) -> Findings:
    """A printed holder is given only where a question compares it."""
    yield from check_document(message["document"], context)
    holder, questions = message["holder_as_printed"], set(message["questions"].texts)
    if holder.present:
        yield from check_printed(holder, context)
        yield from check_holder(holder, message["document"], context)
        if message["questions"].present and not questions & {"DATA_MATCH", "PHOTO_MATCH"}:
            yield holder.finding("SG8")


def check_doc_verify_reply(message: Node, context: CheckContext) -> Findings:
    """One answer for each question of the request and none extra; mismatching fields need a question about matching."""
    yield from check_answers(message["answers"], context.parent, QUESTIONS)
    if message["mismatch_fields"].items and not disagrees(message["answers"], "DATA_MATCH", "PHOTO_MATCH"):
        yield message["mismatch_fields"].finding("SG8")
    issuer = Node(context.parent)["document"]["issuer"].text
    if context.sender_state is not None and issuer not in {None, states.SPECIMEN, context.sender_state}:
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


def _only_the_issuer(issuer: Node, context: CheckContext) -> Findings:
    """SENDER_NOT_ISSUER unless the sender's state is the issuer; the specimen state stands for any."""
    if context.sender_state is not None and issuer.text not in {None, states.SPECIMEN, context.sender_state}:
        yield issuer.finding("SENDER_NOT_ISSUER")


def _no_documents(images: Node) -> Findings:
    for image in images.items:
        if image["media_type"].text == "application/pdf":
            yield image["media_type"].finding("ATTACH_TYPE")


def _range_order(range_: Node) -> Findings:
    """FIELD_RANGE for a range that runs backward, or between numbers of different lengths."""
    start, end = (normalise_number(range_[name].text or "") for name in ("from", "to"))
    if start and end and (len(start) != len(end) or start > end):
        yield range_["to"].finding("FIELD_RANGE")


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
        yield from _range_order(range_)
        start, end = (normalise_number(range_[name].text or "") for name in ("from", "to"))
        if start and start == end:
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


def _updated(message: Node) -> str:
    """The step is the action; an update whose action is unknown is refused for its form."""
    return {"CONFIRM": "confirmed", "WITHDRAW": "withdrawn"}.get(message["action"].text or "", "amended")


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
    Kind("doc.alert.update", DocAlertUpdate, check_doc_alert_update, _updated),
    Kind("doc.alert.feedback", DocAlertFeedback, check_doc_alert_feedback, always("fed_back")),
    Kind("doc.status.notice", DocStatusNotice, check_doc_status_notice, always("notified")),
    Kind("doc.specimen.notice", DocSpecimenNotice, check_doc_specimen_notice, always("notified")),
    Kind("doc.verify.reply", DocVerifyReply, check_doc_verify_reply, answered_or_not),
)
