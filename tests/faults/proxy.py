"""Stands between programs and servers as a network does: passes bytes on, holds them, cuts, delays, loses one answer.

Asyncio in a thread of its own (the test waits synchronously). Each server that others reach through it gets a port
more; one rule says for every connection what becomes of it, from whom to whom it goes, and may change at any moment.
Whoever is held notices nothing but silence, as beyond a switch that drops everything; whoever is cut is told so.
"""

import asyncio
import math
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

PASS, HOLD, CUT = 0.0, math.inf, -1.0
"""What a rule says of a connection; any other number is a delay in seconds of whatever it carries."""
CHUNK_BYTES = 64 * 1024
_LISTENS_AT = "127.0.0.1"


@dataclass(eq=False, slots=True)
class Link:
    """A connection to the server `to`, by the process known as `by`, empty where it is none of those named.

    `lost` is what the answer that shall be lost holds; should it be the first such, the connection ends instead.
    """

    to: str
    by: str
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    lost: bytes = b""

    def end(self) -> None:
        """Both sides are told."""
        for writer in self.writers:
            writer.transport.abort()


Rule: TypeAlias = Callable[[Link], float]
Asked: TypeAlias = Callable[[bytes], bytes]
"""What the answer to these bytes will hold, when it is the one to be lost; else nothing."""


def produced(asked: bytes) -> bytes:
    """The correlation of a request that gives records to Kafka."""
    if len(asked) < 12:
        return b""
    length, kind, version, correlation = struct.unpack(">ihh4s", asked[:12])
    return bytes(correlation) if kind == 0 and 3 <= version <= 13 and length + 4 >= len(asked) else b""


def committed(_: bytes) -> bytes:
    """What PostgreSQL says when it has committed; what asks for it may have been prepared, and have no words."""
    return b"COMMIT\0"


class Network:
    """All connections. `pids` are the processes that have a name, asked whenever somebody connects."""

    def __init__(self, pids: Callable[[], Mapping[str, int]] = dict) -> None:
        self._pids = pids
        self._rule: Rule = lambda _: PASS
        self._links: set[Link] = set()
        self._lose: tuple[Asked, str] | None = None
        self.lost = 0
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._doors: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),), daemon=True)
        self._thread.start()

    def through(self, to: str, target: int, public: int) -> None:
        """`public` leads to the server `to`, which listens at `target`, and may do so later."""
        asyncio.run_coroutine_threadsafe(self._open(to, target, public), self._loop).result()

    def rule(self, rule: Rule) -> None:
        """From now on."""
        asyncio.run_coroutine_threadsafe(self._set(rule), self._loop).result()

    def lose(self, asked: Asked, to: str = "") -> None:
        """The next answer to such a request is lost, after the server did what it was asked; `lost` counts them.

        `to` is the server; any, unless it is named.
        """
        self._loop.call_soon_threadsafe(self._arm, (asked, to))

    def end(self) -> None:
        """All connections are cut."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
            self._loop.close()

    def _arm(self, lose: tuple[Asked, str]) -> None:
        self._lose = lose
        for link in self._links:
            link.lost = b""

    async def _run(self) -> None:
        await self._stop.wait()
        for door in self._doors:
            door.close()
        for link in self._links:
            link.end()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self, to: str, target: int, public: int) -> None:
        async def carried(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.CancelledError):  # only `end` cancels, and asyncio would say so on the error stream
                await self._carry(to, target, reader, writer)

        self._doors.append(await asyncio.start_server(carried, _LISTENS_AT, public, limit=CHUNK_BYTES))

    async def _set(self, rule: Rule) -> None:
        self._rule = rule
        for link in self._links:
            if rule(link) == CUT:
                link.end()
        self._changed.set()
        self._changed = asyncio.Event()

    async def _carry(self, to: str, target: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(to, owner(writer.get_extra_info("peername")[1], self._pids()), [writer])
        self._links.add(link)
        try:
            if self._rule(link) == CUT:
                return
            answers, asks = await asyncio.open_connection(_LISTENS_AT, target, limit=CHUNK_BYTES)
            link.writers.append(asks)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(link, reader, asks, self._asked))
                group.create_task(self._pump(link, answers, writer, self._answered))
        except (OSError, ExceptionGroup):
            pass  # one side is gone, and so is the other now
        finally:
            link.end()
            self._links.discard(link)

    async def _pump(
        self,
        link: Link,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        seen: Callable[[Link, bytes], bool],
    ) -> None:
        while data := await reader.read(CHUNK_BYTES):
            while (delay := self._rule(link)) == HOLD:
                await self._changed.wait()
            if delay > 0:
                await asyncio.sleep(delay)
            if seen(link, data):
                writer.write(data)
                await writer.drain()
        link.end()

    def _asked(self, link: Link, data: bytes) -> bool:
        if self._lose is not None:
            lose, to = self._lose
            if link.to == (to or link.to) and (lost := lose(data)):
                link.lost = lost  # perhaps not the only one, nor the first to be answered, if it is at all
        return True

    def _answered(self, link: Link, data: bytes) -> bool:
        if self._lose is None or not link.lost or link.lost not in data:
            return True
        self._lose = None
        self.lost += 1
        link.end()
        return False


@contextmanager
def network(pids: Callable[[], Mapping[str, int]] = dict) -> Iterator[Network]:
    """One that ends."""
    found = Network(pids)
    try:
        yield found
    finally:
        found.end()


def owner(port: int, pids: Mapping[str, int]) -> str:
    """Which of these processes has the connection that begins at this port of loopback."""
    sockets = _sockets(port)
    for name, pid in pids.items():
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if str(entry.readlink()) in sockets:
                        return name
    return ""


def _sockets(port: int) -> set[str]:
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/self/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            columns = line.split()
            if int(columns[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{columns[9]}]")
    return found
