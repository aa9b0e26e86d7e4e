"""What a message costs as something grows: the log, the partners, the backlog of one that is dead."""

from contextlib import closing
from itertools import cycle, islice
from typing import Any

import psycopg

from bench import latency
from bench.bed import Bed, Pool
from bench.figures import flat, spreads
from bench.filling import fill
from bench.progress import say
from bench.recipient import HANG
from bench.site import POSTGRES, Site, wait
from bench.usage import resident_tree_kib

WARM_UP = 256
PARTNERS_OF_A_BACKLOG = 5


def of_log(bed: Bed) -> dict[str, Any]:
    """Cost a message at each size of the log, on one hub process."""
    sizes = bed.sizes
    pool = bed.pool(bed.called, WARM_UP + len(sizes.growth) * _needed(bed))
    found: dict[str, Any] = {}
    with bed.site(bed.called, sizes.growth_engine, received=True) as site:
        site.start()  # before anything is filled in, so that its broker knows the log from its beginning
        site.whole_way(pool.file, 0, WARM_UP, connections=sizes.connections)
        site.stop()
        for leaves in sizes.growth:
            say(f"growth: a log of {leaves} entries")
            fill(site, bed.called, leaves, "test-mda", hand_over=True)
            _settle(site)
            found[str(leaves)] = _costs(bed, site, pool, site.sent)
    return {"engine": sizes.growth_engine, "sizes": found, "flat": _compared(found)}


def of_partners(bed: Bed) -> dict[str, Any]:
    """Cost a message with few and with many partners, the traffic spread over all of them; and of one pair alone."""
    found: dict[str, dict[str, Any]] = {"spread": {}, "one_pair": {}}
    for count in bed.sizes.partners:
        founded = bed.found(count)
        everyone = list(islice(zip(cycle(founded.senders), cycle(founded.recipients[::-1]), strict=False), count))
        with bed.site(founded, POSTGRES, received=True) as site:
            for words, routes in (("spread", everyone), ("one_pair", [("test-aut", "test-mda")])):
                pool = bed.pool(founded, _needed(bed), routes)
                say(f"partners: {count}, {words}")
                found[words][str(count)] = _costs(bed, site, pool)
    return {**found, "flat": {words: _compared(one) for words, one in found.items()}}


def of_backlog(bed: Bed) -> dict[str, Any]:
    """What others notice of a partner that never answers and for whom much waits, against the same site before."""
    sizes = bed.sizes
    founded = bed.found(PARTNERS_OF_A_BACKLOG)
    dead = founded.recipients[-1]
    pool = bed.pool(founded, 2 * (_needed(bed) + sizes.open_messages))
    with bed.site(founded, POSTGRES, received=True, replies={dead: HANG}) as site:
        say("backlog: before")
        before = _costs(bed, site, pool)
        site.start()
        rate = before["whole_way"]["per_second"][0] / 2
        before["at_half_load"] = latency.way(bed, site, pool, sizes.open_messages, rate)
        site.stop()
        fill(site, founded, site.rows("SELECT size FROM head")[0][0] + sizes.backlog, dead, hand_over=False)
        _settle(site)
        say("backlog: the relay and the lane take it")
        site.start()
        statement = f"SELECT count(*) FROM push WHERE partner = '{dead}'"  # noqa: S608 - a name we made
        wait("the backlog in its lane", lambda: site.rows(statement)[0][0] >= sizes.backlog)
        site.stop()
        say("backlog: after")
        after = _costs(bed, site, pool, site.sent)
        site.start()
        after["at_half_load"] = latency.way(bed, site, pool, sizes.open_messages, rate)
        waiting = site.rows(statement)[0][0]
        site.stop()
    return {
        "waiting": waiting,
        "before": before,
        "after": after,
        "unaffected": _compared({"before": before, "after": after}),
    }


def _needed(bed: Bed) -> int:
    return 2 * WARM_UP + 2 * bed.sizes.rounds * bed.sizes.messages


def _costs(bed: Bed, site: Site, pool: Pool, first: int = 0) -> dict[str, Any]:
    """Of accepting alone, then of the whole way; the hub is one process, started for each and ended afterwards.

    The pool's messages from `first` on are new to the site.
    """
    sizes = bed.sizes
    options = {"connections": sizes.batch_connections, "batch": sizes.batch}
    places = iter(range(first + WARM_UP, first + _needed(bed), sizes.messages))
    site.start(roles="api")
    site.load(pool.file, first, WARM_UP, **options)
    accepted = [site.load(pool.file, next(places), sizes.messages, **options) for _ in range(sizes.rounds)]
    site.stop()
    site.start()
    site.load(pool.file, first + _needed(bed) - WARM_UP, WARM_UP, **options)
    site.wait_handed_over()  # what came while nothing delivered too
    calls = site.calls()
    through = [site.whole_way(pool.file, next(places), sizes.messages, **options) for _ in range(sizes.rounds)]
    called = (site.calls() - calls) / (sizes.rounds * sizes.messages)
    resident = resident_tree_kib(site.roots()["hub"])
    site.stop()
    return {
        "accept": spreads(accepted),
        "whole_way": spreads(through),
        "messages_a_push": round(1 / called, 1),
        "hub_resident_mib": round(resident / 1024, 1),
    }


def _compared(found: dict[str, Any]) -> dict[str, Any]:
    """Each figure's medians, the first being the measure."""
    return {
        f"{what}_{group}_cpu": flat([one[what]["cpu_ms_per_message"][group][0] for one in found.values()], cost=True)
        for what in ("accept", "whole_way")
        for group in ("hub", "postgres")
        if all(group in one[what]["cpu_ms_per_message"] for one in found.values())
    } | {
        f"{what}_per_second": flat([one[what]["per_second"][0] for one in found.values()], cost=False)
        for what in ("accept", "whole_way")
    }


def _settle(site: Site) -> None:
    """What PostgreSQL does in its own time after much was written is done now, not while something is measured."""
    if site.postgres is None:
        return
    name = site.world.settings().database_url.rpartition("/")[2]
    with closing(psycopg.connect(f"{site.postgres.owner}/{name}", autocommit=True)) as owner:
        owner.execute("VACUUM ANALYZE")
        owner.execute("CHECKPOINT")
