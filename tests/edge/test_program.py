"""The edge as a program: every task running, channels in and out, until it is told to end."""

import asyncio
import time
from datetime import datetime, timedelta

from adapters.contract import Refused, Submission, Taken
from adapters.edge.app import create_app
from adapters.edge.wiring import Edge
from schemas import registry
from tests.edge.conftest import Rig, submission
from tests.edge.memory import OPEN, MemoryChannel
from tests.world import NOW, Clock, lifespan


class Ticking(Clock):
    """Goes on by itself from where the world began."""

    def __init__(self) -> None:
        super().__init__(NOW)
        self._began = time.monotonic()

    def __call__(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._began)


def fail() -> None:
    raise AssertionError("a task has failed")


async def until(channel: MemoryChannel, count: int) -> None:
    """So many were delivered."""
    while len(channel.delivered) < count:
        channel.got.clear()
        await channel.got.wait()
