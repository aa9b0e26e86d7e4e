"""Transfers: the consent behind a notice, its persons, window and document, and how it ends."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Finding
from schemas.parts.context import Earlier
from tests.schemas.kinds.profiles import KAZAKHSTAN, StandIn

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]
Findings = Callable[..., list[Finding]]

NOTICE = "transfer.notice"
RESULT = "transfer.result"
TO_KAZAKHSTAN = {"sender_state": "NLD", "recipient_states": ("KAZ",)}
PROFILE = StandIn()
DECISION_ID = registry.example(NOTICE)["consent_ref"]["decision"]
OTHER_ID = DECISION_ID[:-1] + "f"


def case(*others: Earlier) -> tuple[Earlier, ...]:
    return (Earlier(payload=registry.example("readm.application")), *others)


def accepted(**changes: Any) -> Earlier:
    return Earlier(payload=registry.example("readm.decision") | changes, id=DECISION_ID)


# -- the consent


def test_a_notice_rests_on_one_consent(changed: Changed, errors: Errors, removed: object) -> None:
    bare = {"/consent_ref/decision": removed}
    assert errors(changed(NOTICE, bare)) == {("FIELD_MISSING", "/consent_ref/decision")}
    for other in ("tacit_claim", "communication"):
        assert errors(changed(NOTICE, {f"/consent_ref/{other}": DECISION_ID})) == {
            ("FIELD_UNKNOWN", f"/consent_ref/{other}")
        }
        assert errors(changed(NOTICE, {**bare, f"/consent_ref/{other}": DECISION_ID})) == set()
    assert errors(changed(NOTICE, {"/consent_ref/on": "2026-04-03"})) == {("FIELD_RANGE", "/consent_ref/on")}


def test_sg9_the_consent_is_on_record(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(NOTICE), earlier=case(accepted())) == set()
    assert errors(changed(NOTICE), earlier=case(replace(accepted(), id=None))) == set()
    found = errors(changed(NOTICE, {"/consent_ref/decision": OTHER_ID}), earlier=case(accepted()))
    assert found == {("SG9", "/consent_ref/decision")}
    assert errors(changed(NOTICE), earlier=case()) == {("SG9", "/consent_ref/decision")}
    assert errors(changed(NOTICE), earlier=case(accepted(outcome="REFUSED"))) == {("SG9", "/consent_ref/decision")}
    claimed = changed(NOTICE, {"/consent_ref/decision": removed, "/consent_ref/tacit_claim": DECISION_ID})
    assert errors(claimed, earlier=case(accepted())) == {("SG9", "/consent_ref/tacit_claim")}
    claim = Earlier(payload=registry.example("readm.tacit.claim"), id=DECISION_ID)
    assert errors(claimed, earlier=case(claim)) == set()


def test_only_persons_consented_to_are_handed_over(changed: Changed, errors: Errors) -> None:
    covered = accepted(persons_covered=["p1", "c1"])
    found = errors(changed(NOTICE), earlier=case(covered))
    assert found == {("PERSON_NOT_IN_APPLICATION", "/persons/1")}
    silent = case(Earlier(payload=registry.example("readm.tacit.claim")))
    payload = changed(NOTICE, {"/persons/1": "c7"})
    assert ("PERSON_NOT_IN_APPLICATION", "/persons/1") in errors(payload, earlier=silent)
    assert errors(changed(NOTICE, {"/persons/1": "p1"})) == {("FIELD_RANGE", "/persons/1")}
    assert errors(payload) == set()  # nobody knows


def test_after_a_communication_the_person_is_its_own(changed: Changed, errors: Errors, removed: object) -> None:
    short = (Earlier(payload=registry.example("readm.communication"), id=DECISION_ID),)
    changes = {"/consent_ref/decision": removed, "/consent_ref/communication": DECISION_ID, "/persons": ["p1"]}
    assert errors(changed(NOTICE, changes), earlier=short) == set()
    found = errors(changed(NOTICE, {**changes, "/persons": ["p1", "c1"]}), earlier=short)
    assert ("PERSON_NOT_IN_APPLICATION", "/persons/1") in found


# -- window, lead, document, place


@pytest.mark.parametrize(("at", "short"), [("2026-04-07T00:30:00+05:00", False), ("2026-04-06T23:30:00+05:00", True)])
def test_the_notice_comes_in_time(at: str, short: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed(NOTICE, {"/at": at}), profile=PROFILE)
    assert found == ({("LEAD_TOO_SHORT", "/at")} if short else set())
    assert errors(changed(NOTICE, {"/at": at})) == set()


@pytest.mark.parametrize(("at", "closed"), [("2026-04-30", False), ("2026-05-01", True)])
def test_the_day_lies_in_the_window(at: str, closed: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed(NOTICE, {"/at": at}), profile=PROFILE)  # a month from 2026-03-30
    assert found == ({("WINDOW_EXPIRED", "/at")} if closed else set())


@pytest.mark.parametrize(("at", "closed"), [("2026-04-26", False), ("2026-04-27", True)])
def test_after_silence_the_window_opens_when_the_answers_time_ended(
    at: str, closed: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    silent = case(Earlier(payload=registry.example("readm.tacit.claim"), id=DECISION_ID))  # due 2026-03-26
    changes = {"/consent_ref/decision": removed, "/consent_ref/tacit_claim": DECISION_ID, "/at": at}
    found = errors(changed(NOTICE, changes), earlier=silent, profile=PROFILE)
    assert found == ({("WINDOW_EXPIRED", "/at")} if closed else set())


@pytest.mark.parametrize(
    ("asked", "outcome", "at", "closed"),
    [
        ({"days": 10}, "GRANTED", "2026-05-10", False),
        ({"days": 10}, "GRANTED", "2026-05-11", True),
        ({"days": 10}, "REFUSED", "2026-05-01", True),
        ({"until": "2026-05-20"}, "GRANTED", "2026-05-20", False),
        ({"until": "2026-05-20"}, "GRANTED", "2026-05-21", True),
        ({"days": 10, "which": "REPLY"}, "GRANTED", "2026-05-01", True),
    ],
)
def test_an_extension_keeps_it_open(  # noqa: PLR0917 - a table of cases
    asked: dict[str, Any], outcome: str, at: str, closed: bool, changed: Changed, errors: Errors
) -> None:
    request, answer = registry.example("readm.extension.request"), registry.example("readm.extension.answer")
    del request["days"], answer["until"]
    extended = case(
        accepted(),
        Earlier(payload=request | {"which": "TRANSFER"} | asked),
        Earlier(payload=answer | {"outcome": outcome}),
    )
    found = errors(changed(NOTICE, {"/at": at}), earlier=extended, profile=PROFILE)
    assert found == ({("WINDOW_EXPIRED", "/at")} if closed else set())


def test_a_window_nobody_knows_closes_nothing(changed: Changed, errors: Errors) -> None:
    profile = replace(PROFILE, keys={**KAZAKHSTAN, "transfer_limit": None})
    assert errors(changed(NOTICE, {"/at": "2026-06-30"}), profile=profile) == set()


@pytest.mark.parametrize(
    ("expires", "code"),
    [("2026-04-14", None), ("2026-04-13", "TD_EXPIRES_BEFORE_TRANSFER"), (None, "FIELD_MISSING")],
)
def test_the_document_outlives_the_transfer(
    expires: str | None, code: str | None, changed: Changed, errors: Errors, removed: object
) -> None:
    found = errors(changed(NOTICE, {"/td/expires_on": expires or removed}))
    assert found == ({(code, "/td/expires_on")} if code else set())


def test_the_border_is_the_recipients(changed: Changed, errors: Errors) -> None:
    safe = {"/bcp": "KZNQZ-AIR"}
    assert errors(changed(NOTICE, safe), **TO_KAZAKHSTAN) == set()
    assert errors(changed(NOTICE, {"/bcp": "RSBEG-AIR"}), **TO_KAZAKHSTAN) == {("FIELD_RANGE", "/bcp")}
    assert errors(changed(NOTICE, {"/bcp": "QQBEG-AIR"})) == {("CODE_UNKNOWN", "/bcp")}


def test_why_not_by_air(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(NOTICE, {"/mode": "AIR"})) == {("FIELD_UNKNOWN", "/reason_not_air")}
    assert errors(changed(NOTICE, {"/mode": "AIR", "/reason_not_air": removed})) == set()
    for mode in ("LAND", "SEA"):
        assert errors(changed(NOTICE, {"/mode": mode, "/reason_not_air": removed})) == set()


@pytest.mark.parametrize(
    "text_field", ["/carrier_ref", "/escorts/0/name", "/escorts/0/authorisation", "/protective/0", "/reason_not_air"]
)
def test_its_texts_are_guarded(text_field: str, changed: Changed, errors: Errors) -> None:
    payload = changed(NOTICE, {text_field: "asylum"})
    assert ("FREETEXT_HOLD", text_field) in errors(payload, **TO_KAZAKHSTAN)


@pytest.mark.parametrize("escort", [{"name": "A"}, {"name": "A", "passport": "X1"}, {"passport": "X1"}])
def test_an_escort_is_named_in_full(escort: dict[str, str], changed: Changed, errors: Errors) -> None:
    found = errors(changed(NOTICE, {"/escorts/0": escort}))
    assert {code for code, _ in found} == {"FIELD_MISSING"}


# -- safeguards


def test_sg13_a_fresh_look_before_the_transfer(changed: Changed, errors: Errors, removed: object) -> None:
    looked = "/safeguards/nonrefoulement_checked"
    base = {"/bcp": "KZNQZ-AIR"}
    assert errors(changed(NOTICE, {**base, looked: removed}), **TO_KAZAKHSTAN) == {("SG13", looked)}
    found = errors(changed(NOTICE, {**base, f"{looked}/on": "2026-03-01"}), **TO_KAZAKHSTAN)
    assert found == {("SG13", f"{looked}/on")}
    assert errors(changed(NOTICE, {**base, f"{looked}/on": "2026-03-02"}), **TO_KAZAKHSTAN) == set()
    inside = {"sender_state": "NLD", "recipient_states": ("DEU",)}
    assert errors(changed(NOTICE, {"/bcp": "DEFRA-AIR", looked: removed}), **inside) == set()


@pytest.mark.parametrize("minor", [True, False])
def test_sg11_a_minor_among_the_persons(minor: bool, changed: Changed, findings: Findings, removed: object) -> None:
    application = registry.example("readm.application")
    del application["spouse"], application["children"]
    if minor:
        application["person"]["birth_date"] = {"value": "2009"}
    known = (Earlier(payload=application), accepted(persons_covered=["p1"]))
    payload = changed(NOTICE, {"/bcp": "KZNQZ-AIR", "/persons": ["p1"], "/safeguards/minor": removed})
    wanted = [Finding("/safeguards/minor", "SG11")] if minor else []
    assert findings(payload, earlier=known, **TO_KAZAKHSTAN) == wanted
    assert findings(payload, earlier=known) == [replace(found, severity="warning") for found in wanted]


@pytest.mark.parametrize(("named", "wanted"), [("p1", False), ("c1", True)])
def test_sg11_where_the_application_is_not_at_hand(
    named: str, wanted: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    payload = changed(NOTICE, {"/bcp": "KZNQZ-AIR", "/persons": [named], "/safeguards/minor": removed})
    assert errors(payload, **TO_KAZAKHSTAN) == ({("SG11", "/safeguards/minor")} if wanted else set())


@pytest.mark.parametrize(
    ("persons", "together"),
    [
        (["p1", "s1", "c1"], True),
        (["p1", "c1"], True),
        (["s1", "c1"], True),
        (["p1", "s1"], False),
        (["p1"], False),
        (["c1"], False),
    ],
)
def test_sg12_a_family_stays_together(persons: list[str], together: bool, changed: Changed, findings: Findings) -> None:
    payload = changed(NOTICE, {"/bcp": "KZNQZ-AIR", "/persons": persons})
    wanted = [] if together else [Finding("/persons", "SG12")]
    assert findings(payload, earlier=case(accepted()), **TO_KAZAKHSTAN) == wanted
    softened = [replace(found, severity="warning") for found in wanted]
    assert findings(payload, earlier=case(accepted())) == softened
    assert findings(payload, **TO_KAZAKHSTAN) == []  # nobody knows the family


# -- acknowledgement, obstacle, result


def test_an_acknowledgement(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed("transfer.ack", {"/received_at": "2026-04-03"})) == {("FIELD_RANGE", "/received_at")}
    assert errors(changed("transfer.ack", {"/official": removed})) == {("FIELD_MISSING", "/official")}


def test_an_obstacle_may_propose_another_day(changed: Changed, errors: Errors, removed: object) -> None:
    obstacle = "transfer.obstacle"
    assert errors(changed(obstacle, {"/proposed_at": removed})) == set()
    assert errors(changed(obstacle, {"/proposed_at": "2026-03-31"})) == {("FIELD_RANGE", "/proposed_at")}
    assert errors(changed(obstacle, {"/reason": removed})) == {("FIELD_MISSING", "/reason")}


FAILURES = ["NOT_BOARDED", "ABSCONDED", "REFUSED_BY_RDS", "CARRIER", "MEDICAL", "POSTPONED_BY_RQS"]


@pytest.mark.parametrize("outcome", FAILURES)
def test_every_failure_looks_the_same_to_the_hub(
    outcome: str, changed: Changed, errors: Errors, removed: object
) -> None:
    payload = changed(RESULT, {"/outcome": outcome, "/handed_over": removed})
    assert errors(payload) == set()
    told = registry.header_members(payload)
    assert (told.step, told.facts) == ("not_handed_over", {})
    assert errors(changed(RESULT, {"/outcome": outcome})) == {("FIELD_UNKNOWN", "/handed_over")}


@pytest.mark.parametrize("outcome", ["COURT", "PROTECTION", "SUSPENDED", "APPEAL"])
def test_no_outcome_says_why_a_person_stayed(outcome: str, changed: Changed, errors: Errors) -> None:
    assert ("CODE_UNKNOWN", "/outcome") in errors(changed(RESULT, {"/outcome": outcome}))


def test_a_hand_over_says_when_and_where(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(RESULT, {"/handed_over": removed})) == {("FIELD_MISSING", "/handed_over")}
    assert errors(changed(RESULT, {"/handed_over/at": "2026-04-03"})) == {("FIELD_RANGE", "/handed_over/at")}
    assert errors(changed(RESULT, {"/handed_over/bcp": "QQPRY"})) == {("CODE_UNKNOWN", "/handed_over/bcp")}
    told = registry.header_members(registry.example(RESULT))
    assert (told.step, told.facts) == ("handed_over", {"event_on": "2026-03-31T10:50:00+02:00"})
