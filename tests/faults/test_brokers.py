"""Three Kafka brokers, PostgreSQL and eight hub processes under steady load, and then everything goes wrong.

One site for all of it, that has to go on after each: the checker looks at every message there has been since the
start. While brokers are away the hub goes on accepting; what was published twice is delivered once.
"""

import os
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import psycopg
import pytest

from hub.settings import load_settings
from tests.faults.cluster import AUT, MDA, Cluster
from tests.faults.load import Load
from tests.faults.production import (
    BACKGROUND,
    SECOND,
    Brokers,
    finish,
    log_size,
    production,
    reached,
    seeded,
    steps,
    workers,
)
from tests.faults.proxy import CUT, HOLD, PASS, produced
from tests.postgres import Server

pytestmark = pytest.mark.real

QUESTIONS, CHECKS, ALERTS = 12, 8, 1
LOST_ANSWERS = 5
TAKEOVERS = 10
GROWTH = 8
"""Leaves that the log must gain while brokers are away: nobody at the door waits for them."""


@dataclass(frozen=True, slots=True)
class Site:
    """What runs."""

    found: Cluster
    server: Server
    brokers: Brokers
    load: Load
    chance: random.Random

    def moments(self, count: int) -> Iterator[None]:
        """Moments of the load, which goes on between them."""
        return steps(self.found, self.load, self.chance, count)

    def until(self, what: str, look: Callable[[], bool]) -> None:
        """The load goes on until this holds, however long that takes."""
        self.found.until(what, lambda: (self.load.goes_on() and look()) or None)

    def leader(self) -> int:
        """Who leads some of the topic's partitions."""
        self.until("a leader", lambda: self.brokers.leader() > 0)
        return self.brokers.leader()

    def grows(self) -> None:
        """Messages are accepted meanwhile."""
        size = log_size(self.found) + GROWTH
        self.until("growth", lambda: log_size(self.found) >= size)

    def away(self, number: int) -> None:
        """The others have noticed that this broker is, and messages are accepted meanwhile."""
        self.until("another leader", lambda: not self.brokers.led_by(number))
        self.grows()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything runs, and has carried messages."""
    server, brokers = Server(), Brokers()
    try:
        with production(tmp_path_factory.mktemp("site"), server, brokers) as found:
            load = Load(found, 2, 1, 0)
            reached(found, load, load.whole)
            yield Site(found, server, brokers, load, seeded())
    finally:
        brokers.end()
        server.end()


def leader_killed(site: Site) -> None:
    """Also one whose disk has what nobody else has."""
    killed(site, site.leader())


def controller_killed(site: Site) -> None:
    """Who tells the brokers who leads what."""
    killed(site, site.brokers.controller())


def two_of_three_killed(site: Site) -> None:
    """Nothing can be published, and everything is accepted."""
    two = site.chance.sample(sorted(site.brokers.nodes), 2)
    for number in two:
        site.brokers.kill(number)
    site.grows()
    site.brokers.restart(*two)


def leader_hung(site: Site) -> None:
    """Its connections stay, and nothing comes from them."""
    number = site.leader()
    site.brokers.stop(number)
    site.away(number)
    site.brokers.cont(number)


def leader_apart_from_the_others(site: Site) -> None:
    """The hub reaches it, and it goes on believing for a while that it leads."""
    name = str(number := site.leader())
    site.brokers.network.rule(lambda link: HOLD if link.by and (link.by == name) != (link.to == name) else PASS)
    site.away(number)
    site.brokers.network.rule(lambda _: PASS)


def hub_apart_from_one(site: Site) -> None:
    """Brokers see each other, so none gives up what it leads; then the connections end that said nothing."""
    name = str(site.leader())
    site.brokers.network.rule(lambda link: HOLD if not link.by and link.to == name else PASS)
    site.grows()
    site.brokers.network.rule(lambda link: CUT if not link.by and link.to == name else PASS)
    site.brokers.network.rule(lambda _: PASS)


def acknowledgements_lost(site: Site) -> None:
    """The broker has the records, and whoever gave them never hears of it."""
    network = site.brokers.network
    for _ in site.moments(LOST_ANSWERS):
        lost = network.lost
        network.lose(produced)
        site.until("a lost answer", lambda lost=lost: network.lost > lost)  # type: ignore[misc]


def storm_of_takeovers(site: Site) -> None:
    """No consumer group of Kafka's is used, so nothing rebalances: roles go from process to process instead."""
    for _ in site.moments(TAKEOVERS):
        site.found.kill(site.chance.choice(("relay", "relay2", "deliver", "deliver2")))


def zombies(site: Site) -> None:
    """Whoever relays and delivers stands still for longer than a lease, and then goes on with what it was doing."""
    moments = site.moments(6)
    for names in (BACKGROUND, SECOND):
        next(moments)
        paused = [site.found.process(name) for name in names]
        for pid in paused:
            os.kill(pid, signal.SIGSTOP)
        before = leases(site)
        site.until("others", lambda before=before: not before.items() & leases(site).items())  # type: ignore[misc]
        next(moments)
        for pid in paused:
            os.kill(pid, signal.SIGCONT)


def everything_killed(site: Site) -> None:
    """Each of the hub's roles, both edges, the database's server and a broker."""
    victims = ["worker", *BACKGROUND, *SECOND, AUT, MDA, "postgres", "broker"]
    site.chance.shuffle(victims)
    for victim, _ in zip(victims, site.moments(len(victims)), strict=True):
        if victim == "postgres":
            site.server.kill()
            site.server.start()
        elif victim == "broker":
            killed(site, site.chance.choice(sorted(site.brokers.nodes)))
        elif victim == "worker":
            os.kill(site.chance.choice(workers(site.found)), signal.SIGKILL)
        else:
            site.found.kill(victim)


Fault: TypeAlias = Callable[[Site], None]
FAULTS: tuple[Fault, ...] = (
    leader_killed, controller_killed, two_of_three_killed, leader_hung, leader_apart_from_the_others,
    hub_apart_from_one, acknowledgements_lost, storm_of_takeovers, zombies, everything_killed,
)  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_nothing_is_lost_doubled_or_out_of_order(site: Site, fault: Fault) -> None:
    site.load.more(QUESTIONS, CHECKS, ALERTS)
    reached(site.found, site.load, site.load.begun + 10)
    fault(site)
    finish(site.found, site.load)


def leases(site: Site) -> dict[str, float]:
    """Until when each role is somebody's, unless the word comes again."""
    with psycopg.connect(load_settings(site.found.world.hub).database_url) as session:
        return dict(session.execute("SELECT role, until FROM lease").fetchall())


def killed(site: Site, number: int) -> None:
    """SIGKILL; and it comes back once the others have noticed."""
    site.brokers.kill(number)
    site.away(number)
    site.brokers.restart(number)
