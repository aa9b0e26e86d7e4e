"""How long a message takes at half of the load that was just measured: at the door, and to its recipient's word."""

from array import array
from typing import Any

from bench.bed import Bed, Pool
from bench.figures import latencies
from bench.progress import say
from bench.site import POSTGRES, Site, ask

WARM_UP = 256
OPEN_CONNECTIONS = 256
"""Of an open loop: enough that none waits for another in the generator."""


def measure(bed: Bed) -> dict[str, Any]:
    """Of the door and of the whole way, each with the load it was measured at."""
    sizes = bed.sizes
    say("latency: the door")
    count = WARM_UP + sizes.messages + sizes.open_messages
    pool = bed.pool(bed.quiet, count)
    with bed.site(bed.quiet, POSTGRES) as site:
        site.start(sizes.workers)
        site.load(pool.file, 0, WARM_UP, connections=sizes.connections)
        most = site.load(pool.file, WARM_UP, sizes.messages, connections=sizes.connections)["per_second"]
        seen = site.load(
            pool.file,
            WARM_UP + sizes.messages,
            sizes.open_messages,
            connections=OPEN_CONNECTIONS,
            rate=most / 2,
        )
        site.stop()
    door = {
        "measured_per_second": most,
        "offered_per_second": round(most / 2, 1),
        "messages": seen["messages"],
        "p50_ms": seen["p50_ms"],
        "p99_ms": seen["p99_ms"],
        "cores_busy": seen["cores_busy"],
    }
    say("latency: the whole way")
    pool = bed.pool(bed.called, count)
    with bed.site(bed.called, POSTGRES, received=True) as site:
        site.start(sizes.workers)
        whole = way(bed, site, pool, sizes.open_messages)
        site.stop()
    return {"workers": sizes.workers, "door": door, "whole_way": whole}


def capacity(bed: Bed, site: Site, pool: Pool) -> dict[str, Any]:
    """What a site carries the whole way, posted singly: figures of the pool's first messages after a warm-up."""
    site.whole_way(pool.file, 0, WARM_UP, connections=bed.sizes.connections)
    return site.whole_way(pool.file, WARM_UP, bed.sizes.messages, connections=bed.sizes.connections)


def way(bed: Bed, site: Site, pool: Pool, count: int, rate: float = 0.0) -> dict[str, Any]:
    """Latencies from a message's moment to its recipient's door and to the receipt of its hand-over.

    At the given rate, else at half of what the site is found to carry before.
    """
    found: dict[str, Any] = {}
    if not rate:
        most = capacity(bed, site, pool)
        rate, found = most["per_second"] / 2, {"measured": most}
    first, file = site.sent, bed.folder / "moments"
    seen = site.load(pool.file, first, count, connections=OPEN_CONNECTIONS, rate=rate, times=file)
    site.wait_handed_over()
    times, due = ask(f"{site.recipients}/times"), array("d")
    due.frombytes(file.read_bytes())
    moments = list(zip((times[digest] for digest in pool.digests[first : first + count]), due, strict=True))
    return found | {
        "offered_per_second": round(rate, 1),
        "door_p50_ms": seen["p50_ms"],
        "door_p99_ms": seen["p99_ms"],
        "sent_to_recipients_door": latencies([came - at for (came, _), at in moments]),
        "sent_to_handed_over": latencies([over - at for (_, over), at in moments]),
    }
