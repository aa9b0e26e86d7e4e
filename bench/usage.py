"""Processor time and memory of processes with all their children, as Linux tells it (/proc)."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
_RESIDENT = ("RssAnon:", "RssFile:")


def tree(process: int) -> Iterator[int]:
    """The process and its children, and theirs."""
    yield process
    with suppress(OSError):
        for child in Path(f"/proc/{process}/task/{process}/children").read_text(encoding="ascii").split():
            yield from tree(int(child))


def cpu_seconds(*roots: int) -> float:
    """User and system time so far: of those that run, and of their children that have ended."""
    return sum(_ticks(process) for root in roots for process in tree(root)) / TICKS


def _ticks(process: int) -> int:
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0  # it ended just now: then it is in its parent's
    return sum(int(one) for one in stat.rpartition(")")[2].split()[11:15])


def resident_kib(process: int) -> int:
    """Memory in use, without what is shared with others on purpose (PostgreSQL's buffers fill once and stay)."""
    with suppress(OSError):
        lines = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace").splitlines()
        return sum(int(line.split()[1]) for line in lines if line.startswith(_RESIDENT))
    return 0


def resident_tree_kib(roots: Iterable[int]) -> int:
    """Of all of them together."""
    return sum(resident_kib(process) for root in roots for process in tree(root))
