"""Code tables: what they hold, what held when, and what no code is taken for."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codes import states
from schemas.codes.lists import load
from schemas.codes.tables import FOLDER, read, rows, table

TODAY = date(2026, 11, 25)
LISTS = {
    "age_band": 5,
    "agreement_kind": 4,
    "application_item": 16,
    "assistance": 3,
    "bcp_kind": 4,
    "civil_mismatch_field": 13,
    "danger": 5,
    "data_use": 9,
    "decision_reason": 8,
    "document_type": 33,
    "evaluation_info": 4,
    "evaluation_source": 4,
    "evidence": 31,
    "fraud_type": 23,
    "handling": 4,
    "mismatch_field": 19,
    "misuse_type": 13,
    "need": 12,
    "no_biometrics": 5,
    "purpose": 11,
    "record_status": 7,
    "refusal_reason": 10,
    "return_type": 3,
    "role": 11,
    "route": 14,
    "sex": 4,
    "stat_dimension": 10,
    "stat_indicator": 8,
    "stay_exemption": 10,
    "technique": 26,
    "transit_ground": 5,
    "visa_ground": 14,
    "visa_status": 7,
}
TEXTS = {
    "EU": 27,
    "SCHENGEN": 29,
    "OWN_90_180": 1,
    "DUBLIN_EURODAC": 31,
    "EURODAC": 31,
    "EES": 29,
    "VIS": 29,
    "SIS": 30,
}


# -- tables


def test_every_file_is_a_list_or_a_table_of_states() -> None:
    assert {file.stem for file in FOLDER.iterdir()} == {*LISTS, "iso", "icao", "retired", "bound"}


@pytest.mark.parametrize("name", [*LISTS, "iso", "icao", "retired"])
def test_a_table_says_where_it_comes_from(name: str) -> None:
    found = table(name)
    assert found.title
    assert found.source
    assert isinstance(found.verified, bool)
    assert found.rows
    for row in found.rows.values():
        assert row.valid_from is None or row.valid_to is None or row.valid_from <= row.valid_to


def test_tables_have_no_code_twice() -> None:
    for file in FOLDER.iterdir():
        json.loads(file.read_text(encoding="utf-8"), object_pairs_hook=_each_once)
    codes = [code for name in ("iso", "icao", "retired") for code in table(name).rows]
    assert len(codes) == len(set(codes))


def _each_once(members: list[tuple[str, object]]) -> dict[str, object]:
    assert len({name for name, _ in members}) == len(members)
    return dict(members)


@pytest.mark.parametrize("name", ["", "iso.json", "../lists", "nothing"])
def test_a_list_that_is_not_there(name: str) -> None:
    with pytest.raises(FileNotFoundError):
        load(name)


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", ""])
def test_a_row_with_a_day_that_does_not_exist_is_refused(day: str) -> None:
    with pytest.raises(ValueError, match=r"isoformat|day"):
        rows({"A": {"valid_from": day}})


@pytest.mark.parametrize(
    ("day", "held"),
    [
        (date(1999, 12, 31), False),
        (date(2000, 1, 1), True),
        (date(2001, 1, 1), True),
        (date(2001, 1, 2), False),
        (None, False),
    ],
)
def test_both_days_are_included(day: date | None, held: bool) -> None:
    row = rows({"A": {"valid_from": "2000-01-01", "valid_to": "2001-01-01"}})["A"]
    assert row.held_on(day) is held


# -- lists


@pytest.mark.parametrize(("name", "size"), sorted(LISTS.items()))
def test_the_size_of_each_list(name: str, size: int) -> None:
    assert len(load(name)) == size


@pytest.mark.parametrize(("name", "code"), [("fraud_type", "FORGED"), ("fraud_type", "impostor"), ("evidence", "NAT")])
def test_what_is_no_code(name: str, code: str) -> None:
    assert code not in load(name)


@pytest.mark.parametrize("name", sorted(LISTS))
def test_every_code_has_a_meaning(name: str) -> None:
    assert all(row.says["meaning"] for row in table(name).rows.values())


# -- states


def test_iso_has_249_entries_of_three_and_two_letters() -> None:
    iso = table("iso").rows
    assert len(iso) == 249
    assert len({row.says["alpha2"] for row in iso.values()}) == 249
    assert all(len(code) == 3 and code.isalpha() and code.isupper() for code in iso)
    assert all(states.is_state(code) and states.is_issuer(code) and states.is_nationality(code) for code in iso)


@pytest.mark.parametrize("code", ["", "A", "AU", "aut", "AUT ", "AUTT", "ÖST", "ZZZ", "QQQ", "D", "EUE", "XXA", "GBD"])
def test_what_is_no_state(code: str) -> None:
    assert not states.is_state(code)


@pytest.mark.parametrize(
    ("code", "state", "issuer", "nationality"),
    [
        ("AUT", True, True, True),
        ("RKS", True, True, True),
        ("UTO", True, True, True),
        ("D", False, True, True),
        ("EUE", False, True, True),
        ("UNO", False, True, True),
        ("XOM", False, True, True),
        ("XPO", False, True, True),
        ("GBN", False, True, True),
        ("NTZ", False, True, True),
        ("XXA", False, False, True),
        ("XXB", False, False, True),
        ("XXC", False, False, True),
        ("XXX", False, False, True),
        ("SUN", False, True, False),
        ("YUG", False, True, False),
        ("XYZ", False, False, False),
    ],
)
def test_what_a_code_may_stand_for(code: str, state: bool, issuer: bool, nationality: bool) -> None:
    assert (states.is_state(code), states.is_issuer(code), states.is_nationality(code)) == (state, issuer, nationality)


@pytest.mark.parametrize(
    ("code", "last"),
    [
        ("SUN", date(1991, 12, 26)),
        ("YUG", date(2003, 2, 3)),
        ("SCG", date(2006, 6, 4)),
        ("CSK", date(1992, 12, 31)),
        ("DDR", date(1990, 10, 2)),
        ("ANT", date(2010, 10, 9)),
    ],
)
def test_states_of_their_time(code: str, last: date) -> None:
    for asked in (states.is_state, states.is_issuer, states.is_nationality):
        assert asked(code, last)
        assert not asked(code, last + timedelta(days=1))
        assert not asked(code, date(1850, 1, 1))


@pytest.mark.parametrize(
    ("code", "first"), [("SSD", date(2011, 7, 9)), ("MNE", date(2006, 6, 3)), ("CZE", date(1993, 1, 1))]
)
def test_states_that_are_young(code: str, first: date) -> None:
    assert states.is_state(code, first)
    assert not states.is_state(code, first - timedelta(days=1))
    assert states.is_state(code)


@pytest.mark.parametrize(
    ("code", "letters"), [("AUT", "AT"), ("GRC", "GR"), ("RKS", "XK"), ("UTO", "UT"), ("GBR", "GB")]
)
def test_two_letters(code: str, letters: str) -> None:
    assert states.alpha2(code) == letters
    assert states.is_alpha2(letters)


@pytest.mark.parametrize("letters", ["", "A", "at", "UK", "EL", "EU", "SU", "YU", "QQ", "AUT"])
def test_what_is_no_pair_of_letters(letters: str) -> None:
    assert not states.is_alpha2(letters)


@pytest.mark.parametrize("code", ["SUN", "D", "XXA", "EUE", "ZZZ", ""])
def test_codes_without_two_letters(code: str) -> None:
    assert states.alpha2(code) is None


def test_two_letters_name_a_state_of_today() -> None:
    assert (states.from_alpha2("AT"), states.from_alpha2("XK")) == ("AUT", "RKS")
    for letters in ("", "A", "at", "SU", "ZZ", "AUT"):
        assert states.from_alpha2(letters) is None


def test_germany_is_another_code_inside_a_zone() -> None:
    assert states.from_zone("D") == "DEU"
    assert states.in_zone("DEU") == "D"
    for code in ("AUT", "XXA", "ZZZ", ""):
        assert states.from_zone(code) == states.in_zone(code) == code


def test_what_names_kosovo_has_a_footnote() -> None:
    assert "UNSCR 1244/1999" in (states.footnote("RKS") or "")
    assert states.footnote("UNK") == states.footnote("RKS")
    assert [code for code in (*table("iso").rows, "D", "XXA", "ZZZ") if states.footnote(code)] == []


# -- who is bound


@pytest.mark.parametrize(("text", "size"), sorted(TEXTS.items()))
def test_who_is_bound_today(text: str, size: int) -> None:
    found = states.bound(text, TODAY)
    assert len(found) == size
    assert all(states.is_state(state) for state in found)
    assert all(states.bound_by(text, state, TODAY) for state in found)


def test_every_text_is_known_and_sourced() -> None:
    texts = read("bound")["texts"]
    assert set(texts) == set(TEXTS)
    assert all(text["title"] and text["source"] for text in texts.values())


@pytest.mark.parametrize("text", sorted(TEXTS))
@pytest.mark.parametrize("state", ["MDA", "UKR", "GEO", "SRB", "TUR", "GBR", "RKS", "UTO", "D", "ZZZ", "", "deu"])
def test_who_is_not_bound(text: str, state: str) -> None:
    assert not states.bound_by(text, state, TODAY)


@pytest.mark.parametrize(
    ("state", "bound"),
    [
        ("CHE", {"SCHENGEN", "DUBLIN_EURODAC", "EURODAC", "EES", "VIS", "SIS"}),
        ("NOR", {"SCHENGEN", "DUBLIN_EURODAC", "EURODAC", "EES", "VIS", "SIS"}),
        ("IRL", {"EU", "DUBLIN_EURODAC", "EURODAC"}),
        ("CYP", {"EU", "DUBLIN_EURODAC", "EURODAC", "SIS", "OWN_90_180"}),
        ("AUT", set(TEXTS) - {"OWN_90_180"}),
        ("DNK", set(TEXTS) - {"OWN_90_180"}),
    ],
)
def test_states_that_are_bound_by_some(state: str, bound: set[str]) -> None:
    assert {text for text in TEXTS if states.bound_by(text, state, TODAY)} == bound


@pytest.mark.parametrize(
    ("text", "state", "first"),
    [
        ("SCHENGEN", "HRV", date(2023, 1, 1)),
        ("SCHENGEN", "BGR", date(2024, 3, 31)),
        ("SCHENGEN", "ROU", date(2024, 3, 31)),
        ("SIS", "CYP", date(2023, 7, 25)),
        ("EES", "AUT", date(2025, 10, 12)),
        ("EU", "HRV", date(2013, 7, 1)),
    ],
)
def test_bound_from_a_day(text: str, state: str, first: date) -> None:
    assert states.bound_by(text, state, first)
    assert not states.bound_by(text, state, first - timedelta(days=1))


def test_the_united_kingdom_left() -> None:
    assert states.bound_by("EU", "GBR", date(2020, 1, 31))
    assert not states.bound_by("EU", "GBR", date(2020, 2, 1))


@pytest.mark.parametrize("text", ["", "eu", "GDPR"])
def test_a_text_that_is_not_known_is_an_error_and_no_answer(text: str) -> None:
    with pytest.raises(KeyError):
        states.bound_by(text, "AUT", TODAY)


@settings(deadline=None)
@given(text=st.sampled_from(sorted(TEXTS)), day=st.dates(date(1950, 1, 1), date(2100, 1, 1)))
def test_the_set_and_the_question_agree(text: str, day: date) -> None:
    found = states.bound(text, day)
    assert all(states.bound_by(text, state, day) is (state in found) for state in table("iso").rows)
