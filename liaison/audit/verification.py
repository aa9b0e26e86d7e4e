"""Does a stored log say what was signed? Recomputes everything from the leaves' bytes; names every entry at fault.

What is compared, for each index: the leaf's bytes with the hash stored beside them and with the hash tiles; at each
checkpoint's size the recomputed RFC 6962 root with the signed one; both signatures of every checkpoint; the time, which
never falls; what a leaf points back to; and for each container still kept, SHA-256 of its manifest and of its signature
block with the acceptance leaf, and every part's ciphertext with the manifest. So no byte of leaf, tile or container can
change unnoticed. A log cut back to an older checkpoint is not found here, for that needs memory: edges, who keep the
last checkpoint they saw, find it (docs/threat-model.md).

Pure but for the source it reads. Memory does not grow with the log.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from keys.container import parse_container
from keys.proofs.checkpoint import LogPublic, read_checkpoint
from keys.proofs.leaf import Leaf, parse_leaf
from keys.proofs.merkle import HASH_BYTES, CompactRange, leaf_hash
from liaison.audit.sources import TILE_WIDTH, Source, StoredLeaf
from schemas.errors import Rejected

DISCREPANCIES_SHOWN_MAX = 100
GAP_MAX = 10_000
"""Leaves missing in a row past which the walk ends: whoever writes a huge index must not keep an auditor busy."""

_ADVANCE_EVERY = 1024
_TILE_LEVELS = 8

WORDS = {
    "LEAF_MISSING": "An index of the signed log has no leaf.",
    "LEAF_CHANGED": "The leaf's bytes do not have the hash stored for them.",
    "LEAF_MALFORMED": "The leaf is not a well-formed entry.",
    "LEAF_UNSIGNED": "A leaf lies behind the newest checkpoint: nobody signed it.",
    "TIME_FELL": "The leaf is older than the one before it.",
    "REFERENCE_INVALID": "The leaf points to an entry that does not come before it.",
    "TILE_MISSING": "A full hash tile is not there.",
    "TILE_CHANGED": "A hash tile disagrees with the leaves.",
    "ROOT_MISMATCH": "The leaves up to here do not have the signed root; those before `index` do.",
    "CHECKPOINT_INVALID": "A checkpoint is malformed or lacks a good signature of the log's two keys.",
    "CONTAINER_CHANGED": "The stored container is not the one that was accepted.",
    "CONTAINER_UNKNOWN": "A container is stored for an index that accepted none.",
}
"""What can be wrong, in a sentence each."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """One thing that is not as signed. `index` is the entry at fault; with `until`, one of these entries is."""

    code: str
    index: int
    until: int | None = None

    def as_json(self) -> dict[str, object]:
        """Members `code`, `index`, `words`, and `until` where it is not exact."""
        span = {} if self.until is None else {"until": self.until}
        return {"code": self.code, "index": self.index, **span, "words": WORDS[self.code]}


@dataclass(slots=True)
class Report:
    """What was checked and what was wrong."""

    source: str
    origin: str
    size: int
    root: str
    signed_at: datetime | None = None
    leaves: int = 0
    leaves_by_hash_only: int = 0
    tiles: int = 0
    checkpoints: int = 0
    containers: int = 0
    events: Counter[str] = field(default_factory=Counter)
    discrepancies: list[Discrepancy] = field(default_factory=list)
    left_out: int = 0

    @property
    def verified(self) -> bool:
        """Nothing was wrong, the newest checkpoint's signatures included."""
        return not self.discrepancies and self.signed_at is not None

    def add(self, code: str, index: int, until: int | None = None) -> None:
        """Record what is wrong; past a hundred only their number."""
        if len(self.discrepancies) < DISCREPANCIES_SHOWN_MAX:
            self.discrepancies.append(Discrepancy(code, index, until))
        else:
            self.left_out += 1

    def as_json(self) -> dict[str, object]:
        """The object that `liaison audit verify` prints."""
        return {
            "verified": self.verified,
            "source": self.source,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "signed_at": self.signed_at,
            "leaves": self.leaves,
            "leaves_by_hash_only": self.leaves_by_hash_only,
            "tiles": self.tiles,
            "checkpoints": self.checkpoints,
            "containers": self.containers,
            "events": dict(sorted(self.events.items())),
            "discrepancies": [one.as_json() for one in sorted(self.discrepancies, key=lambda one: one.index)],
            "left_out": self.left_out,
        }


def verify_log(
    source: Source, public: LogPublic, advance: Callable[[int, int | None], None] = lambda _done, _total: None
) -> Report:
    """Check a whole log.

    Args:
        source: where it is stored.
        public: the log's keys, which the auditor has from elsewhere than the source.
        advance: told now and then how many leaves are done, and of how many.

    Raises:
        Rejected: CHECKPOINT_INVALID when there is no readable checkpoint to measure against.
        Unavailable: the source cannot be read.
    """
    origin, size, root = _newest_readable(source)
    report = Report(source.where, origin, size, root.hex())
    _Walk(source, public, report, advance).run()
    _check_containers(source, report)
    return report


def _newest_readable(source: Source) -> tuple[str, int, bytes]:
    """What to measure against; a newer checkpoint that cannot be read is reported during the walk."""
    try:
        return read_checkpoint(source.head())
    except Rejected:
        newest = None
        for text in source.checkpoints():
            with suppress(Rejected):
                newest = read_checkpoint(text)
        if newest is None:
            raise
        return newest


class _Walk:
    """One pass over leaves, tiles and checkpoints in step."""

    def __init__(
        self, source: Source, public: LogPublic, report: Report, advance: Callable[[int, int | None], None]
    ) -> None:
        self.source, self.public, self.report, self.advance = source, public, report, advance
        self.tree = CompactRange()
        self.agreed = 0  # the leaves up to this size had the root that was signed for it
        self.diverged = False
        self.last_at: datetime | None = None
        self.tiles: dict[int, bytes | None] = {}
        self.checkpoints = self._signed()
        self.next_checkpoint = next(self.checkpoints, None)

    def run(self) -> None:
        """Walk to the head; afterwards the report is complete but for the containers."""
        self._compare_root()
        for leaf in self.source.leaves():
            if leaf.index >= self.report.size:
                self.report.add("LEAF_UNSIGNED", leaf.index)
                continue
            if leaf.data is None and leaf.hash is None:
                continue
            if leaf.index - self.tree.size > GAP_MAX:
                break
            while self.tree.size < leaf.index:
                self.report.add("LEAF_MISSING", self.tree.size)
                self._append(bytes(HASH_BYTES))
            self._append(self._hash(leaf))
        missing = self.report.size - self.tree.size
        if missing:
            last = self.report.size - 1
            self.report.add("LEAF_MISSING", self.tree.size, last if missing > 1 else None)
        for _ in self.checkpoints:  # the signatures of those the walk did not reach
            pass
        self.advance(self.tree.size, self.report.size)

    def _hash(self, leaf: StoredLeaf) -> bytes:
        """The leaf's hash: recomputed, or as stored where that differs, so that the root tells which was signed."""
        if leaf.data is None:
            self.report.leaves_by_hash_only += 1
            return leaf.hash or bytes(HASH_BYTES)
        self.report.leaves += 1
        computed = leaf_hash(leaf.data)
        if leaf.hash is not None and leaf.hash != computed:
            self.report.add("LEAF_CHANGED", leaf.index)
            return leaf.hash if len(leaf.hash) == HASH_BYTES else computed
        self._read(leaf.index, leaf.data)
        return computed

    def _read(self, index: int, data: bytes) -> None:
        try:
            leaf = parse_leaf(data)
        except Rejected:
            self.report.add("LEAF_MALFORMED", index)
            return
        self.report.events[leaf.event] += 1
        if self.last_at is not None and leaf.at < self.last_at:
            self.report.add("TIME_FELL", index)
        if leaf.prev is not None and leaf.prev >= index:
            self.report.add("REFERENCE_INVALID", index)
        self.last_at = leaf.at

    def _append(self, hash_: bytes) -> None:
        self.tree.append(hash_, self._compare_tile)
        if self.tree.size % _ADVANCE_EVERY == 0:
            self.advance(self.tree.size, self.report.size)
        self._compare_root()

    def _compare_tile(self, level: int, index: int, hash_: bytes) -> None:
        tile_level, inside = divmod(level, _TILE_LEVELS)
        if inside:
            return
        number, offset = divmod(index, TILE_WIDTH)
        first_leaf = index << level
        if offset == 0:
            width = min(TILE_WIDTH, (self.report.size >> level) - number * TILE_WIDTH)
            self.tiles[tile_level] = tile = self.source.tile(tile_level, number, width)
            self.report.tiles += tile is not None
            if tile is None and width == TILE_WIDTH:
                self.report.add("TILE_MISSING", first_leaf)
        tile = self.tiles[tile_level]
        if tile is not None and tile[offset * HASH_BYTES : (offset + 1) * HASH_BYTES] != hash_:
            self.report.add("TILE_CHANGED", first_leaf, first_leaf + (1 << level) - 1 if level else None)

    def _compare_root(self) -> None:
        while self.next_checkpoint is not None and self.next_checkpoint[0] <= self.tree.size:
            size, root = self.next_checkpoint
            if size == self.tree.size and not self.diverged:
                if root == self.tree.root():
                    self.agreed = size
                else:
                    self.diverged = True  # every later root differs too and would say nothing new
                    span = size - 1 if size - 1 > self.agreed else None
                    self.report.add("ROOT_MISMATCH", self.agreed, span)
            self.next_checkpoint = next(self.checkpoints, None)

    def _signed(self) -> Iterator[tuple[int, bytes]]:
        """Size and root of each checkpoint, its signatures checked on the way."""
        for text in self.source.checkpoints():
            self.report.checkpoints += 1
            try:
                _, size, root = read_checkpoint(text)
            except Rejected:
                self.report.add("CHECKPOINT_INVALID", self.tree.size)
                continue
            try:
                verified = self.public.verify(text)
            except Rejected:
                self.report.add("CHECKPOINT_INVALID", max(size - 1, 0))
            else:
                if size == self.report.size:
                    self.report.signed_at = verified.at
            yield size, root


def _check_containers(source: Source, report: Report) -> None:
    for index, raw in source.containers():
        report.containers += 1
        leaf = _acceptance(source.leaf(index))
        if leaf is None:
            if not any(one.index == index for one in report.discrepancies):
                report.add("CONTAINER_UNKNOWN", index)
            continue
        try:
            container = parse_container(raw)
        except Rejected:
            report.add("CONTAINER_CHANGED", index)
            continue
        block = hashlib.sha256(container.signatures.block).hexdigest()
        if container.digest.hex() != leaf.digest or block != leaf.sig:
            report.add("CONTAINER_CHANGED", index)


def _acceptance(stored: StoredLeaf | None) -> Leaf | None:
    if stored is None or stored.data is None:
        return None
    try:
        leaf = parse_leaf(stored.data)
    except Rejected:
        return None
    return leaf if leaf.event == "SubmissionAcceptance" else None
