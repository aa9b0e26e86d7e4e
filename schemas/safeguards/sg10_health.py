"""SG10: health and danger travel as coded needs only; a diagnosis never. Texts are `freetext`'s."""

from schemas.codes.lists import load
from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer

LAW = "Application forms of the readmission agreements, box D (health, with consent); Regulation (EU) 2016/679 art. 9"


def check(transfer: Transfer) -> Findings:
    """SG10 at a need that is not one of the codes."""
    if not transfer.addressed:
        return
    message = transfer.message
    lists = (transfer.safeguards["needs"], message["special"]["needs"], message["needs"])
    for need in (need for needs in lists for need in needs.items):
        if need.text is not None and need.text not in load("need"):
            yield need.finding("SG10")
