"""`liaison schema`: what it prints, how it ends, and that it never repeats a value."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from liaison.cli import main
from schemas import registry

Changed = Callable[..., dict[str, Any]]
Run = Callable[..., tuple[int, Any]]

CANARY = "ZZCANARY77"
AT = ("--at", "2026-04-01T12:00:00Z")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object) -> tuple[int, Any]:
        code = main(["schema", *map(str, words), "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return call


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def to_file(payload: object, name: str = "message.json") -> Path:
        file = tmp_path / name
        file.write_text(payload if isinstance(payload, str) else json.dumps(payload), encoding="utf-8")
        return file

    return to_file


def test_a_valid_file(run: Run, write: Callable[..., Path]) -> None:
    code, result = run("check", write(registry.example("ident.request")), *AT)
    assert (code, result) == (0, {"valid": True, "findings": []})


def test_an_invalid_file(run: Run, write: Callable[..., Path], changed: Changed) -> None:
    code, result = run("check", write(changed("ident.request", {"/person/sex": CANARY})), *AT)
    assert code == 4
    assert result == {
        "valid": False,
        "findings": [{"code": "CODE_UNKNOWN", "path": "/person/sex", "severity": "error"}],
    }


def test_several_files_give_a_list(run: Run, write: Callable[..., Path]) -> None:
    good = write(registry.example("doc.alert"), "a.json")
    bad = write("{", "b.json")
    code, result = run("check", good, bad, *AT)
    assert code == 4
    assert [entry["valid"] for entry in result] == [True, False]
    assert result[1]["findings"] == [{"code": "JSON_INVALID", "path": "", "severity": "error"}]


def test_a_warning_does_not_refuse(run: Run, write: Callable[..., Path], changed: Changed) -> None:
    code, result = run("check", write(changed("ident.request", {"/evidence/0/note": "asylum"})), *AT)
    assert code == 0
    assert result["valid"] is True
    assert result["findings"] == [{"code": "FREETEXT_HOLD", "path": "/evidence/0/note", "severity": "warning"}]


def test_states_switch_the_safeguards_on(run: Run, write: Callable[..., Path]) -> None:
    file = write(registry.example("visa.overstay.notice"))
    assert run("check", file, "--from", "AUT", "--to", "DEU", *AT)[0] == 0
    code, result = run("check", file, "--from", "AUT", "--to", "UKR", *AT)
    assert code == 4
    assert {"SG2", "SG5"} <= {finding["code"] for finding in result["findings"]}


def test_options(run: Run, write: Callable[..., Path]) -> None:
    request = write(registry.example("doc.verify.request"), "request.json")
    reply = write(registry.example("doc.verify.reply"), "reply.json")
    assert run("check", reply, "--parent", request, *AT)[0] == 0
    assert run("check", request, "--purpose", "VISAVER", "--agreement", "TEST-AUT-MDA", *AT)[0] == 0
    assert run("check", request, "--purpose", "LE", *AT)[0] == 4
    assert run("check", request, "--live", *AT)[0] == 4
    assert run("check", request, "--at", "2020-01-01T00:00:00Z")[0] == 4


@pytest.mark.parametrize(
    "words",
    [
        ("--from", CANARY),
        ("--to", "ZZZ"),
        ("--to", "AT"),
        ("--at", "yesterday"),
        ("--at", "2026-04-01T12:00:00"),
        ("--purpose", CANARY),
        ("--agreement", "a b"),
        ("--bogus",),
    ],
)
def test_wrong_usage(words: tuple[str, ...], write: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "check", str(write(registry.example("doc.alert"))), *words]) == 2
    assert CANARY not in capsys.readouterr().out


def test_a_missing_file_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "check", str(tmp_path / "nothing.json")]) == 1
    assert "nothing.json" in capsys.readouterr().err


def test_no_output_repeats_a_value(write: Callable[..., Path], changed: Changed) -> None:
    payload = changed(
        "visa.overstay.notice",
        {
            "/person/identities/0/parts/0/value": f"{CANARY}\u202e",
            "/document/number": f"{CANARY}/",
            "/visa/mrz/lines/1": CANARY,
            "/status": CANARY,
            f"/{CANARY} \n": CANARY,
            "/stays/0/entry/at": CANARY,
            "/detected_at": [CANARY],
        },
    )
    for form in (["--json"], []):
        for parties in (["--from", "AUT", "--to", "UKR"], []):
            ended = subprocess.run(
                [sys.executable, "-m", "liaison", "schema", "check", str(write(payload)), *form, *parties],
                capture_output=True,
                text=True,
                check=False,
                timeout=60,
            )
            assert ended.returncode == 4
            assert CANARY not in ended.stdout + ended.stderr


def test_a_start_imports_nothing_heavy(write: Callable[..., Path]) -> None:
    script = (
        "import sys; from liaison.cli import main; code = main(sys.argv[1:]);"
        "print(code, sorted(set(sys.modules) & set('cryptography fastapi sqlalchemy aiohttp rich tuf jinja2 uvicorn"
        " jsonschema structlog hub adapters keys'.split())))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, "schema", "check", str(write(registry.example("doc.alert"))), "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert ended.stdout.splitlines()[-1] == "0 []"


def test_show_and_list(run: Run, kind: str) -> None:
    assert run("show", kind, "--example") == (0, registry.example(kind))
    code, schema = run("show", kind)
    assert code == 0
    assert schema["$id"] == registry.kind(kind).schema_id
    code, listed = run("list")
    assert code == 0
    assert [entry["kind"] for entry in listed] == list(registry.KINDS)


def test_an_unknown_kind(run: Run) -> None:
    assert run("show", "ident.riddle", "--example") == (4, {"code": "KIND_UNKNOWN", "path": "/kind"})


def test_standard_input() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "liaison", "schema", "check", "-", "--json"],
        input=json.dumps(registry.example("ident.reply")),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["valid"] is True


def test_what_the_case_holds_is_told(run: Run, write: Callable[..., Path], changed: Changed) -> None:
    application = write(registry.example("readm.application"), "application.json")
    decision = write(changed("readm.decision", {"/persons_covered": ["p1", "s7"]}), "decision.json")
    assert run("check", decision, *AT)[0] == 0
    code, result = run("check", decision, *AT, "--earlier", application)
    assert code == 4
    assert result["findings"] == [
        {"code": "PERSON_NOT_IN_APPLICATION", "path": "/persons_covered/1", "severity": "error"}
    ]


def test_an_earlier_message_that_is_none(run: Run, write: Callable[..., Path]) -> None:
    file = write(registry.example("readm.decision"))
    assert run("check", file, "--earlier", write(f"{CANARY}", "broken.json"))[0] == 2
