from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.proofs import merkle
from keys.proofs.tiles import (
    Tile,
    TileNodes,
    bundles_of,
    check_width,
    encode_bundle,
    encode_tile,
    parse_bundle,
    parse_path,
    tiles_of,
)
from schemas.errors import Rejected


def nodes_of(count: int) -> tuple[merkle.CompactRange, dict[tuple[int, int], bytes]]:
    nodes: dict[tuple[int, int], bytes] = {}
    compact = merkle.CompactRange()
    for number in range(count):
        leaf = merkle.leaf_hash(b"%d" % number)
        compact.append(leaf, lambda level, i, hash_: nodes.__setitem__((level, i), hash_))
    return compact, nodes


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1234067), "tile/0/x001/x234/067"),  # the specification's own example
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999), "tile/1/999"),
        (Tile(2, 1000, 3), "tile/2/x001/000.p/3"),
        (Tile(None, 5, 255), "tile/entries/005.p/255"),
        (Tile(63, 0, 1), "tile/63/000.p/1"),
    ],
)
def test_a_path_is_the_specifications(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_path(path) == tile


@given(st.one_of(st.none(), st.integers(0, 63)), st.integers(0, 10**17), st.integers(1, 256))
def test_a_path_comes_back(level: int | None, number: int, width: int) -> None:
    tile = Tile(level, number, width)
    assert parse_path(tile.path) == tile


@pytest.mark.parametrize(
    "path",
    ["", "tile/0", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/0/00", "tile/0/0000", "tile/0/x000/000",
     "tile/0/x001/067/", "tile/0/067.p/0", "tile/0/067.p/256", "tile/0/067.p/257", "tile/0/067.p/01", "tile/0/067.p/",
     "tile/0/x001/x234/067.p/1/..", "tile/0/../../x", "tile/entries/1", "tile/data/001", "tile/0/٠٠٠",
     "tile/0/" + "x001/" * 40 + "000"],
)  # fmt: skip
def test_another_spelling_is_no_path(path: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_path(path)
    assert refusal.value.code == "NOT_FOUND"


def test_the_specifications_sizes() -> None:
    found = Counter((tile.level, tile.width) for tile in tiles_of(70_000))
    assert found == {(0, 256): 273, (0, 112): 1, (1, 256): 1, (1, 17): 1, (2, 1): 1}
    assert list(tiles_of(256)) == [Tile(0, 0), Tile(1, 0, 1)]
    assert list(tiles_of(0)) == []
    assert [tile.width for tile in bundles_of(700)] == [256, 256, 188]
    assert list(bundles_of(512)) == [Tile(None, 0), Tile(None, 1)]
    assert [Tile(1, 2).start, Tile(None, 3).start, Tile(0, 3).start] == [2 * 256 * 256, 3 * 256, 3 * 256]


def test_a_tile_exists_once_its_leaves_do() -> None:
    for size in (1, 255, 256, 700, 70_000):
        for tile in (*tiles_of(size), *bundles_of(size)):
            check_width(tile, size)
    for tile, size in ((Tile(0, 0), 255), (Tile(0, 1, 1), 256), (Tile(1, 0, 3), 767), (Tile(None, 2, 200), 700)):
        with pytest.raises(Rejected):
            check_width(tile, size)


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 700, 66_000])
def test_proofs_from_tiles_are_those_of_the_tree(size: int) -> None:
    compact, nodes = nodes_of(size)
    stored = {(tile.level, tile.number): encode_tile(tile, lambda level, i: nodes[level, i]) for tile in tiles_of(size)}
    node = TileNodes(lambda level, number: stored.get((level, number), b""), tiles_max=4)
    for index in {0, size // 3, size // 2, size - 1}:
        path = merkle.inclusion_path(index, size, node)
        assert path == merkle.inclusion_path(index, size, lambda level, i: nodes[level, i])
        merkle.verify_inclusion(nodes[0, index], index, size, path, compact.root())
    for old in {1, size // 2, size}:
        assert merkle.consistency_path(old, size, node) == merkle.consistency_path(
            old, size, lambda level, i: nodes[level, i]
        )


def test_a_tile_that_grew_is_read_again() -> None:
    _, nodes = nodes_of(10)
    stored = encode_tile(Tile(0, 0, 4), lambda level, i: nodes[level, i])
    node = TileNodes(lambda _level, _number: stored)
    assert node(1, 1) == nodes[1, 1]
    with pytest.raises(Rejected) as refusal:
        node(0, 9)
    assert refusal.value.code == "PROOF_INVALID"
    stored = encode_tile(Tile(0, 0, 10), lambda level, i: nodes[level, i])
    assert node(0, 9) == nodes[0, 9]


@pytest.mark.parametrize("data", [b"x", b"x" * 33, b"x" * 32 * 257])
def test_a_malformed_tile_is_no_proof(data: bytes) -> None:
    with pytest.raises(Rejected):
        TileNodes(lambda _level, _number: data)(0, 0)


@given(st.lists(st.binary(max_size=300), max_size=256))
def test_a_bundle_comes_back_and_nothing_else_is_one(entries: list[bytes]) -> None:
    data = encode_bundle(entries)
    assert parse_bundle(data, len(entries)) == entries
    for changed, width in ((data + b"\0", len(entries)), (data, len(entries) + 1), (data[:-1] or b"\0", len(entries))):
        with pytest.raises(Rejected):
            parse_bundle(changed, width)


def test_a_bundle_has_limits() -> None:
    for entries in ([b""] * 257, [b"x" * 65_536]):
        with pytest.raises(ValueError, match="256 entries"):
            encode_bundle(entries)
    with pytest.raises(ValueError, match="no hashes"):
        encode_tile(Tile(None, 0), lambda _level, _i: b"")
