"""Hash tiles as the database has them: full ones as stored, the partial ones at the right edge made on request."""

from hub.store.engine import Connection
from keys.proofs.merkle import HASH_BYTES, node_hash
from keys.proofs.tiles import TILE_WIDTH


def stored_tile(connection: Connection, level: int, number: int) -> bytes:
    """The hashes of a tile, as many as there are by now (0 to 256), back to back."""
    row = connection.execute("SELECT bytes FROM tile WHERE level = ? AND idx = ?", (level, number)).fetchone()
    if row is not None:
        return bytes(row[0])
    first = number * TILE_WIDTH
    if level == 0:
        rows = connection.execute(
            "SELECT hash FROM leaf WHERE idx >= ? AND idx < ? ORDER BY idx", (first, first + TILE_WIDTH)
        )
        return b"".join(hash_ for (hash_,) in rows)
    below = connection.execute(
        "SELECT bytes FROM tile WHERE level = ? AND idx >= ? AND idx < ? ORDER BY idx",
        (level - 1, first, first + TILE_WIDTH),
    )
    return b"".join(tile_root(bytes(tile)) for (tile,) in below)


def tile_root(tile: bytes) -> bytes:
    """The root over a full tile's 256 hashes: one hash of the tile above."""
    row = [tile[at : at + HASH_BYTES] for at in range(0, len(tile), HASH_BYTES)]
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]
