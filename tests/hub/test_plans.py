"""What PostgreSQL reads for a message, without statistics of its tables: the rows asked for, however many there are."""

import httpx2

from service import batch as batches
from tests.world import ON_POSTGRES, World

_READ = "SELECT sum(seq_tup_read), sum(coalesce(idx_tup_fetch, 0)) FROM pg_stat_user_tables"
AT_ONCE = 16
ROWS_A_MESSAGE_MAX = 30
"""19 are needed; all that the partner ever got would be 40 more, each time it is asked for."""


async def _way(world: World, client: httpx2.AsyncClient, count: int) -> None:
    """So many messages are accepted and, all of them by one statement, handed over."""
    sealed = [world.seal("test-aut", "doc.alert", ["test-mda"]) for _ in range(count)]
    body = batches.encode_batch([(0, one.container) for one in sealed])
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": batches.BATCH_TYPE})
    receipts = [world.verified(receipt) for status, receipt in batches.decode_results(answer.content) if status == 201]
    assert len(receipts) == count
    entries = [(one, receipt.index) for one, receipt in zip(sealed, receipts, strict=True)]
    await world.state(client, "test-mda", "ContentHandover", entries)


def _read(world: World) -> tuple[int, int]:
    """Rows that were read from the beginning of a table on, and by an index."""
    assert world.hub is not None
    connection = world.hub.connection
    connection.execute("SELECT pg_stat_force_next_flush()")
    whole, found = connection.execute(_READ).fetchone()
    return int(whole), int(found)


@ON_POSTGRES
async def test_only_the_rows_that_are_asked_for_are_read(hub_world: World) -> None:
    world = hub_world
    async with world.running() as client:
        for _ in range(40):
            await _way(world, client, AT_ONCE)
        before = _read(world)
        await _way(world, client, AT_ONCE)
        after = _read(world)
    assert after[0] == before[0], "no table is read whole"
    assert after[1] - before[1] <= ROWS_A_MESSAGE_MAX * AT_ONCE
