"""What came through the hub in good order and is still not to be believed: the recipient finds out, and says so."""

from pathlib import Path
from typing import Any

import pytest

from adapters.contract import Refused
from adapters.edge import intake, opener, receiver
from adapters.edge.inbox import Item, said
from adapters.edge.wiring import Edge
from keys.container import parse_container
from keys.sealing import Sealed
from schemas import registry
from service.sqlite import transaction
from tests.edge.conftest import (
    Rig,
    channel,
    deliver,
    hand_over,
    post,
    receive,
    rows,
    send,
    submission,
    taken,
)


def question(**changes: Any) -> dict[str, Any]:
    """An `ident.request` without files."""
    payload: dict[str, Any] = _without_files(registry.example("ident.request"))
    return {**payload, **changes}


def _without_files(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {
            name: _without_files(inner)
            for name, inner in value.items()
            if not (isinstance(inner, dict) and "sha256" in inner)
        }
        return {name: inner for name, inner in kept.items() if inner != []}
    if isinstance(value, list):
        return [_without_files(inner) for inner in value if not (isinstance(inner, dict) and "sha256" in inner)]
    return value


async def failed(rig: Rig, code: str) -> None:
    """MDA fails it with this code, hands nothing over, and AUT learns it from MDA's own signature."""
    moldova = rig.edges["test-mda"]
    await deliver(moldova)
    assert rows(moldova, "SELECT state, code FROM inbox") == [("failed", code)]
    assert channel(moldova).calls == []
    [(event, said)] = rows(moldova, "SELECT event, code FROM evidence")
    assert event == "ContentHandoverFailure"
    assert said == code or code.startswith("SG")
    assert rows(moldova, "SELECT state FROM statement") == [("accepted",)]


@pytest.mark.parametrize(
    "change",
    [
        {"purpose_code": "STAT"},
        {"in_reply_to": "0192f0a0-0000-7000-8000-000000000001"},
    ],
)
async def test_a_payload_that_the_header_does_not_tell_of(rig: Rig, change: dict[str, Any]) -> None:
    await rig.edge("test-mda")
    purpose = registry.example("ident.request")["purpose_code"]
    await post(rig, rig.world.seal("test-aut", question(**change), ["test-mda"], purpose=purpose))
    await failed(rig, "HEADER_MISMATCH")


async def test_a_payload_of_another_kind_than_the_header_says(rig: Rig) -> None:
    await rig.edge("test-mda")
    other = {**registry.example("doc.verify.request")}
    honest = registry.header_members(question())
    sealed = rig.world.seal(
        "test-aut",
        _without_files(other),
        ["test-mda"],
        kind="ident.request",
        dataschema=honest.dataschema,
        purpose=honest.purpose,
        step=honest.step,
        facts=honest.facts,
        agreement="TEST-AUT-MDA",
        role="RET",
    )
    await post(rig, sealed)
    await failed(rig, "HEADER_MISMATCH")


async def test_a_payload_that_breaks_its_kinds_rules(rig: Rig) -> None:
    await rig.edge("test-mda")
    await post(rig, rig.world.seal("test-aut", question(case_ref=7), ["test-mda"]))
    await failed(rig, "FIELD_TYPE")


async def test_an_attachment_that_the_payload_does_not_name(rig: Rig, tmp_path: Path) -> None:
    await rig.edge("test-mda")
    file = tmp_path / "file"
    file.write_bytes(b"something else")
    await post(rig, rig.world.seal("test-aut", question(), ["test-mda"], attachments=[file]))
    await failed(rig, "ATTACH_HASH")


async def test_an_attachment_that_is_not_there(rig: Rig) -> None:
    await rig.edge("test-mda")
    await post(rig, rig.world.seal("test-aut", "ident.request", ["test-mda"]))
    await failed(rig, "ATTACH_HASH")


async def test_a_detached_part_that_the_hub_has_lost(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    await taken(austria, "ident.request", "test-mda")
    await send(austria)
    rig.lies["/v1/parts"] = lambda _status, _body: (404, b'{"code":"NOT_FOUND"}')
    await receive(moldova)
    detached = [part for part in _parts(moldova) if part.detached]
    assert detached
    await failed(rig, "PART_MISSING")


async def test_a_detached_part_that_was_changed(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await rig.edge("test-mda")
    await taken(austria, "ident.request", "test-mda")
    await send(austria)
    rig.lies["/v1/parts"] = lambda _status, body: (200, bytes([body[0] ^ 1]) + body[1:])
    await failed(rig, "OPEN_FAILED")


async def test_a_detached_part_that_cannot_be_had_now_is_fetched_later(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    await taken(austria, "ident.request", "test-mda")
    await send(austria)
    rig.lies["/v1/parts"] = lambda _status, _body: (503, b"")
    await receive(moldova)
    assert rows(moldova, "SELECT state FROM inbox") == [("received",)]
    rig.lies.clear()
    rig.world.clock.advance(minutes=5)
    await deliver(moldova)
    assert rows(moldova, "SELECT state FROM inbox") == [("handed_over",)]
    assert [file.name for file in moldova.settings.spool.iterdir()] == []


async def test_a_message_sealed_to_a_key_that_is_not_ours_any_more(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    await post(rig, rig.world.seal("test-aut", question(), ["test-mda"]))
    moldova.kems = {}
    await failed(rig, "OPEN_FAILED")


async def test_an_answer_to_a_message_we_never_sent(rig: Rig) -> None:
    """The hub would not let it pass; should it ever, the edge does not either."""
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    asked = rig.world.seal("test-aut", question(), ["test-mda"])
    await post(rig, asked)
    await deliver(moldova)
    reply = {**registry.example("ident.reply")}
    await post(rig, rig.world.seal("test-mda", reply, ["test-aut"], parent=asked), "test-mda")
    await receive(austria)
    assert rows(austria, "SELECT state, code FROM inbox") == [("failed", "UNKNOWN_PARENT")]


async def test_a_message_that_has_expired_before_it_came(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    await post(rig, rig.world.seal("test-aut", question(), ["test-mda"]))
    parts = await moldova.hub.inbox(None, 0)
    await receiver.take(moldova, parts[:1], after=-1)
    await opener.open_some(moldova)
    assert rows(moldova, "SELECT state, code FROM inbox") == [("failed", "EXPIRED")]


async def test_the_same_id_with_other_bytes_is_never_handed_over_twice(rig: Rig) -> None:
    """A hub that accepts one id twice: the edge takes the first alone."""
    moldova = await rig.edge("test-mda")
    first = rig.world.seal("test-aut", question(), ["test-mda"])
    await post(rig, first)
    await receive(moldova)
    header = parse_container(first.container).header
    await post(rig, rig.world.seal("test-aut", question(), ["test-mda"]))
    second = (await moldova.hub.inbox(None, 0))[2:]
    assert len(second) == 2
    await receiver.take(moldova, second)
    other = parse_container(second[1].body).header
    moldova.connection.execute("UPDATE inbox SET id = ? WHERE id = ?", (other.id, header.id))
    await opener.open_some(moldova)
    assert rows(moldova, "SELECT state, code FROM inbox ORDER BY idx") == [
        ("ready", None),
        ("failed", "DUPLICATE_DIFFERS"),
    ]


def _put(edge: Edge, sealed: Sealed, idx: int) -> None:
    """As if the hub had delivered it: no life cycle of today lets a third party's answer come first."""
    header = parse_container(sealed.container).header
    seconds = int(edge.seconds())
    version = edge.directories.version
    with transaction(edge.connection):
        item = Item(idx, sealed.digest, header.source, header.kind, seconds, version, b"-", sealed.container)
        edge.inbox.add(item, seconds)


def _question_and_answer(rig: Rig) -> tuple[Sealed, Sealed]:
    """MDA asks AUT; GEO answers to AUT."""
    asked = rig.world.seal("test-mda", question(), ["test-aut"], agreement="TEST-AUT-MDA")
    reply = registry.example("ident.reply")
    return asked, rig.world.seal("test-geo", reply, ["test-aut"], parent=asked)


async def test_a_reply_whose_question_was_not_handed_over_waits_for_it(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    asked, answer = _question_and_answer(rig)
    _put(austria, answer, 101)
    await opener.open_some(austria)
    assert rows(austria, "SELECT state FROM inbox") == [("received",)]
    _put(austria, asked, 102)
    await opener.open_some(austria)
    await hand_over(austria)
    await opener.open_some(austria)
    await hand_over(austria)
    delivered = list(channel(austria).delivered.values())
    assert [one.kind for one in delivered] == ["ident.request", "ident.reply"]
    assert not delivered[1].out_of_order


async def test_a_reply_whose_question_never_comes_is_handed_over_and_flagged(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    _, answer = _question_and_answer(rig)
    _put(austria, answer, 101)
    await opener.open_some(austria)
    rig.world.clock.advance(hours=23)
    await opener.open_some(austria)
    assert rows(austria, "SELECT state FROM inbox") == [("received",)]
    await rig.world.travel(hours=1, minutes=10)
    await austria.directories.refresh()
    await opener.open_some(austria)
    await hand_over(austria)
    assert [one.out_of_order for one in channel(austria).delivered.values()] == [True]


async def test_what_a_safeguard_found_is_not_told_to_the_hub() -> None:
    assert {said(code) for code in ("SG1", "SG13", "FREETEXT_HOLD")} == {"CHANNEL_REJECTED"}
    assert said("ATTACH_HASH") == "ATTACH_HASH"


async def test_a_submission_with_another_file_than_it_names(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    offered = submission(austria, "ident.request", "test-mda")
    for path in offered.attachments.values():
        path.write_bytes(b"another")
    settlement = await intake.submit(austria, "memory", offered)
    assert isinstance(settlement, Refused)
    assert settlement.code == "ATTACH_HASH"
    assert rows(austria, "SELECT count(*) FROM outbox") == [(0,)]
    assert list(austria.settings.attachments.iterdir()) == []


def _parts(edge: Any) -> Any:
    [(raw,)] = rows(edge, "SELECT container FROM inbox")
    return parse_container(raw).parts
