"""What a start mends, and goes on tidying: files without a row that needs them, messages whose channel is gone.

An attachment in the clear stays until its message was sent, or handed over; sealed parts until the hub has them.
"""

import asyncio
import time

from adapters.edge import handover, retention
from adapters.edge.attachments import sweep
from adapters.edge.wiring import Edge
from schemas.errors import Unavailable
from service.logs import log
from service.sqlite import guarded


def mend(edge: Edge) -> None:
    """Called once, before any task runs. Raises Unavailable."""
    tidy(edge)
    handover.adopt(edge)


async def run(edge: Edge) -> None:
    """Tidy now and then until cancelled."""
    while True:
        await asyncio.sleep(edge.settings.tidy_seconds)
        try:
            tidy(edge)
            await purge(edge)
        except Unavailable as error:
            log.warning("tidy.waits", code=error.code)


async def purge(edge: Edge) -> None:
    """Cases that ended long ago are gone; others have their turn in between. Raises Unavailable."""
    gone = 0
    for count in retention.rounds(edge):
        gone += count
        await asyncio.sleep(0)
    if gone:
        log.info("edge.purged", count=gone)


def tidy(edge: Edge) -> None:
    """Files that nothing needs are gone, once they are older than `tidy_seconds`. Raises Unavailable."""
    with guarded():
        execute = edge.connection.execute
        spooled = execute("SELECT p.sha256 FROM sent_part p JOIN outbox o ON o.seq = p.seq WHERE o.state = 'sealed'")
        parts = {sha256 for (sha256,) in spooled}
        waiting = execute("SELECT f.sha256 FROM inbox_file f JOIN inbox i ON i.idx = f.idx WHERE i.state = 'ready'")
        files = {sha256 for (sha256,) in waiting}
        planned = execute(
            "SELECT value FROM outbox, json_each(outbox.plan, '$.attachments') "
            "WHERE state IN ('held', 'waiting', 'sealed')"
        )
        files |= {sha256 for (sha256,) in planned}
    before = time.time() - edge.settings.tidy_seconds  # as the file system tells it
    try:
        gone = sweep(edge.settings.spool, parts, before) + sweep(edge.settings.attachments, files, before)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    if gone:
        log.info("edge.swept", count=gone)
