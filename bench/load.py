"""The load generator: a process of its own that posts containers sealed beforehand and prints what it saw.

    python bench/load.py URL FILE --connections 16 [--batch 64] [--first N] [--count N]

FILE holds containers, each behind its length in 4 bytes. Closed loop: each connection sends its next request when the
answer to the last has come. Latency is that of a request; the processor time is this process's own, so that the
generator's share can be taken out of the reckoning.
"""

import argparse
import asyncio
import json
import struct
import sys
import time
from pathlib import Path

import aiohttp

from service.batch import BATCH_TYPE, decode_results, encode_batch

CONTAINER_TYPE = "application/vnd.liaison.ixm.v1"


def read_containers(path: Path) -> list[bytes]:
    """The containers of a file, in order."""
    data = path.read_bytes()
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        found.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return found


def write_containers(path: Path, containers: list[bytes]) -> None:
    """The file that `read_containers` reads."""
    path.write_bytes(b"".join(struct.pack(">I", len(raw)) + raw for raw in containers))


async def run(url: str, containers: list[bytes], connections: int, batch: int) -> dict[str, object]:
    """Post them all; returns counts, rate and latencies in milliseconds."""
    if batch:
        bodies = [
            encode_batch([(0, raw) for raw in containers[i : i + batch]]) for i in range(0, len(containers), batch)
        ]
        media = BATCH_TYPE
    else:
        bodies, media = containers, CONTAINER_TYPE
    queue = iter(bodies)
    latencies: list[float] = []
    statuses: dict[int, int] = {}

    async def connection(session: aiohttp.ClientSession) -> None:
        for body in queue:
            begun = time.perf_counter()
            async with session.post(f"{url}/v1/messages", data=body, headers={"Content-Type": media}) as answer:
                content = await answer.read()
            latencies.append(time.perf_counter() - begun)
            found = [status for status, _ in decode_results(content)] if batch else [answer.status]
            for status in found:
                statuses[status] = statuses.get(status, 0) + 1

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections), timeout=aiohttp.ClientTimeout(total=120)
    ) as session:
        begun, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as group:
            for _ in range(connections):
                group.create_task(connection(session))
        elapsed, cpu = time.perf_counter() - begun, time.process_time() - cpu
    ordered = sorted(latencies)
    return {
        "messages": len(containers),
        "statuses": statuses,
        "seconds": round(elapsed, 4),
        "per_second": round(len(containers) / elapsed, 1),
        "p50_ms": round(1000 * ordered[len(ordered) // 2], 3),
        "p99_ms": round(1000 * ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)], 3),
        "generator_cpu_ms_per_message": round(1000 * cpu / len(containers), 4),
    }


def main() -> None:
    """Parse, run, print JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=None)
    options = parser.parse_args()
    containers = read_containers(options.file)[options.first :]
    containers = containers[: options.count]
    json.dump(asyncio.run(run(options.url, containers, options.connections, options.batch)), sys.stdout)


if __name__ == "__main__":
    main()
