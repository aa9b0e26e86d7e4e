"""SG3: the person was told, in a language, that data may go to a third country."""

from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer

LAW = "Regulation (EU) 2024/1358 (Eurodac) art. 50(3)(b); Regulation (EU) 2018/1860 art. 15(3)(b)"


def check(transfer: Transfer) -> Findings:
    """SG3 where the statement is missing, or lies in the future."""
    informed = transfer.safeguards["subject_informed"]
    if transfer.requires("SG3") and not informed.present:
        yield informed.finding("SG3")
    day = informed["on"].day
    if transfer.addressed and day is not None and day > transfer.context.latest_day:
        yield informed["on"].finding("SG3")
