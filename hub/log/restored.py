"""A log that goes on after a restore says so: its next leaf, before anything else is written.

What was signed after the backup is not in it. Partners and auditors who hold a newer state must be able to see why the
log that answers now does not continue it.
"""

from hub.log.batch import Answer, Batch, Draft
from hub.log.writer import LogWriter
from hub.store.engine import Connection, guarded

RESTORED = "restored"
"""Row of `meta`: SHA-256 of the manifest of the backup that this database was made of, until the log says so."""
GET_META = "SELECT value FROM meta WHERE name = ?"


def log_restored(writer: LogWriter, connection: Connection) -> None:
    """The log says that it goes on after a restore, before anything else is written. For a hub's start."""
    with guarded():
        row = connection.execute(GET_META, (RESTORED,)).fetchone()
    if row is not None:
        writer.commit_now(_restored)


def _restored(batch: Batch) -> Answer[None]:
    row = batch.connection.execute(GET_META, (RESTORED,)).fetchone()
    if row is not None:  # and not yet by another process that started at the same time
        batch.add(Draft("LogRestored", digest=bytes(row[0]).decode()))
        batch.write("DELETE FROM meta WHERE name = ?", (RESTORED,))
    return lambda _: None
