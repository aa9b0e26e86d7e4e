"""`liaison doctor` tells what is wrong with a machine, and changes nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import liaison.cli
from liaison.cli import doctor


def test_a_machine_that_runs_these_tests_is_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert liaison.cli.main(["doctor", "--json", "--data", str(tmp_path / "not" / "yet")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["healthy"]
    assert printed["next"]
    assert {check["state"] for check in printed["checks"]} <= {"ok", "missing"}
    assert list(tmp_path.iterdir()) == []


def test_for_people_it_is_a_table_and_names_the_next_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert liaison.cli.main(["doctor"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("NAME")
    assert "bootstrap.py demo" in captured.err


def test_a_clock_before_the_release_is_wrong() -> None:
    assert doctor._clock(datetime(2020, 1, 1, tzinfo=UTC)).state == "wrong"
    assert doctor._clock(datetime(2026, 12, 1, tzinfo=UTC)).state == "ok"


def test_a_place_that_cannot_be_written_to_is_wrong() -> None:
    assert doctor._writable(Path("/proc/self")).state == "wrong"


def test_pins_that_are_not_met_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "run.txt").write_text(
        "# comment\n"
        "typer==0.0.1 \\\n    --hash=sha256:00\n"
        "no-such-thing==1.0 \\\n"
        "only-elsewhere==1 ; sys_platform == 'win32' \\\n"
    )
    monkeypatch.setattr(doctor, "SOURCE", tmp_path)
    (check,) = doctor._packages()
    assert check.state == "wrong"
    assert "typer" in check.found
    assert "no-such-thing is not installed" in check.found
    assert "only-elsewhere" not in check.found
