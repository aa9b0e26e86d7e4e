"""The inbox and the list of leaves: what is the caller's, in order, bounded, proved, and acknowledged once."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from keys.container import parse_container
from keys.proofs.leaf import Leaf
from keys.proofs.receipt import CheckpointCache, parse_receipt
from keys.sealing import Sealed
from keys.statements import parse_statement
from schemas.errors import CODES
from service.multipart import Part, read_multipart
from tests.world import World

Client = httpx2.AsyncClient
AFTER = "/v1/inbox?after=2026/{}"


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running() as found:
        yield found
    world.check()


async def send(world: World, client: Client, *to: str) -> tuple[Sealed, int]:
    sealed = world.seal("test-aut", "doc.alert", list(to or ("test-mda",)))
    return sealed, (await world.accepted(client, sealed)).index


async def fetch(world: World, client: Client, partner: str, target: str = "/v1/inbox") -> list[Part]:
    answer = await world.get(client, partner, target)
    assert answer.status_code == 200, answer.text
    return read_multipart(answer.headers["content-type"], answer.content)


def indices(world: World, parts: list[Part]) -> list[int]:
    return [
        world.verified(part.body).index for part in parts if part.media_type.startswith("application/vnd.liaison.r")
    ]


def consigned(world: World) -> list[Leaf]:
    assert world.hub is not None
    return [leaf.leaf for leaf in world.hub.reader.leaves(-1, 10_000) if leaf.leaf.event == "ContentConsignment"]


async def refused(world: World, client: Client, target: str, code: str, partner: str = "test-mda") -> None:
    answer = await world.get(client, partner, target)
    assert (answer.status_code, answer.json()["code"]) == (CODES[code].status, code)


async def test_each_item_is_receipt_and_container_as_posted(world: World, client: Client) -> None:
    sealed, index = await send(world, client)
    receipt, container = await fetch(world, client, "test-mda")
    assert receipt.content_id == container.content_id == sealed.digest.hex()
    assert container.body == sealed.container
    verified = world.verified(receipt.body)
    assert (verified.index, verified.leaf.digest) == (index, sealed.digest.hex())
    assert parse_container(container.body).digest == sealed.digest


async def test_nobody_sees_what_is_not_addressed_to_it(world: World, client: Client) -> None:
    await send(world, client, "test-mda")
    _, both = await send(world, client, "test-mda", "test-geo")
    assert await fetch(world, client, "test-aut") == []
    assert indices(world, await fetch(world, client, "test-geo")) == [both]


async def test_everything_in_order_in_bounded_answers(world: World) -> None:
    async with world.running(inbox_items_max=3) as client:
        sent = [(await send(world, client))[1] for _ in range(8)]
        found: list[int] = []
        while more := indices(world, await fetch(world, client, "test-mda", AFTER.format(found[-1] if found else 0))):
            assert len(more) <= 3
            found += more
        assert found == sent
    world.check()


async def test_bytes_are_bounded_but_a_larger_one_comes_alone(world: World) -> None:
    async with world.running(inbox_bytes_max=1) as client:
        first, second = (await send(world, client))[1], (await send(world, client))[1]
        assert indices(world, await fetch(world, client, "test-mda")) == [first]
        assert indices(world, await fetch(world, client, "test-mda", AFTER.format(first))) == [second]


async def test_all_receipts_of_an_answer_are_to_one_checkpoint(world: World, client: Client) -> None:
    for _ in range(5):
        await send(world, client)
    parts = await fetch(world, client, "test-mda")
    receipts = [part.body for part in parts[::2]]
    assert len({parse_receipt(receipt).checkpoint for receipt in receipts}) == 1
    cache = CheckpointCache()
    assert len({world.verified(receipt, cache).checkpoint.size for receipt in receipts}) == 1


async def test_asking_with_after_consigns_everything_up_to_there_once(world: World, client: Client) -> None:
    sent = [await send(world, client) for _ in range(3)]
    await fetch(world, client, "test-mda")
    await fetch(world, client, "test-mda", "/v1/inbox?open=1")
    assert consigned(world) == []
    await fetch(world, client, "test-mda", AFTER.format(sent[1][1]))
    assert [(leaf.prev, leaf.source, leaf.to, leaf.digest) for leaf in consigned(world)] == [
        (index, "test-aut", ("test-mda",), sealed.digest.hex()) for sealed, index in sent[:2]
    ]
    await fetch(world, client, "test-mda", AFTER.format(sent[1][1]))
    await fetch(world, client, "test-mda", AFTER.format(sent[0][1]))
    assert len(consigned(world)) == 2


async def test_acknowledging_again_after_a_restart_adds_nothing(world: World) -> None:
    async with world.running() as client:
        _, index = await send(world, client)
        await fetch(world, client, "test-mda", AFTER.format(index))
    async with world.running() as client:
        await fetch(world, client, "test-mda", AFTER.format(index))
        assert len(consigned(world)) == 1
    world.check()


async def test_many_acknowledged_at_once(world: World, client: Client) -> None:
    sealed = [world.seal("test-aut", "doc.alert", ["test-mda"]) for _ in range(40)]
    receipts = await asyncio.gather(*(world.accepted(client, one) for one in sealed))
    last = max(receipt.index for receipt in receipts)
    await asyncio.gather(*(fetch(world, client, "test-mda", AFTER.format(last)) for _ in range(3)))
    assert len(consigned(world)) == 40


async def test_open_lists_what_is_not_handed_over_and_moves_nothing(world: World, client: Client) -> None:
    sent = [await send(world, client) for _ in range(4)]
    await fetch(world, client, "test-mda", AFTER.format(sent[2][1]))
    await world.state(client, "test-mda", "ContentHandover", [sent[0]])
    await world.state(client, "test-mda", "ContentHandoverFailure", [(*sent[1], "OPEN_FAILED")])
    before = len(consigned(world))
    open_ = await fetch(world, client, "test-mda", f"/v1/inbox?open=1&after=2026/{sent[0][1]}")
    assert indices(world, open_) == [index for _, index in sent[1:]]
    assert indices(world, await fetch(world, client, "test-mda", "/v1/inbox?open=1")) == [
        index for _, index in sent[1:]
    ]
    assert len(consigned(world)) == before


async def test_a_container_that_has_gone_is_its_receipt_alone(world: World, client: Client) -> None:
    _, index = await send(world, client)
    assert world.hub is not None
    world.hub.connection.execute("UPDATE message SET container = NULL")
    parts = await fetch(world, client, "test-mda")
    assert indices(world, parts) == [index]
    assert len(parts) == 1


async def test_a_waiting_reader_is_answered_when_something_comes(world: World, client: Client) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(fetch(world, client, "test-mda", "/v1/inbox?wait=25"))
        await asyncio.sleep(0)
        await send(world, client, "test-geo")  # not its own: it goes on waiting
        await asyncio.sleep(0)
        assert not waiting.done()
        _, index = await send(world, client)
    assert indices(world, waiting.result()) == [index]


async def test_waiting_ends_when_the_hub_is_told_to_end(world: World, client: Client) -> None:
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(fetch(world, client, "test-mda", "/v1/inbox?wait=25"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert world.hub is not None
        world.hub.end()
    assert waiting.result() == []


async def test_waiting_is_no_longer_than_the_setting(world: World) -> None:
    async with world.running(inbox_wait_seconds_max=0.01) as client:
        assert await fetch(world, client, "test-mda", "/v1/inbox?wait=9999") == []


@pytest.mark.parametrize("shared", [{"polls_max": 2}, {"polls_max": 5, "processes": 3}], ids=["alone", "its part"])
async def test_one_partners_long_polls_are_counted(world: World, shared: dict[str, int]) -> None:
    async with world.running(**shared) as client, asyncio.TaskGroup() as group:
        waiting = [group.create_task(fetch(world, client, "test-mda", "/v1/inbox?wait=25")) for _ in range(2)]
        for _ in range(20):
            await asyncio.sleep(0)
        await refused(world, client, "/v1/inbox?wait=25", "RATE_LIMITED")
        other = group.create_task(fetch(world, client, "test-geo", "/v1/inbox?wait=25"))
        await send(world, client, "test-mda", "test-geo")
        await asyncio.gather(*waiting, other)
        await fetch(world, client, "test-mda", "/v1/inbox?wait=0")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("after=5", "REQUEST_INVALID"),
        ("after=2026/", "REQUEST_INVALID"),
        ("after=2026/-1", "REQUEST_INVALID"),
        ("after=2026/99999999", "REQUEST_INVALID"),
        ("after=2026/1&after=2026/2", "REQUEST_INVALID"),
        ("after=2025/1", "NOT_FOUND"),
        ("wait=-1", "REQUEST_INVALID"),
        ("wait=1e9", "REQUEST_INVALID"),
        ("open=0", "REQUEST_INVALID"),
        ("canary=1", "REQUEST_INVALID"),
    ],
)
async def test_queries_that_say_nothing(world: World, client: Client, query: str, code: str) -> None:
    await refused(world, client, f"/v1/inbox?{query}", code)


@pytest.mark.parametrize("target", ["/v1/inbox", "/v1/leaves", "/v1/inbox?after=2026/1"])
async def test_only_partners_may_ask(world: World, client: Client, target: str) -> None:
    for headers in (
        {},
        {"Signature": "x", "Signature-Input": "x"},
        world.signed_headers("test-mda", "GET", "/v1/inbox?open=1"),
        world.signed_headers("test-mda", "POST", target),
    ):
        answer = await client.get(target, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "REQUEST_UNSIGNED")


async def test_a_signed_request_is_taken_once(world: World, client: Client) -> None:
    headers = world.signed_headers("test-mda", "GET", "/v1/inbox")
    assert (await client.get("/v1/inbox", headers=headers)).status_code == 200
    assert (await client.get("/v1/inbox", headers=headers)).json()["code"] == "REQUEST_UNSIGNED"


# -- leaves


async def test_leaves_that_name_the_caller_with_their_statements(world: World, client: Client) -> None:
    one, two = await send(world, client), await send(world, client, "test-geo")
    other = world.seal("test-geo", "doc.alert", ["test-mda"])
    foreign = (await world.accepted(client, other)).index
    await world.state(client, "test-mda", "ContentHandover", [one, (other, foreign)])
    parts = await fetch(world, client, "test-aut", "/v1/leaves")
    receipts = [world.verified(part.body) for part in parts if part.content_id.isdigit() and len(part.content_id) < 16]
    assert [(receipt.leaf.event, receipt.leaf.prev) for receipt in receipts] == [
        ("SubmissionAcceptance", None),
        ("SubmissionAcceptance", None),
        ("ContentConsignment", one[1]),
        ("ContentHandover", one[1]),
    ]
    assert all("test-aut" in (receipt.leaf.source, *receipt.leaf.to) for receipt in receipts)
    assert len({receipt.checkpoint.size for receipt in receipts}) == 1
    (statement,) = [part for part in parts if len(part.content_id) == 64]
    signed = parse_statement(statement.body)
    assert (signed.digest.hex(), signed.statement.source) == (statement.content_id, "test-mda")
    assert parts.index(statement) == len(parts) - 1
    assert two[1] in {receipt.index for receipt in receipts}


async def test_a_statement_comes_once_an_answer(world: World, client: Client) -> None:
    sent = [await send(world, client) for _ in range(3)]
    await world.state(client, "test-mda", "ContentHandover", sent)
    parts = await fetch(world, client, "test-aut", "/v1/leaves")
    assert len([part for part in parts if len(part.content_id) == 64]) == 1


async def test_leaves_go_on_after_an_index_and_wait(world: World, client: Client) -> None:
    _, index = await send(world, client)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(fetch(world, client, "test-aut", f"/v1/leaves?after={index}&wait=25"))
        await asyncio.sleep(0)
        await fetch(world, client, "test-mda", AFTER.format(index))
    assert [world.verified(part.body).leaf.event for part in waiting.result()] == ["ContentConsignment"]


async def test_leaves_are_bounded_in_number_and_bytes(world: World) -> None:
    async with world.running(leaves_max=2) as client:
        for _ in range(5):
            await send(world, client)
        assert len(await fetch(world, client, "test-aut", "/v1/leaves")) == 2
    async with world.running(inbox_bytes_max=1) as client:
        assert len(await fetch(world, client, "test-aut", "/v1/leaves")) == 1


async def test_a_refused_statements_leaf_comes_without_it(world: World, client: Client) -> None:
    sent = await send(world, client)
    answer = await world.post(client, world.statement("test-mda", "ContentAccessTracking", [sent]))
    assert json.loads(answer.content)["code"] == "STEP_NOT_ALLOWED"
    parts = await fetch(world, client, "test-mda", "/v1/leaves")
    assert [world.verified(part.body).leaf.event for part in parts] == ["SubmissionAcceptance", "SubmissionRejection"]


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=2026/1", "wait=x", "open=1", "after=1&after=1"])
async def test_queries_for_leaves_that_say_nothing(world: World, client: Client, query: str) -> None:
    await refused(world, client, f"/v1/leaves?{query}", "REQUEST_INVALID")


async def test_a_caller_that_went_away_gives_its_long_poll_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.routes_inbox.PRESENT_SECONDS", 0.01)
    async with world.running(polls_max=1) as client:
        assert world.hub is not None
        app = client._transport.app  # type: ignore[attr-defined]
        target = "/v1/inbox?wait=25"
        headers = world.signed_headers("test-mda", "GET", target)
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": "/v1/inbox", "raw_path": b"/v1/inbox", "query_string": b"wait=25", "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8440), "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }  # fmt: skip
        messages = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

        async def receive() -> Any:
            return messages.pop(0) if len(messages) > 1 else messages[0]

        async def send(_: object) -> None:
            return None

        await app(scope, receive, send)
        assert await fetch(world, client, "test-mda", "/v1/inbox?wait=1") == []
