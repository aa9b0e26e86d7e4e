"""Readmission, version 1: from the application to the travel document (domain.md 11.3, 4.1, kinds 22 to 34).

The blocks are those of the treaties' own forms: A person, B spouse, C children, D special circumstances, E evidence, F
interview. The requested state acknowledges, asks, decides; the requesting state may claim consent by silence where the
agreement gives it. Rules about time ask the agreement's profile (`schemas.parts.profile`) and count nothing themselves.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from schemas.codes.lists import load
from schemas.errors import Rejected
from schemas.kinds.kind import Kind, always, told
from schemas.parts import case
from schemas.parts.attachment import FINGERPRINTS, Attachment
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, Moment, in_order, not_in_future
from schemas.parts.decision import Reason, check_reasons
from schemas.parts.document import TravelDocument, check_document
from schemas.parts.evidence import Evidence, EvidenceCode, check_evidence
from schemas.parts.handover import TransferMode, check_border_of_recipient, check_expiry
from schemas.parts.message import MessageId, PersonalMessage, Purpose, Reply
from schemas.parts.names import LANGUAGE
from schemas.parts.node import Findings, Node
from schemas.parts.person import ADULT, Person, PersonRef, check_person, youngest_age
from schemas.parts.profile import When, takes_own_document
from schemas.parts.safeguards import Safeguards
from schemas.parts.stay import BorderPoint
from schemas.parts.times import check_in_time, check_lead, late
from schemas.parts.visa import Visa, check_visa

CHILDREN_MAX = 20

VARIANTS = ("own_national", "former_national", "tcn", "stateless", "family_member")
THIRD_COUNTRY_VARIANTS = frozenset({"tcn", "stateless"})
PROCEDURES = ("normal", "accelerated", "airport")
MARRIED = frozenset({"married", "partnership"})

AgreementId = Annotated[str, matching("^[A-Z0-9][A-Z0-9-]{2,39}$")]


class Special(Block):
    """Box D: what care the person needs, and what danger there is (Regulation (EU) 2018/1860 art. 4(1)(i))."""

    needs: Annotated[list[Annotated[str, coded("need")]], many(longest=16)] | None = None
    danger: Annotated[list[Annotated[str, coded("danger")]], many(longest=5)] | None = None


class Apprehension(Block):
    """When and where the person was found; the accelerated procedure counts from it."""

    at: Moment
    place: Annotated[str, text_of(100)]
    border_area: bool


class EntryFacts(Block):
    """What binds the requested state to somebody who is not its national."""

    direct_entry: bool | None = None
    visa_or_permit_of_rds: bool | None = None
    place: Annotated[str, text_of(100)]
    at: Moment


class ReadmApplication(PersonalMessage):
    """Asks a state to take a person back."""

    kind: Literal["readm.application"]
    purpose_code: Purpose
    agreement_id: AgreementId
    variant: Annotated[str, listed(*VARIANTS)]
    procedure: Annotated[str, listed(*PROCEDURES)]
    apprehension: Apprehension | None = None
    person: Person
    spouse: Person | None = None
    children: Annotated[list[Person], many(longest=CHILDREN_MAX)] | None = None
    special: Special | None = None
    evidence: Annotated[list[Evidence], many(longest=50, shortest=1)]
    unlawful_stay_since: CivilDate
    entry_facts: EntryFacts | None = None
    biometrics: Attachment | None = None
    no_biometrics_reason: Annotated[str, coded("no_biometrics")] | None = None
    interview_request: bool
    safeguards: Safeguards


class ReadmAck(Reply):
    """Says when an application was received and whether it is complete; the time for an answer runs from here."""

    kind: Literal["readm.ack"]
    received_at: Moment
    complete: bool
    missing: Annotated[list[Annotated[str, coded("application_item")]], many(longest=20)] | None = None


class ReadmInfoRequest(Reply):
    """Asks for more; the time for an answer goes on."""

    kind: Literal["readm.info.request"]
    items: Annotated[list[Annotated[str, coded("application_item")]], many(longest=20, shortest=1)]
    due: CivilDate | None = None


class ReadmInfoSupply(Reply):
    """Gives what was asked for."""

    kind: Literal["readm.info.supply"]
    attachments: Annotated[list[Attachment], many(longest=20)] | None = None
    evidence: Annotated[list[Evidence], many(longest=50)] | None = None


class ReadmExtensionRequest(Reply):
    """Asks, with a reason and before the end, for more time."""

    kind: Literal["readm.extension.request"]
    which: Annotated[str, listed("REPLY", "TRANSFER", "SUBMIT")]
    reason: Annotated[str, listed("LEGAL", "FACTUAL")]
    days: Annotated[int, Field(ge=1, le=366)] | None = None
    until: CivilDate | None = None
    text: Annotated[str, text_of(300)] | None = None


class ReadmExtensionAnswer(Reply):
    """Grants or refuses more time; NOTED where the text leaves no choice."""

    kind: Literal["readm.extension.answer"]
    outcome: Annotated[str, listed("GRANTED", "NOTED", "REFUSED")]
    until: CivilDate | None = None


class ReadmDecision(Reply):
    """The requested state's answer."""

    kind: Literal["readm.decision"]
    outcome: Annotated[str, listed("ACCEPTED", "ACCEPTED_CONDITIONS", "REFUSED")]
    article: Annotated[str, text_of(60)] | None = None
    persons_covered: Annotated[list[PersonRef], many(longest=CHILDREN_MAX + 2, shortest=1)]
    reasons: Annotated[list[Reason], many(longest=10)] | None = None
    conditions: Annotated[list[Annotated[str, text_of(200)]], many(longest=10)] | None = None


class ReadmInterviewPlan(Reply):
    """Says when and how the consulate will speak with the person."""

    kind: Literal["readm.interview.plan"]
    mode: Annotated[str, listed("IN_PERSON", "VIDEO", "PHONE")]
    at: Moment
    place: Annotated[str, text_of(100)]
    interpreter: bool | None = None


class ReadmInterviewResult(Reply):
    """What the interview showed."""

    kind: Literal["readm.interview.result"]
    outcome: Annotated[str, listed("CONFIRMED", "NOT_CONFIRMED", "INCONCLUSIVE", "NO_SHOW")]
    basis: Annotated[list[EvidenceCode], many(longest=20)]
    language_indication: Annotated[str, matching(LANGUAGE)] | None = None


class ReadmTacitClaim(Reply):
    """Claims consent by silence. Only the requesting state may, and only where a verified profile gives it."""

    kind: Literal["readm.tacit.claim"]
    application_ref: MessageId
    received_at: Moment
    due_at: CivilDate
    profile_version: Annotated[str, matching("^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]


DocumentKind = Annotated[str, listed("NATIONAL", "LAISSEZ_PASSER", "EU_RETURN")]


class ReadmTdRequest(Reply):
    """Asks for a travel document: a new one, or the renewal of the one shown.

    With EU_RETURN it asks for none: it gives notice that the requesting state travels on the document shown.
    """

    kind: Literal["readm.td.request"]
    td_kind: DocumentKind
    td: TravelDocument | None = None
    delivered_to: Annotated[str, text_of(120)] | None = None


class ReadmTdIssued(Reply):
    """Says which travel document was issued, and to whom it was given."""

    kind: Literal["readm.td.issued"]
    td_kind: DocumentKind
    td: TravelDocument
    delivered_to: Annotated[str, text_of(120)]


class TransferBlock(Block):
    """When and where the person will cross."""

    at: Moment
    bcp: BorderPoint
    mode: TransferMode
    carrier_ref: Annotated[str, text_of(40)] | None = None


class ReadmCommunication(PersonalMessage):
    """Announces somebody who holds a valid travel document, for whom no application is needed."""

    kind: Literal["readm.communication"]
    purpose_code: Purpose
    person: Person
    td: TravelDocument
    visa: Visa | None = None
    permit: TravelDocument | None = None
    transfer: TransferBlock


class ReadmErrorClaim(Reply):
    """Says that a person handed over should not have been."""

    kind: Literal["readm.error.claim"]
    handed_over_at: Moment
    ground: Annotated[str, coded("decision_reason")]
    evidence: Annotated[list[Evidence], many(longest=50, shortest=1)]


class ReadmErrorAnswer(Reply):
    """Takes the person back, or says why not."""

    kind: Literal["readm.error.answer"]
    outcome: Annotated[str, listed("ACCEPTED", "REJECTED")]
    reason: Annotated[str, text_of(300)] | None = None


# -- the application


def check_readm_application(message: Node, context: CheckContext) -> Findings:
    """Every person and piece of evidence holds; what variant and procedure ask for is there."""
    yield from _family(message, context)
    for evidence in message["evidence"].items:
        yield from check_evidence(evidence, context)
        yield from _expired(evidence, context)
    since = message["unlawful_stay_since"]
    yield from not_in_future(since, context)
    apprehension, entry = message["apprehension"], message["entry_facts"]
    for moment in (apprehension["at"], entry["at"]):
        yield from not_in_future(moment, context)
    if message["procedure"].text == "accelerated" and not apprehension.present:
        yield apprehension.finding("FIELD_MISSING")
    if message["variant"].text in THIRD_COUNTRY_VARIANTS and not entry.present:
        yield entry.finding("FIELD_MISSING")
    biometrics, reason = message["biometrics"], message["no_biometrics_reason"]
    if biometrics.present and reason.present:
        yield reason.finding("FIELD_UNKNOWN")
    yield from _application_profile(message, context)
    yield from _anew(message, context)


def _anew(message: Node, context: CheckContext) -> Findings:
    """STEP_NOT_ALLOWED for an application that brings nothing the requested state had not seen when it refused."""
    known = set().union(*(case.pieces(Node(payload)) for payload in context.refused))
    if context.refused and case.pieces(message) <= known:
        yield message["evidence"].finding("STEP_NOT_ALLOWED")


def _family(message: Node, context: CheckContext) -> Findings:
    """A spouse needs the applicant married; children are unmarried minors; nobody shares an id."""
    person, spouse = message["person"], message["spouse"]
    named: set[str] = set()
    for name, block in case.persons(message):
        yield from check_person(block, context)
        if name in named:
            yield block["id"].finding("FIELD_RANGE")
        named.add(name)
    if person["id"].text not in {None, "p1"}:
        yield person["id"].finding("FIELD_RANGE")
    status = person["civil_status"]
    if spouse.present and status.text not in MARRIED:
        yield status.finding("FIELD_RANGE" if status.present else "FIELD_MISSING")
    for child in message["children"].items:
        if youngest_age(child["birth_date"], context.today) >= ADULT:
            yield child["birth_date"]["value"].finding("FIELD_RANGE")
        if child["civil_status"].text in MARRIED:
            yield child["civil_status"].finding("FIELD_RANGE")


def _expired(evidence: Node, context: CheckContext) -> Findings:
    """FIELD_RANGE for proof by an expired document where the agreement takes it as less (annex 1 to the texts)."""
    expires = evidence["document"]["expires_on"].day
    if context.profile is None or context.profile.value("expired_document") in {None, "proof"} or expires is None:
        return
    if expires < context.today and ".PROOF." in (evidence["code"].text or ""):
        yield evidence["code"].finding("FIELD_RANGE")


def _application_profile(message: Node, context: CheckContext) -> Findings:
    """The profile is in force between the two, covers the variant, and its times have not passed (a warning)."""
    profile, agreement, today = context.profile, message["agreement_id"], context.today
    if profile is None:
        return
    parties = [state for state in (context.sender_state, *context.recipient_states) if state is not None]
    bound = all(profile.binds(state, today) for state in parties)
    if agreement.text != profile.id or not profile.active_on(today) or not bound:
        yield agreement.finding("PROFILE_INACTIVE")
    elif not profile.certain:
        yield agreement.finding("PROFILE_UNVERIFIED")
    third_country = message["variant"].text in THIRD_COUNTRY_VARIANTS
    if third_country and not profile.tcn_in_force(today):
        yield message["variant"].finding("PROFILE_INACTIVE")
    unsaid = not message["biometrics"].present and not message["no_biometrics_reason"].present
    if unsaid and profile.value("biometrics") == "as_a_rule":
        yield message["no_biometrics_reason"].finding("REASON_REQUIRED")
    if third_country:
        yield from check_in_time(message["unlawful_stay_since"], "submit_limit", context, "warning")
    if message["procedure"].text == "accelerated":
        yield from check_in_time(message["apprehension"]["at"], "submit_limit_fast", context, "warning")


# -- acknowledgement, questions, extensions


def check_readm_ack(message: Node, context: CheckContext) -> Findings:
    """What is missing is said when something is, and only then."""
    yield from not_in_future(message["received_at"], context)
    complete, missing = message["complete"].flag, message["missing"]
    if complete is False and not missing.items:
        yield missing.finding("REASON_REQUIRED")
    if complete is True and missing.items:
        yield missing.finding("FIELD_UNKNOWN")


def check_readm_info_request(message: Node, context: CheckContext) -> Findings:
    """A day by which it is wanted has not passed."""
    due = message["due"]
    if due.day is not None and due.day < context.today:
        yield due.finding("FIELD_RANGE")


def check_readm_info_supply(message: Node, context: CheckContext) -> Findings:
    """Something is given; fingerprints only when they were asked for (SG8)."""
    attachments, evidence = message["attachments"], message["evidence"]
    if not attachments.items and not evidence.items:
        yield attachments.finding("FIELD_MISSING")
    for piece in evidence.items:
        yield from check_evidence(piece, context)
    if context.parent is None or "FINGERPRINTS" in Node(context.parent)["items"].texts:
        return
    for file in message.walk():
        if isinstance(file.value, dict) and file["media_type"].text in FINGERPRINTS:
            yield file.finding("SG8")


EXTENDED: Mapping[str, str] = MappingProxyType(
    {"REPLY": "reply_limit", "TRANSFER": "transfer_limit", "SUBMIT": "submit_limit"}
)
"""What is extended -> the profile's key."""


def check_readm_extension_request(message: Node, context: CheckContext) -> Findings:
    """In days or until a day; asked before the end, for no more than the agreement allows."""
    days, until = message["days"], message["until"]
    if not days.present and not until.present:
        yield days.finding("FIELD_MISSING")
    if days.present and until.present:
        yield until.finding("FIELD_UNKNOWN")
    which, profile = message["which"], context.profile
    start = _extension_start(which.text, context)
    if profile is None or start is None:
        return
    key = EXTENDED[which.text or ""]
    due = profile.due(key, start)
    if due is not None and context.today > due:
        yield which.finding("LATE_EXTENSION")
    longer = (until.day - due).days if until.day is not None and due is not None else days.number
    if longer is not None and longer > 0 and profile.extendable(key, start, longer) is False:
        yield (until if until.present else days).finding("EXTENSION_TOO_LONG")


def _extension_start(which: str | None, context: CheckContext) -> When | None:
    """From what the period runs; of a transfer, known here only after a claim by silence."""
    match which:
        case "REPLY":
            return case.received(context)
        case "TRANSFER":
            return case.lapsed_on(context)
        case "SUBMIT":
            application = case.opening(context)
            return None if application is None else case.when(application["unlawful_stay_since"])
    return None


def check_readm_extension_answer(message: Node, context: CheckContext) -> Findings:
    """A new end is given with a yes alone, and is the one asked for or earlier."""
    until = message["until"]
    if until.present and message["outcome"].text == "REFUSED":
        yield until.finding("FIELD_UNKNOWN")
    asked = Node(context.parent)["until"].day if context.parent is not None else None
    if until.day is not None and asked is not None and until.day > asked:
        yield until.finding("EXTENSION_TOO_LONG")


# -- the decision, the interview, silence


def check_readm_decision(message: Node, context: CheckContext) -> Findings:
    """A refusal has reasons, conditions are said (else a warning), and only persons of the application are covered."""
    outcome, conditions = message["outcome"].text, message["conditions"]
    yield from check_reasons(message["reasons"], wanted=outcome == "REFUSED")
    if outcome == "ACCEPTED_CONDITIONS" and not conditions.items:
        yield conditions.finding("REASON_REQUIRED", "warning")
    if outcome in {"ACCEPTED", "REFUSED"} and conditions.present:
        yield conditions.finding("FIELD_UNKNOWN")
    yield from case.check_persons(message["persons_covered"], case.named(context))


def check_readm_interview_plan(message: Node, context: CheckContext) -> Findings:
    """A plan later than the agreement's limit is a warning: what follows is a call, not a refusal."""
    received, profile, at = case.received(context), context.profile, message["at"]
    due = profile.due("interview_limit", received) if profile is not None and received is not None else None
    if due is not None and at.day is not None and at.day > due:
        yield at.finding("OUT_OF_TIME", "warning")


LANGUAGE_ALONE = frozenset({"NAT.PRIMA_FACIE.LANGUAGE"})


def check_readm_interview_result(message: Node, context: CheckContext) -> Findings:
    """A confirmation rests on something, and never on the language spoken alone (annex 2 to the texts, 4.2)."""
    outcome, basis = message["outcome"], message["basis"]
    if outcome.text == "CONFIRMED" and basis.present and not basis.items:
        yield basis.finding("FIELD_MISSING")
    if outcome.text == "CONFIRMED" and basis.texts and set(basis.texts) <= LANGUAGE_ALONE:
        yield outcome.finding("FIELD_RANGE")
    if outcome.text == "NO_SHOW":
        if basis.items:
            yield basis.finding("FIELD_UNKNOWN")
        if message["language_indication"].present:
            yield message["language_indication"].finding("FIELD_UNKNOWN")
    for plan in case.earlier(context, "readm.interview.plan")[:1]:
        if late(plan["at"], "interview_result_limit", context):
            yield outcome.finding("OUT_OF_TIME", "warning")


def check_readm_tacit_claim(message: Node, context: CheckContext) -> Findings:
    """Silence is claimed only when it is proven, and its time has ended, under a verified profile that gives it.

    The conditions of domain.md 12 and 4.4: receipt proven (SG9), no decision, no extension granted beyond the day or
    left unanswered, the day after the end reached. Without a profile nothing is claimed of anybody.
    """
    received, due = message["received_at"], message["due_at"]
    yield from in_order(received, due)
    yield from not_in_future(received, context)
    if due.day is not None and context.today <= due.day:
        yield due.finding("TACIT_TOO_EARLY")
    if case.earlier(context, "readm.decision"):
        yield message["kind"].finding("TACIT_NOT_PROVIDED")
    extension = case.extension(context, "REPLY")
    if extension.pending or (extension.until is not None and due.day is not None and due.day < extension.until):
        yield due.finding("TACIT_TOO_EARLY")
    yield from _claimed_under(message, case.received(context) or case.when(received), extension.days, context)


def _claimed_under(message: Node, start: When | None, extension_days: int, context: CheckContext) -> Findings:
    """What the profile says of it. Nobody claims consent where none is at hand."""
    profile, due = context.profile, message["due_at"]
    if profile is None:
        if context.recipient_states:
            yield message["kind"].finding("TACIT_NOT_PROVIDED")
        return
    if message["profile_version"].text not in {None, str(profile.version)}:
        yield message["profile_version"].finding("PROFILE_INACTIVE")
    if start is None:
        return
    application = case.opening(context)
    procedure = (application["procedure"].text if application is not None else None) or "normal"
    try:
        profile.check_tacit_claim(
            start,
            claimant=context.sender_state,
            claimed_at=context.at,
            procedure=procedure,
            extension_days=extension_days,
        )
    except Rejected as refusal:
        yield (due if refusal.code == "TACIT_TOO_EARLY" else message["kind"]).finding(refusal.code)
    counted = profile.due("reply_limit", start, procedure=procedure, extension_days=extension_days)
    if counted is not None and due.day is not None and due.day != counted:
        yield due.finding("FIELD_RANGE")


# -- travel documents


_OF_KIND = {"LAISSEZ_PASSER": ("td.laissez_passer",), "EU_RETURN": ("td.eu_return",)}


def _document_of_kind(message: Node, context: CheckContext) -> Findings:
    """The document is of the kind said; the requesting state's own needs an agreement that takes it."""
    kind, doc_type = message["td_kind"], message["td"]["doc_type"]
    yield from check_document(message["td"], context)
    known = load("document_type")
    if kind.text == "NATIONAL":
        fits = doc_type.text is None or doc_type.text.startswith(("passport.", "id.")) or doc_type.text not in known
    else:
        fits = doc_type.text is None or doc_type.text in _OF_KIND.get(kind.text or "", (doc_type.text,))
    if not fits:
        yield doc_type.finding("FIELD_RANGE")
    if kind.text == "EU_RETURN" and context.profile is not None and not takes_own_document(context.profile):
        yield kind.finding("PROFILE_INACTIVE")


def check_readm_td_request(message: Node, context: CheckContext) -> Findings:
    """Notice of the own document shows it."""
    yield from _document_of_kind(message, context)
    if message["td_kind"].text == "EU_RETURN":
        if not message["td"].present:
            yield message["td"].finding("FIELD_MISSING")
        yield from check_expiry(message["td"], context.today)


def check_readm_td_issued(message: Node, context: CheckContext) -> Findings:
    """The document issued is valid as long as the agreement asks."""
    document = message["td"]
    yield from _document_of_kind(message, context)
    yield from check_expiry(document, context.today)
    expires = document["expires_on"]
    if context.profile is None or expires.day is None:
        return
    least = context.profile.due("td_validity_min", document["issued_on"].day or context.today)
    if least is not None and expires.day < least:
        yield expires.finding("FIELD_RANGE")


def check_readm_communication(message: Node, context: CheckContext) -> Findings:
    """The travel document is at hand, and valid on the day of the crossing."""
    document, transfer = message["td"], message["transfer"]
    yield from check_person(message["person"], context)
    yield from check_document(document, context, holder=message["person"])
    yield from check_visa(message["visa"], context, holder=message["person"])
    yield from check_document(message["permit"], context, holder=message["person"])
    if document["possession"].text not in {None, "held"}:
        yield document["possession"].finding("FIELD_RANGE")
    yield from check_expiry(document, transfer["at"].day or context.today)
    yield from check_border_of_recipient(transfer["bcp"], context)
    yield from check_lead(transfer["at"], "notice_lead", context)


# -- errors


def check_readm_error_claim(message: Node, context: CheckContext) -> Findings:
    """A claim comes within the agreement's time, about the hand-over on record."""
    handed_over = message["handed_over_at"]
    yield from not_in_future(handed_over, context)
    for evidence in message["evidence"].items:
        yield from check_evidence(evidence, context)
    results = case.earlier(context, "transfer.result")
    recorded = results[0]["handed_over"]["at"].day if results else None
    if recorded is not None and handed_over.day is not None and handed_over.day != recorded:
        yield handed_over.finding("FIELD_RANGE")
    yield from check_in_time(handed_over, "error_limit", context, "error")


def check_readm_error_answer(message: Node, context: CheckContext) -> Findings:  # noqa: ARG001 - the rules' one form
    """A rejection has its reason."""
    if message["outcome"].text == "REJECTED" and not message["reason"].present:
        yield message["reason"].finding("REASON_REQUIRED")


def _acknowledged(message: Node) -> str:
    return "acknowledged_incomplete" if message["complete"].flag is False else "acknowledged"


def _decided(message: Node) -> str:
    return "refused" if message["outcome"].text == "REFUSED" else "accepted"


def _td_asked(message: Node) -> str:
    """Notice of the own document is a step of its own; a new document and a renewal are one."""
    return "td_substituted" if message["td_kind"].text == "EU_RETURN" else "td_requested"


def _extension_answered(message: Node) -> str:
    return "extension_refused" if message["outcome"].text == "REFUSED" else "extension_granted"


def _error_answered(message: Node) -> str:
    return "taken_back" if message["outcome"].text == "ACCEPTED" else "error_rejected"


KINDS = (
    Kind(
        "readm.application",
        ReadmApplication,
        check_readm_application,
        always("applied"),
        facts=told(procedure="procedure", variant="variant", known_on="unlawful_stay_since"),
        fingerprints=True,
    ),
    Kind("readm.ack", ReadmAck, check_readm_ack, _acknowledged, facts=told(event_on="received_at")),
    Kind(
        "readm.info.request",
        ReadmInfoRequest,
        check_readm_info_request,
        always("info_requested"),
        facts=told(valid_until="due"),
    ),
    Kind("readm.info.supply", ReadmInfoSupply, check_readm_info_supply, always("info_supplied"), fingerprints=True),
    Kind(
        "readm.extension.request",
        ReadmExtensionRequest,
        check_readm_extension_request,
        always("extension_requested"),
        facts=told(valid_until="until"),
    ),
    Kind(
        "readm.extension.answer",
        ReadmExtensionAnswer,
        check_readm_extension_answer,
        _extension_answered,
        facts=told(valid_until="until"),
    ),
    Kind("readm.decision", ReadmDecision, check_readm_decision, _decided),
    Kind(
        "readm.interview.plan",
        ReadmInterviewPlan,
        check_readm_interview_plan,
        always("interview_planned"),
        facts=told(event_on="at"),
    ),
    Kind("readm.interview.result", ReadmInterviewResult, check_readm_interview_result, always("interview_held")),
    Kind(
        "readm.tacit.claim",
        ReadmTacitClaim,
        check_readm_tacit_claim,
        always("tacit_claimed"),
        facts=told(event_on="due_at"),
    ),
    Kind("readm.td.request", ReadmTdRequest, check_readm_td_request, _td_asked),
    Kind(
        "readm.td.issued",
        ReadmTdIssued,
        check_readm_td_issued,
        always("td_issued"),
        facts=told(valid_until="td/expires_on"),
    ),
    Kind(
        "readm.communication",
        ReadmCommunication,
        check_readm_communication,
        always("communicated"),
        facts=told(event_on="transfer/at"),
    ),
    Kind(
        "readm.error.claim",
        ReadmErrorClaim,
        check_readm_error_claim,
        always("error_claimed"),
        facts=told(event_on="handed_over_at"),
        fingerprints=True,
    ),
    Kind("readm.error.answer", ReadmErrorAnswer, check_readm_error_answer, _error_answered),
)
