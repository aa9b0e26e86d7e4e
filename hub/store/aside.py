"""Work that waits for a server's answers beside the event loop: whatever else the program has to do goes on meanwhile.

Work is written straight down, as for a database that answers at once. It runs in a greenlet of its own; where it has to
wait for a socket it leaves to the loop, and goes on where it stood once the socket is ready. Guarantees that whoever
cannot wait in turn (`finish`) brings it to its end at once, and that work that was begun is ended on every way out: a
cancelled waiter ends it first.
"""

import asyncio
import contextvars
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")

READ, WRITE = 1, 2


@dataclass(frozen=True, slots=True)
class Need:
    """What the work waits for: one of these (`READ`, `WRITE`, or both) of a socket, until then of `time.monotonic`."""

    socket: int
    ready: int
    until: float


class Aside(Generic[T]):
    """One piece of work under way."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._greenlet = greenlet(self._whole)
        self._greenlet.gr_context = contextvars.copy_context()
        self._loops = getcurrent()
        self._need: Need | None = None
        self._watch: _Watch | None = None
        self._result: list[T] = []
        self._error: BaseException | None = None

    @property
    def is_ours(self) -> bool:
        """Whether who asks is the work itself."""
        return getcurrent() is self._greenlet

    def leave(self, need: Need) -> int:
        """Called by the work: which of these is ready, 0 when the time is over. Ready at once, it does not leave."""
        found: int = _ready(need, 0) or self._loops.switch(need)
        return found

    async def run(self) -> T:
        """What the work gives, or raises."""
        try:
            self._go_on(0)
            while self._need is not None:
                found = await self._awaited(self._need)
                if self._need is not None:  # nobody has finished it meanwhile
                    self._go_on(found)
        finally:
            self.finish()
        if self._error is not None:
            raise self._error
        return self._result[0]

    def finish(self) -> None:
        """Bring the work to its end without the loop. Who awaits it is told there as always."""
        if self._watch is not None:
            self._watch.end()  # at once: the work may close the socket
        while (need := self._need) is not None:
            self._go_on(_ready(need, max(need.until - time.monotonic(), 0.0)))

    def _go_on(self, found: int) -> None:
        self._need = self._greenlet.switch(found)

    def _whole(self, _: int) -> None:
        try:
            self._result.append(self._work())
        except BaseException as error:  # noqa: BLE001 - it is of whoever awaits the work, not of who finishes it
            self._error = error

    async def _awaited(self, need: Need) -> int:
        self._watch = watch = _Watch(need)
        try:
            async with asyncio.timeout(max(need.until - time.monotonic(), 0.0)):
                return await watch.news
        except TimeoutError:
            return 0
        finally:
            watch.end()
            self._watch = None


class _Watch:
    """The event loop looks at a socket until it is ready, or nobody wants to know any more."""

    def __init__(self, need: Need) -> None:
        self._loop = asyncio.get_running_loop()
        self._need: Need | None = need
        self.news: asyncio.Future[int] = self._loop.create_future()
        if need.ready & READ:
            self._loop.add_reader(need.socket, self._tell, READ)
        if need.ready & WRITE:
            self._loop.add_writer(need.socket, self._tell, WRITE)

    def end(self) -> None:
        """The loop lets go of the socket; who awaits news is told that there are none."""
        if (need := self._need) is not None:
            self._need = None
            if need.ready & READ:
                self._loop.remove_reader(need.socket)
            if need.ready & WRITE:
                self._loop.remove_writer(need.socket)
        self._tell(0)

    def _tell(self, found: int) -> None:
        if not self.news.done():
            self.news.set_result(found)


def _ready(need: Need, seconds: float) -> int:
    poll = select.poll()
    asked = (select.POLLIN if need.ready & READ else 0) | (select.POLLOUT if need.ready & WRITE else 0)
    poll.register(need.socket, asked)
    found = 0
    for _, events in poll.poll(seconds * 1000):
        if events & ~(select.POLLIN | select.POLLOUT):  # an end or an error: whoever reads or writes finds it
            return need.ready
        found = (READ if events & select.POLLIN else 0) | (WRITE if events & select.POLLOUT else 0)
    return found
