"""Intake: every refusal with its code, status and leaf; repeats; what a batch does to its members."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from hub.policy.authorisation import CLOCK_AHEAD_MAX
from keys.container import (
    CONTAINER_BYTES_MAX,
    Container,
    Stanza,
    encode_container,
    encode_manifest,
    parse_container,
)
from keys.proofs.leaf import Leaf
from keys.sealing import Sealed
from keys.signing import CONTAINER_CONTEXT, CONTAINER_TYPE, STATEMENT_TYPE, sign
from keys.statements import STATEMENT_BYTES_MAX
from keys.suite import SigningPair
from schemas.envelope import Recipient, Reference, parse_header
from schemas.errors import CODES
from service import batch as batches
from service.problems import PROBLEM_TYPE
from tests.world import NOW, World, agreement, sha256

Client = httpx2.AsyncClient


@pytest.fixture
def world(hub_world: World) -> World:
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running() as found:
        yield found
    world.check()


def header_of(sealed: Sealed) -> Any:
    return parse_container(sealed.container).header


def forged(world: World, sealed: Sealed, source: str, header: bytes | None = None, **members: Any) -> bytes:
    """The container with another header or stanzas, rightly signed by `source`."""
    found = parse_container(sealed.container)
    manifest = encode_manifest(
        found.header_bytes if header is None else header,
        members.get("stanzas", found.stanzas),
        members.get("parts", found.parts),
    )
    signatures = sign(world.partners[source].pair, CONTAINER_TYPE, manifest, CONTAINER_CONTEXT)
    return encode_container(manifest, signatures, [bytes(found.inline(0))])


def size(world: World) -> int:
    assert world.hub is not None
    return world.hub.writer.size


async def refused(world: World, client: Client, body: Sealed | bytes, code: str, path: str | None = None) -> Leaf:
    """It is refused with this code, and its leaf proves it; the leaf."""
    answer = await world.post(client, body, CONTAINER_TYPE)
    found = answer.json()
    assert (found["code"], answer.status_code, found.get("path")) == (code, CODES[code].status, path)
    assert answer.headers["content-type"] == PROBLEM_TYPE
    assert set(found) <= {"type", "title", "status", "code", "path", "receipt"}
    receipt = world.verified(found["receipt"])
    assert receipt.index == size(world) - 1
    leaf = receipt.leaf
    assert (leaf.event, leaf.code, leaf.to, dict(leaf.c)) == ("SubmissionRejection", code, (), {})
    return leaf


async def turned_away(world: World, client: Client, body: bytes, code: str, kind: str = CONTAINER_TYPE) -> None:
    """It is refused with this code before both signatures held: no leaf, no proof."""
    before = size(world)
    answer = await world.post(client, body, kind)
    found = answer.json()
    assert (found["code"], answer.status_code) == (code, CODES[code].status)
    assert "receipt" not in found
    assert size(world) == before


# -- acceptance and repeats


async def test_an_accepted_message_has_a_leaf_that_names_no_case(world: World, client: Client) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    receipt = await world.accepted(client, sealed)
    leaf, header = receipt.leaf, header_of(sealed)
    assert (leaf.event, leaf.source, leaf.to, leaf.type) == (
        "SubmissionAcceptance", "test-aut", ("test-mda",), "ident.request",
    )  # fmt: skip
    assert leaf.digest == sealed.digest.hex()
    assert set(leaf.c) == {"case", "id"}
    assert header.case_handle.encode() not in receipt.leaf_bytes
    assert header.id.encode() not in receipt.leaf_bytes


async def test_a_repeat_gets_the_same_receipt_whatever_has_happened_since(world: World, client: Client) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    first = await world.post(client, sealed)
    for _ in range(3):
        await world.accepted(client, world.seal("test-geo", "doc.alert", ["test-aut"]))
    world.suspend("TEST-AUT-MDA", "test-mda")
    await world.travel(days=9)
    before = size(world)
    again = await world.post(client, sealed)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.content == first.content
    assert size(world) - before <= 2  # the directory's versions, no more


async def test_a_repeat_with_other_signature_bytes_is_the_same_message(world: World, client: Client) -> None:
    """ML-DSA signs differently each time; the identity is what was signed."""
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    first = await world.post(client, sealed)
    again = forged(world, sealed, "test-aut")
    assert again != sealed.container
    answer = await world.post(client, again, CONTAINER_TYPE)
    assert (answer.status_code, answer.content) == (200, first.content)


async def test_a_repeat_whose_signature_does_not_hold_is_turned_away(world: World, client: Client) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    await world.accepted(client, sealed)
    found = parse_container(sealed.container)
    wrong = replace(found.signatures, mldsa65=bytes(len(found.signatures.mldsa65)))
    await turned_away(
        world, client, encode_container(found.manifest, wrong, [bytes(found.inline(0))]), "SIGNATURE_INVALID"
    )


async def test_a_repeat_is_answered_after_a_restart_and_after_its_senders_key_ended(world: World) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"], time=NOW)
    async with world.running() as client:
        first = await world.post(client, sealed)
    world.clock.advance(days=10)
    secrets = {**world.partners["test-aut"].secrets}
    async with world.running() as client:
        assert (await world.post(client, sealed)).content == first.content
    assert secrets == world.partners["test-aut"].secrets
    world.check()


async def test_a_message_that_is_posted_many_times_at_once_is_accepted_once(world: World, client: Client) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    before = size(world)
    answers = await asyncio.gather(*(world.post(client, sealed) for _ in range(8)))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert size(world) == before + 1


async def test_the_same_id_with_other_bytes_is_a_security_leaf(world: World, client: Client) -> None:
    sealed = world.seal("test-aut", "ident.request", ["test-mda"])
    first = await world.post(client, sealed)
    other = world.seal("test-aut", "ident.request", ["test-mda"], id=header_of(sealed).id)
    leaf = await refused(world, client, other, "DUPLICATE_DIFFERS", "/id")
    assert leaf.digest == other.digest.hex()
    assert (await world.post(client, sealed)).content == first.content
    same_id = world.seal("test-geo", "doc.alert", ["test-aut"], id=header_of(sealed).id)
    await world.accepted(client, same_id)  # another sender's ids are its own


async def test_two_of_one_batch_with_one_id_are_told_apart(world: World, client: Client) -> None:
    one = world.seal("test-aut", "ident.request", ["test-mda"])
    two = world.seal("test-aut", "ident.request", ["test-mda"], id=header_of(one).id)
    body = batches.encode_batch([(0, one.container), (0, two.container), (0, one.container)])
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": batches.BATCH_TYPE})
    results = batches.decode_results(answer.content)
    assert [status for status, _ in results] == [201, 409, 200]
    assert results[0][1] == results[2][1]
    assert json.loads(results[1][1])["code"] == "DUPLICATE_DIFFERS"


async def test_a_refusal_does_not_spend_the_id(world: World, client: Client) -> None:
    early = world.seal("test-aut", "ident.request", ["test-mda"], purpose="STATS")
    await refused(world, client, early, "PURPOSE_NOT_ALLOWED", "/ixmpurpose")
    cured = world.seal("test-aut", "ident.request", ["test-mda"], id=header_of(early).id)
    await world.accepted(client, cured)


# -- refusals with a leaf


def seal_request(world: World, **changes: Any) -> Sealed:
    return world.seal("test-aut", "ident.request", ["test-mda"], **changes)


def kem(world: World, partner: str) -> str:
    return world.partners[partner].kem.public.key_id


REFUSALS: dict[str, tuple[Callable[[World], Sealed], str, str | None]] = {
    "its time lies ahead": (
        lambda world: seal_request(world, time=NOW + CLOCK_AHEAD_MAX + timedelta(seconds=1)), "CLOCK_AHEAD", "/time",
    ),
    "it has expired": (
        lambda world: seal_request(world, time=NOW - timedelta(days=10)), "EXPIRED", "/ixmexp",
    ),
    "nobody knows the kind": (
        lambda world: seal_request(world, kind="ident.rumour"), "KIND_UNKNOWN", "/type",
    ),
    "nobody knows the version": (
        lambda world: seal_request(world, dataschema="https://schemas.liaison.example/ident.request/99"),
        "UNSUPPORTED_VERSION", "/dataschema",
    ),
    "the recipient is nobody": (
        lambda world: seal_request(world, recipients=(Recipient("test-xyz", kem(world, "test-mda")),)),
        "RECIPIENT_UNKNOWN", "/ixmto",
    ),
    "it is to its own sender": (
        lambda world: world.seal("test-aut", "ident.request", ["test-aut"]), "RECIPIENT_UNKNOWN", "/ixmto",
    ),
    "the key is another partner's": (
        lambda world: seal_request(world, recipients=(Recipient("test-geo", kem(world, "test-mda")),)),
        "KEY_UNKNOWN", "/ixmto",
    ),
    "a person's matter goes to two": (
        lambda world: world.seal("test-aut", "ident.request", ["test-mda", "test-geo"]), "KIND_NOT_ALLOWED", "/ixmto",
    ),
    "it is no test message": (lambda world: seal_request(world, test=False), "TEST_NOT_ALLOWED", "/ixmtest"),
    "the role may not send the kind": (lambda world: seal_request(world, role="DOC"), "SENDER_ROLE", "/ixmrole"),
    "the sender has not the role": (
        lambda world: world.seal("test-mda", "ident.reply", ["test-aut"], role="VIS"), "SENDER_ROLE", "/ixmrole",
    ),
    "there is no such agreement": (lambda world: seal_request(world, agreement="TEST-NONE"), "NO_AGREEMENT", "/ixmagr"),
    "the agreement is others'": (
        lambda world: world.seal("test-aut", "ident.request", ["test-geo"]), "NO_AGREEMENT", "/ixmagr",
    ),
    "the agreement has other kinds": (
        lambda world: seal_request(world, agreement="TEST-DOCFRAUD-3"), "KIND_NOT_ALLOWED", "/type",
    ),
    "the purpose is not covered": (
        lambda world: seal_request(world, purpose="STATS"), "PURPOSE_NOT_ALLOWED", "/ixmpurpose",
    ),
    "the article is not named": (
        lambda world: seal_request(world, basis="Art. 7"), "BASIS_NOT_ALLOWED", "/ixmbasis",
    ),
    "it has no step": (lambda world: seal_request(world, step=None), "STEP_NOT_ALLOWED", "/ixmstep"),
    "its step is another kind's": (lambda world: seal_request(world, step="answered"), "STEP_NOT_ALLOWED", "/ixmstep"),
    "an opening refers to something": (
        lambda world: seal_request(world, reference=Reference("test-mda", header_of(seal_request(world)).id, "0" * 64)),
        "STEP_NOT_ALLOWED", "/ixmref",
    ),
    "a reply refers to nothing": (
        lambda world: world.seal("test-mda", "ident.reply", ["test-aut"]), "UNKNOWN_PARENT", "/ixmref",
    ),
    "a reply's case is unknown": (
        lambda world: world.seal("test-mda", "ident.reply", ["test-aut"], parent=seal_request(world)),
        "WRONG_CASE", "/subject",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
async def test_refused_with_a_leaf(world: World, client: Client, name: str) -> None:
    make, code, path = REFUSALS[name]
    sealed = make(world)
    leaf = await refused(world, client, sealed, code, path)
    header = header_of(sealed)
    assert leaf.source == header.source
    assert leaf.type == (None if header.kind == "ident.rumour" else header.kind)


async def test_a_suspended_agreement_refuses_at_once(world: World, client: Client) -> None:
    await world.accepted(client, seal_request(world))
    world.suspend("TEST-AUT-MDA", "test-mda")
    await refused(world, client, seal_request(world), "AGREEMENT_SUSPENDED", "/ixmagr")
    await world.accepted(client, world.seal("test-geo", "doc.alert", ["test-aut"]))
    world.agree(agreement("TEST-AUT-MDA", version=2))
    await world.accepted(client, seal_request(world))


async def test_an_agreement_not_yet_in_force_is_none(world: World, client: Client) -> None:
    world.agree(agreement("TEST-AUT-MDA", version=2, in_force_on=(NOW + timedelta(days=2)).date()))
    await refused(world, client, seal_request(world), "NO_AGREEMENT", "/ixmagr")
    await world.travel(days=2)
    await world.accepted(client, seal_request(world))


async def test_a_kind_the_registrar_took_away(world: World, client: Client) -> None:
    world.update("test-mda", kinds=("doc.alert",))
    await refused(world, client, seal_request(world), "KIND_NOT_ALLOWED", "/type")


async def test_a_recipients_key_that_has_ended(world: World, client: Client) -> None:
    later = NOW + timedelta(days=89, hours=23)
    sealed = seal_request(world, time=later)
    await world.travel(days=90, hours=1)
    await refused(world, client, sealed, "KEY_INACTIVE", "/ixmto")


async def test_a_live_hub_takes_no_test_message(world: World) -> None:
    async with world.running(live=True) as client:
        await refused(world, client, seal_request(world), "TEST_NOT_ALLOWED", "/ixmtest")


async def test_a_part_that_is_not_there(world: World, client: Client, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(200_000))
    sealed = world.seal("test-geo", "doc.alert", ["test-aut"], attachments=[image])
    await refused(world, client, sealed, "PART_MISSING")
    await world.upload(client, "test-geo", sealed)
    await world.accepted(client, sealed)


# -- the life cycle of a case


async def test_a_known_handle_cannot_be_opened_again_not_even_in_one_batch(world: World, client: Client) -> None:
    first = seal_request(world)
    again = seal_request(world, case_handle=header_of(first).case_handle)
    body = batches.encode_batch([(0, first.container), (0, again.container)])
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": batches.BATCH_TYPE})
    assert [status for status, _ in batches.decode_results(answer.content)] == [201, 403]
    third = world.seal("test-geo", "doc.alert", ["test-aut"], case_handle=header_of(first).case_handle)
    await refused(world, client, third, "WRONG_CASE", "/subject")


async def test_request_and_reply_in_one_batch(world: World, client: Client) -> None:
    request = seal_request(world)
    reply = world.seal("test-mda", "ident.reply", ["test-aut"], parent=request)
    body = batches.encode_batch([(0, request.container), (0, reply.container)])
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": batches.BATCH_TYPE})
    assert [status for status, _ in batches.decode_results(answer.content)] == [201, 201]


async def test_answers_of_one_batch_to_messages_of_earlier_ones(world: World, client: Client) -> None:
    requests = [seal_request(world) for _ in range(3)]
    for request in requests:
        await world.accepted(client, request)
    answers = [world.seal("test-mda", "ident.reply", ["test-aut"], parent=request) for request in requests[:2]]
    own = world.seal("test-aut", "ident.reply", ["test-mda"], parent=requests[2])
    again = world.seal("test-mda", "ident.reply", ["test-aut"], parent=requests[0])
    body = batches.encode_batch([(0, sealed.container) for sealed in (*answers, own, again)])
    answer = await client.post("/v1/messages", content=body, headers={"Content-Type": batches.BATCH_TYPE})
    results = batches.decode_results(answer.content)
    assert [status for status, _ in results] == [201, 201, 409, 409]
    assert {json.loads(body)["code"] for _, body in results[2:]} == {"STEP_NOT_ALLOWED"}


async def test_a_second_answer_is_refused(world: World, client: Client) -> None:
    request = seal_request(world)
    await world.accepted(client, request)
    await world.accepted(client, world.seal("test-mda", "ident.reply", ["test-aut"], parent=request))
    again = world.seal("test-mda", "ident.reply", ["test-aut"], parent=request)
    await refused(world, client, again, "STEP_NOT_ALLOWED", "/ixmstep")


async def test_who_is_no_party_hears_the_same_as_for_an_unknown_case(world: World, client: Client) -> None:
    request = world.seal("test-aut", "doc.verify.request", ["test-geo"])
    await world.accepted(client, request)
    unknown = world.seal("test-mda", "doc.verify.request", ["test-geo"])
    answers = [
        await world.post(client, world.seal("test-mda", "doc.verify.reply", ["test-aut"], parent=parent))
        for parent in (request, unknown)
    ]
    first, second = ({**answer.json(), "receipt": ""} for answer in answers)
    assert first == second
    assert first["code"] == "WRONG_CASE"


async def test_an_answer_must_refer_to_the_accepted_bytes(world: World, client: Client) -> None:
    request = seal_request(world)
    await world.accepted(client, request)
    header = header_of(request)
    for reference in (
        Reference("test-aut", header.id, sha256(b"other")),
        Reference("test-geo", header.id, request.digest.hex()),
        Reference("test-aut", header_of(seal_request(world)).id, request.digest.hex()),
    ):
        reply = world.seal("test-mda", "ident.reply", ["test-aut"], parent=request, reference=reference)
        await refused(world, client, reply, "UNKNOWN_PARENT", "/ixmref")


async def test_an_answer_to_another_case_of_the_same_parties(world: World, client: Client) -> None:
    one, two = seal_request(world), seal_request(world)
    await world.accepted(client, one)
    await world.accepted(client, two)
    crossed = world.seal("test-mda", "ident.reply", ["test-aut"], parent=one, case_handle=header_of(two).case_handle)
    await refused(world, client, crossed, "WRONG_CASE", "/subject")


async def test_nobody_answers_itself(world: World, client: Client) -> None:
    request = seal_request(world)
    await world.accepted(client, request)
    own = world.seal("test-aut", "ident.reply", ["test-mda"], parent=request)
    await refused(world, client, own, "STEP_NOT_ALLOWED", "/ixmref")


async def test_a_reply_of_another_kind_than_asked_for(world: World, client: Client) -> None:
    request = world.seal("test-aut", "doc.verify.request", ["test-mda"])
    await world.accepted(client, request)
    wrong = world.seal("test-mda", "ident.reply", ["test-aut"], parent=request, purpose="RETURN_ID")
    await refused(world, client, wrong, "STEP_NOT_ALLOWED", "/ixmref")


# -- refusals without a leaf


async def test_a_source_nobody_knows(world: World, client: Client) -> None:
    await turned_away(world, client, seal_request(world, source="test-xyz").container, "KEY_UNKNOWN")


async def test_a_pair_that_is_not_the_sources(world: World, client: Client) -> None:
    await turned_away(world, client, seal_request(world, pair=SigningPair.generate()).container, "KEY_UNKNOWN")
    await turned_away(world, client, seal_request(world, source="test-geo").container, "KEY_UNKNOWN")


async def test_a_pair_that_has_ended(world: World, client: Client) -> None:
    later = NOW + timedelta(days=365)
    sealed = seal_request(world, time=later)
    await world.travel(days=365)
    await turned_away(world, client, sealed.container, "KEY_INACTIVE")


async def test_a_signature_over_something_else(world: World, client: Client) -> None:
    sealed, other = parse_container(seal_request(world).container), parse_container(seal_request(world).container)
    body = encode_container(sealed.manifest, other.signatures, [bytes(sealed.inline(0))])
    await turned_away(world, client, body, "SIGNATURE_INVALID")


def _duplicate_member(header: bytes) -> bytes:
    return header.replace(b'{"specversion"', b'{"source":"test-geo","specversion"', 1)


def _many_recipients(header: bytes) -> bytes:
    members = json.loads(header)
    members["ixmto"] = ",".join(f"p{at}/{'0' * 64}" for at in range(100_000))
    return json.dumps(members).encode()


def _unknown_member(header: bytes) -> bytes:
    return json.dumps({**json.loads(header), "ixmcanary": "CANARY"}).encode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_duplicate_member, "HEADER_INVALID"),
        (_unknown_member, "HEADER_INVALID"),
        (_many_recipients, "CONTAINER_LIMIT"),
        (lambda _: b"[" * 10_000, "HEADER_INVALID"),
        (lambda _: b"{}", "HEADER_INVALID"),
    ],
)
async def test_a_header_that_two_readers_could_read_differently(
    world: World, client: Client, change: Callable[[bytes], bytes], code: str
) -> None:
    sealed = seal_request(world)
    header = change(parse_container(sealed.container).header_bytes)
    await turned_away(world, client, forged(world, sealed, "test-aut", header), code)


async def test_stanzas_without_end_are_counted_and_not_read(world: World, client: Client) -> None:
    sealed = seal_request(world)
    stanza: Stanza = parse_container(sealed.container).stanzas[0]
    await turned_away(world, client, forged(world, sealed, "test-aut", stanzas=[stanza] * 200), "CONTAINER_LIMIT")


async def test_a_stanza_for_another_key_than_the_headers(world: World, client: Client) -> None:
    sealed = seal_request(world)
    found: Container = parse_container(sealed.container)
    stanza = replace(found.stanzas[0], key_id=bytes(32))
    await turned_away(world, client, forged(world, sealed, "test-aut", stanzas=[stanza]), "RECIPIENTS_MISMATCH")


@pytest.mark.parametrize("cut", [0, 3, 4, 8, 200, -1])
async def test_a_container_that_is_cut_off(world: World, client: Client, cut: int) -> None:
    await turned_away(world, client, seal_request(world).container[:cut], "CONTAINER_MALFORMED")


async def test_a_body_that_was_exchanged(world: World, client: Client) -> None:
    raw = seal_request(world).container
    await turned_away(world, client, raw[:-1] + bytes([raw[-1] ^ 1]), "PART_DIGEST")
    await turned_away(world, client, raw + b"\0", "CONTAINER_MALFORMED")


async def test_another_suite(world: World, client: Client) -> None:
    await turned_away(world, client, b"IXM2" + seal_request(world).container[4:], "SUITE_UNSUPPORTED")


@pytest.mark.parametrize(
    ("kind", "bytes_max"),
    [
        (CONTAINER_TYPE, CONTAINER_BYTES_MAX),
        (STATEMENT_TYPE, STATEMENT_BYTES_MAX),
        (batches.BATCH_TYPE, batches.BATCH_BYTES_MAX),
    ],
)
async def test_a_body_is_not_read_past_its_limit(client: Client, kind: str, bytes_max: int) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while read < 4 * bytes_max:
            read += 65536
            yield bytes(65536)

    answer = await client.post("/v1/messages", content=endless(), headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (413, "CONTAINER_LIMIT")
    assert read <= bytes_max + 2 * 65536
    announced = {"Content-Type": kind, "Content-Length": str(bytes_max + 1)}
    answer = await client.post("/v1/messages", content=b"x", headers=announced)
    assert answer.status_code == 413


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/json"},
        {"Content-Type": CONTAINER_TYPE + "; charset=utf-8"},
        {"Content-Type": CONTAINER_TYPE, "Content-Encoding": "gzip"},
    ],
)
async def test_another_media_type(world: World, client: Client, headers: dict[str, str]) -> None:
    answer = await client.post("/v1/messages", content=seal_request(world).container, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "MEDIA_TYPE")


async def test_other_methods(client: Client) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await client.request(method, "/v1/messages")
        assert answer.status_code in {404, 405}
        assert answer.headers["content-type"] == PROBLEM_TYPE


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "REQUEST_INVALID"),
        (b"\0\0\0", "REQUEST_INVALID"),
        (b"\7\0\0\0\1x", "REQUEST_INVALID"),
        (b"\0\0\0\0\xffx", "REQUEST_INVALID"),
        (b"\0\0\0\0\0" * 513, "CONTAINER_LIMIT"),
    ],
)
async def test_a_batch_that_is_none(world: World, client: Client, body: bytes, code: str) -> None:
    await turned_away(world, client, body, code, batches.BATCH_TYPE)


async def test_each_of_a_batch_is_judged_for_itself(world: World, client: Client) -> None:
    good, bad = seal_request(world), seal_request(world, purpose="STATS")
    statement = world.statement("test-mda", "ContentHandover", [(good, 999)])
    items = [(0, good.container), (0, b"junk"), (0, bad.container), (1, statement), (1, b"{}")]
    answer = await client.post(
        "/v1/messages", content=batches.encode_batch(items), headers={"Content-Type": batches.BATCH_TYPE}
    )
    assert answer.status_code == 200
    results = batches.decode_results(answer.content)
    assert [status for status, _ in results] == [201, 400, 403, 409, 400]
    world.verified(results[0][1])
    assert ["receipt" in json.loads(body) for _, body in results[1:]] == [False, True, True, False]


def test_the_header_that_world_makes_is_read_back(world: World) -> None:
    sealed = seal_request(world)
    assert parse_header(parse_container(sealed.container).header_bytes) == header_of(sealed)
