"""SG2: data of an EU system goes to a third country only for a return that is decided and may be carried out.

The decision is issued, enforceable, not suspended, and not under an appeal that may suspend it.

Mandatory for an overstay notice and an application for readmission to a third country, and for any data that leaves the
set of its EU system; elsewhere a decision that is given must hold.
"""

from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer

LAW = "Regulation (EU) 2017/2226 (EES) art. 41(3)(c); Regulation (EU) 2018/1860 art. 15(5)"


def check(transfer: Transfer) -> Findings:
    """SG2 at the missing decision, or at what makes it unfit."""
    if not transfer.addressed:
        return
    decision = transfer.safeguards["return_decision"]
    if not decision.present:
        if transfer.requires("SG2"):
            yield decision.finding("SG2")
        return
    for name, wanted in (("enforceable", True), ("suspended", False), ("suspensive_appeal", False)):
        if decision[name].flag is (not wanted):
            yield decision[name].finding("SG2")
    issued = decision["issued_on"]
    if issued.day is not None and issued.day > transfer.context.latest_day:
        yield issued.finding("SG2")
