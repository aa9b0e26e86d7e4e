"""Deliveries that are asked for: offered while the edge waits, leased to who asks, done when acknowledged.

Guarantees that a delivery is given to one asker at a time, that an acknowledgement counts whenever it comes (also after
the lease, also after a restart), and that what was acknowledged is never given out again. A national system that took a
delivery and died before it acknowledged gets the same one again, under the same digest.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from adapters.channels.messages import message
from adapters.channels.rest.journal import Journal, Word
from adapters.contract import Accepted, Delivery, HandOver, ReceivedFile, Rejection, RetryAfter
from schemas.errors import Rejected

AT_ONCE = RetryAfter(0.0)
"""Nobody asked for it in time: no failure, the edge offers it again."""


@dataclass(slots=True)
class _Offer:
    delivery: Delivery
    word: "asyncio.Future[Word]"
    leased_until: float = 0.0


class Offers:
    """What lies ready."""

    def __init__(self, journal: Journal, *, offer_seconds: float, lease_seconds: float, bytes_max: int) -> None:
        self._journal = journal
        self._offer_seconds = offer_seconds
        self._lease_seconds = lease_seconds
        self._bytes_max = bytes_max
        self._offered: dict[str, _Offer] = {}
        self._shown: dict[str, Delivery] = {}
        self._bell = asyncio.Event()
        self._ended = False

    def open(self) -> None:
        """Who asks is kept waiting for what comes."""
        self._ended = False

    async def hand_over(self, delivery: Delivery) -> HandOver:
        """What the national system says, once somebody has asked; AT_ONCE after `offer_seconds`."""
        word = self._journal.word(delivery.digest)
        if word is not None and word.state != "offered":
            return answer(word)
        offer = _Offer(delivery, asyncio.get_running_loop().create_future())
        self._offered[delivery.digest] = offer
        self._ring()
        try:
            done, _ = await asyncio.wait({offer.word}, timeout=self._offer_seconds)
            return answer(offer.word.result()) if done and not offer.word.cancelled() else AT_ONCE
        finally:
            offer.word.cancel()
            if self._offered.get(delivery.digest) is offer:
                del self._offered[delivery.digest]

    async def lease(self, most: int, wait_seconds: float) -> list[bytes]:
        """Up to `most` messages that nobody else has; waits for the first."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_seconds
        while True:
            bell = self._bell
            found = self._take(most, loop.time())
            now = loop.time()
            if found or now >= until or self._ended:
                return found
            free_at = min((offer.leased_until for offer in self._offered.values()), default=until)
            try:
                async with asyncio.timeout(max(0.0, min(until, max(free_at, now + 0.001)) - now)):
                    await bell.wait()
            except TimeoutError:
                continue

    def settle(self, digest: str, word: Word) -> None:
        """The national system's word, durable. Raises Rejected(NOT_FOUND) for what it was never given."""
        if self._journal.word(digest) is None:
            raise Rejected("NOT_FOUND")
        standing = self._journal.settle(digest, word)
        offer = self._offered.get(digest)
        if offer is not None and not offer.word.done():
            offer.word.set_result(standing)
        if standing.state != word.state:
            raise Rejected("REQUEST_INVALID")  # it said the opposite before

    def delivery(self, digest: str) -> Delivery:
        """One that is offered just now, for its files. Raises Rejected(NOT_FOUND)."""
        offer = self._offered.get(digest)
        found = offer.delivery if offer is not None else self._shown.get(digest)
        if found is None:
            raise Rejected("NOT_FOUND")
        return found

    @contextmanager
    def showing(self, delivery: Delivery) -> Iterator[None]:
        """The files of a delivery can be had inside, though nobody can ask for the delivery."""
        self._shown[delivery.digest] = delivery
        try:
            yield
        finally:
            self._shown.pop(delivery.digest, None)

    def end(self) -> None:
        """Nothing is offered any more; what waits is told AT_ONCE, who asks gets nothing."""
        self._ended = True
        for offer in self._offered.values():
            offer.word.cancel()
        self._ring()

    def _take(self, most: int, now: float) -> list[bytes]:
        found: list[bytes] = []
        digests: list[str] = []
        size = 0
        for offer in self._offered.values():
            if len(found) == most or size >= self._bytes_max:
                break
            if offer.leased_until > now or offer.word.done():
                continue
            content = as_message(offer.delivery)
            if found and size + len(content) > self._bytes_max:
                break
            found.append(content)
            size += len(content)
            digests.append(offer.delivery.digest)
        if digests:
            self._journal.given_out(digests)
            for digest in digests:
                self._offered[digest].leased_until = now + self._lease_seconds
        return found

    def _ring(self) -> None:
        self._bell.set()
        self._bell = asyncio.Event()


def as_message(delivery: Delivery) -> bytes:
    """The delivery as its JSON object; places are relative to the channel's address."""
    base = f"v1/deliveries/{delivery.digest}"

    def at(file: ReceivedFile) -> str:
        return f"{base}/files/{file.sha256}"

    return message(delivery, at=at)


def answer(word: Word) -> HandOver:
    """The edge's form of a word."""
    return Rejection(word.code or "CHANNEL_REJECTED") if word.state == "rejected" else Accepted()
