"""From one edge's outbox to the other edge's national system, with everything on: three real programs.

The outbox is filled while its edge is down; then the edge starts, and it is watched from outside how the other's
hand-overs rise. So what is measured is sealing, signing, posting, verifying, logging, asking for the inbox, verifying
again, opening, checking, writing a file durably, signing evidence and logging that too. The rate is counted from the
first hand-over to the last, so that no program's start is in it; both are given.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from adapters.contract import Submission, Taken
from adapters.edge.intake import submit
from adapters.edge.settings import load_settings
from adapters.edge.wiring import open_edge
from bench.usage import cpu_seconds
from liaison.demo import inputs
from liaison.demo.programs import Programs
from liaison.demo.world import AUTHORITIES, World
from service.sqlite import Connection, open_database

SENDER, RECIPIENT = AUTHORITIES[0], replace(AUTHORITIES[1], channel="folder")
LOOK_SECONDS = 0.05  # the looking costs as well
SECONDS_MAX = 300


def measure(rounds: int, messages: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Rounds of so many messages; medians, and each round's rate."""
    with tempfile.TemporaryDirectory(prefix="liaison-bench-") as folder, Programs(Path(folder, "logs")) as programs:
        world = World(Path(folder), programs)
        say("end to end: keys and directory")
        world.found()
        for one in (SENDER, RECIPIENT):
            world.join(one)
        world.agree("TEST-AUT-MDA", datetime.now(UTC).date())
        world.start(["hub", RECIPIENT.id])
        found = []
        for number in range(rounds):
            say(f"end to end: filling the outbox for round {number + 1} of {rounds}")
            asyncio.run(_fill(world, messages))
            say(f"end to end: round {number + 1}")
            found.append(_round(world, programs, messages))
        status = world.status(RECIPIENT.id)
    return {
        "messages_per_round": messages,
        "handed_over": status["handed_over"],
        "alarms": status["alarms"],
        **{name: round(median(one[name] for one in found), 2) for name in found[0]},
        "each_round_per_second": [round(one["per_second"], 1) for one in found],
    }


async def _fill(world: World, messages: int) -> None:
    payload = inputs.ident_request(datetime.now(UTC).date())
    async with open_edge(load_settings(world.edge(SENDER.id))) as edge:
        await edge.directories.refresh()
        for _ in range(messages):
            settled = await submit(edge, "bench", Submission(os.urandom(16).hex(), payload, (RECIPIENT.id,)))
            if not isinstance(settled, Taken):
                raise SystemExit(f"a message was refused: {settled.code}")


def _round(world: World, programs: Programs, messages: int) -> dict[str, float]:
    names = ("hub", RECIPIENT.id)
    before = {name: cpu_seconds(programs.process(name)) for name in names}
    with closing(open_database(load_settings(world.edge(RECIPIENT.id)).database, readonly=True)) as connection:
        start = _handed_over(connection)
        begun = time.perf_counter()
        world.start([SENDER.id])
        first, end = 0.0, begun + SECONDS_MAX
        while (done := _handed_over(connection) - start) < messages:
            now = time.perf_counter()
            if done and not first:
                first, done_first = now, done
            if now > end:
                raise SystemExit(f"{done} of {messages} arrived in {SECONDS_MAX} seconds")
            time.sleep(LOOK_SECONDS)
        last = time.perf_counter()
    used = {name: 1000 * (cpu_seconds(programs.process(name)) - before[name]) / messages for name in names}
    used[SENDER.id] = 1000 * cpu_seconds(programs.process(SENDER.id)) / messages
    programs.stop(SENDER.id)
    return {
        "per_second": (messages - done_first) / (last - first),
        "per_second_with_start": messages / (last - begun),
        "hub_cpu_ms_per_message": used["hub"],
        "sender_cpu_ms_per_message_with_start": used[SENDER.id],
        "recipient_cpu_ms_per_message": used[RECIPIENT.id],
    }


def _handed_over(connection: Connection) -> int:
    found: int = connection.execute("SELECT count(*) FROM inbox WHERE state = 'handed_over'").fetchone()[0]
    return found
