"""SG4: the state a record came from has agreed to its release; one consent for each EU system used.

Also SG14: data of Eurodac leaves by this consent alone, and nobody outside gets access to Eurodac itself.
"""

from schemas.parts.node import Findings
from schemas.safeguards.transfer import Transfer

LAW = (
    "Regulation (EC) 767/2008 (VIS) art. 31(2)(d); Regulation (EU) 2024/1358 (Eurodac) art. 50(1), 50(6); "
    "Regulation (EU) 2018/1860 art. 15(1)"
)


def check(transfer: Transfer) -> Findings:
    """SG4 for each system without a consent, SG14 beside it for Eurodac; SG4 for a consent not yet given."""
    consents = transfer.safeguards["origin_consents"]
    latest = transfer.context.latest_day
    given = set()
    for consent in consents.items:
        day = consent["on"].day
        if transfer.addressed and day is not None and day > latest:
            yield consent["on"].finding("SG4")
        else:
            given.add(consent["source_system"].text)
    for system in transfer.released_systems:
        if system not in given:
            yield consents.finding("SG4")
            if system == "EURODAC":
                yield from (node["source_system"].finding("SG14") for tag, node in transfer.tagged if tag == system)
