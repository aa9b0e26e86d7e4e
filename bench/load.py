"""The load generator: a process of its own that posts containers sealed beforehand and prints what it saw.

    python bench/load.py URL FILE --connections 16 [--batch 64] [--first N] [--count N]
    python bench/load.py URL FILE --connections 64 --rate 300 [--times TIMES] [--first N] [--count N]

FILE holds containers, each behind its length in 4 bytes. Closed loop: each connection sends its next request when the
answer to the last has come; latency is that of a request. Open loop (`--rate`, messages a second): each message has
its moment, whatever became of those before, and latency counts from there, so that a hub which stands still is not
spared the messages that would have come meanwhile; TIMES gets each one's moment on the machine's monotonic clock. The
processor time is this process's own, so that the generator's share can be taken out of the reckoning.
"""

import argparse
import asyncio
import json
import struct
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from bench.figures import percentile
from service.batch import BATCH_TYPE, decode_results, encode_batch

CONTAINER_TYPE = "application/vnd.liaison.ixm.v1"
LEAD_SECONDS = 0.1
"""Before the first message of an open loop, so that it is not late from the start."""


def read_containers(path: Path, first: int = 0, count: int | None = None) -> list[bytes]:
    """The containers of a file, in order; `count` from `first` on, or all."""
    found: list[bytes] = []
    with path.open("rb") as file:
        while (count is None or len(found) < count) and (head := file.read(4)):
            (length,) = struct.unpack(">I", head)
            if first:
                file.seek(length, 1)
                first -= 1
            else:
                found.append(file.read(length))
    return found


def write_containers(path: Path, containers: list[bytes]) -> None:
    """The file that `read_containers` reads."""
    path.write_bytes(b"".join(struct.pack(">I", len(raw)) + raw for raw in containers))


def apart(url: str, file: Path, first: int, count: int, **options: float | str | Path) -> dict[str, Any]:
    """The load generator as a process of its own, to its end; `options` are those of its command line."""
    return ended(begun(url, file, first, count, **options))


def begun(url: str, file: Path, first: int, count: int, **options: float | str | Path) -> "subprocess.Popen[str]":
    """As `apart`, not waited for."""
    words = [sys.executable, __file__, url, file, "--first", first, "--count", count]
    for name, value in options.items():
        words += [f"--{name}", value]
    return subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True)


def ended(load: "subprocess.Popen[str]") -> dict[str, Any]:
    """What it saw."""
    out, _ = load.communicate()
    if load.returncode:
        raise SystemExit(f"the load generator ended with {load.returncode}")
    found: dict[str, Any] = json.loads(out)
    return found


async def run(url: str, containers: list[bytes], connections: int, batch: int) -> dict[str, object]:
    """Post them all; returns counts, rate and latencies in milliseconds."""
    if batch:
        bodies = [
            encode_batch([(0, raw) for raw in containers[i : i + batch]]) for i in range(0, len(containers), batch)
        ]
    else:
        bodies = containers
    queue = iter(bodies)
    seen = _Seen()

    async def connection(session: aiohttp.ClientSession) -> None:
        for body in queue:
            begun = time.perf_counter()
            await seen.post(session, url, body, batch=bool(batch))
            seen.latencies.append(time.perf_counter() - begun)

    return await _measured(seen, len(containers), connections, (connection for _ in range(connections)))


async def run_open(
    url: str, containers: list[bytes], connections: int, rate: float
) -> tuple[dict[str, object], "array[float]"]:
    """Post so many a second; as `run`, and the moment at which each was to be sent."""
    seen, times = _Seen(), array("d")

    async def one(session: aiohttp.ClientSession, raw: bytes, due: float) -> None:
        await seen.post(session, url, raw, batch=False)
        seen.latencies.append(time.perf_counter() - due)

    async def sending(session: aiohttp.ClientSession) -> None:
        begun = time.perf_counter() + LEAD_SECONDS
        async with asyncio.TaskGroup() as group:
            for number, raw in enumerate(containers):
                times.append(begun + number / rate)
                if (wait := times[-1] - time.perf_counter()) > 0:
                    await asyncio.sleep(wait)
                group.create_task(one(session, raw, times[-1]))

    return await _measured(seen, len(containers), connections, iter([sending])), times


class _Seen:
    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.statuses: dict[int, int] = {}

    async def post(self, session: aiohttp.ClientSession, url: str, body: bytes, *, batch: bool) -> None:
        media = BATCH_TYPE if batch else CONTAINER_TYPE
        async with session.post(f"{url}/v1/messages", data=body, headers={"Content-Type": media}) as answer:
            content = await answer.read()
        found = [status for status, _ in decode_results(content)] if batch else [answer.status]
        for status in found:
            self.statuses[status] = self.statuses.get(status, 0) + 1


async def _measured(seen: _Seen, messages: int, connections: int, tasks: Iterator[Any]) -> dict[str, object]:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections), timeout=aiohttp.ClientTimeout(total=120)
    ) as session:
        begun, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(task(session))
        elapsed, cpu = time.perf_counter() - begun, time.process_time() - cpu
    ordered = sorted(seen.latencies)
    return {
        "messages": messages,
        "statuses": seen.statuses,
        "begun": begun,
        "seconds": round(elapsed, 4),
        "per_second": round(messages / elapsed, 1),
        "p50_ms": round(1000 * percentile(ordered, 0.5), 3),
        "p99_ms": round(1000 * percentile(ordered, 0.99), 3),
        "generator_cpu_ms_per_message": round(1000 * cpu / messages, 4),
    }


def main() -> None:
    """Parse, run, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--times", type=Path, default=None)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=None)
    options = parser.parse_args()
    containers = read_containers(options.file, options.first, options.count)
    if options.rate:
        found, times = asyncio.run(run_open(options.url, containers, options.connections, options.rate))
        if options.times:
            options.times.write_bytes(times.tobytes())
    else:
        found = asyncio.run(run(options.url, containers, options.connections, options.batch))
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
