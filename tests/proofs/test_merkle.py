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
