"""The hub on PostgreSQL and Apache Kafka, several processes of it. Prints one JSON object; progress: standard error.

    python3 bootstrap.py bench production [--parts floors,accept,...] [--quick] [--messages 2000] [...]

Real servers, started here as the tests start theirs (PostgreSQL of Debian, Kafka 4.3.1 of its released jars), the real
hub program, load generator and recipients as processes of their own, all on this machine's cores. What each group of
processes uses of them is read from /proc. One run gives everything, floors and ratios too.
"""

import argparse
import json
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import accepting, floors, growth, latency, server_floors, soak, takeover
from bench.bed import Bed, add_sizes, sizes_of
from bench.figures import spreads
from bench.load import read_containers
from bench.progress import machine, say
from tests.kafka import Cluster

BROKERS = (1, 3)
_LIST = re.compile(r"\[[^\[\]{}]*\]")


def floor(bed: Bed) -> dict[str, Any]:
    """What this machine gives at best for one duty alone, over the same bytes."""
    sizes = bed.sizes
    pool = bed.pool(bed.quiet, sizes.messages)
    sample = read_containers(pool.file, 0, sizes.messages)
    public = bed.quiet.partners["test-aut"].pair.public
    runs: list[dict[str, Any]] = []
    for number in range(sizes.rounds):
        say(f"floors: round {number + 1} of {sizes.rounds}")
        seen: dict[str, Any] = {
            "dual_verification": {"per_second": floors.dual_verification(sample, public)},
            f"sqlite_{sizes.batch}_a_commit": {"per_second": floors.sqlite_commits(sample, sizes.batch)},
            f"postgres_{sizes.batch}_a_commit": server_floors.postgres(bed.server, sample, sizes.batch),
            "postgres_1_a_commit": server_floors.postgres(bed.server, sample[: sizes.messages // 4], 1),
        }
        for count in BROKERS:
            with Cluster(count) as cluster:
                seen[f"kafka_{count}_brokers_groups_of_{sizes.batch}"] = server_floors.kafka(
                    cluster.bootstrap, sample, sizes.batch, count
                )
        runs.append(seen)
    return spreads(runs)


PARTS: Mapping[str, Callable[[Bed], dict[str, Any]]] = {
    "floors": floor,
    "accept": accepting.measure,
    "latency": latency.measure,
    "growth": growth.of_log,
    "partners": growth.of_partners,
    "backlog": growth.of_backlog,
    "soak": soak.measure,
    "takeover": takeover.measure,
}


def against_floors(report: Mapping[str, Any], group: int) -> dict[str, Any]:
    """What one hub process accepts, against the slowest of what it cannot do without."""
    found = report["floors"]
    common = {"dual_verification": found["dual_verification"]["per_second"][0]}
    own = {
        "sqlite": {"sqlite": found[f"sqlite_{group}_a_commit"]["per_second"][0]},
        "postgres_kafka": {
            "postgres_psycopg": found[f"postgres_{group}_a_commit"]["psycopg_unnest"]["per_second"][0],
            "kafka": found[f"kafka_1_brokers_groups_of_{group}"]["relay_records"]["per_second"][0],
        },
    }
    compared: dict[str, Any] = {}
    for engine, ways in report["accept"].items():
        slowest = min(common | own[engine], key=(common | own[engine]).__getitem__)
        floor_ = (common | own[engine])[slowest]
        ratios = {way: round(seen["1_processes"]["per_second"][0] / floor_, 3) for way, seen in ways.items()}
        compared[engine] = {"slowest_floor": slowest, **ratios}
    return compared


def main(arguments: Sequence[str]) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="bench production", description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-joined, in this order: %(default)s")
    parser.add_argument("--quick", action="store_true", help="small sizes: tries the bench, measures nothing")
    add_sizes(parser)
    options = parser.parse_args(arguments)
    parts = options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    sizes = sizes_of(options, quick=options.quick)
    report: dict[str, Any] = {"machine": machine(), "sizes": asdict(sizes), "seconds": {}}
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder:
        bed = Bed(Path(folder), sizes)
        try:
            for name in (one for one in PARTS if one in parts):
                begun = time.perf_counter()
                report[name] = PARTS[name](bed)
                report["seconds"][name] = round(time.perf_counter() - begun, 1)
        finally:
            bed.end()
    if {"floors", "accept"} <= report.keys():
        report["one_process_against_slowest_floor"] = against_floors(report, sizes.batch)
    sys.stdout.write(flat(json.dumps(report, indent=2)) + "\n")


def flat(text: str) -> str:
    """JSON whose lists of plain values stand on one line each."""
    return _LIST.sub(lambda found: " ".join(found.group().split()), text)
