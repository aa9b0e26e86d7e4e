"""`liaison mrz check`: what it prints, how it ends, and that it repeats nothing that was refused."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from liaison.cli import main

Run = Callable[..., tuple[int, Any]]
Write = Callable[..., list[str]]

AT = ("--at", "2026-11-24")


class _Input(io.TextIOWrapper):
    """Standard input that holds these bytes."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(io.BytesIO(raw))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    def call(text: str | bytes, *words: str) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "stdin", _Input(text.encode() if isinstance(text, str) else text))
        code = main(["mrz", "check", *words, "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return call


def test_a_valid_zone(run: Run, write: Write) -> None:
    code, result = run("\n".join(write("TD3")), *AT)
    assert code == 0
    assert result == {
        "format": "TD3",
        "valid": True,
        "findings": [],
        "fields": {
            "document_code": "P",
            "issuer": "UTO",
            "surname": "TESTOVYI",
            "given": "ANNA",
            "name_maybe_truncated": False,
            "number": "AB1234567",
            "nationality": "UTO",
            "birth_date": "1984-02-29",
            "sex": "F",
            "expires_on": "2031-01-15",
            "century_inferred": ["birth_date", "expires_on"],
        },
    }


@pytest.mark.parametrize("ending", ["", "\n", "\r\n", "\n\n  \n"])
def test_line_ends_and_blank_lines_do_not_matter(ending: str, run: Run, write: Write) -> None:
    lines = write("TD1", "I<")
    code, result = run("\r\n".join(f"  {line} " for line in lines) + ending, *AT)
    assert (code, result["format"], result["valid"]) == (0, "TD1", True)


def test_a_warning_is_no_refusal(run: Run, write: Write) -> None:
    code, result = run("\n".join(write("TD3", sex="X")), *AT)
    assert code == 0
    assert result["valid"] is True
    assert result["findings"] == [{"code": "MRZ_SEX_X", "path": "/lines/1", "severity": "warning"}]


def test_of_a_zone_that_does_not_hold_only_proven_fields_are_shown(run: Run, write: Write) -> None:
    lines = write("TD3", number="ZZCANARY7", names="CANARY<<ANNA", optional="CANARY")
    lines[1] = lines[1][:9] + str((int(lines[1][9]) + 1) % 10) + lines[1][10:]
    code, result = run("\n".join(lines), *AT)
    assert code == 4
    assert {"code": "MRZ_CD_NUMBER", "path": "/lines/1", "severity": "error"} in result["findings"]
    assert set(result["fields"]) == {"birth_date", "expires_on", "optional"}
    assert "ZZCANARY" not in json.dumps(result)
    assert "CANARY<<" not in json.dumps(result)


@pytest.mark.parametrize(
    ("text", "format_", "codes"),
    [
        ("", None, {"MRZ_LENGTH"}),
        ("\n\n", None, {"MRZ_LENGTH"}),
        ("CANARY", None, {"MRZ_LENGTH"}),
        ("CANARY\nCANARY", "TD2", {"MRZ_LENGTH"}),
        ("VCANARY\nCANARY", "MRVB", {"MRZ_LENGTH"}),
        ("CANARY\nCANARY\nCANARY", "TD1", {"MRZ_LENGTH"}),
        ("CANARY\n" * 4, None, {"MRZ_LENGTH"}),
        ("canary\n" * 2, "TD2", {"MRZ_LENGTH", "MRZ_CHARSET"}),
        (b"CANARY\xff\n\xfe", "TD2", {"MRZ_LENGTH", "MRZ_CHARSET"}),
        ("CANARY" * 100_000, None, {"MRZ_LENGTH"}),
        ("\N{LINE SEPARATOR}CANARY\0\nCANARY", "TD2", {"MRZ_LENGTH", "MRZ_CHARSET"}),
    ],
)
def test_what_is_no_zone(text: str | bytes, format_: str | None, codes: set[str], run: Run) -> None:
    code, result = run(text, *AT)
    assert code == 4
    assert (result["format"], result["valid"], result["fields"]) == (format_, False, {})
    assert {entry["code"] for entry in result["findings"]} == codes
    assert "CANARY" not in json.dumps(result).upper()


def test_the_format_can_be_named(run: Run, write: Write) -> None:
    code, result = run("\n".join(write("TD3")), "--format", "TD2", *AT)
    assert code == 4
    assert result["format"] == "TD2"
    assert {entry["code"] for entry in result["findings"]} == {"MRZ_LENGTH"}


@pytest.mark.parametrize("words", [("--format", "TD4"), ("--at", "yesterday"), ("--at", "2026-02-30"), ("--colour",)])
def test_usage(words: tuple[str, ...], run: Run, write: Write) -> None:
    code, result = run("\n".join(write("TD3")), *words)
    assert (code, result) == (2, None)


def test_centuries_follow_the_day_given(run: Run, write: Write) -> None:
    text = "\n".join(write("TD3", birth="300101"))
    assert run(text, *AT)[1]["fields"]["birth_date"] == "1930-01-01"
    assert run(text, "--at", "2031-01-01")[1]["fields"]["birth_date"] == "2030-01-01"


def test_the_footnote_stands_beside_the_code(run: Run, write: Write) -> None:
    assert "UNSCR 1244/1999" in run("\n".join(write("TD3", issuer="RKS")), *AT)[1]["fields"]["note"]
    assert "note" not in run("\n".join(write("TD3")), *AT)[1]["fields"]


def test_without_json_a_person_can_read_it(
    write: Write, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = write("TD3", expiry="310230")
    monkeypatch.setattr(sys, "stdin", _Input("\n".join(lines).encode()))
    assert main(["mrz", "check", *AT]) == 4
    out = capsys.readouterr().out
    assert "MRZ_DATE" in out
    assert "310230" not in out
    assert "TESTOVYI" not in out


def test_a_start_imports_nothing_heavy() -> None:
    program = (
        "import io, sys\n"
        "from liaison.cli import main\n"
        "sys.stdin = io.TextIOWrapper(io.BytesIO(b''))\n"
        "main(['mrz', 'check', '--json'])\n"
        "heavy = {'cryptography', 'sqlalchemy', 'fastapi', 'aiohttp', 'rich', 'tuf', 'schemas.registry'}\n"
        "sys.exit(' '.join(sorted(heavy & set(sys.modules))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
