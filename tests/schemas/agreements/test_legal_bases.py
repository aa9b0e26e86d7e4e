"""Texts of law as dated data."""

from datetime import date

import pytest

from schemas.agreements.legal_bases import legal_bases, parse_basis
from schemas.agreements.period import Extension, Period
from schemas.errors import Rejected

READ = {
    "32017R2226", "32008R0767", "32009R0810", "32019R1155", "32016R0399", "32018R1860", "32024R1358", "32020R0493",
    "32016R1953", "32007R0862", "32019R1240",
}  # fmt: skip
ROW = {"title": "A text", "read": "art. 1", "tag": "V"}


def test_only_what_was_read_is_verified() -> None:
    assert {celex for celex, basis in legal_bases().items() if basis.verified} == READ
    assert {"31971R1182", "52025PC0101", "32023R2667"} <= legal_bases().keys() - READ


def test_consultations_between_states_of_the_union_have_their_clocks() -> None:
    early, late = legal_bases()["32018R1860"].clocks
    assert (early.article, early.period, early.extension, early.silence) == (
        "art. 9", Period(10, "CD"), None, "no_objection",
    )  # fmt: skip
    assert (late.article, late.period, late.extension, late.silence) == (
        "art. 10-12", Period(14, "CD"), Extension(Period(12, "CD"), None), None,
    )  # fmt: skip


def test_a_text_applies_from_its_first_day_to_its_last() -> None:
    basis = parse_basis("39999R0001", ROW | {"valid_from": "2026-06-12", "valid_to": "2026-06-30"})
    assert [basis.applies_on(date(2026, 6, day)) for day in (11, 12, 30)] == [False, True, True]
    assert not basis.applies_on(date(2026, 7, 1))
    assert legal_bases()["32017R2226"].applies_on(date(2026, 7, 1))
    assert not legal_bases()["32024R1358"].applies_on(date(2026, 6, 11))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"valid_from": "2026-02-30"}, ValueError),
        ({"clocks": {"art. 1": {"n": 1}}}, KeyError),
        ({"clocks": {"art. 1": {"n": 0, "basis": "CD"}}}, Rejected),
        ({"clocks": {"art. 1": {"n": 1, "basis": "CD", "extension": "long"}}}, Rejected),
    ],
)
def test_a_row_that_says_nothing_is_refused(change: dict[str, object], error: type[Exception]) -> None:
    with pytest.raises(error):
        parse_basis("39999R0001", ROW | change)
    with pytest.raises(KeyError):
        parse_basis("39999R0001", {"title": "A text"})
