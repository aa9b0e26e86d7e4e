"""What the texts tell people to type exists, and what they link to is there."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

import bootstrap
from liaison.cli import GROUPS

ROOT = Path(__file__).resolve().parents[1]
TEXTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SHELL = frozenset({"cp", "mv", "curl", "scp", "sh", "docker"})
"""Commands of the reader's own machine, which stand around ours in a worked example (docker's: tests/boxes)."""
ASSIGNMENT = re.compile(r"[A-Z_]+=")
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def _typed() -> list[str]:
    lines = (
        line.partition("#")[0].strip()
        for text in TEXTS
        for block in BLOCK.findall(text.read_text())
        for line in block.replace("\\\n", " ").splitlines()
    )
    inline = (
        found
        for text in TEXTS
        for found in re.findall(r"`((?:python3 bootstrap\.py|liaison) [^`]+)`", text.read_text())
    )
    return sorted({line for line in (*lines, *inline) if line})


@pytest.mark.parametrize("line", _typed())
def test_a_command_in_a_text_exists(line: str) -> None:
    words = shlex.split(line.replace("(", "").replace(")", ""))
    if words[0] in SHELL or ASSIGNMENT.match(line):
        return
    if words[:2] == ["python3", "bootstrap.py"]:
        assert words[2] in {"demo", "serve", "test", "check", "bench"}
        assert callable(getattr(bootstrap, words[2]))
    elif words[0].removeprefix(".venv/bin/") == "python" and words[1].endswith(".py"):
        assert (ROOT / words[1]).is_file(), line
    elif words[0].removeprefix(".venv/bin/") == "liaison":
        _assert_command(words[1:])
    else:
        assert words[:2] == ["uv", "pip"], line
        assert words[2] in {"compile", "install"}, line
        assert all((ROOT / word).is_file() for word in words[3:] if word.startswith("requirements/")), line


def _assert_command(words: list[str]) -> None:
    if words[0].startswith("-"):
        assert words[0] in {"--help", "--version"}
        return
    assert words[0] in GROUPS
    command = get_command(import_module(f"liaison.cli.{words[0]}").app)
    rest = words[1:]
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        named = rest.pop(0)
        assert named in command.commands, f"{words[0]} {named}"
        command = command.commands[named]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert {word for word in rest if word.startswith("--")} <= known


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_links_lead_somewhere(text: Path) -> None:
    for target in LINK.findall(text.read_text()):
        assert (text.parent / target).exists(), target


def test_the_readme_names_the_two_commands_first() -> None:
    first = BLOCK.findall((ROOT / "README.md").read_text())[0]
    assert first.split("\n")[:2] == ["python3 bootstrap.py demo", "python3 bootstrap.py test"]


def test_decisions_are_numbered_once_and_have_their_four_parts() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [page.name[:4] for page in pages]
    assert len(set(numbers)) == len(numbers)
    for page in pages:
        text = page.read_text()
        assert text.startswith("# "), page.name
        assert re.search(r"context", text, re.IGNORECASE), page.name
        assert re.search(r"decision", text, re.IGNORECASE), page.name
        assert re.search(r"cost", text, re.IGNORECASE), page.name
