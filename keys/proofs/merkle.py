"""The RFC 6962 Merkle tree (section 2.1): hashes, roots and the two kinds of proof. Pure.

`node(level, i)` names the hash of the complete subtree over the leaves `i * 2**level` up to `(i + 1) * 2**level`; a log
of any size is served by whoever can answer that.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence

from schemas.errors import Rejected

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
Node = Callable[[int, int], bytes]


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\1" + left + right).digest()


class CompactRange:
    """The roots of the complete subtrees that make up a tree: all that appending needs, at most 63 hashes."""

    __slots__ = ("hashes", "size")

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        self.size = size
        self.hashes = list(hashes)
        if len(self.hashes) != size.bit_count():
            raise ValueError("hashes do not fit the size")

    def append(self, hash_: bytes, completed: Callable[[int, int, bytes], None] | None = None) -> None:
        """Add one leaf; `completed(level, i, hash)` is told every subtree that it completes, leaf included."""
        level, index = 0, self.size
        while True:
            if completed is not None:
                completed(level, index, hash_)
            if not index & 1:
                break
            hash_ = node_hash(self.hashes.pop(), hash_)
            level, index = level + 1, index >> 1
        self.hashes.append(hash_)
        self.size += 1

    def root(self) -> bytes:
        """The tree's root hash."""
        if not self.hashes:
            return EMPTY_ROOT
        root = self.hashes[-1]
        for hash_ in reversed(self.hashes[:-1]):
            root = node_hash(hash_, root)
        return root

    def copy(self) -> "CompactRange":
        """An independent copy."""
        return CompactRange(self.size, self.hashes)

    def serialise(self) -> bytes:
        """The hashes back to back, largest subtree first."""
        return b"".join(self.hashes)

    @classmethod
    def restore(cls, size: int, data: bytes) -> "CompactRange":
        """What `serialise` wrote for a tree of `size`."""
        return cls(size, [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)])


def range_root(begin: int, end: int, node: Node) -> bytes:
    """MTH(D[begin:end]) for a range that a proof names: begin is a multiple of the range's enclosing power of two."""
    size = end - begin
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return node(level, begin >> level)
    split = 1 << (size - 1).bit_length() - 1
    return node_hash(range_root(begin, begin + split, node), range_root(begin + split, end, node))


def inclusion_path(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]) of section 2.1.1, leaf's sibling first."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        split = begin + (1 << (end - begin - 1).bit_length() - 1)
        if index < split:
            path.append(range_root(split, end, node))
            end = split
        else:
            path.append(range_root(begin, split, node))
            begin = split
    path.reverse()
    return path


def consistency_path(old: int, new: int, node: Node) -> list[bytes]:
    """PROOF(old, D[new]) of section 2.1.2; empty when old is 0 or new."""
    if not 0 <= old <= new:
        raise ValueError("no such sizes")
    path: list[bytes] = []
    if old in (0, new):
        return path
    begin, end, whole = 0, new, True
    while old != end:
        split = begin + (1 << (end - begin - 1).bit_length() - 1)
        if old <= split:
            path.append(range_root(split, end, node))
            end = split
        else:
            path.append(range_root(begin, split, node))
            begin, whole = split, False
    if not whole:
        path.append(range_root(begin, end, node))
    path.reverse()
    return path


def verify_inclusion(hash_: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """The leaf with this hash stands at `index` of the tree, or Rejected(PROOF_INVALID) (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        raise Rejected("PROOF_INVALID")
    position, last = index, size - 1
    for sibling in path:
        if last == 0:
            raise Rejected("PROOF_INVALID")
        if position & 1 or position == last:
            hash_ = node_hash(sibling, hash_)
            while not position & 1 and position != 0:
                position, last = position >> 1, last >> 1
        else:
            hash_ = node_hash(hash_, sibling)
        position, last = position >> 1, last >> 1
    if last != 0 or hash_ != root:
        raise Rejected("PROOF_INVALID")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> None:
    """The tree of `new` leaves begins with that of `old`, or Rejected(LOG_INCONSISTENT) (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        raise Rejected("LOG_INCONSISTENT")
    if old in (new, 0):
        if path or (old == new and old_root != new_root) or (old == 0 and old_root != EMPTY_ROOT):
            raise Rejected("LOG_INCONSISTENT")
        return
    proof = list(path) if old & (old - 1) else [old_root, *path]
    if not proof:
        raise Rejected("LOG_INCONSISTENT")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    first = second = proof[0]
    for hash_ in proof[1:]:
        if last == 0:
            raise Rejected("LOG_INCONSISTENT")
        if position & 1 or position == last:
            first, second = node_hash(hash_, first), node_hash(hash_, second)
            while not position & 1 and position != 0:
                position, last = position >> 1, last >> 1
        else:
            second = node_hash(second, hash_)
        position, last = position >> 1, last >> 1
    if last != 0 or first != old_root or second != new_root:
        raise Rejected("LOG_INCONSISTENT")
