"""Deadline certificates at the hub: made when the clock keeper says something of a clock, or when one is asked for.

They are kept sealed with the case.

What one says follows from leaves, side records and the profile the case began with; `schemas.agreements.certificate`
says what a certificate is, `keys.proofs.deadline` how it is checked.
"""

from contextlib import suppress
from hashlib import sha256

from hub.cases.case import Case
from hub.cases.clocks import CaseClock
from hub.cases.reading import case_of, fold
from hub.log.batch import Answer, Batch, CaseRow, Draft, Sealed
from hub.log.writer import LogWriter
from hub.store.reading import Reader
from keys.at_rest import CaseKey
from keys.proofs.deadline import ProvedDeadline
from schemas.agreements.certificate import Receipt, certify, decode, encode
from schemas.agreements.pinned import pinned
from schemas.envelope import parse_header
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


def word_of(
    event: str, case: Case, clock: str, text: bytes | None, *, handle: str, key: tuple[CaseKey, bytes]
) -> Draft:
    """The leaf in which the log says something of a clock of a case.

    Args:
        event: `ClockWarned`, `ClockExpired` or `ClockCertified`.
        case: folded.
        clock: its name.
        text: the certificate, where there is one.
        handle: the case's.
        key: the case's key and look-up.
    """
    return Draft(
        event,
        digest=None if text is None else sha256(text).hexdigest(),
        to=case.parties,
        type=case.messages[0].kind,
        prev=case.row,
        code=clock,
        committed={"case": handle} if text is None else {"case": handle, "value": text.decode()},
        case=CaseRow(case.row, key[1], key[0]),
    )


class Certified:
    """Work: the log signs how a clock that runs is counted now, before the clock keeper speaks or after.

    Gives the leaf's index; None where the log has said this very certificate already.
    """

    def __init__(self, reader: Reader, row: int, clock: str, year: int) -> None:
        self._reader, self._row, self._clock, self._year = reader, row, clock, year

    def __call__(self, batch: Batch) -> Answer[int | None]:
        """As a member of a batch. Raises Rejected(NOT_FOUND) where there is nothing to certify."""
        reader, row = self._reader, self._row
        key = reader.case_key(row) if reader.case_state(row) is not None else None
        side = reader.side(row)
        if key is None or side is None:
            raise Rejected("NOT_FOUND")
        case = fold(reader, row)
        clock = next((one for one in case.agreed if one.name == self._clock), None)
        text = None if clock is None else certificate_of(reader, case, clock, self._year)
        if text is None:
            raise Rejected("NOT_FOUND")
        digest, index = sha256(text).hexdigest(), None
        if digest not in {reader.leaf(said.index).leaf.digest for said in case.said}:
            handle = parse_header(side.header).case_handle
            index = batch.add(word_of("ClockCertified", case, self._clock, text, handle=handle, key=key))

        def answer(_: Sealed) -> int | None:
            return index

        return answer


def certified(writer: LogWriter, reader: Reader, row: int, clock: str, year: int) -> ProvedDeadline:
    """The certificate of a clock as it runs now; of one that runs no more, of what the log last said of it.

    Args:
        writer: the log's; may append a leaf.
        reader: the hub's.
        row: the case's.
        clock: the key of the agreement's profile.
        year: of the log.

    Raises:
        Rejected: NOT_FOUND when there is no such case, or nothing to certify: the clock has not started, or its end is
            not known.
        Unavailable: the log took nothing.
    """
    with suppress(Rejected):  # it does not run now: what was said of it may still be had
        writer.commit_now(Certified(reader, row, clock, year))
    return proved(reader, row, clock)


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
