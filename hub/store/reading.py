"""How the hub's database is read: leaves and their proofs, an authority's inbox, cases.

Guarantees that what is given out is durable (each read sees committed rows alone), that every list is bounded by its
caller, and that side records open only with the at-rest key. Who may see what is decided where the caller is known; the
reads that belong to one partner take it as a required argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from hub.store.engine import Connection, guarded, many, of_partner
from hub.store.side import SideRecord, decode_side
from hub.store.tiles import stored_tile
from keys.at_rest import NO_CASE, AtRest, CaseKey
from keys.proofs.leaf import Leaf, parse_leaf
from keys.proofs.merkle import consistency_path, inclusion_path
from keys.proofs.receipt import encode_receipt
from keys.proofs.tiles import TileNodes
from schemas.errors import Rejected

_CASE_KEYS_MAX = 4096
_SENT_TO = " FROM recipient r JOIN message m ON m.idx = r.idx WHERE r.partner = ? AND r.idx > ?"
_STILL_OPEN = " AND r.state <> 'handed_over'"
_SIZES = "SELECT r.idx, coalesce(length(m.container), 0)", " ORDER BY r.idx LIMIT ?"
_ITEMS = "SELECT r.idx, m.digest, r.state, m.container", " AND r.idx <= ? ORDER BY r.idx"


@dataclass(frozen=True, slots=True)
class StoredLeaf:
    """A leaf as stored, and read."""

    index: int
    raw: bytes
    leaf: Leaf


@dataclass(frozen=True, slots=True)
class InboxItem:
    """An accepted message for one recipient. `container` is None once purged. `state` as in table `recipient`."""

    index: int
    digest: bytes
    state: str
    container: bytes | None


@dataclass(frozen=True, slots=True)
class CaseState:
    """Where a case stands. `parties` are partner ids, the opener first; `last` the index of its last message."""

    row: int
    parties: tuple[str, ...]
    procedure: str
    state: str
    last: int


class Reader:
    """Reads over one connection, the writer's or one of its own."""

    def __init__(self, connection: Connection, at_rest: AtRest) -> None:
        self.connection = connection
        self._at_rest = at_rest
        self._nodes = TileNodes(lambda level, number: stored_tile(connection, level, number))
        self._case_keys: dict[int, tuple[CaseKey, bytes] | None] = {}

    # -- the log

    def size(self) -> int:
        """How many leaves are durable."""
        with guarded():
            row = self.connection.execute("SELECT size FROM head WHERE one = 1").fetchone()
        return 0 if row is None else int(row[0])

    def leaf(self, index: int) -> StoredLeaf:
        """One leaf, or Rejected(NOT_FOUND)."""
        with guarded():
            row = self.connection.execute("SELECT bytes FROM leaf WHERE idx = ?", (index,)).fetchone()
        if row is None:
            raise Rejected("NOT_FOUND")
        return StoredLeaf(index, row[0], parse_leaf(row[0]))

    def leaves(self, after: int, limit: int) -> list[StoredLeaf]:
        """At most `limit` leaves with an index greater than `after` (-1: from the start), in order."""
        with guarded():
            rows = self.connection.execute(
                "SELECT idx, bytes FROM leaf WHERE idx > ? ORDER BY idx LIMIT ?", (after, limit)
            ).fetchall()
        return [StoredLeaf(index, raw, parse_leaf(raw)) for index, raw in rows]

    def leaves_naming(self, partner: str, after: int, limit: int) -> list[StoredLeaf]:
        """As `leaves`, of those whose source or recipients name the partner."""
        with of_partner(self.connection, partner):
            rows = self.connection.execute(
                "SELECT l.idx, l.bytes FROM leaf_partner p JOIN leaf l ON l.idx = p.idx "
                "WHERE p.partner = ? AND p.idx > ? ORDER BY p.idx LIMIT ?",
                (partner, after, limit),
            ).fetchall()
        return [StoredLeaf(index, raw, parse_leaf(raw)) for index, raw in rows]

    def checkpoint(self, size: int | None = None) -> tuple[int, bytes]:
        """Size and text of the checkpoint of this size, or of the newest; Rejected(NOT_FOUND) when there is none."""
        with guarded():
            if size is None:
                newest = "SELECT size, text FROM checkpoint ORDER BY size DESC LIMIT 1"
                row = self.connection.execute(newest).fetchone()
            else:
                row = self.connection.execute("SELECT size, text FROM checkpoint WHERE size = ?", (size,)).fetchone()
        if row is None:
            raise Rejected("NOT_FOUND")
        return row[0], row[1]

    def receipt(self, index: int, size: int | None = None) -> bytes:
        """The receipt of a leaf to the checkpoint of this size, or the newest; the same bytes each time.

        Raises:
            Rejected: NOT_FOUND when there is no such leaf or checkpoint, or the leaf came after it.
        """
        found, text = self.checkpoint(size)
        with guarded():
            row = self.connection.execute("SELECT bytes FROM leaf WHERE idx = ?", (index,)).fetchone()
            if row is None or index >= found:
                raise Rejected("NOT_FOUND")
            return encode_receipt(row[0], index, inclusion_path(index, found, self._nodes), text)

    def receipts(self, indices: Sequence[int]) -> list[bytes]:
        """The receipts of these leaves, all to the newest checkpoint. Raises as `receipt`."""
        if not indices:
            return []
        size, text = self.checkpoint()
        leaves = dict(many(self.connection, "SELECT idx, bytes FROM leaf WHERE idx", indices))
        found = []
        with guarded():
            for index in indices:
                if index not in leaves or index >= size:
                    raise Rejected("NOT_FOUND")
                found.append(encode_receipt(leaves[index], index, inclusion_path(index, size, self._nodes), text))
        return found

    def consistency(self, old: int, new: int) -> list[bytes]:
        """The proof that the tree of `new` leaves begins with that of `old`, or Rejected(NOT_FOUND)."""
        if not 0 <= old <= new <= self.size():
            raise Rejected("NOT_FOUND")
        with guarded():
            return consistency_path(old, new, self._nodes)

    def tile(self, level: int, number: int) -> bytes:
        """The hashes of a tile, as many as there are."""
        with guarded():
            return stored_tile(self.connection, level, number)

    def bundle(self, number: int, width: int) -> list[bytes]:
        """The leaves of an entry bundle."""
        with guarded():
            rows = self.connection.execute(
                "SELECT bytes FROM leaf WHERE idx >= ? ORDER BY idx LIMIT ?", (number * 256, width)
            ).fetchall()
        return [raw for (raw,) in rows]

    def statement(self, digest: bytes) -> bytes:
        """A statement's envelope by its digest, or Rejected(NOT_FOUND)."""
        with guarded():
            row = self.connection.execute("SELECT bytes FROM statement WHERE digest = ?", (digest,)).fetchone()
        if row is None:
            raise Rejected("NOT_FOUND")
        found: bytes = row[0]
        return found

    def directory_leaf(self, version: int) -> int:
        """The index of the leaf that logged a directory version, or Rejected(NOT_FOUND)."""
        with guarded():
            row = self.connection.execute("SELECT idx FROM directory_version WHERE version = ?", (version,)).fetchone()
        if row is None:
            raise Rejected("NOT_FOUND")
        return int(row[0])

    # -- messages

    def repeat(self, key: bytes) -> tuple[bytes, int, int] | None:
        """Digest, leaf and checkpoint size of what was accepted under this identity; None when nothing is known."""
        with guarded():
            row = self.connection.execute("SELECT digest, idx, size FROM idempotency WHERE key = ?", (key,)).fetchone()
        return None if row is None else (row[0], row[1], row[2])

    def inbox(
        self, partner: str, after: int, *, limit: int, bytes_max: int, open_only: bool = False
    ) -> list[InboxItem]:
        """Messages accepted for the partner after index `after`, in order; at least one if there is any.

        Args:
            partner: the recipient.
            after: -1 means from the start.
            limit: the most items.
            bytes_max: the most bytes of containers together; a first one that is larger comes alone.
            open_only: only those not yet handed over.
        """
        which = _SENT_TO + (_STILL_OPEN if open_only else "")
        with of_partner(self.connection, partner):
            sizes = self.connection.execute(which.join(_SIZES), (partner, after, limit)).fetchall()
            if not sizes:
                return []
            sums = accumulate(size for _, size in sizes)
            last = max(
                (index for (index, _), sum_ in zip(sizes, sums, strict=True) if sum_ <= bytes_max), default=sizes[0][0]
            )
            return [InboxItem(*row) for row in self.connection.execute(which.join(_ITEMS), (partner, after, last))]

    def container(self, index: int) -> bytes:
        """The container accepted at `index`, as posted, or Rejected(NOT_FOUND), also once purged."""
        with guarded():
            row = self.connection.execute("SELECT container FROM message WHERE idx = ?", (index,)).fetchone()
        if row is None or row[0] is None:
            raise Rejected("NOT_FOUND")
        found: bytes = row[0]
        return found

    # -- cases

    def side(self, index: int) -> SideRecord | None:
        """What the leaf's commitments commit to; None when there is none, or the case's key is destroyed."""
        with guarded():
            row = self.connection.execute("SELECT case_row, sealed FROM side WHERE idx = ?", (index,)).fetchone()
        if row is None:
            return None
        case_row, sealed = row
        if case_row is None:
            return decode_side(self._at_rest.loose.open(sealed, "side", index, NO_CASE))
        opened = self.case_key(case_row)
        return None if opened is None else decode_side(opened[0].open(sealed, "side", index, opened[1]))

    def case_key(self, row: int) -> tuple[CaseKey, bytes] | None:
        """A case's key and look-up; None once destroyed. A few thousand are remembered, until `forget_case_keys`."""
        if row not in self._case_keys:
            with guarded():
                found = self.connection.execute(
                    "SELECT lookup, wrapped FROM case_key WHERE row_id = ?", (row,)
                ).fetchone()
            if len(self._case_keys) >= _CASE_KEYS_MAX:
                self._case_keys.pop(next(iter(self._case_keys)))
            if found is None or found[1] is None:
                return None
            self._case_keys[row] = (self._at_rest.unwrap(found[1], row, found[0]), found[0])
        return self._case_keys[row]

    def forget_case_key(self, row: int) -> None:
        """No copy of the case's key stays in memory; called where it is destroyed."""
        self._case_keys.pop(row, None)

    def forget_case_keys(self) -> None:
        """None of them stays in memory: another process may have destroyed some. Called again and again."""
        self._case_keys.clear()

    def case_row(self, handle: str) -> int | None:
        """The row of the case with this handle, None when there is none."""
        with guarded():
            row = self.connection.execute(
                "SELECT row_id FROM case_key WHERE lookup = ?", (self._at_rest.lookup("case", handle),)
            ).fetchone()
        return None if row is None else int(row[0])

    def case_state(self, row: int) -> CaseState | None:
        """Where a case stands as intake sees it."""
        with guarded():
            found = self.connection.execute(
                "SELECT row_id, parties, procedure, state, last_idx FROM case_state WHERE row_id = ?", (row,)
            ).fetchone()
        return None if found is None else _case_state(found)

    def case_states(self, after: int, limit: int) -> list[CaseState]:
        """At most `limit` cases with a row greater than `after`, in order of their opening."""
        with guarded():
            rows = self.connection.execute(
                "SELECT row_id, parties, procedure, state, last_idx FROM case_state WHERE row_id > ? "
                "ORDER BY row_id LIMIT ?",
                (after, limit),
            ).fetchall()
        return [_case_state(row) for row in rows]


def _case_state(row: tuple[int, str, str, str, int]) -> CaseState:
    return CaseState(row[0], tuple(row[1].split(",")), row[2], row[3], row[4])
