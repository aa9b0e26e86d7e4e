"""Evidence of nationality or identity (domain.md 4.2, 11.0, 11.6).

What a piece of evidence may claim depends on what is at hand: proof needs the document itself, a copy is prima facie at
most, and a false document proves nothing.
"""

from typing import Annotated

from schemas.parts.attachment import Attachment
from schemas.parts.block import Block, many, text_of
from schemas.parts.coded import coded
from schemas.parts.context import CheckContext
from schemas.parts.document import TravelDocument, check_document
from schemas.parts.node import Findings, Node
from schemas.parts.sources import SourceSystem

EvidenceCode = Annotated[str, coded("evidence")]


class Evidence(Block):
    """One piece of evidence."""

    code: EvidenceCode
    document: TravelDocument | None = None
    attachment: Annotated[list[Attachment], many(longest=20)] | None = None
    note: Annotated[str, text_of(300)] | None = None
    source_system: SourceSystem | None = None


def check_evidence(evidence: Node, context: CheckContext) -> Findings:
    """FIELD_RANGE for a code above prima facie without the document at hand, and for a document known to be false."""
    yield from check_document(evidence["document"], context)
    code, document = evidence["code"], evidence["document"]
    proof = code.text is not None and ".PROOF." in code.text
    if proof and document["possession"].text in {"copy", "declared_lost", "declared_never"}:
        yield code.finding("FIELD_RANGE")
    for test in (document["chip"]["pa"], document["chip"]["clone_check"]):
        if test.text == "fail":
            yield test.finding("FIELD_RANGE")
