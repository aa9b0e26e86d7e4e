"""Deadline certificates at the hub: made when the clock keeper says something of a clock, kept sealed with the case.

What one says follows from leaves, side records and the profile the case began with; `schemas.agreements.certificate`
says what a certificate is, `keys.proofs.deadline` how it is checked.
"""

from hub.cases.case import Case
from hub.cases.clocks import CaseClock
from hub.cases.reading import case_of, fold
from hub.store.reading import Reader
from keys.proofs.deadline import ProvedDeadline
from schemas.agreements.certificate import Receipt, certify, decode, encode
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


def proved(reader: Reader, row: int, clock: str, viewer: str | None = None) -> ProvedDeadline:
    """The certificate of what the log last said of a clock, with the receipts that prove it.

    Args:
        reader: the hub's.
        row: the case's.
        clock: the key of the agreement's profile.
        viewer: whose case it must be; None for the operator's command.

    Raises:
        Rejected: NOT_FOUND when there is no such case, or nothing certified was said of the clock.
    """
    if viewer is not None:
        case, _ = case_of(reader, viewer, row)
    elif reader.case_state(row) is None:
        raise Rejected("NOT_FOUND")
    else:
        case = fold(reader, row)
    for said in reversed(case.said):
        side = reader.side(said.index)
        if said.clock == clock and side is not None and "value" in side.values:
            text = side.values["value"].encode()
            began = int(decode(text).receipt.index.partition("/")[2])
            return ProvedDeadline(text, *reader.receipts([began, said.index]))
    raise Rejected("NOT_FOUND")
