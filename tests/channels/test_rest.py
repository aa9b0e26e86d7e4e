"""The REST channel beyond the kit: who is let in, every refusal, leases and acknowledgements, uploads, states."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette

from adapters.channels.rest import RestChannel, open_channel
from adapters.contract import Accepted, Place, Progress, Refused, Rejection, RetryAfter
from adapters.kit import a_delivery
from adapters.kit.edge import HELD, delivered, hold, offered, take, taking
from adapters.kit.full_disk import full_disk
from schemas.errors import CODES, Finding, Rejected, Unavailable

ROOT = Path(__file__).parents[2]
TOKEN = "token-of-a-national-system"
CANARY = "Zyxomma-4711"
IMAGE = b"\xff\xd8an image"
SHA256 = hashlib.sha256(IMAGE).hexdigest()
PAYLOAD: dict[str, Any] = {"to": ["test-geo"], "payload": {"kind": "doc.alert", "case_ref": CANARY}}


def channel_at(folder: Path, **options: object) -> RestChannel:
    folder.mkdir(exist_ok=True)
    token = folder / "token"
    if not token.exists():
        token.write_text(TOKEN + "\n")
        token.chmod(0o600)
    given = {"token_file": token, "offer_seconds": 5, "settle_seconds": 5, **options}
    return open_channel(Place("rest", folder, given))


@asynccontextmanager
async def calling(channel: RestChannel, token: str | None = TOKEN) -> AsyncIterator[httpx2.AsyncClient]:
    app = Starlette(routes=list(channel.routes()))
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1", headers=headers
    ) as client:
        yield client


@pytest.fixture
async def channel(tmp_path: Path) -> AsyncIterator[RestChannel]:
    made = channel_at(tmp_path / "rest", submission_bytes_max=10_000, attachment_bytes_max=1000)
    await made.connect()
    yield made
    await made.close()


@pytest.fixture
async def client(channel: RestChannel) -> AsyncIterator[httpx2.AsyncClient]:
    async with calling(channel) as made:
        yield made


def code(answer: httpx2.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    assert CANARY not in answer.text
    found: str = answer.json()["code"]
    return found


async def post(client: httpx2.AsyncClient, name: str = "n1", **members: Any) -> httpx2.Response:
    return await client.post("/v1/submissions", json={**PAYLOAD, **members}, headers={"Idempotency-Key": name})


# -- who is let in

ADDRESSES = [
    ("POST", "/v1/submissions"),
    ("GET", "/v1/submissions/x"),
    ("PUT", f"/v1/attachments/{SHA256}"),
    ("GET", "/v1/deliveries"),
    ("POST", f"/v1/deliveries/{SHA256}/ack"),
    ("POST", f"/v1/deliveries/{SHA256}/reject"),
    ("GET", f"/v1/deliveries/{SHA256}/files/{SHA256}"),
]


def test_every_address_is_in_the_table_above(tmp_path: Path) -> None:
    named = {"{id}": "x", "{digest}": SHA256, "{sha256}": SHA256}
    found = []
    for route in channel_at(tmp_path / "rest").routes():
        path: str = route.path  # type: ignore[attr-defined]
        methods: set[str] = route.methods  # type: ignore[attr-defined]
        for name, value in named.items():
            path = path.replace(name, value)
        found += [(method, path) for method in methods if method != "HEAD"]
    assert sorted(found) == sorted(ADDRESSES)


@pytest.mark.parametrize(("method", "path"), ADDRESSES)
@pytest.mark.parametrize("shown", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
async def test_nobody_without_the_token(channel: RestChannel, method: str, path: str, shown: str | None) -> None:
    async with calling(channel, token=None) as stranger:
        answer = await stranger.request(method, path, headers={"Authorization": shown} if shown is not None else {})
    assert answer.status_code == 401
    assert code(answer) == "TOKEN_INVALID"
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.text


@pytest.mark.parametrize(
    ("text", "mode", "why"),
    [
        (TOKEN, 0o644, "SECRET_EXPOSED"),
        (TOKEN, 0o640, "SECRET_EXPOSED"),
        ("short", 0o600, "KEY_FILE_INVALID"),
        ("", 0o600, "KEY_FILE_INVALID"),
        (None, 0, "KEY_FILE_INVALID"),
    ],
)
async def test_without_a_safe_token_nobody_is_let_in(tmp_path: Path, text: str | None, mode: int, why: str) -> None:
    channel = channel_at(tmp_path / "rest")
    token = tmp_path / "rest" / "token"
    if text is None:
        token.unlink()
    else:
        token.write_text(text)
        token.chmod(mode)
    with pytest.raises(Unavailable, match=why):
        await channel.connect()
    assert ("token_file", why) in [(check.name, check.state) for check in await channel.probe()]
    async with calling(channel, text) as client:
        assert (await post(client)).status_code == 503


async def test_the_token_that_init_made_is_the_default(tmp_path: Path) -> None:
    token = tmp_path / "channel-token"
    token.write_text(TOKEN)
    token.chmod(0o600)
    channel = open_channel(Place("rest", tmp_path / "channels" / "rest"))
    await channel.connect()
    assert {check.state for check in await channel.probe()} == {"ok"}
    await channel.close()


# -- submissions


async def test_the_same_again_gets_the_same_answer(channel: RestChannel, client: httpx2.AsyncClient) -> None:
    async with taking(channel) as taken:
        first, second = await post(client), await post(client)
    assert first.status_code == second.status_code == 202
    assert first.json() == second.json() == {"id": "id-of-n1", "case_handle": "0" * 32}
    assert taken.submissions[0] == taken.submissions[1]


async def test_what_the_edge_finds_is_told(channel: RestChannel, client: httpx2.AsyncClient) -> None:
    findings = (Finding("/stays/0", "SG2"), Finding("/stays/0", "SG6", "warning"))
    async with taking(channel, lambda _: Refused("SG2", findings)):
        answer = await post(client)
    assert answer.status_code == 422
    assert code(answer) == "SG2"
    assert answer.json()["path"] == "/stays/0"
    assert answer.json()["findings"] == [finding.as_json() for finding in findings]


@pytest.mark.parametrize(
    ("headers", "body", "why"),
    [
        ({}, b"{}", "INPUT_NAME"),
        ({"Idempotency-Key": ""}, b"{}", "INPUT_NAME"),
        ({"Idempotency-Key": "x" * 201}, b"{}", "INPUT_NAME"),
        ({"Idempotency-Key": "a b"}, b"{}", "INPUT_NAME"),
        ({"Idempotency-Key": "a", "Content-Type": "text/plain"}, b'{"kind": 1}', "MEDIA_TYPE"),
        ({"Idempotency-Key": "a"}, b"{" + CANARY.encode(), "JSON_INVALID"),
        ({"Idempotency-Key": "a"}, b"", "JSON_INVALID"),
        ({"Idempotency-Key": "a"}, b"x" * 10_001, "INPUT_LIMIT"),
        ({"Idempotency-Key": "a"}, b'{"payload": {"kind": 1}, "attachments": ["x.jpg"]}', "FIELD_UNKNOWN"),
        ({"Idempotency-Key": "a"}, b'{"kind": "doc.alert", "i": {"sha256": "%s"}}' % (b"a" * 64), "ATTACH_MISSING"),
    ],
)
async def test_a_request_that_is_none(
    client: httpx2.AsyncClient, headers: dict[str, str], body: bytes, why: str
) -> None:
    answer = await client.post("/v1/submissions", content=body, headers={"Content-Type": "application/json", **headers})
    assert code(answer) == why


async def test_a_body_without_length_is_bounded_too(client: httpx2.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1000

    answer = await client.post(
        "/v1/submissions",
        content=endless(),
        headers={"Content-Type": "application/json", "Idempotency-Key": "a"},
    )
    assert code(answer) == "INPUT_LIMIT"


async def test_an_edge_that_says_nothing_means_later(tmp_path: Path) -> None:
    channel = channel_at(tmp_path / "rest", settle_seconds=0.05)
    await channel.connect()
    async with calling(channel) as client:
        answer = await post(client)
        assert (answer.status_code, code(answer)) == (503, "BUSY")
        assert answer.headers["retry-after"] == "1"
        async with taking(channel) as taken:  # nobody waits for the first any more: it is not offered
            assert (await post(client)).status_code == 202
    assert len(taken.submissions) == 1
    await channel.close()


async def test_more_than_fit_are_answered_later(tmp_path: Path) -> None:
    channel = channel_at(tmp_path / "rest", waiting_max=2)
    await channel.connect()
    async with calling(channel) as client, asyncio.TaskGroup() as group:
        posts = [group.create_task(post(client, f"n{number}")) for number in range(3)]
        done, waiting = await asyncio.wait(posts, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result().status_code for task in done] == [503]
        async with taking(channel):
            await asyncio.wait(waiting)
        assert [task.result().status_code for task in waiting] == [202, 202]
    await channel.close()


async def test_a_full_disk_is_told_and_the_repeat_is_taken(channel: RestChannel, client: httpx2.AsyncClient) -> None:
    async with asyncio.TaskGroup() as group:
        told = group.create_task(post(client))
        inbound = await offered(channel)
        with full_disk(), pytest.raises(Unavailable):
            await inbound.settle(take(inbound.submission))
        assert (await told).status_code == 503
    async with taking(channel):
        assert (await post(client)).status_code == 202


async def test_where_a_submission_stands(channel: RestChannel, client: httpx2.AsyncClient) -> None:
    async with taking(channel):
        await post(client)
    address = "/v1/submissions/id-of-n1"
    assert (await client.get(address)).json()["state"] == "queued"
    for _ in range(2):
        await channel.report(Progress("n1", "id-of-n1", "accepted", receipt=b"proof"))
        await channel.report(Progress("n1", "id-of-n1", "handed_over", partner="test-geo"))
        await channel.report(Progress("n1", "id-of-n1", "failed", partner="test-mda", code="OPEN_FAILED"))
    assert (await client.get(address)).json() == {
        "id": "id-of-n1",
        "case_handle": "0" * 32,
        "state": "accepted",
        "code": None,
        "receipt": "proof",
        "recipients": {
            "test-geo": {"state": "handed_over", "code": None},
            "test-mda": {"state": "failed", "code": "OPEN_FAILED"},
        },
    }
    await channel.report(Progress("n2", "id-2", "refused", code="NO_AGREEMENT"))
    assert (await client.get("/v1/submissions/id-2")).json()["code"] == "NO_AGREEMENT"
    assert code(await client.get(f"/v1/submissions/{CANARY}")) == "NOT_FOUND"


async def test_a_held_submission_says_where_until_it_is_released(
    channel: RestChannel, client: httpx2.AsyncClient
) -> None:
    async with taking(channel, hold):
        answer = await post(client)
    finding = {"code": "FREETEXT_HOLD", "path": "/case_ref", "severity": "error"}
    held = {"state": "held", "code": "FREETEXT_HOLD", "findings": [finding]}
    assert answer.status_code == 202
    assert answer.json() == {"id": "id-of-n1", "case_handle": "0" * 32, **held}
    rest: dict[str, Any] = {"id": "id-of-n1", "case_handle": "0" * 32, "receipt": None, "recipients": {}}
    address = "/v1/submissions/id-of-n1"
    assert (await client.get(address)).json() == {**rest, **held}
    await channel.report(Progress("n1", "id-of-n1", "queued"))
    async with taking(channel, hold):  # offered again before the edge knew: what was told since stands
        await post(client)
    assert (await client.get(address)).json() == {**rest, "state": "queued", "code": None}
    await channel.report(Progress("n1", "id-of-n1", "held", code="FREETEXT_HOLD", findings=HELD))
    assert (await client.get(address)).json() == {**rest, **held}
    await channel.report(Progress("n1", "id-of-n1", "refused", code="FREETEXT_HOLD"))
    assert (await client.get(address)).json() == {**rest, "state": "refused", "code": "FREETEXT_HOLD"}


# -- attachments


async def test_a_file_goes_ahead_of_the_submission_that_names_it(
    channel: RestChannel, client: httpx2.AsyncClient
) -> None:
    assert (await client.put(f"/v1/attachments/{SHA256}", content=IMAGE)).status_code == 201
    assert (await client.put(f"/v1/attachments/{SHA256}", content=IMAGE)).status_code == 200
    async with taking(channel) as taken:
        answer = await post(client, payload={"kind": "doc.alert", "images": [{"sha256": SHA256}]})
    assert answer.status_code == 202
    assert taken.submissions[0].attachments[SHA256].read_bytes() == IMAGE


@pytest.mark.parametrize(
    ("name", "body", "why"),
    [
        (SHA256, b"other", "ATTACH_HASH"),
        (SHA256, IMAGE + b"more", "ATTACH_HASH"),
        (SHA256, b"", "ATTACH_HASH"),
        (SHA256, b"x" * 1001, "ATTACH_SIZE"),
        (SHA256.upper(), IMAGE, "NOT_FOUND"),
        ("..%2f..%2ftoken", IMAGE, "NOT_FOUND"),
    ],
)
async def test_a_file_that_does_not_fit(
    client: httpx2.AsyncClient, tmp_path: Path, name: str, body: bytes, why: str
) -> None:
    answer = await client.put(f"/v1/attachments/{name}", content=body)
    if answer.headers["content-type"] == "application/problem+json":
        assert code(answer) == why
    else:
        assert answer.status_code == 404  # no address of ours at all
    assert not list((tmp_path / "rest" / "attachments").iterdir())


async def test_a_length_that_was_not_told_or_is_wrong(client: httpx2.AsyncClient) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield IMAGE

    address = f"/v1/attachments/{SHA256}"
    assert code(await client.put(address, content=chunks())) == "REQUEST_INVALID"
    for length in ("5", "500"):
        answer = await client.put(address, content=chunks(), headers={"Content-Length": length})
        assert code(answer) == "ATTACH_HASH"


async def test_all_files_together_are_bounded_and_go_after_a_time(tmp_path: Path) -> None:
    channel = channel_at(tmp_path / "rest", staged_bytes_max=len(IMAGE) + 5, staged_hours=1)
    await channel.connect()
    other = b"other file"
    async with calling(channel) as client:
        await client.put(f"/v1/attachments/{SHA256}", content=IMAGE)
        address = f"/v1/attachments/{hashlib.sha256(other).hexdigest()}"
        assert code(await client.put(address, content=other)) == "STORE_UNAVAILABLE"
        os.utime(tmp_path / "rest" / "attachments" / SHA256, (0, 0))
        assert (await client.put(address, content=other)).status_code == 201
    assert not (tmp_path / "rest" / "attachments" / SHA256).exists()
    await channel.close()


async def test_a_full_disk_leaves_no_half_file(client: httpx2.AsyncClient, tmp_path: Path) -> None:
    with full_disk(2):
        answer = await client.put(f"/v1/attachments/{SHA256}", content=IMAGE)
    assert code(answer) == "STORE_UNAVAILABLE"
    assert not list((tmp_path / "rest" / "attachments").iterdir())
    assert (await client.put(f"/v1/attachments/{SHA256}", content=IMAGE)).status_code == 201


# -- deliveries


async def asked(client: httpx2.AsyncClient, wait: float = 5, most: int = 10) -> list[dict[str, Any]]:
    answer = await client.get(f"/v1/deliveries?wait={wait}&max={most}")
    assert answer.status_code == 200
    found: list[dict[str, Any]] = answer.json()["deliveries"]
    return found


@pytest.mark.parametrize(
    "query", ["wait=-1", "wait=x", "wait=1e3", "max=0", "max=101", "max=x", "max=", f"{CANARY}=1", "wait=00000"]
)
async def test_a_question_that_is_none(client: httpx2.AsyncClient, query: str) -> None:
    assert code(await client.get(f"/v1/deliveries?{query}")) == "REQUEST_INVALID"


async def test_a_look_without_content_leases_nothing(client: httpx2.AsyncClient) -> None:
    assert (await client.head("/v1/deliveries")).status_code == 405


async def test_nothing_new_is_an_empty_list(client: httpx2.AsyncClient) -> None:
    assert await asked(client, wait=0) == []
    assert await asked(client, wait=0.05) == []


async def test_who_waits_is_answered_when_something_comes(
    channel: RestChannel, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    delivery = a_delivery(tmp_path / "spool")
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(asked(client))
        told = group.create_task(delivered(channel, delivery))
        [message] = await waiting
        assert (await client.post(f"/v1/deliveries/{message['digest']}/ack")).status_code == 204
        assert await told == Accepted()


async def test_closing_lets_everybody_go(channel: RestChannel, client: httpx2.AsyncClient, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(asked(client))
        posted = group.create_task(post(client))
        await offered(channel)
        told = group.create_task(channel.deliver(a_delivery(tmp_path / "spool")))
        await first
        waiting = group.create_task(client.get("/v1/deliveries?wait=30"))
        await asyncio.sleep(0)
        await channel.close()
        assert await told == RetryAfter(0.0)
        assert (await posted).status_code == 503
        assert (await waiting).json()["deliveries"] == []
        assert (await client.get("/v1/deliveries")).status_code == 503


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_body_is_answered_by_a_code(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    async def run() -> None:
        channel = channel_at(tmp_path_factory.mktemp("any") / "rest")
        await channel.connect()
        headers = {"Idempotency-Key": "a", "Content-Type": "application/json"}
        async with calling(channel) as client, taking(channel):
            for path in ("/v1/submissions", f"/v1/deliveries/{SHA256}/reject"):
                answer = await client.post(path, content=body, headers=headers)
                assert 400 <= answer.status_code < 500
                assert code(answer) in CODES
        await channel.close()

    asyncio.run(run())


async def test_leased_to_one_it_is_not_given_to_another(tmp_path: Path) -> None:
    channel = channel_at(tmp_path / "rest", lease_seconds=0.2)
    await channel.connect()
    async with calling(channel) as client, asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(delivered(channel, a_delivery(tmp_path / "spool", number)))
        first = await asked(client, most=2)
        second = await asked(client, wait=0)
        assert [len(first), len(second)] == [2, 1]
        assert not {one["digest"] for one in first} & {one["digest"] for one in second}
        again = await asked(client)  # once a lease has run out
        assert {one["digest"] for one in again} <= {one["digest"] for one in first + second}
        for message in first + second:
            assert (await client.post(f"/v1/deliveries/{message['digest']}/ack")).status_code == 204
    await channel.close()


async def test_many_are_given_out_by_bytes(tmp_path: Path) -> None:
    channel = channel_at(tmp_path / "rest", pull_bytes_max=3000)
    await channel.connect()
    async with calling(channel) as client, asyncio.TaskGroup() as group:
        for number in range(4):
            delivery = a_delivery(tmp_path / "spool", number, payload={"kind": "k", "filler": "x" * 1500})
            group.create_task(delivered(channel, delivery))
        left = 4
        while left:
            found = await asked(client)
            assert len(found) == 1
            left -= 1
            await client.post(f"/v1/deliveries/{found[0]['digest']}/ack")
    await channel.close()


async def test_a_late_acknowledgement_counts(tmp_path: Path) -> None:
    """Also after the edge's offer, the process and the lease have ended."""
    delivery = a_delivery(tmp_path / "spool")
    channel = channel_at(tmp_path / "rest", offer_seconds=0.1)
    await channel.connect()
    async with calling(channel) as client, asyncio.TaskGroup() as group:
        told = group.create_task(channel.deliver(delivery))
        [message] = await asked(client)
        assert await told == RetryAfter(0.0)
    await channel.close()
    after = channel_at(tmp_path / "rest", offer_seconds=0.1)
    await after.connect()
    async with calling(after) as client:
        assert (await client.post(f"/v1/deliveries/{message['digest']}/ack")).status_code == 204
        assert await after.deliver(delivery) == Accepted()
        assert await asked(client, wait=0) == []
    await after.close()


async def test_the_first_word_stands(channel: RestChannel, client: httpx2.AsyncClient, tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "spool")
    address = f"/v1/deliveries/{delivery.digest}"
    async with asyncio.TaskGroup() as group:
        told = group.create_task(channel.deliver(delivery))
        await asked(client)
        assert (await client.post(f"{address}/reject", json={"code": "FIELD_RANGE"})).status_code == 204
        assert await told == Rejection("FIELD_RANGE")
    assert (await client.post(f"{address}/reject")).status_code == 204
    assert code(await client.post(f"{address}/ack")) == "REQUEST_INVALID"
    assert await channel.deliver(delivery) == Rejection("FIELD_RANGE")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"code": "%s"}' % CANARY.encode(), "CODE_UNKNOWN"),
        (b'{"code": 1}', "CODE_UNKNOWN"),
        (b'{"reason": "%s"}' % CANARY.encode(), "FIELD_UNKNOWN"),
        (b"[]", "FIELD_UNKNOWN"),
        (b"{", "JSON_INVALID"),
        (b"x" * 5000, "INPUT_LIMIT"),
    ],
)
async def test_a_rejection_without_a_known_code(
    channel: RestChannel, client: httpx2.AsyncClient, tmp_path: Path, body: bytes, why: str
) -> None:
    delivery = a_delivery(tmp_path / "spool")
    async with asyncio.TaskGroup() as group:
        told = group.create_task(channel.deliver(delivery))
        await asked(client)
        address = f"/v1/deliveries/{delivery.digest}"
        answer = await client.post(f"{address}/reject", content=body, headers={"Content-Type": "application/json"})
        assert code(answer) == why
        await client.post(f"{address}/ack")
        assert await told == Accepted()


@pytest.mark.parametrize("tail", ["ack", "reject", f"files/{SHA256}"])
@pytest.mark.parametrize("digest", [SHA256, "x", SHA256.upper()])
async def test_what_was_never_given_out_is_not_found(client: httpx2.AsyncClient, tail: str, digest: str) -> None:
    method = "GET" if tail.startswith("files") else "POST"
    assert code(await client.request(method, f"/v1/deliveries/{digest}/{tail}")) == "NOT_FOUND"


async def test_files_can_be_had_until_it_is_acknowledged(
    channel: RestChannel, client: httpx2.AsyncClient, tmp_path: Path
) -> None:
    delivery = a_delivery(tmp_path / "spool", files=[IMAGE])
    async with asyncio.TaskGroup() as group:
        told = group.create_task(channel.deliver(delivery))
        [message] = await asked(client)
        [file] = message["files"]
        got = await client.get(f"/{file['at']}")
        assert (got.content, got.headers["content-type"]) == (IMAGE, "image/jpeg")
        assert message["receipt"].encode() == delivery.receipt
        assert code(await client.get(f"/v1/deliveries/{delivery.digest}/files/{'a' * 64}")) == "NOT_FOUND"
        delivery.files[0].path.unlink()
        assert code(await client.get(f"/{file['at']}")) == "NOT_FOUND"
        await client.post(f"/v1/deliveries/{delivery.digest}/ack")
        await told
    assert code(await client.get(f"/{file['at']}")) == "NOT_FOUND"


async def test_a_full_disk_gives_nothing_out(channel: RestChannel, client: httpx2.AsyncClient, tmp_path: Path) -> None:
    delivery = a_delivery(tmp_path / "spool")
    async with asyncio.TaskGroup() as group:
        told = group.create_task(channel.deliver(delivery))
        await asyncio.sleep(0)
        with full_disk():
            assert (await client.get("/v1/deliveries?wait=1")).status_code == 503
        [message] = await asked(client)
        address = f"/v1/deliveries/{message['digest']}/ack"
        with full_disk():
            assert (await client.post(address)).status_code == 503
        assert not told.done()
        assert (await client.post(address)).status_code == 204
        assert await told == Accepted()


async def test_what_was_acknowledged_is_forgotten_after_its_time(tmp_path: Path) -> None:
    channel = channel_at(tmp_path / "rest")
    await channel.connect()
    channel.journal.given_out(["a" * 64])
    channel.journal._open.execute("UPDATE delivery SET at = 0")
    await channel.close()
    await channel.connect()
    assert channel.journal.word("a" * 64) is None
    await channel.close()


CRASH = """
import asyncio, sys
from pathlib import Path
from adapters.channels.rest.journal import Journal, Word
from service import failpoints

journal = Journal(Path(sys.argv[1]) / "rest" / "rest.db", days=60)
journal.open()
journal.given_out([sys.argv[2]])
failpoints.arm(sys.argv[3])
journal.settle(sys.argv[2], Word("accepted"))
"""


def crash(base: Path, digest: str, point: str) -> None:
    done = subprocess.run([sys.executable, "-c", CRASH, base, digest, point], cwd=ROOT, check=False)
    assert done.returncode == -9


@pytest.mark.parametrize("point", ["channel.rest.before_settled", "channel.rest.settled"])
async def test_killed_at_an_acknowledgement_it_counts_once_it_was_answered(tmp_path: Path, point: str) -> None:
    (tmp_path / "rest").mkdir()
    delivery = a_delivery(tmp_path / "spool")
    crash(tmp_path, delivery.digest, point)
    channel = channel_at(tmp_path / "rest", offer_seconds=0.05)
    await channel.connect()
    expected = Accepted() if point == "channel.rest.settled" else RetryAfter(0.0)
    assert await channel.deliver(delivery) == expected
    await channel.close()


# -- options


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"token": TOKEN}, "/token"),
        ({"webhook_url": "http://192.0.2.1/x"}, "/"),
        ({"webhook_url": "http://national.example/x"}, "/"),
        ({"webhook_url": "https://user:pass@national.example/x"}, "/"),
        ({"webhook_url": "ftp://127.0.0.1/x"}, "/webhook_url"),
        ({"webhook_url": "https:///x"}, "/"),
        ({"journal_days": 30}, "/journal_days"),
        ({"deliveries_at_once": 0}, "/deliveries_at_once"),
    ],
)
def test_a_wrong_option_is_named_without_its_value(tmp_path: Path, options: dict[str, object], path: str) -> None:
    with pytest.raises(Rejected) as refused:
        channel_at(tmp_path / "rest", **options)
    assert refused.value.path == path
    assert TOKEN not in str(refused.value)


@pytest.mark.parametrize("url", ["https://national.example/x", "http://127.0.0.1:9/x", "http://[::1]:9/x"])
def test_a_webhook_over_tls_or_on_loopback(tmp_path: Path, url: str) -> None:
    channel = channel_at(tmp_path / "rest", webhook_url=url)
    assert channel.manifest.secrets == ("token_file", "webhook_token_file")
