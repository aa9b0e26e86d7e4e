"""SG6: personal data goes to a third country on a named ground; a derogation needs its reason.

NOT_A_TRANSFER holds only where every recipient is bound by EU law or the Schengen acquis.
"""

from schemas.parts.node import Findings
from schemas.parts.safeguards import DEROGATIONS
from schemas.safeguards.transfer import Transfer

LAW = "Regulation (EU) 2016/679 art. 45, 46, 49(1)(d); Directive (EU) 2016/680 art. 35 to 38"


def check(transfer: Transfer) -> Findings:
    """SG6 where the ground is missing or cannot be that one, or a derogation has no reason."""
    ground = transfer.safeguards["transfer_ground"]
    if transfer.requires("SG6") and not ground.present:
        yield ground.finding("SG6")
    if ground.text == "NOT_A_TRANSFER" and transfer.third_country:
        yield ground.finding("SG6")
    reason = transfer.safeguards["transfer_ground_reason"]
    if transfer.addressed and ground.text in DEROGATIONS and not (reason.text or "").strip():
        yield reason.finding("SG6")
