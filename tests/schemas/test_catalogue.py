"""Catalogues: read as written, in step with the tables, and never a translation of what no longer stands there."""

import gettext
import io
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import catalogue
from schemas.catalogue import Catalogue, Entry, compiled, english, in_step, new_header, read, translations, written
from schemas.codes import tables
from schemas.codes.tables import Row, Table

HEADER = new_header("fr")
LETTERS = {"fr": "LATIN", "ro": "LATIN", "tr": "LATIN", "sq": "LATIN", "ru": "CYRILLIC", "uk": "CYRILLIC"}
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\x04\r\x85\u2028\u2029"), max_size=30)


def _file(language: str) -> Catalogue:
    return read((catalogue.FOLDER / f"{language}.po").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", catalogue.TRANSLATED)
def test_a_catalogue_is_in_step_with_the_tables(language: str) -> None:
    """Fails after a change of a table: run `python -m schemas.catalogue`."""
    path = catalogue.FOLDER / f"{language}.po"
    assert path.read_text(encoding="utf-8") == catalogue.refreshed(language)


@pytest.mark.parametrize("language", catalogue.TRANSLATED)
def test_a_catalogue_says_how_far_it_can_be_trusted(language: str) -> None:
    found = translations(language).info()
    assert found["x-origin"] == "machine-made, unverified"
    assert found["x-verified"] == "false"
    assert found["language"] == language


def test_there_is_a_file_for_each_language_and_no_other() -> None:
    assert {path.name for path in catalogue.FOLDER.iterdir()} == {f"{language}.po" for language in catalogue.TRANSLATED}


@pytest.mark.parametrize("language", catalogue.TRANSLATED)
def test_translations_are_one_clean_line(language: str) -> None:
    for entry in _file(language).entries:
        assert entry.translation == entry.translation.strip()
        assert unicodedata.is_normalized("NFC", entry.translation)
        assert entry.translation.isprintable()
        if "ș" in entry.translation or "ț" in entry.translation:
            assert language == "ro"
        assert not set("şţ") & set(entry.translation) or language == "tr", "Romanian has a comma below, not a cedilla"


@pytest.mark.parametrize("language", ["ru", "uk", "sr"])
def test_no_letter_looks_like_another_scripts(language: str) -> None:
    """A Latin c inside a Cyrillic word is seen by no reader and found by no search."""
    for entry in _file(language).entries:
        for word in entry.translation.replace("-", " ").split():
            scripts = {unicodedata.name(sign).split()[0] for sign in word if sign.isalpha()}
            assert len(scripts & {"LATIN", "CYRILLIC"}) <= 1, entry.context


@pytest.mark.parametrize(("language", "foreign"), [("ru", "іїєґ"), ("uk", "ыэъё"), ("sr", "ыэъёйщьюяіїє")])
def test_letters_of_a_neighbours_language_are_not_used(language: str, foreign: str) -> None:
    for entry in _file(language).entries:
        assert not set(foreign) & set(entry.translation.lower()), entry.context


# -- the form


@given(st.lists(st.builds(Entry, TEXTS, TEXTS.filter(bool), TEXTS, st.booleans()), max_size=5))
def test_what_is_written_is_read_again(entries: list[Entry]) -> None:
    unique = tuple({(entry.context, entry.english): entry for entry in entries}.values())
    found = Catalogue(HEADER, unique)
    assert read(written("fr", found)) == found


@given(st.lists(st.builds(Entry, TEXTS, TEXTS.filter(bool), TEXTS.filter(bool)), max_size=5))
def test_gettext_finds_what_was_compiled(entries: list[Entry]) -> None:
    unique = tuple({(entry.context, entry.english): entry for entry in entries}.values())
    found = gettext.GNUTranslations(io.BytesIO(compiled(Catalogue(HEADER, unique))))
    assert [found.pgettext(entry.context, entry.english) for entry in unique] == [entry.translation for entry in unique]


@pytest.mark.parametrize(
    "text",
    [
        "",
        'msgctxt "a"\nmsgid "b"\nmsgstr "c"\n',
        'msgid ""\nmsgstr ""\n',
        'msgid ""\nmsgstr ""\nLanguage: fr\n',
    ],
)
def test_a_catalogue_without_a_header_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no header"):
        read(text)


@pytest.mark.parametrize(
    "block",
    [
        'msgid "b"\nmsgstr "c"',
        'msgctxt "a"\nmsgid "b"',
        'msgctxt "a"\nmsgid "b"\nmsgstr "c"\nmsgstr "d"',
        'msgctxt "a"\nmsgid "b" "b"\nmsgstr "c"',
        'msgctxt "a"\nmsgid "b\\t"\nmsgstr "c"',
        'msgctxt "a"\nmsgid "b"c"\nmsgstr "c"',
        '#~ msgctxt "a"\nmsgid "b"\nmsgstr "c"',
        'msgctxt "a"\n#~ msgid "b"\n#~ msgstr "c"',
        "#, fuzzy",
    ],
)
def test_an_entry_of_another_form_is_refused(block: str) -> None:
    with pytest.raises(ValueError, match="another form"):
        read(written("fr", Catalogue(HEADER, ())) + f"\n{block}\n")


def test_an_entry_may_not_stand_twice() -> None:
    twice = (Entry("a", "b", "c"), Entry("a", "b", "d"))
    with pytest.raises(ValueError, match="twice"):
        read(written("fr", Catalogue(HEADER, twice)))


# -- what changes


def test_a_new_code_is_blank() -> None:
    assert list(in_step([], {"list/A": "Apple"})) == [Entry("list/A", "Apple")]


def test_a_translation_of_an_earlier_wording_is_kept_but_not_used() -> None:
    old = Entry("list/A", "Apple", "Pomme")
    now = list(in_step([old], {"list/A": "Pear"}))
    assert now == [Entry("list/A", "Pear"), Entry("list/A", "Apple", "Pomme", obsolete=True)]
    found = gettext.GNUTranslations(io.BytesIO(compiled(Catalogue(HEADER, tuple(now)))))
    assert found.pgettext("list/A", "Pear") == "Pear"
    assert found.pgettext("list/A", "Apple") == "Apple"


def test_an_obsolete_translation_comes_back_with_its_wording() -> None:
    old = Entry("list/A", "Apple", "Pomme", obsolete=True)
    assert list(in_step([old], {"list/A": "Apple"})) == [Entry("list/A", "Apple", "Pomme")]


def test_a_blank_of_a_code_that_is_gone_is_dropped() -> None:
    assert list(in_step([Entry("list/A", "Apple")], {})) == []


def test_every_list_but_the_table_of_texts_can_be_named() -> None:
    assert "bound" not in catalogue.lists()
    assert {"evidence", "iso", "icao", "retired"} <= set(catalogue.lists())
    assert {context.split("/")[0] for context in english()} == set(catalogue.lists())


def test_a_code_without_english_is_not_offered_for_translation(monkeypatch: pytest.MonkeyPatch) -> None:
    nameless: Mapping[str, Row] = MappingProxyType({"A": Row("A", None, None, MappingProxyType({}))})
    monkeypatch.setattr(tables, "table", lambda _: Table("t", "s", verified=False, rows=nameless))
    monkeypatch.setattr(catalogue, "lists", lambda: ("need",))
    assert english() == {}


def test_a_language_without_a_catalogue_has_nothing() -> None:
    assert translations("de").pgettext("evidence/NAT.PROOF.PASSPORT", "Passport of any kind") == ""


def test_a_first_catalogue_is_blank(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    found = read(catalogue.refreshed("sq"))
    assert found.header == new_header("sq")
    assert {entry.translation for entry in found.entries} == {""}
    assert len(found.entries) == len(english())
