"""The way of a submission, top to bottom: read, verify, authorise, append, answer.

    received    bytes within limits, well-formed            else 400, 413: counted, no leaf
    verified    source known, keys valid, both signatures   else 401: counted, no leaf
    identity    an accepted message again                   200 and the same receipt, before any other check
                the same id with other bytes                409 and a leaf
    head        seen more of the log than there is          503, no leaf, and an alarm
    authorised  time, recipients, parts, agreement, case    else its code and a leaf
    accepted    the batch's commit                          201 and the receipt

Everything that costs processor time comes before the batch; identity, parts, case and parent are looked up inside its
transaction, one message after the other, so that two of one batch cannot both open a case or spend an id. Only
acceptance spends an id. A refusal's leaf names neither recipients nor case: they had no part in it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hub.cases import suspension
from hub.cases.projection import project
from hub.cases.refolding import Moved
from hub.log.batch import (
    INSERT_CASE_KEY,
    INSERT_MESSAGE,
    INSERT_PART_USE,
    INSERT_RECIPIENT,
    INSERT_RETENTION,
    Answer,
    Batch,
    CaseRow,
    Draft,
    Sealed,
)
from hub.log.claims import Claim, ahead
from hub.policy.authorisation import Authorised, Case, Parent, View, authorise
from hub.policy.verified import Verified, verify
from hub.store.engine import many, many_of
from hub.store.reading import Reader
from hub.wiring import Hub
from keys.container import parse_container
from keys.directory.directory import Directory
from schemas.agreements.pinned import PROCEDURES, pin
from schemas.envelope import Header
from schemas.errors import CODES, Rejected
from schemas.registry import KINDS
from service.failpoints import reach

CREATED, OK = 201, 200
REPEATS_KEPT = timedelta(days=1)
"""How long after a message's expiry its repeat is still answered with its receipt."""

_CORRECTIONS = frozenset({"data.correction", "data.correction.done"})

_IDENTITY = "SELECT key, digest, idx, size FROM idempotency WHERE key"
_CASE = (
    "SELECT k.lookup, k.row_id, s.parties, s.procedure, s.state, "
    "EXISTS (SELECT 1 FROM case_clock c WHERE c.row_id = k.row_id), k.wrapped FROM case_key k "
    "JOIN case_state s ON s.row_id = k.row_id WHERE k.lookup"
)
_PARENT = "SELECT digest, idx, source, identity, kind, case_row FROM message WHERE digest"
"""Each looks one key up (` = ?`) or many (` IN (...)`), and gives the key first."""
_RECIPIENTS = "SELECT idx, partner FROM recipient WHERE idx"
_PART = "SELECT length FROM part WHERE sha256 = ?"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a submission is answered with: 201 or 200 and the receipt, or a refusal's code with its leaf's proof."""

    status: int
    receipt: bytes
    code: str | None = None
    path: str | None = None
    index: int | None = None


@dataclass(slots=True)
class Accepted:
    """What earlier messages of a batch changed, for later ones to see; part of a batch."""

    identities: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    cases: dict[bytes, Case] = field(default_factory=dict)
    keys: dict[int, CaseRow] = field(default_factory=dict)
    parents: dict[bytes, Parent] = field(default_factory=dict)
    last: dict[int, int] = field(default_factory=dict)
    found: dict[str, dict[bytes, Any]] = field(default_factory=dict)
    """Rows looked up for several messages at once: statement -> key -> row. What is not there has no row."""
    recipients: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """Of messages that are answered."""
    facts: dict[int, Mapping[str, str]] = field(default_factory=dict)
    reader: Reader | None = None

    def row(self, batch: Batch, statement: str, key: bytes) -> Any:
        """The row that a statement of one key gives, as it was looked up or is now."""
        found = self.found.get(statement)
        if found is not None and key in found:
            return found[key]
        rows = batch.connection.execute(statement + " = ?", (key,)).fetchone()
        return None if rows is None else rows[1:]

    def look_up_recipients(self, batch: Batch, indices: Sequence[int]) -> None:
        """Those of the messages accepted at these places."""
        self.recipients |= dict.fromkeys(indices, ())
        for index, partner in many(batch.connection, _RECIPIENTS, indices):
            self.recipients[index] += (partner,)

    def flush(self, batch: Batch) -> None:
        """Each case's last state is written once."""
        if self.reader is None:
            return  # nothing was accepted
        for case in self.cases.values():
            if case.row in batch.companion(Moved).rows:
                continue  # written there
            project(
                batch,
                self.reader,
                case.row,
                parties=case.parties,
                procedure=case.procedure,
                state=case.state,
                last=self.last[case.row],
                facts=self.facts.get(case.row),
            )


def read(hub: Hub, raw: bytes, directory: Directory, now: datetime) -> Verified:
    """The container is well-formed and signed by its source. All of it costs processor time and no storage.

    Raises:
        Rejected: as `hub.policy.verified.verify`.
    """
    container = parse_container(raw)
    try:
        verified = verify(container, directory, now)
    except Rejected as refusal:
        if refusal.code != "KEY_INACTIVE":
            raise
        # A repeat of an accepted message is answered whatever became of its key since.
        key = identity(hub, container.header.source, container.header.id)
        verified = verify(container, directory, accepted_at(hub, key, container.digest, refusal))
    hub.witness.seen(min(container.header.time, now))
    reach("hub.intake.verified")
    return verified


async def take(hub: Hub, verified: Verified) -> Outcome:
    """Decided and durable: accepted, known already, or refused with a leaf.

    Raises:
        Unavailable: nothing was taken; try again later.
    """
    return await enqueue(hub, verified)


def enqueue(hub: Hub, verified: Verified) -> "asyncio.Future[Outcome]":
    """As `take`, for many at a time: the outcome to come. Raises Unavailable(BUSY)."""
    return hub.writer.enqueue(_Submission(hub, verified), bytes_=len(verified.container.raw) + 2048)


class _Submission:
    """A verified message as a member of a batch."""

    __slots__ = ("_hub", "key", "verified")

    def __init__(self, hub: Hub, verified: Verified) -> None:
        self._hub = hub
        self.verified = verified
        self.key = identity(hub, verified.container.header.source, verified.container.header.id)

    @classmethod
    def prepare(cls, batch: Batch, works: "Sequence[_Submission]") -> None:
        """Identities, cases and parents of all of them in one round trip, the parents' recipients in another."""
        earlier = batch.companion(Accepted)
        found = earlier.found
        headers = [work.verified.container.header for work in works]
        keys = {
            _IDENTITY: [work.key for work in works],
            _CASE: [batch.at_rest.lookup("case", header.case_handle) for header in headers],
            _PARENT: [bytes.fromhex(header.reference.digest) for header in headers if header.reference is not None],
        }
        for statement, rows in many_of(batch.connection, keys).items():
            found[statement] = dict.fromkeys(keys[statement]) | {row[0]: row[1:] for row in rows}
        earlier.look_up_recipients(batch, [row[0] for row in found[_PARENT].values() if row is not None])

    def __call__(self, batch: Batch) -> Answer[Outcome]:
        hub, container = self._hub, self.verified.container
        header, digest = container.header, container.digest
        earlier = batch.companion(Accepted)
        key = self.key
        known = earlier.identities.get(key)
        if known is not None:
            if known[0] != digest:
                return self._refused(batch, Rejected("DUPLICATE_DIFFERS", "/id"))
            return given(known[1], OK)
        row = earlier.row(batch, _IDENTITY, key)
        if row is not None:
            if row[0] != digest:
                return self._refused(batch, Rejected("DUPLICATE_DIFFERS", "/id"))
            return repeated(hub.reader, row[1], row[2])
        if header.log.origin == hub.settings.origin and header.log.size > batch.first:
            return ahead(batch, Claim(header.source, digest.hex(), header.log.size, header.log.root, batch.first))
        case_lookup = batch.at_rest.lookup("case", header.case_handle)
        directory = hub.directories.current
        try:
            view = self._view(batch, earlier, case_lookup)
            authorised = authorise(
                self.verified,
                view,
                directory,
                now=hub.clock(),
                live=hub.settings.live,
                test_only=hub.settings.test_clock,
            )
        except Rejected as refusal:
            return self._refused(batch, refusal)
        return self._accepted(batch, earlier, authorised, key=key, case_lookup=case_lookup, case=view.case)

    def _view(self, batch: Batch, earlier: Accepted, case_lookup: bytes) -> View:
        container, connection = self.verified.container, batch.connection
        header = container.header
        parts: dict[bytes, int] = {}
        for part in container.parts:
            if part.detached:
                row = connection.execute(_PART, (part.sha256,)).fetchone()
                if row is not None:
                    parts[part.sha256] = row[0]
        case = earlier.cases.get(case_lookup)
        if case is None:
            row = earlier.row(batch, _CASE, case_lookup)
            if row is not None:
                row_id, parties, procedure, state, kept, wrapped = row
                erased = wrapped is None  # nobody's any more: as if it had never been
                case = Case(row_id, () if erased else tuple(parties.split(",")), procedure, state, bool(kept))
                if not erased and row_id not in earlier.keys:
                    opened = batch.at_rest.unwrap(wrapped, row_id, case_lookup)
                    earlier.keys[row_id] = CaseRow(row_id, case_lookup, opened)
        if header.reference is None:
            return View(parts, case)
        digest = bytes.fromhex(header.reference.digest)
        parent = earlier.parents.get(digest)
        if parent is None:
            row = earlier.row(batch, _PARENT, digest)
            if row is not None:
                if row[0] not in earlier.recipients:
                    earlier.look_up_recipients(batch, [row[0]])
                parent = Parent(row[1], row[2], row[3], row[4], earlier.recipients[row[0]])
        return View(parts, case, parent, identity(self._hub, header.reference.source, header.reference.id))

    def _accepted(
        self,
        batch: Batch,
        earlier: Accepted,
        authorised: Authorised,
        *,
        key: bytes,
        case_lookup: bytes,
        case: Case | None,
    ) -> Answer[Outcome]:
        hub, container = self._hub, self.verified.container
        header, digest = container.header, container.digest
        index, pinned = batch.index, None
        if case is None:
            pinned = self._pin(batch, authorised)
            secret, wrapped = batch.at_rest.new_case_key(index, case_lookup)
            case_row = CaseRow(index, case_lookup, secret)
            earlier.keys[index] = case_row
            parties = (header.source, *header.recipient_ids)
            earlier.facts[index] = header.facts
            batch.write(INSERT_CASE_KEY, (index, case_lookup, wrapped))
            batch.write(suspension.WRITE_CASE, (index, header.agreement))
        else:
            case_row, parties = earlier.keys[case.row], case.parties
        batch.add(
            Draft(
                "SubmissionAcceptance",
                digest=digest.hex(),
                sig=container.signatures.digest.hex(),
                source=header.source,
                to=header.recipient_ids,
                type=header.kind,
                dir=self.verified.version,
                committed={"case": header.case_handle, "id": header.id} | ({"value": pinned} if pinned else {}),
                header=container.header_bytes,
                case=case_row,
            )
        )
        expires = int(header.expires.timestamp())
        batch.write(INSERT_RETENTION, (expires + hub.settings.retention_days * 86_400, index))
        batch.write(
            INSERT_MESSAGE,
            (index, digest, key, header.source, header.kind, case_row.row, expires, container.raw),
        )
        for partner in header.recipient_ids:
            batch.write(INSERT_RECIPIENT, (partner, index))
        for sha256 in {part.sha256 for part in container.parts if part.detached}:
            batch.write(INSERT_PART_USE, (sha256, index))
        earlier.identities[key] = (digest, index)
        kept = case is not None and case.kept
        earlier.cases[case_lookup] = Case(case_row.row, parties, authorised.procedure, authorised.state, kept)
        earlier.last[case_row.row] = index
        earlier.reader = hub.reader
        moved = batch.companion(Moved)
        moved.accept(index, case_row.row, header, pinned)
        if authorised.procedure in PROCEDURES or header.kind in _CORRECTIONS or kept:
            moved.touch(hub.reader, case_row.row)
        earlier.parents[digest] = Parent(header.source, key, header.kind, case_row.row, header.recipient_ids)
        batch.remember(key, digest, index, expires + int(REPEATS_KEPT.total_seconds()))
        return given(index, CREATED)

    def _pin(self, batch: Batch, authorised: Authorised) -> str | None:
        """The profile that a case which begins now keeps; its opening leaf commits to it."""
        if authorised.procedure not in PROCEDURES:
            return None
        header, directory = self.verified.container.header, self._hub.directories.current
        requested = directory.partner(header.recipient_ids[0]).state
        return pin(directory.agreement(header.agreement).profile, requested, batch.at.date(), test=header.test)

    def _refused(self, batch: Batch, refusal: Rejected) -> Answer[Outcome]:
        container = self.verified.container
        index = batch.add(
            Draft(
                "SubmissionRejection",
                digest=container.digest.hex(),
                sig=container.signatures.digest.hex(),
                source=container.header.source,
                type=_known_kind(container.header),
                code=refusal.code,
                dir=self.verified.version,
            )
        )
        return refused(refusal, index)


def identity(hub: Hub, source: str, message_id: str) -> bytes:
    """What an id is known by: HMAC under the index key over source and id."""
    return hub.at_rest.lookup("message", source, message_id)


def refused(refusal: Rejected, index: int) -> Answer[Outcome]:
    """The answer to a refusal that is leaf `index` of this batch."""
    status = CODES[refusal.code].status

    def answer(sealed: Sealed) -> Outcome:
        return Outcome(status, sealed.receipt(index), refusal.code, refusal.path, index)

    return answer


def given(index: int, status: int) -> Answer[Outcome]:
    """The answer to what leaf `index` of this batch accepted."""

    def answer(sealed: Sealed) -> Outcome:
        return Outcome(status, sealed.receipt(index), index=index)

    return answer


def repeated(reader: Reader, index: int, size: int) -> Answer[Outcome]:
    """The answer to a repeat of what was accepted earlier: the same bytes."""

    def answer(_: Sealed) -> Outcome:
        return Outcome(OK, reader.receipt(index, size), index=index)

    return answer


def accepted_at(hub: Hub, key: bytes, digest: bytes, refusal: Rejected) -> datetime:
    """When what has this identity and digest was accepted, or the refusal."""
    known = hub.reader.repeat(key)
    if known is None or known[0] != digest:
        raise refusal
    return hub.reader.leaf(known[1]).leaf.at


def _known_kind(header: Header) -> str | None:
    """A kind the sender made up is not written to the log."""
    return header.kind if header.kind in KINDS else None
