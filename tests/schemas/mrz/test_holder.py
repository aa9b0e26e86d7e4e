"""Whether a zone's name can be the one that is printed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import mrz
from schemas.mrz.holder import ZoneName, read_name


def zone(surname: str, given_names: str = "", *, cut: bool = False) -> ZoneName:
    return ZoneName(surname, given_names, cut)


@pytest.mark.parametrize(
    ("written", "surname", "given_names"),
    [
        (zone("TESTOVYI", "ANNA MARIA"), ["Testovyi"], ["Anna", "Maria"]),
        (zone("TESTOVYI", "ANNA"), ["Testovyi"], ["Anna", "Ivanivna"]),
        (zone("MUELLER", "JOERG"), ["Müller"], ["Jörg"]),
        (zone("MULLER", "JORG"), ["Müller"], ["Jörg"]),
        (zone("MULLER", "JORG"), ["Mu\u0308ller"], ["JO\u0308RG"]),
        (zone("STRASSE", "A"), ["Straße"], ["A"]),
        (zone("STRASSE", "A"), ["STRAẞE"], ["A"]),
        (zone("OBRIEN", "SEAN"), ["O’Brien"], ["Seán"]),
        (zone("OBRIEN", "SEAN"), ["O'Brien"], ["Seán"]),
        (zone("VAN DER TEST", "JAN"), ["van der", "Test"], ["Jan"]),
        (zone("SMITH JONES", "A"), ["Smith-Jones"], ["A"]),
        (zone("SADIGOV", "ELCIN"), ["Sadıqov".replace("q", "g")], ["Elçin"]),
        (zone("LODZ", "LUKASZ"), ["Łódź"], ["Łukasz"]),
        (zone("ARKFREITH"), ["Arkfreith"], []),
        (zone("TESTOVYI", "ANNA"), [], ["Anna"]),
        (zone("TESTOVYI", "ANNA"), ["Testovyi"], []),
        (zone("TESTOVYI"), ["Testovyi"], ["Anna"]),
        (zone("NILAVADHANANANDA", "CHAYAPA DEJTHAMRON", cut=True), ["Nilavadhanananda"], ["Chayapa", "Dejthamrong"]),
        (zone("NILAVAD", "C D", cut=True), ["Nilavadhanananda"], ["Chayapa", "Dejthamrong"]),
    ],
)
def test_names_that_can_be_one(written: ZoneName, surname: list[str], given_names: list[str]) -> None:
    assert mrz.agrees(written, surname, given_names)


@pytest.mark.parametrize(
    ("written", "surname", "given_names"),
    [
        (zone("TESTOVYI", "ANNA"), ["Primer"], ["Anna"]),
        (zone("TESTOVYI", "ANNA"), ["Testovyi"], ["Maria"]),
        (zone("TESTOVYI", "MARIA"), ["Testovyi"], ["Anna", "Maria"]),
        (zone("TESTOVYI", "ANNA MARIA"), ["Testovyi"], ["Anna"]),
        (zone("TESTOV", "ANNA"), ["Testovyi"], ["Anna"]),
        (zone("TEST", "ANNA"), ["Test", "Sample"], ["Anna"]),
        (zone("MILLER", "JORG"), ["Müller"], ["Jörg"]),
        (zone("ANNA", "TESTOVYI"), ["Testovyi"], ["Anna"]),
        (zone("NILAVAX", "C D", cut=True), ["Nilavadhanananda"], ["Chayapa", "Dejthamrong"]),
        (zone("NILAVAD", "C D E", cut=True), ["Nilavadhanananda"], ["Chayapa", "Dejthamrong"]),
        (zone("TESTOVYI", "ANNA"), ["ТЕСТОВИЙ"], ["Анна"]),
    ],
)
def test_names_that_are_not_one(written: ZoneName, surname: list[str], given_names: list[str]) -> None:
    assert not mrz.agrees(written, surname, given_names)


@settings(deadline=None)
@given(st.text("ABC<", max_size=12))
def test_a_name_read_has_letters_and_single_spaces(field: str) -> None:
    name = read_name(field)
    if name is not None:
        assert name.surname
        assert name.surname == " ".join(name.surname.split())
        assert name.given == " ".join(name.given.split())
        assert mrz.agrees(name, name.surname.split(), name.given.split())
