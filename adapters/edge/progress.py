"""Tells channels what became of the submissions they brought: in order, at least once, after a crash again."""

from adapters.contract import Progress, Reporting
from adapters.edge.submission import HOLD
from adapters.edge.wiring import Edge
from schemas.errors import Fault, Rejected
from service.failpoints import reach
from service.logs import log
from service.sqlite import transaction

_TOLD, _TELLING = 1, 2
_ENDINGS = {"handed_over", "failed"}
_ON_ITS_WAY = {"waiting", "sealed"}


async def run(edge: Edge) -> None:
    """Tell until cancelled."""
    attempts, left = 0, True
    while True:
        try:
            if left:  # by a crash, or by the last try
                with transaction(edge.connection):
                    edge.connection.execute("UPDATE outbox SET told = 0 WHERE told = ?", (_TELLING,))
                left = False
            if await tell_some(edge):
                attempts = 0
                continue
        except Fault:
            raise
        except Exception as error:  # noqa: BLE001 - it is told again, whatever a channel does
            log.error("progress.waits", error)
            left = True
            await edge.bells.progress.heard(edge.retry_at(attempts) - edge.seconds())
            attempts += 1
            continue
        await edge.bells.progress.heard(edge.settings.look_seconds)


async def tell_some(edge: Edge) -> int:
    """Tell what is not yet told; returns how many submissions. Raises Unavailable: some of it is told again."""
    reporting = [name for name, channel in edge.channels.items() if isinstance(channel, Reporting)]
    with transaction(edge.connection):
        edge.connection.execute(  # of those nobody wants to be told about
            f"UPDATE outbox SET told = ? WHERE told = 0 AND channel NOT IN ({', '.join('?' * len(reporting))})",  # noqa: S608 - question marks
            (_TOLD, *reporting),
        )
        rows = edge.connection.execute(
            "SELECT seq, channel, external_id, id, state, code, receipt FROM outbox WHERE told = 0 "
            "ORDER BY seq LIMIT ?",
            (edge.settings.group_max,),
        ).fetchall()
        edge.connection.executemany("UPDATE outbox SET told = ? WHERE seq = ?", [(_TELLING, row[0]) for row in rows])
    if not rows:
        return 0
    for seq, name, external_id, message_id, state, code, receipt in rows:
        channel: object = edge.channels.get(name)
        if isinstance(channel, Reporting):
            if state == "held":
                first = _held(edge, external_id, message_id)
            elif state in _ON_ITS_WAY:  # released
                first = Progress(external_id, message_id, "queued")
            else:
                first = Progress(external_id, message_id, state, None, code, receipt)
            await _report(edge, channel, seq, first)
    reach("edge.progress.told")
    with transaction(edge.connection):  # what has changed meanwhile is 0 again, and is told again
        edge.connection.executemany(
            "UPDATE outbox SET told = ? WHERE seq = ? AND told = ?", [(_TOLD, row[0], _TELLING) for row in rows]
        )
    return len(rows)


def _held(edge: Edge, external_id: str, message_id: str) -> Progress:
    try:
        findings = edge.holds.find(message_id).findings
    except Rejected:  # released a moment ago: what it is now is told next
        findings = ()
    return Progress(external_id, message_id, "held", code=HOLD, findings=findings)


async def _report(edge: Edge, channel: Reporting, seq: int, first: Progress) -> None:
    await channel.report(first)
    words = edge.connection.execute(
        "SELECT partner, state, code FROM awaited WHERE seq = ? ORDER BY partner", (seq,)
    ).fetchall()
    for partner, state, code in words:
        if state in _ENDINGS:
            await channel.report(Progress(first.external_id, first.id, state, partner, code))
