"""SG5: of each EU system only certain fields may reach a state outside its text.

- EES, art. 41(2) with 16(1), 17(1)(a)-(c): names, birth date, nationalities, sex, image; document type, number,
  issuer, expiry.
- VIS, art. 31 with 9(4)(a), (b), (c), (k), (m): names with earlier ones, birth, sex, nationalities, residence; document
  with authority and date of issue; a minor's parents.
- SIS, 2018/1860 art. 15 with 4(1)(a)-(h), (q)-(w): names and aliases, birth, sex, nationalities, image; documents and
  their copies.

Of a visa that an authority outside asks about, the answers to its questions are given, not where the record stands.

Stays, visas and evidence records of these systems are never released: an overstay notice to a third country says how
long, not what the entry/exit system recorded. Eurodac has no list; its data goes by consent alone (SG4, SG14), stays
excepted.
"""

from collections.abc import Mapping
from types import MappingProxyType

from schemas.codes import states
from schemas.parts.node import Findings, Node
from schemas.parts.person import ADULT, youngest_age
from schemas.safeguards.transfer import Transfer

LAW = (
    "Regulation (EU) 2017/2226 (EES) art. 41(2); Regulation (EC) 767/2008 (VIS) art. 31(1), (2); "
    "Regulation (EU) 2018/1860 art. 15"
)

_ALWAYS = frozenset({"id", "source_system", "possession"})
"""Ours: how blocks are named and tagged, and where the document is now; no system's data."""

_IDENTITY = frozenset({"identities", "birth_date", "sex", "nationalities"})
_DOCUMENT = frozenset({"doc_type", "number", "number_raw", "issuer"})

PERSON: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "EES": _IDENTITY | {"photo"},
        "VIS": _IDENTITY | {"birth_place", "former_nationalities", "address_in_rds"},
        "SIS": _IDENTITY | {"birth_place", "former_nationalities", "photo"},
    }
)
DOCUMENT: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "EES": _DOCUMENT | {"expires_on"},
        "VIS": _DOCUMENT | {"authority", "issued_on", "expires_on"},
        "SIS": _DOCUMENT | {"issued_on", "copy"},
    }
)
IDENTITY_TYPES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "EES": frozenset({"primary"}),
        "VIS": frozenset({"primary", "maiden", "earlier"}),
    }
)
"""Which names the record holds; SIS holds all."""

_PERSONS = frozenset({"person", "verified_identity", "spouse", "children"})
_DOCUMENTS = frozenset({"document", "td", "permit"})


def check(transfer: Transfer) -> Findings:
    """SG5 at each member, or whole block, that may not be released."""
    for system, block in transfer.tagged:
        if not transfer.outside(system):
            continue
        if system == "EURODAC":
            if block.name == "stays":
                yield block.finding("SG5")
        elif block.name in _PERSONS:
            yield from _person(system, block, transfer)
        elif block.name in _DOCUMENTS:
            yield from _members(block, DOCUMENT[system])
        else:
            yield block.finding("SG5")
    status = transfer.message["status"]
    if transfer.kind == "visa.verify.reply" and status.present and _from_the_visa_system(transfer):
        yield status.finding("SG5")


def _from_the_visa_system(transfer: Transfer) -> bool:
    """Whether where a visa stands is that system's record, and goes to a state outside its text: answers alone may."""
    sender, today = transfer.context.sender_state, transfer.context.today
    return transfer.outside("VIS") and (sender is None or states.bound_by("VIS", sender, today))


def _person(system: str, person: Node, transfer: Transfer) -> Findings:
    allowed = PERSON[system]
    if system == "VIS" and youngest_age(person["birth_date"], transfer.context.today) < ADULT:
        allowed |= {"parents"}
    yield from _members(person, allowed)
    types = IDENTITY_TYPES.get(system)
    for identity in person["identities"].items:
        if types is not None and identity["type"].text is not None and identity["type"].text not in types:
            yield identity.finding("SG5")


def _members(block: Node, allowed: frozenset[str]) -> Findings:
    for member in block.members:
        if member.name not in allowed and member.name not in _ALWAYS:
            yield member.finding("SG5")
