"""The tree as it grows by a batch: leaves in, new root, full tiles and inclusion proofs out. Pure.

`TreeState` is what the last commit left and is never changed; a batch grows a copy, which becomes the state once the
batch is durable and is dropped when it is not.
"""

from collections.abc import Sequence

from keys.proofs.merkle import CompactRange, leaf_hash, node_hash
from keys.proofs.tiles import TILE_HEIGHT, TILE_WIDTH


class TreeState:
    """A tree of `size` leaves: its complete subtrees, and per tile level the hashes not yet in a full tile."""

    __slots__ = ("edges", "range")

    def __init__(self, range_: CompactRange, edges: Sequence[Sequence[bytes]]) -> None:
        self.range = range_
        self.edges = tuple(tuple(edge) for edge in edges)

    @property
    def size(self) -> int:
        """How many leaves."""
        return self.range.size


class Growth:
    """A tree state with leaves added. `tiles` are the (level, number, bytes) that became full."""

    def __init__(self, state: TreeState) -> None:
        self._range = state.range.copy()
        self._edges = [list(edge) for edge in state.edges]
        self._nodes: dict[tuple[int, int], bytes] = {}
        self._right: list[bytes] = []
        self.tiles: list[tuple[int, int, bytes]] = []
        begin = 0
        levels = (level for level in range(state.size.bit_length() - 1, -1, -1) if state.size >> level & 1)
        for level, hash_ in zip(levels, state.range.hashes, strict=True):
            self._nodes[level, begin >> level] = hash_
            begin += 1 << level

    @property
    def size(self) -> int:
        """How many leaves by now."""
        return self._range.size

    def append(self, leaf: bytes) -> bytes:
        """The leaf is the tree's last; returns its hash."""
        hash_ = leaf_hash(leaf)
        self.append_hash(hash_)
        return hash_

    def append_hash(self, hash_: bytes) -> None:
        """As `append`, of a leaf that is known by its hash."""
        self._range.append(hash_, self._completed)

    def finish(self) -> tuple[bytes, TreeState]:
        """The root, and the state to go on from. No leaf may be added afterwards."""
        last = self.size - 1
        edge = self._nodes[0, last] if last >= 0 else b""
        level = 0
        self._right = [edge]
        while last:
            if last & 1:
                edge = node_hash(self._nodes[level, last - 1], edge)
            last >>= 1
            level += 1
            self._right.append(edge)
        return self._range.root(), TreeState(self._range, self._edges)

    def path(self, index: int) -> list[bytes]:
        """The inclusion proof of a leaf added by this growth, at its final size (RFC 6962 2.1.1). After `finish`."""
        path = []
        last, level = self.size - 1, 0
        while last:
            if index & 1:
                path.append(self._nodes[level, index - 1])
            elif index + 1 < last:
                path.append(self._nodes[level, index + 1])
            elif index < last:
                path.append(self._right[level])
            index >>= 1
            last >>= 1
            level += 1
        return path

    def _completed(self, level: int, index: int, hash_: bytes) -> None:
        self._nodes[level, index] = hash_
        if level % TILE_HEIGHT:
            return
        tile_level = level // TILE_HEIGHT
        while len(self._edges) <= tile_level:
            self._edges.append([])
        edge = self._edges[tile_level]
        edge.append(hash_)
        if len(edge) == TILE_WIDTH:
            self.tiles.append((tile_level, index // TILE_WIDTH, b"".join(edge)))
            edge.clear()
