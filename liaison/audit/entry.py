"""One entry of a log, with the proof that it stands there.

The inclusion proof is made from what the source stores and then verified against the signed checkpoint with the same
code an edge uses, so a wrong source gives no proof, never a wrong one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from keys.proofs.checkpoint import Checkpoint, LogPublic
from keys.proofs.leaf import Leaf, parse_leaf
from keys.proofs.merkle import HASH_BYTES, inclusion_path, leaf_hash, node_hash, verify_inclusion
from liaison.audit.sources import TILE_WIDTH, Source
from schemas.errors import Rejected

_TILE_LEVELS = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that was proved. `path` is the inclusion proof, leaf's sibling first, 32 bytes each."""

    index: int
    leaf: Leaf
    leaf_bytes: bytes
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    def as_json(self) -> dict[str, object]:
        """The object that `liaison audit show` prints."""
        return {
            "verified": True,
            "index": self.index,
            "leaf": leaf_json(self.leaf),
            "hash": leaf_hash(self.leaf_bytes),
            "proof": list(self.path),
            "origin": self.checkpoint.origin,
            "size": self.checkpoint.size,
            "root": self.checkpoint.root,
            "signed_at": self.checkpoint.at,
        }


def prove_entry(source: Source, index: int, public: LogPublic) -> Entry:
    """Read and prove one entry.

    Raises:
        Rejected: CHECKPOINT_INVALID, NOT_FOUND (no such index, or the source does not publish leaves), PROOF_INVALID.
        Unavailable: the source cannot be read.
    """
    checkpoint = public.verify(source.head())
    if not 0 <= index < checkpoint.size:
        raise Rejected("NOT_FOUND")
    stored = source.leaf(index)
    if stored is None or stored.data is None:
        raise Rejected("NOT_FOUND")
    nodes = _Nodes(source, checkpoint.size)
    path = tuple(inclusion_path(index, checkpoint.size, nodes.at))
    verify_inclusion(leaf_hash(stored.data), index, checkpoint.size, path, checkpoint.root)
    return Entry(index, parse_leaf(stored.data), stored.data, path, checkpoint)


def leaf_json(leaf: Leaf) -> dict[str, object]:
    """A leaf's members as they stand in it; absent ones are left out."""
    members = {field.name: getattr(leaf, field.name) for field in fields(leaf)}
    return {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in members.items()
        if value not in (None, (), {})
    }


class _Nodes:
    """Hashes of complete subtrees: from tiles where there are any, else from the leaves below."""

    def __init__(self, source: Source, size: int) -> None:
        self._source, self._size = source, size
        self._tiles: dict[tuple[int, int], bytes | None] = {}

    def at(self, level: int, index: int) -> bytes:
        """The root of leaves `index * 2**level` up to `(index + 1) * 2**level`; PROOF_INVALID if one is missing."""
        if level % _TILE_LEVELS == 0 and (found := self._from_tile(level, index)) is not None:
            return found
        if level:
            return node_hash(self.at(level - 1, 2 * index), self.at(level - 1, 2 * index + 1))
        stored = self._source.leaf(index)
        if stored is None or (stored.data is None and stored.hash is None):
            raise Rejected("PROOF_INVALID")
        return leaf_hash(stored.data) if stored.data is not None else stored.hash or b""

    def _from_tile(self, level: int, index: int) -> bytes | None:
        number, offset = divmod(index, TILE_WIDTH)
        key = (level // _TILE_LEVELS, number)
        if key not in self._tiles:
            width = min(TILE_WIDTH, (self._size >> level) - number * TILE_WIDTH)
            self._tiles[key] = self._source.tile(*key, width)
        found = (self._tiles[key] or b"")[offset * HASH_BYTES : (offset + 1) * HASH_BYTES]
        return found if len(found) == HASH_BYTES else None
