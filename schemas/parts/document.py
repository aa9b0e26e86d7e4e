"""Travel documents: the printed fields, the machine-readable zone, and whether the two agree (domain.md 11.0, 2.1).

The zone's own faults (lengths, check digits, dates) are found by `schemas.mrz` and reported where the lines stand. A
disagreement between zone and printed fields is refused unless `mrz_mismatch_reason` explains it: it may be what the
message is about.
"""

import re
from collections.abc import Iterator
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field, WithJsonSchema

from schemas import mrz
from schemas.errors import Finding
from schemas.parts.attachment import Attachment
from schemas.parts.block import Block, many, refuse, text_of
from schemas.parts.coded import Issuer, coded, listed
from schemas.parts.context import CheckContext
from schemas.parts.dates import CivilDate, in_order, not_in_future
from schemas.parts.node import Findings, Node
from schemas.parts.sources import SourceSystem

_DROPPED = str.maketrans("", "", " -\N{NO-BREAK SPACE}\N{HYPHEN}\N{NON-BREAKING HYPHEN}")
_BETWEEN = "[ \\u00a0\\u2010\\u2011-]*"
_NUMBER = re.compile(r"[A-Z0-9]{1,20}", re.ASCII)

MrzReading: TypeAlias = mrz.Mrz

ZONE_NUMBER_MAX = 9
"""Room for a document number in a zone."""


def normalise_number(written: str) -> str:
    """A document number without spaces and hyphens, in capitals. O and 0 are different signs. Idempotent."""
    bare = written.translate(_DROPPED)
    return bare.upper() if bare.isascii() else bare


def _number(written: str) -> str:
    if _NUMBER.fullmatch(normalise_number(written)) is None:
        raise refuse("FIELD_PATTERN")
    return written


DocumentNumber = Annotated[
    str,
    AfterValidator(_number),
    WithJsonSchema({"type": "string", "pattern": f"^{_BETWEEN}([A-Za-z0-9]{_BETWEEN}){{1,20}}$"}),
]
"""`[A-Z0-9]{1,20}` once spaces and hyphens are dropped and letters raised."""

DocumentType = Annotated[str, coded("document_type")]


class MachineReadableZone(Block):
    """The lines as read from a document."""

    format: Annotated[str, listed("TD1", "TD2", "TD3", "MRVA", "MRVB")]
    lines: Annotated[list[Annotated[str, text_of(60)]], many(longest=3, shortest=2)]


class Chip(Block):
    """What reading the chip gave: passive authentication, clone check, whether the country's signer is known."""

    present: bool
    pa: Annotated[str, listed("pass", "fail", "not_done")] | None = None
    clone_check: Annotated[str, listed("pass", "fail", "not_done")] | None = None
    csca_known: bool | None = None


class TravelDocument(Block):
    """A document as printed and read."""

    doc_type: DocumentType
    number: DocumentNumber
    number_raw: Annotated[str, text_of(40)] | None = None
    issuer: Issuer
    authority: Annotated[str, text_of(120)] | None = None
    place_of_issue: Annotated[str, text_of(120)] | None = None
    issued_on: CivilDate | None = None
    expires_on: CivilDate | None = None
    mrz: MachineReadableZone | None = None
    mrz_mismatch_reason: Annotated[str, text_of(200)] | None = None
    chip: Chip | None = None
    possession: Annotated[str, listed("held", "copy", "declared_lost", "declared_never")]
    copy_: Annotated[list[Attachment], many(longest=20)] | None = Field(default=None, alias="copy")
    source_system: SourceSystem | None = None


def check_document(document: Node, context: CheckContext, *, holder: Node | None = None) -> Findings:
    """The rules between a document's fields.

    Args:
        document: the block.
        context: for today.
        holder: a Person block said to hold the document; a disagreement with the zone is a warning, for people do carry
            documents that are not theirs.
    """
    yield from in_order(document["issued_on"], document["expires_on"])
    yield from not_in_future(document["issued_on"], context)
    zone = document["mrz"]
    reading = read_zone(zone, context)
    if reading is None:
        return
    explained = document["mrz_mismatch_reason"].present
    yield from zone_findings(zone, reading, explained=explained)
    if not explained:
        yield from (node.finding("VIZ_MRZ_MISMATCH") for node in _disagreeing(document, reading))
        if holder is not None:
            yield from (node.finding("VIZ_MRZ_MISMATCH", "warning") for node in person_disagrees(holder, reading))


def check_holder(holder: Node, document: Node, context: CheckContext) -> Findings:
    """VIZ_MRZ_MISMATCH where printed holder and zone disagree without a reason; truncation is no disagreement."""
    reading = read_zone(document["mrz"], context)
    if reading is None or document["mrz_mismatch_reason"].present:
        return
    if not _names_agree(holder["parts"], reading):
        yield holder["parts"].finding("VIZ_MRZ_MISMATCH")
    if not _birth_agrees(holder["birth_date"], reading):
        yield holder["birth_date"].finding("VIZ_MRZ_MISMATCH")


def read_zone(zone: Node, context: CheckContext) -> mrz.Mrz | None:
    """The zone's reading; None when its block is not of the right form."""
    lines = zone["lines"].items
    if len(lines) not in {2, 3} or any(line.text is None for line in lines):
        return None
    if zone["format"].text not in mrz.FORMATS:
        return None
    return mrz.parse_mrz(zone["lines"].texts, zone["format"].text, today=context.today)


def zone_findings(zone: Node, reading: mrz.Mrz, *, explained: bool = False) -> Findings:
    """The zone's own faults. With a reason given, wrong digits and dates are what the message is about."""
    for finding in reading.findings:
        softened = explained and (finding.code.startswith("MRZ_CD_") or finding.code == "MRZ_DATE")
        yield Finding(zone.path + finding.path, finding.code, "warning" if softened else finding.severity)


def zone_text(reading: mrz.Mrz, name: str) -> str | None:
    """One field of a reading, when it is there and is a text."""
    value = reading.fields.get(name)
    return value if isinstance(value, str) and value else None


def dates_differ(printed: str, written: str) -> bool:
    """Whether two dates contradict each other, the century aside: a zone has none. What one leaves open agrees."""
    if "X" in printed or "X" in written:
        return False
    return any(one != other for one, other in zip(printed[2:].split("-"), written[2:].split("-"), strict=False))


def numbers_differ(printed: str, written: str, reading: mrz.Mrz) -> bool:
    """Whether a document number contradicts the zone's, which has room for nine characters (TD1 and TD2 for more)."""
    bare = normalise_number(printed)
    cut = reading.format not in {"TD1", "TD2"} and len(written) == ZONE_NUMBER_MAX
    return bare != written and not (cut and bare.startswith(written))


def person_disagrees(person: Node, reading: mrz.Mrz) -> Iterator[Node]:
    """The fields of a person that contradict the zone; any one of the person's names may be the one in it."""
    identities = person["identities"]
    if identities.items and not any(_names_agree(identity["parts"], reading) for identity in identities.items):
        yield identities
    if not _birth_agrees(person["birth_date"], reading):
        yield person["birth_date"]
    sexes = {person["sex"].text, zone_text(reading, "sex")}
    if sexes == {"M", "F"}:
        yield person["sex"]


def _disagreeing(document: Node, reading: mrz.Mrz) -> Iterator[Node]:
    """The printed fields that contradict the zone; a field that the zone does not have, or has wrong, is no judge."""
    number, issuer, expiry = (zone_text(reading, name) for name in ("number", "issuer", "expires_on"))
    printed = document["number"].text
    if printed is not None and number is not None and numbers_differ(printed, number, reading):
        yield document["number"]
    if document["issuer"].text is not None and issuer is not None and document["issuer"].text != issuer:
        yield document["issuer"]
    printed = document["expires_on"].text
    if printed is not None and expiry is not None and dates_differ(printed, expiry):
        yield document["expires_on"]


def _names_agree(parts: Node, reading: mrz.Mrz) -> bool:
    """Whether the zone's name can be this one; a name without a Latin rendering cannot be compared and agrees."""
    if reading.name is None:
        return True
    renderings = [part for part in parts.items if part["as_on"].text == "mrz"]
    renderings = renderings or [part for part in parts.items if part["script"].text == "Latn"]
    surname = [part["value"].text or "" for part in renderings if part["kind"].text in {"surname", "mononym"}]
    given = [part["value"].text or "" for part in renderings if part["kind"].text in {"given", "patronymic"}]
    return mrz.agrees(reading.name, surname, given)


def _birth_agrees(birth: Node, reading: mrz.Mrz) -> bool:
    printed, written = birth["value"].text, zone_text(reading, "birth_date")
    return printed is None or written is None or not dates_differ(printed, written)
