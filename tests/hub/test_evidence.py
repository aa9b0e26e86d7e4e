"""Statements: each entry a leaf, all or nothing, and the ladder of a recipient."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from hub.evidence import AGE_MAX, CLOCK_AHEAD_MAX
from keys.proofs.leaf import Leaf
from keys.sealing import Sealed
from keys.signing import STATEMENT_TYPE
from keys.statements import Entry
from schemas.errors import CODES
from service import batch as batches
from tests.world import World

Client = httpx2.AsyncClient
EVENTS = ("ContentHandover", "ContentHandoverFailure", "ContentAccessTracking")


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running() as found:
        yield found
    world.check()


@dataclass(frozen=True)
class Sent:
    """An accepted message."""

    sealed: Sealed
    index: int

    @property
    def entry(self) -> tuple[Sealed, int]:
        return self.sealed, self.index

    @property
    def failure(self) -> tuple[Sealed, int, str]:
        return self.sealed, self.index, "OPEN_FAILED"


async def send(world: World, client: Client, *to: str) -> Sent:
    sealed = world.seal("test-aut", "doc.alert", list(to or ("test-mda",)))
    return Sent(sealed, (await world.accepted(client, sealed)).index)


def leaves(world: World, after: int) -> list[Leaf]:
    assert world.hub is not None
    return [stored.leaf for stored in world.hub.reader.leaves(after, 1000)]


def size(world: World) -> int:
    assert world.hub is not None
    return world.hub.writer.size


async def refused(
    world: World, client: Client, raw: bytes, code: str, path: str | None = None, *, leaf: bool = True
) -> None:
    before = size(world)
    answer = await world.post(client, raw)
    found = answer.json()
    assert (found["code"], answer.status_code, found.get("path")) == (code, CODES[code].status, path)
    assert ("receipt" in found) == leaf
    assert size(world) == before + leaf
    if leaf:
        assert world.verified(found["receipt"]).leaf.event == "SubmissionRejection"


async def test_each_entry_is_a_leaf_and_a_missing_consignment_comes_first(world: World, client: Client) -> None:
    one, two = await send(world, client), await send(world, client)
    before = size(world)
    receipt = await world.state(client, "test-mda", "ContentHandover", [one.entry, two.entry])
    found = leaves(world, before - 1)
    assert [(leaf.event, leaf.prev, leaf.pos) for leaf in found] == [
        ("ContentConsignment", one.index, None),
        ("ContentHandover", one.index, 0),
        ("ContentConsignment", two.index, None),
        ("ContentHandover", two.index, 1),
    ]
    assert {(leaf.source, leaf.to) for leaf in found if leaf.event == "ContentHandover"} == {
        ("test-mda", ("test-aut",))
    }
    assert receipt.index == before + 3


async def test_the_same_statement_again_gets_the_same_receipt(world: World, client: Client) -> None:
    sent = await send(world, client)
    raw = world.statement("test-mda", "ContentHandover", [sent.entry])
    first = await world.post(client, raw)
    await send(world, client)
    again = await world.post(client, raw)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.content == again.content


async def test_the_same_id_with_another_statement(world: World, client: Client) -> None:
    sent = await send(world, client)
    first = json.loads(world.statement("test-mda", "ContentHandover", [sent.entry]))
    identifier = json.loads(base64.b64decode(first["payload"]))["id"]
    await world.post(client, json.dumps(first).encode())
    other = world.statement("test-mda", "ContentHandoverFailure", [sent.failure], id=identifier)
    await refused(world, client, other, "DUPLICATE_DIFFERS", "/id")


async def test_both_in_one_batch(world: World, client: Client) -> None:
    """What an earlier member of a batch stated holds for the later ones."""
    sent = await send(world, client)
    raws = [
        world.statement("test-mda", "ContentHandover", [sent.entry]),
        world.statement("test-mda", "ContentHandover", [sent.entry]),
        world.statement("test-mda", "ContentAccessTracking", [sent.entry]),
    ]
    body = batches.encode_batch([(1, raws[0]), (1, raws[1]), (1, raws[2]), (1, raws[0])])
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": batches.BATCH_TYPE})
    results = batches.decode_results(answer.content)
    assert [status for status, _ in results] == [201, 409, 201, 200]
    assert results[0][1] == results[3][1]


async def test_message_and_its_statement_in_one_batch(world: World, client: Client) -> None:
    """An index is known only after acceptance, so a statement cannot be about a message of its own batch."""
    sealed = world.seal("test-aut", "doc.alert", ["test-mda"])
    raw = world.statement("test-mda", "ContentHandover", [(sealed, size(world))])
    body = batches.encode_batch([(0, sealed.container), (1, raw)])
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": batches.BATCH_TYPE})
    assert [status for status, _ in batches.decode_results(answer.content)] == [201, 409]


LADDER = [
    (["ContentHandover"], True),
    (["ContentHandoverFailure"], True),
    (["ContentAccessTracking"], False),
    (["ContentHandover", "ContentAccessTracking"], True),
    (["ContentHandover", "ContentAccessTracking", "ContentAccessTracking"], True),
    (["ContentHandover", "ContentHandover"], False),
    (["ContentHandover", "ContentHandoverFailure"], False),
    (["ContentHandoverFailure", "ContentHandover"], True),
    (["ContentHandoverFailure", "ContentHandoverFailure"], False),
    (["ContentHandoverFailure", "ContentAccessTracking"], False),
    (["ContentHandoverFailure", "ContentHandover", "ContentHandover"], False),
]


@pytest.mark.parametrize(("events", "allowed"), LADDER)
async def test_the_ladder_of_a_recipient(world: World, client: Client, events: list[str], allowed: bool) -> None:
    sent = await send(world, client)
    entry: Any = {"ContentHandoverFailure": sent.failure}
    for event in events[:-1]:
        await world.state(client, "test-mda", event, [entry.get(event, sent.entry)])
    last = events[-1]
    raw = world.statement("test-mda", last, [entry.get(last, sent.entry)])
    if allowed:
        assert (await world.post(client, raw)).status_code == 201
    else:
        await refused(world, client, raw, "STEP_NOT_ALLOWED", "/list/0")


async def test_each_recipient_has_a_ladder_of_its_own(world: World, client: Client) -> None:
    sent = await send(world, client, "test-mda", "test-geo")
    await world.state(client, "test-mda", "ContentHandover", [sent.entry])
    await world.state(client, "test-geo", "ContentHandoverFailure", [sent.failure])
    await world.state(client, "test-geo", "ContentHandover", [sent.entry])


@pytest.mark.parametrize("wrong", ["not its recipient", "no such index", "another digest", "a refusal's leaf", "far"])
async def test_one_wrong_entry_refuses_the_whole(world: World, client: Client, wrong: str) -> None:
    good = await send(world, client)
    other = await send(world, client, "test-geo")
    refusal = await world.post(client, world.seal("test-aut", "ident.request", ["test-geo"]))
    entry = {
        "not its recipient": Entry(other.sealed.digest.hex(), other.index),
        "no such index": Entry("3" * 64, size(world)),
        "another digest": Entry("0" * 64, good.index),
        "a refusal's leaf": Entry("1" * 64, world.verified(refusal.json()["receipt"]).index),
        "far": Entry("2" * 64, 2**53 - 1),
    }[wrong]
    raw = world.statement("test-mda", "ContentHandover", [good.entry, entry])
    await refused(world, client, raw, "UNKNOWN_PARENT", "/list/1")
    await world.state(client, "test-mda", "ContentHandover", [good.entry])  # nothing of it was kept


async def test_a_refusal_does_not_spend_the_statements_id(world: World, client: Client) -> None:
    sent = await send(world, client)
    raw = world.statement("test-mda", "ContentAccessTracking", [sent.entry])
    await refused(world, client, raw, "STEP_NOT_ALLOWED", "/list/0")
    await world.state(client, "test-mda", "ContentHandover", [sent.entry])
    assert (await world.post(client, raw)).status_code == 201


async def test_time(world: World, client: Client) -> None:
    sent = await send(world, client)
    second = timedelta(seconds=1)
    ahead = world.statement("test-mda", "ContentHandover", [sent.entry], time=world.clock() + CLOCK_AHEAD_MAX + second)
    await refused(world, client, ahead, "CLOCK_AHEAD", "/time")
    old = world.statement("test-mda", "ContentHandover", [sent.entry], time=world.clock() - AGE_MAX - second)
    await refused(world, client, old, "EXPIRED", "/time")


async def test_somebody_elses_word(world: World, client: Client) -> None:
    sent = await send(world, client)
    forged = world.statement("test-geo", "ContentHandover", [sent.entry], source="test-mda")
    await refused(world, client, forged, "KEY_UNKNOWN", leaf=False)
    unknown = world.statement("test-mda", "ContentHandover", [sent.entry], source="test-xyz")
    await refused(world, client, unknown, "KEY_UNKNOWN", "/source", leaf=False)


@pytest.mark.parametrize("raw", [b"", b"{}", b"[]", b"\xff", b'{"payload":"","payload":""}', b"[" * 5000])
async def test_what_is_no_statement(world: World, client: Client, raw: bytes) -> None:
    await refused(world, client, raw, "CONTAINER_MALFORMED", leaf=False)


async def test_a_container_called_a_statement_and_the_other_way_round(world: World, client: Client) -> None:
    sent = await send(world, client)
    await refused(world, client, sent.sealed.container, "CONTAINER_MALFORMED", leaf=False)
    raw = world.statement("test-mda", "ContentHandover", [sent.entry])
    answer = await client.post("/v1/messages", content=raw, headers={"Content-Type": "application/vnd.liaison.ixm.v1"})
    assert answer.json()["code"] == "CONTAINER_MALFORMED"


async def test_a_statement_with_one_byte_changed_is_never_taken(world: World, client: Client) -> None:
    sent = await send(world, client)
    raw = world.statement("test-mda", "ContentHandover", [sent.entry])
    before = size(world)
    for at in range(0, len(raw), 61):
        changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
        answer = await client.post("/v1/messages", content=changed, headers={"Content-Type": STATEMENT_TYPE})
        assert answer.status_code in {400, 401, 413, 429}, at
    assert size(world) == before


async def test_many_entries_are_one_batch(world: World, client: Client) -> None:
    sealed = [world.seal("test-aut", "doc.alert", ["test-mda"]) for _ in range(60)]
    receipts = await asyncio.gather(*(world.accepted(client, one) for one in sealed))
    entries = [(one, receipt.index) for one, receipt in zip(sealed, receipts, strict=True)]
    before = size(world)
    await world.state(client, "test-mda", "ContentHandover", entries)
    assert size(world) == before + 120
    assert replace(leaves(world, before + 118)[0], c={}).pos == 59


async def test_a_container_goes_some_days_after_everybody_has_it(world: World, client: Client) -> None:
    sent = await send(world, client, "test-mda", "test-geo")
    await world.state(client, "test-mda", "ContentHandover", [sent.entry])
    assert world.hub is not None
    rows = "SELECT purge_at FROM retention WHERE idx = ? ORDER BY purge_at"
    assert len(world.hub.connection.execute(rows, (sent.index,)).fetchall()) == 1
    await world.state(client, "test-geo", "ContentHandover", [sent.entry])
    first = world.hub.connection.execute(rows, (sent.index,)).fetchall()[0][0]
    assert first == int((world.clock() + timedelta(days=7)).timestamp())
