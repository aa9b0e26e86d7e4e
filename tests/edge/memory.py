"""A channel of a test: a list in, a list out, and a plan of how the national system behaves."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.contract import (
    Accepted,
    Check,
    Delivery,
    HandOver,
    Inbound,
    Manifest,
    Place,
    Progress,
    Settlement,
    Submission,
    Unreadable,
)
from schemas.errors import Unavailable


@dataclass
class Offered:
    """A submission on offer; remembers how it was settled."""

    submission: Submission
    settled: list[Settlement] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def settle(self, settlement: Settlement) -> None:
        self.settled.append(settlement)
        self.done.set()


class MemoryChannel:
    """Delivers into `delivered`; `plan` says how the next deliveries go, then all are accepted."""

    def __init__(self, place: Place | None = None, at_once: int = 1) -> None:
        self.name = place.name if place is not None else "memory"
        self.offers: asyncio.Queue[Inbound | Unreadable] = asyncio.Queue()
        self.delivered: dict[str, Delivery] = {}
        self.calls: list[str] = []
        self.plan: list[HandOver | Exception] = []
        self.reports: list[Progress] = []
        self.slow: asyncio.Event | None = None
        self.got = asyncio.Event()
        self._at_once = at_once

    @property
    def manifest(self) -> Manifest:
        return Manifest("memory", "1", frozenset({"in", "out"}), deliveries_at_once=self._at_once)

    async def connect(self) -> None:
        return None

    async def receive(self) -> Inbound | Unreadable:
        return await self.offers.get()

    async def deliver(self, delivery: Delivery) -> HandOver:
        self.calls.append(delivery.digest)
        if self.slow is not None:
            await self.slow.wait()
        outcome = self.plan.pop(0) if self.plan else Accepted()
        if isinstance(outcome, Exception):
            raise outcome
        if isinstance(outcome, Accepted):
            self.delivered.setdefault(delivery.digest, delivery)
        self.got.set()
        return outcome

    async def report(self, progress: Progress) -> None:
        self.reports.append(progress)

    async def probe(self) -> Sequence[Check]:
        return [Check("memory", "ok")]

    async def drain(self) -> None:
        return None

    async def close(self) -> None:
        return None

    def offer(self, submission: Submission) -> Offered:
        offered = Offered(submission)
        self.offers.put_nowait(offered)
        return offered


OPEN: dict[str, MemoryChannel] = {}
"""The channels made by settings, by data directory's partner folder name."""


def open_channel(place: Place) -> MemoryChannel:
    """As settings make it."""
    channel = MemoryChannel(place)
    OPEN[str(place.folder)] = channel
    return channel


LOST = Unavailable("UNREACHABLE", 1.0)
