"""What goes from the hub: for every way a message can stand and every day, nothing that anybody may still need."""

from itertools import product

import pytest

from hub import retention
from hub.store.engine import transaction
from tests.world import LIFETIME, World

STATES = ("accepted", "consigned", "handed_over", "failed")
KEPT_DAYS = 7
_EVENTS = {"handed_over": "ContentHandover", "failed": "ContentHandoverFailure"}


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


async def test_nothing_queued_pending_or_failed_goes_before_its_time(world: World) -> None:
    async with world.running(retention_days=KEPT_DAYS) as client:
        assert world.hub is not None
        hub, messages = world.hub, {}
        for states in product(STATES, STATES):
            sealed = world.seal("test-aut", "doc.alert", ["test-mda", "test-geo"])
            index = (await world.accepted(client, sealed)).index
            messages[index] = (states, sealed)
        for at, partner in enumerate(("test-mda", "test-geo")):
            for index, (states, sealed) in messages.items():
                event = _EVENTS.get(states[at])
                if event is not None:
                    code = ("OPEN_FAILED",) if states[at] == "failed" else ()
                    await world.state(client, partner, event, [(sealed, index, *code)])
                elif states[at] == "consigned":
                    with transaction(hub.connection):
                        hub.connection.execute(
                            "UPDATE recipient SET state = 'consigned' WHERE partner = ? AND idx = ?", (partner, index)
                        )
        others = ("leaf", "side", "recipient", "push", "checkpoint", "statement", "message")
        before = {name: _count(world, name) for name in others}
        for day in range(LIFETIME.days + KEPT_DAYS + 2):
            retention.purge(hub.connection, hub.parts, world.clock(), unnamed_part_hours=24)
            for index, (states, _) in messages.items():
                row = hub.connection.execute("SELECT container FROM message WHERE idx = ?", (index,)).fetchone()
                done = set(states) == {"handed_over"} and day >= KEPT_DAYS
                assert (row[0] is None) == (done or day >= LIFETIME.days + KEPT_DAYS), (states, day)
            assert {name: _count(world, name) for name in others} == before
            world.clock.advance(days=1)


def _count(world: World, table: str) -> int:
    assert world.hub is not None
    count: int = world.hub.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
    return count
