"""What goes from an edge's database, and above all what does not: anything that is not finished in every respect."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.contract import RetryAfter
from adapters.edge import receiver, retention
from adapters.edge.follower import CURSOR
from adapters.edge.startup import purge
from adapters.edge.tables import read_meta, write_meta
from adapters.edge.wiring import Edge
from keys.statements import Entry
from schemas.errors import Rejected
from service.batch import STATEMENT
from tests.edge.conftest import (
    Rig,
    channel,
    codes,
    deliver,
    follow,
    hand_over,
    receive,
    rows,
    say,
    send,
    taken,
)

KEPT_FOR_EVER = {"meta", "sent", "statement", "alarm", "journal", "gone", "expected", "hold"}


def counts(edge: Edge) -> dict[str, int]:
    tables = rows(edge, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return {name: rows(edge, f"SELECT count(*) FROM {name}")[0][0] for (name,) in tables}  # noqa: S608


async def answered(rig: Rig, name: str = "one") -> tuple[Edge, Edge]:
    """A question and its answer, all of it said and followed: a case that has ended at both edges."""
    austria = rig.edges.get("test-aut") or await rig.edge("test-aut")
    moldova = rig.edges.get("test-mda") or await rig.edge("test-mda")
    asked = await taken(austria, "ident.request", "test-mda", name=name)
    await send(austria)
    await deliver(moldova)
    await taken(moldova, "ident.reply", name=f"answer to {name}", in_reply_to=asked.id)
    await send(moldova)
    await deliver(austria)
    for edge in (austria, moldova):
        await follow(edge)
        edge.connection.execute("UPDATE outbox SET told = 1")
    return austria, moldova


async def another(austria: Edge) -> None:
    """A newer submission, so that the one before is not the last."""
    await taken(austria, "ident.request", "test-mda", name="newest")


async def test_an_ended_case_goes_whole_and_leaves_its_digest(rig: Rig) -> None:
    austria, moldova = await answered(rig)
    await another(austria)
    [(digest, idx)] = rows(austria, "SELECT digest, idx FROM inbox")
    rig.world.clock.advance(days=364)
    await purge(austria)
    assert counts(austria)["inbox"] == 1
    rig.world.clock.advance(days=2)
    await purge(austria)
    left = counts(austria)
    assert {name: count for name, count in left.items() if count and name not in KEPT_FOR_EVER} == {"outbox": 1}
    assert rows(austria, "SELECT external_id FROM outbox") == [("newest",)]
    assert (austria.inbox.digest_at(idx), austria.inbox.index_of(digest)) == (digest, idx)
    assert rows(austria, "SELECT raw, receipt FROM statement") == [(b"", None)]
    await purge(moldova)
    assert rows(moldova, "SELECT count(*) FROM outbox") == [(1,)]  # its newest submission stays, and so its case
    assert codes(austria) == codes(moldova) == []


async def test_what_went_and_is_delivered_again_is_not_handed_over_again(rig: Rig) -> None:
    austria, _ = await answered(rig)
    await another(austria)
    parts = await austria.hub.inbox(None, 0)
    rig.world.clock.advance(days=366)
    await purge(austria)
    assert counts(austria)["gone"] == 1
    assert rig.world.hub is not None
    await rig.world.hub.directories.renew()
    rig.world.changed()
    await austria.directories.refresh()
    assert await receiver.take(austria, parts) == 0
    await hand_over(austria)
    assert len(channel(austria).calls) == 1
    assert counts(austria)["inbox"] == 0


async def test_leaves_about_what_went_are_no_strangers(rig: Rig) -> None:
    austria, moldova = await answered(rig)
    await another(austria)
    [(digest, idx)] = rows(austria, "SELECT digest, idx FROM outbox WHERE external_id = 'one'")
    await rig.world.travel(days=32)
    for edge in (austria, moldova):
        await edge.directories.refresh()
    with _settings(austria, rig.settings("test-aut", retention_days=31)):
        await purge(austria)
    assert rows(austria, "SELECT count(*) FROM outbox") == [(1,)]
    seen = rig.world.statement("test-mda", "ContentAccessTracking", [Entry(digest.hex(), idx)])
    [result] = await moldova.hub.submit([(STATEMENT, seen)])
    assert result.status == 201
    assert await _followed(austria) > 0
    assert codes(austria) == []


async def _followed(edge: Edge) -> int:
    before = read_meta(edge.connection, CURSOR)
    await follow(edge)
    after = read_meta(edge.connection, CURSOR)
    return int(after or b"0") - int(before or b"0")


NOT_FINISHED = {
    "held": "UPDATE outbox SET state = 'held'",
    "unsealed": "UPDATE outbox SET state = 'waiting'",
    "unsent": "UPDATE outbox SET state = 'sealed'",
    "untold": "UPDATE outbox SET told = 0",
    "being told": "UPDATE outbox SET told = 2",
    "young": "UPDATE outbox SET at = at + 40000000",
    "accepted late": "UPDATE outbox SET accepted_at = accepted_at + 40000000",
    "not followed": "UPDATE outbox SET idx = 100000",
    "unanswered": "UPDATE awaited SET state = 'pending'",
    "only taken": "UPDATE awaited SET state = 'consigned'",
    "nobody awaited": "DELETE FROM awaited",
    "unopened": "UPDATE inbox SET state = 'received'",
    "not handed over": "UPDATE inbox SET state = 'ready'",
    "came late": "UPDATE inbox SET came_at = came_at + 40000000",
    "unsaid": "UPDATE evidence SET statement = NULL",
    "said, not accepted": "UPDATE statement SET state = 'sealed'",
    "no evidence": "DELETE FROM evidence",
    "waited for": "UPDATE inbox SET awaits = digest",
    "leaves unseen": "UPDATE meta SET value = CAST('0' AS BLOB) WHERE name = 'leaves_cursor'",
    "inbox unseen": "UPDATE meta SET value = CAST('2026/0' AS BLOB) WHERE name = 'inbox_cursor'",
    "half a case": "DELETE FROM inbox",
    "bytes lost": "UPDATE inbox SET container = NULL",
    "another step": "UPDATE outbox SET plan = json_set(plan, '$.step', 'no-such-step')",
}


async def test_what_is_not_finished_stays(rig: Rig) -> None:
    austria, _ = await answered(rig)
    await another(austria)
    rig.world.clock.advance(days=366)
    for name, change in NOT_FINISHED.items():
        with restored(austria):
            austria.connection.execute(f"{change} {'AND' if ' WHERE ' in change else 'WHERE'} {_of_the_case(change)}")
            before = counts(austria)
            await purge(austria)
            assert counts(austria) == before, name
    await purge(austria)
    assert counts(austria)["gone"] == 1  # as it was, it goes


@contextmanager
def restored(edge: Edge) -> Iterator[None]:
    """The database is as before once the block has ended."""
    kept = sqlite3.connect(":memory:")
    edge.connection.backup(kept)
    try:
        yield
    finally:
        kept.backup(edge.connection)
        kept.close()


def _of_the_case(change: str) -> str:
    """The newest submission stays whatever it is: only the older case is changed."""
    return "external_id = 'one'" if re.search(r"(UPDATE|FROM) outbox", change) else "1 = 1"


async def test_a_case_that_is_still_open_stays(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    await taken(austria, "ident.request", "test-mda")
    await send(austria)
    await deliver(moldova)
    await follow(austria)
    await follow(moldova)
    await another(austria)
    austria.connection.execute("UPDATE outbox SET told = 1")
    rig.world.clock.advance(days=3000)
    for edge in (austria, moldova):
        before = counts(edge)
        await purge(edge)
        assert counts(edge) == before


async def test_a_message_a_channel_cannot_take_stays(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")
    await taken(austria, "doc.status.notice", "test-mda")
    await send(austria)
    channel(moldova).plan = [RetryAfter(1.0)] * 5
    await receive(moldova)
    await hand_over(moldova)
    await say(moldova)
    await follow(moldova)
    rig.world.clock.advance(days=3000)
    await purge(moldova)
    assert rows(moldova, "SELECT state FROM inbox") == [("ready",)]


async def test_a_refused_submission_goes_and_an_unopened_failure_too(rig: Rig) -> None:
    austria, _ = await answered(rig)
    await another(austria)
    austria.connection.execute("UPDATE outbox SET state = 'refused', idx = NULL WHERE external_id = 'one'")
    austria.connection.execute("UPDATE inbox SET state = 'failed', case_handle = NULL, container = NULL")
    rig.world.clock.advance(days=366)
    await purge(austria)
    assert (counts(austria)["inbox"], counts(austria)["outbox"]) == (0, 1)


async def test_nothing_goes_where_nothing_shall(rig: Rig) -> None:
    austria, _ = await answered(rig)
    await another(austria)
    rig.world.clock.advance(days=3000)
    before = counts(austria)
    kept = rig.settings("test-aut", retention_days=0)
    with _settings(austria, kept):
        await purge(austria)
    assert counts(austria) == before


@pytest.mark.parametrize("days", [1, 30, -1])
def test_less_than_a_messages_longest_life_is_refused(rig: Rig, days: int) -> None:
    with pytest.raises(Rejected) as refused:
        rig.settings("test-aut", retention_days=days)
    assert refused.value.code == "FIELD_RANGE"


@contextmanager
def _settings(edge: Edge, others: object) -> Iterator[None]:
    before, edge.settings = edge.settings, others  # type: ignore[assignment]
    try:
        yield
    finally:
        edge.settings = before


_OUT = st.tuples(st.sampled_from(["held", "waiting", "sealed", "accepted", "refused"]), st.integers(0, 2))
_WORD = st.sampled_from(["pending", "consigned", "handed_over", "failed"])
_IN = st.sampled_from(["received", "ready", "handed_over", "failed"])
_SAID = st.sampled_from(["sealed", "accepted", "refused"])


async def test_whatever_the_states_only_what_is_finished_goes(rig: Rig) -> None:
    """Any mixture of states of an old case: what went was accepted or refused, told, answered, handed over and said."""
    austria, _ = await answered(rig)
    await another(austria)
    rig.world.clock.advance(days=366)

    @settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(_OUT, _WORD, _IN, _SAID, st.booleans())
    def mixed(out: tuple[str, int], word: str, came: str, said: str, unsaid: bool) -> None:
        execute = austria.connection.execute
        with restored(austria):
            execute("UPDATE outbox SET state = ?, told = ? WHERE external_id = 'one'", out)
            execute("UPDATE awaited SET state = ?", (word,))
            execute("UPDATE inbox SET state = ?", (came,))
            execute("UPDATE statement SET state = ?", (said,))
            if unsaid:
                execute("UPDATE evidence SET statement = NULL")
            gone = sum(retention.rounds(austria))
        finished = (
            (out in {("accepted", 1), ("refused", 1)})
            and (out[0] == "refused" or word in {"handed_over", "failed"})
            and came in {"handed_over", "failed"}
            and said == "accepted"
            and not unsaid
        )
        assert gone == 0 or finished
        if finished and out[0] == "accepted":
            assert gone == 2

    mixed()
    write_meta(austria.connection, "probe", b"whole")
