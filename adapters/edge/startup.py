"""What a start mends: files that a crash left without a row, and messages whose channel is gone."""

from adapters.edge import handover
from adapters.edge.attachments import sweep
from adapters.edge.wiring import Edge
from service.logs import log
from service.sqlite import guarded


def mend(edge: Edge) -> None:
    """Called once, before any task runs. Raises Unavailable."""
    with guarded():
        execute = edge.connection.execute
        spooled = {
            sha256
            for (sha256,) in execute(
                "SELECT p.sha256 FROM sent_part p JOIN outbox o ON o.seq = p.seq WHERE o.state = 'sealed'"
            )
        }
        kept = {sha256 for (sha256,) in execute("SELECT DISTINCT sha256 FROM inbox_file")}
        plans = execute(
            "SELECT value FROM outbox, json_each(outbox.plan, '$.attachments') WHERE state IN ('waiting', 'sealed')"
        )
        kept |= {sha256 for (sha256,) in plans}
    gone = sweep(edge.settings.spool, spooled) + sweep(edge.settings.attachments, kept)
    if gone:
        log.info("edge.swept", count=gone)
    handover.adopt(edge)
