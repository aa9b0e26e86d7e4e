"""The rarer ways through form and rules: far too many faults, no object at all, states that were no more."""

import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from schemas import catalogue, publication, registry
from schemas.parts.block import FINDINGS_MAX, structure
from schemas.parts.node import Node

Errors = Callable[..., set[tuple[str, str]]]
Changed = Callable[..., dict[str, Any]]


def test_no_more_faults_are_told_than_anybody_reads() -> None:
    payload = {f"x{number}": 1 for number in range(FINDINGS_MAX + 50)}
    entry = registry.kind("ident.request")
    assert len(list(structure(entry.validate, payload))) == FINDINGS_MAX


@pytest.mark.parametrize("value", ["text", 1, None, True])
def test_what_is_no_object_is_a_fault_of_form(value: object) -> None:
    assert [found.code for found in structure(registry.kind("ident.request").validate, value)] == ["FIELD_TYPE"]


def test_a_node_shows_where_it_stands_and_never_what_it_holds() -> None:
    node = Node({"person": {"name": ["TESTOVYI"]}})["person"]["name"].items[0]
    assert repr(node) == "Node('/person/name/0')"


@pytest.mark.parametrize(
    ("born", "former", "found"),
    [
        ("1984-02-29", "SUN", False),
        ("1984-02-29", "QQQ", True),
        ("1999-02-28", "SUN", True),
        ("XXXX-XX-XX", "QQQ", True),
    ],
)
def test_a_former_nationality_is_of_a_state_of_its_time(
    born: str, former: str, found: bool, changed: Changed, errors: Errors
) -> None:
    payload = changed(
        "readm.application", {"/person/birth_date": {"value": born}, "/person/former_nationalities": [former]}
    )
    assert (("CODE_UNKNOWN", "/person/former_nationalities/0") in errors(payload)) is found


def test_a_person_cannot_have_been_informed_tomorrow(abroad: Changed, errors: Errors) -> None:
    payload = abroad({"/safeguards/subject_informed/on": "2031-01-01"})
    found = errors(payload, sender_state="AUT", recipient_states=("MDA",))
    assert ("SG3", "/safeguards/subject_informed/on") in found


@pytest.mark.parametrize("words", [["--relase"], ["--release", "x"], ["-h"]])
@pytest.mark.parametrize("module", [publication, catalogue], ids=["publication", "catalogue"])
def test_a_mistyped_command_writes_nothing(
    module: ModuleType, words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {file: file.stat().st_mtime_ns for file in module.FOLDER.rglob("*.*")}
    monkeypatch.setattr(sys, "argv", ["program", *words])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(module.__file__), run_name="__main__")
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err
    assert {file: file.stat().st_mtime_ns for file in module.FOLDER.rglob("*.*")} == before


def test_catalogues_that_are_not_there_are_written_blank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "FOLDER", tmp_path)
    assert catalogue.run([]) == 0
    assert {file.stem for file in tmp_path.iterdir()} == set(catalogue.TRANSLATED)
    assert all("X-Verified: false" in file.read_text(encoding="utf-8") for file in tmp_path.iterdir())
