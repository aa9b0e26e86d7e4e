"""The whole way of a message between two edges and a real hub, step by step."""

import asyncio
import hashlib
import os
from dataclasses import replace

from adapters.contract import Refused, Rejection, RetryAfter, Taken
from adapters.edge import intake, outbox, sealer, startup
from adapters.edge.handover import HandOvers
from adapters.edge.progress import tell_some as tell
from tests.edge.conftest import (
    Rig,
    channel,
    codes,
    deliver,
    follow,
    offer,
    receive,
    rows,
    send,
    submission,
    taken,
    until,
)
from tests.edge.memory import LOST, MemoryChannel
from tests.world import BASIS


async def test_a_question_and_its_answer(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    asked = await taken(austria, "ident.request", "test-mda")
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("accepted",)]
    await deliver(moldova)
    [question] = channel(moldova).delivered.values()
    assert (question.id, question.case_handle, question.source) == (asked.id, asked.case_handle, "test-aut")
    await follow(austria)
    assert rows(austria, "SELECT state FROM awaited") == [("handed_over",)]
    answered = await taken(moldova, "ident.reply", name="answer", in_reply_to=question.id)
    assert answered.case_handle == asked.case_handle
    await send(moldova)
    await deliver(austria)
    [answer] = channel(austria).delivered.values()
    assert (answer.in_reply_to, answer.out_of_order) == (asked.id, False)
    await follow(moldova)
    await follow(austria)
    assert rows(moldova, "SELECT state FROM awaited") == [("handed_over",)]
    assert codes(austria) == codes(moldova) == []
    assert rig.world.check() > 0


async def test_a_submission_offered_again_is_settled_as_before(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    first = await taken(austria, "ident.request", "test-mda")
    assert await taken(austria, "ident.request", "test-mda") == first
    await send(austria)
    assert await taken(austria, "ident.request", "test-mda") == first
    assert rows(austria, "SELECT count(*) FROM outbox") == [(1,)]


async def test_the_same_name_with_another_content_is_refused(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    again = await offer(austria, "ident.request", "test-mda", case_ref="OTHER-1")
    assert isinstance(again, Refused)
    assert again.code == "DUPLICATE_DIFFERS"


async def test_what_a_crash_left_sealed_is_posted_unchanged(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    await sealer.seal_some(austria)
    [(digest,)] = rows(austria, "SELECT digest FROM outbox")
    await rig.stack.aclose()
    again = await rig.edge("test-aut")
    await send(again)
    assert rows(again, "SELECT state, digest FROM outbox") == [("accepted", digest)]


async def test_a_lost_answer_brings_the_same_receipt(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    kept: list[bytes] = []

    def lose(_status: int, body: bytes) -> tuple[int, bytes]:
        kept.append(body)
        return 503, b""

    rig.lies["/v1/messages"] = lose
    await send(austria)
    assert rows(austria, "SELECT state FROM outbox") == [("sealed",)]
    rig.lies.clear()
    rig.world.clock.advance(minutes=5)
    await send(austria)
    assert rows(austria, "SELECT state, receipt FROM outbox") == [("accepted", kept[0])]
    assert codes(austria) == []


async def test_an_alert_with_its_image_goes_to_two(rig: Rig) -> None:
    georgia, austria, moldova = [await rig.edge(f"test-{name}") for name in ("geo", "aut", "mda")]
    await taken(georgia, "doc.alert", "test-aut", "test-mda", alert_no="GE-DOC-2026-00017")
    await send(georgia)
    for edge in (austria, moldova):
        await deliver(edge)
        [alert] = channel(edge).delivered.values()
        [file] = alert.files
        assert hashlib.sha256(file.path.read_bytes()).hexdigest() == file.sha256
    await follow(georgia)
    assert rows(georgia, "SELECT partner, state FROM awaited ORDER BY partner") == [
        ("test-aut", "handed_over"),
        ("test-mda", "handed_over"),
    ]
    assert list(georgia.settings.spool.iterdir()) == []


async def test_many_go_in_one_post_and_one_statement(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    for number in range(5):
        await taken(austria, "ident.request", "test-mda", name=f"number {number}")
    await send(austria)
    assert rig.between is not None
    assert rig.between.paths.count("/v1/messages") == 1
    await deliver(moldova)
    assert len(channel(moldova).delivered) == 5
    assert rows(moldova, "SELECT count(*) FROM statement WHERE state = 'accepted'") == [(1,)]


async def test_a_channel_that_fails_once_is_given_it_later_once(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    await taken(austria, "ident.request", "test-mda")
    await send(austria)
    channel(moldova).plan = [LOST, RetryAfter(1.0)]
    for _ in range(3):
        await deliver(moldova)
        rig.world.clock.advance(minutes=5)
    assert len(channel(moldova).calls) == 3
    assert len(channel(moldova).delivered) == 1
    assert rows(moldova, "SELECT state FROM inbox") == [("handed_over",)]


async def test_a_rejection_is_told_to_the_sender(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    await taken(austria, "ident.request", "test-mda")
    await send(austria)
    channel(moldova).plan = [Rejection()]
    await deliver(moldova)
    await follow(austria)
    assert rows(austria, "SELECT state, code FROM awaited") == [("failed", "CHANNEL_REJECTED")]
    await tell(austria)
    assert [(one.state, one.partner, one.code) for one in channel(austria).reports] == [
        ("accepted", None, None),
        ("failed", "test-mda", "CHANNEL_REJECTED"),
    ]


async def test_a_slow_message_holds_up_no_other(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    for name in ("slow", "quick"):
        await taken(austria, "ident.request", "test-mda", name=name)
    await send(austria)
    await receive(moldova)
    slow = MemoryChannel(at_once=2)
    moldova.channels["memory"] = slow
    slow.slow = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(HandOvers(moldova, "memory", slow).run())
        await until(lambda: len(slow.calls) == 2)
        slow.slow.set()
        await until(lambda: rows(moldova, "SELECT count(*) FROM inbox WHERE state = 'handed_over'") == [(2,)])
        task.cancel()
    assert len(slow.calls) == 2


async def test_the_hub_refuses_for_good_and_proves_it(rig: Rig) -> None:
    moldova = await rig.edge("test-mda")
    refused = replace(submission(moldova, "ident.request", "test-geo"), agreement="TEST-AUT-MDA", basis=BASIS)
    settlement = await intake.submit(moldova, "memory", refused)
    assert isinstance(settlement, Taken)
    await send(moldova)
    [(state, code, proof)] = rows(moldova, "SELECT state, code, receipt FROM outbox")
    assert (state, code) == ("refused", "NO_AGREEMENT")
    assert rig.world.verified(proof).leaf.code == "NO_AGREEMENT"
    assert codes(moldova) == []


async def test_files_go_once_nothing_needs_them(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    await taken(austria, "ident.request", "test-mda")
    kept = set(austria.settings.attachments.iterdir())
    assert kept
    for path in kept:
        os.utime(path, (0, 0))
    startup.tidy(austria)
    assert set(austria.settings.attachments.iterdir()) == kept
    await send(austria)
    await deliver(moldova)
    for edge in (austria, moldova):
        startup.tidy(edge)
        for path in edge.settings.attachments.iterdir():
            os.utime(path, (0, 0))
        startup.tidy(edge)
        assert list(edge.settings.attachments.iterdir()) == []


async def test_the_queries_of_every_turn_do_not_read_the_whole_outbox(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    for query in (outbox._TO_SEAL, outbox._TO_POST):
        plan = [row[3] for row in austria.connection.execute(f"EXPLAIN QUERY PLAN {query}", (1, 1))]
        assert plan[0] in {"SCAN o USING INDEX outbox_waiting", "SCAN o USING INDEX outbox_sealed"}
