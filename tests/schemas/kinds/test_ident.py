"""Identification: who is asked about, on what evidence, and what is answered."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Finding

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]


def part(value: str, script: str = "Latn", kind: str = "surname", as_on: str = "viz") -> dict[str, str]:
    return {"kind": kind, "value": value, "script": script, "as_on": as_on}


# -- the person


def test_exactly_one_primary_identity(changed: Changed, errors: Errors) -> None:
    one = {"type": "primary", "parts": [part("TESTOVYI")]}
    assert errors(changed("ident.request", {"/person/identities": [one]})) == set()
    none = errors(changed("ident.request", {"/person/identities": [{**one, "type": "alias"}]}))
    assert none == {("FIELD_MISSING", "/person/identities")}
    two = errors(changed("ident.request", {"/person/identities": [one, one]}))
    assert two == {("FIELD_RANGE", "/person/identities/1/type")}


@pytest.mark.parametrize(
    ("parts", "accepted"),
    [
        ([part("ТЕСТОВИЙ", "Cyrl")], False),
        ([part("ТЕСТОВИЙ", "Cyrl"), part("TESTOVYI")], True),
        ([part("ТЕСТОВИЙ", "Cyrl"), part("TESTOVYI", as_on="mrz")], True),
    ],
)
def test_one_latin_or_machine_readable_rendering(
    parts: list[dict[str, str]], accepted: bool, changed: Changed, errors: Errors
) -> None:
    found = errors(changed("ident.request", {"/person/identities": [{"type": "primary", "parts": parts}]}))
    assert found == (set() if accepted else {("NAME_SCRIPT", "/person/identities/0/parts")})


def test_a_latin_alias_does_not_replace_the_primary_rendering(changed: Changed, errors: Errors) -> None:
    identities = [
        {"type": "primary", "parts": [part("ТЕСТОВИЙ", "Cyrl")]},
        {"type": "alias", "parts": [part("TESTOVYI")]},
    ]
    assert errors(changed("ident.request", {"/person/identities": identities})) == {
        ("NAME_SCRIPT", "/person/identities/0/parts")
    }


@pytest.mark.parametrize(("value", "script"), [("ТЕСТОВИЙ", "Latn"), ("TESTOVYI", "Cyrl"), ("ТЕСТOВИЙ", "Cyrl")])
def test_a_name_is_written_in_the_script_it_claims(value: str, script: str, changed: Changed, errors: Errors) -> None:
    found = errors(changed("ident.request", {"/person/identities/0/parts/0": part(value, script)}))
    assert ("NAME_SCRIPT", "/person/identities/0/parts/0/value") in found


@pytest.mark.parametrize("sign", ["\u202e", "\u0007", "\u200b", "\ue000", "\n", "\u2066"])
def test_no_control_direction_or_private_sign(sign: str, changed: Changed, errors: Errors) -> None:
    for path in ("/person/identities/0/parts/1/value", "/evidence/0/note", "/person/address_in_rds"):
        assert ("NAME_CONTROL_CHAR", path) in errors(changed("ident.request", {path: f"AB{sign}C"}))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("1900-01-01", "DATE_PLACEHOLDER"),
        ("1984-00-00", "DATE_PLACEHOLDER"),
        ("2026-04-02", "FIELD_RANGE"),
        ("2026-05", "FIELD_RANGE"),
        ("2027", "FIELD_RANGE"),
        ("29.02.1984", "FIELD_PATTERN"),
        ("1983-02-29", "FIELD_PATTERN"),
        ("1984-02-XX", "FIELD_PATTERN"),
    ],
)
def test_birth_dates_refused(value: str, code: str, changed: Changed, errors: Errors) -> None:
    assert (code, "/person/birth_date/value") in errors(changed("ident.request", {"/person/birth_date/value": value}))


@pytest.mark.parametrize("value", ["1984-02-29", "1984-02", "1984", "1901-01-01"])
def test_birth_dates_accepted(value: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed("ident.request", {"/person/birth_date/value": value})) == set()


def test_another_calendar_is_shown_beside(changed: Changed, errors: Errors) -> None:
    original = {"calendar": "solar_hijri", "text": "10 Esfand 1362"}
    assert errors(changed("ident.request", {"/person/birth_date/original": original})) == set()
    found = errors(changed("ident.request", {"/person/birth_date/original": {**original, "calendar": "mayan"}}))
    assert found == {("CODE_UNKNOWN", "/person/birth_date/original/calendar")}


@pytest.mark.parametrize(
    ("country", "born", "accepted"),
    [
        ("SUN", "1984-02-29", True),
        ("YUG", "1984-02-29", True),
        ("MDA", "1984-02-29", True),
        ("SUN", "1995-02-28", False),
        ("ZZZ", "1984-02-29", False),
    ],
)
def test_a_country_of_its_time(country: str, born: str, accepted: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed("ident.request", {"/person/birth_place/country": country, "/person/birth_date/value": born}))
    assert found == (set() if accepted else {("CODE_UNKNOWN", "/person/birth_place/country")})


# -- the evidence


def test_something_to_identify_by(changed: Changed, errors: Errors, removed: object) -> None:
    bare = {"/evidence": removed, "/biometrics": removed}
    assert errors(changed("ident.request", {**bare, "/interview_wanted": False})) == {("FIELD_MISSING", "/evidence")}
    assert errors(changed("ident.request", {**bare, "/interview_wanted": True})) == set()
    assert errors(changed("ident.request", {"/evidence": removed, "/interview_wanted": False})) == set()
    assert errors(changed("ident.request", {"/biometrics": removed, "/interview_wanted": False})) == set()
    empty = {"/evidence": [], "/biometrics": removed, "/interview_wanted": False}
    assert errors(changed("ident.request", empty)) == {("FIELD_MISSING", "/evidence")}


@pytest.mark.parametrize(
    ("possession", "accepted"), [("held", True), ("copy", False), ("declared_lost", False), ("declared_never", False)]
)
def test_proof_needs_the_document_at_hand(possession: str, accepted: bool, changed: Changed, errors: Errors) -> None:
    changes = {"/evidence/0/code": "NAT.PROOF.PASSPORT", "/evidence/0/document/possession": possession}
    found = errors(changed("ident.request", changes))
    assert found == (set() if accepted else {("FIELD_RANGE", "/evidence/0/code")})


@pytest.mark.parametrize("test", ["pa", "clone_check"])
def test_a_false_document_proves_nothing(test: str, changed: Changed, errors: Errors) -> None:
    chip = {"present": True, test: "fail"}
    found = errors(changed("ident.request", {"/evidence/0/document/chip": chip}))
    assert found == {("FIELD_RANGE", f"/evidence/0/document/chip/{test}")}


def test_a_portrait_is_a_picture(changed: Changed, errors: Errors) -> None:
    for media_type in ("application/pdf", "image/x-wsq"):
        assert ("ATTACH_TYPE", "/person/photo/media_type") in errors(
            changed("ident.request", {"/person/photo/media_type": media_type})
        )


def test_fingerprints_may_travel_here(changed: Changed, errors: Errors) -> None:
    for media_type in ("application/vnd.ansi-nist-itl", "image/x-wsq"):
        assert errors(changed("ident.request", {"/biometrics/media_type": media_type})) == set()


def test_every_file_is_listed_in_document_order() -> None:
    listed = registry.attachments(registry.example("ident.request"))
    assert [entry.path for entry in listed] == ["/person/photo", "/evidence/0/attachment/0", "/biometrics"]
    assert {len(entry.sha256) for entry in listed} == {64}


def test_the_state_asked_is_the_one_presumed(changed: Changed, findings: Callable[..., list[Finding]]) -> None:
    request = changed("ident.request", {"/presumed_nationality": "MDA"})
    assert findings(request, sender_state="AUT", recipient_states=("MDA",)) == []
    assert findings(request, sender_state="AUT", recipient_states=("GEO",)) == [
        Finding("/presumed_nationality", "RECIPIENT_NOT_COMPETENT", "warning")
    ]


# -- the reply


def test_a_refusal_has_reasons(changed: Changed, errors: Errors, removed: object) -> None:
    refuted = {"/outcome": "REFUTED", "/verified_identity": removed}
    assert errors(changed("ident.reply", refuted)) == {("REASON_REQUIRED", "/reasons")}
    assert errors(changed("ident.reply", {**refuted, "/reasons": []})) == {("REASON_REQUIRED", "/reasons")}
    assert errors(changed("ident.reply", {**refuted, "/reasons": [{"code": "NOT_NATIONAL"}]})) == set()
    assert errors(changed("ident.reply", {**refuted, "/reasons": [{"code": "OTHER"}]})) == {
        ("REASON_REQUIRED", "/reasons/0/text")
    }
    assert errors(changed("ident.reply", {**refuted, "/reasons": [{"code": "OTHER", "text": "see file"}]})) == set()


@pytest.mark.parametrize("outcome", ["REFUTED", "INCONCLUSIVE", "MORE_NEEDED"])
def test_an_identity_comes_with_a_confirmation_alone(
    outcome: str, changed: Changed, errors: Errors, removed: object
) -> None:
    reasons = [{"code": "NOT_NATIONAL"}]
    with_person = changed("ident.reply", {"/outcome": outcome, "/reasons": reasons})
    assert errors(with_person) == {("SG8", "/verified_identity")}
    without = changed("ident.reply", {"/outcome": outcome, "/reasons": reasons, "/verified_identity": removed})
    assert errors(without) == set()
