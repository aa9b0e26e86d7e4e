"""Statistics: rows that are submitted, and what is released of them."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry
from schemas.codes.tables import table
from schemas.kinds import stat_v1

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]

ROW, RELEASE = "stat.submission", "stat.release"


def test_the_form_has_the_dimensions_of_the_list_and_no_other() -> None:
    listed = table("stat_dimension").rows
    assert tuple(stat_v1.Dimensions.model_fields) == tuple(listed)
    properties = registry.json_schema(ROW)["properties"]
    for name, row in listed.items():
        values = table(row.says["codes"]).rows
        shown = properties[name].get("enum")
        assert shown is None or set(shown) == set(values)
        assert row.says.get("indicator", "FALSE_DOC") in table("stat_indicator").rows


def cells(*shown: str, across: str = "bcp_kind") -> list[dict[str, object]]:
    values = {"bcp_kind": ("air", "land", "sea", "rail"), "sex": ("M", "F", "X", "U")}[across]
    return [{"route": "CAUCASUS", across: value, "shown": text} for value, text in zip(values, shown, strict=False)]


@pytest.mark.parametrize(
    ("quarter", "accepted"),
    [("2026-Q1", True), ("2025-Q4", True), ("2026-Q2", False), ("2026-Q4", False), ("2030-Q1", False)],
)
def test_a_quarter_is_over(quarter: str, accepted: bool, changed: Changed, errors: Errors) -> None:
    for kind in (ROW, RELEASE):
        found = errors(changed(kind, {"/quarter": quarter}))
        assert found == (set() if accepted else {("FIELD_RANGE", "/quarter")})


@pytest.mark.parametrize("quarter", ["2026-Q0", "2026-Q5", "2026Q1", "2026-q1", "26-Q1", "2026-Q1 ", "٢٠٢٦-Q1"])
def test_what_is_no_quarter(quarter: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(ROW, {"/quarter": quarter})) == {("FIELD_PATTERN", "/quarter")}


@pytest.mark.parametrize(
    ("indicator", "dimension", "value", "accepted"),
    [
        ("FALSE_DOC", "doc_type", "passport.ordinary", True),
        ("ILLEGAL_STAY", "doc_type", "passport.ordinary", False),
        ("ILLEGAL_STAY", "fraud_type", "IMPOSTOR", False),
        ("EFFECTIVE_RETURN", "return_type", "ENFORCED", True),
        ("EFFECTIVE_RETURN", "assistance", "NONE", True),
        ("EFFECTIVE_RETURN", "agreement_kind", "EU_AGREEMENT", True),
        ("RETURN_DECISION", "return_type", "ENFORCED", False),
        ("FALSE_DOC", "agreement_kind", "NATIONAL", False),
    ],
)
def test_a_dimension_belongs_to_its_indicator(  # noqa: PLR0917 - a table of cases
    indicator: str, dimension: str, value: str, accepted: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    bare = {"/doc_type": removed, "/fraud_type": removed, "/indicator": indicator, f"/{dimension}": value}
    assert errors(changed(ROW, bare)) == (set() if accepted else {("FIELD_UNKNOWN", f"/{dimension}")})


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/count": -1}, ("FIELD_RANGE", "/count")),
        ({"/count": 7.0}, ("FIELD_TYPE", "/count")),
        ({"/count": "7"}, ("FIELD_TYPE", "/count")),
        ({"/religion": "x"}, ("FIELD_UNKNOWN", "/religion")),
        ({"/person": {}}, ("FIELD_UNKNOWN", "/person")),
        ({"/age_band": "18-35"}, ("CODE_UNKNOWN", "/age_band")),
        ({"/purpose_code": "LE"}, ("SG7", "/purpose_code")),
    ],
)
def test_a_row(changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors) -> None:
    assert errors(changed(ROW, changes)) == {found}


def test_asylum_is_not_counted(changed: Changed, errors: Errors) -> None:
    for code in ("ASYLUM", "5", "ASYLUM_APPLICATION"):
        assert ("CODE_UNKNOWN", "/indicator") in errors(changed(ROW, {"/indicator": code}))


def test_nothing_is_counted_too(changed: Changed, errors: Errors) -> None:
    assert errors(changed(ROW, {"/count": 0})) == set()


def test_refugees_are_not_counted_for_third_countries(changed: Changed, errors: Errors) -> None:
    row = changed(ROW, {"/citizenship": "XXB"})
    assert errors(row, recipient_states=("MDA", "DEU")) == {("SG1", "/citizenship")}
    assert errors(row, recipient_states=("DEU",)) == set()


# -- stat.release


@pytest.mark.parametrize(
    ("shown", "accepted"),
    [("0", True), ("5", True), ("45", True), ("<5", True), ("7", False), ("3", False), ("44", False)],
)
def test_what_is_shown_is_rounded(
    shown: str, accepted: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    one = {"/cells": cells(shown), "/total": removed}
    assert errors(changed(RELEASE, one)) == (set() if accepted else {("FIELD_RANGE", "/cells/0/shown")})
    total = errors(changed(RELEASE, {"/total": shown}))
    assert total == (set() if accepted else {("FIELD_RANGE", "/total")})


@pytest.mark.parametrize("shown", ["<4", "5.0", "05", "-5", "", "hidden", "< 5"])
def test_what_cannot_be_shown(shown: str, changed: Changed, errors: Errors) -> None:
    assert ("FIELD_PATTERN", "/cells/0/shown") in errors(changed(RELEASE, {"/cells/0/shown": shown}))


@pytest.mark.parametrize(
    ("line", "alone"),
    [
        (["45", "<5", "HIDDEN"], None),
        (["<5", "<5"], None),
        (["45", "<5", "20"], 1),
        (["45", "HIDDEN", "20"], 1),
        (["<5", "45"], 0),
        (["<5"], None),
        (["45", "20"], None),
        (["HIDDEN", "HIDDEN", "0"], None),
    ],
)
def test_no_hidden_cell_is_alone_in_its_line(
    line: list[str], alone: int | None, changed: Changed, errors: Errors
) -> None:
    found = errors(changed(RELEASE, {"/cells": cells(*line)}))
    assert found == (set() if alone is None else {("FIELD_RANGE", f"/cells/{alone}/shown")})


def test_lines_run_along_every_dimension(changed: Changed, errors: Errors) -> None:
    table = [
        {"sex": sex, "bcp_kind": kind, "shown": shown}
        for sex, kind, shown in [("F", "air", "<5"), ("F", "land", "HIDDEN"), ("M", "air", "20"), ("M", "land", "25")]
    ]
    found = errors(changed(RELEASE, {"/cells": table}))
    assert found == {("FIELD_RANGE", "/cells/0/shown"), ("FIELD_RANGE", "/cells/1/shown")}, "each is alone by sex"
    for cell in table:
        cell["shown"] = "HIDDEN"
    assert errors(changed(RELEASE, {"/cells": table})) == set()


def test_two_partners_at_least(changed: Changed, errors: Errors) -> None:
    assert errors(changed(RELEASE, {"/partners": 1})) == {("FIELD_RANGE", "/partners")}


def test_no_cube_of_nationality_crossing_point_and_age(changed: Changed, errors: Errors) -> None:
    cell = {"citizenship": "UTO", "bcp_kind": "air", "age_band": "<14", "shown": "45"}
    assert errors(changed(RELEASE, {"/cells": [cell]})) == {("FIELD_UNKNOWN", "/cells/0/citizenship")}
    for name in ("citizenship", "bcp_kind", "age_band"):
        two = {key: value for key, value in cell.items() if key != name}
        assert errors(changed(RELEASE, {"/cells": [two]})) == set()


def test_a_cells_dimensions_belong_to_the_indicator(changed: Changed, errors: Errors) -> None:
    found = errors(changed(RELEASE, {"/cells/0/return_type": "ENFORCED"}))
    assert ("FIELD_UNKNOWN", "/cells/0/return_type") in found
