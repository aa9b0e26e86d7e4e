"""Transit: the application's two promises, the answer, and what came of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Finding
from tests.schemas.kinds.profiles import StandIn

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]
Findings = Callable[..., list[Finding]]

APPLICATION = "transit.application"
TO_SERBIA = {"sender_state": "NLD", "recipient_states": ("SRB",)}
PROFILE = StandIn()


@pytest.mark.parametrize(("path", "value"), [("/guarantee_onward", False), ("/known_refusal_ground", True)])
def test_the_onward_journey_is_sure_and_no_ground_is_known(
    path: str, value: bool, changed: Changed, errors: Errors
) -> None:
    assert errors(changed(APPLICATION, {path: value})) == {("FIELD_RANGE", path)}


@pytest.mark.parametrize(("at", "short"), [("2026-04-04", False), ("2026-04-03", True)])
def test_an_application_comes_in_time(
    at: str, short: bool, changed: Changed, errors: Errors, findings: Findings
) -> None:
    payload = changed(APPLICATION, {"/at": at})
    assert errors(payload, profile=PROFILE) == ({("LEAD_TOO_SHORT", "/at")} if short else set())
    gently = replace(PROFILE, preferred_leads=frozenset({"transit_lead"}))
    assert findings(payload, profile=gently) == ([Finding("/at", "LEAD_TOO_SHORT", "warning")] if short else [])


def test_the_way_leads_through_the_recipient_to_somewhere_else(changed: Changed, errors: Errors) -> None:
    base = {"/bcp": "RSBEG-AIR"}
    assert errors(changed(APPLICATION, base), **TO_SERBIA) == set()
    for destination in ("SRB", "NLD"):
        assert errors(changed(APPLICATION, {**base, "/destination": destination}), **TO_SERBIA) == {
            ("FIELD_RANGE", "/destination")
        }
    found = errors(changed(APPLICATION, {**base, "/other_transit_states/0": "GEO"}), **TO_SERBIA)
    assert found == {("FIELD_RANGE", "/other_transit_states/0")}
    assert errors(changed(APPLICATION, {"/destination": "GE"})) == {("CODE_UNKNOWN", "/destination")}
    assert errors(changed(APPLICATION, {"/modes": []})) == {("FIELD_LENGTH", "/modes")}


def test_a_border_of_another_state_is_a_warning(changed: Changed, findings: Findings) -> None:
    elsewhere = changed(APPLICATION, {"/bcp": "TRIST-AIR"})
    assert findings(elsewhere, **TO_SERBIA) == [Finding("/bcp", "FIELD_RANGE", "warning")]
    assert findings(changed(APPLICATION, {"/bcp": "QQBEG"})) == [Finding("/bcp", "CODE_UNKNOWN")]


def test_sg13_a_fresh_look_before_the_transit(changed: Changed, errors: Errors, removed: object) -> None:
    looked = "/safeguards/nonrefoulement_checked"
    base = {"/bcp": "RSBEG-AIR"}
    assert errors(changed(APPLICATION, {**base, looked: removed}), **TO_SERBIA) == {("SG13", looked)}
    assert errors(changed(APPLICATION, {**base, f"{looked}/on": "2026-02-28"}), **TO_SERBIA) == {
        ("SG13", f"{looked}/on")
    }
    assert errors(changed(APPLICATION, {"/safeguards": removed})) == set()


def test_sg11_a_minor_in_transit(changed: Changed, errors: Errors) -> None:
    payload = changed(APPLICATION, {"/bcp": "RSBEG-AIR", "/person/birth_date/value": "2012"})
    assert errors(payload, **TO_SERBIA) == {("SG11", "/safeguards/minor")}


# -- the answer

DECISION = "transit.decision"
GROUNDS = ["RISK_ILL_TREATMENT", "PROSECUTION", "PUBLIC_HEALTH", "SECURITY", "ORDER"]


@pytest.mark.parametrize("ground", GROUNDS)
def test_a_refusal_has_its_ground(ground: str, changed: Changed, errors: Errors, removed: object) -> None:
    refusal = {"/outcome": "REFUSE", "/consent": removed, "/refuse": {"ground": ground}}
    assert errors(changed(DECISION, refusal)) == set()
    assert registry.header_members(changed(DECISION, refusal)).step == "refused"


def test_an_answer_has_its_object_and_no_other(changed: Changed, errors: Errors, removed: object) -> None:
    refuse = {"ground": "ORDER"}
    assert errors(changed(DECISION, {"/consent": removed})) == {("FIELD_MISSING", "/consent")}
    assert errors(changed(DECISION, {"/refuse": refuse})) == {("FIELD_UNKNOWN", "/refuse")}
    assert errors(changed(DECISION, {"/outcome": "REFUSE"})) == {
        ("FIELD_MISSING", "/refuse"),
        ("FIELD_UNKNOWN", "/consent"),
    }
    bad = {"/outcome": "REFUSE", "/consent": removed, "/refuse": {"ground": "WEATHER"}}
    assert errors(changed(DECISION, bad)) == {("CODE_UNKNOWN", "/refuse/ground")}


def test_consent_is_for_a_day_to_come(changed: Changed, errors: Errors) -> None:
    assert errors(changed(DECISION, {"/consent/at": "2026-03-31"})) == {("FIELD_RANGE", "/consent/at")}
    assert errors(changed(DECISION, {"/consent/at": "2026-04-01"})) == set()
    assert errors(changed(DECISION, {"/consent/bcp": "QQPRY"})) == {("CODE_UNKNOWN", "/consent/bcp")}
    told = registry.header_members(registry.example(DECISION))
    assert (told.step, told.facts) == ("consented", {"event_on": "2026-04-20T06:00:00+02:00"})


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [("/ground", "WEATHER", "CODE_UNKNOWN"), ("/at", "2026-04-03", "FIELD_RANGE"), ("/at", None, "FIELD_TYPE")],
)
def test_consent_taken_back(path: str, value: object, code: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed("transit.revoke", {path: value})) == {(code, path)}


def test_what_came_of_it(changed: Changed, errors: Errors, removed: object) -> None:
    result = "transit.result"
    crossed = registry.example(result)["performed"]
    assert errors(changed(result, {"/performed": removed})) == {("FIELD_MISSING", "/performed")}
    back = {"/outcome": "TAKEN_BACK", "/performed": removed, "/taken_back": crossed}
    assert errors(changed(result, back)) == set()
    assert registry.header_members(changed(result, back)).step == "taken_back"
    assert registry.header_members(registry.example(result)).step == "performed"
    assert errors(changed(result, {"/taken_back": crossed})) == {("FIELD_UNKNOWN", "/taken_back")}
    assert errors(changed(result, {"/performed/at": "2026-04-03"})) == {("FIELD_RANGE", "/performed/at")}
    assert errors(changed(result, {"/performed/bcp": "QQPRY"})) == {("CODE_UNKNOWN", "/performed/bcp")}
