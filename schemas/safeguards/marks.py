"""CLASSIFIED and HANDLING_TEXT: marks that keep a payload off this way, and the text that H3 needs.

Only UNCLASSIFIED and SENSITIVE-NON-CLASSIFIED travel here. A classified mark inside a text counts as one, for it is where
people write it. LIMITE is a distribution mark, not a class. Both rules hold with and without recipients.
"""

from schemas.parts.node import Findings
from schemas.safeguards.words import words
from schemas.safeguards.transfer import Transfer

LAW = "Council Decision 2013/488/EU; Europol regulation (EU) 2016/794 art. 19; domain.md 6"

ALLOWED = frozenset({"UNCLASSIFIED", "SENSITIVE-NON-CLASSIFIED"})


def check(transfer: Transfer) -> Findings:
    """CLASSIFIED at the mark, HANDLING_TEXT at the text that is missing or has no H3."""
    message = transfer.message
    classification = message["classification"]
    if classification.text is not None and classification.text not in ALLOWED:
        yield classification.finding("CLASSIFIED")
    handling, text = message["handling"], message["handling_text"]
    if handling.text == "H3" and not (text.text or "").strip():
        yield text.finding("HANDLING_TEXT")
    elif text.present and handling.text != "H3":
        yield text.finding("HANDLING_TEXT")
    marks = words("classified")
    for node in message.walk():
        if node.text is not None and node.name != "classification" and marks.found_in(node.text):
            yield node.finding("CLASSIFIED")
