"""SG1: that somebody sought asylum never reaches a state outside the Dublin/Eurodac acquis.

The schema has no field for it. What could betray it are codes: refugee nationalities XXB and XXC, also inside
machine-readable lines, refugee travel documents, and exemptions that never leave the EU side. Texts are `freetext`'s.
"""

from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer

LAW = (
    "Regulation (EU) 2024/1358 (Eurodac) art. 49(4), 50(5); Regulation (EU) 2018/1860 art. 15(4); "
    "Regulation (EU) 2017/2226 (EES) art. 41(4); Regulation (EU) 2024/1348 art. 7"
)

BARRED = frozenset({"XXB", "XXC", "td.refugee_1951", "TEMP_PROTECTION", "APPLICATION_PENDING"})


def check(transfer: Transfer) -> Findings:
    """SG1 at every betraying code."""
    if not transfer.asylum_outside:
        return
    for node in transfer.message.walk():
        if node.text in BARRED or (node.name == "lines" and node.text is not None and betrays(node.text)):
            yield node.finding("SG1")


def betrays(line: str) -> bool:
    """Whether a machine-readable line says refugee: document code PR, or nationality XXB or XXC where one stands.

    The nationality is in positions 11-13 of the second line of two, in 16-18 of the second line of three.
    """
    return line[:2] == "PR" or line[10:13] in {"XXB", "XXC"} or line[15:18] in {"XXB", "XXC"}
