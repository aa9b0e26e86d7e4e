"""Accepted messages a second with one hub process and with two, on each engine, and what two are worth."""

import os
from typing import Any

from bench.bed import Bed
from bench.figures import scaling, spreads
from bench.progress import say
from bench.site import POSTGRES, SQLITE

WARM_UP = 256
WORKERS = (1, 2)


def measure(bed: Bed) -> dict[str, Any]:
    """Engine -> way of posting -> figures of one and two processes, and how they compare.

    Nobody receives: the hub accepts, relays and takes from the broker, and pushes nothing.
    """
    sizes = bed.sizes
    pool = bed.pool(bed.quiet, WARM_UP + 2 * sizes.rounds * sizes.messages)
    ways: dict[str, dict[str, int]] = {
        "single": {"connections": sizes.connections},
        "batches": {"connections": sizes.batch_connections, "batch": sizes.batch},
    }
    report: dict[str, Any] = {}
    for engine in (SQLITE, POSTGRES):
        found: dict[str, dict[str, Any]] = {way: {} for way in ways}
        for workers in WORKERS:
            say(f"accepting: {engine}, {workers} hub process{'es' if workers > 1 else ''}")
            runs: dict[str, list[dict[str, Any]]] = {way: [] for way in ways}
            with bed.site(bed.quiet, engine) as site:
                site.start(workers)
                first = WARM_UP
                site.load(pool.file, 0, first, connections=sizes.connections)
                for _ in range(sizes.rounds):
                    for way, options in ways.items():
                        runs[way].append(site.load(pool.file, first, sizes.messages, **options))
                        first += sizes.messages
                site.stop()
            for way in ways:
                found[way][f"{workers}_processes"] = spreads(runs[way])
        for seen in found.values():
            seen["two_against_one"] = scaling(seen["1_processes"], seen["2_processes"], os.cpu_count() or 1)
        report[engine] = found
    return report
