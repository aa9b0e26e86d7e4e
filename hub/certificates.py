"""The deadline certificate of a case's clock, made from the log: text, receipt, counting, result.

What it says follows from leaves, side records and the profile the case began with; `schemas.agreements.certificate`
says what a certificate is, and `keys.deadline` how it goes out signed.
"""

from hub.cases.case import Case
from hub.cases.clocks import CaseClock
from hub.store.reading import Reader
from schemas.agreements.certificate import Receipt, certify, encode
from schemas.agreements.pinned import pinned
from schemas.errors import Rejected


def certificate_of(reader: Reader, case: Case, clock: CaseClock, year: int) -> bytes | None:
    """The certificate's bytes; None where the end was told or agreed and not counted, or nobody knows it.

    Args:
        reader: the hub's.
        case: folded.
        clock: one of its agreement's.
        year: of the log.
    """
    profile, found = pinned(case.pin), clock.running
    if profile is None or found is None or found.question is None or found.began is None:
        return None
    event, index = found.began
    leaf = reader.leaf(index).leaf
    receipt = Receipt(event, f"{year}/{index}", leaf.statement or leaf.digest or "")
    try:
        return encode(certify(profile.profile, found.question, receipt))
    except Rejected:
        return None
