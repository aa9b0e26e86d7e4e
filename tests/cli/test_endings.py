"""What every command shares: lazy groups, exit codes, one JSON document, nothing echoed."""

import json
import subprocess
import sys
from datetime import UTC, datetime

import pytest
import typer

import liaison.cli
from liaison.cli import output
from schemas.errors import Fault, Rejected, Unavailable

SECRET = "UT-CANARY-4711"


def _app(error: BaseException | None = None, ending: int | None = None, name: str = "go") -> typer.Typer:
    app = output.group("for tests")

    @app.command(name)
    def go(as_json: bool = typer.Option(False, "--json")) -> int | None:
        """Go."""
        if error is not None:
            raise error
        output.emit({"done": True}, as_json)
        return ending

    return app


@pytest.mark.parametrize(
    ("error", "code", "printed"),
    [
        (Rejected("NO_AGREEMENT"), 4, {"code": "NO_AGREEMENT"}),
        (Rejected("FIELD_TYPE", "/a/b"), 4, {"code": "FIELD_TYPE", "path": "/a/b"}),
        (Rejected("PROOF_INVALID"), 3, {"code": "PROOF_INVALID"}),
        (Rejected("LOG_INCONSISTENT"), 3, {"code": "LOG_INCONSISTENT"}),
        (Unavailable("STORE_UNAVAILABLE"), 5, {"code": "STORE_UNAVAILABLE"}),
        (Fault("the log's head is gone"), 1, {"code": "INTERNAL"}),
        (ValueError(SECRET), 1, {"code": "INTERNAL"}),
        (ExceptionGroup("tasks", [ExceptionGroup("inner", [Rejected("EXPIRED")])]), 4, {"code": "EXPIRED"}),
    ],
)
def test_errors_become_exit_codes_and_one_document(
    error: BaseException, code: int, printed: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert output.run(_app(error), ["go", "--json"], name="t") == code
    captured = capsys.readouterr()
    assert json.loads(captured.out) == printed
    assert captured.err
    assert SECRET not in captured.out + captured.err


def test_without_json_errors_leave_standard_output_empty(capsys: pytest.CaptureFixture[str]) -> None:
    assert output.run(_app(Rejected("EXPIRED")), ["go"], name="t") == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "EXPIRED" in captured.err


def test_a_command_may_name_its_own_ending(capsys: pytest.CaptureFixture[str]) -> None:
    assert output.run(_app(ending=output.ExitCode.NOT_VERIFIED), ["go", "--json"], name="t") == 3
    assert json.loads(capsys.readouterr().out) == {"done": True}


@pytest.mark.parametrize("arguments", [["og"], ["go", "--jsno"], ["go", "more"]])
def test_misuse_is_exit_code_two_and_says_what_was_meant(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert output.run(_app(), arguments, name="t") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Error:" in captured.err


def test_an_unknown_group_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert liaison.cli.main(["agrement", "list"]) == 2
    assert "Did you mean 'agreement'?" in capsys.readouterr().err


def test_help_lists_every_group_and_imports_none() -> None:
    script = (
        "import sys, liaison.cli\n"
        "assert liaison.cli.main(['--help']) == 0\n"
        "loaded = {name for name in sys.modules if name.startswith(('liaison.cli.', 'typer', 'rich', 'pydantic'))}\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    for group in liaison.cli.GROUPS:
        assert f"  {group} " in done.stdout


def test_values_of_every_kind_are_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit({"at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "digest": b"\x01\xff", "set": {2, 1}}, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"at": "2026-01-02T03:04:05Z", "digest": "01ff", "set": [1, 2]}


def test_text_for_people_cannot_drive_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit([{"name": "a\x1b[2Jb", "more": None}, {"name": "c", "more": True}])
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert printed.splitlines()[0].split() == ["NAME", "MORE"]
