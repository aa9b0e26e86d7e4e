"""Deliveries in: asked for or pushed, both end here.

Guarantees that a row is written only with a receipt that verifies, names us, and lies in a log consistent with all we
saw; that items and cursor become durable together; that what the hub delivers twice is taken once; that a message under
a second index (replayed), one that comes after a later one (reordered) and bytes that are not those the log speaks of
are alarms. Bytes that do not fit their leaf still make a row: it fails with a code, and the sender is told so.

What a message says is looked at afterwards (`adapters.edge.opener`).
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.edge.inbox import Item
from adapters.edge.tables import read_meta, write_meta
from adapters.edge.wiring import Edge
from keys.container import Container, parse_container
from keys.proofs.checkpoint import Checkpoint
from keys.proofs.receipt import RECEIPT_TYPE, VerifiedReceipt, verify_receipt
from keys.signing import CONTAINER_TYPE
from schemas.envelope import LogHead
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach
from service.logs import log
from service.multipart import Part
from service.sqlite import transaction

CURSOR = "inbox_cursor"
_PUSHED = "pushed_cursor"


@dataclass(frozen=True, slots=True)
class _Delivered:
    """An item whose receipt holds; `fault` says why its bytes do not fit the leaf, `head` what its sender saw."""

    item: Item
    checkpoint: Checkpoint
    fault: str | None = None
    head: LogHead | None = None


async def run(edge: Edge) -> None:
    """Ask for the inbox until cancelled."""
    attempts = 0
    while True:
        try:
            if edge.monitor.broken:
                await edge.bells.inbox.heard(edge.settings.retry_max_seconds)
                continue
            if not await pull(edge, edge.settings.wait_seconds) and not edge.settings.wait_seconds:
                await asyncio.sleep(edge.settings.look_seconds)
        except (Unavailable, Rejected) as error:
            log.warning("receiver.waits", code=error.code)
            told = error.retry_after_seconds if isinstance(error, Unavailable) else None
            await edge.bells.inbox.heard(edge.retry_at(attempts, told) - edge.seconds())
            attempts += 1
        else:
            attempts = 0


async def pull(edge: Edge, wait_seconds: int) -> int:
    """Ask once; returns how many new messages came.

    Raises:
        Unavailable: try again later.
        Rejected: the answer proves nothing, or the log is not trusted; the cursor stays.
    """
    edge.monitor.check_trusted()
    cursor = read_meta(edge.connection, CURSOR)
    after = None if cursor is None else cursor.decode()
    told: list[str] = []
    parts = await edge.hub.inbox(after, wait_seconds, told.append)
    reach("edge.receiver.pulled")
    if not parts:
        return 0
    last = int(after.partition("/")[2]) if after else -1
    return await take(edge, parts, after=last, trace=told[0])


async def take(edge: Edge, parts: Sequence[Part], *, after: int | None = None, trace: str = "") -> int:
    """Make deliveries durable; returns how many were new.

    Args:
        edge: the edge.
        parts: receipts, each followed by its container unless that is gone.
        after: the cursor they were asked for with; None for a push, which moves no cursor.
        trace: the context that came with them, where one did.

    Raises:
        Unavailable: nothing was taken; try again later.
        Rejected: nothing was taken: a receipt that does not verify or name us, or a log that is not trusted.
    """
    edge.monitor.check_trusted()
    directory = edge.directories.current
    found = _read(edge, parts)
    newest = max((one.item.version for one in found), default=0)
    if newest > directory.version:
        await edge.directories.refresh(newest)
    await edge.monitor.check([one.checkpoint for one in found])
    await edge.monitor.check_gossip(
        [(one.item.digest.hex(), one.head) for one in found if one.head is not None and one.fault is None]
    )
    reach("edge.receiver.before_commit")
    with transaction(edge.connection):
        taken = _write(edge, found, after)
    reach("edge.receiver.committed")
    indices = tuple(one.item.idx for one in found)
    with edge.tracing.span("edge.receive", "consumer", [trace], index=indices) as span:
        for index in indices:
            edge.tracing.remember(index, span.context)
    edge.metrics.received.inc(taken)
    edge.bells.inbox.ring()
    return taken


def _read(edge: Edge, parts: Sequence[Part]) -> list[_Delivered]:
    found: list[_Delivered] = []
    at = 0
    while at < len(parts):
        part = parts[at]
        receipt = _receipt(edge, part)
        raw: bytes | None = None
        if at + 1 < len(parts) and parts[at + 1].media_type == CONTAINER_TYPE:
            at += 1
            if parts[at].content_id != part.content_id:
                raise Rejected("REQUEST_INVALID")
            raw = parts[at].body
        found.append(_delivered(part.body, receipt, raw))
        at += 1
    return found


def _receipt(edge: Edge, part: Part) -> VerifiedReceipt:
    """The acceptance that a part proves; anything else is an alarm."""
    if part.media_type != RECEIPT_TYPE:
        raise Rejected("REQUEST_INVALID")
    try:
        return _acceptance(edge, part)
    except Rejected:
        edge.alarms.sound("RECEIPT_INVALID", part.content_id, part.body)
        raise


def _acceptance(edge: Edge, part: Part) -> VerifiedReceipt:
    receipt = verify_receipt(part.body, edge.directories.current.hub.log, edge.directories.checkpoints)
    leaf = receipt.leaf
    if (
        leaf.event != "SubmissionAcceptance"
        or leaf.digest != part.content_id
        or edge.partner not in leaf.to
        or leaf.source is None
        or leaf.type is None
        or leaf.dir is None
    ):
        raise Rejected("PROOF_INVALID")
    return receipt


def _delivered(raw_receipt: bytes, receipt: VerifiedReceipt, raw: bytes | None) -> _Delivered:
    leaf = receipt.leaf
    container, fault = None, None
    if raw is not None:
        try:
            container = parse_container(raw)
            fault = _mismatch(container, receipt)
        except Rejected as refusal:
            fault = refusal.code
    item = Item(
        idx=receipt.index,
        digest=bytes.fromhex(leaf.digest or ""),
        source=leaf.source or "",
        kind=leaf.type or "",
        at=int(leaf.at.timestamp()),
        version=leaf.dir or 0,
        receipt=raw_receipt,
        container=raw,
    )
    return _Delivered(item, receipt.checkpoint, fault, container.header.log if container is not None else None)


def _mismatch(container: Container, receipt: VerifiedReceipt) -> str | None:
    """HEADER_MISMATCH when the log speaks of another message than was delivered."""
    leaf, header = receipt.leaf, container.header
    said = (leaf.digest, leaf.sig, leaf.source, leaf.to, leaf.type)
    came = (
        container.digest.hex(),
        container.signatures.digest.hex(),
        header.source,
        header.recipient_ids,
        header.kind,
    )
    return None if said == came else "HEADER_MISMATCH"


def _write(edge: Edge, found: Sequence[_Delivered], after: int | None) -> int:
    """Rows, alarms and cursor; each way of delivery, asked for and pushed, has an order of its own."""
    taken = 0
    cursor = CURSOR if after is not None else _PUSHED
    last = after if after is not None else _pushed(edge)
    for one in found:
        item, subject = one.item, one.item.digest.hex()
        there = edge.inbox.digest_at(item.idx) is not None
        elsewhere = edge.inbox.index_of(item.digest)
        if elsewhere is not None and elsewhere != item.idx:
            edge.alarms.sound("REPLAYED", subject, item.receipt)
            continue  # the first one was, or will be, handed over
        if item.idx <= last and (after is not None or not there):
            edge.alarms.sound("REORDERED", subject, item.receipt)
        last = max(last, item.idx)
        if there:
            continue
        edge.inbox.add(item, int(edge.seconds()))
        taken += 1
        if one.fault is not None:
            edge.alarms.sound("DELIVERY_MISMATCH", subject, item.receipt)
            edge.inbox.ended(item.idx, item.digest, one.fault)
            edge.metrics.failed.inc()
            edge.bells.evidence.ring()
    if found:
        year = found[0].checkpoint.origin.rpartition("/")[2]
        write_meta(edge.connection, cursor, f"{year}/{last}".encode())
    return taken


def _pushed(edge: Edge) -> int:
    value = read_meta(edge.connection, _PUSHED)
    return -1 if value is None else int(value.decode().partition("/")[2])
