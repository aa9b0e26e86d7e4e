"""How the edge's tasks wake each other: a bell each, and a look at the database now and then all the same."""

import asyncio
import random
from contextlib import suppress


class Bell:
    """Rung when there is something to do; may be rung before anybody listens."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """There is something to do."""
        self._event.set()

    async def heard(self, seconds: float) -> None:
        """Returns when it was rung since the last time, or after so many seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._event.wait()
        self._event.clear()


class Bells:
    """One bell a task."""

    def __init__(self) -> None:
        self.room = Bell()
        self.outbox = Bell()
        self.sealed = Bell()
        self.inbox = Bell()
        self._ready: dict[str, Bell] = {}
        self.evidence = Bell()
        self.progress = Bell()
        self.settled = Bell()

    def ready_for(self, channel: str) -> Bell:
        """Rung when there is something to hand over through this channel."""
        return self._ready.setdefault(channel, Bell())


def backoff(attempts: int, first: float, most: float, *, told: float | None = None) -> float:
    """Seconds until the next try: doubling, half of it random, never sooner than we were told."""
    grown = min(most, first * 2.0 ** min(attempts, 30))
    return max(told or 0.0, grown * (0.5 + random.random() / 2))  # noqa: S311 - spreads load, hides nothing
