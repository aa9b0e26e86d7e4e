"""Measures the free-text guard over the invented corpus beside this file.

    python tests/guard/measure.py            the tables of docs/free-text-guard.md
    python tests/guard/measure.py --write    puts them into that page
    python tests/guard/measure.py --misses   the lines it judged wrongly, of the tuning part alone

A line is caught when the safeguards hold or refuse a payload for a third country because of it. The misses of `tuning`
lines were looked at while the word lists grew, those of `check` lines were not, but both were written before. `fresh`
lines were written after the lists had been frozen: theirs is the figure to believe. Once somebody grows the lists
because of them, they belong to `tuning`, and new ones are written.
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from schemas import registry  # noqa: E402 - found through the line above when run as a script
from schemas.parts.context import CheckContext  # noqa: E402

CORPUS: Final = Path(__file__).parent / "corpus.jsonl"
PAGE: Final = ROOT / "docs" / "free-text-guard.md"
PARTS: Final = ("tuning", "check", "fresh")
NOTE: Final = "/evidence/0/note"
TOPICS: Final = ("asylum", "health", "trafficking", "classified")
CONTEXT: Final = CheckContext(at=datetime(2026, 11, 25, tzinfo=UTC), sender_state="AUT", recipient_states=("MDA",))

_BEGIN, _END = "<!-- measured -->\n", "<!-- end -->\n"


@dataclass(frozen=True, slots=True)
class Line:
    """One invented text.

    Attributes:
        language: BCP 47.
        topic: what it tells of; `innocent`: nothing that may not be told.
        oblique: tells it without any of the subject's own words.
        part: tuning, check or fresh; see the module.
        text: what an officer wrote.
    """

    language: str
    topic: str
    oblique: bool
    part: str
    text: str

    @property
    def innocent(self) -> bool:
        """Whether holding it would be wrong."""
        return self.topic == "innocent"

    @property
    def caught(self) -> bool:
        """Whether the guard holds or refuses it."""
        return _caught(self.text)


@cache
def _caught(text: str) -> bool:
    payload: dict[str, Any] = registry.example("ident.request")
    payload["evidence"][0]["note"] = text
    found = registry.check(payload, CONTEXT)
    return any(finding.path == NOTE and finding.code in {"FREETEXT_HOLD", "CLASSIFIED"} for finding in found)


@cache
def corpus() -> tuple[Line, ...]:
    """Every line, in the file's order."""
    return tuple(Line(**json.loads(line)) for line in CORPUS.read_text(encoding="utf-8").splitlines())


def share(lines: Iterable[Line]) -> tuple[int, int]:
    """(caught, all) of some lines."""
    found = [line.caught for line in lines]
    return sum(found), len(found)


def tables() -> str:
    """What was measured, as the page shows it."""
    languages = list(dict.fromkeys(line.language for line in corpus()))
    return "\n".join(
        [
            "| Language | Recall | Fresh lines alone | Oblique lines | False holds |",
            "|---|---|---|---|---|",
            *(_row(name, [line for line in corpus() if line.language == name]) for name in languages),
            _row("all", list(corpus())),
            "",
            "| Topic | Recall | Fresh lines alone | Oblique lines |",
            "|---|---|---|---|",
            *(_row(topic, [line for line in corpus() if line.topic == topic]) for topic in TOPICS),
            "",
        ]
    )


def _row(name: str, lines: list[Line]) -> str:
    telling = plain(lines)
    cells = [telling, [line for line in telling if line.part == "fresh"], [line for line in lines if line.oblique]]
    if any(line.innocent for line in lines):
        cells.append(innocent(lines))
    return f"| {name} | {' | '.join(_shown(cell) for cell in cells)} |"


def plain(lines: Iterable[Line]) -> list[Line]:
    """Those that tell something in the subject's own words."""
    return [line for line in lines if not line.innocent and not line.oblique]


def innocent(lines: Iterable[Line]) -> list[Line]:
    """Those that must pass."""
    return [line for line in lines if line.innocent]


def _shown(lines: list[Line]) -> str:
    caught, number = share(lines)
    return f"{100 * caught / number:.0f} % ({caught}/{number})" if number else "-"


def page(text: str) -> str:
    """The page with the tables of now."""
    before, rest = text.split(_BEGIN)
    return before + _BEGIN + tables() + _END + rest.split(_END)[1]


if __name__ == "__main__":
    if "--misses" in sys.argv:
        for wrong in corpus():
            if wrong.part == "tuning" and wrong.caught == wrong.innocent:
                sys.stdout.write(f"{wrong.language} {wrong.topic}: {wrong.text}\n")
    elif "--write" in sys.argv:
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        sys.stdout.write(tables())
