"""One batch in the making: what its members read, and the rows they want written together.

A member (`Work`) is called inside the transaction, one after the other, so each sees what the earlier ones decided. It
either raises Rejected having added nothing, or adds leaves and rows and returns what makes its answer once all is
durable. Rows are collected and written at the end, table by table; what later members must see of them is kept in a
companion of the batch.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias, TypeVar

from hub.log.tree import Growth
from hub.store.engine import Connection
from hub.store.side import SideRecord
from keys.at_rest import NO_CASE, AtRest, CaseKey
from keys.proofs.leaf import SALT_BYTES, Leaf, commitment, encode_leaf
from keys.proofs.receipt import encode_receipt

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

SECONDS_AN_HOUR = 3600
_IN_HEADER = frozenset({"case", "id"})
"""What a message's header says itself."""

INSERT_LEAF = "INSERT INTO leaf (idx, hash, bytes) VALUES (?, ?, ?)"
INSERT_LEAF_PARTNER = "INSERT INTO leaf_partner (partner, idx) VALUES (?, ?)"
INSERT_SIDE = "INSERT INTO side (idx, case_row, sealed) VALUES (?, ?, ?)"
INSERT_TILE = "INSERT INTO tile (level, idx, bytes) VALUES (?, ?, ?)"
INSERT_CASE_KEY = "INSERT INTO case_key (row_id, lookup, wrapped) VALUES (?, ?, ?)"
INSERT_CASE_LEAF = "INSERT INTO case_leaf (case_row, idx) VALUES (?, ?)"
INSERT_CASE_LEAF_AFTER = "INSERT INTO case_leaf (case_row, idx) SELECT case_row, ? FROM message WHERE idx = ?"
"""Of a leaf about an accepted message, which `prev` names."""
COUNT_LEAVES = (
    "INSERT INTO leaf_count (hour, event, count) VALUES (?, ?, ?) "
    "ON CONFLICT (hour, event) DO UPDATE SET count = leaf_count.count + excluded.count"
)
INSERT_MESSAGE = (
    "INSERT INTO message (idx, digest, identity, source, kind, case_row, expires_at, container) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
INSERT_RETENTION = "INSERT INTO retention (purge_at, idx) VALUES (?, ?) ON CONFLICT DO NOTHING"
INSERT_RECIPIENT = "INSERT INTO recipient (partner, idx) VALUES (?, ?)"
INSERT_IDEMPOTENCY = "INSERT INTO idempotency (key, digest, idx, size, until) VALUES (?, ?, ?, ?, ?)"
INSERT_PART_USE = "INSERT INTO part_use (sha256, idx) VALUES (?, ?)"
INSERT_STATEMENT = "INSERT INTO statement (digest, bytes) VALUES (?, ?)"

_ORDER = (
    INSERT_LEAF, INSERT_LEAF_PARTNER, COUNT_LEAVES, INSERT_CASE_KEY, INSERT_SIDE, INSERT_MESSAGE, INSERT_RECIPIENT,
    INSERT_CASE_LEAF, INSERT_CASE_LEAF_AFTER, INSERT_RETENTION, INSERT_PART_USE, INSERT_STATEMENT, INSERT_IDEMPOTENCY,
    INSERT_TILE,
)  # fmt: skip
"""Parents before children, for foreign keys are checked at once."""


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A case's key, and the row and look-up its sealed rows are bound to."""

    row: int
    lookup: bytes
    key: CaseKey


@dataclass(frozen=True, slots=True)
class Draft:
    """A leaf to be. Members as `keys.proofs.leaf.Leaf`; the hub's time is added by the batch.

    `committed` are values (by name: case, id, actor, value) that stand in the leaf only as commitments; they are kept
    in the side record unless `header` says them, sealed under `case`, or under the hub's own key without one.
    """

    event: str
    digest: str | None = None
    sig: str | None = None
    source: str | None = None
    to: tuple[str, ...] = ()
    type: str | None = None
    prev: int | None = None
    code: str | None = None
    statement: str | None = None
    pos: int | None = None
    dir: int | None = None
    committed: Mapping[str, str] = field(default_factory=dict)
    header: bytes = b""
    case: CaseRow | None = None


class Companion(Protocol):
    """Something a kind of member keeps for the length of one batch."""

    def flush(self, batch: "Batch") -> None:
        """Hand in what is still to be written."""


C = TypeVar("C", bound=Companion)


class Batch:
    """What members work on. `at` is the time of every leaf of the batch (aware UTC, whole seconds; never falls)."""

    def __init__(self, connection: Connection, growth: Growth, at: datetime, at_rest: AtRest) -> None:
        self.connection = connection
        self.at = at
        self.seconds = int(at.timestamp())
        self.at_rest = at_rest
        self.first = growth.size
        self._growth = growth
        self._rows: dict[str, list[tuple[Any, ...]]] = {statement: [] for statement in _ORDER}
        self._companions: dict[type, Companion] = {}
        self._repeats: list[tuple[bytes, bytes, int, int]] = []
        self._events: Counter[str] = Counter()
        self.leaves: list[bytes] = []

    @property
    def index(self) -> int:
        """The index the next leaf will have."""
        return self.first + len(self.leaves)

    def add(self, draft: Draft) -> int:
        """The draft is the next leaf, with its side record where it commits to anything; returns its index."""
        index = self.index
        commitments: dict[str, str] = {}
        if draft.committed:
            salt = os.urandom(SALT_BYTES)
            commitments = {name: commitment(salt, value) for name, value in draft.committed.items()}
            kept = {name: one for name, one in draft.committed.items() if not draft.header or name not in _IN_HEADER}
            side = SideRecord(salt, draft.header, kept).encode()
            case = draft.case
            if case is None:
                sealed = self.at_rest.loose.seal(side, "side", index, NO_CASE)
            else:
                sealed = case.key.seal(side, "side", index, case.lookup)
            self._rows[INSERT_SIDE].append((index, None if case is None else case.row, sealed))
        raw = encode_leaf(
            Leaf(
                event=draft.event,
                at=self.at,
                digest=draft.digest,
                sig=draft.sig,
                source=draft.source,
                to=draft.to,
                type=draft.type,
                prev=draft.prev,
                code=draft.code,
                statement=draft.statement,
                pos=draft.pos,
                dir=draft.dir,
                c=commitments,
            )
        )
        self._rows[INSERT_LEAF].append((index, self._growth.append(raw), raw))
        for partner in dict.fromkeys((*((draft.source,) if draft.source else ()), *draft.to)):
            self._rows[INSERT_LEAF_PARTNER].append((partner, index))
        if draft.prev is not None:
            self._rows[INSERT_CASE_LEAF_AFTER].append((index, draft.prev))
        elif draft.case is not None:
            self._rows[INSERT_CASE_LEAF].append((draft.case.row, index))
        self._events[draft.event] += 1
        self.leaves.append(raw)
        return index

    def write(self, statement: str, row: tuple[Any, ...]) -> None:
        """This row is written with the batch, by a statement of this module or one of the caller's own."""
        rows = self._rows.get(statement)
        if rows is None:
            rows = self._rows[statement] = []
        rows.append(row)

    def remember(self, key: bytes, digest: bytes, index: int, until: int) -> None:
        """A repeat (by `key`, with this digest) is answered with the receipt of leaf `index` to this batch's end."""
        self._repeats.append((key, digest, index, until))

    def companion(self, kind: type[C]) -> C:
        """The batch's one companion of this type; made on first use."""
        found = self._companions.get(kind)
        if found is None:
            found = self._companions[kind] = kind()
        return found  # type: ignore[return-value]

    def close(self) -> None:
        """No member comes any more: companions hand in their rows, which `flush` then writes."""
        for companion in self._companions.values():
            companion.flush(self)
        self._rows[INSERT_TILE] = list(self._growth.tiles)
        size, hour = self._growth.size, self.seconds // SECONDS_AN_HOUR
        self._rows[COUNT_LEAVES] = [(hour, event, count) for event, count in self._events.items()]
        self._rows[INSERT_IDEMPOTENCY] = [
            (key, digest, index, size, until) for key, digest, index, until in self._repeats
        ]

    def flush(self) -> None:
        """Write all rows; the writer calls this once."""
        for statement, rows in self._rows.items():
            if rows:
                self.connection.executemany(statement, rows)


class Sealed:
    """A batch after its commit. With no leaves of its own it is the state before it."""

    def __init__(self, batch: Batch, growth: Growth, checkpoint: bytes) -> None:
        self._batch = batch
        self._growth = growth
        self.checkpoint = checkpoint
        self.size = growth.size

    def receipt(self, index: int) -> bytes:
        """The receipt of a leaf of this batch, to this batch's checkpoint."""
        leaf = self._batch.leaves[index - self._batch.first]
        return encode_receipt(leaf, index, self._growth.path(index), self.checkpoint)


Answer: TypeAlias = Callable[[Sealed], T]
Work: TypeAlias = Callable[[Batch], Answer[T]]


class Prepared(Protocol):
    """A kind of member whose rows are looked up for all of a batch's members of that kind together."""

    @classmethod
    def prepare(cls, batch: Batch, works: Sequence[Any]) -> None:
        """Look up what these members will ask for, and keep it in a companion."""
