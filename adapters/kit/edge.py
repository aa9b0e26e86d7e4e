"""The edge, as a channel sees it: receives in a loop, settles each submission, calls `deliver` again when told to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.contract import (
    Channel,
    Delivery,
    HandOver,
    Held,
    Inbound,
    RetryAfter,
    Settlement,
    Submission,
    Taken,
    Unreadable,
)
from schemas.errors import Finding, Unavailable

Judge = Callable[[Submission], Settlement]
DELIVER_SECONDS = 30.0
RETRIES_MAX = 50
HELD = (Finding("/case_ref", "FREETEXT_HOLD"),)


def take(submission: Submission) -> Settlement:
    """Every submission is fine; its id follows from its name, as an outbox would remember it."""
    return Taken(f"id-of-{submission.external_id}", "0" * 32)


def hold(submission: Submission) -> Settlement:
    """Every submission waits for an officer."""
    return Held(f"id-of-{submission.external_id}", "0" * 32, HELD)


@dataclass(slots=True)
class Taking:
    """What came."""

    submissions: list[Submission] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)


@asynccontextmanager
async def taking(channel: Channel, judge: Judge = take) -> AsyncIterator[Taking]:
    """Inside, whatever the channel offers is settled as `judge` says."""
    taken = Taking()

    async def run() -> None:
        while True:
            try:
                found = await channel.receive()
                if isinstance(found, Unreadable):
                    taken.unreadable.append(found)
                    continue
                taken.submissions.append(found.submission)
                await found.settle(judge(found.submission))
            except Unavailable as error:
                await asyncio.sleep(min(error.retry_after_seconds, 0.05))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(run())
        try:
            yield taken
        finally:
            task.cancel()


async def offered(channel: Channel) -> Inbound:
    """The next submission, unsettled."""
    async with asyncio.timeout(DELIVER_SECONDS):
        found = await channel.receive()
    assert not isinstance(found, Unreadable)
    return found


async def delivered_once(channel: Channel, delivery: Delivery) -> HandOver:
    """One `deliver`; what it raises counts as RetryAfter. It must end within its bound."""
    async with asyncio.timeout(DELIVER_SECONDS):
        try:
            return await channel.deliver(delivery)
        except Unavailable as error:
            return RetryAfter(error.retry_after_seconds)


async def delivered(channel: Channel, delivery: Delivery) -> HandOver:
    """`deliver` until there is a last word."""
    for _ in range(RETRIES_MAX):
        found = await delivered_once(channel, delivery)
        if not isinstance(found, RetryAfter):
            return found
        await asyncio.sleep(min(found.seconds, 0.05))
    raise AssertionError("no last word about a delivery")
