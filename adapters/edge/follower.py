"""Follows the leaves of the log that name us, and compares each with what we did and were given.

Guarantees that an acceptance, a refusal or evidence in our name that we never sent is an alarm; that an acceptance for
us is expected in our inbox; that a recipient's hand-over or failure counts only with the statement the recipient
signed. What a lost answer would have told us, the leaf tells too. Cursor and effects are one transaction.
"""

import asyncio
from collections.abc import Sequence

from adapters.edge.tables import read_meta, write_meta
from adapters.edge.wiring import Edge
from keys.proofs.checkpoint import LogPublic
from keys.proofs.leaf import Leaf
from keys.proofs.receipt import RECEIPT_TYPE, VerifiedReceipt, verify_receipt
from keys.signing import STATEMENT_TYPE
from keys.statements import SignedStatement, parse_statement, verify_statement
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach
from service.logs import log
from service.multipart import Part
from service.sqlite import transaction

CURSOR = "leaves_cursor"
_STATED = frozenset({"ContentHandover", "ContentHandoverFailure", "ContentAccessTracking"})
_REACHES = {"ContentHandover": "handed_over", "ContentHandoverFailure": "failed"}


class _Statements:
    """The statements of one answer by digest; each is verified once, however many of its entries became leaves.

    `receipts` are the answer's receipts as they came, by index.
    """

    def __init__(self) -> None:
        self.receipts: dict[int, bytes] = {}
        self._found: dict[str, SignedStatement] = {}
        self._verified: set[tuple[str, int | None]] = set()

    def add(self, signed: SignedStatement) -> None:
        """One more, unverified."""
        self._found[signed.digest.hex()] = signed

    def verified(self, edge: Edge, leaf: Leaf) -> SignedStatement:
        """The leaf's statement, signed with a pair that was valid when the hub took it.

        Raises:
            Rejected: PROOF_INVALID when it is not here, KEY_UNKNOWN, KEY_INACTIVE, SIGNATURE_INVALID.
        """
        signed = self._found.get(leaf.statement or "")
        if signed is None:
            raise Rejected("PROOF_INVALID")
        directory = edge.directories.at(leaf.dir or 0)
        public = directory.signing_public(signed.statement.source, signed.ed25519_id, signed.mldsa65_id, leaf.at)
        if (leaf.statement or "", leaf.dir) not in self._verified:
            verify_statement(signed, public)
            self._verified.add((leaf.statement or "", leaf.dir))
        return signed


async def run(edge: Edge) -> None:
    """Follow until cancelled."""
    attempts = 0
    while True:
        try:
            if edge.monitor.broken:
                await edge.bells.inbox.heard(edge.settings.retry_max_seconds)
                continue
            if not await follow(edge, edge.settings.wait_seconds) and not edge.settings.wait_seconds:
                await asyncio.sleep(edge.settings.look_seconds)
        except (Unavailable, Rejected) as error:
            log.warning("follower.waits", code=error.code)
            await edge.bells.inbox.heard(edge.retry_at(attempts) - edge.seconds())
            attempts += 1
        else:
            attempts = 0


async def follow(edge: Edge, wait_seconds: int) -> int:
    """Ask once for leaves; returns how many came.

    Raises:
        Unavailable: try again later.
        Rejected: what came does not prove itself, or the log is not trusted; the cursor stays.
    """
    kept = read_meta(edge.connection, CURSOR)
    after = None if kept is None else int(kept)
    parts = await edge.hub.leaves(after, wait_seconds)
    if not parts:
        return 0
    receipts, statements = _read(edge, parts, -1 if after is None else after)
    newest = max((one.leaf.dir or 0 for one in receipts), default=0)
    if newest > edge.directories.version:
        await edge.directories.refresh(newest)
    await edge.monitor.check([one.checkpoint for one in receipts])
    reach("edge.follower.before_commit")
    with transaction(edge.connection):
        for receipt in receipts:
            _compare(edge, receipt, statements)
        write_meta(edge.connection, CURSOR, str(receipts[-1].index).encode())
    edge.bells.progress.ring()
    return len(receipts)


def _read(edge: Edge, parts: Sequence[Part], after: int) -> "tuple[list[VerifiedReceipt], _Statements]":
    """Verified receipts, rising, each naming us; the statements beside them."""
    public = edge.directories.current.hub.log
    receipts: list[VerifiedReceipt] = []
    statements = _Statements()
    for part in parts:
        if part.media_type == STATEMENT_TYPE:
            statements.add(parse_statement(part.body))
            continue
        if part.media_type != RECEIPT_TYPE:
            raise Rejected("REQUEST_INVALID")
        try:
            receipt = _proved(edge, part, public, after)
        except Rejected:
            edge.alarms.sound("RECEIPT_INVALID", part.content_id, part.body)
            raise
        receipts.append(receipt)
        statements.receipts[receipt.index] = part.body
        after = receipt.index
    if not receipts:
        raise Rejected("REQUEST_INVALID")
    return receipts, statements


def _proved(edge: Edge, part: Part, public: LogPublic, after: int) -> VerifiedReceipt:
    receipt = verify_receipt(part.body, public, edge.directories.checkpoints)
    named = edge.partner == receipt.leaf.source or edge.partner in receipt.leaf.to
    if str(receipt.index) != part.content_id or receipt.index <= after or not named:
        raise Rejected("PROOF_INVALID")
    return receipt


def _compare(edge: Edge, receipt: VerifiedReceipt, statements: "_Statements") -> None:
    leaf, us = receipt.leaf, edge.partner
    if leaf.event == "SubmissionAcceptance":
        if leaf.source == us:
            _our_acceptance(edge, receipt)
        if us in leaf.to:
            edge.connection.execute(
                "INSERT OR IGNORE INTO expected (idx, digest, seen_at) VALUES (?, ?, ?)",
                (receipt.index, bytes.fromhex(leaf.digest or ""), int(edge.seconds())),
            )
    elif leaf.event == "SubmissionRejection" and leaf.source == us:
        if not _sent(edge, leaf.digest) and _said(edge, leaf.statement) is None:
            _foreign(edge, receipt)
    elif leaf.event == "ContentConsignment":
        _consigned(edge, receipt)
    elif leaf.event in _STATED:
        if leaf.source == us:
            said = _said(edge, leaf.statement)
            if said is None:
                _foreign(edge, receipt)
            elif leaf.event == "ContentHandover":
                _received(edge, receipt, statements, said)
        elif us in leaf.to:
            _their_word(edge, receipt, statements)


def _our_acceptance(edge: Edge, receipt: VerifiedReceipt) -> None:
    """Ours once, by these bytes. Where the answer was lost, the repeat is posted now and brings its receipt."""
    leaf = receipt.leaf
    row = edge.connection.execute(
        "SELECT o.state, o.idx, o.sig, o.kind FROM outbox o JOIN sent s ON o.seq = s.seq "
        "WHERE s.digest = ? AND o.digest = s.digest",
        (bytes.fromhex(leaf.digest or ""),),
    ).fetchone()
    if row is None or row[0] == "refused" or (row[2].hex(), row[3]) != (leaf.sig, leaf.type):
        _foreign(
            edge, receipt
        )  # never sent, sealed anew because the hub said it refused these bytes, or other signatures
    elif row[0] == "accepted":
        if row[1] != receipt.index:
            _foreign(edge, receipt)
    else:
        digest = bytes.fromhex(leaf.digest or "")
        edge.connection.execute(
            "UPDATE outbox SET retry_at = 0 WHERE seq = (SELECT seq FROM sent WHERE digest = ?)", (digest,)
        )
        edge.connection.executemany(  # the leaves that follow may say what became of it before the repeat is answered
            "INSERT OR IGNORE INTO awaited (seq, partner) SELECT seq, ? FROM sent WHERE digest = ?",
            [(partner, digest) for partner in leaf.to],
        )


def _consigned(edge: Edge, receipt: VerifiedReceipt) -> None:
    """The hub says that the recipient took it: to us only if it lies here."""
    leaf = receipt.leaf
    if edge.partner in leaf.to and leaf.prev is not None:
        digest = edge.inbox.digest_at(leaf.prev)
        if digest is None or digest.hex() != leaf.digest:
            edge.alarms.sound("NOT_DELIVERED", str(leaf.prev), receipt.checkpoint.text)
    elif leaf.source == edge.partner:
        edge.connection.execute(
            "UPDATE awaited SET state = 'consigned' WHERE state = 'pending' AND partner = ? AND seq IN "
            "(SELECT seq FROM sent WHERE digest = ?)",
            (leaf.to[0], bytes.fromhex(leaf.digest or "")),
        )


def _their_word(edge: Edge, receipt: VerifiedReceipt, statements: "_Statements") -> None:
    """A recipient's word about a message of ours, which only the recipient's own signatures make true."""
    leaf = receipt.leaf
    try:
        raw = _check_statement(edge, leaf, statements)
    except Rejected:
        edge.alarms.sound("STATEMENT_INVALID", str(receipt.index), receipt.checkpoint.text)
        return
    if leaf.event not in _REACHES:
        return
    done = edge.connection.execute(
        "UPDATE awaited SET state = ?, code = ?, idx = ?, statement = ? WHERE partner = ? AND state <> 'handed_over' "
        "AND seq IN (SELECT seq FROM sent WHERE digest = ?)",
        (
            _REACHES[leaf.event],
            leaf.code,
            receipt.index,
            raw,
            leaf.source,
            bytes.fromhex(leaf.digest or ""),
        ),
    )
    if leaf.event == "ContentHandover":
        _received(edge, receipt, statements, raw)
    if done.rowcount:
        edge.connection.execute(
            "UPDATE outbox SET told = 0 WHERE state = 'accepted' AND seq IN (SELECT seq FROM sent WHERE digest = ?)",
            (bytes.fromhex(leaf.digest or ""),),
        )


def _received(edge: Edge, receipt: VerifiedReceipt, statements: "_Statements", statement: bytes) -> None:
    leaf = receipt.leaf
    edge.cases.received(bytes.fromhex(leaf.digest or ""), leaf.at, statements.receipts[receipt.index], statement)


def _check_statement(edge: Edge, leaf: Leaf, statements: "_Statements") -> bytes:
    """Signed by the leaf's source with a pair valid then, and about the leaf's message; its bytes."""
    signed = statements.verified(edge, leaf)
    statement = signed.statement
    if leaf.pos is None or leaf.pos >= len(statement.entries):
        raise Rejected("PROOF_INVALID")
    entry = statement.entries[leaf.pos]
    said = (statement.source, statement.event, entry.digest, entry.index, entry.code)
    if said != (leaf.source, leaf.event, leaf.digest, leaf.prev, leaf.code):
        raise Rejected("PROOF_INVALID")
    return signed.raw


def _foreign(edge: Edge, receipt: VerifiedReceipt) -> None:
    edge.alarms.sound("FOREIGN_LEAF", str(receipt.index), receipt.leaf_bytes)


def _sent(edge: Edge, digest: str | None) -> bool:
    if digest is None:
        return False
    found = edge.connection.execute("SELECT 1 FROM sent WHERE digest = ?", (bytes.fromhex(digest),)).fetchone()
    return found is not None


def _said(edge: Edge, digest: str | None) -> bytes | None:
    """The statement of ours with this digest; None when we never made it."""
    if digest is None:
        return None
    found = edge.connection.execute("SELECT raw FROM statement WHERE digest = ?", (bytes.fromhex(digest),)).fetchone()
    return None if found is None else bytes(found[0])
