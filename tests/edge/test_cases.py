"""A readmission between two edges: rules between messages ask what lies here; a claim refers to one's own message."""

from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from adapters.contract import Refused, Taken
from adapters.edge import status
from adapters.edge.wiring import Edge
from hub.clockkeeper import keep
from schemas import lifecycles, registry
from schemas.errors import Rejected
from tests.edge.conftest import Rig, channel, codes, deliver, follow, offer, send, taken
from tests.world import ROLES, agreement

SAFE = registry.example("readm.application")["safeguards"]


async def agree(rig: Rig, profile: str | None = None, version: int = 2) -> None:
    """Austria and Moldova agree on readmission."""
    kinds = [kind for kind in registry.KINDS if kind.startswith(("readm.", "transfer."))]
    roles = sorted({role for roles in ROLES.values() for role in roles})
    before = agreement("TEST-AUT-MDA")
    rig.world.agree(
        replace(
            before,
            version=version,
            kinds=dict(before.kinds)
            | {kind: tuple(product(sorted(set(roles) & lifecycles.RULES[kind].sender_roles), roles)) for kind in kinds},
            purposes=tuple(sorted({*before.purposes, "READM"})),
            profile=profile,
        )
    )


async def parties(rig: Rig, profile: str | None = None) -> tuple[Edge, Edge]:
    """Their edges, once they have."""
    await agree(rig, profile)
    return await rig.edge("test-aut"), await rig.edge("test-mda")


async def passed(sender: Edge, recipient: Edge, kind: str, *to: str, **changes: Any) -> Taken:
    """A message that is taken, sent and handed over."""
    settled = await taken(sender, kind, *to, name=kind, **changes)
    await send(sender)
    await deliver(recipient)
    return settled


def safe(rig: Rig) -> dict[str, Any]:
    """Safeguards checked today."""
    return {**SAFE, "nonrefoulement_checked": {"on": rig.world.clock().date().isoformat(), "by_role": "RET"}}


async def apply(rig: Rig, austria: Edge, moldova: Edge) -> Taken:
    """An application under the agreement of the Union and Moldova that has arrived."""
    changes = {"safeguards": safe(rig), "agreement_id": "EU-MDA"}
    return await passed(austria, moldova, "readm.application", "test-mda", **changes)


async def applied(rig: Rig) -> tuple[Edge, Edge, Taken]:
    """An application that has arrived."""
    austria, moldova = await parties(rig)
    application = await passed(austria, moldova, "readm.application", "test-mda", safeguards=safe(rig))
    assert len(channel(moldova).delivered) == 1
    return austria, moldova, application


async def test_the_messages_of_a_case_lie_in_the_order_in_which_they_were_taken(rig: Rig) -> None:
    austria, moldova, application = await applied(rig)
    await passed(moldova, austria, "readm.ack", in_reply_to=application.id)
    await passed(moldova, austria, "readm.decision", in_reply_to=application.id)
    for edge in (austria, moldova):
        found = edge.cases.earlier(application.case_handle)
        assert [one.payload["kind"] for one in found] == ["readm.application", "readm.ack", "readm.decision"]
        assert found[0].id == application.id
    assert austria.cases.earlier("0" * 32) == ()
    assert codes(austria) == codes(moldova) == []


async def test_a_decision_about_a_stranger_is_refused_where_it_is_made(rig: Rig) -> None:
    _, moldova, application = await applied(rig)
    refused = await offer(
        moldova, "readm.decision", in_reply_to=application.id, persons_covered=["p1", "s1", "c1", "c9"]
    )
    assert isinstance(refused, Refused)
    assert refused.code == "PERSON_NOT_IN_APPLICATION"


async def test_a_notice_that_parts_a_family_is_refused_where_it_is_made(rig: Rig) -> None:
    austria, moldova, application = await applied(rig)
    decision = await passed(moldova, austria, "readm.decision", in_reply_to=application.id)
    today = rig.world.clock().date().isoformat()
    notice: dict[str, Any] = {
        "in_reply_to": decision.id,
        "consent_ref": {"decision": decision.id, "on": today},
        "bcp": "MDKIV-AIR",
        "safeguards": {"nonrefoulement_checked": {"on": today, "by_role": "RET"}, "minor": SAFE["minor"]},
    }
    refused = await offer(austria, "transfer.notice", persons=["p1", "s1"], **notice)
    assert isinstance(refused, Refused)
    assert refused.code == "SG12"
    other = {**notice, "consent_ref": {"decision": application.id, "on": today}}
    refused = await offer(austria, "transfer.notice", name="two", **other)
    assert isinstance(refused, Refused)
    assert refused.code == "SG9"


async def test_nobody_claims_silence_while_no_profile_gives_it(rig: Rig) -> None:
    austria, _, application = await applied(rig)
    refused = await offer(austria, "readm.tacit.claim", in_reply_to=application.id, application_ref=application.id)
    assert isinstance(refused, Refused)
    assert "TACIT_NOT_PROVIDED" in {found.code for found in refused.findings}


async def test_what_is_ones_own_is_found_and_goes_where_it_went(rig: Rig) -> None:
    austria, moldova, application = await applied(rig)
    settled = await passed(austria, moldova, "readm.info.request", in_reply_to=application.id)
    assert settled.case_handle == application.case_handle
    assert [one.source for one in channel(moldova).delivered.values()] == ["test-aut", "test-aut"]
    assert austria.cases.parent(application.id, "test-geo", "own") is None


@pytest.mark.parametrize(
    ("at", "whose", "found"),
    [
        ("test-aut", "own", True),
        ("test-aut", "received", False),
        ("test-aut", "either", True),
        ("test-mda", "own", False),
        ("test-mda", "received", True),
        ("test-mda", "either", True),
    ],
)
async def test_whose_message_it_is(rig: Rig, at: str, whose: lifecycles.Whose, found: bool) -> None:
    austria, moldova, application = await applied(rig)
    edge = {"test-aut": austria, "test-mda": moldova}[at]
    parent = edge.cases.parent(application.id, None, whose)
    assert (parent is not None) is found
    if parent is not None:
        assert parent.source == "test-aut"
        assert parent.to == ({"test-aut": "test-mda", "test-mda": "test-aut"}[at],)


async def test_a_message_not_taken_yet_is_nobodys_parent(rig: Rig) -> None:
    austria, _ = await parties(rig)
    today = rig.world.clock().date().isoformat()
    safe = {**SAFE, "nonrefoulement_checked": {"on": today, "by_role": "RET"}}
    application = await taken(austria, "readm.application", "test-mda", safeguards=safe)
    assert austria.cases.parent(application.id, None, "own") is None
    [known] = austria.cases.earlier(application.case_handle)
    assert known.payload["kind"] == "readm.application"


async def test_a_case_keeps_the_profile_it_began_with_and_its_receipt(rig: Rig) -> None:
    austria, moldova = await parties(rig, profile="EU-MDA")
    application = await apply(rig, austria, moldova)
    for edge in (austria, moldova):
        await follow(edge)
        start = edge.cases.start(application.case_handle)
        assert start.pin == "EU-MDA/1/MDA"
        assert start.profile is not None
        assert start.received_at == rig.world.clock()
        assert edge.cases.start("0" * 32).pin is None


async def test_consent_by_silence_is_not_claimed_under_a_profile_nobody_verified(rig: Rig) -> None:
    austria, moldova = await parties(rig, profile="EU-MDA")
    application = await apply(rig, austria, moldova)
    await follow(austria)
    await rig.world.travel(days=60)
    await austria.directories.refresh()
    claim = registry.example("readm.tacit.claim") | {"profile_version": "1"}
    del claim["kind"]
    refused = await offer(austria, "readm.tacit.claim", **{**claim, "in_reply_to": application.id})
    assert isinstance(refused, Refused)
    assert "TACIT_NOT_PROVIDED" in {finding.code for finding in refused.findings}


async def test_an_application_under_another_profile_than_the_agreements_is_refused(rig: Rig) -> None:
    austria, _ = await parties(rig, profile="EU-GEO")
    refused = await offer(austria, "readm.application", "test-mda", safeguards=safe(rig), agreement_id="EU-MDA")
    assert isinstance(refused, Refused)
    assert refused.code == "PROFILE_INACTIVE"


async def test_an_edge_follows_what_the_log_says_of_a_clock(rig: Rig) -> None:
    austria, moldova = await parties(rig, profile="EU-MDA")
    await apply(rig, austria, moldova)
    await rig.world.travel(days=60)
    assert rig.world.hub is not None
    assert await keep(rig.world.hub) == 1
    for edge in (austria, moldova):
        await edge.directories.refresh()
        await follow(edge)
        assert codes(edge) == []


# -- a profile and a clock made for tests

TEST_PROFILE = "TEST-PROFILE-AUT-MDA"


async def unanswered(rig: Rig) -> tuple[Edge, Edge, Taken]:
    """An application under the profile made for tests that has arrived on 1 April: two working days to answer."""
    austria, moldova = await parties(rig, TEST_PROFILE)
    changes = {"safeguards": safe(rig), "agreement_id": TEST_PROFILE, "procedure": "normal", "apprehension": None}
    payload = {name: value for name, value in changes.items() if value is not None}
    return austria, moldova, await passed(austria, moldova, "readm.application", "test-mda", **payload)


async def claim(rig: Rig, edge: Edge, application: Taken, name: str, **changes: Any) -> Any:
    """What becomes of a claim of consent by silence."""
    said = {"received_at": "2026-04-01", "due_at": "2026-04-03", **changes}
    answered = {"in_reply_to": application.id, "application_ref": application.id}
    to = () if edge is rig.edges["test-aut"] else ("test-aut",)
    return await offer(edge, "readm.tacit.claim", *to, name=name, **answered, **said)


async def test_silence_is_claimed_once_its_time_has_ended_and_not_before(rig: Rig) -> None:
    austria, moldova, application = await unanswered(rig)
    unproven = await claim(rig, austria, application, "unproven")
    assert isinstance(unproven, Refused)
    assert "SG9" in {found.code for found in unproven.findings}  # Moldova's word that it has it is not here yet
    await follow(austria)
    early = await claim(rig, austria, application, "early")
    assert isinstance(early, Refused)
    assert early.code == "TACIT_TOO_EARLY"
    hub = rig.world.hub
    assert hub is not None
    await rig.world.travel(days=6)
    assert await keep(hub) == 1
    for edge in (austria, moldova):
        await edge.directories.refresh()
        await follow(edge)
    theirs = await claim(rig, moldova, application, "theirs")
    assert isinstance(theirs, Refused)
    other_day = await claim(rig, austria, application, "other day", due_at="2026-04-02")
    assert isinstance(other_day, Refused)
    assert isinstance(await claim(rig, austria, application, "in time"), Taken)
    await send(austria)
    await deliver(moldova)
    assert [one.kind for one in channel(moldova).delivered.values()] == ["readm.application", "readm.tacit.claim"]
    assert codes(austria) == codes(moldova) == []


@pytest.mark.parametrize("given", [{"live": True, "test_clock_ahead_seconds": 1}, {"test_clock_ahead_seconds": -1}])
async def test_a_live_edge_has_the_machines_clock(rig: Rig, given: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        rig.settings("test-aut", **given)
    assert (caught.value.code, caught.value.path) == ("FIELD_RANGE", "/test_clock_ahead_seconds")


async def test_a_real_authority_sends_and_opens_nothing_by_another_clock(rig: Rig) -> None:
    for partner in ("test-aut", "test-mda"):
        rig.world.update(partner, test=False)
    ahead = await rig.edge("test-aut", test_clock_ahead_seconds=86_400)
    refused = await offer(ahead, "ident.request", "test-mda")
    assert isinstance(refused, Refused)
    assert refused.code == "TEST_NOT_ALLOWED"
    right = await rig.edge("test-geo")  # its own clock, and it is a test: it may write to no real authority
    assert not right.settings.told_clock()
    moldova = await rig.edge("test-mda")
    request = await taken(moldova, "doc.verify.request", "test-aut")
    await send(moldova)
    await deliver(ahead)
    assert not channel(ahead).delivered
    assert ahead.inbox.to_open(ahead.seconds() + 3600, 10)  # it waits: nobody was told that it failed
    assert request.id


async def test_a_suspended_agreement_shows_in_what_was_sent_and_received(rig: Rig) -> None:
    austria, moldova, _ = await applied(rig)

    def shown() -> set[object]:
        listed = (*status.outgoing(austria.connection, 9), *status.incoming(moldova.connection, 9))
        assert len(listed) == 2
        return {one["suspended"] for one in listed}

    assert shown() == {False}
    rig.world.suspend("TEST-AUT-MDA", "test-mda")
    for edge in (austria, moldova):
        await edge.directories.refresh()
    assert shown() == {True}
    refused = await offer(austria, "readm.application", "test-mda", name="new", safeguards=safe(rig))
    assert isinstance(refused, Refused)
    assert refused.code == "NO_AGREEMENT"
    await agree(rig, version=3)
    for edge in (austria, moldova):
        await edge.directories.refresh()
    assert shown() == {False}
