"""FREETEXT_HOLD: a text that may say what no code may say is held until an officer has looked at it.

Three lists: asylum (SG1) when a recipient stands outside the Dublin/Eurodac acquis; diagnoses (SG10) and trafficking
(SG11) whoever the recipient is. While no recipient is known, a hit is a warning: the sender learns of it early, and the
answer for a real recipient is given when one is named. For a reader it is a warning too: the sender's officer has
released the text, and nothing is protected by losing the message it stands in (docs/adr/0088).

Searched is every text a person writes: notes, remarks, reasons, addresses, authorities, file numbers. Not searched are
codes, and the parts of names, for a family may be called anything.
"""

from collections.abc import Iterator

from schemas.errors import Severity
from schemas.parts.node import Findings, Node
from schemas.safeguards.transfer import Transfer
from schemas.safeguards.words import words

LAW = "Regulation (EU) 2024/1358 (Eurodac) art. 49(4); readmission forms, box D; Directive 2011/36/EU art. 11"

FREE_TEXTS = frozenset(
    {
        "address_in_rds", "apostille_no", "article", "assistance", "authorisation", "authority", "carrier_ref",
        "case_hints", "case_ref", "claimed_issuer", "conditions", "delivered_to", "eye_colour", "false", "feature",
        "features", "genuine", "guardian_ref", "handling_text", "historic_name", "hours", "light", "locality",
        "locality_latin", "marks", "mrz_mismatch_reason", "name", "narrative", "note", "number_raw", "official",
        "page", "passport", "place", "place_of_issue", "protective", "reason", "reason_not_air", "record_no",
        "reference", "registry", "remarks", "role", "rule_version", "series", "territory", "text",
        "transfer_ground_reason", "verified_by",
    }
)  # fmt: skip
"""Names of the fields in which a person writes freely; a test holds it against the models."""


def check(transfer: Transfer) -> Findings:
    """FREETEXT_HOLD at each text with one of the words."""
    lists = [words("health"), words("trafficking")]
    if transfer.asylum_outside or not transfer.addressed:
        lists.append(words("asylum"))
    severity: Severity = "error" if transfer.addressed and not transfer.context.reading else "warning"
    for node, folded in free_texts(transfer):
        if any(entry.found_folded(folded) for entry in lists):
            yield node.finding("FREETEXT_HOLD", severity)


def free_texts(transfer: Transfer) -> Iterator[tuple[Node, str]]:
    """Every text of the payload that a person wrote, and its folded form. A correction's value may be one."""
    names = FREE_TEXTS | {"value"} if transfer.kind == "data.correction" else FREE_TEXTS
    return ((node, folded) for node, folded in transfer.folded if node.name in names)
