"""Settings, log events, failpoints, and the server's address rule."""

import io
import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.errors import Rejected
from service import logs
from service.server import TLS, check_address, tls_of
from service.settings import Settings, settings_config


class Example(Settings):
    model_config = settings_config("LIAISON_EXAMPLE_")

    port: int = 1
    wait_seconds: float = 1.0
    place: Path = Path()


def test_the_command_line_wins_then_the_environment_then_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "s.toml"
    file.write_text("port = 2\nwait_seconds = 2.0\n")
    monkeypatch.setenv("LIAISON_EXAMPLE_PORT", "3")
    assert Example.load(file) == Example(port=3, wait_seconds=2.0)
    assert Example.load(file, port=4, place=None).port == 4
    monkeypatch.delenv("LIAISON_EXAMPLE_PORT")
    assert Example.load().port == 1


@pytest.mark.parametrize(
    ("text", "code", "path"),
    [
        ("prot = 1", "FIELD_UNKNOWN", "/prot"),
        ("port = 'canary'", "FIELD_RANGE", "/port"),
        ("port = ", "FIELD_PATTERN", None),
    ],
)
def test_a_wrong_setting_is_named_and_its_value_is_not(tmp_path: Path, text: str, code: str, path: str | None) -> None:
    file = tmp_path / "s.toml"
    file.write_text(text)
    with pytest.raises(Rejected) as refused:
        Example.load(file)
    assert (refused.value.code, refused.value.path) == (code, path)
    assert "canary" not in str(refused.value)


def test_log_events_hold_listed_fields_and_no_free_text(monkeypatch: pytest.MonkeyPatch) -> None:
    err = io.StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    logs.configure("test")
    try:
        logs.log.info("a.b", partner="test-aut", reason="born on 1 May, Utopia")
        logs.log.error("a.c", ValueError("canary"))
        logging.getLogger("uvicorn.error").error("canary %s", "canary")
        with pytest.raises(ValueError, match="not listed"):
            logs.log.info("a.b", name="x")
    finally:
        logging.getLogger().handlers.clear()
    lines = [json.loads(line) for line in err.getvalue().splitlines()]
    assert lines[0]["partner"] == "test-aut"
    assert lines[0]["reason"] == "<21>"
    assert lines[1]["error"] == "ValueError"
    assert "canary" not in err.getvalue()


def test_a_failpoint_ends_the_process_the_nth_time() -> None:
    program = "from service.failpoints import reach\nfor i in range(5): print(i, flush=True); reach('x')"
    for spec, last in (("x", "0"), ("x:3", "2"), ("y,x:2", "1"), ("y", "4"), ("", "4")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"LIAISON_FAILPOINT": spec},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stdout.split()[-1] == last
        assert done.returncode == (0 if last == "4" else -9)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "hub.example"])  # noqa: S104 - refused
def test_plain_http_is_for_loopback(host: str) -> None:
    with pytest.raises(Rejected, match="TLS_REQUIRED"):
        check_address(host, None)
    check_address(host, TLS(Path("c"), Path("k")))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_loopback_needs_no_tls(host: str) -> None:
    check_address(host, None)


@pytest.mark.parametrize(
    ("certificate", "key", "missing"), [(None, Path("k"), "/tls_certificate"), (Path("c"), None, "/tls_key")]
)
def test_half_of_what_tls_needs_is_no_plain_http(certificate: Path | None, key: Path | None, missing: str) -> None:
    with pytest.raises(Rejected, match="TLS_REQUIRED") as refusal:
        tls_of(certificate, key)
    assert refusal.value.path == missing


def test_both_or_neither_of_what_tls_needs() -> None:
    assert tls_of(None, None) is None
    assert tls_of(Path("c"), Path("k")) == TLS(Path("c"), Path("k"))
