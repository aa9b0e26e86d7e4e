"""Identification, version 1: is this person yours? (domain.md 11.3, kinds 20 and 21).

`ident.request` goes to the state of presumed nationality; `ident.reply` says confirmed, refuted (with reasons),
inconclusive, or that more is needed. The person verified is disclosed with a confirmation alone.
"""

from typing import Annotated, Literal

from schemas.kinds.kind import Kind, always
from schemas.parts.attachment import Attachment
from schemas.parts.block import many
from schemas.parts.coded import Nationality, listed
from schemas.parts.context import CheckContext
from schemas.parts.decision import Reason, check_reasons
from schemas.parts.evidence import Evidence, check_evidence
from schemas.parts.message import PersonalMessage, Purpose, Reply
from schemas.parts.node import Findings, Node
from schemas.parts.person import Person, check_person


class IdentRequest(PersonalMessage):
    """Asks the presumed state of nationality who a person is."""

    kind: Literal["ident.request"]
    purpose_code: Purpose
    person: Person
    presumed_nationality: Nationality
    evidence: Annotated[list[Evidence], many(longest=50)] | None = None
    biometrics: Attachment | None = None
    interview_wanted: bool
    questions: Annotated[
        list[Annotated[str, listed("NATIONALITY", "IDENTITY", "ADDRESS")]], many(longest=3, shortest=1)
    ]


class IdentReply(Reply):
    """Answers an ident.request."""

    kind: Literal["ident.reply"]
    outcome: Annotated[str, listed("CONFIRMED", "REFUTED", "INCONCLUSIVE", "MORE_NEEDED")]
    verified_identity: Person | None = None
    reasons: Annotated[list[Reason], many(longest=10)] | None = None


def check_ident_request(message: Node, context: CheckContext) -> Findings:
    """Something to identify the person by must be there: evidence, biometrics, or the wish for an interview."""
    yield from check_person(message["person"], context)
    for evidence in message["evidence"].items:
        yield from check_evidence(evidence, context)
    biometrics = message["biometrics"].present
    if not message["evidence"].items and not biometrics and message["interview_wanted"].flag is False:
        yield message["evidence"].finding("FIELD_MISSING")


def check_ident_reply(message: Node, context: CheckContext) -> Findings:
    """REFUTED needs reasons, OTHER its text; a verified identity comes with CONFIRMED only."""
    yield from check_person(message["verified_identity"], context)
    outcome = message["outcome"].text
    yield from check_reasons(message["reasons"], wanted=outcome == "REFUTED")
    if outcome is not None and outcome != "CONFIRMED" and message["verified_identity"].present:
        yield message["verified_identity"].finding("SG8")


KINDS = (
    Kind("ident.request", IdentRequest, check_ident_request, always("requested"), fingerprints=True),
    Kind("ident.reply", IdentReply, check_ident_reply, always("answered"), fingerprints=True),
)
