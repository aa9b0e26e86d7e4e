"""Ports of loopback for what tests start: the one owner of them, so that two never get the same, whoever asks.

A port is given once in a process, for it may be somebody's although nobody listens there just now: a program that was
killed and starts again, a world whose programs run in one test of many. Nor is it given by two processes at a time:
ports are had in blocks, and who has a block holds its first port for as long as it lives. All lie below those which the
kernel gives to who does not ask for one by number.
"""

import atexit
import random
import socket
from collections.abc import Iterator
from contextlib import suppress

LOOPBACK = "127.0.0.1"
PORTS = range(20_000, 32_000)
BLOCK = 100


class Ports:
    """Gives each of some ports once; no two of these ever give the same, in one process or in several."""

    def __init__(self, ports: range = PORTS) -> None:
        self._ports = ports
        self._block: Iterator[int] = iter(())

    def free(self, count: int) -> list[int]:
        """So many at which nobody listens."""
        return [self._next() for _ in range(count)]

    def _next(self) -> int:
        while True:
            for port in self._block:
                with suppress(OSError), socket.socket() as trial:  # somebody may be there who did not ask us
                    trial.bind((LOOPBACK, port))
                    return port
            self._block = self._claimed()

    def _claimed(self) -> Iterator[int]:
        """A block that nobody has; it is ours until this process ends."""
        firsts = self._ports[::BLOCK]
        for first in random.SystemRandom().sample(firsts, len(firsts)):
            held = socket.socket()
            try:
                held.bind((LOOPBACK, first))
            except OSError:
                held.close()
                continue
            atexit.register(held.close)
            at = self._ports.index(first)
            return iter(self._ports[at + 1 : at + BLOCK])
        raise AssertionError(f"no port is left of {self._ports.start} to {self._ports.stop - 1}")


free_ports = Ports().free
