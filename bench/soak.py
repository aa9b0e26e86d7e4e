"""Resident memory of every process under a steady load at half speed, and whether it rises with the messages."""

import time
from typing import Any

from bench import latency
from bench.bed import Bed
from bench.figures import slope
from bench.load import begun, ended
from bench.progress import say
from bench.site import POSTGRES, Site
from bench.usage import resident_kib, tree

SAMPLE_SECONDS = 0.5
SETTLING = 0.25
"""The part of the run whose samples say nothing: caches and pools fill."""


def measure(bed: Bed) -> dict[str, Any]:
    """Group and process -> first and last resident KiB and the slope in KiB a thousand messages."""
    sizes = bed.sizes
    with bed.site(bed.called, POSTGRES, received=True) as site:
        site.start(sizes.workers)
        pool = bed.pool(bed.called, latency.WARM_UP + sizes.messages)
        rate = latency.capacity(bed, site, pool)["per_second"] / 2
        first, count = site.sent, max(1, int(rate * sizes.soak_seconds))
        pool = bed.pool(bed.called, first + count)
        # A pool that had to be larger was sealed anew, so all of it is new to the site.
        say(f"soak: {count} messages at {rate:.0f}/s")
        load = begun(site.url, pool.file, first, count, connections=latency.OPEN_CONNECTIONS, rate=rate)
        samples = []
        while load.poll() is None:
            samples.append((site.handed_over(), _resident(site)))
            time.sleep(SAMPLE_SECONDS)
        seen = ended(load)
        site.note_sent(count, seen)
        site.wait_handed_over()
        site.stop()
    settled = samples[int(len(samples) * SETTLING) :]
    return {
        "workers": sizes.workers,
        "seconds": seen["seconds"],
        "messages": count,
        "offered_per_second": round(rate, 1),
        "door_p50_ms": seen["p50_ms"],
        "door_p99_ms": seen["p99_ms"],
        "resident": {
            name: {
                "first_mib": round(samples[0][1][name] / 1024, 1),
                "after_settling_mib": round(settled[0][1][name] / 1024, 1),
                "last_mib": round(settled[-1][1][name] / 1024, 1),
                "kib_per_1000_messages": round(1000 * slope([(at, found[name]) for at, found in settled]), 2),
            }
            for name in samples[0][1]
        },
    }


def _resident(site: Site) -> dict[str, int]:
    """PostgreSQL's sessions come and go: all of them together."""
    found: dict[str, int] = {}
    for group, roots in site.roots().items():
        processes = [process for root in roots for process in tree(root)]
        if group == "hub":
            found |= {f"hub_{number}": resident_kib(process) for number, process in enumerate(processes)}
        else:
            found[group] = sum(map(resident_kib, processes))
    return found
