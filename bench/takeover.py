"""What it costs when the process that relays, delivers and keeps clocks is gone: until another has its roles.

No consumer group is used (ADR 102), so this stands in for a rebalance. Two processes have the three roles between them
beside one that answers requests; the holder is killed, or told to end, under a steady load.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from bench import latency
from bench.bed import Bed
from bench.figures import longest_gap, spread
from bench.load import begun, ended
from bench.progress import say
from bench.site import POSTGRES, Site, ask

ROLES = ("relay", "deliver", "clock")
LEAD_SECONDS = 1.0
"""Of load before the holder goes."""
LOAD_SECONDS = 14.0
"""More than a lease and what its loss takes to be noticed."""
_LEASES = "SELECT role, epoch FROM lease"


def measure(bed: Bed) -> dict[str, Any]:
    """Way to go -> seconds until each role has another holder, and the longest time in which nothing was delivered."""
    sizes = bed.sizes
    count = int(sizes.takeover_rate * LOAD_SECONDS)
    pool = bed.pool(bed.called, latency.WARM_UP + 2 * sizes.takeovers * count)
    found: dict[str, Any] = {}
    with bed.site(bed.called, POSTGRES, received=True) as site, _leases(site) as session:
        site.start(roles="api")
        names = iter(range(1000))
        held = _join(site, f"roles{next(names)}")
        _wait_for(session, dict.fromkeys(ROLES, 0))
        site.load(pool.file, 0, latency.WARM_UP, connections=sizes.connections)
        site.wait_handed_over()
        for words, number in (("killed", signal.SIGKILL), ("told_to_end", signal.SIGTERM)):
            runs: list[dict[str, float]] = []
            for _ in range(sizes.takeovers):
                say(f"takeover: {words}")
                next_ = _join(site, f"roles{next(names)}")
                load = begun(
                    site.url,
                    pool.file,
                    site.sent,
                    count,
                    connections=latency.OPEN_CONNECTIONS,
                    rate=sizes.takeover_rate,
                )
                time.sleep(LEAD_SECONDS)
                before = dict(session.execute(_LEASES).fetchall())
                at = time.perf_counter()
                os.kill(site.programs.process(held), number)
                taken = _wait_for(session, before)
                seen = ended(load)
                site.leave(held)
                held = next_
                first = site.sent
                site.note_sent(count, seen)
                site.wait_handed_over()
                times = ask(f"{site.recipients}/times")
                came = [times[digest][0] for digest in pool.digests[first : first + count]]
                runs.append(
                    {f"{role}_seconds": moment - at for role, moment in taken.items()}
                    | {"nothing_delivered_seconds": longest_gap(came), "door_p99_ms": seen["p99_ms"]}
                )
            found[words] = {name: spread([run[name] for run in runs]) for name in runs[0]}
        lease = site.world.settings().lease_seconds
        site.stop()
    return {"lease_seconds": lease, "offered_per_second": sizes.takeover_rate, **found}


def _join(site: Site, name: str) -> str:
    """Another process that may have the roles; it waits for them by the time this returns."""
    said = site.begin(name, "--roles", ",".join(ROLES), "--port", "0")
    site.programs.wait_until("the process", lambda: '"hub.started"' in said() or None, 60)
    return name


@contextmanager
def _leases(site: Site) -> Iterator["psycopg.Connection[Any]"]:
    with psycopg.connect(site.world.settings().database_url, autocommit=True) as session:
        yield session


def _wait_for(session: "psycopg.Connection[Any]", before: dict[str, int]) -> dict[str, float]:
    """When each role was seen under another epoch."""
    taken: dict[str, float] = {}
    until = time.perf_counter() + 60
    while len(taken) < len(ROLES):
        for role, epoch in session.execute(_LEASES):
            if epoch > before[role] and role not in taken:
                taken[role] = time.perf_counter()
        if time.perf_counter() > until:
            raise SystemExit(f"nobody took {set(ROLES) - set(taken)} in a minute")
        time.sleep(0.005)
    return taken
