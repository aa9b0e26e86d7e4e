"""How long a backup and its proven restore take, and how much memory, for a log of so many messages. Prints JSON.

    python -m bench.backup [--messages 100000] [--engines sqlite postgres]

The log is filled by the hub's own intake and writer (bench/filling.py): each message opens a case of its own and is
handed over, three leaves, and has no container any more, as most of a log that is long. Then the two commands run as an
operator runs them, each a program of its own, while nothing else does. A restore is first checked file by file and
loaded, then proved, both in one program: how long each took it says itself. Memory is that of the program, not of
PostgreSQL's server. `load_average` says what else the machine had to do: figures of a busy one say little.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from bench.filling import fill
from bench.founding import Founded, found
from bench.progress import machine, say
from bench.site import Site
from hub.wiring import open_tables
from liaison.demo.programs import Programs
from tests.postgres import Server

SQLITE, POSTGRES = "sqlite", "postgres"
LEAVES_A_MESSAGE = 3
RECIPIENT = "test-mda"
STARTER = """
import json, resource, subprocess, sys

subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"cpu_seconds": round(used.ru_utime + used.ru_stime, 1), "resident_mib_max": used.ru_maxrss // 1024}))
"""
"""A small process between: what a program had in memory at most begins with what its starter has."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--engines", nargs="+", choices=(SQLITE, POSTGRES), default=(SQLITE, POSTGRES))
    options = parser.parse_args()
    report: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder:
        founded = found(Path(folder, "founded"), 3)
        for engine in options.engines:
            report[engine] = measure(Path(folder, engine), founded, engine, options.messages)
    json.dump(report, sys.stdout, indent=2)
    sys.stdout.write("\n")


def measure(folder: Path, founded: Founded, engine: str, messages: int) -> dict[str, Any]:
    """A hub of its own on this engine, filled, backed up, and restored to the same engine."""
    with ExitStack() as stack:
        world = founded.copy(folder)
        url: tuple[str, ...] = ()
        if engine == POSTGRES:
            server = Server()
            stack.callback(server.end)
            world.use(server.database())
            url = ("--database-url", server.database())
        programs = stack.enter_context(Programs(folder / "logs"))
        say(f"{engine}: {messages} messages are filled in")
        count = fill(Site(world, programs, ""), founded, LEAVES_A_MESSAGE * messages, RECIPIENT, hand_over=True)
        with closing(open_tables(world.settings(), there=True)) as connection:
            connection.execute("UPDATE message SET container = NULL")
        target = folder / "backup"
        backup = command(engine, "backup", world.data, target)
        restore = command(engine, "restore", target, folder / "restored", "--verify", "--keys", world.data, *url)
    return {
        "messages": count,
        "leaves": restore["size"],
        "backup": chosen(backup, "seconds", "cpu_seconds", "resident_mib_max"),
        "backup_bytes": backup["bytes"],
        "restore": chosen(restore, "seconds", "load_seconds", "proof_seconds", "cpu_seconds", "resident_mib_max"),
        "load_average": [round(one, 1) for one in os.getloadavg()],
    }


def command(engine: str, *words: str | Path) -> dict[str, Any]:
    """`liaison hub` with these words, as a program of its own: what it said, took and had in memory at most."""
    say(f"{engine}: liaison hub {words[0]}")
    begun = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-c", STARTER, sys.executable, "-m", "liaison", "hub", *map(str, words), "--json"],
        stdout=subprocess.PIPE,
        check=True,
    )
    said, used = map(json.loads, process.stdout.splitlines())
    return {**said, "seconds": round(time.perf_counter() - begun, 1), **used}


def chosen(said: dict[str, Any], *names: str) -> dict[str, Any]:
    """These of them."""
    return {name: said[name] for name in names}


if __name__ == "__main__":
    main()
