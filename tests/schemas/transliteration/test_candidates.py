"""Transliteration as candidates: every row of domain.md 2.4, both sides of every conflict, and nothing unbounded."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.mrz import holder
from schemas.transliteration.candidates import CANDIDATES_MAX, FILLER, Candidate, candidates
from schemas.transliteration.systems import Row, systems

ALIKE = "Ж ZH, Х KH, Ц TS, Ч CH, Ш SH, Щ SHCH, Ы Y, Э E, Ю IU, Я IA, Ё E, Й I, Є IE, Ї I, Ґ G, Ў U, Љ LJ, Њ NJ"
"""domain.md 2.4, word for word: what three public copies agree on."""

LANGUAGES = sorted({language for system in systems().values() for language in system.languages} | {"xx", "de-AT"})


def _texts(text: str, language: str) -> set[str]:
    return {candidate.text for candidate in candidates(text, language)}


def _rows() -> Iterator[tuple[str, Row]]:
    for name, system in systems().items():
        for rows in system.rows.values():
            yield from ((name, row) for row in rows)


@pytest.mark.parametrize("row", ALIKE.split(", "))
def test_a_letter_on_which_the_copies_agree(row: str) -> None:
    letter, spelling = row.split()
    assert candidates(letter, "und") == (Candidate(spelling, "icao-und-Cyrl-Latn-9303", verified=True),)
    assert candidates(letter.lower(), "ru") == (Candidate(spelling, "icao-rus-Cyrl-Latn-9303", verified=True),)


@pytest.mark.parametrize(
    ("language", "letter", "spelling"),
    [
        ("bg", "Щ", "SHT"),
        ("be", "Г", "H"),
        ("be", "Ё", "IO"),
        ("mk", "Х", "H"),
        ("mk", "Ц", "C"),
        ("mk", "Џ", "DJ"),
        ("mk", "Ѓ", "GJ"),
        ("uk", "И", "Y"),
        ("sr", "Х", "H"),
        ("sr", "Ц", "C"),
        ("sr", "Ж", "Z"),
        ("sr", "Ш", "S"),
        ("sr", "Ч", "C"),
    ],
)
def test_a_language_of_its_own(language: str, letter: str, spelling: str) -> None:
    found = [candidate for candidate in candidates(letter, language) if candidate.system.startswith("icao-")]
    assert [(candidate.text, candidate.verified) for candidate in found] == [(spelling, True)]


@pytest.mark.parametrize(
    ("language", "letter", "spellings"),
    [
        ("uk", "Г", {"G", "H"}),  # the copies against the text as remembered
        ("sr", "Г", {"G", "H"}),  # what passports have against the copies
        ("mk", "К", {"K", "KJ"}),  # the copies' KJ must be Ќ's
        ("mk", "Ќ", {"KJ"}),
    ],
)
def test_a_conflict_gives_both_and_neither_is_verified(language: str, letter: str, spellings: set[str]) -> None:
    found = candidates(letter, language)
    assert {candidate.text for candidate in found} == spellings
    assert not any(candidate.verified for candidate in found)


def test_one_copy_alone_is_not_verified() -> None:
    assert candidates("Ъ", "ru") == (Candidate("IE", "icao-rus-Cyrl-Latn-9303", verified=False),)
    assert candidates("Соль", "ru") == (Candidate("SOL", "icao-rus-Cyrl-Latn-9303", verified=False),)
    assert candidates("Ь", "ru") == ()  # nothing is left to match with


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("Згурський", "ZGHURSKYI"),
        ("Єнакієве", "YENAKIIEVE"),
        ("Їжакевич", "YIZHAKEVYCH"),
        ("Йосипівка", "YOSYPIVKA"),
        ("Юрій", "YURII"),
        ("Яготин", "YAHOTYN"),
        ("Кость-Яна", "KOST<YANA"),
    ],
)
def test_the_ukrainian_national_rule_of_2010(name: str, spelling: str) -> None:
    assert Candidate(spelling, "ua-ukr-Cyrl-Latn-2010", verified=False) in candidates(name, "uk-UA")


@pytest.mark.parametrize(
    ("letter", "spellings"),
    [
        ("Ä", {"AE", "A"}),
        ("Ö", {"OE", "O"}),
        ("Ü", {"UE", "U"}),
        ("ß", {"SS"}),
        ("ẞ", {"SS"}),
        ("Å", {"AA", "A"}),
        ("Ø", {"OE", "O"}),
        ("Æ", {"AE"}),
        ("Þ", {"TH"}),
        ("Œ", {"OE"}),
        ("Ĳ", {"IJ"}),
        ("ä", {"AE", "A"}),
        ("A\u0308", {"AE", "A"}),
    ],
)
def test_latin_letters_that_a_zone_does_not_have(letter: str, spellings: set[str]) -> None:
    assert _texts(letter, "de") == spellings
    assert next(iter(candidates(letter, "de"))).verified


def test_the_zones_reader_and_the_table_spell_alike() -> None:
    """`schemas.mrz.holder` holds the same letters for its own comparison; they must not drift apart."""
    rows = systems()["icao-und-Latn-Latn-9303"].rows
    for spelling in (holder._EXPANDED, holder._PLAIN):
        for letter, written in spelling.items():
            assert written in {row.spelling for row in rows[letter.upper()]}


@pytest.mark.parametrize(
    ("name", "spelling"),
    [
        ("Παπαδοπούλου", "PAPADOPOULOU"),
        ("Ευαγγελία", "EVANGELIA"),
        ("Ευτύχιος", "EFTYCHIOS"),
        ("Μπάμπης", "BAMPIS"),
        ("Αύρα", "AVRA"),
        ("Χατζηιωάννου", "CHATZIIOANNOU"),
        ("ΨΑΡΡΑΣ", "PSARRAS"),
        ("Ξένια", "XENIA"),
        ("Μαΐου", "MAIOU"),
        ("Σφίγξ", "SFINX"),
    ],
)
def test_greek_by_elot_743(name: str, spelling: str) -> None:
    assert candidates(name, "el") == (Candidate(spelling, "elot-ell-Grek-Latn-743", verified=False),)


def test_georgian() -> None:
    assert _texts("ჭავჭავაძე", "ka") == {"CHAVCHAVADZE"}
    assert _texts("ღვინიაშვილი", "ka-GE") == {"GHVINIASHVILI"}


def test_bulgarian_has_two_systems() -> None:
    assert _texts("Щерьо", "bg") == {"SHTERO", "SHTERYO"}
    assert {candidate.system for candidate in candidates("Мария", "bg")} == {
        "icao-bul-Cyrl-Latn-9303",
        "bg-bul-Cyrl-Latn-2009",
    }
    assert _texts("Мария", "bg") == {"MARIIA", "MARIA"}


@pytest.mark.parametrize("apostrophe", ["'", "\u2019", "\u02bc", ""])
def test_an_apostrophe_is_not_written(apostrophe: str) -> None:
    assert _texts(f"Мар{apostrophe}яна", "uk") >= {"MARIANA"}
    assert _texts(f"O{apostrophe}Brien", "en") == {"OBRIEN"}


def test_words_are_parted_by_one_filler() -> None:
    assert _texts("Иванов - Петров,  Пётр", "ru") == {f"IVANOV{FILLER}PETROV{FILLER}PETR"}


def test_an_accent_without_a_row_is_left_out_unverified() -> None:
    assert candidates("Ива\u0301нов", "ru") == (Candidate("IVANOV", "icao-rus-Cyrl-Latn-9303", verified=False),)
    assert candidates("José", "es") == (Candidate("JOSE", "icao-und-Latn-Latn-9303", verified=False),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " - ",
        "'",
        "12",
        "Иванов 2",
        "Иван Ivan",  # two scripts: refused elsewhere as NAME_SCRIPT, no guess here
        "Қасым",  # a Kazakh letter that no row reads
        "محمد",
        "王",
        "Ѫ!",
        "\u202eИван",
        "Ṩ\u0000",
    ],
)
def test_a_name_that_cannot_be_read_whole_has_no_candidate(text: str) -> None:
    assert candidates(text, "und") == ()


def test_a_language_in_another_script_is_read_by_its_script() -> None:
    assert _texts("Đurić", "sr") == {"DURIC"}
    assert _texts("Иван", "ro") == {"IVAN"}


def test_nothing_grows_without_end() -> None:
    everything = "ÄÖÜÅØ" * 40
    found = candidates(everything, "de")
    assert len(found) == 32
    assert all(len(candidate.text) <= 2 * len(everything) for candidate in found)


@given(st.text(max_size=60), st.sampled_from(LANGUAGES))
def test_bounded_deterministic_and_in_the_zones_letters(text: str, language: str) -> None:
    found = candidates(text, language)
    assert found == candidates(text, language)
    assert len(found) <= CANDIDATES_MAX
    assert len({(candidate.text, candidate.system) for candidate in found}) == len(found)
    assert all(re.fullmatch(r"[A-Z]+(<[A-Z]+)*", candidate.text) for candidate in found)


@given(st.data(), st.sampled_from(sorted(systems())))
def test_a_name_in_a_systems_letters_has_a_candidate_of_it(data: st.DataObject, name: str) -> None:
    system = systems()[name]
    single = sorted(letter for letter in system.rows if len(letter) == 1 and system.rows[letter][0].spelling)
    text = "".join(data.draw(st.lists(st.sampled_from(single), min_size=1, max_size=20)))
    assert name in {candidate.system for candidate in candidates(text, min(system.languages - {"und"} or {"und"}))}


def test_a_system_is_named_as_iso_24229_names_them() -> None:
    for name, system in systems().items():
        assert re.fullmatch(rf"[a-z]+-[a-z]{{3}}-{system.script}-Latn-[a-z0-9]+", name), name
        assert system.title
        assert system.languages


@pytest.mark.parametrize(("name", "row"), list(_rows()), ids=lambda value: value if isinstance(value, str) else None)
def test_a_row_says_where_it_comes_from(name: str, row: Row) -> None:
    assert row.source, name
    assert re.fullmatch("[A-Z]*", row.spelling)
    assert row.letters == row.letters.upper()
    assert row.at in {None, "start", "end"}


def test_no_language_has_more_than_two_systems_a_script() -> None:
    for language in LANGUAGES:
        for script in {system.script for system in systems().values()}:
            of_it = [s for s in systems().values() if language in s.languages and s.script == script]
            assert len(of_it) <= 2
