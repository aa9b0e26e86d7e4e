"""A readmission and a transit between Austria and Moldova as the hub sees them, by headers and statements alone."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import httpx2

from hub.cases.case import Case
from hub.cases.reading import fold
from hub.cases.rebuilding import compare
from hub.wiring import Hub
from keys.proofs.leaf import Leaf
from keys.sealing import Sealed
from schemas import lifecycles, registry
from tests.world import ROLES, World, agreement

NAME = "TEST-AUT-MDA"


def agreed(world: World, profile: str | None, version: int = 2) -> None:
    """The two have agreed on readmission, on this profile's times."""
    kinds = [kind for kind in registry.KINDS if kind.startswith(("readm.", "transfer.", "transit."))]
    roles = sorted({role for roles in ROLES.values() for role in roles})
    pairs = {kind: tuple(product(sorted(set(roles) & lifecycles.RULES[kind].sender_roles), roles)) for kind in kinds}
    purposes = tuple(sorted({purpose for kind in kinds for purpose in registry.KINDS[kind].purposes}))
    world.agree(agreement(NAME, version, kinds=pairs, purposes=purposes, profile=profile))


@dataclass
class Told:
    """One case, told message by message."""

    world: World
    client: httpx2.AsyncClient
    opening: Sealed
    row: int

    @property
    def hub(self) -> Hub:
        """The hub, running."""
        assert self.world.hub is not None
        return self.world.hub

    @property
    def case(self) -> Case:
        """As folded; what is stored is equal to it."""
        found = compare(self.hub.reader, self.hub.at_rest)
        assert found.equal, found.differing
        return fold(self.hub.reader, self.row)

    async def receive(self) -> None:
        """Moldova's edge has handed the opening message over."""
        await self.world.state(self.client, "test-mda", "ContentHandover", [(self.opening, self.row)])

    async def say(self, source: str, kind: str, *, parent: Sealed | None = None, **changes: Any) -> Sealed:
        """A message of the case that must be accepted."""
        payload = {name: one for name, one in (registry.example(kind) | changes).items() if one is not None}
        to = "test-mda" if source == "test-aut" else "test-aut"
        sealed = self.world.seal(source, payload, [to], parent=parent or self.opening, agreement=NAME)
        await self.world.accepted(self.client, sealed)
        return sealed

    def said(self) -> list[tuple[str, str | None]]:
        """The clock keeper's leaves of this case, in order."""
        return [(leaf.event, leaf.code) for leaf in self.clock_leaves()]

    def clock_leaves(self) -> list[Leaf]:
        """As `said`, whole."""
        leaves = self.hub.reader.leaves(-1, 10_000)
        return [one.leaf for one in leaves if one.leaf.event.startswith("Clock") and one.leaf.prev == self.row]


async def begun(world: World, client: httpx2.AsyncClient, kind: str = "readm.application", **changes: Any) -> Told:
    """A case that Austria opens."""
    normal = {"procedure": "normal"} if kind == "readm.application" else {}
    payload = registry.example(kind) | normal | changes
    sealed = world.seal("test-aut", payload, ["test-mda"], agreement=NAME)
    await world.upload(client, "test-aut", sealed)
    return Told(world, client, sealed, (await world.accepted(client, sealed)).index)
