"""The tree as files: C2SP tlog-tiles (paths, hash tiles, entry bundles). Pure.

A tile of level L holds up to 256 hashes, each of a complete subtree of `256**L` leaves; hashes between two levels are
computed from them. What the hub serves under `/audit/<year>/` and what an auditor reads from a folder or URL is exactly
this, so that any tool for such logs can follow ours.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from keys.proofs.merkle import HASH_BYTES, Node, node_hash
from schemas.errors import Rejected

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES
LEVEL_MAX = 63
ENTRY_BYTES_MAX = 65_535
_NUMBER_GROUPS_MAX = 6  # up to 10**18 tiles; a longer path is nobody's

_PATH = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<number>(x[0-9]{3}/)*[0-9]{3})(\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)

TileOf = Callable[[int, int], bytes]
"""The stored hashes of tile (level, number), as many as there are by now, back to back."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A resource of the log: hash tile `number` of `level`, or with level None the bundle of its entries.

    `width` is how many hashes or entries it has, 256 for a full one.
    """

    level: int | None
    number: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """Its path below the log's prefix."""
        level = "entries" if self.level is None else str(self.level)
        groups = f"{self.number % 1000:03d}"
        rest = self.number // 1000
        while rest:
            groups = f"x{rest % 1000:03d}/{groups}"
            rest //= 1000
        partial = "" if self.width == TILE_WIDTH else f".p/{self.width}"
        return f"tile/{level}/{groups}{partial}"

    @property
    def start(self) -> int:
        """Index of its first leaf."""
        return self.number * TILE_WIDTH << TILE_HEIGHT * (self.level or 0)


def parse_path(path: str) -> Tile:
    """The tile of a path below the log's prefix; one spelling only. Raises Rejected(NOT_FOUND)."""
    found = _PATH.fullmatch(path)
    if found is None or found["number"].count("/") >= _NUMBER_GROUPS_MAX:
        raise Rejected("NOT_FOUND")
    level = None if found["level"] == "entries" else int(found["level"])
    width = int(found["width"] or TILE_WIDTH)
    number = int(found["number"].replace("x", "").replace("/", ""))
    tile = Tile(level, number, width)
    if (level or 0) > LEVEL_MAX or width > TILE_WIDTH or tile.path != path:
        raise Rejected("NOT_FOUND")
    return tile


def check_width(tile: Tile, size: int) -> None:
    """The tile exists in a log of `size` leaves, or Rejected(NOT_FOUND). A partial one may since have grown."""
    hashes = size >> TILE_HEIGHT * (tile.level or 0)
    if tile.number * TILE_WIDTH + tile.width > hashes:
        raise Rejected("NOT_FOUND")


def tiles_of(size: int) -> Iterator[Tile]:
    """Every hash tile of a log of `size` leaves, the partial ones that its checkpoint demands included."""
    level, hashes = 0, size
    while hashes:
        full, partial = divmod(hashes, TILE_WIDTH)
        yield from (Tile(level, number) for number in range(full))
        if partial:
            yield Tile(level, full, partial)
        level, hashes = level + 1, full


def bundles_of(size: int) -> Iterator[Tile]:
    """Every entry bundle of a log of `size` leaves."""
    full, partial = divmod(size, TILE_WIDTH)
    yield from (Tile(None, number) for number in range(full))
    if partial:
        yield Tile(None, full, partial)


def encode_tile(tile: Tile, node: Node) -> bytes:
    """The content of a hash tile: `width` hashes of 32 bytes."""
    if tile.level is None:
        raise ValueError("an entry bundle has no hashes")
    level, first = TILE_HEIGHT * tile.level, tile.number * TILE_WIDTH
    return b"".join(node(level, first + at) for at in range(tile.width))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """The content of an entry bundle: each entry with its length before it, 2 bytes, big endian."""
    if len(entries) > TILE_WIDTH or any(len(entry) > ENTRY_BYTES_MAX for entry in entries):
        raise ValueError("an entry bundle holds 256 entries of 65,535 bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def parse_bundle(data: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle. Raises Rejected(PROOF_INVALID) when it holds more, fewer or half of one."""
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        length = int.from_bytes(data[at : at + 2], "big")
        entry = data[at + 2 : at + 2 + length]
        if len(data) - at < 2 or len(entry) != length:
            raise Rejected("PROOF_INVALID")
        entries.append(entry)
        at += 2 + length
    if at != len(data) or len(entries) != width:
        raise Rejected("PROOF_INVALID")
    return entries


class TileNodes:
    """`node(level, i)` over stored tiles: what proofs are built from. Remembers the last tiles it expanded.

    A full tile is immutable, so what is remembered stays true; a partial one is remembered only as far as it was read.
    """

    def __init__(self, tile_of: TileOf, tiles_max: int = 64) -> None:
        self._tile_of = tile_of
        self._tiles_max = tiles_max
        self._expanded: dict[tuple[int, int], list[list[bytes]]] = {}

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of complete subtree `index` of height `level`, or Rejected(PROOF_INVALID) when it is not stored."""
        tile_level, inside = divmod(level, TILE_HEIGHT)
        number, offset = divmod(index, TILE_WIDTH >> inside)
        rows = self._expanded.get((tile_level, number))
        if rows is None or offset >= len(rows[inside]):
            rows = self._expand(tile_level, number)
            if offset >= len(rows[inside]):
                raise Rejected("PROOF_INVALID")
        return rows[inside][offset]

    def _expand(self, level: int, number: int) -> list[list[bytes]]:
        data = self._tile_of(level, number)
        row = [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]
        if len(data) > TILE_BYTES or len(data) % HASH_BYTES:
            raise Rejected("PROOF_INVALID")
        rows = [row]
        for _ in range(TILE_HEIGHT - 1):
            row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
            rows.append(row)
        self._expanded.pop((level, number), None)
        if len(self._expanded) >= self._tiles_max:
            self._expanded.pop(next(iter(self._expanded)))
        self._expanded[level, number] = rows
        return rows
