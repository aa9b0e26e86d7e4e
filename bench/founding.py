"""A hub's data directory with as many partners as wanted, on keys made on the spot, by the machine's clock.

The first three are those of every test (tests/world.py). The others are enrolled in one publication of the directory,
as no registrar would: publishing one by one reads the whole directory each time, and is not what is measured here.
"""

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from bench.messages import Mill
from keys.directory.enrolment import make_enrolment, parse_enrolment
from keys.directory.records import encode_partner
from keys.directory.repository import Repository
from keys.directory.roles import DelegatedRole, registry_path
from tests.world import BASIS, ROLES, Partner, World, make_world

SEEDS = ("sign.ed25519", "sign.mldsa65", "kem", "request", "admin.ed25519")
STATES = {"AUT": "test-aut", "MDA": "test-mda"}
"""Which partner's roles others of the state have."""


@dataclass
class Founded:
    """Where a hub begins: copied for each site. `senders` are of AUT, `recipients` of MDA."""

    folder: Path
    partners: dict[str, Partner]

    @property
    def senders(self) -> list[str]:
        """Who may send."""
        return [partner.id for partner in self.partners.values() if partner.state == "AUT"]

    @property
    def recipients(self) -> list[str]:
        """Whom they may send to."""
        return [partner.id for partner in self.partners.values() if partner.state == "MDA"]

    def copy(self, folder: Path) -> World:
        """A world of its own in a new folder."""
        shutil.copytree(self.folder, folder)
        return World(folder, self.partners, datetime.now(UTC).replace(microsecond=0))

    @cached_property
    def _world(self) -> World:
        return World(self.folder, self.partners, datetime.now(UTC).replace(microsecond=0))

    def mill(self, source: str) -> Mill:
        """What seals for a sender."""
        if source not in self._mills:
            world = self._world
            self._mills[source] = Mill(world.directory, source, self.partners[source].pair, BASIS, world.spool)
        return self._mills[source]

    @cached_property
    def _mills(self) -> dict[str, Mill]:
        return {}


def found(folder: Path, count: int, delivery_url: str = "") -> Founded:
    """A hub with `count` partners, three at the least; nothing has run yet.

    Args:
        folder: a new one.
        count: how many.
        delivery_url: where recipients are called, each at its id below it; none when empty.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    world = make_world(folder, now)
    partners = dict(world.partners)
    numbers = {number: ("AUT", "MDA")[number % 2] for number in range(count - len(partners))}
    for number, state in numbers.items():
        secrets = {seed: os.urandom(32) for seed in SEEDS}
        one = Partner(f"{state.lower()}-{number:04}", state, ROLES[STATES[state]], secrets)
        partners[one.id] = one
    made = Founded(folder, partners)
    urls = {one: f"{delivery_url}/{one}" for one in made.recipients} if delivery_url else {}
    _enrol(world, [one for one in partners.values() if one.id not in world.partners], urls, now)
    return made


def _enrol(world: World, new: list[Partner], urls: dict[str, str], now: datetime) -> None:
    repository: Repository = world.repository
    with repository._changing(now) as state:  # noqa: SLF001 - see the module
        for partner in new:
            offered, role = parse_enrolment(make_enrolment(partner.secrets, partner.id, now=now)), _role(partner)
            repository._delegate(state, role, [offered.administrators], 1)  # noqa: SLF001
            state.file(role.path, offered.key_set_bytes)
            state.place(role.name, offered.metadata, offered.version)
        for partner in (*new, *world.partners.values()):
            path = registry_path(partner.id)
            record = encode_partner(partner.record(delivery_url=urls.get(partner.id)))
            state.targets.targets[path] = state.file(path, record)
        repository._sign_targets(state, world.registrar, now)  # noqa: SLF001
        repository._publish(state, now)  # noqa: SLF001


def _role(partner: Partner) -> DelegatedRole:
    return DelegatedRole("partner", partner.id)
