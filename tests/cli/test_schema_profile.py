"""`liaison schema check --agreement`: where that is a profile, its times are checked as an edge checks them."""

import json
from pathlib import Path

import pytest

import liaison.cli
from schemas import registry

PARTIES = ("--from", "NLD", "--to", "KAZ", "--at", "2026-12-31T12:00:00Z")


def check(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, *words: str) -> tuple[int, set[str]]:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(registry.example(kind)))
    code = int(liaison.cli.main(["schema", "check", str(file), *PARTIES, *words, "--json"]))
    return code, {finding["code"] for finding in json.loads(capsys.readouterr().out)["findings"]}


def test_silence_under_a_profile_that_is_not_certain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    received = ("--received-at", "2026-11-23T10:00:00+01:00")
    code, codes = check(tmp_path, capsys, "readm.tacit.claim", "--agreement", "BENELUX-KAZ-2015", *received)
    assert code == 4
    assert "TACIT_NOT_PROVIDED" in codes


def test_an_application_under_another_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, codes = check(tmp_path, capsys, "readm.application", "--agreement", "EU-GEO")
    assert code == 4
    assert "PROFILE_INACTIVE" in codes


def test_an_agreement_that_is_no_profile_brings_no_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, codes = check(tmp_path, capsys, "readm.application", "--agreement", "TEST-NLD-KAZ")
    assert "PROFILE_INACTIVE" not in codes


@pytest.mark.parametrize("instant", ["yesterday", "2026-11-23T10:00:00"])
def test_a_receipt_needs_an_instant(tmp_path: Path, instant: str) -> None:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(registry.example("readm.application")))
    assert int(liaison.cli.main(["schema", "check", str(file), "--received-at", instant])) == 2
