"""The one loader of `tables/`: one file a system, one row a letter, each with its source and whether it was verified.

A system's id is written as ISO 24229 writes them (authority, language, scripts, what it is called); none is registered.
`verified` means that the row was read in public copies of the standard and that none contradicts it; no row was read
in ICAO Doc 9303 itself (domain.md 2.4). Guarantees that where sources contradict each other every reading is a row.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

FOLDER = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True)
class Row:
    """One letter, or letters read together.

    Attributes:
        letters: what is read, in capitals.
        spelling: what is written, A to Z; empty: nothing is.
        source: where the row comes from.
        verified: see the module.
        at: start or end: holds at that end of a word alone; None: anywhere.
        before: holds before one of these letters alone; empty: before anything.
    """

    letters: str
    spelling: str
    source: str
    verified: bool
    at: str | None = None
    before: str = ""

    @property
    def conditional(self) -> bool:
        """Whether it holds in some places alone; there it comes before a row that holds anywhere."""
        return self.at is not None or bool(self.before)

    def holds(self, word: str, start: int) -> bool:
        """Whether it applies to the letters that begin here in the word."""
        end = start + len(self.letters)
        if self.at is not None and (start if self.at == "start" else len(word) - end):
            return False
        return not self.before or word[end : end + 1] in set(self.before)


@dataclass(frozen=True)
class System:
    """One way to write one script in another, for one language or, as `und`, for any without a way of its own."""

    name: str
    title: str
    languages: frozenset[str]
    script: str
    rows: Mapping[str, tuple[Row, ...]]

    @cached_property
    def alphabet(self) -> frozenset[str]:
        """Every letter that some row reads."""
        return frozenset("".join(self.rows))

    @cached_property
    def longest(self) -> int:
        """How many letters are read together at most."""
        return max(map(len, self.rows))


@cache
def systems() -> Mapping[str, System]:
    """Every system: id -> table."""
    return MappingProxyType({path.stem: _system(path.stem) for path in sorted(FOLDER.glob("*.json"))})


def _system(name: str) -> System:
    content = _read(name)
    rows = _rows(content)
    if "extends" in content:
        rows = {**_rows(_read(content["extends"])), **rows}
    return System(name, content["title"], frozenset(content["languages"]), content["script"], MappingProxyType(rows))


def _read(name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


def _rows(content: dict[str, Any]) -> dict[str, tuple[Row, ...]]:
    found: dict[str, tuple[Row, ...]] = {}
    for entry in content["rows"]:
        row = Row(
            entry["from"].upper(),
            entry["to"],
            entry["source"],
            entry["verified"],
            entry.get("at"),
            entry.get("before", ""),
        )
        found[row.letters] = (*found.get(row.letters, ()), row)
    return found
