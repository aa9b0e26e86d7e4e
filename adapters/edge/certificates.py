"""A deadline certificate of our own: counted from what lies here of a case, and signed with our pair.

Nothing of it is the hub's word but what the log proves: which leaf started the clock, and when. It needs no connection.
Guarantees that a clock is counted by the profile that this edge pinned when the case began, from messages whose
receipts verify under the log's keys; a clock that has not started, whose end nobody knows or was told and not counted,
has none.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapters.edge.plan import Plan
from keys.proofs import own_deadline
from keys.proofs.checkpoint import LogPublic
from keys.proofs.receipt import VerifiedReceipt, verify_receipt
from keys.suite import SigningPair
from schemas import registry
from schemas.agreements.certificate import Receipt, certify, encode
from schemas.agreements.pinned import pinned
from schemas.agreements.running import running
from schemas.errors import Rejected
from schemas.lifecycles import PROCEDURES
from service.sqlite import Connection, guarded

_MESSAGES = """
SELECT idx, kind, receipt, plan, NULL, NULL FROM outbox WHERE case_handle = ? AND state = 'accepted'
UNION ALL
SELECT idx, kind, receipt, NULL, payload, purpose FROM inbox WHERE case_handle = ? AND state IN ('ready', 'handed_over')
ORDER BY idx LIMIT 1000
"""
_START = "SELECT pin, received_receipt, received_statement FROM case_start WHERE case_handle = ?"

CLOCKS = frozenset(
    clock for procedure in PROCEDURES.values() for state in procedure.states.values() for clock in state.clocks
)
"""The keys of a profile that run in a case."""


@dataclass(frozen=True, slots=True)
class _Message:
    """An accepted message of the case, as `schemas.agreements.running.Told` wants it."""

    index: int
    at: datetime
    kind: str
    step: str | None
    facts: Mapping[str, str]
    handed_over: tuple[datetime, int] | None
    receipt: bytes
    late: bool = False
    """No clock asks it of these: the first consent is the one that counts, and what is late comes after one."""


def made(
    connection: Connection, public: LogPublic, *, partner: str, pair: SigningPair, case: str, clock: str, now: datetime
) -> bytes:
    """The file's bytes (`keys.proofs.own_deadline`).

    Args:
        connection: the edge's database.
        public: the log's keys.
        partner: our id.
        pair: ours.
        case: the case's handle.
        clock: the key of the profile.
        now: aware.

    Raises:
        Rejected: NOT_FOUND where there is nothing to certify; PROOF_INVALID or CHECKPOINT_INVALID when a receipt that
            lies here does not hold; FIELD_RANGE when nobody knows when it is due.
        Unavailable: the database cannot be read.
    """
    with guarded():
        start = connection.execute(_START, (case,)).fetchone()
        rows = connection.execute(_MESSAGES, (case, case)).fetchall()
    profile = pinned(start[0]) if start is not None else None
    if profile is None or not rows or clock not in CLOCKS:
        raise Rejected("NOT_FOUND")
    received = None if start[1] is None else verify_receipt(start[1], public)
    messages = [_message(row, public, received if at == 0 else None) for at, row in enumerate(rows)]
    found = next(iter(running(profile, [clock], messages)), None)
    if found is None or found.question is None or found.began is None:
        raise Rejected("NOT_FOUND")
    event, index = found.began
    by_word = received is not None and received.index == index
    began = start[1] if by_word else next(one.receipt for one in messages if one.index == index)
    leaf = verify_receipt(began, public).leaf
    year = public.origin.rpartition("/")[2]
    receipt = Receipt(event, f"{year}/{index}", leaf.statement or leaf.digest or "")
    text = encode(certify(profile.profile, found.question, receipt))
    word = start[2] or b"" if by_word else b""
    return own_deadline.sign(text, began=began, word_=word, partner=partner, pair=pair, now=now)


def _message(
    row: tuple[int, str, bytes, str | None, bytes | None, str | None],
    public: LogPublic,
    received: VerifiedReceipt | None,
) -> _Message:
    index, kind, receipt, plan, payload, purpose = row
    proof = verify_receipt(receipt, public)
    if plan is not None:
        own = Plan.load(plan)
        step, facts = own.step, own.facts
    else:
        members = registry.header_members(json.loads(payload or b"{}"), parent={"purpose_code": purpose})
        step, facts = members.step, members.facts
    handed_over = None if received is None else (received.leaf.at, received.index)
    return _Message(index, proof.leaf.at, kind, step, facts, handed_over, receipt)
