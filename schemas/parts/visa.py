"""Visas: the sticker's fields and their agreement with its machine-readable zone (domain.md 11.0, 2.1, 3.3)."""

from typing import Annotated

from pydantic import Field

from schemas.parts.block import Block, text_of
from schemas.parts.coded import Issuer, coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, in_order
from schemas.parts.document import DocumentNumber, MachineReadableZone
from schemas.parts.node import Findings, Node
from schemas.parts.sources import SourceSystem


class Sponsor(Block):
    """Who invited: a company rather than a person, wherever that says enough."""

    kind: Annotated[str, listed("person", "company")]
    name: Annotated[str, text_of(120)]
    reference: Annotated[str, text_of(60)] | None = None


class Visa(Block):
    """A visa sticker."""

    sticker_number: DocumentNumber
    issuer: Issuer
    type: Annotated[str, listed("A", "C", "D")]
    ltv: bool | None = None
    ltv_ground: Annotated[str, listed("25_1_A", "25_1_B")] | None = None
    valid_from: CivilDate
    valid_until: CivilDate
    entries: Annotated[str, listed("1", "2", "MULT")]
    duration_days: Annotated[int, Field(ge=1, le=90)] | None = None
    territory: Annotated[str, text_of(100)] | None = None
    status: Annotated[str, coded("visa_status")]
    sponsor: Sponsor | None = None
    mrz: MachineReadableZone | None = None
    source_system: SourceSystem | None = None


def check_visa(visa: Node, context: CheckContext, *, holder: Node | None = None) -> Findings:
    """The rules between a visa's fields, and VISA_MRZ_MISMATCH where a field and the zone disagree."""
    yield from in_order(visa["valid_from"], visa["valid_until"])
    long_stay = visa["type"].text == "D"
    duration = visa["duration_days"]
    if long_stay and duration.present:
        yield duration.finding("FIELD_UNKNOWN")
    if visa["type"].text in {"A", "C"} and not duration.present:
        yield duration.finding("FIELD_MISSING")
    if visa["ltv_ground"].present and visa["ltv"].flag is not True:
        yield visa["ltv_ground"].finding("FIELD_UNKNOWN")
