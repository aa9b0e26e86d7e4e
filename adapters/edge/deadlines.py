"""What did not come in time: a recipient's word about our message, a message accepted for us.

The hub cannot forge a recipient's signature, so its silence shows (settled.md, Withholding). One that comes late all
the same is taken; the alarm stays until an operator has seen it.
"""

import asyncio

from adapters.edge import duties
from adapters.edge.receiver import CURSOR
from adapters.edge.tables import read_meta
from adapters.edge.wiring import Edge
from schemas.errors import Rejected, Unavailable
from service.logs import log
from service.sqlite import transaction


async def run(edge: Edge) -> None:
    """Look now and then until cancelled."""
    while True:
        try:
            look(edge)
        except Unavailable as error:
            log.warning("deadlines.waits", code=error.code)
        await asyncio.sleep(edge.settings.alarm_look_seconds)


def look(edge: Edge) -> None:
    """Sound what is due. Raises Unavailable."""
    now = edge.seconds()
    with transaction(edge.connection):
        _withheld(edge, now)
        _undelivered(edge, now)
        for one in duties.owed(edge.connection, edge.now()):
            if one.overdue:
                edge.alarms.sound("CORRECTION_OWED", one.reply)


async def watch_checkpoint(edge: Edge) -> None:
    """Ask for the log's newest state now and then until cancelled: a rollback shows there first."""
    while True:
        await asyncio.sleep(edge.settings.checkpoint_seconds)
        try:
            await look_at_checkpoint(edge)
        except (Unavailable, Rejected) as error:
            log.warning("checkpoint.waits", code=error.code)


async def look_at_checkpoint(edge: Edge) -> None:
    """The newest state continues the one kept.

    Raises:
        Rejected: LOG_INCONSISTENT, CHECKPOINT_INVALID.
        Unavailable: it could not be had.
    """
    public = edge.directories.current.hub.log
    kept = edge.monitor.kept
    raw = await edge.hub.checkpoint(public.origin.rpartition("/")[2])
    await edge.monitor.check_newest(public.verify(raw), kept)


async def refresh_directory(edge: Edge) -> None:
    """Keep the directory fresh until cancelled."""
    attempts = 0
    while True:
        try:
            await edge.directories.refresh()
            attempts = 0
            seconds = edge.settings.directory_refresh_seconds
        except (Unavailable, Rejected) as error:
            log.warning("directory.waits", code=error.code)
            seconds = edge.retry_at(attempts) - edge.seconds()
            attempts += 1
        await asyncio.sleep(seconds)


def _withheld(edge: Edge, now: float) -> None:
    rows = edge.connection.execute(
        "SELECT a.seq, a.partner, o.digest, o.receipt FROM awaited a JOIN outbox o ON o.seq = a.seq "
        "WHERE a.state IN ('pending', 'consigned') AND a.deadline IS NOT NULL AND a.deadline <= ? LIMIT 1000",
        (now,),
    ).fetchall()
    for seq, partner, digest, receipt in rows:
        edge.alarms.sound("WITHHELD", f"{digest.hex()}/{partner}", receipt)
        edge.connection.execute("UPDATE awaited SET deadline = NULL WHERE seq = ? AND partner = ?", (seq, partner))


def _undelivered(edge: Edge, now: float) -> None:
    """Messages whose leaf was seen: those here are done with; passed over by the cursor, or late, is an alarm."""
    edge.connection.execute(
        "DELETE FROM expected WHERE EXISTS "
        "(SELECT 1 FROM inbox i WHERE i.idx = expected.idx AND i.digest = expected.digest)"
    )
    cursor = read_meta(edge.connection, CURSOR)
    passed = -1 if cursor is None else int(cursor.decode().partition("/")[2])
    late = now - edge.settings.delivery_deadline_seconds
    rows = edge.connection.execute(
        "SELECT idx, digest FROM expected WHERE idx <= ? OR seen_at <= ?", (passed, late)
    ).fetchall()
    for idx, digest in rows:
        edge.alarms.sound("NOT_DELIVERED", str(idx), digest)
        edge.connection.execute("DELETE FROM expected WHERE idx = ?", (idx,))
