"""Labels: the code always beside, English where a language has none, and the footnote wherever Kosovo is named."""

import json
from collections.abc import Mapping
from types import MappingProxyType

import pytest

from liaison.cli import main
from schemas import labels
from schemas.catalogue import lists
from schemas.codes import states, tables
from schemas.codes.tables import Row, Table, table
from schemas.labels import LANGUAGES, Label, label, report, state


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Residence permit"),
        ("fr", "Titre de séjour"),
        ("ru", "Вид на жительство"),
        ("uk", "Посвідка на проживання"),
        ("ro", "Permis de ședere"),
        ("sr", "Боравишна дозвола"),
        ("tr", "İkamet izni"),
        ("sq", "Leje qëndrimi"),
    ],
)
def test_a_code_is_named_in_each_language(language: str, text: str) -> None:
    found = label("document_type", "permit.residence", language)
    assert found == Label("permit.residence", text, language)
    assert str(found) == f"{text} (permit.residence)"


def test_a_region_is_passed_over() -> None:
    assert label("need", "INTERPRETER", "fr-BE").text == "Interprète"
    assert label("need", "INTERPRETER", "RO-MD").language == "ro"


def test_what_is_missing_is_english_and_says_so() -> None:
    assert label("document_type", "td.laissez_passer", "uk") == Label("td.laissez_passer", "Laissez-passer", "en")
    assert label("need", "INTERPRETER", "de") == Label("INTERPRETER", "Interpreter", "en")


def test_a_label_that_reads_as_in_english_is_not_missing() -> None:
    assert label("document_type", "td.laissez_passer", "fr").language == "fr"
    assert label("iso", "FRA", "fr").language == "fr"


@pytest.mark.parametrize("language", ["ZZ", "", "../fr", "fr/../ru"])
def test_no_language_reaches_another_file(language: str) -> None:
    assert label("need", "INTERPRETER", language).language == "en"


def test_a_code_or_list_that_is_none_is_refused() -> None:
    with pytest.raises(KeyError):
        label("need", "UNICORN", "fr")
    with pytest.raises(FileNotFoundError):
        label("unicorn", "A", "fr")
    with pytest.raises(KeyError):
        state("ZZZ", "fr")


@pytest.mark.parametrize("language", [*LANGUAGES, "de"])
def test_kosovo_is_never_named_without_its_footnote(language: str) -> None:
    found = state("RKS", language)
    assert found.footnote
    assert "1244" in found.footnote
    assert str(found).endswith(found.footnote)
    assert f"{found.text}* (RKS)" in str(found)
    if language in {"en", "de", "sq"}:
        assert found.footnote == states.footnote("RKS")


def test_nor_are_its_residents() -> None:
    found = state("UNK", "fr")
    assert "Kosovo" in found.text
    assert found.footnote == state("RKS", "fr").footnote


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_names_kosovo_has_the_footnote(language: str) -> None:
    for name in lists():
        for entry in labels.labels(name, language):
            if any(stem in entry.text for stem in ("Kosov", "Косов")):
                assert entry.footnote, entry.code


def test_other_states_have_none() -> None:
    assert str(state("AUT", "tr")) == "Avusturya (AUT)"
    assert str(state("SUN", "fr")) == "Union soviétique (SUN)"
    assert state("XXA", "fr").text == "Apatride (Convention de 1954)"
    assert all(state(code, "fr").footnote is None for code in table("iso").rows)


def test_every_code_has_an_english_name() -> None:
    assert not [entry for entry in report() if entry.language == "en" and entry.missing]


def test_a_code_without_any_name_is_shown_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rows: Mapping[str, Row] = MappingProxyType({"A": Row("A", None, None, MappingProxyType({}))})
    monkeypatch.setattr(labels, "table", lambda _: Table("t", "s", verified=False, rows=rows))
    assert str(label("any", "A", "fr")) == "A"
    assert labels._coverage("en", "any").missing == ("A",)


def test_the_report_counts_every_code_once_a_language() -> None:
    found = report()
    assert [(entry.language, entry.list_name) for entry in found] == [(x, y) for x in LANGUAGES for y in lists()]
    for entry in found:
        assert entry.present + len(entry.missing) == len(table(entry.list_name).rows)
        assert not entry.verified, "set only once a speaker has reviewed the catalogue"


def test_the_lists_of_our_own_are_nearly_complete() -> None:
    lacking = {
        (entry.language, entry.list_name): entry.missing for entry in report() if entry.list_name not in states.TABLES
    }
    assert all(len(missing) <= 2 for missing in lacking.values()), lacking


# -- the command


def _printed(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    assert main(["schema", "labels", *words, "--json"]) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return found


def test_the_command_reports(capsys: pytest.CaptureFixture[str]) -> None:
    found = _printed(capsys, "--report")
    assert len(found) == len(LANGUAGES) * len(lists())
    assert set(found[0]) == {"language", "list", "present", "missing", "missing_codes", "verified"}
    assert {entry["verified"] for entry in found} == {False}
    laissez_passer = next(entry for entry in found if entry["language"] == "uk" and entry["list"] == "document_type")
    assert "td.laissez_passer" in str(laissez_passer["missing_codes"])
    assert len(_printed(capsys, "--report", "--language", "fr")) == len(lists())
    assert len(_printed(capsys, "--report", "--list", "need")) == len(LANGUAGES)


def test_the_command_names_codes(capsys: pytest.CaptureFixture[str]) -> None:
    found = _printed(capsys, "--list", "icao", "--language", "fr")
    kosovo = next(entry for entry in found if entry["code"] == "RKS")
    assert kosovo["label"] == "Kosovo"
    assert "1244" in str(kosovo["footnote"])
    assert len(_printed(capsys)) == sum(len(table(name).rows) for name in lists())


@pytest.mark.parametrize("words", [["--list", "bound"], ["--list", "../iso"], ["--language", "de"]])
def test_the_command_refuses_what_it_does_not_know(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "labels", *words]) == 2
    assert capsys.readouterr().out == ""


def test_tables_are_where_labels_look_for_them() -> None:
    assert all((tables.FOLDER / f"{name}.json").is_file() for name in lists())
