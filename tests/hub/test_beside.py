"""What stands beside a case, through the hub's own door: corrections, withdrawals, an alert's updates, reports."""

from collections.abc import AsyncIterator
from itertools import product
from typing import Any

import httpx2
import pytest

from keys.sealing import Sealed
from keys.signing import CONTAINER_TYPE
from schemas import lifecycles, registry
from schemas.errors import CODES
from tests.world import ROLES, World, agreement

Client = httpx2.AsyncClient

AGREED = "TEST-DOCFRAUD-3"


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


def seal(world: World, source: str, kind: str, *to: str, parent: Sealed | None = None, **changes: Any) -> Sealed:
    role = next(role for role in ROLES[source] if role in lifecycles.RULES[kind].sender_roles)
    return world.seal(source, kind, to, parent=parent, **{"agreement": AGREED, "role": role, **changes})


async def refused(world: World, client: Client, sealed: Sealed, code: str, path: str) -> None:
    answer = await world.post(client, sealed, CONTAINER_TYPE)
    assert (answer.json()["code"], answer.json().get("path"), answer.status_code) == (code, path, CODES[code].status)


async def check(world: World, client: Client) -> tuple[Sealed, Sealed]:
    """A document check, asked and answered: closed."""
    request = seal(world, "test-aut", "doc.verify.request", "test-mda")
    await world.accepted(client, request)
    reply = seal(world, "test-mda", "doc.verify.reply", "test-aut", parent=request)
    await world.accepted(client, reply)
    return request, reply


async def test_data_of_a_closed_case_is_put_right_by_either_side(world: World, client: Client) -> None:
    request, reply = await check(world, client)
    for source, to in (("test-aut", "test-mda"), ("test-mda", "test-aut")):
        for parent in (request, reply):
            correction = seal(world, source, "data.correction", to, parent=parent)
            await world.accepted(client, correction)
            done = seal(world, to, "data.correction.done", source, parent=correction)
            await world.accepted(client, done)
    again = seal(world, "test-mda", "doc.verify.reply", "test-aut", parent=request)
    await refused(world, client, again, "STEP_NOT_ALLOWED", "/ixmstep")


async def test_nobody_answers_his_own_correction(world: World, client: Client) -> None:
    _, reply = await check(world, client)
    correction = seal(world, "test-mda", "data.correction", "test-aut", parent=reply)
    await world.accepted(client, correction)
    own = seal(world, "test-mda", "data.correction.done", "test-aut", parent=correction)
    await refused(world, client, own, "STEP_NOT_ALLOWED", "/ixmref")


async def test_a_stranger_corrects_nothing(world: World, client: Client) -> None:
    request, _ = await check(world, client)
    await refused(
        world, client, seal(world, "test-geo", "data.correction", "test-aut", parent=request), "WRONG_CASE", "/subject"
    )
    told = seal(world, "test-aut", "data.correction", "test-mda", "test-geo", parent=request)
    await refused(world, client, told, "WRONG_CASE", "/subject")


async def test_who_opened_a_case_withdraws_it_while_it_is_open(world: World, client: Client) -> None:
    request = seal(world, "test-aut", "ident.request", "test-mda")
    await world.accepted(client, request)
    theirs = seal(world, "test-mda", "case.withdraw", "test-aut", parent=request)
    await refused(world, client, theirs, "STEP_NOT_ALLOWED", "/ixmref")
    await world.accepted(client, seal(world, "test-aut", "case.withdraw", "test-mda", parent=request))
    late = seal(world, "test-mda", "ident.reply", "test-aut", parent=request)
    await refused(world, client, late, "STEP_NOT_ALLOWED", "/ixmstep")
    again = seal(world, "test-aut", "case.withdraw", "test-mda", parent=request)
    await refused(world, client, again, "STEP_NOT_ALLOWED", "/ixmstep")


async def test_an_alerts_withdrawal_reaches_everybody(world: World, client: Client) -> None:
    alert = seal(world, "test-aut", "doc.alert", "test-mda", "test-geo")
    await world.accepted(client, alert)
    withdrawn = {**registry.example("doc.alert.update"), "action": "WITHDRAW"}
    some = world.seal("test-aut", withdrawn, ["test-mda"], parent=alert, agreement=AGREED, role="DOC")
    await refused(world, client, some, "KIND_NOT_ALLOWED", "/ixmto")
    strange = world.seal("test-mda", withdrawn, ["test-aut", "test-geo"], parent=alert, agreement=AGREED, role="DOC")
    await refused(world, client, strange, "STEP_NOT_ALLOWED", "/ixmref")
    feedback = seal(world, "test-geo", "doc.alert.feedback", "test-aut", "test-mda", parent=alert)
    await world.accepted(client, feedback)
    every = world.seal("test-aut", withdrawn, ["test-geo", "test-mda"], parent=alert, agreement=AGREED, role="DOC")
    await world.accepted(client, every)
    more = seal(world, "test-geo", "doc.alert.feedback", "test-aut", parent=alert)
    await refused(world, client, more, "STEP_NOT_ALLOWED", "/ixmstep")


async def test_what_was_given_is_asked_after_by_who_gave_it(world: World, client: Client) -> None:
    request, reply = await check(world, client)
    asked = seal(world, "test-mda", "use.report.request", "test-aut", parent=reply)
    await world.accepted(client, asked)
    await world.accepted(client, seal(world, "test-aut", "use.report", "test-mda", parent=asked))
    curious = seal(world, "test-mda", "use.report.request", "test-aut", parent=request)
    await refused(world, client, curious, "STEP_NOT_ALLOWED", "/ixmref")


async def test_an_error_is_reported_of_what_came(world: World, client: Client) -> None:
    request, reply = await check(world, client)
    await world.accepted(client, seal(world, "test-mda", "error.report", "test-aut", parent=request))
    await world.accepted(client, seal(world, "test-aut", "error.report", "test-mda", parent=reply))
    own = seal(world, "test-mda", "error.report", "test-aut", parent=reply)
    await refused(world, client, own, "STEP_NOT_ALLOWED", "/ixmref")


ALONE = sorted(name for name, rule in lifecycles.RULES.items() if not rule.replies_to)


@pytest.mark.parametrize("kind", ALONE)
async def test_every_kind_without_relation_opens_a_case(kind: str, world: World, client: Client) -> None:
    sender = next((name for name, roles in ROLES.items() if set(roles) & lifecycles.RULES[kind].sender_roles), None)
    if sender is None:
        assert lifecycles.RULES[kind].sender_roles <= {"STAT", "DPO"}, "no partner of this world has such a role"
        return
    to = next(name for name in ROLES if name != sender)
    await world.accepted(client, seal(world, sender, kind, to))
