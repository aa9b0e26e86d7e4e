"""The safeguards block: what the sender states so that personal data may go where it goes (domain.md 7, 11.0, 11.6).

The form only; what must be there for whom, and whether it holds, are the rules in `schemas.safeguards`.
"""

from typing import Annotated

from schemas.parts.block import Block, many, matching, text_of
from schemas.parts.coded import State, closed, coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, not_in_future
from schemas.parts.names import LANGUAGE
from schemas.parts.node import Findings, Node
from schemas.parts.sources import EU_SYSTEMS

DEROGATIONS = frozenset({"GDPR49_PUBLIC_INTEREST", "LED38"})
"""Grounds that need `transfer_ground_reason`."""


class ReturnDecision(Block):
    """The decision a return rests on (EES art. 41(3)(c))."""

    issued_on: CivilDate
    authority: Annotated[str, text_of(120)]
    enforceable: bool
    suspended: bool
    suspensive_appeal: bool
    departure_until: CivilDate | None = None


class SubjectInformed(Block):
    """When, and in which language, the person was told."""

    on: CivilDate
    language: Annotated[str, matching(LANGUAGE)]


class OriginConsent(Block):
    """The consent of the state whose data this was."""

    source_system: Annotated[str, listed(*EU_SYSTEMS)]
    state: State
    on: CivilDate


class NonRefoulementCheck(Block):
    """When, and by whose role, the risk of ill-treatment was last looked at."""

    on: CivilDate
    by_role: Annotated[str, closed("role")]


class Minor(Block):
    """What was settled for a person who is, or may be, under 18."""

    unaccompanied: bool
    best_interest_on: CivilDate
    guardian_ref: Annotated[str, text_of(60)]
    reception_confirmed: bool


class Safeguards(Block):
    """The block."""

    return_decision: ReturnDecision | None = None
    subject_informed: SubjectInformed | None = None
    origin_consents: Annotated[list[OriginConsent], many(longest=16)] | None = None
    transfer_ground: (
        Annotated[
            str,
            listed(
                "GDPR45_ADEQUACY",
                "GDPR46_READMISSION",
                "GDPR46_OTHER",
                "GDPR49_PUBLIC_INTEREST",
                "LED36",
                "LED37",
                "LED38",
                "NOT_A_TRANSFER",
            ),
        ]
        | None
    ) = None
    transfer_ground_reason: Annotated[str, text_of(300)] | None = None
    nonrefoulement_checked: NonRefoulementCheck | None = None
    minor: Minor | None = None
    needs: Annotated[list[Annotated[str, coded("need")]], many(longest=16)] | None = None


def check_safeguards(block: Node, context: CheckContext) -> Findings:
    """Dates that have not come yet (FIELD_RANGE); a derogation without its reason (REASON_REQUIRED)."""
    for day in (
        block["return_decision"]["issued_on"],
        block["subject_informed"]["on"],
        block["nonrefoulement_checked"]["on"],
        block["minor"]["best_interest_on"],
        *(consent["on"] for consent in block["origin_consents"].items),
    ):
        yield from not_in_future(day, context)
    reason = block["transfer_ground_reason"]
    if block["transfer_ground"].text in DEROGATIONS and not reason.present:
        yield reason.finding("REASON_REQUIRED")
