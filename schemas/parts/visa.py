"""Visas: the sticker's fields and their agreement with its machine-readable zone (domain.md 11.0, 2.1, 3.3)."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from schemas.parts.block import Block, text_of
from schemas.parts.coded import Issuer, coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, in_order
from schemas.parts.document import (
    DocumentNumber,
    MachineReadableZone,
    MrzReading,
    dates_differ,
    numbers_differ,
    person_disagrees,
    read_zone,
    zone_findings,
    zone_text,
)
from schemas.parts.node import Findings, Node
from schemas.parts.sources import SourceSystem
from schemas.stay import ENTRIES, VisaTerms

ENDED_EARLY = frozenset({"annulled", "revoked", "discontinued"})
"""Statuses of a visa that ended on another day than its sticker says."""


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
    entries: Annotated[str, listed(*ENTRIES)]
    duration_days: Annotated[int, Field(ge=1, le=90)] | None = None
    territory: Annotated[str, text_of(100)] | None = None
    status: Annotated[str, coded("visa_status")]
    sponsor: Sponsor | None = None
    mrz: MachineReadableZone | None = None
    source_system: SourceSystem | None = None


def check_visa(visa: Node, context: CheckContext, *, holder: Node) -> Findings:
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
    reading = read_zone(visa["mrz"], context)
    if reading is None:
        return
    yield from zone_findings(visa["mrz"], reading)
    yield from (node.finding("VISA_MRZ_MISMATCH") for node in _disagreeing(visa, reading))
    yield from (node.finding("VISA_MRZ_MISMATCH", "warning") for node in person_disagrees(holder, reading))


def visa_terms(visa: Node) -> VisaTerms | None:
    """What the visa allows; None when its form does not say."""
    first, last, entries = visa["valid_from"].day, visa["valid_until"].day, visa["entries"].text
    if first is None or last is None or entries is None or entries not in ENTRIES:
        return None
    return VisaTerms(
        valid_from=first,
        valid_until=last,
        entries=ENTRIES[entries],
        duration_days=visa["duration_days"].number,
        limited_territory=visa["ltv"].flag is True,
        own_days=visa["ltv_ground"].text == "25_1_B",
        long_stay=visa["type"].text == "D",
    )


def _disagreeing(visa: Node, reading: MrzReading) -> Iterator[Node]:
    """The fields that contradict the zone; a field that the zone has wrong, or does not have, is no judge."""
    if reading.format not in {"MRVA", "MRVB"}:
        yield visa["mrz"]["format"]
        return
    number, issuer, expiry = (zone_text(reading, name) for name in ("number", "issuer", "expires_on"))
    printed = visa["sticker_number"].text
    if printed is not None and number is not None and numbers_differ(printed, number, reading):
        yield visa["sticker_number"]
    if visa["issuer"].text is not None and issuer is not None and visa["issuer"].text != issuer:
        yield visa["issuer"]
    until = visa["valid_until"].text
    if until is not None and expiry is not None and dates_differ(until, expiry):
        yield visa["valid_until"]
    yield from _sticker_disagrees(visa, reading)


def _sticker_disagrees(visa: Node, reading: MrzReading) -> Iterator[Node]:
    """The Schengen sticker's own fields: type, entries, duration, first day, limited territory."""
    for name, field in (("type", "visa_type"), ("entries", "entries")):
        written = zone_text(reading, field)
        if written is not None and visa[name].text is not None and visa[name].text != written:
            yield visa[name]
    begins, since = zone_text(reading, "valid_from"), visa["valid_from"].text
    if begins is not None and since is not None and since[5:] != begins:
        yield visa["valid_from"]
    if "ltv" not in reading.fields:
        return
    if reading.fields["ltv"] is not (visa["ltv"].flag is True):
        yield visa["ltv"]
    duration = visa["duration_days"]
    if duration.present and duration.number != reading.fields.get("duration_days"):
        yield duration
