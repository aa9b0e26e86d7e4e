"""How fast, against what this machine gives at best. Prints one JSON object; progress goes to standard error.

    python3 bootstrap.py bench [--rounds 5] [--messages 2000] [--end-to-end 2000]
    python3 bootstrap.py bench faults [--seed N] [--minutes 10]      what is lost when everything goes wrong
    python3 bootstrap.py bench production [...]     PostgreSQL, Kafka, several processes: bench/production.py

Floors and hub are measured in the same run over the same bytes, in turn and several times; medians are given, with the
least and the most beside them. The hub is the real program with everything on (two signatures checked, log durable,
receipt with proof); the load generator is a process of its own and posts containers sealed beforehand. Loopback only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import end_to_end, faults, floors, production
from bench.figures import spread
from bench.load import apart, write_containers
from bench.messages import demo_mill
from bench.progress import machine, say
from bench.usage import cpu_seconds
from liaison.demo.programs import Programs, answers
from liaison.demo.world import AUTHORITIES, World, free_ports

HERE = Path(__file__).resolve().parent
SIZES = {"1KiB": 1024, "16KiB": 16 * 1024}
CONNECTIONS = 32
BATCH = 64


@dataclass(frozen=True)
class Running:
    """A hub that runs, and a file of containers for it."""

    world: World
    programs: Programs
    file: Path


def main() -> None:
    """Measure and print."""
    others = {"faults": faults.main, "production": production.main}
    if sys.argv[1:2] and sys.argv[1] in others:
        others[sys.argv[1]](sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=2000, help="per round and size")
    parser.add_argument("--end-to-end", type=int, default=2000, help="messages through both edges, per round")
    options = parser.parse_args()
    report: dict[str, Any] = {
        "machine": machine(),
        "rounds": options.rounds,
        "accept": {},
    }
    for name, size in SIZES.items():
        report["accept"][name] = accept(name, size, options.rounds, options.messages)
    report["end_to_end"] = end_to_end.measure(min(options.rounds, 3), options.end_to_end, say)
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")


def accept(name: str, size: int, rounds: int, messages: int) -> dict[str, Any]:
    """The door of the hub, and its floors, with payloads of one size."""
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder, Programs(Path(folder, "logs")) as programs:
        world = World(Path(folder), programs)
        say(f"{name}: keys and directory")
        world.found()
        for one in AUTHORITIES[:2]:
            world.join(one)
        world.agree("TEST-AUT-MDA", datetime.now(UTC).date())
        world.start(["hub"])
        mill = demo_mill(world)
        say(f"{name}: sealing {4 * messages * rounds} messages")
        containers = [mill.container(size) for _ in range(4 * messages * rounds)]
        file = Path(folder, "containers")
        write_containers(file, containers)
        running = Running(world, programs, file)
        port = free_ports(1)[0]
        bare = subprocess.Popen([sys.executable, HERE / "bare_route.py", str(port)])
        programs.wait_until("the bare route", lambda: answers(f"http://127.0.0.1:{port}/"))
        found: dict[str, list[dict[str, Any]]] = {}
        try:
            for number in range(rounds):
                say(f"{name}: round {number + 1} of {rounds}")
                first = 4 * messages * number
                sample = containers[first : first + messages]
                verified, committed = floors.dual_verification(sample, mill.public), floors.sqlite_commits(sample, 64)
                for what, seen in (
                    ("floor_dual_verification", {"per_second": verified}),
                    ("floor_sqlite_groups_of_64", {"per_second": committed}),
                    (
                        "floor_bare_route",
                        apart(f"http://127.0.0.1:{port}", file, first, messages, connections=CONNECTIONS),
                    ),
                    ("hub_single_connection", hub(running, first, messages // 4, connections=1)),
                    ("hub", hub(running, first + messages, messages)),
                    ("hub_batches", hub(running, first + 2 * messages, messages, connections=4, batch=BATCH)),
                ):
                    found.setdefault(what, []).append(seen)
        finally:
            bare.terminate()
            bare.wait()
    return summary(found)


def summary(found: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Medians of each figure with least and most, and the hub against its slowest floor."""
    report: dict[str, Any] = {
        what: {figure: spread([one[figure] for one in runs]) for figure in runs[0] if _is_figure(runs[0][figure])}
        for what, runs in found.items()
    }
    slowest = min((one for one in report if one.startswith("floor_")), key=lambda one: report[one]["per_second"][0])
    for what in ("hub", "hub_batches"):
        report[what]["against_slowest_floor"] = round(
            report[what]["per_second"][0] / report[slowest]["per_second"][0], 3
        )
    return report | {"slowest_floor": slowest}


def hub(running: Running, first: int, count: int, *, connections: int = CONNECTIONS, batch: int = 0) -> dict[str, Any]:
    """Load on the hub; its own processor time a message beside what the generator saw."""
    process = running.programs.process("hub")
    before = cpu_seconds(process)
    seen = apart(running.world.url, running.file, first, count, connections=connections, batch=batch)
    accepted = sum(number for status, number in seen["statuses"].items() if status == "201")
    if accepted != count:
        raise SystemExit(f"of {count} messages {accepted} were accepted: {seen['statuses']}")
    return seen | {"hub_cpu_ms_per_message": 1000 * (cpu_seconds(process) - before) / count}


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float)


if __name__ == "__main__":
    main()
