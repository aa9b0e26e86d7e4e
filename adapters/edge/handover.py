"""Hands opened messages to the national system, each through its channel, once by contract.

Guarantees that what a channel accepted is recorded together with the evidence to sign, several at a time (one by one
where the channel cannot recognise a repeat); that after a crash in between the channel is given the same digest again,
by which it knows the message; that a channel which fails is tried again later and one message in trouble holds up no
other. A rejection is final and is told to the sender. As many deliveries run at a time as the channel says.
"""

import asyncio
from datetime import UTC, datetime

from adapters.contract import Accepted, Channel, Delivery, HandOver, ReceivedFile, Rejection, RetryAfter
from adapters.edge.inbox import Ready
from adapters.edge.opener import channel_for
from adapters.edge.signals import Bell
from adapters.edge.wiring import Edge
from schemas.errors import CODES, Unavailable
from schemas.lifecycles import RULES
from service.failpoints import reach
from service.logs import log
from service.sqlite import transaction

REJECTED = "CHANNEL_REJECTED"


class HandOvers:
    """The deliveries of one channel that are under way: fed from the inbox, ended in groups."""

    def __init__(self, edge: Edge, name: str, channel: Channel) -> None:
        self._edge = edge
        self._name = name
        self._channel = channel
        self._at_once = max(1, channel.manifest.deliveries_at_once)
        self._one_by_one = channel.manifest.hand_over == "at_least_once"
        self._queue: asyncio.Queue[Ready] = asyncio.Queue()
        self._under_way: set[int] = set()
        self._done: list[tuple[Ready, HandOver]] = []
        self._ended = Bell()

    async def run(self) -> None:
        """Hand over until cancelled; what a channel had answered by then is recorded."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed())
                group.create_task(self._record())
                for _ in range(self._at_once):
                    group.create_task(self._work())
        finally:
            self._write()

    async def _feed(self) -> None:
        edge = self._edge
        while True:
            room = edge.settings.group_max + self._at_once - len(self._under_way)
            try:
                found = edge.inbox.to_hand_over(self._name, edge.seconds(), room + len(self._under_way))
            except Unavailable as error:
                log.warning("handover.waits", channel=self._name, code=error.code)
                found = []
            for row in found:
                if row.idx not in self._under_way:
                    self._under_way.add(row.idx)
                    self._queue.put_nowait(row)
            await edge.bells.ready_for(self._name).heard(edge.settings.look_seconds)

    async def _work(self) -> None:
        while True:
            row = await self._queue.get()
            outcome = await _offer(self._edge, self._name, self._channel, row)
            self._done.append((row, outcome))  # to the list as it is now: another may have been written meanwhile
            reach("edge.handover.delivered")
            if self._one_by_one:
                self._write()
            self._ended.ring()

    async def _record(self) -> None:
        """Whatever ended while the last group was written shares the next transaction."""
        while True:
            await self._ended.heard(self._edge.settings.look_seconds)
            self._write()

    def _write(self) -> None:
        edge, done = self._edge, self._done
        if not done:
            return
        reach("edge.handover.before_commit")
        try:
            with transaction(edge.connection):
                for row, outcome in done:
                    _write(edge, row, outcome)
        except Unavailable as error:
            log.warning("handover.unrecorded", channel=self._name, code=error.code)
            return  # recorded with the next; after a crash the channel recognises them
        self._done = []
        self._under_way.difference_update(row.idx for row, _ in done)
        reach("edge.handover.committed")
        for bell in (edge.bells.evidence, edge.bells.inbox, edge.bells.ready_for(self._name)):
            bell.ring()


def adopt(edge: Edge) -> None:
    """At a start: messages that no channel took, or whose channel is gone, go to the one that takes them now."""
    with transaction(edge.connection):
        for kind in RULES:
            edge.connection.execute(
                "UPDATE inbox SET channel = ? WHERE state = 'ready' AND kind = ?", (channel_for(edge, kind), kind)
            )


async def _offer(edge: Edge, name: str, channel: Channel, row: Ready) -> HandOver:
    try:
        received = edge.tracing.recall(row.idx)
        with edge.tracing.span("edge.hand_over", "client", [received], index=row.idx, kind=row.kind):
            return await channel.deliver(_delivery(edge, row))
    except Unavailable as error:
        return RetryAfter(error.retry_after_seconds)
    except Exception as error:  # noqa: BLE001 - whatever a channel does, the others go on
        log.error("channel.failed", error, channel=name)
    return RetryAfter(0.0)


def _delivery(edge: Edge, row: Ready) -> Delivery:
    return Delivery(
        digest=row.digest.hex(),
        id=row.id,
        source=row.source,
        kind=row.kind,
        case_handle=row.case_handle,
        agreement=row.agreement,
        purpose=row.purpose,
        accepted_at=datetime.fromtimestamp(row.at, UTC),
        index=row.idx,
        payload=row.payload,
        receipt=row.receipt,
        in_reply_to=row.in_reply_to,
        files=tuple(
            ReceivedFile(file.sha256, file.media_type, file.size, edge.settings.attachments / file.sha256)
            for file in edge.inbox.files(row.idx)
        ),
        out_of_order=bool(row.out_of_order),
    )


def _write(edge: Edge, row: Ready, outcome: HandOver) -> None:
    match outcome:
        case Accepted():
            edge.inbox.ended(row.idx, row.digest, None)
            edge.metrics.handed_over.inc()
        case RetryAfter(seconds):
            edge.inbox.later(row.idx, edge.retry_at(row.attempts, seconds))
        case Rejection(code):
            code = code if code in CODES else REJECTED
            edge.inbox.ended(row.idx, row.digest, code)
            edge.metrics.failed.inc()
            edge.metrics.refusal(code)
