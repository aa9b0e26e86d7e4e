"""Does a restored database say what was signed? Everything that follows from the log is made anew and compared.

Leaves with their hashes, tiles and every signed checkpoint; the head; which partner a leaf names; directory versions;
statements and messages with the leaves that name them, containers with their signed digests, parts with their
containers; how far each recipient got; what a leaf's commitments commit to; what answers a repeat; that no container
goes before its time, or never; what is parked; and the cases, as a rebuild makes them.

Raises Rejected(BACKUP_INVALID) with the table and the index at fault. What belongs to leaves is read beside them, a
window at a time. What becomes of a recipient is known only later: its row names the leaves that had the last word,
these must say it, and no leaf may say more. So memory grows with versions of the directory, agreements and hours, and
with the leaves of one case, not with the log.
"""

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from hub.backup.manifest import INVALID
from hub.backup.repeats import Repeats
from hub.cases.rebuilding import compare_here
from hub.evidence import STATED_KEPT
from hub.intake import REPEATS_KEPT
from hub.store.engine import Connection, many
from hub.store.reading import Reader
from keys.at_rest import AtRest
from keys.container import parse_container
from keys.proofs.checkpoint import Checkpoint, LogPublic
from keys.proofs.leaf import Leaf, commitment, parse_leaf
from keys.proofs.merkle import CompactRange, leaf_hash
from keys.proofs.tiles import TILE_HEIGHT, TILE_WIDTH
from keys.statements import SignedStatement, parse_statement
from schemas.envelope import parse_header
from schemas.errors import Fault, Rejected

INDEX_MAX = 2**62
_LEAVES_AT_ONCE = 512
_CONTAINERS_AT_ONCE = 16
_WINDOW = 4096
"""Leaves whose names and recipients are compared together: a few questions a partner and window."""
_NAMED = "SELECT idx FROM leaf_partner WHERE partner = ? AND idx >= ? AND idx < ?"
_CONSIGNED = {"ContentConsignment": "consigned"}
_STATED = {
    "ContentHandover": "handed_over",
    "ContentHandoverFailure": "failed",
    "ContentAccessTracking": "handed_over",
}
_LADDER = _CONSIGNED | _STATED
"""What each leaf makes of a recipient's row; the row keeps the last of either kind."""
_REACHED_OF = "SELECT partner, idx, state, consigned_idx, evidence_idx FROM recipient WHERE idx"
_REACHED = f"{_REACHED_OF} >= ? AND idx < ?"
_KEPT_FOR_EVER = (
    "SELECT m.idx FROM message m LEFT JOIN retention r ON r.idx = m.idx "
    "WHERE m.container IS NOT NULL AND r.idx IS NULL LIMIT 1"
)
_GOES_TOO_SOON = (
    "SELECT m.idx FROM retention r JOIN message m ON m.idx = r.idx JOIN recipient p ON p.idx = m.idx "
    "WHERE r.purge_at < m.expires_at AND p.state <> 'handed_over' LIMIT 1"
)
_PARKED = (
    "SELECT p.idx, p.code, l.bytes FROM push p LEFT JOIN leaf l ON l.idx = p.parked_idx "
    "WHERE p.partner = ? AND p.idx >= ? AND p.idx < ? AND p.code IS NOT NULL"
)


def prove(
    connection: Connection,
    at_rest: AtRest,
    public: LogPublic,
    seen: Checkpoint | None,
    advance: Callable[[int], None],
    *,
    made_at: datetime,
) -> tuple[int, str]:
    """The database holds one log, whole and as signed; returns its size, and its root in hex.

    Args:
        connection: inside a transaction of the caller's.
        at_rest: the hub's.
        public: the log's keys.
        seen: a signed state of this log that somebody else holds; it must be part of this log.
        advance: told how many more leaves are done.
        made_at: when the rows were copied.

    Raises:
        Rejected: BACKUP_INVALID; LOG_BEHIND when `seen` is newer, LOG_INCONSISTENT when it is of another log.
    """
    proof = _Proof(connection, at_rest, public, seen, made_at)
    try:
        return proof.run(advance)
    except (Fault, ValueError, LookupError) as error:
        raise Rejected(INVALID, f"/tables/leaf/{proof.tree.size}") from error
    except Rejected as refusal:  # of a container, statement, header or checkpoint: it says nothing of where
        if refusal.code in {INVALID, "LOG_BEHIND", "LOG_INCONSISTENT"}:
            raise
        raise Rejected(INVALID, f"/tables/leaf/{proof.tree.size}") from refusal


class _Proof:
    """One walk over the log."""

    def __init__(
        self, connection: Connection, at_rest: AtRest, public: LogPublic, seen: Checkpoint | None, made_at: datetime
    ) -> None:
        self.connection = connection
        self.at_rest = at_rest
        self.public = public
        self.seen = seen
        self.reader = Reader(connection, at_rest)
        self.tree = CompactRange()
        self.edges: dict[int, list[bytes]] = {}
        self.partners = {partner for (partner,) in self._rows("SELECT DISTINCT partner FROM leaf_partner")}
        self.stopped = [
            partner for (partner,) in self._rows("SELECT DISTINCT partner FROM push WHERE code IS NOT NULL")
        ]
        self.named: dict[str, set[int]] = {}
        self.awaited: set[tuple[str, int]] = set()
        self.climbed: list[tuple[str, int, int, str]] = []
        self.compared = -INDEX_MAX
        self.messages = self._pages(
            "message", "idx, digest, source, kind, identity, expires_at, container", _CONTAINERS_AT_ONCE
        )
        self.message: tuple[bytes, int] = (b"", 0)
        self.repeats = Repeats(connection, made_at)
        self.versions: dict[int, int] = {}
        self.statements = _Sum()
        self.last: SignedStatement | None = None
        self.sides = 0
        self.tiles = 0

    def run(self, advance: Callable[[int], None]) -> tuple[int, str]:
        """The whole proof, cheapest and most telling first."""
        checkpoints = self._checkpoints()
        following = next(checkpoints, None)
        at = datetime.min.replace(tzinfo=UTC)
        for index, hash_, raw in self._pages("leaf", "idx, hash, bytes", _LEAVES_AT_ONCE):
            leaf = parse_leaf(raw)
            _holds(index == self.tree.size and leaf_hash(raw) == hash_ and leaf.at >= at, "leaf", index)
            at = leaf.at
            self.tree.append(hash_, self._completed)
            self._look_at(index, leaf)
            if self.tree.size % _WINDOW == 0:
                self._window(self.tree.size)
            if following is not None and following.size == self.tree.size:
                _holds(following.root == self.tree.root(), "checkpoint", following.size)
                self.repeats.sealed(following.size)
                following = next(checkpoints, None)
            if self.seen is not None and self.seen.size == self.tree.size and self.seen.root != self.tree.root():
                raise Rejected("LOG_INCONSISTENT")
            if index % _LEAVES_AT_ONCE == 0:
                advance(_LEAVES_AT_ONCE)
        _holds(following is None, "checkpoint", self.tree.size)
        if self.seen is not None and self.seen.size > self.tree.size:
            raise Rejected("LOG_BEHIND")
        root = self.tree.root()
        head = (self.tree.size, root, self.tree.serialise(), int(at.timestamp()))
        _holds(self._rows("SELECT size, root, range, at FROM head") == [head], "head", 1)
        newest = self._rows("SELECT max(size) FROM checkpoint")
        _holds(newest == [(self.tree.size,)], "checkpoint", self.tree.size)
        self._window(INDEX_MAX)
        for row in self.messages:
            raise _fault("message", row[0])
        self._rest()
        found = compare_here(self.reader, self.at_rest)
        _holds(found.equal, "case_state", found.differing[0] if found.differing else 0)
        return self.tree.size, root.hex()

    def _look_at(self, index: int, leaf: Leaf) -> None:
        for partner in ((leaf.source,) if leaf.source else ()) + leaf.to:
            self.named.setdefault(partner, set()).add(index)
        if leaf.event == "SubmissionAcceptance":
            self._message(index, leaf)
            self.awaited.update((partner, index) for partner in leaf.to)
        elif leaf.event == "DirectoryPublished" and leaf.dir is not None:
            self.versions[leaf.dir] = index
        elif leaf.event in _LADDER and leaf.prev is not None:
            _holds(leaf.prev < index, "leaf", index)
            self.climbed.append((_climber(leaf), leaf.prev, index, leaf.event))
        if leaf.statement is not None and leaf.event != "SubmissionRejection":
            self._statement(index, leaf)
        if leaf.c:
            self._commitments(index, leaf)

    def _statement(self, index: int, leaf: Leaf) -> None:
        digest = bytes.fromhex(leaf.statement or "")
        if self.last is None or self.last.digest != digest:
            self.last = parse_statement(self.reader.statement(digest))
        signed = self.last
        _holds(leaf.pos is not None and leaf.pos < len(signed.statement.entries), "statement", index)
        if leaf.pos == 0:
            self.statements.add(digest)
        if leaf.pos == len(signed.statement.entries) - 1:
            source, until = signed.statement.source, signed.statement.time + STATED_KEPT
            key = self.at_rest.lookup("statement", source, signed.statement.id)
            self.repeats.expect(key, digest, index, int(until.timestamp()))
        entry = signed.statement.entries[leaf.pos or 0]
        said = (signed.digest, signed.signatures.digest.hex(), signed.statement.source, signed.statement.event)
        _holds(said == (digest, leaf.sig, leaf.source, leaf.event), "statement", index)
        _holds((entry.digest, entry.index, entry.code) == (leaf.digest, leaf.prev, leaf.code), "statement", index)

    def _commitments(self, index: int, leaf: Leaf) -> None:
        side = self.reader.side(index)
        self.sides += 1
        if side is None:
            erased = self._rows(
                "SELECT 1 FROM side s JOIN case_key k ON k.row_id = s.case_row WHERE s.idx = ? AND k.wrapped IS NULL",
                index,
            )
            _holds(bool(erased), "side", index)
            return
        values = dict(side.values)
        if side.header:
            _holds(leaf.event == "SubmissionAcceptance", "side", index)
            header = parse_header(side.header)
            values |= {"case": header.case_handle, "id": header.id}
            said = self.at_rest.lookup("message", header.source, header.id), int(header.expires.timestamp())
            _holds(said == self.message, "message", index)
        for name, committed in leaf.c.items():
            _holds(name in values and commitment(side.salt, values[name]) == committed, "side", index)

    def _completed(self, level: int, index: int, hash_: bytes) -> None:
        if level % TILE_HEIGHT:
            return
        edge = self.edges.setdefault(level // TILE_HEIGHT, [])
        edge.append(hash_)
        if len(edge) == TILE_WIDTH:
            place = level // TILE_HEIGHT, index // TILE_WIDTH
            stored = self._rows("SELECT bytes FROM tile WHERE level = ? AND idx = ?", *place)
            _holds(stored == [(b"".join(edge),)], "tile", place[1])
            edge.clear()
            self.tiles += 1

    def _checkpoints(self) -> Iterator[Checkpoint]:
        for size, text in self._pages("checkpoint", "size, text", _LEAVES_AT_ONCE):
            found = self.public.verify(text)
            _holds(found.size == size, "checkpoint", size)
            yield found

    def _window(self, until: int) -> None:
        """What belongs to the leaves since the last window has these rows and no other."""
        for partner in self.partners | set(self.named):
            stored = {index for (index,) in self._rows(_NAMED, partner, self.compared, until)}
            for index in stored ^ self.named.get(partner, set()):
                raise _fault("leaf_partner", index)
        reached = self._rows(_REACHED, self.compared, until)
        for _, index in self.awaited ^ {(partner, index) for partner, index, *_ in reached}:
            raise _fault("recipient", index)
        self._said(reached)
        for partner in self.stopped:
            for index, code, raw in self._rows(_PARKED, partner, self.compared, until):
                leaf = None if raw is None else parse_leaf(raw)
                said = leaf and (leaf.event, leaf.to, leaf.prev, leaf.code)
                _holds(said == ("ContentConsignmentFailure", (partner,), index, code), "push", index)
        differing = self.repeats.differing()
        if differing is not None:
            raise _fault("idempotency", differing)
        self._not_more()
        self.named.clear()
        self.awaited.clear()
        self.climbed.clear()
        self.compared = until

    def _said(self, reached: list[Any]) -> None:
        """The leaves that these recipients' rows name say what the rows do."""
        named = [index for row in reached for index in row[3:] if index is not None]
        found = many(self.connection, "SELECT idx, bytes FROM leaf WHERE idx", named)
        leaves = {index: parse_leaf(raw) for index, raw in found}
        for partner, index, state, *words in reached:
            for word, kinds in zip(words, (_CONSIGNED, _STATED), strict=True):
                leaf = leaves.get(word)
                told = leaf is not None and leaf.event in kinds and (_climber(leaf), leaf.prev) == (partner, index)
                _holds(word is None or told, "recipient", index)
            last = max((word for word in words if word is not None), default=None)
            _holds(state == ("accepted" if last is None else _LADDER[leaves[last].event]), "recipient", index)

    def _not_more(self) -> None:
        """No leaf of this window comes after the one that has the last word of its kind about its recipient."""
        asked = sorted({message for _, message, *_ in self.climbed})
        rows = {(partner, index): words for partner, index, _, *words in many(self.connection, _REACHED_OF, asked)}
        for partner, message, index, event in self.climbed:
            word = rows.get((partner, message), (None, None))[event not in _CONSIGNED]
            _holds(word is not None and word >= index, "recipient", message)

    def _rest(self) -> None:
        """What else follows from the leaves, of which the last word is said in the end."""
        _holds(dict(self._rows("SELECT version, idx FROM directory_version")) == self.versions, "directory_version", 0)
        stated = _Sum()
        for digest, _ in self._pages("statement", "digest, 0", _LEAVES_AT_ONCE, b""):
            stated.add(digest)
        _holds(stated.value == self.statements.value, "statement", self.tree.size)
        for table, count in (("side", self.sides), ("tile", self.tiles)):
            _holds(self._rows(f"SELECT count(*) FROM {table}") == [(count,)], table, self.tree.size)  # noqa: S608
        _holds(self.repeats.whole, "idempotency", self.tree.size)
        for statement in (_KEPT_FOR_EVER, _GOES_TOO_SOON):
            for (index,) in self._rows(statement):
                raise _fault("retention", index)

    def _message(self, index: int, leaf: Leaf) -> None:
        """An accepted message has its row; a container still here is the one that was signed, with its parts."""
        found, digest, source, kind, identity, expires_at, raw = next(
            self.messages, (index + 1, b"", "", "", b"", 0, None)
        )
        _holds(found == index, "message", min(found, index))
        _holds((digest.hex(), source, kind) == (leaf.digest, leaf.source, leaf.type), "message", index)
        self.message = identity, expires_at
        self.repeats.expect(identity, digest, index, expires_at + int(REPEATS_KEPT.total_seconds()))
        if raw is None:
            return
        container = parse_container(raw)
        said = (container.digest, container.signatures.digest.hex(), container.header.recipient_ids)
        _holds(said == (digest, leaf.sig, leaf.to), "message", index)
        named = {part.sha256 for part in container.parts if part.detached}
        used = {sha256 for (sha256,) in self._rows("SELECT sha256 FROM part_use WHERE idx = ?", index)}
        known = {one for one in used if self._rows("SELECT 1 FROM part WHERE sha256 = ?", one)}
        _holds(used == named == known, "part_use", index)

    def _pages(
        self, table: str, columns: str, at_once: int, last: bytes | int = -INDEX_MAX
    ) -> Iterator[tuple[Any, ...]]:
        """The table's rows in the order of their first column, few at a time."""
        key = columns.partition(",")[0]
        statement = f"SELECT {columns} FROM {table} WHERE {key} > ? ORDER BY {key} LIMIT ?"  # noqa: S608 - constants
        while rows := self._rows(statement, last, at_once):
            yield from rows
            last = rows[-1][0]

    def _rows(self, statement: str, *values: object) -> list[Any]:
        return self.connection.execute(statement, values).fetchall()


class _Sum:
    """Of a secret function of values: two are equal when the same values were added, in whatever order."""

    key = os.urandom(32)

    def __init__(self) -> None:
        self.value = 0

    def add(self, one: bytes) -> None:
        """One value more."""
        self.value += int.from_bytes(hashlib.blake2b(one, key=self.key).digest(), "big")


def _climber(leaf: Leaf) -> str:
    """Whose ladder a leaf is about."""
    return leaf.to[0] if leaf.event in _CONSIGNED else leaf.source or ""


def _holds(holds: bool, table: str, index: int) -> None:  # noqa: FBT001 - the one thing it asks
    if not holds:
        raise _fault(table, index)


def _fault(table: str, index: int) -> Rejected:
    return Rejected(INVALID, f"/tables/{table}/{index}")
