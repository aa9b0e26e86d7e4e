"""Reasons a requested state gives for a no (domain.md 11.3)."""

from typing import Annotated

from schemas.parts.block import Block, text_of
from schemas.parts.coded import coded
from schemas.parts.node import Findings, Node


class Reason(Block):
    """Why a state says no."""

    code: Annotated[str, coded("decision_reason")]
    text: Annotated[str, text_of(300)] | None = None


def check_reasons(reasons: Node, *, wanted: bool) -> Findings:
    """REASON_REQUIRED where a no has no reason, and where the reason OTHER is not said in words."""
    if wanted and not reasons.items:
        yield reasons.finding("REASON_REQUIRED")
    for reason in reasons.items:
        if reason["code"].text == "OTHER" and not reason["text"].present:
            yield reason["text"].finding("REASON_REQUIRED")
