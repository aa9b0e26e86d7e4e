"""The known-good zones of domain.md 2.5: ICAO's specimens, and invented ones for what those do not show."""

from datetime import date

import pytest

from schemas import mrz

TODAY = date(2026, 11, 24)

ANNA = {"document_code": "P", "issuer": "UTO", "surname": "ERIKSSON", "given": "ANNA MARIA", "nationality": "UTO"}

SPECIMENS: dict[str, tuple[str, list[str], dict[str, object]]] = {
    "TD3": (
        "TD3",
        ["P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L898902C36UTO7408122F1204159ZE184226B<<<<<10"],
        {
            **ANNA,
            "number": "L898902C3",
            "birth_date": "1974-08-12",
            "sex": "F",
            "expires_on": "2012-04-15",
            "optional": "ZE184226B",
        },
    ),
    "TD1": (
        "TD1",
        ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"],
        {**ANNA, "document_code": "I", "number": "D23145890", "birth_date": "1974-08-12", "expires_on": "2012-04-15"},
    ),
    "TD2": (
        "TD2",
        ["I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "D231458907UTO7408122F1204159<<<<<<<6"],
        {**ANNA, "document_code": "I", "number": "D23145890", "birth_date": "1974-08-12", "expires_on": "2012-04-15"},
    ),
    "MRVA": (
        "MRVA",
        ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", "L8988901C4XXX4009078F96121096ZE184226B<<<<<<"],
        {
            **ANNA,
            "document_code": "V",
            "number": "L8988901C",
            "nationality": "XXX",
            "birth_date": "1940-09-07",
            "expires_on": "1996-12-10",
            "optional": "6ZE184226B",
        },
    ),
    "MRVB": (
        "MRVB",
        ["V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<", "L8988901C4XXX4009078F9612109<<<<<<<<"],
        {**ANNA, "document_code": "V", "number": "L8988901C", "nationality": "XXX", "expires_on": "1996-12-10"},
    ),
    "TD1 with a long number": (
        "TD1",
        ["I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", "STEVENSON<<PETER<JOHN<<<<<<<<<"],
        {"number": "D23145890734", "surname": "STEVENSON", "given": "PETER JOHN", "birth_date": "1934-07-12"},
    ),
    "leap day": (
        "TD3",
        ["P<UTOTESTOVYI<<IVAN<ALEKSANDR<<<<<<<<<<<<<<<", "UT12345675UTO8402297M3101159<<<<<<<<<<<<<<<2"],
        {"number": "UT1234567", "birth_date": "1984-02-29", "sex": "M", "given": "IVAN ALEKSANDR"},
    ),
    "Germany's code": (
        "TD3",
        ["P<D<<PROBE<<PETRA<<<<<<<<<<<<<<<<<<<<<<<<<<<", "C01X00T478D<<6408125F3104301<<<<<<<<<<<<<<<6"],
        {"issuer": "DEU", "nationality": "DEU", "number": "C01X00T47", "surname": "PROBE"},
    ),
    "stateless holder": (
        "TD3",
        ["P<GEOVERTSKHLI<<NINO<<<<<<<<<<<<<<<<<<<<<<<<", "12AB345673XXA9005019F2812313<<<<<<<<<<<<<<<0"],
        {"issuer": "GEO", "nationality": "XXA", "expires_on": "2028-12-31"},
    ),
    "day and month of birth unknown, sex unspecified": (
        "TD3",
        ["P<UTONOOR<<ARASH<<<<<<<<<<<<<<<<<<<<<<<<<<<<", "UT76543213UTO78<<<<3<2906302<<<<<<<<<<<<<<<6"],
        {"birth_date": "1978", "sex": "<", "expires_on": "2029-06-30"},
    ),
    "Kosovo": (
        "TD3",
        ["P<RKSSHEMBULL<<ARTA<<<<<<<<<<<<<<<<<<<<<<<<<", "P001234560RKS9506309F3306297<<<<<<<<<<<<<<<8"],
        {"issuer": "RKS", "nationality": "RKS", "birth_date": "1995-06-30"},
    ),
    "Schengen visa": (
        "MRVB",
        ["VCAUTPRYKLADENKO<<OLENA<<<<<<<<<<<<<", "AUT1234564UKR9103074F2611309<2301001"],
        {
            "document_code": "VC",
            "number": "AUT123456",
            "visa_type": "C",
            "ltv": False,
            "entries": "2",
            "duration_days": 30,
            "valid_from": "10-01",
            "expires_on": "2026-11-30",
        },
    ),
    "visa of limited territorial validity": (
        "MRVB",
        ["VCD<<PRIMER<<ANDREI<<<<<<<<<<<<<<<<<", "D123456785MDA8801199M2612317T1151201"],
        {"issuer": "DEU", "ltv": True, "entries": "1", "duration_days": 15, "valid_from": "12-01"},
    ),
}


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_a_known_good_zone(name: str) -> None:
    format_, lines, fields = SPECIMENS[name]
    assert mrz.detect_format(lines) == format_
    reading = mrz.parse_mrz(lines, format_, today=TODAY)
    assert reading.findings == ()
    assert reading.valid
    assert fields.items() <= reading.fields.items()
    assert reading.shown == reading.fields
    assert {"number", "birth_date", "expires_on"} <= reading.proven
    assert reading.fields["century_inferred"] == ["birth_date", "expires_on"]


@pytest.mark.parametrize(
    ("text", "digit"),
    [
        ("520727", "3"),
        ("AB2134<<<", "5"),
        ("HA672242<658022549601086<<<<<<<<<<<<<<0", "8"),
        ("D231458907<<<<<<<<<<<<<<<34071279507122<<<<<<<<<<<", "2"),
        ("", "0"),
        ("<<<<<<", "0"),
    ],
)
def test_known_check_digits(text: str, digit: str) -> None:
    assert mrz.check_digit(text) == digit


@pytest.mark.parametrize("name", sorted(SPECIMENS))
def test_any_digit_changed_under_a_check_digit_is_found(name: str) -> None:
    """Every digit of the checked fields, and every check digit, by every other digit."""
    format_, lines, _ = SPECIMENS[name]
    row = 0 if format_ == "TD1" else 1
    checked = [(row, index) for index in (range(5, 15) if format_ == "TD1" else range(10))]
    if format_ == "TD1":
        checked += [(1, index) for index in (*range(7), *range(8, 15), 29)]
    else:
        checked += [(1, index) for index in (*range(13, 20), *range(21, 28))]
        checked += [(1, index) for index in range(28, len(lines[1])) if format_ in {"TD2", "TD3"}]
    changed = 0
    for line, index in checked:
        if not lines[line][index].isdigit():
            continue
        for other in set("0123456789") - {lines[line][index]}:
            wrong = list(lines)
            wrong[line] = wrong[line][:index] + other + wrong[line][index + 1 :]
            found = {entry.code for entry in mrz.parse_mrz(wrong, format_, today=TODAY).findings}
            assert any(code.startswith("MRZ_CD_") for code in found), (line, index, other)
            changed += 1
    assert changed > 100
