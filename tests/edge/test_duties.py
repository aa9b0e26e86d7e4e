"""What an edge reminds its authority of, or keeps it from: corrections owed, applications that bring nothing new."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from adapters.contract import Refused, Submission, Taken
from adapters.edge import deadlines, intake
from adapters.edge.duties import OBLIGING, owed
from adapters.edge.wiring import Edge
from liaison.demo.inputs import overstay_notices, overstay_reply
from schemas import lifecycles, registry
from tests.edge.conftest import Rig, channel, codes, deliver, offer, rows, send
from tests.edge.test_cases import parties, passed, safe
from tests.world import ROLES, agreement

OUTCOMES: dict[str, dict[str, Any]] = {
    "NOTED": {},
    "EXIT_RECORDED": {"exit_recorded": {"date": "2026-03-01", "bcp": "ATVIE-AIR"}},
    "EXEMPT": {"exempt": {"code": "FORCE_MAJEURE", "evidence": {"code": "NAT.PRIMA_FACIE.OWN_STATEMENT"}}},
    "PERSON_UNKNOWN": {},
    "DATA_WRONG": {},
}


async def overstay(rig: Rig) -> tuple[Edge, Edge, Taken]:
    """Austria has told Georgia of an overstay."""
    before = agreement("TEST-AUT-GEO")
    roles = sorted({role for roles in ROLES.values() for role in roles})
    pairs = tuple(product(roles, roles))
    more = dict.fromkeys(("data.correction", "data.correction.done"), pairs)
    purposes = tuple(sorted({*before.purposes, "DP"}))
    rig.world.agree(replace(before, version=2, kinds=dict(before.kinds) | more, purposes=purposes))
    austria, georgia = await rig.edge("test-aut"), await rig.edge("test-geo")
    payload = next(overstay_notices(rig.world.clock().date()))
    notice = await offered(austria, payload, "test-geo")
    await deliver(georgia)
    assert len(channel(georgia).delivered) == 1
    return austria, georgia, notice


async def offered(edge: Edge, payload: Mapping[str, Any], *to: str) -> Taken:
    """Taken and sent."""
    kind = payload["kind"]
    role = next(role for role in ROLES[edge.partner] if role in lifecycles.RULES[kind].sender_roles)
    settled = await intake.submit(edge, "memory", Submission(kind, payload, to, {}, role=role))
    assert isinstance(settled, Taken), settled
    await send(edge)
    return settled


async def said(edge: Edge, kind: str, *without: str, **changes: Any) -> Taken:
    """A golden example without some members, taken and sent."""
    return await offered(
        edge, {name: one for name, one in registry.example(kind).items() if name not in without} | changes
    )


async def answered(austria: Edge, georgia: Edge, notice: Taken, outcome: str) -> Taken:
    settled = await offered(georgia, overstay_reply(notice.id) | {"outcome": outcome} | OUTCOMES[outcome])
    await deliver(austria)
    assert codes(austria) == codes(georgia) == []
    return settled


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_some_replies_oblige_the_sender_of_the_notice(rig: Rig, outcome: str) -> None:
    austria, georgia, notice = await overstay(rig)
    assert owed(austria.connection, austria.now()) == []
    settled = await answered(austria, georgia, notice, outcome)
    found = owed(austria.connection, austria.now())
    assert [(one.case_handle, one.reply, one.outcome, one.overdue) for one in found] == (
        [(notice.case_handle, settled.id, outcome, False)] if outcome in OBLIGING else []
    )
    assert owed(georgia.connection, georgia.now()) == []  # who replied owes nothing by that


async def test_it_is_an_alarm_after_seven_days_once_and_a_correction_ends_it(rig: Rig) -> None:
    austria, georgia, notice = await overstay(rig)
    settled = await answered(austria, georgia, notice, "DATA_WRONG")
    rig.world.clock.advance(days=7)
    deadlines.look(austria)
    assert [one.overdue for one in owed(austria.connection, austria.now())] == [False]
    assert "CORRECTION_OWED" not in codes(austria)
    rig.world.clock.advance(seconds=1)
    for _ in range(2):
        deadlines.look(austria)
    assert [one.subject for one in austria.alarms.list() if one.code == "CORRECTION_OWED"] == [settled.id]
    rig.world.clock.advance(seconds=-7 * 86_400 - 1)
    erased = {"targets": [{"message_id": notice.id, "path": ""}], "action": "ERASE", "reason": "EXEMPT"}
    await said(austria, "data.correction", "value", in_reply_to=notice.id, **erased)
    assert owed(austria.connection, austria.now() + timedelta(days=30)) == []
    austria.connection.execute("UPDATE outbox SET state = 'refused' WHERE kind = 'data.correction'")
    assert len(owed(austria.connection, austria.now())) == 1  # nobody was told after all


# -- a new application after a refusal


async def refused(rig: Rig, outcome: str = "REFUSED") -> tuple[Edge, Edge, Taken]:
    austria, moldova = await parties(rig)
    application = await passed(austria, moldova, "readm.application", "test-mda", safeguards=safe(rig))
    reasons = [{"code": "IDENTITY_NOT_ESTABLISHED", "text": "not found"}]
    given: dict[str, Any] = {"outcome": outcome} | ({"reasons": reasons} if outcome == "REFUSED" else {})
    await said(moldova, "readm.decision", "conditions", "reasons", in_reply_to=application.id, **given)
    await deliver(austria)
    return austria, moldova, application


async def apply(rig: Rig, austria: Edge, **changes: Any) -> Any:
    return await offer(austria, "readm.application", "test-mda", name="anew", safeguards=safe(rig), **changes)


@pytest.mark.parametrize("changes", [{}, {"case_ref": "RET-2026-0999"}, {"procedure": "normal"}])
async def test_an_application_that_was_refused_is_not_sent_again(rig: Rig, changes: dict[str, Any]) -> None:
    austria, _, _ = await refused(rig)
    again = await apply(rig, austria, **changes)
    assert isinstance(again, Refused)
    assert again.code == "STEP_NOT_ALLOWED"
    assert [one.path for one in again.findings if one.code == "STEP_NOT_ALLOWED"] == ["/evidence"]


async def test_with_new_evidence_it_is_sent_and_taken(rig: Rig) -> None:
    austria, moldova, first = await refused(rig)
    evidence = [*registry.example("readm.application")["evidence"], {"code": "NAT.PRIMA_FACIE.LANGUAGE"}]
    again = await apply(rig, austria, evidence=evidence)
    assert isinstance(again, Taken), again
    assert again.case_handle != first.case_handle
    await send(austria)
    await deliver(moldova)
    assert rows(moldova, "SELECT state FROM inbox ORDER BY idx") == [("handed_over",), ("handed_over",)]


@pytest.mark.parametrize("outcome", ["ACCEPTED", None])
async def test_where_nothing_was_refused_nothing_is_asked(rig: Rig, outcome: str | None) -> None:
    if outcome is None:
        austria, moldova = await parties(rig)
        await passed(austria, moldova, "readm.application", "test-mda", safeguards=safe(rig))
    else:
        austria, _, _ = await refused(rig, outcome)
    assert isinstance(await apply(rig, austria), Taken)


async def test_another_person_is_another_matter(rig: Rig) -> None:
    austria, _, _ = await refused(rig)
    person = registry.example("readm.application")["person"]
    other = {**person, "birth_date": {**person["birth_date"], "value": "1984-03-01"}}
    again = await apply(rig, austria, person=other)
    assert not (isinstance(again, Refused) and again.code == "STEP_NOT_ALLOWED")


async def test_who_was_asked_finds_it_out_by_its_own_file(rig: Rig) -> None:
    """A sender whose program does not keep the rule: the recipient's edge refuses by a signed failure."""
    austria, moldova, _ = await refused(rig)
    austria.connection.execute("UPDATE inbox SET state = 'failed' WHERE kind = 'readm.decision'")  # as if it had none
    assert isinstance(await apply(rig, austria), Taken)
    await send(austria)
    await deliver(moldova)
    found = rows(moldova, "SELECT state, code FROM inbox ORDER BY idx")
    assert found == [("handed_over", None), ("failed", "STEP_NOT_ALLOWED")]
