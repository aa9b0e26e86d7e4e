"""What goes when its time has come: containers in transit, their parts, and what answers repeats.

The log is not touched: leaves, side records, statements and checkpoints stay. A container goes some days after the
last recipient handed it over, and at the latest some days after the message expired; its parts go with the last
message that names them. Works in small transactions, so that no message waits long. A crash in between leaves the
rest for next time.
"""

from datetime import datetime, timedelta

from hub.nonces import FORGET
from hub.parts import Parts
from hub.store.engine import Connection, transaction
from service.failpoints import reach

ROWS_AT_ONCE = 500


def purge(connection: Connection, parts: Parts, now: datetime, *, unnamed_part_hours: int) -> dict[str, int]:
    """One round; returns how many of each kind went. Call again while one of them is `ROWS_AT_ONCE`."""
    seconds = int(now.timestamp())
    with transaction(connection):
        due = connection.execute(
            "SELECT purge_at, idx FROM retention WHERE purge_at <= ? ORDER BY purge_at LIMIT ?",
            (seconds, ROWS_AT_ONCE),
        ).fetchall()
        gone = [(idx,) for _, idx in due]
        connection.executemany("UPDATE message SET container = NULL WHERE idx = ?", gone)
        connection.executemany("DELETE FROM part_use WHERE idx = ?", gone)
        connection.executemany("DELETE FROM retention WHERE purge_at = ? AND idx = ?", due)
        reach("hub.purge.before_commit")
    with transaction(connection):
        connection.execute(FORGET, (seconds, ROWS_AT_ONCE))
        forgotten = connection.execute(
            "DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE until <= ? LIMIT ?)",
            (seconds, ROWS_AT_ONCE),
        ).rowcount
    hours = timedelta(hours=unnamed_part_hours)
    swept = parts.sweep(unnamed_before=int((now - hours).timestamp()), limit=ROWS_AT_ONCE)
    parts.sweep_strays(before=(now - hours).timestamp())
    return {"containers": len(gone), "repeats": forgotten, "parts": swept}
