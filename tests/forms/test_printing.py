"""The PDF itself, read back by another program, and what stops it from being printed."""

import hashlib
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import liaison.cli
from liaison.forms import printing
from schemas import registry
from schemas.errors import Fault
from tests.forms.test_sheets import TITLES

GEORGIAN = {"kind": "surname", "value": "ტესტიშვილი", "script": "Geor", "language": "ka", "as_on": "viz"}


def _run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = liaison.cli.main(["schema", "form", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def _read(file: Path) -> str:
    assert shutil.which("pdftotext"), "pdftotext is missing; packages.txt names what the tests need"
    done = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, check=True, timeout=60)
    return " ".join(done.stdout.decode().split())


def _payload(tmp_path: Path, payload: dict[str, Any]) -> str:
    file = tmp_path / "payload.json"
    file.write_text(json.dumps(payload, ensure_ascii=False), encoding="utf-8")
    return str(file)


@pytest.mark.real
@pytest.mark.parametrize("kind", sorted(TITLES))
def test_the_blocks_stand_in_order_on_the_paper(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "form.pdf"
    code, printed, err = _run(capsys, kind, "--example", "--pdf", str(out), "--json")
    assert (code, err) == (0, "")
    digest = hashlib.sha256(registry.dump(registry.example(kind))).hexdigest()
    assert json.loads(printed)["message_sha256"] == digest
    text = _read(out)
    places = [text.index(title) for title in TITLES[kind]]
    assert places == sorted(places)
    assert text.index("Signature and seal") > places[-1]
    assert digest in text
    assert "UNCLASSIFIED · no onward dissemination without permission (H2)" in text
    assert "TESTOVYI" in text
    assert "ТЕСТОВИЙ" in text


@pytest.mark.real
def test_three_scripts_can_be_read_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    payload = registry.example("readm.application")
    payload["person"]["identities"][0]["parts"].append(GEORGIAN)
    payload["person"]["birth_place"]["locality"] = "თბილისი"
    out = tmp_path / "form.pdf"
    words = ("--authority", "Служба міграції", "--addressee", "მიგრაციის სამსახური", "--place", "Prymirne")
    code, _, err = _run(
        capsys, "readm.application", _payload(tmp_path, payload), "--pdf", str(out), *words, "--on", "2026-03-26"
    )
    assert (code, err) == (0, "")
    text = _read(out)
    for word in ("ტესტიშვილი", "თბილისი", "ТЕСТОВИЙ", "TESTOVYI IVAN ALEKSANDR", "Служба міграції",
                 "მიგრაციის სამსახური", "Prymirne, 2026-03-26"):  # fmt: skip
        assert word in text


@pytest.mark.real
def test_the_same_message_gives_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [tmp_path / "one.pdf", tmp_path / "two.pdf"]
    for file in files:
        assert _run(capsys, "readm.decision", "--example", "--pdf", str(file))[0] == 0
    one, two = (file.read_bytes() for file in files)
    assert one == two
    assert b"CreationDate" not in one


@pytest.mark.real
def test_signs_without_a_font_are_a_refusal_that_names_the_package(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    payload = registry.example("transit.application") | {"assistance": "\N{CUNEIFORM SIGN A} please"}
    out = tmp_path / "form.pdf"
    with caplog.at_level(logging.DEBUG):
        code, printed, err = _run(capsys, "transit.application", _payload(tmp_path, payload), "--pdf", str(out))
    assert (code, printed) == (1, "")
    assert "no font here has signs of CUNEIFORM; on Debian: apt-get install fonts-noto-core" in err
    assert "\N{CUNEIFORM SIGN A}" not in err + caplog.text
    assert not out.exists()


@pytest.mark.real
@pytest.mark.parametrize(
    "page",
    [
        "<img src='https://example.org/x.png'>",
        "<img src='file:///etc/hostname'>",
        "<link rel=stylesheet href='https://example.org/x.css'>",
        "<style>@import url('file:///etc/hostname')</style>",
        "<style>@font-face { font-family: x; src: url(https://example.org/x.woff) } p { font-family: x }</style><p>x",
        "<a rel=attachment href='file:///etc/hostname'>x</a>",
    ],
)
def test_a_page_that_asks_for_anything_is_not_printed(page: str) -> None:
    from weasyprint.urls import FatalURLFetchingError  # noqa: PLC0415 - only where it is installed

    with pytest.raises(FatalURLFetchingError):
        printing.pdf(page, b"0" * 16)


def test_what_is_missing_is_named_by_its_package() -> None:
    assert "apt-get install libpango-1.0-0" in printing.missing_libraries()
    assert printing.missing_fonts([0x10D0]).endswith("GEORGIAN; on Debian: apt-get install fonts-dejavu-core")
    assert "CYRILLIC, LATIN" in printing.missing_fonts([0x416, 0x41])
    assert printing.missing_fonts([0x1780]).endswith("KHMER; on Debian: apt-get install fonts-noto-core")


def test_a_library_that_cannot_be_loaded_is_said_by_name() -> None:
    """WeasyPrint raises OSError while it is imported; here something that does the same stands in its place."""
    script = (
        "import sys\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'weasyprint': raise OSError('cannot load library')\n"
        "sys.meta_path.insert(0, Broken())\n"
        "import liaison.cli\n"
        "words = ['schema', 'form', 'readm.decision', '--example', '--pdf', 'never.pdf', '--json']\n"
        "sys.exit(liaison.cli.main(words))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"code": "INTERNAL"}
    assert "apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0" in done.stderr


def test_a_fault_repeats_no_sign() -> None:
    assert "\N{CUNEIFORM SIGN A}" not in str(Fault(printing.missing_fonts([0x12000])))


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("no.such.kind", "--example"), 4),
        (("doc.alert", "--example"), 2),
        (("readm.decision",), 2),
        (("readm.decision", "FILE", "--example"), 2),
        (("readm.decision", "--example", "--on", "tomorrow"), 2),
        (("transit.decision", "FILE"), 4),
    ],
)
def test_misuse_prints_nothing(
    words: tuple[str, ...], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "form.pdf"
    file = _payload(tmp_path, registry.example("readm.decision"))
    ended, printed, _ = _run(capsys, *(file if word == "FILE" else word for word in words), "--pdf", str(out))
    assert (ended, printed) == (code, "")
    assert not out.exists()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"outcome": "MAYBE"}, {"code": "CODE_UNKNOWN", "path": "/outcome"}),
        ({"persons_covered": []}, {"code": "FIELD_LENGTH", "path": "/persons_covered"}),
        ({"article": "art. 3 \N{RIGHT-TO-LEFT OVERRIDE}"}, {"code": "NAME_CONTROL_CHAR", "path": "/article"}),
    ],
)
def test_a_malformed_payload_is_refused_by_code_and_place(
    change: dict[str, Any], found: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = _payload(tmp_path, registry.example("readm.decision") | change)
    code, printed, _ = _run(capsys, "readm.decision", file, "--pdf", str(tmp_path / "form.pdf"), "--json")
    assert code == 4
    assert json.loads(printed) == found


def test_other_commands_do_not_pay_for_printing() -> None:
    script = (
        "import sys, liaison.cli\n"
        "liaison.cli.main(['schema', 'show', 'readm.decision', '--example', '--json'])\n"
        "sys.exit('weasyprint' in sys.modules or 'liaison.forms' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False, timeout=60,
                          cwd=Path(__file__).parents[2])  # fmt: skip
    assert done.returncode == 0
