"""Posts what is sealed, until the hub has proved what became of it.

Guarantees that the same bytes are repeated, also after a crash, until a receipt verifies and its checkpoint is
consistent with all that was seen; that a receipt which proves nothing is an alarm and no ending; that bytes are made
anew only after the hub's refusal of the old ones. Detached parts go ahead. Whatever is due goes in one batch.
"""

from adapters.edge.answers import Verdict, judge_answer
from adapters.edge.outbox import Posting
from adapters.edge.wiring import Edge
from keys.proofs.leaf import Leaf
from schemas.errors import Rejected, Unavailable
from service import batch
from service.failpoints import reach
from service.logs import log
from service.sqlite import transaction

_URGENT = "A"
_OWN_KEY_TRIES = 5
_HOUR = 3600
_NEW = 201
"""Accepted just now: a repeat's receipt is as old as the first."""


async def run(edge: Edge) -> None:
    """Post until cancelled."""
    while True:
        try:
            if not edge.monitor.broken and await post_some(edge):
                continue
        except (Unavailable, Rejected) as error:
            log.warning("poster.waits", code=error.code)
        await edge.bells.sealed.heard(edge.settings.look_seconds)


async def post_some(edge: Edge) -> int:
    """Post the next group; returns how many were due.

    Raises:
        Unavailable, Rejected: there is no directory to judge answers by, the log is not trusted or cannot prove itself
            now; what was posted is posted again.
    """
    settings = edge.settings
    due = edge.outbox.to_post(edge.seconds(), settings.group_max, settings.batch_bytes_max)
    if not due:
        return 0
    public = edge.directories.current.hub.log
    ready = [posting for posting in due if await _parts_there(edge, posting)]
    if not ready:
        return len(due)
    reach("edge.poster.before_post")
    try:
        taken = (edge.tracing.recall(posting.id) for posting in ready)
        with edge.tracing.span("edge.post", "client", taken, count=len(ready)) as span:
            results = await edge.hub.submit(
                [(batch.CONTAINER, posting.sealed) for posting in ready], trace=span.context
            )
    except (Unavailable, Rejected) as error:
        log.info("poster.unanswered", code=error.code, count=len(ready))
        with transaction(edge.connection):
            for posting in ready:
                edge.outbox.later(posting.seq, edge.retry_at(posting.attempts, _told(error)))
        return len(due)
    reach("edge.poster.answered")
    verdicts = [
        judge_answer(
            result,
            public,
            edge.directories.checkpoints,
            accepts=lambda leaf, posting=posting: _accepts(edge, posting, leaf),  # type: ignore[misc]
            refuses=lambda leaf, posting=posting: _refuses(edge, posting, leaf),  # type: ignore[misc]
        )
        for posting, result in zip(ready, results, strict=True)
    ]
    await edge.monitor.check([one.receipt.checkpoint for one in verdicts if one.receipt is not None])
    if any(verdict.ending == "again" for verdict in verdicts):
        await _newer_directory(edge)
    reach("edge.poster.before_commit")
    with transaction(edge.connection):
        for posting, verdict in zip(ready, verdicts, strict=True):
            _write(edge, posting, verdict)
    reach("edge.poster.committed")
    for posting, verdict, result in zip(ready, verdicts, results, strict=True):
        _clear_spool(edge, posting, verdict)
        if verdict.ending == "accepted" and verdict.receipt is not None and result.status == _NEW:
            edge.metrics.hub_ahead.set(verdict.receipt.leaf.at.timestamp() - edge.seconds())
    for bell in (edge.bells.progress, edge.bells.outbox, edge.bells.room):
        bell.ring()
    return len(due)


async def _parts_there(edge: Edge, posting: Posting) -> bool:
    """The hub has every detached part of it; if not now, the message waits for its next try."""
    for part in edge.outbox.parts(posting.seq):
        try:
            await edge.hub.put_part(part.sha256, edge.settings.spool / part.sha256)
        except FileNotFoundError:
            with transaction(edge.connection):  # a spool that was lost: nothing but sealing again helps
                edge.outbox.unseal(posting.seq, edge.retry_at(posting.attempts))
            return False
        except (Unavailable, Rejected) as error:
            log.info("poster.part_unsent", code=error.code)
            with transaction(edge.connection):
                edge.outbox.later(posting.seq, edge.retry_at(posting.attempts, _told(error)))
            return False
        reach("edge.poster.part_there")
        with transaction(edge.connection):
            edge.outbox.part_there(posting.seq, part.sha256)
    return True


def _accepts(edge: Edge, posting: Posting, leaf: Leaf) -> bool:
    return (
        leaf.event == "SubmissionAcceptance"
        and leaf.dir is not None
        and (
            leaf.digest,
            leaf.sig,
            leaf.source,
            leaf.to,
            leaf.type,
        )
        == (posting.digest.hex(), posting.sig.hex(), edge.partner, posting.plan.to, posting.plan.kind)
    )


def _refuses(edge: Edge, posting: Posting, leaf: Leaf) -> bool:
    return (leaf.event, leaf.digest, leaf.source) == ("SubmissionRejection", posting.digest.hex(), edge.partner)


async def _newer_directory(edge: Edge) -> None:
    try:
        await edge.directories.refresh()
    except (Unavailable, Rejected) as error:
        log.info("poster.directory_unrefreshed", code=error.code)


def _write(edge: Edge, posting: Posting, verdict: Verdict) -> None:
    outbox, retry_at = edge.outbox, edge.retry_at(posting.attempts, verdict.retry_after_seconds)
    if verdict.forged:
        edge.alarms.sound("RECEIPT_INVALID", posting.digest.hex(), verdict.raw or b"")
    if verdict.ending == "accepted" and verdict.receipt is not None and verdict.raw is not None:
        receipt = verdict.receipt
        at = int(receipt.leaf.at.timestamp())
        outbox.accepted(posting, verdict.raw, receipt.index, at, at + deadline_hours(edge, posting) * _HOUR)
        edge.metrics.accepted.inc()
        return
    code = verdict.code or "INTERNAL"
    edge.metrics.refusal(code)
    if verdict.ending == "refused":
        outbox.refused(posting.seq, code, verdict.raw)
    elif verdict.ending == "parts":
        for part in posting.plan.attachments and _all_parts(edge, posting):
            outbox.part_there(posting.seq, part, there=False)
        outbox.later(posting.seq, retry_at)
    elif verdict.ending == "again":
        if posting.attempts >= _OWN_KEY_TRIES:
            edge.alarms.sound("OWN_KEY", edge.pair.public.ed25519_id)
        newer = edge.directories.version > posting.version
        outbox.unseal(posting.seq, edge.seconds() if newer and posting.attempts < _OWN_KEY_TRIES else retry_at)
    else:
        outbox.later(posting.seq, retry_at)


def _all_parts(edge: Edge, posting: Posting) -> list[str]:
    rows = edge.connection.execute("SELECT sha256 FROM sent_part WHERE seq = ?", (posting.seq,)).fetchall()
    return [sha256 for (sha256,) in rows]


def deadline_hours(edge: Edge, posting: Posting) -> int:
    """How long a recipient may take to say what became of it."""
    urgent = posting.plan.facts.get("urgency") == _URGENT
    return edge.settings.urgent_deadline_hours if urgent else edge.settings.handover_deadline_hours


def _clear_spool(edge: Edge, posting: Posting, verdict: Verdict) -> None:
    """Sealed parts that nobody will ask us for again."""
    if verdict.ending in ("accepted", "refused", "again"):
        for sha256 in _all_parts(edge, posting):
            (edge.settings.spool / sha256).unlink(missing_ok=True)


def _told(error: Unavailable | Rejected) -> float | None:
    return error.retry_after_seconds if isinstance(error, Unavailable) else None
