"""SG13: the look at non-refoulement that a payload relies on is at most 30 days old.

Applications for readmission and transit, and the notice of a transfer, must bear it where the recipient is a third
country; in other kinds one that is given must hold.
"""

from datetime import timedelta

from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer

LAW = "Directive 2008/115/EC art. 5; European Convention on Human Rights art. 3; transit clauses of agreements"

AGE_MAX = timedelta(days=30)


def check(transfer: Transfer) -> Findings:
    """SG13 at a check that is missing, too old, or not yet made."""
    looked = transfer.safeguards["nonrefoulement_checked"]
    if transfer.requires("SG13") and not looked.present:
        yield looked.finding("SG13")
    on = looked["on"]
    if not transfer.addressed or on.day is None:
        return
    if on.day < transfer.context.today - AGE_MAX or on.day > transfer.context.latest_day:
        yield on.finding("SG13")
