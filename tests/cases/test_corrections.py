"""Each recipient of a correction says within seven days what it did: kept as a clock, in open and in closed cases."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.cases.case import Message, Rung
from hub.cases.clocks import owed
from hub.cases.reading import agreed_clocks, case_of, cases_of, next_clock
from hub.clockkeeper import keep
from hub.console.pages import Show
from keys.sealing import Sealed
from schemas import lifecycles, registry
from tests.cases.readmission import Told
from tests.world import NOW, ROLES, World, agreement

Client = httpx2.AsyncClient
AGREED = "TEST-DOCFRAUD-3"
END = datetime(2026, 4, 9, tzinfo=UTC)
"""Handed over on 1 April: the seventh day after it is the 8th."""


@pytest.fixture
def world(hub_world: World) -> World:
    """One agreement between all three covers every kind."""
    roles = sorted({role for held in ROLES.values() for role in held})
    kinds = {
        name: tuple(product(sorted(set(roles) & rule.sender_roles), roles)) for name, rule in lifecycles.RULES.items()
    }
    purposes = sorted({purpose for entry in registry.KINDS.values() for purpose in entry.purposes})
    hub_world.agree(
        agreement(AGREED, 2, kinds={name: pairs for name, pairs in kinds.items() if pairs}, purposes=tuple(purposes))
    )
    return hub_world


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with world.running() as found:
        yield found
    world.check()


async def say(told: Told, source: str, kind: str, *to: str, parent: Sealed | None = None) -> tuple[Sealed, int]:
    """Accepted: the message and its place in the log."""
    role = next(role for role in ROLES[source] if role in lifecycles.RULES[kind].sender_roles)
    sealed = told.world.seal(source, kind, to, parent=parent or told.opening, agreement=AGREED, role=role)
    return sealed, (await told.world.accepted(told.client, sealed)).index


async def opened(world: World, client: Client, kind: str = "ident.request", *to: str) -> Told:
    role = next(role for role in ROLES["test-aut"] if role in lifecycles.RULES[kind].sender_roles)
    sealed = world.seal("test-aut", kind, to or ("test-mda",), agreement=AGREED, role=role)
    return Told(world, client, sealed, (await world.accepted(client, sealed)).index)


def due(told: Told) -> list[tuple[datetime | None, str]]:
    return [(clock.ends_at, clock.stage) for clock in told.case.kept]


async def look(told: Told, at: datetime) -> list[tuple[str, str | None]]:
    told.world.clock.now = at
    await told.world.travel()
    await keep(told.hub)
    return told.said()


async def test_it_waits_for_the_hand_over_and_runs_seven_days_from_it(world: World, client: Client) -> None:
    told = await opened(world, client)
    correction = await say(told, "test-aut", "data.correction", "test-mda")
    assert due(told) == [(None, "running")]
    await world.state(client, "test-mda", "ContentHandover", [correction])
    (clock,) = told.case.kept
    assert (clock.name, clock.basis, clock.due) == (f"correction.{correction[1]}.0", "CD", date(2026, 4, 8))
    assert (clock.ends_at, clock.requested, clock.indicative, clock.known) == (END, None, False, True)


async def test_it_is_warned_of_and_said_once_and_moves_nothing(world: World, client: Client) -> None:
    told = await opened(world, client)
    correction = await say(told, "test-aut", "data.correction", "test-mda")
    await world.state(client, "test-mda", "ContentHandover", [correction])
    name = f"correction.{correction[1]}.0"
    assert await look(told, END - timedelta(hours=72, seconds=1)) == []
    assert await look(told, END - timedelta(hours=72)) == [("ClockWarned", name)]
    assert await look(told, END - timedelta(seconds=1)) == [("ClockWarned", name)]
    both = [("ClockWarned", name), ("ClockExpired", name)]
    for at in (END, END, END + timedelta(days=30)):
        assert await look(told, at) == both
    assert told.case.state == "requested"
    assert due(told) == [(END, "expired")]
    assert told.clock_leaves()[1].digest is None  # no text to certify: the time is ours
    show = Show(told.hub.directories.current, "test-mda", END, timedelta(hours=24))
    shown = show.case(case_of(told.hub.reader, "test-mda", told.row)[0])
    assert shown.agreed[0].name == f"Answer to the correction in log entry {correction[1]} due"
    assert shown.agreed[0].urgency == "late"


async def test_the_answer_ends_it_in_a_closed_case_too(world: World, client: Client) -> None:
    told = await opened(world, client)
    reply, _ = await say(told, "test-mda", "ident.reply", "test-aut")
    assert told.case.closed
    correction = await say(told, "test-mda", "data.correction", "test-aut", parent=reply)
    await world.state(client, "test-aut", "ContentHandover", [correction])
    (row,) = cases_of(told.hub.reader, "test-aut", limit=9, order="due").rows
    listed = next_clock(row, agreed_clocks(told.hub.reader, [row.row])[row.row])
    assert listed is not None
    assert (listed.ends_at, listed.requested) == (END, None)
    await say(told, "test-aut", "data.correction.done", "test-mda", parent=correction[0])
    assert (due(told), told.case.clock) == ([], None)
    assert await look(told, END + timedelta(days=1)) == []


async def test_our_other_clocks_run_beside_it_and_the_first_is_shown(world: World, client: Client) -> None:
    told = await opened(world, client, "doc.verify.request")
    correction = await say(told, "test-aut", "data.correction", "test-mda")
    await world.state(client, "test-mda", "ContentHandover", [correction])
    clock = told.case.clock
    assert clock is not None
    assert clock.name == f"correction.{correction[1]}.0"
    await told.receive()  # only now the question itself, whose time is shorter
    clock = told.case.clock
    assert clock is not None
    assert clock.name == "answer"
    await say(told, "test-mda", "doc.verify.reply", "test-aut")
    assert due(told) == [(END, "running")]


async def test_each_recipient_owes_its_own_answer(world: World, client: Client) -> None:
    told = await opened(world, client, "doc.alert", "test-mda", "test-geo")
    correction = await say(told, "test-aut", "data.correction", "test-mda", "test-geo")
    await world.state(client, "test-geo", "ContentHandover", [correction])
    assert due(told) == [(END, "running"), (None, "running")]
    await world.travel(days=1)
    await world.state(client, "test-mda", "ContentHandover", [correction])
    assert due(told) == [(END, "running"), (END + timedelta(days=1), "running")]
    await say(told, "test-geo", "data.correction.done", "test-aut", parent=correction[0])
    assert due(told) == [(END + timedelta(days=1), "running")]
    assert (await look(told, END + timedelta(days=1)))[-1] == ("ClockExpired", f"correction.{correction[1]}.0")


async def test_an_answer_to_another_correction_ends_nothing_of_this_one(world: World, client: Client) -> None:
    told = await opened(world, client)
    first = await say(told, "test-aut", "data.correction", "test-mda")
    second = await say(told, "test-aut", "data.correction", "test-mda")
    await world.state(client, "test-mda", "ContentHandover", [first, second])
    await say(told, "test-mda", "data.correction.done", "test-aut", parent=second[0])
    assert [clock.name for clock in told.case.kept] == [f"correction.{first[1]}.0"]


async def test_a_correction_that_could_not_be_handed_over_starts_nothing(world: World, client: Client) -> None:
    told = await opened(world, client)
    correction = await say(told, "test-aut", "data.correction", "test-mda")
    await world.state(client, "test-mda", "ContentHandoverFailure", [(*correction, "OPEN_FAILED")])
    assert due(told) == [(None, "running")]


# -- the rule


@pytest.mark.parametrize(
    ("handed_over", "last"),
    [
        (datetime(2026, 4, 1, 0, 0, tzinfo=UTC), date(2026, 4, 8)),
        (datetime(2026, 4, 1, 23, 59, 59, tzinfo=UTC), date(2026, 4, 8)),
        (datetime.fromisoformat("2026-04-02T01:00:00+03:00"), date(2026, 4, 8)),
        (datetime(2026, 12, 27, 12, tzinfo=UTC), date(2027, 1, 3)),
    ],
)
def test_days_are_utcs(handed_over: datetime, last: date) -> None:
    assert lifecycles.correction(handed_over).due == last


def message(index: int, kind: str, source: str, to: tuple[str, ...], **more: Any) -> Message:
    rungs = tuple(Rung(partner, index, handed_over_at=NOW) for partner in to)
    return Message(index, NOW, kind, source, None, rungs, digest=f"{index:064x}", **more)


@given(data=st.data(), count=st.integers(1, 6))
def test_what_is_owed_is_what_was_asked_and_not_answered(data: st.DataObject, count: int) -> None:
    to = ("b", "c")
    messages = [message(at, "data.correction", "a", to) for at in range(count)]
    answered = data.draw(st.sets(st.tuples(st.integers(0, count - 1), st.sampled_from(to))))
    messages += [
        message(100 + at, "data.correction.done", partner, ("a",), answers=f"{index:064x}")
        for at, (index, partner) in enumerate(sorted(answered))
    ]
    names = {f"correction.{index}.{place}" for index in range(count) for place in range(2)}
    gone = {f"correction.{index}.{to.index(partner)}" for index, partner in answered}
    assert {one.name for one in owed(messages, {})} == names - gone
