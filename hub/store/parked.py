"""How many messages are parked because their recipients refused them: what the cap over all partners counts.

What has expired does not count: it is parked for good whatever anybody does, and would fill the cap with the past.
"""

from hub.store.engine import Connection, guarded

_POISON = (
    "SELECT count(*) FROM (SELECT p.idx FROM push p JOIN message m ON m.idx = p.idx "
    "WHERE p.code IS NOT NULL AND p.code <> 'EXPIRED' AND m.expires_at > ? LIMIT ?) AS counted"
)


def count_poison(connection: Connection, seconds: int, limit: int) -> int:
    """Parked messages that were refused and have not expired, counted up to `limit`."""
    with guarded():
        count: int = connection.execute(_POISON, (seconds, limit)).fetchone()[0]
    return count
