"""Seals what waits in the outbox: each message once, and its bytes are durable before anybody sees them.

A message that cannot be sealed now (a recipient has no valid key) waits and is tried again; one that never can be
(too large) is refused. While the log is not trusted, nothing is sealed.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

from adapters.edge.outbox import Draft, Part
from adapters.edge.wiring import Edge
from keys.directory.directory import Directory
from keys.sealing import Sealed, seal
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach
from service.logs import log
from service.sqlite import transaction

_CURABLE = frozenset({"KEY_UNKNOWN", "KEY_INACTIVE"})
_A_TURN = 8


async def run(edge: Edge) -> None:
    """Seal until cancelled."""
    while True:
        try:
            if not edge.monitor.broken and await seal_some(edge):
                edge.bells.sealed.ring()
                continue
        except (Unavailable, Rejected) as error:
            log.warning("sealer.waits", code=error.code)
        await edge.bells.outbox.heard(edge.settings.look_seconds)


async def seal_some(edge: Edge) -> int:
    """Seal the next group; returns how many were looked at.

    Raises:
        Unavailable, Rejected: no directory to go by, or the disk is full; all of it stays as it was.
    """
    drafts = edge.outbox.to_seal(edge.seconds(), edge.settings.group_max)
    if not drafts:
        return 0
    directory = edge.directories.current
    done: list[tuple[Draft, Sealed | Rejected]] = []
    try:
        for at, draft in enumerate(drafts):
            if at % _A_TURN == _A_TURN - 1:
                await asyncio.sleep(0)
            try:
                done.append((draft, _seal(edge, draft, directory)))
            except Rejected as refusal:
                done.append((draft, refusal))
    finally:
        reach("edge.sealer.sealed")
        with transaction(edge.connection):
            for draft, result in done:
                _write(edge, draft, result, directory.version)
        reach("edge.sealer.committed")
    return len(drafts)


def _seal(edge: Edge, draft: Draft, directory: Directory) -> Sealed:
    settings = edge.settings
    header, kems = draft.plan.header(
        draft.id,
        edge.partner,
        directory,
        public=edge.pair.public,
        head=edge.monitor.head(directory.hub.log.origin),
        now=edge.now(),
        lifetime=timedelta(days=settings.lifetime_days),
    )
    files: list[Path] = [settings.attachments / sha256 for sha256 in draft.plan.attachments]
    return seal(header, kems, draft.payload, files, edge.pair, spool=settings.spool)


def _write(edge: Edge, draft: Draft, result: Sealed | Rejected, version: int) -> None:
    if isinstance(result, Sealed):
        parts = [Part(part.sha256, part.length) for part in result.detached]
        edge.outbox.sealed(draft.seq, result.container, result.digest, sig=result.signed, version=version, parts=parts)
    elif result.code in _CURABLE:
        edge.outbox.later(draft.seq, edge.retry_at(1))
    else:
        edge.metrics.refusal(result.code)
        edge.outbox.refused(draft.seq, result.code, None)
        edge.bells.progress.ring()
