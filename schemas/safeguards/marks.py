"""CLASSIFIED and HANDLING_TEXT: marks that keep a payload off this way, and the text that H3 needs.

Only UNCLASSIFIED and SENSITIVE-NON-CLASSIFIED travel here. A classified mark inside a text counts as one, for it is
where people write it. LIMITE is a distribution mark, not a class. Both rules hold with and without recipients.
"""

from schemas.parts.message import CLASSIFICATIONS
from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer
from schemas.safeguards.words import words

LAW = "Council Decision 2013/488/EU; Europol regulation (EU) 2016/794 art. 19; domain.md 6"


def check(transfer: Transfer) -> Findings:
    """CLASSIFIED at the mark, HANDLING_TEXT at the text that is missing or has no H3."""
    message = transfer.message
    classification = message["classification"]
    if classification.text is not None and classification.text not in CLASSIFICATIONS:
        yield classification.finding("CLASSIFIED")
    handling, text = message["handling"], message["handling_text"]
    given = bool((text.text or "").strip()) if handling.text == "H3" else not text.present
    if not given:
        yield text.finding("HANDLING_TEXT")
    marks = words("classified")
    for node, folded in transfer.folded:
        if node.name != "classification" and marks.found_folded(folded):
            yield node.finding("CLASSIFIED")
