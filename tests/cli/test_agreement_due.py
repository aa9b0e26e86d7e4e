"""`liaison agreement list` and `due` as people type them: one JSON document, an exit code an ending, nothing echoed."""

import json
import subprocess
import sys
from typing import Any

import pytest

import liaison.cli

KAZ = ("--agreement", "BENELUX-KAZ-2015")
AT = ("--from", "2026-11-23T10:00:00+01:00")


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any, str]:
    code = liaison.cli.main(["agreement", *words, "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out) if captured.out else None, captured.err


def test_without_a_directory_the_profiles_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "list")
    assert code == 0
    assert {"id": "BENELUX-KAZ-2015", "parties": ["BEL", "NLD", "LUX", "KAZ"], "status": "verified"} in out
    assert {"id": "EU-MDA", "parties": ["EU", "MDA"], "status": "draft"} in out
    assert len(out) == 23
    assert all(set(row) == {"id", "parties", "status"} for row in out)


def test_a_date_with_how_it_was_counted(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _run(capsys, "due", *KAZ, "--step", "reply_limit", *AT)
    assert code == 0
    assert {key: out[key] for key in ("due", "n", "basis", "verified")} == {
        "due": "2026-12-14", "n": 21, "basis": "CD", "verified": True,
    }  # fmt: skip
    assert "tacit_consent_from" not in out  # the day it entered into force is not known
    assert all(isinstance(line, str) for line in out["steps"])
    assert "PROFILE_UNVERIFIED" in err


@pytest.mark.parametrize(
    ("words", "due"),
    [
        (("--agreement", "EU-SRB", "--step", "reply_limit", "--from", "2026-12-22T00:00:00Z"), "2027-01-01"),
        (
            ("--agreement", "EU-SRB", "--step", "reply_limit", "--from", "2026-12-22T00:00:00Z",
             "--extension-days", "6", "--asked-at", "2027-01-01T12:00:00Z"),
            "2027-01-07",
        ),
        (("--agreement", "EU-MDA", "--step", "reply_limit", "--from", "2026-11-27T08:00Z",
          "--procedure", "accelerated"), "2026-12-01"),
        (("--agreement", "EU-UKR", "--step", "reply_limit", "--from", "2026-11-23T22:30:00Z"), "2026-12-08"),
        (("--agreement", "EU-UKR", "--step", "reply_limit", "--from", "2026-11-23T22:30:00Z", "--requested", "AUT"),
         "2026-12-07"),
        (("--agreement", "BENELUX-SRB-2013", "--step", "transit_lead", "--from", "2026-12-09T06:00:00+01:00",
          "--asked-at", "2026-12-01T23:59:59+01:00"), "2026-12-01"),
        (("--agreement", "EU-BLR", "--step", "reply_limit", *AT), None),
    ],
)  # fmt: skip
def test_options_change_the_date(words: tuple[str, ...], due: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = _run(capsys, "due", *words)
    assert (code, out["due"]) == (0, due)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        (("--agreement", "EU-XXX", "--step", "reply_limit", *AT), {"code": "NO_AGREEMENT", "path": "/agreement"}),
        ((*KAZ, "--step", "nothing", *AT), {"code": "CODE_UNKNOWN", "path": "/step"}),
        ((*KAZ, "--step", "reply_limit", *AT, "--requested", "UKR"), {"code": "NO_AGREEMENT", "path": "/requested"}),
        ((*KAZ, "--step", "reply_limit", *AT, "--extension-days", "1"),
         {"code": "EXTENSION_TOO_LONG", "path": "/extension_days"}),
        ((*KAZ, "--step", "reply_limit", *AT, "--asked-at", "2026-12-15T00:00:00+05:00"),
         {"code": "LATE_EXTENSION", "path": "/asked_at"}),
        ((*KAZ, "--step", "reply_limit", *AT, "--asked-at", "2026-12-14"),
         {"code": "FIELD_PATTERN", "path": "/asked_at"}),
        ((*KAZ, "--step", "notice_lead", "--from", "2027-01-12T10:35:00+05:00",
          "--asked-at", "2027-01-06T00:00:00+05:00"),
         {"code": "LEAD_TOO_SHORT", "path": "/done_at"}),
        ((*KAZ, "--step", "error_limit", "--from", "2027-01-12T10:35:00+05:00",
          "--asked-at", "2027-04-13T10:00:00+05:00"),
         {"code": "OUT_OF_TIME", "path": "/done_at"}),
        (("--agreement", "EU-GEO", "--step", "reply_limit", "--from", "2011-02-28T10:00:00+04:00"),
         {"code": "PROFILE_INACTIVE", "path": "/agreement"}),
        *(
            ((*KAZ, "--step", "reply_limit", "--from", at), {"code": "FIELD_PATTERN", "path": "/from"})
            for at in ("2026-11-23", "2026-11-23T10:00:00", "2026-11-23 10:00:00Z", "20261123T100000Z", "now",
                       "2026-02-30T10:00:00Z", "2026-11-23T24:30:00Z", "2026-11-23T10:00:00+25:00", "")
        ),
    ],
)  # fmt: skip
def test_a_refusal_is_a_code_and_ends_with_four(
    words: tuple[str, ...], refusal: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = _run(capsys, "due", *words)
    assert (code, out) == (4, refusal)


@pytest.mark.parametrize(
    "words",
    [
        (*KAZ, "--step", "reply_limit"),
        (*KAZ, *AT),
        ("--step", "reply_limit", *AT),
        (*KAZ, "--step", "reply_limit", *AT, "--procedure", "slow"),
        (*KAZ, "--step", "reply_limit", *AT, "--extension-days", "six"),
    ],
)
def test_misuse_is_two(words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert liaison.cli.main(["agreement", "due", *words]) == 2
    assert capsys.readouterr().out == ""


def test_a_clock_in_calendar_days_does_not_pay_for_the_holidays() -> None:
    script = (
        "import sys, liaison.cli\n"
        "liaison.cli.main(['agreement', 'due', '--agreement', 'EU-SRB', '--step', 'reply_limit',"
        " '--from', '2026-11-23T10:00:00Z'])\n"
        "sys.exit('holidays' in sys.modules or 'tuf' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "2026-12-03" in done.stdout
