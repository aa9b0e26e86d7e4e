"""Signs and posts what became of received messages: one statement for many, repeated unchanged until it is in the log.

Guarantees that every hand-over and every failure recorded here is said, in statements whose bytes are durable before
the first POST. A statement the hub refuses for one entry is said anew without that entry, which is an alarm; one that
grew too old, or was signed with keys since replaced, is signed anew.
"""

import re

import uuid_utils

from adapters.edge.answers import Verdict, judge_answer
from adapters.edge.wiring import Edge
from keys.proofs.leaf import Leaf
from keys.statements import ENTRIES_MAX, Entry, SignedStatement, Statement, parse_statement, sign_statement
from schemas.errors import Rejected, Unavailable
from service import batch
from service.failpoints import reach
from service.logs import log
from service.sqlite import guarded, transaction

_EVENTS = ("ContentHandover", "ContentHandoverFailure")
_SAY_ANEW = frozenset({"EXPIRED", "DUPLICATE_DIFFERS"})
_OWN_KEY_TRIES = 5
_PLACE = re.compile(r"/list/([0-9]{1,3})", re.ASCII)


async def run(edge: Edge) -> None:
    """Sign and post until cancelled."""
    while True:
        try:
            if not edge.monitor.broken:
                made = sign_some(edge)
                if await post_some(edge) or made:
                    continue
        except (Unavailable, Rejected) as error:
            log.warning("evidence.waits", code=error.code)
        await edge.bells.evidence.heard(edge.settings.look_seconds)


def sign_some(edge: Edge) -> int:
    """Make statements of what is not yet said; returns how many."""
    made = 0
    for event in _EVENTS:
        with guarded():
            rows = edge.connection.execute(
                "SELECT seq, digest, idx, code FROM evidence WHERE event = ? AND statement IS NULL "
                "ORDER BY seq LIMIT ?",
                (event, ENTRIES_MAX),
            ).fetchall()
        if not rows:
            continue
        entries = tuple(Entry(digest.hex(), idx, code) for _, digest, idx, code in rows)
        statement = Statement(str(uuid_utils.uuid7()), edge.partner, edge.now(), event, entries)
        raw = sign_statement(edge.pair, statement)
        digest = parse_statement(raw).digest
        reach("edge.evidence.signed")
        with transaction(edge.connection):
            edge.connection.execute(
                "INSERT INTO statement (id, digest, raw, at) VALUES (?, ?, ?, ?)",
                (statement.id, digest, raw, int(edge.seconds())),
            )
            edge.connection.executemany(
                "UPDATE evidence SET statement = ? WHERE seq = ?", [(statement.id, row[0]) for row in rows]
            )
        reach("edge.evidence.committed")
        made += 1
    return made


async def post_some(edge: Edge) -> int:
    """Post statements that are due; returns how many.

    Raises:
        Unavailable, Rejected: nothing was recorded; they are posted again.
    """
    with guarded():
        rows = edge.connection.execute(
            "SELECT raw, attempts FROM statement WHERE state = 'sealed' AND retry_at <= ? ORDER BY at, id LIMIT 16",
            (edge.seconds(),),
        ).fetchall()
    if not rows:
        return 0
    public = edge.directories.current.hub.log
    due = [(parse_statement(bytes(raw)), attempts) for raw, attempts in rows]
    reach("edge.evidence.before_post")
    try:
        results = await edge.hub.submit([(batch.STATEMENT, signed.raw) for signed, _ in due])
    except (Unavailable, Rejected) as error:
        told = error.retry_after_seconds if isinstance(error, Unavailable) else None
        log.info("evidence.unanswered", code=error.code, count=len(due))
        with transaction(edge.connection):
            for signed, attempts in due:
                _later(edge, signed, edge.retry_at(attempts, told))
        return len(due)
    reach("edge.evidence.answered")
    verdicts = [
        judge_answer(
            result,
            public,
            edge.directories.checkpoints,
            accepts=lambda leaf, signed=signed: _accepts(signed, leaf),  # type: ignore[misc]
            refuses=lambda leaf, signed=signed: _refuses(signed, leaf),  # type: ignore[misc]
        )
        for (signed, _), result in zip(due, results, strict=True)
    ]
    await edge.monitor.check([one.receipt.checkpoint for one in verdicts if one.receipt is not None])
    with transaction(edge.connection):
        for (signed, attempts), verdict in zip(due, verdicts, strict=True):
            _write(edge, signed, attempts, verdict)
    reach("edge.evidence.recorded")
    return len(due)


def _accepts(signed: SignedStatement, leaf: Leaf) -> bool:
    """The receipt is of the statement's last entry."""
    statement = signed.statement
    last = statement.entries[-1]
    said = (leaf.event, leaf.statement, leaf.source, leaf.pos, leaf.digest, leaf.prev, leaf.code)
    return leaf.sig == signed.signatures.digest.hex() and said == (
        statement.event,
        signed.digest.hex(),
        statement.source,
        len(statement.entries) - 1,
        last.digest,
        last.index,
        last.code,
    )


def _refuses(signed: SignedStatement, leaf: Leaf) -> bool:
    return (leaf.event, leaf.statement, leaf.source) == (
        "SubmissionRejection",
        signed.digest.hex(),
        signed.statement.source,
    )


def _later(edge: Edge, signed: SignedStatement, retry_at: float) -> None:
    edge.connection.execute(
        "UPDATE statement SET attempts = attempts + 1, retry_at = ? WHERE id = ?", (retry_at, signed.statement.id)
    )


def _write(edge: Edge, signed: SignedStatement, attempts: int, verdict: Verdict) -> None:
    connection, name = edge.connection, signed.statement.id
    if verdict.forged:
        edge.alarms.sound("RECEIPT_INVALID", signed.digest.hex(), verdict.raw or b"")
    if verdict.ending == "accepted":
        connection.execute("UPDATE statement SET state = 'accepted', receipt = ? WHERE id = ?", (verdict.raw, name))
        edge.metrics.stated.inc()
        return
    ours = signed.ed25519_id == edge.pair.public.ed25519_id
    if verdict.ending in ("later", "parts") or (verdict.ending == "again" and ours):
        if verdict.ending == "again" and attempts >= _OWN_KEY_TRIES:
            edge.alarms.sound("OWN_KEY", signed.ed25519_id)
        _later(edge, signed, edge.retry_at(attempts, verdict.retry_after_seconds))
        return
    connection.execute(
        "UPDATE statement SET state = 'refused', code = ?, receipt = ? WHERE id = ?", (verdict.code, verdict.raw, name)
    )
    edge.metrics.refusal(verdict.code or "INTERNAL")
    if verdict.ending == "refused" and verdict.code not in _SAY_ANEW:
        edge.alarms.sound("STATEMENT_REFUSED", signed.digest.hex(), verdict.raw or b"")
        place = _PLACE.fullmatch(verdict.path or "")
        at = int(place.group(1)) if place is not None else -1
        entries = signed.statement.entries
        dropped = entries if not 0 <= at < len(entries) else entries[at : at + 1]
        connection.executemany(
            "UPDATE evidence SET statement = 'refused' WHERE idx = ? AND event = ?",
            [(entry.index, signed.statement.event) for entry in dropped],
        )
    connection.execute("UPDATE evidence SET statement = NULL WHERE statement = ?", (name,))
    edge.bells.evidence.ring()
