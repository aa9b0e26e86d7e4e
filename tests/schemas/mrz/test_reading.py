"""Zones that do not hold: what is found, where, and what can still be shown."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import mrz
from schemas.errors import Finding
from tests.schemas.mrz.conftest import write_zone

Write = Callable[..., list[str]]

TODAY = date(2026, 11, 24)
FORMATS = ("TD1", "TD2", "TD3", "MRVA", "MRVB")
CODES = {"TD1": "I<", "TD2": "I<", "TD3": "P<", "MRVA": "V<", "MRVB": "V<"}


def read(lines: list[str], format_: str, today: date = TODAY) -> mrz.Mrz:
    return mrz.parse_mrz(lines, format_, today=today)


def found(lines: list[str], format_: str) -> set[tuple[str, str]]:
    return {(entry.code, entry.path) for entry in read(lines, format_).findings}


def put(lines: list[str], line: int, position: int, text: str) -> list[str]:
    """Text at a position as Doc 9303 counts."""
    changed = list(lines)
    changed[line] = changed[line][: position - 1] + text + changed[line][position - 1 + len(text) :]
    return changed


# -- the lines


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("wrong", [[], [""], ["", ""], ["", "", ""], ["<" * 44] * 4, ["<" * 43] * 2])
def test_lines_of_another_number_or_length(format_: str, wrong: list[str]) -> None:
    reading = read(wrong, format_)
    assert {entry.code for entry in reading.findings} == {"MRZ_LENGTH"}
    assert not reading.valid
    assert reading.fields == reading.shown == {}


@pytest.mark.parametrize("format_", FORMATS)
def test_a_line_too_short_or_too_long_is_named(format_: str, write: Write) -> None:
    lines = write(format_, CODES[format_])
    assert found([lines[0], lines[1][:-1], *lines[2:]], format_) == {("MRZ_LENGTH", "/lines/1")}
    assert found([lines[0] + "<", *lines[1:]], format_) == {("MRZ_LENGTH", "/lines/0")}
    assert found(lines[:1], format_) == {("MRZ_LENGTH", "/lines")}
    assert found([*lines, lines[0]], format_) == {("MRZ_LENGTH", "/lines")}


@pytest.mark.parametrize("sign", ["a", " ", "-", "«", "Ä", "А", "\n", "\0", "٣", "👤"])
@pytest.mark.parametrize("format_", FORMATS)
def test_a_sign_that_no_zone_has(format_: str, sign: str, write: Write) -> None:
    lines = write(format_, CODES[format_])
    for line in range(len(lines)):
        assert found(put(lines, line, 10, sign), format_) == {("MRZ_CHARSET", f"/lines/{line}")}


@pytest.mark.parametrize(("lines", "format_"), [([], None), (["<" * 44], None), (["<" * 44] * 4, None)])
def test_lines_of_no_format(lines: list[str], format_: str | None) -> None:
    assert mrz.detect_format(lines) is format_


@pytest.mark.parametrize("format_", FORMATS)
def test_the_format_is_seen_from_the_lines(format_: str, write: Write) -> None:
    lines = write(format_, CODES[format_])
    assert mrz.detect_format(lines) == format_
    assert mrz.detect_format([lines[0][:-1], *lines[1:]]) == format_


def test_a_format_that_there_is_not(write: Write) -> None:
    with pytest.raises(KeyError):
        read(write("TD3"), "TD4")


# -- fields without a check digit


@pytest.mark.parametrize(
    ("format_", "code", "accepted"),
    [
        ("TD3", "P<", True),
        ("TD3", "PP", True),
        ("TD3", "PR", True),
        ("TD3", "V<", False),
        ("TD3", "I<", False),
        ("TD3", "<P", False),
        ("TD3", "P1", False),
        ("TD1", "I<", True),
        ("TD1", "AC", True),
        ("TD1", "IP", True),
        ("TD1", "C<", True),
        ("TD1", "IV", False),
        ("TD1", "P<", False),
        ("TD2", "V<", False),
        ("TD2", "AV", False),
        ("MRVA", "V<", True),
        ("MRVA", "P<", False),
        ("MRVB", "VC", True),
        ("MRVB", "I<", False),
    ],
)
def test_document_codes(format_: str, code: str, accepted: bool, write: Write) -> None:
    result = found(write(format_, code), format_)
    assert result == (set() if accepted else {("MRZ_CHARSET", "/lines/0")})


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("member", ["issuer", "nationality"])
@pytest.mark.parametrize("code", ["ZZZ", "DEU", "DE<", "XYZ"])
def test_a_code_that_icao_does_not_know_is_a_warning(format_: str, member: str, code: str, write: Write) -> None:
    reading = read(write(format_, CODES[format_], **{member: code}), format_)
    line = 1 if member == "nationality" else 0
    assert reading.findings == (Finding(f"/lines/{line}", "NON_ICAO_CODE", "warning"),)
    assert reading.valid


@pytest.mark.parametrize("code", ["SUN", "YUG", "ANT", "SCG", "D", "GBN", "XOM", "EUE"])
def test_old_and_special_codes_are_known(code: str, write: Write) -> None:
    assert found(write("TD3", issuer=code, nationality=code), "TD3") == set()


@pytest.mark.parametrize("code", ["XXA", "XXB", "XXC", "XXX"])
def test_having_no_nationality_issues_no_documents(code: str, write: Write) -> None:
    assert found(write("TD3", nationality=code), "TD3") == set()
    assert found(write("TD3", issuer=code), "TD3") == {("NON_ICAO_CODE", "/lines/0")}


@pytest.mark.parametrize("code", ["<<<", "<UT", "U<O", "U1O", "1<<"])
@pytest.mark.parametrize("member", ["issuer", "nationality"])
def test_a_code_of_another_form(member: str, code: str, write: Write) -> None:
    line = 1 if member == "nationality" else 0
    assert found(write("TD3", **{member: code}), "TD3") == {("MRZ_CHARSET", f"/lines/{line}")}


@pytest.mark.parametrize(("sex", "codes"), [("M", set()), ("F", set()), ("<", set()), ("X", {"MRZ_SEX_X"})])
@pytest.mark.parametrize("format_", FORMATS)
def test_the_sex(format_: str, sex: str, codes: set[str], write: Write) -> None:
    reading = read(write(format_, CODES[format_], sex=sex), format_)
    assert {entry.code for entry in reading.findings} == codes
    assert reading.valid
    assert reading.fields["sex"] == sex


@pytest.mark.parametrize("sex", ["0", "W", "U", "1"])
def test_a_sex_that_is_none(sex: str, write: Write) -> None:
    assert found(write("TD3", sex=sex), "TD3") == {("MRZ_CHARSET", "/lines/1")}


@pytest.mark.parametrize(
    ("field", "surname", "given"),
    [
        ("TESTOVYI<<ANNA", "TESTOVYI", "ANNA"),
        ("TESTOVYI<<ANNA<MARIA", "TESTOVYI", "ANNA MARIA"),
        ("VAN<DER<TEST<<JAN", "VAN DER TEST", "JAN"),
        ("ARKFREITH", "ARKFREITH", None),
        ("O<<B", "O", "B"),
        ("A<<B<<C", "A", "B C"),
    ],
)
def test_names(field: str, surname: str, given: str | None, write: Write) -> None:
    reading = read(write("TD3", names=field), "TD3")
    assert reading.findings == ()
    assert (reading.fields["surname"], reading.fields.get("given")) == (surname, given)
    assert reading.fields["name_maybe_truncated"] is False


@pytest.mark.parametrize(
    "field", ["", "<TESTOVYI<<ANNA", "TEST0VYI<<ANNA", "TESTOVYI<<ANNA<3", "<<ANNA", "A<<<B", "A<<B<<<C"]
)
def test_names_that_are_none(field: str, write: Write) -> None:
    reading = read(write("TD3", names=field), "TD3")
    assert {(entry.code, entry.path) for entry in reading.findings} == {("MRZ_CHARSET", "/lines/0")}
    assert reading.name is None
    assert "surname" not in reading.fields


@pytest.mark.parametrize(("format_", "room"), [("TD1", 30), ("TD2", 31), ("TD3", 39), ("MRVA", 39), ("MRVB", 31)])
def test_a_name_that_fills_its_field_may_be_cut(format_: str, room: int, write: Write) -> None:
    for length, cut in ((room, True), (room - 1, False)):
        name = "TEST<<" + "A" * (length - 6)
        reading = read(write(format_, CODES[format_], names=name), format_)
        assert reading.findings == ()
        assert reading.fields["name_maybe_truncated"] is cut


# -- fields with a check digit


@pytest.mark.parametrize(
    ("format_", "line", "position", "code"),
    [
        ("TD1", 0, 15, "MRZ_CD_NUMBER"),
        ("TD1", 1, 7, "MRZ_CD_BIRTH"),
        ("TD1", 1, 15, "MRZ_CD_EXPIRY"),
        ("TD1", 1, 30, "MRZ_CD_COMPOSITE"),
        ("TD2", 1, 10, "MRZ_CD_NUMBER"),
        ("TD2", 1, 20, "MRZ_CD_BIRTH"),
        ("TD2", 1, 28, "MRZ_CD_EXPIRY"),
        ("TD2", 1, 36, "MRZ_CD_COMPOSITE"),
        ("TD3", 1, 10, "MRZ_CD_NUMBER"),
        ("TD3", 1, 20, "MRZ_CD_BIRTH"),
        ("TD3", 1, 28, "MRZ_CD_EXPIRY"),
        ("TD3", 1, 43, "MRZ_CD_OPTIONAL"),
        ("TD3", 1, 44, "MRZ_CD_COMPOSITE"),
        ("MRVA", 1, 10, "MRZ_CD_NUMBER"),
        ("MRVA", 1, 20, "MRZ_CD_BIRTH"),
        ("MRVA", 1, 28, "MRZ_CD_EXPIRY"),
        ("MRVB", 1, 10, "MRZ_CD_NUMBER"),
        ("MRVB", 1, 20, "MRZ_CD_BIRTH"),
        ("MRVB", 1, 28, "MRZ_CD_EXPIRY"),
    ],
)
def test_each_check_digit(format_: str, line: int, position: int, code: str, write: Write) -> None:
    lines = write(format_, CODES[format_], optional="12349")
    right = lines[line][position - 1]
    assert found(lines, format_) == set()
    for wrong in sorted(set("0123456789<A") - {right}):
        result = found(put(lines, line, position, wrong), format_)
        assert (code, f"/lines/{line}") in result
        assert {name for name, _ in result} <= {code, "MRZ_CD_COMPOSITE"}


def test_optional_data_of_fillers_has_a_filler_or_a_zero_for_digit(write: Write) -> None:
    lines = write("TD3")
    assert lines[1][42] == "<"
    assert found(lines, "TD3") == set()
    assert found(put(lines, 1, 43, "0"), "TD3") == set()
    assert ("MRZ_CD_OPTIONAL", "/lines/1") in found(put(lines, 1, 43, "1"), "TD3")


@pytest.mark.parametrize("format_", ["TD1", "TD2"])
@pytest.mark.parametrize("number", ["AB12345678", "AB1234567890", "D2314589073X"])
def test_long_numbers(format_: str, number: str, write: Write) -> None:
    lines = write(format_, CODES[format_], number=number)
    reading = read(lines, format_)
    assert reading.findings == ()
    assert reading.fields["number"] == number
    assert "optional" not in reading.fields
    line, position = (0, 16) if format_ == "TD1" else (1, 29)
    tail = number[9:]
    wrong = put(lines, line, position, "9" if tail[0] != "9" else "8")
    assert {("MRZ_CD_NUMBER", f"/lines/{line}"), ("MRZ_CD_COMPOSITE", "/lines/1")} <= found(wrong, format_)


def test_what_follows_a_long_number_is_optional_data(write: Write) -> None:
    reading = read(write("TD1", "I<", number="AB1234567890", optional="XY12"), "TD1")
    assert reading.findings == ()
    assert reading.fields["optional"] == "XY12"


@pytest.mark.parametrize("format_", ["TD1", "TD2"])
def test_a_long_number_that_does_not_go_on(format_: str, write: Write) -> None:
    lines = write(format_, CODES[format_])
    line, position = (0, 15) if format_ == "TD1" else (1, 10)
    assert ("MRZ_CD_NUMBER", f"/lines/{line}") in found(put(lines, line, position, "<"), format_)


@pytest.mark.parametrize("format_", ["TD3", "MRVA", "MRVB"])
def test_other_formats_have_no_long_numbers(format_: str, write: Write) -> None:
    lines = put(write(format_, CODES[format_]), 1, 10, "<")
    assert ("MRZ_CD_NUMBER", "/lines/1") in found(lines, format_)


@pytest.mark.parametrize(("number", "read_as"), [("AB<123", "AB123"), ("A", "A"), ("123456789", "123456789")])
def test_fillers_in_a_number_stand_for_signs_left_out(number: str, read_as: str, write: Write) -> None:
    assert read(write("TD3", number=number), "TD3").fields["number"] == read_as


@pytest.mark.parametrize("number", ["<<<<<<<<<", "<AB123456"])
def test_a_number_begins_with_a_sign(number: str, write: Write) -> None:
    assert found(write("TD3", number=number), "TD3") == {("MRZ_CHARSET", "/lines/1")}


# -- dates


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("840229", "1984-02-29"),
        ("8402<<", "1984-02"),
        ("84<<<<", "1984"),
        ("84<<29", "1984"),
        ("<<<<<<", "XXXX-XX-XX"),
        ("000229", "2000-02-29"),
        ("261124", "2026-11-24"),
        ("261125", "1926-11-25"),
        ("2611<<", "2026-11"),
        ("2612<<", "1926-12"),
        ("26<<<<", "2026"),
        ("27<<<<", "1927"),
    ],
)
@pytest.mark.parametrize("format_", FORMATS)
def test_births(format_: str, written: str, read_as: str, write: Write) -> None:
    reading = read(write(format_, CODES[format_], birth=written), format_)
    assert reading.findings == ()
    assert reading.fields["birth_date"] == read_as
    inferred: Any = reading.fields["century_inferred"]
    assert ("birth_date" in inferred) is (read_as != "XXXX-XX-XX")


@pytest.mark.parametrize(
    "written",
    [
        "830229",
        "841301",
        "840001",
        "840200",
        "840431",
        "84<229",
        "8<0229",
        "<<0229",
        "840<<<",
        "84022<",
        "AB0229",
        "000000",
        "<<<<01",
    ],
)
@pytest.mark.parametrize("format_", FORMATS)
def test_births_that_cannot_be(format_: str, written: str, write: Write) -> None:
    line = 1
    reading = read(write(format_, CODES[format_], birth=written), format_)
    assert reading.findings == (Finding(f"/lines/{line}", "MRZ_DATE"),)
    assert "birth_date" not in reading.fields


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("261124", "2026-11-24"),
        ("161124", "2016-11-24"),
        ("161123", "2016-11-23"),
        ("761124", "2076-11-24"),
        ("761125", "1976-11-25"),
        ("961210", "1996-12-10"),
        ("120415", "2012-04-15"),
        ("280229", "2028-02-29"),
        ("160229", "2016-02-29"),
    ],
)
def test_expiries(written: str, read_as: str, write: Write) -> None:
    reading = read(write("TD3", expiry=written), "TD3")
    assert reading.findings == ()
    assert reading.fields["expires_on"] == read_as


@pytest.mark.parametrize("written", ["<<<<<<", "31<<<<", "3101<<", "310229", "311301", "310100", "3X0115"])
@pytest.mark.parametrize("format_", FORMATS)
def test_expiries_that_cannot_be(format_: str, written: str, write: Write) -> None:
    reading = read(write(format_, CODES[format_], expiry=written), format_)
    assert reading.findings == (Finding("/lines/1", "MRZ_DATE"),)
    assert "expires_on" not in reading.fields


@settings(deadline=None)
@given(day=st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_day_of_reading_has_its_centuries(day: date) -> None:
    reading = read(write_zone("TD3", birth="991231", expiry="000101"), "TD3", day)
    born, expires = str(reading.fields["birth_date"]), str(reading.fields["expires_on"])
    assert date.fromisoformat(born) <= day
    assert expires[:2] in {"19", "20", "21"}
    assert abs(date.fromisoformat(expires).year - day.year) <= 99


# -- the Schengen sticker


@pytest.mark.parametrize(
    ("own", "code"),
    [
        ("<2301001", None),
        ("TM900229", None),
        ("<1<<1231", None),
        ("X2301001", "MRZ_CHARSET"),
        ("<3301001", "MRZ_CHARSET"),
        ("<<301001", "MRZ_CHARSET"),
        ("<2A01001", "MRZ_CHARSET"),
        ("<2<01001", "MRZ_CHARSET"),
        ("<2001001", "MRZ_CHARSET"),
        ("<2301301", "MRZ_DATE"),
        ("<2300230", "MRZ_DATE"),
        ("<230<<<<", "MRZ_DATE"),
        ("<23010AB", "MRZ_DATE"),
    ],
)
def test_the_stickers_own_positions(own: str, code: str | None, write: Write) -> None:
    result = found(write("MRVB", "VC", issuer="AUT", number="AUT123456", optional=own), "MRVB")
    assert result == (set() if code is None else {(code, "/lines/1")})


@pytest.mark.parametrize(
    ("code", "issuer", "own"),
    [("VC", "AUT", True), ("VA", "D", True), ("VD", "CHE", True), ("V<", "AUT", False), ("VX", "AUT", False),
     ("VC", "UTO", False), ("VC", "UKR", False), ("VC", "IRL", False)],
)  # fmt: skip
def test_who_issues_such_stickers(code: str, issuer: str, own: bool, write: Write) -> None:
    reading = read(write("MRVB", code, issuer=issuer, optional="<2301001"), "MRVB")
    assert reading.findings == ()
    assert ("entries" in reading.fields) is own
    assert ("optional" in reading.fields) is not own


@pytest.mark.parametrize("begins", ["0101", "0615", "1020", "1231", "0229"])
def test_a_stickers_validity_begins_on_that_day_of_that_month(begins: str, write: Write) -> None:
    reading = read(write("MRVB", "VC", issuer="AUT", optional=f"<230{begins}"), "MRVB")
    assert reading.fields["valid_from"] == f"{begins[:2]}-{begins[2:]}"


def test_each_optional_field_has_its_own_name(write: Write) -> None:
    both = read(write("TD1", "I<", optional="FIRST", optional_2="SECOND"), "TD1")
    assert (both.fields["optional"], both.fields["optional_2"]) == ("FIRST", "SECOND")
    second = read(write("TD1", "I<", optional_2="SECOND"), "TD1")
    assert "optional" not in second.fields
    assert second.fields["optional_2"] == "SECOND"


def test_a_long_stay_has_no_days(write: Write) -> None:
    reading = read(write("MRVB", "VD", issuer="AUT", optional="<M<<1001"), "MRVB")
    assert reading.fields["visa_type"] == "D"
    assert reading.fields["entries"] == "MULT"
    assert "duration_days" not in reading.fields


def test_a_large_visa_is_no_sticker_of_this_form(write: Write) -> None:
    assert "entries" not in read(write("MRVA", "VC", issuer="AUT", optional="<2301001"), "MRVA").fields


# -- what may be shown


def test_of_a_zone_that_does_not_hold_only_proven_fields_are_shown(write: Write) -> None:
    lines = write("TD3", optional="ZE184226B")
    reading = read(put(lines, 1, 10, str((int(lines[1][9]) + 1) % 10)), "TD3")
    assert set(reading.shown) == {"birth_date", "expires_on", "optional"}
    reading = read(put(lines, 1, 20, str((int(lines[1][19]) + 1) % 10)), "TD3")
    assert set(reading.shown) == {"number", "expires_on", "optional"}


def test_a_reading_does_not_show_itself(write: Write) -> None:
    reading = read(write("TD3", number="ZZ1234567", names="CANARY<<ANNA"), "TD3")
    assert "CANARY" not in repr(reading)
    assert "ZZ1234567" not in repr(reading)


# -- properties

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
WORD = st.text(LETTERS, min_size=1, max_size=6)


@settings(deadline=None)
@given(
    format_=st.sampled_from(FORMATS),
    number=st.text(LETTERS + "0123456789", min_size=1, max_size=9),
    birth=st.dates(date(1930, 1, 1), TODAY),
    expiry=st.dates(TODAY, date(2076, 11, 24)),
    sex=st.sampled_from("MF<"),
    surname=WORD,
    given_name=WORD,
    nationality=st.sampled_from(["UTO", "MDA", "D", "XXA"]),
)
def test_what_was_written_is_read(  # noqa: PLR0917 - the fields of a zone
    format_: str, number: str, birth: date, expiry: date, sex: str, surname: str, given_name: str, nationality: str
) -> None:
    lines = write_zone(
        format_,
        CODES[format_],
        number=number,
        nationality=nationality,
        birth=birth.strftime("%y%m%d"),
        expiry=expiry.strftime("%y%m%d"),
        sex=sex,
        names=f"{surname}<<{given_name}",
    )
    reading = read(lines, format_)
    assert reading.findings == ()
    assert reading.fields["number"] == number
    assert reading.fields["birth_date"] == birth.isoformat()
    assert reading.fields["expires_on"] == expiry.isoformat()
    assert reading.fields["nationality"] == nationality.replace("D", "DEU" if nationality == "D" else "D")
    assert (reading.fields["surname"], reading.fields["given"]) == (surname, given_name)
    assert reading.fields["sex"] == sex


@settings(deadline=None)
@given(format_=st.sampled_from(FORMATS), data=st.data())
def test_one_digit_changed_is_found(format_: str, data: st.DataObject) -> None:
    number = data.draw(st.text("0123456789", min_size=9, max_size=9))
    lines = write_zone(format_, CODES[format_], number=number)
    line, first = (0, 6) if format_ == "TD1" else (1, 1)
    position = first + data.draw(st.integers(0, 9))
    other = data.draw(st.sampled_from(sorted(set("0123456789") - {lines[line][position - 1]})))
    assert ("MRZ_CD_NUMBER", f"/lines/{line}") in found(put(lines, line, position, other), format_)


@settings(deadline=None)
@given(
    format_=st.sampled_from(FORMATS),
    lines=st.lists(st.text(LETTERS[:6] + "0123456789< ", max_size=45), max_size=4),
)
def test_no_text_does_anything_but_be_read(format_: str, lines: list[str]) -> None:
    assert isinstance(read(lines, format_).valid, bool)


@settings(deadline=None)
@given(format_=st.sampled_from(FORMATS), data=st.data())
def test_no_zone_of_the_right_size_does_anything_but_be_read(format_: str, data: st.DataObject) -> None:
    """Random zones of full size: whatever is wrong is a finding, and what is shown of it is proven."""
    size = {"TD1": (3, 30), "TD2": (2, 36), "TD3": (2, 44), "MRVA": (2, 44), "MRVB": (2, 36)}[format_]
    line = st.text(LETTERS + "0123456789<<<<", min_size=size[1], max_size=size[1])
    lines = data.draw(st.lists(line, min_size=size[0], max_size=size[0]))
    reading = read(lines, format_)
    if not reading.valid:
        assert set(reading.shown) <= reading.proven
    assert all(entry.path in {"/lines/0", "/lines/1", "/lines/2"} for entry in reading.findings)
