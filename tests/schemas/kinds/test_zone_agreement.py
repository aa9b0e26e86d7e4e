"""Printed fields and machine-readable zone: where they disagree, who is told, and what is no disagreement."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas import registry
from schemas.errors import Finding
from schemas.mrz import check_digit

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]
Findings = Callable[..., list[Finding]]

REQUEST, NOTICE = "doc.verify.request", "visa.overstay.notice"
LINES = ["P<UTOTESTOVYI<<IVAN<ALEKSANDR<<<<<<<<<<<<<<<", "UT12345675UTO8402297M3101159<<<<<<<<<<<<<<<2"]


def parts(surname: str, *given: str, script: str = "Latn", as_on: str = "viz") -> list[dict[str, str]]:
    return [
        {"kind": kind, "value": value, "script": script, "as_on": as_on}
        for kind, value in (("surname", surname), *(("given", name) for name in given))
    ]


def zone(name: str = "TESTOVYI<<IVAN<ALEKSANDR", expiry: str = "310115", birth: str = "840229") -> list[str]:
    """A TD3 zone with these fields and the right digits."""
    number, born, until = "UT1234567", birth + check_digit(birth), expiry + check_digit(expiry)
    number += check_digit(number)
    rest = "<" * 15
    composite = check_digit(number + born + until + rest)
    return [f"P<UTO{name}".ljust(44, "<"), f"{number}UTO{born}M{until}{rest}{composite}"]


def mismatches(found: set[tuple[str, str]]) -> set[str]:
    return {path for code, path in found if code == "VIZ_MRZ_MISMATCH"}


def test_the_zone_here_is_the_known_one() -> None:
    assert zone() == LINES == registry.example(REQUEST)["document"]["mrz"]["lines"]


# -- a document and its zone


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/document/number", "UT1234568"),
        ("/document/number", "UT123456"),
        ("/document/number", "UTI234567"),
        ("/document/issuer", "MDA"),
        ("/document/issuer", "DEU"),
        ("/document/expires_on", "2031-01-16"),
        ("/document/expires_on", "2032-01-15"),
    ],
)
def test_a_field_that_contradicts_the_zone(path: str, value: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(REQUEST, {path: value})) == {("VIZ_MRZ_MISMATCH", path)}
    explained = {path: value, "/document/mrz_mismatch_reason": "as printed"}
    assert errors(changed(REQUEST, explained)) == set()


@pytest.mark.parametrize("number", ["ut 123-4567", "UT1234567", "UT12345678"])
def test_a_number_in_another_dress_or_cut_to_nine_signs_agrees(number: str, changed: Changed, errors: Errors) -> None:
    assert errors(changed(REQUEST, {"/document/number": number})) == set()


def test_centuries_do_not_disagree(changed: Changed, errors: Errors) -> None:
    lines = zone(expiry="120415")
    assert errors(changed(REQUEST, {"/document/mrz/lines": lines, "/document/expires_on": "2112-04-15"})) == set()


def test_a_field_that_the_zone_has_wrong_is_no_judge(changed: Changed, errors: Errors) -> None:
    wrong = [LINES[0], LINES[1][:9] + "6" + LINES[1][10:]]
    found = errors(changed(REQUEST, {"/document/mrz/lines": wrong, "/document/number": "XX7654321"}))
    assert found == {("MRZ_CD_NUMBER", "/document/mrz/lines/1"), ("MRZ_CD_COMPOSITE", "/document/mrz/lines/1")}


def test_with_a_reason_wrong_digits_are_what_the_message_is_about(changed: Changed, findings: Findings) -> None:
    wrong = [LINES[0], LINES[1][:9] + "6" + LINES[1][10:]]
    changes = {"/document/mrz/lines": wrong, "/document/mrz_mismatch_reason": "printed so"}
    found = findings(changed(REQUEST, changes))
    assert {(entry.code, entry.severity) for entry in found} == {
        ("MRZ_CD_NUMBER", "warning"),
        ("MRZ_CD_COMPOSITE", "warning"),
    }


@pytest.mark.parametrize("lines", [[LINES[0], LINES[1][:-1]], [LINES[0].lower(), LINES[1]], ["x", "y", "z"]])
def test_a_reason_does_not_excuse_lines_that_are_none(lines: list[str], changed: Changed, errors: Errors) -> None:
    changes = {"/document/mrz/lines": lines, "/document/mrz_mismatch_reason": "printed so"}
    assert {code for code, _ in errors(changed(REQUEST, changes))} <= {"MRZ_LENGTH", "MRZ_CHARSET"}
    assert errors(changed(REQUEST, changes))


# -- the holder as printed


@pytest.mark.parametrize(
    ("printed", "agrees"),
    [
        (parts("Testovyi", "Ivan", "Aleksandr"), True),
        (parts("TESTOVYI", "IVAN ALEKSANDR"), True),
        (parts("Testovyi", "Ivan", "Aleksandr", "Petrovych"), True),
        (parts("ТЕСТОВИЙ", "Іван", script="Cyrl"), True),
        (parts("Teßtovyi", "Ivan") + parts("TESTOVYI", "IVAN ALEKSANDR", as_on="mrz"), True),
        (parts("Testovyy", "Ivan", "Aleksandr"), False),
        (parts("Testovyi", "Aleksandr", "Ivan"), False),
        (parts("Testovyi", "Ivan"), False),
        (parts("Ivan", "Testovyi"), False),
        (parts("TESTOVYI", "PETRO", as_on="mrz") + parts("Testovyi", "Ivan", "Aleksandr"), False),
    ],
)
def test_the_printed_name(printed: list[dict[str, str]], agrees: bool, changed: Changed, errors: Errors) -> None:
    found = errors(changed(REQUEST, {"/holder_as_printed/parts": printed}))
    assert mismatches(found) == (set() if agrees else {"/holder_as_printed/parts"})


def test_a_cut_name_is_no_disagreement(changed: Changed, errors: Errors) -> None:
    lines = zone(name="TESTOVYI<<IVAN<ALEKSANDR<MAKSYMILIAN<VO")
    assert len(lines[0]) == 44
    printed = parts("Testovyi", "Ivan", "Aleksandr", "Maksymilian", "Volodymyr")
    changes = {"/document/mrz/lines": lines, "/holder_as_printed/parts": printed}
    assert errors(changed(REQUEST, changes)) == set()
    other = {**changes, "/holder_as_printed/parts": parts("Testovyi", "Ivan", "Aleksandr", "Maksymilian", "Petro")}
    assert mismatches(errors(changed(REQUEST, other))) == {"/holder_as_printed/parts"}


@pytest.mark.parametrize(
    ("printed", "written", "agrees"),
    [
        ("1984-02-29", "840229", True),
        ("1984-02", "840229", True),
        ("1984", "840229", True),
        ("XXXX-XX-XX", "840229", True),
        ("1984-02-29", "84<<<<", True),
        ("1984-02-29", "<<<<<<", True),
        ("1984-02-28", "840229", False),
        ("1984-03", "840229", False),
        ("1985", "840229", False),
        ("1985-02-28", "84<<<<", False),
    ],
)
def test_the_printed_birth(printed: str, written: str, agrees: bool, changed: Changed, errors: Errors) -> None:
    changes = {"/document/mrz/lines": zone(birth=written), "/holder_as_printed/birth_date/value": printed}
    found = errors(changed(REQUEST, changes))
    assert mismatches(found) == (set() if agrees else {"/holder_as_printed/birth_date"})


# -- a person who carries a document


@pytest.fixture
def carried(changed: Changed) -> Changed:
    """carried(changes) -> an overstay notice whose person's passport has a zone that agrees."""

    def make(changes: dict[str, object] | None = None) -> dict[str, Any]:
        notice = registry.example(NOTICE)
        person, number = notice["person"], notice["document"]["number"].ljust(9, "<")
        named = {part["kind"]: part["value"].upper() for part in person["identities"][0]["parts"]}
        birth = person["birth_date"]["value"].replace("-", "")[2:]
        expiry = notice["document"].get("expires_on", "2031-01-15").replace("-", "")[2:]
        number, birth, expiry = (text + check_digit(text) for text in (number, birth, expiry))
        rest = "<" * 15
        lines = [
            f"P<{notice['document']['issuer']}{named['surname']}<<{named['given']}".ljust(44, "<"),
            f"{number}UTO{birth}{person['sex']}{expiry}{rest}{check_digit(number + birth + expiry + rest)}",
        ]
        return changed(NOTICE, {"/document/mrz": {"format": "TD3", "lines": lines}, **(changes or {})})

    return make


def test_a_person_with_his_or_her_own_document(carried: Changed, findings: Findings) -> None:
    assert [entry for entry in findings(carried()) if "MISMATCH" in entry.code] == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"/person/identities/0/parts": parts("Sample", "Anna", as_on="mrz")}, "/person/identities"),
        ({"/person/birth_date/value": "1970-01-02"}, "/person/birth_date"),
        ({"/person/sex": "M"}, "/person/sex"),
    ],
)
def test_somebody_elses_document_is_a_warning(
    changes: dict[str, object], path: str, carried: Changed, findings: Findings
) -> None:
    found = findings(carried(changes))
    assert Finding(path, "VIZ_MRZ_MISMATCH", "warning") in found
    assert Finding(path, "VISA_MRZ_MISMATCH", "warning") in found
    assert not [entry for entry in found if "MISMATCH" in entry.code and entry.severity == "error"]


def test_any_of_the_persons_names_may_be_in_the_zone(carried: Changed, findings: Findings) -> None:
    own = registry.example(NOTICE)["person"]["identities"][0]["parts"]
    names = [
        {"type": "primary", "parts": parts("Sample", "Anna", as_on="mrz")},
        {"type": "alias", "parts": own},
    ]
    assert [entry for entry in findings(carried({"/person/identities": names})) if "MISMATCH" in entry.code] == []


def test_a_sex_left_open_agrees(carried: Changed, findings: Findings) -> None:
    for sex in ("X", "U"):
        assert [entry for entry in findings(carried({"/person/sex": sex})) if "MISMATCH" in entry.code] == []


# -- a visa and its zone


def test_a_visa_has_a_zone_for_visas(changed: Changed, errors: Errors) -> None:
    found = errors(changed(NOTICE, {"/visa/mrz": {"format": "TD3", "lines": LINES}}))
    assert found == {("VISA_MRZ_MISMATCH", "/visa/mrz/format")}


def test_a_specimen_visa_has_no_stickers_fields_to_compare(changed: Changed, errors: Errors) -> None:
    lines = ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F2603312<<<<<<<<"]
    lines[1] = lines[1][:27] + check_digit("260331") + lines[1][28:]
    changes = {
        "/visa/mrz/lines": lines,
        "/visa/issuer": "UTO",
        "/visa/sticker_number": "L8988901C",
        "/visa/valid_until": "2026-03-31",
    }
    assert "VISA_MRZ_MISMATCH" not in {code for code, _ in errors(changed(NOTICE, changes))}


def test_a_visa_of_germany(changed: Changed, errors: Errors) -> None:
    number, birth, expiry = (text + check_digit(text) for text in ("D12345678", "910307", "260331"))
    lines = ["VCD<<PRYKLADENKO<<OLENA".ljust(36, "<"), f"{number}UTO{birth}F{expiry}<2300201"]
    changes = {"/visa/mrz/lines": lines, "/visa/issuer": "DEU", "/visa/sticker_number": "D12345678"}
    assert errors(changed(NOTICE, changes)) == set()
    assert errors(changed(NOTICE, {**changes, "/visa/issuer": "AUT"})) == {("VISA_MRZ_MISMATCH", "/visa/issuer")}
