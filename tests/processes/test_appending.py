"""Several real processes append to one log at once and are killed at moments nobody chose: it never forks.

The seed decides who is killed after how much; it is printed, and `LIAISON_PROCESSES_SEED` repeats it (the moment inside
a step stays the machine's). What any of them was told is durable must stand there in the end.
"""

import os
import random
import selectors
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from hub.wiring import open_tables
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 3
LEAVES = 240
KILLS = 8

APPENDER = """
import sys
from pathlib import Path
from hub.log.batch import Draft
from hub.settings import load_settings
from hub.wiring import open_log
from schemas.errors import Unavailable

def work(batch):
    indices = [batch.add(Draft("SignedIn", to=("test-aut",), committed={"actor": sys.argv[2]})) for _ in range(2)]
    return lambda sealed: [(index, sealed.receipt(index).hex()) for index in indices]

with open_log(load_settings(Path(sys.argv[1]))) as opened:
    while True:
        try:
            found = opened.writer.commit_now(work)
        except Unavailable:
            continue
        for index, receipt in found:
            print(index, receipt, flush=True)
"""


def test_processes_killed_while_they_append(world: World) -> None:
    seed = int(os.environ.get("LIAISON_PROCESSES_SEED") or random.SystemRandom().randrange(2**32))
    print(f"LIAISON_PROCESSES_SEED={seed}")  # noqa: T201 - pytest shows it with a failure
    chance = random.Random(seed)  # noqa: S311 - nothing to guess
    moments = sorted(chance.sample(range(10, LEAVES), KILLS))
    world.open(processes=PROCESSES).close()
    told: dict[int, bytes] = {}
    with selectors.DefaultSelector() as selector:
        running = [start(world, selector) for _ in range(PROCESSES)]
        for moment in (*moments, LEAVES):
            while len(told) < moment:
                for key, _ in selector.select():
                    take(key.data, told)
            victim = chance.randrange(PROCESSES)
            end(running[victim], selector, told)
            running[victim] = start(world, selector)
        for process in running:
            end(process, selector, told)
    assert world.check() >= len(told)
    with closing(open_tables(world.settings())) as connection:
        stored = dict(connection.execute("SELECT idx, bytes FROM leaf").fetchall())
    for index, receipt in told.items():
        found = world.verified(receipt)  # under the log's keys, to a checkpoint that was signed
        assert (found.index, stored[index]) == (index, found.leaf_bytes)


def start(world: World, selector: selectors.BaseSelector) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", APPENDER, world.data, "officer-7"], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    selector.register(process.stdout, selectors.EVENT_READ, process)
    return process


def take(process: "subprocess.Popen[bytes]", told: dict[int, bytes]) -> bool:
    """One line of what it was told; whether there was one."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line.endswith(b"\n"):
        return False
    index, receipt = line.split()
    assert int(index) not in told, "two were given one place"
    told[int(index)] = bytes.fromhex(receipt.decode())
    return True


def end(process: "subprocess.Popen[bytes]", selector: selectors.BaseSelector, told: dict[int, bytes]) -> None:
    """Killed; what it had said is taken in."""
    process.kill()
    process.wait()
    assert process.stdout is not None
    selector.unregister(process.stdout)
    while take(process, told):
        pass
    process.stdout.close()
