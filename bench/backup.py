"""How long a backup and its proven restore take, and how much memory, for a log of so many messages. Prints JSON.

    python -m bench.backup [--messages 100000]

A real hub on SQLite takes messages of 1 KiB, each opening a case; then the two commands run as an operator runs them,
while nothing else does. `load_average` says what else the machine had to do: figures of a busy one say little.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.load import apart, write_containers
from bench.messages import demo_mill
from bench.progress import say
from bench.run import BATCH
from liaison.demo.programs import Programs
from liaison.demo.world import AUTHORITIES, World

PAYLOAD_BYTES = 1024
SEALED_AT_ONCE = 5000
CONNECTIONS = 4
STARTER = """
import json, resource, subprocess, sys

subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"cpu_seconds": round(used.ru_utime + used.ru_stime, 1), "resident_mib_max": used.ru_maxrss // 1024}))
"""
"""A small process between: what a program had in memory at most begins with what its starter has."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    messages = parser.parse_args().messages
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder, Programs(Path(folder, "logs")) as programs:
        world = World(Path(folder), programs)
        world.found()
        for one in AUTHORITIES[:2]:
            world.join(one)
        world.agree("TEST-AUT-MDA", datetime.now(UTC).date())
        world.start(["hub"])
        fill(world, Path(folder, "containers"), messages)
        programs.stop("hub")
        backup = Path(folder, "backup")
        report = {
            "messages": messages,
            "backup": command("backup", world.hub, backup),
            "backup_bytes": sum(path.stat().st_size for path in backup.rglob("*") if path.is_file()),
            "restore": command("restore", backup, Path(folder, "restored"), "--keys", world.hub),
            "load_average": [round(one, 1) for one in os.getloadavg()],
            "cores": os.cpu_count(),
        }
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")


def fill(world: World, file: Path, messages: int) -> None:
    """The hub has accepted so many."""
    mill = demo_mill(world)
    for first in range(0, messages, SEALED_AT_ONCE):
        count = min(SEALED_AT_ONCE, messages - first)
        write_containers(file, [mill.container(PAYLOAD_BYTES) for _ in range(count)])
        seen = apart(world.url, file, 0, count, connections=CONNECTIONS, batch=BATCH)
        if seen["statuses"] != {"201": count}:
            raise SystemExit(f"of {count} messages not all were accepted: {seen['statuses']}")
        say(f"{first + count} of {messages} messages")


def command(*words: str | Path) -> dict[str, object]:
    """`liaison hub` with these words, as a program of its own: what it said, took and had in memory at most."""
    begun = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-c", STARTER, sys.executable, "-m", "liaison", "hub", *map(str, words), "--json"],
        stdout=subprocess.PIPE,
        check=True,
    )
    said, used = map(json.loads, process.stdout.splitlines())
    return {"size": said["size"], "seconds": round(time.perf_counter() - begun, 1), **used}


if __name__ == "__main__":
    main()
