"""Submissions in: from a channel into the outbox, one transaction for whatever had come while the last one ran.

Guarantees that a channel is told `Taken` only once the row and its attachments are durable, that what was offered
before is settled as before, and that the same name with another content is refused (DUPLICATE_DIFFERS). While there is
no valid directory to judge by, nothing is judged and nothing refused: channels wait.

What has held texts and is otherwise fit is written too, as `held`, and told so; an officer lets it go, or not
(`adapters.edge.release`). Where as many wait as may (`held_max`), it is refused.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

import uuid_utils

from adapters.contract import Channel, Held, Inbound, Refused, Settlement, Submission, Taken, Unreadable
from adapters.edge.attachments import keep
from adapters.edge.submission import HOLD, Judged, Unfit, judge, offered_digest, unfit
from adapters.edge.wiring import Edge
from schemas.agreements.pinned import PROCEDURES
from schemas.errors import Fault, LiaisonError, Rejected, Unavailable
from schemas.lifecycles import RULES
from service.failpoints import reach
from service.logs import log
from service.sqlite import transaction

_A_TURN = 8
"""Submissions judged before other tasks get their turn: some milliseconds."""


@dataclass(slots=True)
class _Offer:
    """A submission on its way to a settlement."""

    submission: Submission
    inbound: Inbound | None = None
    offered: bytes = b""
    judged: Judged | None = None
    settlement: Settlement | None = None


async def run(edge: Edge, name: str, channel: Channel) -> None:
    """Take from one channel until cancelled."""
    queue: asyncio.Queue[Inbound] = asyncio.Queue(edge.settings.group_max)
    async with asyncio.TaskGroup() as group:
        group.create_task(_read(edge, name, channel, queue))
        group.create_task(_take(edge, name, queue))


async def submit(edge: Edge, channel: str, submission: Submission) -> Settlement:
    """Take one submission now, as `liaison edge send` does.

    Raises:
        Unavailable: nothing was taken.
        Rejected: DIRECTORY_INVALID; nothing was taken.
    """
    offer = _Offer(submission)
    await _settle_all(edge, channel, [offer])
    if offer.settlement is None:
        raise Fault("a submission was not settled")
    return offer.settlement


async def _read(edge: Edge, name: str, channel: Channel, queue: "asyncio.Queue[Inbound]") -> None:
    attempts = 0
    while True:
        try:
            found = await channel.receive()
        except Exception as error:  # noqa: BLE001 - whatever a channel does, the others go on
            told = error.retry_after_seconds if isinstance(error, Unavailable) else None
            log.error("channel.lost", error, channel=name)
            await asyncio.sleep(edge.retry_at(attempts, told) - edge.seconds())
            attempts += 1
            await _reconnect(channel, name)
            continue
        attempts = 0
        if isinstance(found, Unreadable):
            code = found.findings[0].code if found.findings else "REQUEST_INVALID"
            edge.metrics.refusal(code)
            log.info("channel.unreadable", channel=name, code=code)
            continue
        edge.unsettled += 1
        await queue.put(found)


async def _reconnect(channel: Channel, name: str) -> None:
    try:
        await channel.connect()
    except Exception as error:  # noqa: BLE001 - `receive` will say so again
        log.error("channel.unconnected", error, channel=name)


async def _take(edge: Edge, name: str, queue: "asyncio.Queue[Inbound]") -> None:
    attempts = 0
    while True:
        group = [await queue.get()]
        while len(group) < edge.settings.group_max and not queue.empty():
            group.append(queue.get_nowait())
        await _room(edge)
        while True:
            offers = [_Offer(inbound.submission, inbound) for inbound in group]
            try:
                await _settle_all(edge, name, offers)
            except (Unavailable, Rejected) as error:
                log.warning("intake.waits", channel=name, code=error.code)
                await asyncio.sleep(edge.retry_at(attempts) - edge.seconds())
                attempts += 1
            else:
                attempts = 0
                break
        for offer in offers:
            await _tell(name, offer)
            edge.unsettled -= 1
        edge.bells.settled.ring()


async def _room(edge: Edge) -> None:
    """Returns once the outbox takes more."""
    while edge.outbox.pending() >= edge.settings.waiting_max:
        await edge.bells.room.heard(edge.settings.look_seconds)


async def _tell(name: str, offer: _Offer) -> None:
    if offer.inbound is None or offer.settlement is None:
        return
    reach("edge.intake.before_settle")
    try:
        await offer.inbound.settle(offer.settlement)
    except Exception as error:  # noqa: BLE001 - it is offered again, whatever went wrong
        log.error("channel.unsettled", error, channel=name)


async def _settle_all(edge: Edge, channel: str, offers: list[_Offer]) -> None:
    directory = edge.directories.current
    for at, offer in enumerate(offers):
        if at % _A_TURN == _A_TURN - 1:
            await asyncio.sleep(0)
        try:
            offer.offered = offered_digest(offer.submission)
            offer.settlement = _before(edge, channel, offer)
            if offer.settlement is None:
                offer.judged = judge(
                    offer.submission,
                    directory,
                    edge.partner,
                    edge.cases,
                    now=edge.now(),
                    live=edge.settings.live,
                    test_only=edge.settings.test_clock,
                )
                for file in offer.judged.files:
                    keep(edge.settings.attachments, offer.submission.attachments[file.sha256], file)
        except Unfit as refusal:
            offer.settlement = refusal.refused
        except LiaisonError:
            raise
        except Exception as error:  # noqa: BLE001 - no submission may stop the edge, or be judged again for ever
            log.error("intake.unforeseen", error, channel=channel)
            offer.settlement = Refused("INTERNAL")
    reach("edge.intake.before_commit")
    with transaction(edge.connection):
        for offer in offers:
            _write(edge, channel, offer)
    reach("edge.intake.committed")
    for offer in offers:
        if isinstance(offer.settlement, Refused):
            edge.metrics.refusal(offer.settlement.code)
    edge.bells.outbox.ring()
    if any(isinstance(offer.settlement, Held) for offer in offers):
        edge.bells.progress.ring()


def _before(edge: Edge, channel: str, offer: _Offer) -> Settlement | None:
    """How it was settled when it was offered before."""
    known = edge.outbox.find(channel, offer.submission.external_id)
    if known is None:
        return None
    if known.offered != offer.offered:
        return unfit("DUPLICATE_DIFFERS", "/external_id").refused
    if known.state == "held":
        with suppress(Rejected):  # decided by another process a moment ago
            return Held(known.id, known.case_handle, edge.holds.find(known.id).findings)
    return Taken(known.id, known.case_handle)


def _write(edge: Edge, channel: str, offer: _Offer) -> None:
    if offer.settlement is not None or offer.judged is None:
        return
    offer.settlement = _before(edge, channel, offer)  # twice in one group, or by another process meanwhile
    if offer.settlement is not None:
        return
    message_id, plan, held, at = str(uuid_utils.uuid7()), offer.judged.plan, offer.judged.held, int(edge.seconds())
    if held and edge.holds.waiting().count >= edge.settings.held_max:
        offer.settlement = Refused(HOLD, held)
        return
    seq = edge.outbox.add(
        message_id,
        channel=channel,
        external_id=offer.submission.external_id,
        offered=offer.offered,
        plan=plan,
        payload=offer.judged.payload,
        at=at,
        held=bool(held),
    )
    if plan.reference is None and RULES[plan.kind].procedure in PROCEDURES:
        edge.cases.begin(plan.case_handle, offer.judged.pin, offer.judged.payload)
    edge.metrics.taken.inc()
    with edge.tracing.span("edge.take", "server", kind=plan.kind) as span:
        edge.tracing.remember(message_id, span.context)
    offer.settlement = Taken(message_id, plan.case_handle)
    if held:
        edge.holds.add(seq, message_id, offer.submission, held, at)
        log.info("intake.held", channel=channel, kind=plan.kind, count=len(held))
        offer.settlement = Held(message_id, plan.case_handle, held)
