"""Questions to civil registries, and their answers."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]

REQUEST, REPLY = "civil.verify.request", "civil.verify.reply"


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/act_date": "2019-06-04"}, ("FIELD_RANGE", "/extract_date")),
        ({"/extract_date": "2026-04-03"}, ("FIELD_RANGE", "/extract_date")),
        ({"/act_date": "1900-01-01"}, ("DATE_PLACEHOLDER", "/act_date")),
        ({"/subject_as_printed/birth_date/value": "2027"}, ("FIELD_RANGE", "/subject_as_printed/birth_date/value")),
        ({"/subject_as_printed/parts/0/script": "Cyrl"}, ("NAME_SCRIPT", "/subject_as_printed/parts/0/value")),
        ({"/questions/0": "PHOTO_MATCH"}, ("CODE_UNKNOWN", "/questions/0")),
        ({"/subject_as_printed/sex": "F"}, ("FIELD_UNKNOWN", "/subject_as_printed/sex")),
        ({"/person": {}}, ("FIELD_UNKNOWN", "/person")),
        ({"/purpose_code": "VISAVER"}, ("SG7", "/purpose_code")),
    ],
)
def test_the_question(changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors) -> None:
    assert errors(changed(REQUEST, changes)) == {found}


def test_an_act_far_in_the_future_has_both_faults(changed: Changed, errors: Errors) -> None:
    found = errors(changed(REQUEST, {"/act_date": "2026-05-01", "/extract_date": "2026-05-02"}))
    assert found == {("FIELD_RANGE", "/act_date"), ("FIELD_RANGE", "/extract_date")}


def test_one_answer_a_question(changed: Changed, errors: Errors, removed: object) -> None:
    parent = registry.example(REQUEST)
    assert errors(changed(REPLY), parent=parent) == set()
    assert errors(changed(REPLY, {"/answers/ISSUED": removed}), parent=parent) == {("FIELD_MISSING", "/answers/ISSUED")}
    assert errors(changed(REPLY, {"/answers/STATUS": "YES"}), parent=parent) == {("FIELD_UNKNOWN", "/answers/STATUS")}
    assert errors(changed(REPLY, {"/answers/ISSUED": removed})) == set(), "without the question nothing is missed"
    twice = {**parent, "questions": ["ISSUED", "ISSUED", "DATA_MATCH"]}
    assert errors(changed(REPLY), parent=twice) == set()


@pytest.mark.parametrize("name", ["mismatch_fields", "ciec_fields"])
def test_what_disagrees_is_said_where_something_does(
    name: str, changed: Changed, errors: Errors, removed: object
) -> None:
    other = "ciec_fields" if name == "mismatch_fields" else "mismatch_fields"
    agreeing = {"/answers/DATA_MATCH": "YES", f"/{other}": removed}
    assert errors(changed(REPLY, agreeing)) == {("SG8", f"/{name}")}


def test_boxes_are_numbered_on_ciec_forms_alone(changed: Changed, errors: Errors) -> None:
    for form, found in (
        ("ciec16", set()),
        ("ciec34", set()),
        ("national", {("FIELD_UNKNOWN", "/ciec_fields")}),
        ("eu_2016_1191", {("FIELD_UNKNOWN", "/ciec_fields")}),
    ):
        assert errors(changed(REPLY), parent=changed(REQUEST, {"/form": form})) == found
    for box in ("A", "1-", "123", "1-2-3-4-5", "the mother's name"):
        assert errors(changed(REPLY, {"/ciec_fields/0": box})) == {("FIELD_PATTERN", "/ciec_fields/0")}


def test_no_right_value_is_disclosed(changed: Changed, errors: Errors) -> None:
    for name in ("correct_value", "subject", "act_date"):
        assert errors(changed(REPLY, {f"/{name}": "1991-03-12"})) == {("FIELD_UNKNOWN", f"/{name}")}
    assert errors(changed(REPLY, {"/mismatch_fields/0": "1991-03-12"})) == {("CODE_UNKNOWN", "/mismatch_fields/0")}


@pytest.mark.parametrize(
    ("answers", "step"),
    [
        ({"ISSUED": "YES", "DATA_MATCH": "NO"}, "answered"),
        ({"ISSUED": "CANNOT_SAY", "DATA_MATCH": "NO"}, "answered"),
        ({"ISSUED": "CANNOT_SAY", "DATA_MATCH": "REFUSED"}, "cannot_say"),
    ],
)
def test_the_step(answers: dict[str, str], step: str, changed: Changed) -> None:
    assert registry.header_members(changed(REPLY, {"/answers": answers})).step == step
