"""All safeguards in one table: what `schemas.registry` runs and docs/safeguards.md shows.

SG8 (closed list of data) is the models' refusal of unknown members, and what `schemas.kinds` refuses as beside the
question. SG14 is found with SG4.
"""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.parts.context import CheckContext
from schemas.parts.node import Findings, Node
from schemas.safeguards import (
    competence,
    freetext,
    marks,
    sg1_asylum,
    sg2_return_decision,
    sg3_informed,
    sg4_consent,
    sg5_releasable,
    sg6_ground,
    sg7_purpose,
    sg9_records,
    sg10_health,
    sg11_minors,
    sg12_family,
    sg13_nonrefoulement,
)
from schemas.safeguards.transfer import Transfer


@dataclass(frozen=True, slots=True)
class Safeguard:
    """One rule: the codes it finds, the text behind it, and the check."""

    codes: tuple[str, ...]
    law: str
    about: str
    check: Callable[[Transfer], Findings]


def _safeguard(module: object, *codes: str) -> Safeguard:
    about = (module.__doc__ or "").strip()
    return Safeguard(codes, getattr(module, "LAW"), about, getattr(module, "check"))  # noqa: B009 - modules as rows


SAFEGUARDS: tuple[Safeguard, ...] = (
    _safeguard(sg1_asylum, "SG1"),
    _safeguard(sg2_return_decision, "SG2"),
    _safeguard(sg3_informed, "SG3"),
    _safeguard(sg4_consent, "SG4", "SG14"),
    _safeguard(sg5_releasable, "SG5"),
    _safeguard(sg6_ground, "SG6"),
    _safeguard(sg7_purpose, "SG7"),
    _safeguard(sg9_records, "SG9"),
    _safeguard(sg10_health, "SG10"),
    _safeguard(sg11_minors, "SG11"),
    _safeguard(sg12_family, "SG12"),
    _safeguard(sg13_nonrefoulement, "SG13"),
    _safeguard(freetext, "FREETEXT_HOLD"),
    _safeguard(marks, "CLASSIFIED", "HANDLING_TEXT"),
    _safeguard(competence, "RECIPIENT_NOT_COMPETENT"),
)


def check_all(message: Node, context: CheckContext) -> Findings:
    """Every safeguard's findings for a payload on its way."""
    transfer = Transfer(message, context)
    for safeguard in SAFEGUARDS:
        yield from safeguard.check(transfer)
