"""The profiles we ship: every row of the survey with its words and tags, the layers, and what a file may not say."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from schemas.agreements import profile
from schemas.agreements.clocks import STEPS
from schemas.agreements.period import NO_EXTENSION, Extension, Period
from schemas.agreements.profile import FOLDER, Profile, for_tests, ids, lay, load, plain
from schemas.agreements.text import FORMS, Text, canonical, parse_text
from schemas.errors import Rejected

TODAY = date(2026, 11, 25)

ROWS = """\
| Albania (L 124, 17.5.2005 p.22; 2006) | 1 y | 14 days | ? | - | yes | 3 m | 14 d / 6 m | 3 m | 14 d V(summary); rest K |
| Armenia (2013; 1.1.2014) | 9 m or 1 y ? | 12 CD | ? | 2 WD | yes | 3 m | 3 WD / 120 d | 6 m ? | 120 d S (Dutch return service); rest K |
| Azerbaijan (L 128, 30.4.2014 p.17; 2014) | 6 m ? | 15 CD | ? | 2 WD | yes | 3 m | 5 WD / 150 d | ? | 5 WD S; rest K |
| Belarus (L 181, 9.6.2020 p.3; 1.7.2020, TCN after 2 y) | 180 d ? | ? | ? | 2 WD ? | yes ? | 90 d ? | ? | ? | dates V; rest K; application suspended by Belarus 2021 K |
| Bosnia-Herzegovina (L 334, 19.12.2007; 2008) | 1 y | 10 days | 6 d ? | 2 WD | yes | 3 m | 3 WD / 3 m | ? | 10 d V(summary); rest K |
| Cape Verde (2013; 2014) | 1 y | 8 CD | ? | 2 WD | yes | 1 m ? | 4 WD / 6 m ? | ? | "8 CD / 2 WD" V but agreement unnamed in extract |
| Georgia (L 52, 25.2.2011 p.47; 1.3.2011) | 6 m ? | 12 CD | ? | 2 WD | yes | 3 m | 3 WD / 90 d | ? | in force V; rest K |
| Moldova (L 334, 2007; 2008) | 1 y | 11 WD | ? | 2 WD | yes | 3 m | 3 WD / >=3 m | ? | TD, 3 m, interview V; rest K |
| Montenegro (L 334, 2007) | 1 y | 12 days | ? | 2 WD | yes | 3 m | at once / 3 m ? | ? | 12 d V(summary); rest K |
| North Macedonia (L 334, 2007 p.7) | 1 y | 14 CD | ? | 2 WD | yes | 3 m | ? / 30 d ? | ? | annexes V; rest K |
| Pakistan (L 287, 2010; 1.12.2010) | 1 y | 30 CD | to 60 | - | yes ? | 3 m | ? | 3 m ? | 3 m S; rest K |
| Russia (L 129, 17.5.2007 p.40; TCN 2010) | 180 CD | 25 CD | to 60 CD | 2 WD | yes | 90 CD | - / 30 CD | 3 m ? | sister Swiss-Russia text V (180/25/60/90 CD, silence = consent, error 1 m); EU text K |
| Serbia (L 334, 2007 p.45) | 1 y | 10 CD | +6 CD on reasoned request | 2 days | yes | 3 m | ? / 3 m | 3 m ? | V clause in Serbian, attribution likely |
| Sri Lanka (L 124, 2005 p.43) | 1 y | 15 days ? | +6 d ? | - | yes | 3 m | 14 CD normal, 30 CD max / 6 m; no acknowledgement in 30 CD = common TD accepted | ? | TD V; rest K |
| Turkey (L 134, 7.5.2014 p.3; 1.10.2014, TCN 1.10.2017) | 6 m; none if left RdS >5 y before | 25 CD | to 60 CD | 5 WD (apply within 3 WD of apprehension) | yes | 3 m | 3 WD / >=3 m, else EU TD | 3 m | TD, 3 WD, 3 m S; rest K |
| Ukraine (L 332, 18.12.2007 p.48; 2008, TCN 2010) | 1 y | 14 CD | to 30 CD | 2 WD; border area 30 km, seaports, international airports V | yes | 90 d | renew in 14 CD, else expired TD accepted / 6 m | ? | TD S; rest K |
| Hong Kong, Macao (2004) | 1 y | ? | ? | - | yes | 3 m ? | ? | ? | K; off-route, keep as `draft` |
| **Benelux-Kazakhstan (bilateral, 2015)** | 1 y (extendable while obstacles last) | 21 CD from receipt | none | simplified at airports | yes | 1 month (extendable) | 5 WD / 6 m; else RqS TD accepted | 3 m | all V |
"""  # noqa: E501 - a table as it stands
"""domain.md 4.3: agreement | submit | reply | extension | accelerated | silence | transfer | TD | error | source."""

NAMES = {
    "Albania": "ALB", "Armenia": "ARM", "Azerbaijan": "AZE", "Belarus": "BLR", "Bosnia-Herzegovina": "BIH",
    "Cape Verde": "CPV", "Georgia": "GEO", "Moldova": "MDA", "Montenegro": "MNE", "North Macedonia": "MKD",
    "Pakistan": "PAK", "Russia": "RUS", "Serbia": "SRB", "Sri Lanka": "LKA", "Turkey": "TUR", "Ukraine": "UKR",
}  # fmt: skip
COLUMNS = ("submit_limit", "reply_limit", "reply_extension", "reply_limit_fast", "silence", "transfer_limit")

READ = {
    "EU-BLR": {"tcn_in_force"},
    "EU-LKA": {"td_limit", "td_limit_max", "td_validity_min", "td_substitute"},
    "EU-MDA": {"td_limit", "td_validity_min", "transfer_limit", "interview_limit", "interview_result_limit"},
    "EU-MKD": {"expired_document"},
    "EU-PAK": {"expired_document"},
    "EU-UKR": {"fast_area"},
}
"""The only keys of an agreement of the Union whose text was read; of the five others every key was."""

TAGGED = {
    "V_SUMMARY": {("EU-ALB", "reply_limit"), ("EU-BIH", "reply_limit"), ("EU-MNE", "reply_limit")},
    "S": {
        ("EU-ARM", "td_validity_min"), ("EU-AZE", "td_limit"), ("EU-PAK", "transfer_limit"),
        *{("EU-TUR", key) for key in (
            "transfer_limit", "td_limit", "td_validity_min", "error_limit", "submit_limit_fast", "td_substitute")},
        *{("EU-UKR", key) for key in ("td_validity_min", "td_renew_limit", "td_substitute")},
    },
}  # fmt: skip

KAZAKHSTAN = json.loads(
    """{"id":"BENELUX-KAZ-2015","kind":"bilateral","parties":["BEL","NLD","LUX","KAZ"],"status":"verified",
 "source":"Agreement and Protocol, Brussels 2 March 2015","tcn_in_force":true,
 "submit_limit":{"tcn":"P1Y","own":null,"extendable":"while_obstacle"},
 "reply_limit":{"n":21,"basis":"CD","from":"receipt"},"reply_extension":null,
 "silence":"consent","transfer_limit":"P1M","td_limit":{"n":5,"basis":"WD"},"td_validity_min":"P6M",
 "td_substitute":"requesting_party_td","td_renew_limit":{"n":5,"basis":"WD"},
 "notice_lead":{"n":3,"basis":"WD"},"error_limit":"P3M","transit_lead":{"n":2,"basis":"CD"},
 "transit_reply_limit":"immediately","expired_document":"proof","language":"en","roll":"none"}"""
)

OVERLAYS: dict[str, dict[str, object]] = {
    "BENELUX-SRB-2013": {
        "interview_limit": Period(3, "WD"), "interview_result_limit": Period(3, "WD"),
        "td_renew_limit": Period(1, "WD"), "transit_lead": Period(7, "CD"),
        "transit_reply_limit": Period(5, "CD"), "cost_limit": Period(60, "CD"),
    },
    "BENELUX-MDA-2013": {
        "interview_limit": Period(3, "WD"), "interview_result_limit": Period(3, "WD"), "td_limit": Period(3, "WD"),
        "notice_lead": Period(3, "WD"), "transfer_limit": Period(3, "M"), "transfer_extension": Extension(None, None),
        "transit_lead": Period(6, "WD"), "transit_reply_limit": Period(4, "WD"),
    },
    "BENELUX-BIH-2013": {
        "biometrics": "as_a_rule", "notice_lead": Period(3, "CD"), "transit_lead": Period(7, "CD"),
        "transit_reply_limit": Period(5, "CD"), "receipt_proof": "delivery_report", "error_costs": "requesting",
    },
    "BENELUX-MNE-2012": {"transit_lead": Period(7, "CD"), "transit_reply_limit": Period(5, "CD")},
}  # fmt: skip


def _rows() -> list[tuple[str, list[str]]]:
    found = []
    for line in ROWS.strip().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        name = cells[0].split(" (")[0]
        if name.startswith("Hong Kong"):
            found += [("EU-HKG", cells), ("EU-MAC", cells)]
        elif name.startswith("**"):
            found.append(("BENELUX-KAZ-2015", cells))
        else:
            found.append((f"EU-{NAMES[name]}", cells))
    return found


@pytest.fixture
def raw() -> Any:
    """A text as its file has it, for spoiling."""
    return json.loads((FOLDER / "BENELUX-KAZ-2015.v1.json").read_text(encoding="utf-8"))


# -- the survey is carried, words and tags


def test_every_row_is_a_profile_and_the_overlays_are_listed_under_their_own_ids() -> None:
    assert set(ids()) == {name for name, _ in _rows()} | set(OVERLAYS)
    assert len(ids()) == 23
    assert list(ids()) == sorted(ids())


@pytest.mark.parametrize(("name", "cells"), _rows(), ids=lambda value: value if isinstance(value, str) else "")
def test_a_row_is_carried_cell_by_cell(name: str, cells: list[str]) -> None:
    (text,) = load(name).texts
    _, *middle, td, error, source = cells
    assert text.source_column == source
    if " L " in f" {cells[0]}" or "(L " in cells[0]:
        assert text.source.removeprefix("OJ ").replace(", p. ", " p.") in cells[0]
    for part in text.in_force_on.stated.split(";"):
        assert part.strip() in cells[0] or part in {"not stated", "enters into force at a date to be determined"}
    for key, cell in zip(COLUMNS, middle, strict=True):
        said = " ".join(one.stated for one in text.keys.values())
        for part in cell.split(";")[0].split(" (apply")[0].split(" (extendable)"):
            assert part.strip() in said, (key, part)
        stated = text.keys[key].stated
        assert cell.startswith(stated) or stated in cell, (key, stated)
    assert text.keys["error_limit"].stated == error
    for part in (one for half in td.replace(",", ";").split(";") for one in half.split(" / ")):
        assert any(part.strip() in one.stated for one in text.keys.values()) or part.strip() == td, part


@pytest.mark.parametrize("name", [name for name, _ in _rows()])
def test_a_question_mark_is_null_and_a_value_is_never_one(name: str) -> None:
    for key in load(name).texts[0].keys.values():
        assert (key.tag == "?") == (key.stated.endswith("?") or key.stated == "not stated"), key.name
        assert key.tag != "?" or key.value is None


@pytest.mark.parametrize("name", [name for name, _ in _rows() if name.startswith("EU-")])
def test_only_what_was_read_is_verified_and_nothing_of_a_draft_counts_as_it(name: str) -> None:
    found = load(name)
    keys = found.texts[0].keys
    assert found.status == "draft"
    assert {key.name for key in keys.values() if key.verified} == READ.get(name, set())
    assert not any(found.verified(key) for key in FORMS)
    assert not found.certain


def test_tags_are_those_of_the_source_column() -> None:
    for tag, expected in TAGGED.items():
        found = {(name, key.name) for name in ids() for key in load(name).texts[0].keys.values() if key.tag == tag}
        assert found == expected
    unattributed = {
        (name, key.name)
        for name in ids()
        for key in load(name).texts[0].keys.values()
        if key.tag == "V_UNATTRIBUTED" and not key.name.startswith("transit")
    }
    assert unattributed == {
        ("EU-CPV", "reply_limit"), ("EU-CPV", "reply_limit_fast"),
        ("EU-SRB", "reply_limit"), ("EU-SRB", "reply_limit_fast"), ("EU-SRB", "reply_extension"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("EU-ARM", "2014-01-01"), ("EU-BLR", "2020-07-01"), ("EU-GEO", "2011-03-01"), ("EU-PAK", "2010-12-01"),
        ("EU-TUR", "2014-10-01"), ("EU-ALB", None), ("EU-RUS", None), ("EU-SRB", None), ("BENELUX-KAZ-2015", None),
        ("BENELUX-SRB-2013", None),
    ],
)  # fmt: skip
def test_a_first_day_is_known_only_where_the_survey_says_the_day(name: str, first: str | None) -> None:
    assert load(name).texts[0].first_day == (None if first is None else date.fromisoformat(first))


def test_the_agreement_with_kazakhstan_is_that_of_the_domain_text() -> None:
    found = load("BENELUX-KAZ-2015")
    assert KAZAKHSTAN.items() <= found.as_json().items()
    assert set(found.as_json()) - set(KAZAKHSTAN) == {"reply_limit_fast", "transfer_extension"}
    assert all(key.verified for key in found.texts[0].keys.values())
    assert found.status == "verified"
    assert not found.certain  # the day it entered into force is not known


@pytest.mark.parametrize("name", OVERLAYS)
def test_an_overlay_has_its_own_keys_verified_and_the_rest_from_its_agreement(name: str) -> None:
    found = load(name)
    top, below = found.texts
    assert (top.status, below.status) == ("verified", "draft")
    assert below.id == f"EU-{name.split('-')[1]}"
    assert set(top.keys) == {*OVERLAYS[name], "language"}
    for key, expected in OVERLAYS[name].items():
        assert found.verified(key)
        if isinstance(expected, Extension):
            assert found.extension(key) == expected
        else:
            assert (found.period(key) if isinstance(expected, Period) else found.value(key)) == expected
    for key in below.keys.keys() - top.keys.keys():
        assert not found.verified(key)
        assert found.value(key) == load(below.id).value(key)
    assert found.parties == ("BEL", "NLD", "LUX", name.split("-")[1])
    assert not found.certain


def test_serbias_lead_is_preferred_and_no_other() -> None:
    assert [name for name in ids() if load(name).preferred("transit_lead")] == ["BENELUX-SRB-2013"]


def test_every_clock_but_our_own_is_a_key_a_text_may_have() -> None:
    assert set(STEPS) - {"ack_sla"} <= set(FORMS)


# -- what a profile answers


def test_a_profile_says_who_is_asked_and_who_is_bound() -> None:
    found = load("EU-MDA")
    assert found.requested(TODAY) == "MDA"
    assert load("BENELUX-KAZ-2015").requested(TODAY) == "KAZ"
    assert found.binds("AUT", TODAY)
    assert found.binds("MDA", TODAY)
    assert not found.binds("GBR", TODAY)
    assert not found.binds("UKR", TODAY)
    assert not load("BENELUX-KAZ-2015").binds("AUT", TODAY)


def test_with_two_parties_outside_the_union_nobody_is_asked_unless_said() -> None:
    text = replace(load("BENELUX-KAZ-2015").texts[0], parties=("KAZ", "GEO"))
    with pytest.raises(Rejected) as caught:
        Profile((text,)).requested(TODAY)
    assert (caught.value.code, caught.value.path) == ("NO_AGREEMENT", "/requested")


def test_who_is_outside_the_union_is_asked_of_the_day() -> None:
    """Croatia was, the United Kingdom is."""
    croatia = Profile((replace(load("BENELUX-KAZ-2015").texts[0], parties=("BEL", "HRV")),))
    assert croatia.requested(date(2013, 6, 30)) == "HRV"
    kingdom = Profile((replace(load("BENELUX-KAZ-2015").texts[0], parties=("BEL", "GBR")),))
    assert kingdom.requested(date(2020, 2, 1)) == "GBR"
    for profile_, day in ((croatia, date(2013, 7, 1)), (kingdom, date(2020, 1, 31))):
        with pytest.raises(Rejected, match="NO_AGREEMENT"):
            profile_.requested(day)


@pytest.mark.parametrize(
    ("key", "value", "ask", "at"),
    [
        ("reply_limit", {"n": 0, "basis": "CD"}, "period", "/keys/reply_limit/value/n"),
        ("reply_extension", "for ever", "extension", "/keys/reply_extension/value"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_by_its_key(key: str, value: Any, ask: str, at: str) -> None:
    text = load("BENELUX-KAZ-2015").texts[0]
    wrong = replace(text, keys={**text.keys, key: replace(text.keys["reply_limit"], value=value)})
    with pytest.raises(Rejected) as caught:
        getattr(Profile((wrong,)), ask)(key)
    assert caught.value.path == at


def test_what_is_unknown_is_told_from_what_is_none() -> None:
    assert load("BENELUX-KAZ-2015").extension("reply_extension") == NO_EXTENSION
    assert load("EU-MDA").extension("reply_extension") is None
    assert load("EU-MDA").extension("nothing") is None
    assert load("BENELUX-KAZ-2015").extension("submit_limit") == Extension(None, None)
    assert load("EU-RUS").extension("reply_extension") == Extension(None, Period(60, "CD"))
    assert load("EU-SRB").extension("reply_extension") == Extension(Period(6, "CD"), None)
    assert load("EU-BLR").period("reply_limit") is None
    assert load("EU-BLR").period("interview_limit") is None


def test_nationals_of_other_states_from_a_day_on() -> None:
    turkey = load("EU-TUR")
    assert not turkey.tcn_in_force(date(2017, 9, 30))
    assert turkey.tcn_in_force(date(2017, 10, 1))
    assert load("BENELUX-KAZ-2015").tcn_in_force(TODAY)
    assert not load("EU-RUS").tcn_in_force(TODAY)


def test_lists_come_back_as_lists() -> None:
    assert plain(load("EU-UKR").value("fast_area")) == {"border_km": 30, "places": ["seaport", "international_airport"]}


def test_a_profile_is_inactive_before_its_first_day_and_while_one_text_is_suspended() -> None:
    georgia = load("EU-GEO")
    assert not georgia.active_on(date(2011, 2, 28))
    assert georgia.active_on(date(2011, 3, 1))
    top, below = load("BENELUX-SRB-2013").texts
    found = Profile((top, replace(below, status="suspended")))
    assert found.status == "verified"
    assert found.suspended
    assert not found.active_on(TODAY)


# -- versions and layers


@pytest.mark.parametrize(
    ("name", "version"),
    [("EU-XXX", None), ("", None), ("../agreement", None), ("eu-mda", None), ("EU-MDA", 2), ("EU-MDA", 0)],
)
def test_an_unknown_profile_or_version_is_refused(name: str, version: int | None) -> None:
    with pytest.raises(Rejected) as caught:
        load(name, version)
    assert (caught.value.code, caught.value.path) == ("NO_AGREEMENT", "/agreement")


def test_a_case_that_pinned_a_version_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = json.loads((FOLDER / "EU-MDA.v1.json").read_text(encoding="utf-8"))
    second = deepcopy(first) | {"version": 2}
    second["keys"]["reply_limit"]["value"]["n"] = 12
    for version, members in ((1, first), (2, second)):
        (tmp_path / f"EU-MDA.v{version}.json").write_text(json.dumps(members), encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no profile", encoding="utf-8")
    (tmp_path / "TEST-X.v1.json").write_text("{}", encoding="utf-8")  # not where those lie
    monkeypatch.setattr(profile, "FOLDER", tmp_path)
    profile._versions.cache_clear()
    profile._load.cache_clear()
    try:
        assert ids() == ("EU-MDA",)
        assert load("EU-MDA").version == 2
        assert load("EU-MDA").period("reply_limit") == Period(12, "WD")
        assert load("EU-MDA", 1).period("reply_limit") == Period(11, "WD")
        with pytest.raises(Rejected, match="NO_AGREEMENT"):
            load("TEST-X")
        assert load("EU-MDA", 1).texts[0].digest != load("EU-MDA").texts[0].digest
    finally:
        profile._versions.cache_clear()
        profile._load.cache_clear()


def test_a_profile_made_for_tests_is_known_and_never_listed() -> None:
    found = load("TEST-PROFILE-AUT-MDA")
    assert found.certain
    assert found.texts[0].kind == "test"
    assert not any(for_tests(name) or load(name).texts[0].kind == "test" for name in ids())
    assert not any(load(name).certain for name in ids())  # silence is consent under none that is shipped


def test_a_text_lies_only_over_the_one_it_names() -> None:
    serbia, bosnia = load("BENELUX-SRB-2013").texts, load("BENELUX-BIH-2013").texts
    assert lay(serbia) == load("BENELUX-SRB-2013")
    for wrong in ((serbia[0], bosnia[1]), (serbia[0],), (serbia[1], serbia[1]), ()):
        with pytest.raises(Rejected) as caught:
            lay(wrong)
        assert (caught.value.code, caught.value.path) == ("NO_AGREEMENT", "/base")


def test_the_digest_is_of_the_members_and_not_of_the_file(raw: Any) -> None:
    turned = dict(reversed(raw.items()))
    assert parse_text(turned).digest == parse_text(raw).digest == load("BENELUX-KAZ-2015").texts[0].digest
    assert parse_text(raw | {"title": "Another"}).digest != parse_text(raw).digest
    assert canonical({"b": 1, "a": "ә"}) == '{"a":"ә","b":1}'.encode()


# -- what a text may not say


def _spoiled(raw: Any, path: str, value: Any) -> Text:
    members = raw
    *parents, last = path.strip("/").split("/")
    for name in parents:
        members = members[name]
    members[last] = value
    return parse_text(raw)


@pytest.mark.parametrize(
    ("path", "value", "code", "at"),
    [
        ("/id", "eu-mda", "FIELD_PATTERN", None),
        ("/id", 7, "FIELD_TYPE", None),
        ("/version", 0, "FIELD_RANGE", None),
        ("/version", True, "FIELD_TYPE", None),
        ("/version", "1", "FIELD_TYPE", None),
        ("/dated", "2026-02-30", "FIELD_PATTERN", None),
        ("/dated", "yesterday", "FIELD_PATTERN", None),
        ("/kind", "treaty", "CODE_UNKNOWN", None),
        ("/kind", "protocol", "FIELD_MISSING", "/base"),
        ("/kind", "test", "FIELD_RANGE", "/id"),
        ("/id", "TEST-KAZ", "FIELD_RANGE", None),
        ("/base", {"id": "EU-KAZ", "version": 1}, "FIELD_UNKNOWN", None),
        ("/parties", "KAZ", "FIELD_TYPE", None),
        ("/parties", ["KAZ"], "FIELD_LENGTH", None),
        ("/parties", ["KAZ", "KAZ"], "FIELD_RANGE", None),
        ("/parties", ["KAZ", "BE"], "FIELD_PATTERN", "/parties/1"),
        ("/status", "in_force", "CODE_UNKNOWN", None),
        ("/status", None, "FIELD_TYPE", None),
        ("/title", "", "FIELD_LENGTH", None),
        ("/source", "x" * 301, "FIELD_LENGTH", None),
        ("/surprise", 1, "FIELD_UNKNOWN", ""),
        ("/in_force_on/value", "2015", "FIELD_PATTERN", None),
        ("/keys", [], "FIELD_TYPE", None),
        ("/keys/surprise", {}, "FIELD_UNKNOWN", "/keys"),
        ("/keys/silence", "consent", "FIELD_TYPE", None),
        ("/keys/silence/value", "assent", "CODE_UNKNOWN", None),
        ("/keys/silence/tag", "X", "CODE_UNKNOWN", None),
        ("/keys/silence/tag", "K", "FIELD_RANGE", "/keys/silence/verified"),
        ("/keys/silence/verified", False, "FIELD_RANGE", None),
        ("/keys/silence/verified", "yes", "FIELD_TYPE", None),
        ("/keys/silence/stated", "", "FIELD_LENGTH", None),
        ("/keys/silence/note", 1, "FIELD_TYPE", None),
        ("/keys/silence/surprise", 1, "FIELD_UNKNOWN", "/keys/silence"),
        ("/keys/reply_limit/value/from", "sending", "CODE_UNKNOWN", None),
        ("/keys/reply_limit/value/n", 0, "FIELD_RANGE", None),
        ("/keys/reply_limit/value/n", 1201, "FIELD_RANGE", None),
        ("/keys/reply_limit/value/basis", "D", "CODE_UNKNOWN", None),
        ("/keys/reply_limit/value/to", 1, "FIELD_UNKNOWN", "/keys/reply_limit/value"),
        ("/keys/reply_limit/value", {"n": 1, "basis": "CD"}, "FIELD_MISSING", "/keys/reply_limit/value/from"),
        ("/keys/notice_lead/value", "P1M", "FIELD_TYPE", None),
        ("/keys/notice_lead/value/preferred", 1, "FIELD_TYPE", None),
        ("/keys/submit_limit/value/tcn", "1 y", "FIELD_PATTERN", None),
        ("/keys/submit_limit/value/own", "P0Y", "FIELD_RANGE", None),
        ("/keys/submit_limit/value/extendable", "always", "CODE_UNKNOWN", None),
        ("/keys/submit_limit/value/barred_after", None, "FIELD_TYPE", None),
        ("/keys/transfer_extension/value", "for ever", "CODE_UNKNOWN", None),
        ("/keys/transfer_extension/value", {"to": {"n": 1, "basis": "CD"}, "n": 1}, "FIELD_UNKNOWN", None),
        ("/keys/tcn_in_force/value", "2010", "FIELD_PATTERN", None),
        ("/keys/td_limit/value", "five", "FIELD_PATTERN", None),
        ("/keys/td_limit/value", 5, "FIELD_TYPE", None),
    ],
)  # fmt: skip
def test_what_is_not_known_or_not_of_its_form_is_refused(raw: Any, path: str, value: Any, code: str, at: Any) -> None:
    with pytest.raises(Rejected) as caught:
        _spoiled(raw, path, value)
    assert (caught.value.code, caught.value.path) == (code, path if at is None else at)


@pytest.mark.parametrize(
    ("key", "value", "path"),
    [
        ("fast_area", {"border_km": "30", "places": []}, "/border_km"),
        ("fast_area", {"border_km": True, "places": []}, "/border_km"),
        ("fast_area", {"border_km": 30, "places": "seaport"}, "/places"),
        ("fast_area", {"border_km": 30, "places": ["harbour"]}, "/places/0"),
        ("suspension", {"by": "Belarus", "since": "2021"}, "/by"),
        ("suspension", {"by": "BLR", "since": "2021-01"}, "/since"),
    ],
)
def test_rarer_keys_are_read_as_strictly(raw: Any, key: str, value: Any, path: str) -> None:
    with pytest.raises(Rejected) as caught:
        _spoiled(raw, f"/keys/{key}", {"value": value, "stated": "so", "tag": "V", "verified": True})
    assert caught.value.path == f"/keys/{key}/value{path}"


@pytest.mark.parametrize("name", ["id", "version", "dated", "kind", "parties", "status", "in_force_on", "keys"])
def test_a_missing_member_is_named(raw: Any, name: str) -> None:
    del raw[name]
    with pytest.raises(Rejected) as caught:
        parse_text(raw)
    assert (caught.value.code, caught.value.path) == ("FIELD_MISSING", f"/{name}")


def test_a_guess_beside_a_question_mark_is_refused(raw: Any) -> None:
    with pytest.raises(Rejected) as caught:
        _spoiled(raw, "/keys/error_limit", {"value": "P3M", "stated": "3 m ?", "tag": "?", "verified": False})
    assert caught.value.path == "/keys/error_limit/value"


@pytest.mark.parametrize("found", [None, [], "text", 7])
def test_a_text_is_an_object(found: object) -> None:
    with pytest.raises(Rejected, match="FIELD_TYPE"):
        parse_text(found)
