"""The one loader of the tables in `tables/`: JSON with `title`, `source`, `verified` and one row a code.

A row may hold `valid_from` and `valid_to`, both days included; an absent one leaves that end open. Guarantees that a
table is read once, and that one with a day that does not exist is refused at the first use rather than misjudged later.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

FOLDER = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True)
class Row:
    """One code.

    Attributes:
        code: the code.
        valid_from: first day on which it held; None: always before.
        valid_to: last day on which it held; None: it holds.
        says: what else the table says of it.
    """

    code: str
    valid_from: date | None
    valid_to: date | None
    says: Mapping[str, str]

    def held_on(self, day: date | None) -> bool:
        """Whether it held on a day; None asks whether it holds until further notice."""
        if day is None:
            return self.valid_to is None
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of codes, and how far it can be trusted."""

    title: str
    source: str
    verified: bool
    rows: Mapping[str, Row]


@cache
def table(name: str) -> Table:
    """The table of this name. Raises FileNotFoundError for a name that has no file."""
    content = read(name)
    return Table(content["title"], content["source"], content["verified"], rows(content["codes"]))


def read(name: str) -> dict[str, Any]:
    """A table's JSON. Raises FileNotFoundError for a name that has no file."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return content


def rows(codes: Mapping[str, Mapping[str, str]]) -> Mapping[str, Row]:
    """Rows with their days read. Raises ValueError for a day that does not exist."""
    return MappingProxyType({code: _row(code, entry) for code, entry in codes.items()})


def _row(code: str, entry: Mapping[str, str]) -> Row:
    says = {name: value for name, value in entry.items() if name not in {"valid_from", "valid_to"}}
    return Row(code, _day(entry, "valid_from"), _day(entry, "valid_to"), MappingProxyType(says))


def _day(entry: Mapping[str, str], name: str) -> date | None:
    return date.fromisoformat(entry[name]) if name in entry else None
