"""FREETEXT_HOLD: a text that may say what no code may say is held until an officer has looked at it.

Three lists: asylum (SG1) when a recipient stands outside the Dublin/Eurodac acquis; diagnoses (SG10) and trafficking
(SG11) whoever the recipient is. While no recipient is known, a hit is a warning: the sender learns of it early, and the
answer for a real recipient is given when one is named.

Searched is every text a person writes: notes, remarks, reasons, addresses, authorities, file numbers. Not searched are
codes, and the parts of names, for a family may be called anything.
"""

from schemas.errors import Severity
from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer
from schemas.safeguards.words import words

LAW = "Regulation (EU) 2024/1358 (Eurodac) art. 49(4); readmission forms, box D; Directive 2011/36/EU art. 11"

FREE_TEXTS = frozenset(
    {
        "address_in_rds", "authority", "authorisation", "case_ref", "claimed_issuer", "eye_colour", "false", "feature",
        "genuine", "guardian_ref", "handling_text", "historic_name", "light", "locality", "locality_latin", "marks",
        "mrz_mismatch_reason", "name", "note", "number_raw", "page", "place_of_issue", "reference", "role",
        "rule_version", "series", "territory", "text", "transfer_ground_reason",
    }
)  # fmt: skip
"""Names of the fields in which a person writes freely; a test holds it against the models."""


def check(transfer: Transfer) -> Findings:
    """FREETEXT_HOLD at each text with one of the words."""
    lists = [words("health"), words("trafficking")]
    if transfer.asylum_outside or not transfer.addressed:
        lists.append(words("asylum"))
    severity: Severity = "error" if transfer.addressed else "warning"
    for node in transfer.message.walk():
        if node.name in FREE_TEXTS and node.text is not None and any(entry.found_in(node.text) for entry in lists):
            yield node.finding("FREETEXT_HOLD", severity)
