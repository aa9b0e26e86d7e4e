"""Statements: an edge's signed word about messages it took; each of its entries becomes a leaf (settled.md, Statement).

All or nothing: one entry that does not hold refuses the whole, naming its place. What each event may follow is the
ladder of settled.md, a recipient's own: a hand-over ends it, a failure may still be followed by a hand-over. A message
that is handed over was consigned, so where the hub has no leaf of that yet it comes first.
"""

import asyncio
from datetime import timedelta
from typing import Any

from hub.cases.refolding import correction_handed_over, openings_handed_over
from hub.intake import CREATED, REPEATS_KEPT, Outcome, accepted_at, given, refused, repeated
from hub.log.batch import INSERT_RETENTION, INSERT_STATEMENT, Answer, Batch, Draft
from hub.policy.verified import VerifiedStatement, verify_signed
from hub.store.engine import many
from hub.wiring import Hub
from keys.directory.directory import Directory
from keys.statements import Statement, parse_statement
from schemas.errors import Rejected
from service.clock import Clock
from service.failpoints import reach

CLOCK_AHEAD_MAX = timedelta(minutes=5)
AGE_MAX = timedelta(days=30)
"""An edge that was cut off longer says it anew; so every repeat is known for as long as it may come."""
STATED_KEPT = AGE_MAX + CLOCK_AHEAD_MAX + REPEATS_KEPT
"""How long after its own time a statement's repeat is still answered with its receipt."""

FOLLOWS = {
    "ContentHandover": frozenset({"accepted", "consigned", "failed"}),
    "ContentHandoverFailure": frozenset({"accepted", "consigned"}),
    "ContentAccessTracking": frozenset({"handed_over"}),
}
"""Event -> the recipient's states it may follow."""

STATES = {"ContentHandover": "handed_over", "ContentHandoverFailure": "failed", "ContentAccessTracking": "handed_over"}

_ENTRIES = (
    "SELECT m.idx, (SELECT state FROM recipient WHERE partner = ? AND idx = m.idx), "
    "(SELECT consigned_idx FROM recipient WHERE partner = ? AND idx = m.idx), m.digest, m.source, m.kind "
    "FROM message m WHERE m.idx"
)
_REACHED = (
    "UPDATE recipient SET state = ?, evidence_idx = ?, consigned_idx = coalesce(consigned_idx, ?) "
    "WHERE partner = ? AND idx = ?"
)
_WAITED_FOR = "SELECT DISTINCT idx FROM recipient WHERE state <> 'handed_over' AND idx"
"""Both look many up at once."""


def read(hub: Hub, raw: bytes, directory: Directory, clock: Clock) -> VerifiedStatement:
    """The statement is well-formed and signed by its source. Raises Rejected."""
    signed = parse_statement(raw)
    try:
        verified = verify_signed(signed, directory, clock())
    except Rejected as refusal:
        if refusal.code != "KEY_INACTIVE":
            raise
        at = accepted_at(hub, _identity(hub, signed.statement), signed.digest, refusal)
        verified = verify_signed(signed, directory, at)
    hub.witness.seen(min(signed.statement.time, clock()))
    reach("hub.evidence.verified")
    return verified


async def take(hub: Hub, verified: VerifiedStatement) -> Outcome:
    """Its leaves are durable, or were before, or its refusal is one. Raises Unavailable when nothing was taken."""
    return await enqueue(hub, verified)


def enqueue(hub: Hub, verified: VerifiedStatement) -> "asyncio.Future[Outcome]":
    """As `take`, for many at a time: the outcome to come. Raises Unavailable(BUSY)."""
    signed = verified.signed
    return hub.writer.enqueue(
        _Evidence(hub, verified), leaves=2 * len(signed.statement.entries), bytes_=2 * len(signed.raw)
    )


class _Evidence:
    """A verified statement as a member of a batch."""

    __slots__ = ("_hub", "_verified")

    def __init__(self, hub: Hub, verified: VerifiedStatement) -> None:
        self._hub = hub
        self._verified = verified

    def __call__(self, batch: Batch) -> Answer[Outcome]:
        hub, signed = self._hub, self._verified.signed
        statement, digest = signed.statement, signed.digest
        key = _identity(hub, statement)
        known = batch.companion(_Stated).known.get(key)
        if known is None:
            row = hub.reader.repeat(key)
            if row is not None:
                if row[0] != digest:
                    return self._refused(batch, Rejected("DUPLICATE_DIFFERS", "/id"))
                return repeated(hub.reader, row[1], row[2])
        elif known[0] != digest:
            return self._refused(batch, Rejected("DUPLICATE_DIFFERS", "/id"))
        else:
            return given(known[1], 200)
        try:
            found = self._check(batch)
        except Rejected as refusal:
            return self._refused(batch, refusal)
        index = self._append(batch, found)
        batch.write(INSERT_STATEMENT, (digest, signed.raw))
        batch.companion(_Stated).known[key] = (digest, index)
        batch.remember(key, digest, index, int((statement.time + STATED_KEPT).timestamp()))
        return given(index, CREATED)

    def _check(self, batch: Batch) -> list[tuple[bool, str, str]]:
        """For each entry: whether it was consigned, and the message's source and kind."""
        statement = self._verified.signed.statement
        now = self._hub.clock()
        if statement.time > now + CLOCK_AHEAD_MAX:
            raise Rejected("CLOCK_AHEAD", "/time")
        if statement.time < now - AGE_MAX:
            raise Rejected("EXPIRED", "/time")
        known = [entry.index for entry in statement.entries if entry.index < batch.first]  # no more can be looked for
        rows = {row[0]: row[1:] for row in many(batch.connection, _ENTRIES, known, *[statement.source] * 2)}
        found = []
        for at, entry in enumerate(statement.entries):
            row = rows.get(entry.index)
            if row is None or row[0] is None or row[2] != bytes.fromhex(entry.digest):
                raise Rejected("UNKNOWN_PARENT", f"/list/{at}")
            if row[0] not in FOLLOWS[statement.event]:
                raise Rejected("STEP_NOT_ALLOWED", f"/list/{at}")
            found.append((row[1] is not None, str(row[3]), str(row[4])))
        return found

    def _append(self, batch: Batch, found: list[tuple[bool, str, str]]) -> int:
        """The leaves, and how far each message got; returns the last leaf's index."""
        signed, connection = self._verified.signed, batch.connection
        statement, digest, sig = signed.statement, signed.digest.hex(), signed.signatures.digest.hex()
        reached: list[tuple[Any, ...]] = []
        index = batch.index
        for at, (entry, (consigned, sender, kind)) in enumerate(zip(statement.entries, found, strict=True)):
            before: int | None = None
            if not consigned:
                before = batch.add(
                    Draft(
                        "ContentConsignment",
                        digest=entry.digest,
                        source=sender,
                        to=(statement.source,),
                        type=kind,
                        prev=entry.index,
                    )
                )
            index = batch.add(
                Draft(
                    statement.event,
                    digest=entry.digest,
                    sig=sig,
                    source=statement.source,
                    to=(sender,),
                    type=kind,
                    prev=entry.index,
                    code=entry.code,
                    statement=digest,
                    pos=at,
                    dir=self._verified.version,
                )
            )
            reached.append((STATES[statement.event], index, before, statement.source, entry.index))
            if statement.event == "ContentHandover" and kind == "data.correction":
                correction_handed_over(batch, self._hub.reader, entry.index)
        # At once, not with the batch's rows: a later statement of this batch must see it.
        connection.executemany(_REACHED, reached)
        if statement.event == "ContentHandover":
            self._handed_over(batch, [entry.index for entry in statement.entries])
        return index

    def _handed_over(self, batch: Batch, indices: list[int]) -> None:
        """What follows for those of these messages that now all their recipients have handed over."""
        waited_for = {index for (index,) in many(batch.connection, _WAITED_FOR, indices)}
        done = [index for index in indices if index not in waited_for]
        purge_at = batch.seconds + self._hub.settings.retention_days * 86_400
        for index in done:
            batch.write(INSERT_RETENTION, (purge_at, index))
        openings_handed_over(batch, self._hub.reader, done)

    def _refused(self, batch: Batch, refusal: Rejected) -> Answer[Outcome]:
        signed = self._verified.signed
        index = batch.add(
            Draft(
                "SubmissionRejection",
                sig=signed.signatures.digest.hex(),
                source=signed.statement.source,
                code=refusal.code,
                statement=signed.digest.hex(),
                dir=self._verified.version,
            )
        )
        return refused(refusal, index)


class _Stated:
    """Statements taken earlier in this batch, by identity: digest and last leaf."""

    def __init__(self) -> None:
        self.known: dict[bytes, tuple[bytes, int]] = {}

    def flush(self, batch: Batch) -> None:
        """Nothing: its rows are written as they come."""


def _identity(hub: Hub, statement: Statement) -> bytes:
    return hub.at_rest.lookup("statement", statement.source, statement.id)
