from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from keys.proofs import merkle
from schemas.errors import Rejected


def naive_root(leaves: Sequence[bytes]) -> bytes:
    if not leaves:
        return merkle.EMPTY_ROOT
    if len(leaves) == 1:
        return merkle.leaf_hash(leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(naive_root(leaves[:split]), naive_root(leaves[split:]))


def node_of(leaves: Sequence[bytes]) -> merkle.Node:
    return lambda level, i: naive_root(leaves[i << level : (i + 1) << level])


def numbered(count: int) -> list[bytes]:
    return [b"leaf %d" % i for i in range(count)]


@given(st.integers(0, 200))
def test_the_root_agrees_with_the_definition_and_with_an_independent_tree(count: int) -> None:
    leaves = numbered(count)
    compact = merkle.CompactRange()
    other = InmemoryTree(algorithm="sha256")
    for leaf in leaves:
        compact.append(merkle.leaf_hash(leaf))
        other.append_entry(leaf)
    assert compact.root() == naive_root(leaves)
    if count:
        assert compact.root() == other.get_root(count)
    assert merkle.CompactRange.restore(compact.size, compact.serialise()).root() == compact.root()


@given(st.integers(1, 120), st.data())
def test_inclusion_holds_for_the_right_leaf_and_for_no_other(count: int, data: st.DataObject) -> None:
    leaves = numbered(count)
    index = data.draw(st.integers(0, count - 1))
    root = naive_root(leaves)
    path = merkle.inclusion_path(index, count, node_of(leaves))
    merkle.verify_inclusion(merkle.leaf_hash(leaves[index]), index, count, path, root)
    for wrong in ((index + 1, count), (index, count + 1), (-1, count)):
        if merkle.leaf_hash(leaves[index]) == root and wrong == (index, count):
            continue
        with pytest.raises(Rejected):
            merkle.verify_inclusion(merkle.leaf_hash(leaves[index]), *wrong, path, naive_root([*leaves, b"x"]))
    with pytest.raises(Rejected):
        merkle.verify_inclusion(merkle.leaf_hash(b"other"), index, count, path, root)
    with pytest.raises(Rejected):
        merkle.verify_inclusion(merkle.leaf_hash(leaves[index]), index, count, [*path, bytes(32)], root)
    if path:
        with pytest.raises(Rejected):
            merkle.verify_inclusion(merkle.leaf_hash(leaves[index]), index, count, path[:-1], root)


@given(st.integers(0, 100), st.data())
def test_consistency_holds_for_a_prefix_and_for_nothing_else(new: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(0, new))
    leaves = numbered(new)
    path = merkle.consistency_path(old, new, node_of(leaves))
    merkle.verify_consistency(old, naive_root(leaves[:old]), new, naive_root(leaves), path)
    forked = [b"forged", *leaves[1:]]
    if old:
        with pytest.raises(Rejected) as refusal:
            merkle.verify_consistency(old, naive_root(forked[:old]), new, naive_root(leaves), path)
        assert refusal.value.code == "LOG_INCONSISTENT"
        with pytest.raises(Rejected):
            merkle.verify_consistency(old, naive_root(leaves[:old]), new, naive_root(forked), path)
    with pytest.raises(Rejected):
        merkle.verify_consistency(old, naive_root(leaves[:old]), new, naive_root(leaves), [*path, bytes(32)])
    with pytest.raises(Rejected):
        merkle.verify_consistency(new + 1, naive_root(leaves), new, naive_root(leaves), path)


def test_appending_tells_each_completed_subtree_once() -> None:
    told: dict[tuple[int, int], bytes] = {}
    compact = merkle.CompactRange()
    leaves = numbered(21)
    for leaf in leaves:
        compact.append(merkle.leaf_hash(leaf), lambda level, i, hash_: told.__setitem__((level, i), hash_))
    assert set(told) == {(level, i) for level in range(5) for i in range(21 >> level)}
    assert all(hash_ == node_of(leaves)(level, i) for (level, i), hash_ in told.items())


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 2)])
def test_no_path_for_a_leaf_that_is_not_there(index: int, size: int) -> None:
    with pytest.raises(ValueError, match="no such leaf"):
        merkle.inclusion_path(index, size, node_of(numbered(size)))


@pytest.mark.parametrize(("old", "new"), [(2, 1), (-1, 1)])
def test_no_path_between_sizes_that_are_not_there(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no such sizes"):
        merkle.consistency_path(old, new, node_of(numbered(3)))


def test_a_compact_range_has_the_hashes_of_its_size() -> None:
    compact = merkle.CompactRange()
    for leaf in numbered(5):
        compact.append(merkle.leaf_hash(leaf))
    other = compact.copy()
    other.append(merkle.leaf_hash(b"more"))
    assert (compact.size, compact.root()) == (5, naive_root(numbered(5)))
    for size, hashes in ((5, [bytes(32)]), (0, [bytes(32)]), (3, [])):
        with pytest.raises(ValueError, match="fit"):
            merkle.CompactRange(size, hashes)
    with pytest.raises(ValueError, match="fit"):
        merkle.CompactRange.restore(5, compact.serialise()[:-1] + b"x" * 33)


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [(4, 7, 0), (3, 7, 0), (3, 7, 1), (6, 7, 2), (4, 8, 0), (1, 2, 0)],
)
def test_a_consistency_proof_that_is_cut_short(old: int, new: int, kept: int) -> None:
    leaves = numbered(new)
    path = merkle.consistency_path(old, new, node_of(leaves))
    with pytest.raises(Rejected) as refusal:
        merkle.verify_consistency(old, naive_root(leaves[:old]), new, naive_root(leaves), path[:kept])
    assert refusal.value.code == "LOG_INCONSISTENT"


@pytest.mark.parametrize(
    ("old", "old_root", "new", "new_root", "path"),
    [
        (0, b"x" * 32, 3, naive_root(numbered(3)), []),
        (0, merkle.EMPTY_ROOT, 3, naive_root(numbered(3)), [bytes(32)]),
        (3, naive_root(numbered(3)), 3, b"x" * 32, []),
        (3, naive_root(numbered(3)), 3, naive_root(numbered(3)), [bytes(32)]),
        (-1, merkle.EMPTY_ROOT, 3, naive_root(numbered(3)), []),
        (4, naive_root(numbered(4)), 3, naive_root(numbered(3)), []),
        (2, naive_root(numbered(2)), 3, naive_root(numbered(3)), [bytes(32)]),
        (1, naive_root(numbered(1)), 3, naive_root(numbered(3)), [merkle.leaf_hash(b"leaf 1")]),
    ],
)
def test_states_that_contradict_each_other(
    old: int, old_root: bytes, new: int, new_root: bytes, path: list[bytes]
) -> None:
    with pytest.raises(Rejected) as refusal:
        merkle.verify_consistency(old, old_root, new, new_root, path)
    assert refusal.value.code == "LOG_INCONSISTENT"


@given(st.integers(1, 60), st.data())
def test_an_independent_tree_makes_the_same_proofs(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    other = InmemoryTree(algorithm="sha256")
    for leaf in numbered(count):
        other.append_entry(leaf)
    theirs = other.prove_inclusion(index + 1, count).serialize()["path"]
    ours = merkle.inclusion_path(index, count, node_of(numbered(count)))
    assert [bytes.fromhex(hash_) for hash_ in theirs[1:]] == ours  # theirs begins with the leaf's own hash
