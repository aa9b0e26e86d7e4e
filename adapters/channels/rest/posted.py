"""Submissions in: a POST waits here for the edge's word.

Guarantees that no more than `waiting_max` wait, that a POST is answered 202 only once the edge has said `Taken` and the
journal knows it, and that a POST nobody waits for any more is not offered: its caller sends the same again.
"""

import asyncio
from dataclasses import dataclass, field

from adapters.channels.rest.journal import Journal
from adapters.contract import Settlement, Submission, Taken
from schemas.errors import Unavailable


@dataclass(frozen=True, slots=True)
class _Posted:
    """An `Inbound` of a POST."""

    submission: Submission
    journal: Journal
    word: "asyncio.Future[Settlement]" = field(repr=False)

    async def settle(self, settlement: Settlement) -> None:
        """Whoever posted it is told. Raises Unavailable when the journal cannot be written; it is then posted again."""
        try:
            if isinstance(settlement, Taken):
                self.journal.taken(settlement)
        except Unavailable as error:
            if not self.word.done():
                self.word.set_exception(Unavailable(error.code, error.retry_after_seconds))
            raise
        if not self.word.done():
            self.word.set_result(settlement)


class PostedSubmissions:
    """The queue between the door and the edge."""

    def __init__(self, journal: Journal, *, waiting_max: int, settle_seconds: float) -> None:
        self._journal = journal
        self._waiting_max = waiting_max
        self._settle_seconds = settle_seconds
        self._queue: asyncio.Queue[_Posted] = asyncio.Queue()
        self._waiting: set[asyncio.Future[Settlement]] = set()
        self._open = False

    def open(self) -> None:
        """Submissions are taken."""
        self._open = True

    def shut(self) -> None:
        """None is taken any more; those not yet offered are answered 503."""
        self._open = False
        while not self._queue.empty():
            self._queue.get_nowait().word.cancel()

    def end(self) -> None:
        """Nobody waits any more: whoever does is answered 503."""
        self.shut()
        for word in list(self._waiting):
            word.cancel()

    async def next(self) -> _Posted:
        """The next one; waits."""
        while True:
            posted = await self._queue.get()
            if not posted.word.done():
                return posted

    async def post(self, submission: Submission) -> Settlement:
        """The edge's word about it. Raises Unavailable when it cannot be had now."""
        if not self._open or len(self._waiting) >= self._waiting_max:
            raise Unavailable("BUSY")
        word: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()
        self._waiting.add(word)
        self._queue.put_nowait(_Posted(submission, self._journal, word))
        try:
            done, _ = await asyncio.wait({word}, timeout=self._settle_seconds)
            if not done or word.cancelled():
                raise Unavailable("BUSY")
            return word.result()
        finally:
            word.cancel()
            self._waiting.discard(word)
