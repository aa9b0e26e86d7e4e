"""Exits: a minimal question to a neighbour, and an answer that proves nothing when it finds nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]

REQUEST, REPLY = "exit.confirm.request", "exit.confirm.reply"


@pytest.mark.parametrize(
    ("first", "last", "accepted"),
    [
        ("2025-10-03", "2026-03-31", True),  # 180 days
        ("2025-10-02", "2026-03-31", False),  # 181 days
        ("2026-03-31", "2026-03-31", True),
        ("2026-03-31", "2026-03-30", False),
        ("2026-03-01", "2026-04-03", False),
    ],
)
def test_the_window(first: str, last: str, accepted: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed(REQUEST, {"/window/from": first, "/window/to": last}))
    assert found == (set() if accepted else {("FIELD_RANGE", "/window/to")})


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("address_in_rds", "Prymirne"),
        ("personal_number", {"scheme": "ut-pn", "value": "1"}),
        ("civil_status", "married"),
        ("physical", {"height_cm": 170}),
        ("languages", ["uk"]),
        ("birth_place", {"country": "UTO"}),
        ("parents", {}),
    ],
)
def test_no_more_of_a_person_than_will_do(member: str, value: object, changed: Changed, errors: Errors) -> None:
    assert errors(changed(REQUEST, {f"/person/{member}": value})) == {("SG8", f"/person/{member}")}


def test_the_question(changed: Changed, errors: Errors) -> None:
    assert errors(changed(REQUEST, {"/bcps/0": "QQPRY-LAND"})) == {("CODE_UNKNOWN", "/bcps/0")}
    assert errors(changed(REQUEST, {"/purpose_code": "LE"})) == {("SG7", "/purpose_code")}
    minor = {"/person/birth_date/value": "2012"}
    assert ("SG11", "/safeguards/minor") in errors(changed(REQUEST, minor), recipient_states=("MDA",))
    eu_system = {"/person/source_system": "EES"}
    codes = {code for code, _ in errors(changed(REQUEST, eu_system), sender_state="AUT", recipient_states=("MDA",))}
    assert codes == {"SG2", "SG3", "SG4", "SG6"}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/outcome": "NOT_FOUND"}, ("FIELD_UNKNOWN", "/found")),
        ({"/outcome": "NO_RECORDS_KEPT"}, ("FIELD_UNKNOWN", "/found")),
        ({"/found/at": "2025-10-31"}, ("SG8", "/found/at")),
        ({"/found/bcp": "QQPRY-LAND"}, ("CODE_UNKNOWN", "/found/bcp")),
        ({"/found/direction": "OUT"}, ("CODE_UNKNOWN", "/found/direction")),
    ],
)
def test_the_answer(changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors) -> None:
    assert errors(changed(REPLY, changes), parent=registry.example(REQUEST)) == {found}


def test_a_crossing_comes_with_found_alone(changed: Changed, errors: Errors, removed: object) -> None:
    assert errors(changed(REPLY, {"/found": removed})) == {("FIELD_MISSING", "/found")}
    for outcome in ("NOT_FOUND", "NO_RECORDS_KEPT"):
        reply = changed(REPLY, {"/outcome": outcome, "/found": removed})
        assert errors(reply) == set()
        assert registry.header_members(reply).step == "answered", "the hub must not tell them apart"
    tomorrow = changed(REPLY, {"/found/at": "2026-04-03T00:00:00+00:00"})
    assert errors(tomorrow) == {("FIELD_RANGE", "/found/at")}


def test_the_page_says_that_not_found_proves_nothing() -> None:
    assert "NOT_FOUND proves nothing" in registry.json_schema(REPLY)["description"]
