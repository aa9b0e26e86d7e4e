"""SG12: a family is handed over together: no child stays behind its parents, and none travels without them.

Judged by the message that opened the case, which names spouse and children. A child that has a right of its own to stay
is not among them.
"""

from schemas.errors import Severity
from schemas.parts import case
from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer

LAW = "Readmission agreements, clauses on spouses and minor unmarried children (Benelux-Kazakhstan art. 2(3))"


def check(transfer: Transfer) -> Findings:
    """SG12 at a notice that parts children and parents. A warning while no recipient is known."""
    opening = case.opening(transfer.context)
    if transfer.kind != "transfer.notice" or opening is None:
        return
    family = list(case.persons(opening))
    children = {name for name, block in family if block.name == "children"}
    parents = {name for name, _ in family} - children
    named = set(transfer.message["persons"].texts)
    left_behind = named & parents and children - named
    alone = named & children and not named & parents
    if left_behind or alone:
        severity: Severity = "error" if transfer.addressed else "warning"
        yield transfer.message["persons"].finding("SG12", severity)
