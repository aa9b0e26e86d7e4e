"""A hub that lies: what it can try, and how an edge notices."""

import json

import pytest

from adapters.contract import Taken
from adapters.edge import deadlines, follower, poster, receiver, sealer
from adapters.edge.wiring import Edge
from keys.proofs.checkpoint import LogSigner
from keys.proofs.merkle import leaf_hash
from keys.proofs.receipt import RECEIPT_TYPE, encode_receipt, parse_receipt
from keys.signing import CONTAINER_TYPE, STATEMENT_TYPE
from keys.statements import Entry
from schemas.envelope import LogHead
from schemas.errors import Rejected
from service.multipart import Part
from tests.edge.conftest import (
    Rig,
    channel,
    codes,
    deliver,
    follow,
    offer,
    post,
    receive,
    rows,
    say,
    send,
    taken,
)


def signer(rig: Rig) -> LogSigner:
    assert rig.world.hub is not None
    return rig.world.hub.signer


def forged(rig: Rig, receipt: bytes, **changes: object) -> bytes:
    """A receipt of a log of one leaf, honestly signed by the hub: another history."""
    members = json.loads(parse_receipt(receipt).leaf) | changes
    leaf = json.dumps(members, separators=(",", ":")).encode()
    checkpoint = signer(rig).sign(1, leaf_hash(leaf), rig.world.clock())
    return encode_receipt(leaf, 0, (), checkpoint)


def delivery(*pairs: tuple[str, bytes, bytes]) -> list[Part]:
    return [
        part
        for digest, receipt, container in pairs
        for part in (Part(RECEIPT_TYPE, digest, receipt), Part(CONTAINER_TYPE, digest, container))
    ]


async def one_on_its_way(rig: Rig, name: str = "one") -> tuple[str, bytes, bytes]:
    """Digest, receipt and container of a message from AUT that lies at the hub for MDA."""
    austria = rig.edges.get("test-aut") or await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda", name=name)
    await sealer.seal_some(austria)
    [(container, digest)] = rows(austria, "SELECT sealed, digest FROM outbox WHERE state = 'sealed'")
    await poster.post_some(austria)
    [(receipt,)] = rows(austria, f"SELECT receipt FROM outbox WHERE digest = x'{digest.hex()}'")  # noqa: S608
    return digest.hex(), receipt, container


async def test_a_receipt_of_another_message_is_refused(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    _, other, _ = await one_on_its_way(rig)
    await taken(austria, "ident.request", "test-mda", name="two")
    rig.lies["/v1/messages"] = lambda _status, _body: (201, other)
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox ORDER BY seq") == [("accepted",), ("sealed",)]
    assert codes(austria) == ["RECEIPT_INVALID"]
    rig.lies.clear()
    rig.world.clock.advance(minutes=5)
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox ORDER BY seq") == [("accepted",), ("accepted",)]


@pytest.mark.parametrize(
    "change", [{"type": "doc.alert"}, {"to": ["test-geo"]}, {"source": "test-geo"}, {"sig": "0" * 64}]
)
async def test_a_receipt_that_says_something_else_is_refused(rig: Rig, change: dict[str, object]) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    rig.lies["/v1/messages"] = lambda _status, body: (201, forged(rig, body, **change))
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("sealed",)]
    assert codes(austria) == ["RECEIPT_INVALID"]


async def test_a_refusal_without_proof_ends_nothing(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    rig.lies["/v1/messages"] = lambda _status, _body: (403, b'{"code":"NO_AGREEMENT"}')
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("sealed",)]
    assert codes(austria) == ["RECEIPT_INVALID"]


async def test_a_forked_log_ends_all_trust_and_both_states_are_kept(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    rig.lies["/v1/messages"] = lambda _status, body: (201, forged(rig, body))
    with pytest.raises(Rejected, match="LOG_INCONSISTENT"):
        await send(austria)
    assert codes(austria) == ["LOG_INCONSISTENT"]
    [alarm] = austria.alarms.list()
    assert len(json.loads(austria.alarms.evidence(alarm.code, alarm.subject) or b"")) == 2
    rig.lies.clear()
    with pytest.raises(Rejected, match="LOG_INCONSISTENT"):
        await receive(austria)
    await rig.stack.aclose()
    again = await rig.stack.enter_async_context(rig.reopened("test-aut"))
    with pytest.raises(Rejected, match="LOG_INCONSISTENT"):
        again.monitor.check_trusted()


async def test_another_root_at_the_same_size_is_a_fork(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    kept = austria.monitor.kept
    assert kept is not None
    other = austria.directories.current.hub.log.verify(signer(rig).sign(kept.size, bytes(32), rig.world.clock()))
    with pytest.raises(Rejected, match="LOG_INCONSISTENT"):
        await austria.monitor.check((other,))
    assert codes(austria) == ["LOG_INCONSISTENT"]


async def test_a_rollback_is_noticed(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    assert rig.between is not None
    await deadlines.look_at_checkpoint(austria)
    old = austria.monitor.kept
    assert old is not None
    await one_on_its_way(rig)
    rig.lies["/audit"] = lambda _status, _body: (200, old.text)
    with pytest.raises(Rejected, match="LOG_INCONSISTENT"):
        await deadlines.look_at_checkpoint(austria)
    assert codes(austria) == ["LOG_INCONSISTENT"]


async def test_a_directory_that_is_not_in_the_log_is_not_used(rig: Rig) -> None:
    """The hub shows one partner a directory of its own, with a key of its own for a recipient."""
    austria = await rig.edge("test-aut")
    version = austria.directories.version
    rig.world.update("test-mda", authority="Another name")
    proof = await austria.hub.directory_proof(version)
    rig.lies["/tuf/proofs"] = lambda _status, _body: (200, proof)
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        await austria.directories.refresh()
    assert austria.directories.version == version
    assert codes(austria) == ["DIRECTORY_UNLOGGED"]
    rig.lies.clear()
    assert (await austria.directories.refresh()).version == version + 1


async def test_a_replayed_message_is_handed_over_once(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    digest, receipt, container = await one_on_its_way(rig)
    await deliver(moldova)
    await receiver.take(moldova, delivery((digest, receipt, container)))  # the same push again is no lie
    assert codes(moldova) == []
    cursor = parse_receipt(receipt).index
    await receiver.take(moldova, delivery((digest, receipt, container)), after=cursor)
    assert codes(moldova) == ["REORDERED"]
    await deliver(moldova)
    assert len(channel(moldova).calls) == 1


async def test_reordered_messages_are_noticed_and_taken(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    first, second = await one_on_its_way(rig, "one"), await one_on_its_way(rig, "two")
    await receiver.take(moldova, delivery(second, first), after=-1)
    assert codes(moldova) == ["REORDERED"]
    assert rows(moldova, "SELECT count(*) FROM inbox") == [(2,)]


async def test_a_push_that_comes_after_a_later_one_is_noticed(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    first, second = await one_on_its_way(rig, "one"), await one_on_its_way(rig, "two")
    await receiver.take(moldova, delivery(second))
    await receiver.take(moldova, delivery(first))
    assert codes(moldova) == ["REORDERED"]


async def test_other_bytes_under_a_good_receipt_fail_and_are_told(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    digest, receipt, _ = await one_on_its_way(rig, "one")
    _, _, other = await one_on_its_way(rig, "two")
    await receiver.take(moldova, delivery((digest, receipt, other)))
    assert rows(moldova, "SELECT state, code FROM inbox") == [("failed", "HEADER_MISMATCH")]
    assert codes(moldova) == ["DELIVERY_MISMATCH"]
    await say(moldova)
    await follow(rig.edges["test-aut"])
    assert rows(rig.edges["test-aut"], "SELECT state, code FROM awaited ORDER BY seq") == [
        ("failed", "HEADER_MISMATCH"),
        ("pending", None),
    ]


@pytest.mark.parametrize("at", [0, 5, 200, -1])
async def test_changed_bytes_fail_with_a_code(rig: Rig, at: int) -> None:
    moldova = await rig.edge("test-mda")
    digest, receipt, container = await one_on_its_way(rig)
    changed = bytearray(container)
    changed[at] ^= 1
    await receiver.take(moldova, delivery((digest, receipt, bytes(changed))))
    [(state, code)] = rows(moldova, "SELECT state, code FROM inbox")
    assert state == "failed"
    assert code in {"CONTAINER_MALFORMED", "CONTAINER_LIMIT", "HEADER_MISMATCH", "PART_DIGEST", "HEADER_INVALID"}
    assert codes(moldova) == ["DELIVERY_MISMATCH"]
    assert channel(moldova).calls == []


async def test_a_relabelled_kind_is_noticed(rig: Rig) -> None:
    """A receipt that speaks of another kind belongs to another log; and its leaf is not in ours."""
    moldova = await rig.edge("test-mda")
    digest, receipt, container = await one_on_its_way(rig)
    lie = forged(rig, receipt, type="visa.overstay.notice")
    with pytest.raises(Rejected, match="LOG_INCONSISTENT"):
        await receiver.take(moldova, delivery((digest, lie, container)))
    assert rows(moldova, "SELECT count(*) FROM inbox") == [(0,)]


async def test_a_delivery_for_somebody_else_is_refused(rig: Rig) -> None:
    georgia = await rig.edge("test-geo")
    digest, receipt, container = await one_on_its_way(rig)
    with pytest.raises(Rejected, match="PROOF_INVALID"):
        await receiver.take(georgia, delivery((digest, receipt, container)))
    assert codes(georgia) == ["RECEIPT_INVALID"]


async def test_a_dropped_message_is_noticed(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    first = await one_on_its_way(rig, "one")
    second = await one_on_its_way(rig, "two")
    await receiver.take(moldova, delivery(second), after=-1)
    await follow(moldova)
    deadlines.look(moldova)
    assert codes(moldova) == ["NOT_DELIVERED"]
    assert moldova.alarms.list()[0].subject == str(parse_receipt(first[1]).index)


async def test_a_message_that_never_comes_is_noticed_in_time(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    await one_on_its_way(rig)
    await follow(moldova)
    deadlines.look(moldova)
    assert codes(moldova) == []
    rig.world.clock.advance(minutes=20)
    deadlines.look(moldova)
    assert codes(moldova) == ["NOT_DELIVERED"]


async def test_a_hand_over_that_is_never_signed_is_an_alarm(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await one_on_its_way(rig)
    deadlines.look(austria)
    assert codes(austria) == []
    rig.world.clock.advance(hours=25)
    deadlines.look(austria)
    deadlines.look(austria)
    assert codes(austria) == ["WITHHELD"]


async def test_a_statement_that_is_not_shown_counts_for_nothing(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    await one_on_its_way(rig)
    await deliver(moldova)
    parts = await austria.hub.leaves(None, 0)
    await _follow_parts(austria, [part for part in parts if part.media_type != STATEMENT_TYPE])
    assert codes(austria) == ["STATEMENT_INVALID"]
    assert rows(austria, "SELECT state FROM awaited") != [("handed_over",)]


async def test_a_statement_by_somebody_else_counts_for_nothing(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    digest, receipt, _ = await one_on_its_way(rig)
    await deliver(moldova)
    index = parse_receipt(receipt).index
    lie = rig.world.statement("test-geo", "ContentHandover", [Entry(digest, index)])
    parts = [
        Part(part.media_type, part.content_id, lie) if part.media_type == STATEMENT_TYPE else part
        for part in await austria.hub.leaves(None, 0)
    ]
    await _follow_parts(austria, parts)
    assert codes(austria) == ["STATEMENT_INVALID"]


async def test_an_acceptance_in_our_name_that_we_never_sent_is_an_alarm(rig: Rig) -> None:
    """Somebody has our keys, or the hub made a leaf up."""
    austria = await rig.edge("test-aut")
    sealed = rig.world.seal("test-aut", "ident.request", ["test-mda"])
    await post(rig, sealed)
    await follow(austria)
    assert codes(austria) == ["FOREIGN_LEAF"]


async def test_what_a_partner_saw_of_another_log_is_an_alarm_and_no_more(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    origin = moldova.directories.current.hub.log.origin
    sealed = rig.world.seal("test-aut", "ident.request", ["test-mda"], log=LogHead(origin, 3, "ab" * 32))
    await post(rig, sealed)
    await receive(moldova)
    assert codes(moldova) == ["GOSSIP_INCONSISTENT"]
    assert not moldova.monitor.broken
    assert isinstance(await offer(moldova, "ident.request", "test-aut"), Taken)


async def _follow_parts(edge: Edge, parts: list[Part]) -> None:
    receipts, statements = follower._read(edge, parts, -1)
    for receipt in receipts:
        follower._compare(edge, receipt, statements)


async def test_an_older_state_that_was_asked_for_before_a_newer_one_came_is_no_rollback(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    asked_at = austria.monitor.kept
    assert asked_at is not None
    await one_on_its_way(rig)
    assert austria.monitor.kept != asked_at
    await austria.monitor.check_newest(asked_at, asked_at)
    assert codes(austria) == []
