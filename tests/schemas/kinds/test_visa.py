"""Overstays: the stays, what follows from them, the visa, and the answer."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Finding

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]

NOTICE = "visa.overstay.notice"


# -- stays


@pytest.mark.parametrize(
    ("entry", "left", "accepted"),
    [
        ("2026-02-20", "2026-02-20", True),
        ("2026-02-20", "2026-02-19", False),
        ("2026-02-20T10:00:00+01:00", "2026-02-20T09:59:59+01:00", False),
        ("2026-02-20T00:30:00+03:00", "2026-02-19T23:30:00+01:00", True),
        ("2026-02-20T23:30:00+01:00", "2026-02-21T00:10:00+02:00", False),
    ],
)
def test_a_stay_does_not_end_before_it_begins(
    entry: str, left: str, accepted: bool, changed: Changed, errors: Errors
) -> None:
    found = errors(changed(NOTICE, {"/stays/0/entry/at": entry, "/stays/0/exit/at": left}))
    assert (("STAY_ORDER", "/stays/0/exit/at") in found) is not accepted


def test_an_open_stay_lasts_to_the_day_of_detection(changed: Changed, errors: Errors, removed: object) -> None:
    open_stay = {"/stays/1/exit": removed, "/status": "STILL_PRESENT", "/detected_at": "2026-03-20"}
    assert errors(changed(NOTICE, open_stay)) == set()
    later = {**open_stay, "/detected_at": "2026-03-21", "/computed/days": 6}
    assert errors(changed(NOTICE, later)) == set()
    before = errors(changed(NOTICE, {**open_stay, "/detected_at": "2026-03-01"}))
    assert ("STAY_ORDER", "/stays/1/entry/at") in before


def test_a_stay_has_an_end_at_least(changed: Changed, errors: Errors, removed: object) -> None:
    found = errors(changed(NOTICE, {"/stays/0/entry": removed, "/stays/0/exit": removed}))
    assert ("FIELD_MISSING", "/stays/0/entry") in found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/computed/days", 4),
        ("/computed/days", 6),
        ("/computed/first_overstay_day", "2026-03-15"),
        ("/computed/first_overstay_day", "2026-03-17"),
    ],
)
def test_the_overstay_follows_from_the_stays(path: str, value: object, changed: Changed, errors: Errors) -> None:
    assert errors(changed(NOTICE, {path: value})) == {("STAY_RECOMPUTE", path)}


def test_no_overstay_no_notice(changed: Changed, errors: Errors) -> None:
    found = errors(changed(NOTICE, {"/stays/1/entry/at": "2026-03-10", "/stays/1/exit/at": "2026-03-12"}))
    assert {code for code, _ in found} == {"STAY_RECOMPUTE"}


def test_without_stays_there_is_nothing_to_recompute(changed: Changed, errors: Errors, removed: object) -> None:
    for stays in (removed, []):
        assert errors(changed(NOTICE, {"/stays": stays, "/computed/days": 12})) == set()


def test_a_visa_free_stay_is_counted_by_90_in_180(changed: Changed, errors: Errors, removed: object) -> None:
    stays = [
        {
            "entry": {"at": "2025-12-01"},
            "exit": {"at": "2026-03-05"},
            "under": "visa_free",
            "source_system": "stamp",
        }
    ]
    changes = {"/visa": removed, "/stays": stays, "/computed/first_overstay_day": "2026-03-01", "/computed/days": 5}
    assert errors(changed(NOTICE, changes)) == set()
    assert errors(changed(NOTICE, {**changes, "/computed/days": 6})) == {("STAY_RECOMPUTE", "/computed/days")}


@pytest.mark.parametrize(
    ("point", "counts"),
    [("ATVIE", True), ("BGSOF", True), ("MDKIV", True), ("ZZ1", True), ("", True), ("CYLCA", False), ("IEDUB", False)],
)
def test_a_stay_elsewhere_in_the_union_is_not_counted(
    point: str, counts: bool, changed: Changed, errors: Errors, removed: object
) -> None:
    """One that began where the table knows of no territory is judged as it is told."""
    entry = {"at": "2025-12-01", **({"bcp": point} if point else {})}
    stays = [{"entry": entry, "exit": {"at": "2026-03-05"}, "under": "visa_free", "source_system": "stamp"}]
    changes = {"/visa": removed, "/stays": stays, "/computed/first_overstay_day": "2026-03-01", "/computed/days": 5}
    found = errors(changed(NOTICE, changes))
    assert (("STAY_RECOMPUTE", "/computed/days") not in found) is counts


def test_a_stay_without_entry_cannot_be_counted(
    changed: Changed, findings: Callable[..., list[Finding]], removed: object
) -> None:
    found = findings(changed(NOTICE, {"/stays/0/entry": removed, "/computed/days": 9}))
    assert found == [Finding("/stays/0/entry", "STAY_RECOMPUTE", "warning")]


@pytest.mark.parametrize("status", ["annulled", "revoked", "discontinued"])
def test_a_visa_that_ended_early_leaves_the_figures_in_doubt(
    status: str, changed: Changed, findings: Callable[..., list[Finding]]
) -> None:
    found = findings(changed(NOTICE, {"/visa/status": status, "/computed/days": 9}))
    assert found == [Finding("/computed/days", "STAY_RECOMPUTE", "warning")]


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/stays/0/under", "tourism"),
        ("/stays/0/entry/at", "yesterday"),
        ("/stays/0/exit", {}),
        ("/stays/1", "x"),
        ("/visa/entries", "3"),
        ("/visa/valid_from", "soon"),
        ("/visa/valid_until", "2026-03-30"),  # disputed by the sticker's own lines
        ("/visa", {}),
        ("/computed", {}),
        ("/detected_at", "now"),
    ],
)
def test_what_has_another_fault_is_not_recomputed(
    pointer: str, value: object, changed: Changed, errors: Errors, removed: object
) -> None:
    open_ended = {"/stays/1/exit": removed} if pointer == "/detected_at" else {}
    found = errors(changed(NOTICE, {pointer: value, **open_ended}))
    assert found
    assert "STAY_RECOMPUTE" not in {code for code, _ in found}


def test_stays_of_more_than_a_life_are_refused(changed: Changed, errors: Errors) -> None:
    found = errors(changed(NOTICE, {"/stays/0/entry/at": "1826-02-05"}))
    assert ("FIELD_RANGE", "/stays") in found


# -- the visa


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/visa/valid_until": "2026-01-31"}, ("FIELD_RANGE", "/visa/valid_until")),
        ({"/visa/type": "D"}, ("FIELD_UNKNOWN", "/visa/duration_days")),
        ({"/visa/ltv_ground": "25_1_A"}, ("FIELD_UNKNOWN", "/visa/ltv_ground")),
        ({"/visa/sticker_number": "AUT123457"}, ("VISA_MRZ_MISMATCH", "/visa/sticker_number")),
        ({"/visa/issuer": "DEU"}, ("VISA_MRZ_MISMATCH", "/visa/issuer")),
        ({"/visa/type": "A"}, ("VISA_MRZ_MISMATCH", "/visa/type")),
        ({"/visa/entries": "1"}, ("VISA_MRZ_MISMATCH", "/visa/entries")),
        ({"/visa/entries": "MULT"}, ("VISA_MRZ_MISMATCH", "/visa/entries")),
        ({"/visa/duration_days": 31}, ("VISA_MRZ_MISMATCH", "/visa/duration_days")),
        ({"/visa/valid_from": "2026-02-02"}, ("VISA_MRZ_MISMATCH", "/visa/valid_from")),
        ({"/visa/valid_until": "2026-03-30"}, ("VISA_MRZ_MISMATCH", "/visa/valid_until")),
        ({"/visa/ltv": True}, ("VISA_MRZ_MISMATCH", "/visa/ltv")),
    ],
)
def test_a_visa_and_its_lines_agree(
    changes: dict[str, object], found: tuple[str, str], changed: Changed, errors: Errors
) -> None:
    assert found in errors(changed(NOTICE, changes))


def test_lines_with_a_wrong_digit_are_named(changed: Changed, errors: Errors) -> None:
    lines = registry.example(NOTICE)["visa"]["mrz"]["lines"]
    wrong = [lines[0], lines[1][:9] + "9" + lines[1][10:]]
    found = errors(changed(NOTICE, {"/visa/mrz/lines": wrong}))
    assert ("MRZ_CD_NUMBER", "/visa/mrz/lines/1") in found


# -- the reply


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"/outcome": "NOTED"}, {("FIELD_UNKNOWN", "/exit_recorded")}),
        ({"/outcome": "EXEMPT"}, {("FIELD_UNKNOWN", "/exit_recorded"), ("FIELD_MISSING", "/exempt")}),
        ({"/exit_recorded/date": "2026-04-03"}, {("FIELD_RANGE", "/exit_recorded/date")}),
        ({"/exit_recorded/bcp": "QQVIE-AIR"}, {("CODE_UNKNOWN", "/exit_recorded/bcp")}),
    ],
)
def test_an_outcome_has_its_object_and_no_other(
    changes: dict[str, object], found: set[tuple[str, str]], changed: Changed, errors: Errors
) -> None:
    assert errors(changed("visa.overstay.reply", changes)) == found


def test_an_exemption_has_its_evidence(changed: Changed, errors: Errors, removed: object) -> None:
    piece = {"code": "TCN.PRIMA_FACIE.OFFICIAL_STATEMENT"}
    base = {"/outcome": "EXEMPT", "/exit_recorded": removed}
    for evidence in (piece, [piece], [piece, piece]):
        exempt = {"code": "FORCE_MAJEURE", "evidence": evidence}
        assert errors(changed("visa.overstay.reply", {**base, "/exempt": exempt})) == set()
    bad = {"code": "FORCE_MAJEURE", "evidence": [{"code": "HEARSAY"}]}
    assert errors(changed("visa.overstay.reply", {**base, "/exempt": bad})) == {
        ("CODE_UNKNOWN", "/exempt/evidence/0/code")
    }
    none = {"code": "FORCE_MAJEURE"}
    assert errors(changed("visa.overstay.reply", {**base, "/exempt": none})) == {("FIELD_MISSING", "/exempt/evidence")}


@pytest.mark.parametrize("outcome", ["NOTED", "PERSON_UNKNOWN", "DATA_WRONG"])
def test_outcomes_that_say_it_all(outcome: str, changed: Changed, errors: Errors, removed: object) -> None:
    reply = changed("visa.overstay.reply", {"/outcome": outcome, "/exit_recorded": removed})
    assert errors(reply) == set()
    assert registry.header_members(reply).step == "answered"
