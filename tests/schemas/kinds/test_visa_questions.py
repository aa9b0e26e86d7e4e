"""Questions about visas, misuse of visas, patterns of misuse."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry
from schemas.codes.lists import load
from schemas.errors import Finding

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]

REQUEST, REPLY = "visa.verify.request", "visa.verify.reply"
MISUSE, ACK, PATTERN = "visa.misuse.notice", "visa.misuse.ack", "misuse.pattern.report"


# -- visa.verify.request and reply


def test_names_come_with_the_question_that_compares_them(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(REQUEST, {"/questions": ["ISSUED"]})) == {("SG8", "/holder_names")}
    assert errors(changed(REQUEST, {"/holder_names": removed})) == {("FIELD_MISSING", "/holder_names")}
    assert errors(changed(REQUEST, {"/questions": ["ISSUED"], "/holder_names": removed})) == set()
    assert errors(changed(REQUEST, {"/holder_names/0/script": "Geor"})) == {("NAME_SCRIPT", "/holder_names/0/value")}


def test_numbers_are_sent_bare(changed: Changed) -> None:
    sent = registry.normalise(changed(REQUEST, {"/visa_number": "aut-123 456", "/document_number": "UT 7654321"}))
    assert (sent["visa_number"], sent["document_number"]) == ("AUT123456", "UT7654321")
    assert "number_raw" not in sent


def test_the_issuer_is_asked_and_answers(
    changed: Changed, errors: Errors, findings: Callable[..., list[Finding]]
) -> None:
    found = findings(changed(REQUEST), sender_state="MDA", recipient_states=("DEU",))
    assert found == [Finding("/visa_issuer", "RECIPIENT_NOT_COMPETENT", "warning")]
    assert findings(changed(REQUEST), sender_state="MDA", recipient_states=("AUT",)) == []
    parent = registry.example(REQUEST)
    assert errors(changed(REPLY), sender_state="AUT", parent=parent) == set()
    assert errors(changed(REPLY), sender_state="DEU", parent=parent) == {("SENDER_NOT_ISSUER", "/kind")}


def test_one_answer_a_question(changed: Changed, errors: Errors) -> None:
    parent = registry.example(REQUEST)
    assert errors(changed(REPLY, {"/answers": {}}), parent=parent) >= {("FIELD_LENGTH", "/answers")}
    found = errors(changed(REPLY, {"/answers/TERRITORY": "YES"}), parent=parent)
    assert found == {("FIELD_UNKNOWN", "/answers/TERRITORY")}
    assert errors(changed(REPLY, {"/answers/ISSUED": "EXPIRED"})) == {("CODE_UNKNOWN", "/answers/ISSUED")}


@pytest.mark.parametrize(
    ("sender", "recipient", "released"),
    [
        ("AUT", "DEU", True),
        ("AUT", "CHE", True),
        ("AUT", "MDA", False),
        ("AUT", "UKR", False),
        (None, "GEO", False),
        ("MDA", "UKR", True),
        ("MDA", "AUT", True),
    ],
)
def test_where_a_visa_stands_is_told_inside_its_system_alone(
    sender: str | None, recipient: str, released: bool, changed: Changed, errors: Errors
) -> None:
    found = errors(changed(REPLY), sender_state=sender, recipient_states=(recipient,))
    assert found == (set() if released else {("SG5", "/status")})


def test_answers_alone_go_anywhere(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(REPLY, {"/status": removed}), sender_state="AUT", recipient_states=("UKR",)) == set()


# -- visa.misuse.notice


def decision(outcome: str, *grounds: str) -> dict[str, object]:
    return {
        "outcome": outcome,
        "grounds": list(grounds),
        "authority": "Sample Border Post",
        "place": "Vienna",
        "date": "2026-03-02",
        "form_version": "2019/1155",
    }


@pytest.mark.parametrize(
    ("outcome", "ground", "accepted"),
    [
        ("ANNULLED", "INFO_UNRELIABLE", True),
        ("ANNULLED", "TD_FALSE", True),
        ("ANNULLED", "HOLDER_REQUEST", False),
        ("ANNULLED", "E", False),
        ("REVOKED", "HOLDER_REQUEST", True),
        ("REVOKED", "STAYED_90", True),
        ("REVOKED", "B", False),
        ("REFUSED_ENTRY", "A", True),
        ("REFUSED_ENTRY", "J", True),
        ("REFUSED_ENTRY", "MEANS", False),
        ("NONE", "MEANS", False),
    ],
)
def test_each_decision_has_its_own_grounds(
    outcome: str, ground: str, accepted: bool, changed: Changed, errors: Errors
) -> None:
    status = {"ANNULLED": "annulled", "REVOKED": "revoked"}.get(outcome, "issued")
    found = errors(changed(MISUSE, {"/decision": decision(outcome, ground), "/visa/status": status}))
    assert found == (set() if accepted else {("GROUND_NOT_ALLOWED", "/decision/grounds/0")})


@pytest.mark.parametrize("outcome", ["ANNULLED", "REVOKED", "REFUSED_ENTRY"])
def test_a_decision_has_a_ground(outcome: str, changed: Changed, errors: Errors, removed: object) -> None:
    status = {"ANNULLED": "annulled", "REVOKED": "revoked"}.get(outcome, "issued")
    for grounds in (removed, []):
        changes = {"/decision/outcome": outcome, "/decision/grounds": grounds, "/visa/status": status}
        assert errors(changed(MISUSE, changes)) == {("GROUND_REQUIRED", "/decision/grounds")}


def test_a_letter_that_is_no_letter_of_the_form(changed: Changed, errors: Errors) -> None:
    changes = {"/decision": decision("REFUSED_ENTRY", "K"), "/visa/status": "issued"}
    assert {("CODE_UNKNOWN", "/decision/grounds/0"), ("GROUND_NOT_ALLOWED", "/decision/grounds/0")} == errors(
        changed(MISUSE, changes)
    )
    assert load("refusal_reason") == frozenset("ABCDEFGHIJ")


def test_without_a_decision_nothing_is_said_of_it(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(MISUSE, {"/decision": {"outcome": "NONE"}, "/visa/status": "issued"})) == set()
    for name in ("authority", "place", "date", "form_version"):
        assert errors(changed(MISUSE, {f"/decision/{name}": removed})) == {("FIELD_MISSING", f"/decision/{name}")}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/visa/status": "issued"}, ("FIELD_RANGE", "/visa/status")),
        ({"/visa/status": "revoked"}, ("FIELD_RANGE", "/visa/status")),
        ({"/decision/date": "2026-04-03"}, ("FIELD_RANGE", "/decision/date")),
        ({"/decision/form_version": "the new one"}, ("FIELD_PATTERN", "/decision/form_version")),
        ({"/misuse_types/0": "TRAFFICKING"}, ("CODE_UNKNOWN", "/misuse_types/0")),
        ({"/misuse_types": []}, ("FIELD_LENGTH", "/misuse_types")),
        ({"/visa/duration_days": 91}, ("FIELD_RANGE", "/visa/duration_days")),
        ({"/person/sex": "?"}, ("CODE_UNKNOWN", "/person/sex")),
        ({"/document/issued_on": "2029-07-01"}, ("FIELD_RANGE", "/document/issued_on")),
        ({"/sponsor/kind": "friend"}, ("CODE_UNKNOWN", "/sponsor/kind")),
        ({"/supporting_docs/0/kind": "A letter"}, ("FIELD_PATTERN", "/supporting_docs/0/kind")),
        ({"/supporting_docs/0/false": "yes"}, ("FIELD_TYPE", "/supporting_docs/0/false")),
    ],
)
def test_a_notice_of_misuse(
    changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors
) -> None:
    assert found in errors(changed(MISUSE, changes))


@pytest.mark.parametrize("recipient", [(), ("DEU",), ("MDA",)])
def test_a_sign_of_trafficking_is_no_misuse_and_stops_it(
    recipient: tuple[str, ...], changed: Changed, errors: Errors
) -> None:
    found = errors(changed(MISUSE, {"/sponsor/reference": "victim of trafficking"}), recipient_states=recipient)
    assert ("SG11", "/sponsor/reference") in found


def test_a_minor_needs_the_safeguards_of_one(changed: Changed, errors: Errors) -> None:
    minor = {"/person/birth_date/value": "2012-01-01"}
    assert ("SG11", "/safeguards/minor") in errors(changed(MISUSE, minor), recipient_states=("DEU",))


def test_the_issuer_of_the_visa_is_told(changed: Changed, findings: Callable[..., list[Finding]]) -> None:
    found = findings(changed(MISUSE), sender_state="AUT", recipient_states=("FRA",))
    assert found == [Finding("/visa/issuer", "RECIPIENT_NOT_COMPETENT", "warning")]


def test_the_acknowledgement_says_when_and_nothing_else(changed: Changed, errors: Errors) -> None:
    assert errors(changed(ACK), parent=registry.example(MISUSE)) == set()
    assert errors(changed(ACK, {"/received_at": "2026-04-03"})) == {("FIELD_RANGE", "/received_at")}
    assert errors(changed(ACK, {"/action": "none"})) == {("FIELD_UNKNOWN", "/action")}


# -- misuse.pattern.report


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/counts/0/count": 4}, {("FIELD_RANGE", "/counts/0/count")}),
        ({"/counts/1/misuse_type": "VISA_SHOPPING"}, {
            ("FIELD_UNKNOWN", "/counts/1/misuse_type"),
            ("FIELD_MISSING", "/counts"),
        }),
        ({"/counts/1/misuse_type": "SHAM_SPONSOR_COMPANY"}, {
            ("FIELD_UNKNOWN", "/counts/1/misuse_type"),
            ("FIELD_MISSING", "/counts"),
        }),
        ({"/misuse_types/2": "VISA_SHOPPING"}, {("FIELD_MISSING", "/counts")}),
        ({"/period/to": "2025-12-31"}, {("FIELD_RANGE", "/period/to")}),
        ({"/period/to": "2026-04-03"}, {("FIELD_RANGE", "/period/to")}),
        ({"/narrative": "x" * 1001}, {("FIELD_LENGTH", "/narrative")}),
        ({"/person": {}}, {("FIELD_UNKNOWN", "/person")}),
        ({"/safeguards": {}}, {("FIELD_UNKNOWN", "/safeguards")}),
    ],
)  # fmt: skip
def test_a_pattern(changes: dict[str, object], found: set[tuple[str, str]], changed: Changed, errors: Errors) -> None:
    assert errors(changed(PATTERN, changes)) == found


def test_a_pattern_tells_no_stories(changed: Changed, errors: Errors) -> None:
    told = changed(PATTERN, {"/narrative": "several of them then asked for asylum"})
    assert errors(told, recipient_states=("MDA", "DEU")) == {("FREETEXT_HOLD", "/narrative")}
    assert errors(told, recipient_states=("DEU",)) == set()
