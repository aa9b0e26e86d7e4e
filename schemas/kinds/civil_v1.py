"""Civil status, version 1: questions to a registry about one act (domain.md 11.1 and 2.7, kinds 8 and 9).

`civil.verify.request` asks about the act that was shown and nothing else; `civil.verify.reply` answers as an issuer of
documents does: which fields disagree, never what they should be.
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.kinds.kind import Kind, always
from schemas.parts.answers import Answered, answered_or_not, check_answers, disagrees
from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, in_order, not_in_future
from schemas.parts.holder import HolderAsPrinted, check_printed
from schemas.parts.message import PersonalMessage, Purpose, Reply
from schemas.parts.node import Findings, Node

CIVIL_QUESTIONS = ("ISSUED", "STATUS", "DATA_MATCH", "NUMBER_FORMAT", "AUTHORITY_EXISTS")

CIEC_FORMS = frozenset({"ciec16", "ciec34"})
"""Forms whose boxes are numbered alike in every language."""


class CivilVerifyRequest(PersonalMessage):
    """Asks a civil registry about an act."""

    kind: Literal["civil.verify.request"]
    purpose_code: Purpose
    act_kind: Annotated[str, listed("birth", "marriage", "death", "citizenship", "name_change")]
    form: Annotated[str, listed("national", "ciec16", "ciec34", "eu_2016_1191")]
    registry: Annotated[str, text_of(120)]
    record_no: Annotated[str, text_of(40)]
    act_date: CivilDate
    extract_date: CivilDate
    apostille_no: Annotated[str, text_of(40)] | None = None
    subject_as_printed: HolderAsPrinted
    questions: Annotated[list[Annotated[str, listed(*CIVIL_QUESTIONS)]], many(longest=5, shortest=1)]


class CivilAnswers(Block):
    """The answer to each question asked, and to no other."""

    ISSUED: Answered | None = None
    STATUS: Answered | None = None
    DATA_MATCH: Answered | None = None
    NUMBER_FORMAT: Answered | None = None
    AUTHORITY_EXISTS: Answered | None = None


class CivilVerifyReply(Reply):
    """Answers a civil.verify.request."""

    kind: Literal["civil.verify.reply"]
    answers: CivilAnswers
    record_status: Annotated[str, coded("record_status")] | None = None
    mismatch_fields: Annotated[list[Annotated[str, coded("civil_mismatch_field")]], many(longest=20)] | None = None
    ciec_fields: (
        Annotated[list[Annotated[str, matching("^[0-9]{1,2}(-[0-9]{1,2}){0,3}$")]], many(longest=40)] | None
    ) = None
    fog_suspected: bool | None = None
    breeder_check_suggested: bool | None = None
    registered_years_after: Annotated[int, Field(ge=0, le=120)] | None = None


def check_civil_verify_request(message: Node, context: CheckContext) -> Findings:
    """An act that has been, and an extract of it that is no older."""
    yield from check_printed(message["subject_as_printed"], context)
    yield from in_order(message["act_date"], message["extract_date"])
    yield from not_in_future(message["act_date"], context)
    yield from not_in_future(message["extract_date"], context)


def check_civil_verify_reply(message: Node, context: CheckContext) -> Findings:
    """One answer a question; fields and boxes that disagree only where the question and the form have them."""
    yield from check_answers(message["answers"], context.parent, CIVIL_QUESTIONS)
    for name in ("mismatch_fields", "ciec_fields"):
        if message[name].items and not disagrees(message["answers"], "DATA_MATCH"):
            yield message[name].finding("SG8")
    form = Node(context.parent)["form"].text
    if form is not None and form not in CIEC_FORMS and message["ciec_fields"].present:
        yield message["ciec_fields"].finding("FIELD_UNKNOWN")


KINDS = (
    Kind("civil.verify.request", CivilVerifyRequest, check_civil_verify_request, always("requested")),
    Kind("civil.verify.reply", CivilVerifyReply, check_civil_verify_reply, answered_or_not),
)
