"""The texts of law that messages and clocks rest on, as dated data: a change of law is a change of data, not of code.

A text is named by its CELEX number. Guarantees that what nobody read is not `verified`, and that a text says of a day
whether it applied. Some texts set clocks of their own between states of the Union; those are data here for the programs
there, and no profile's.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from schemas.agreements.period import Extension, Period, parse_extension, parse_period

FILE = Path(__file__).with_name("legal_bases.json")


@dataclass(frozen=True, slots=True)
class LawClock:
    """A clock that a text of law sets itself.

    Attributes:
        article: where it stands.
        period: how long.
        extension: by how much it can be made longer; None when not.
        silence: what silence means; None when the text does not say.
    """

    article: str
    period: Period
    extension: Extension | None
    silence: str | None


@dataclass(frozen=True, slots=True)
class LegalBasis:
    """One text of law.

    Attributes:
        celex: its CELEX number.
        title: short.
        read: what was read of it.
        verified: whether that is the text itself.
        valid_from: the first day it applies; None when the table does not say.
        valid_to: the last day; None while it applies.
        clocks: what it sets.
    """

    celex: str
    title: str
    read: str
    verified: bool
    valid_from: date | None
    valid_to: date | None
    clocks: tuple[LawClock, ...]

    def applies_on(self, day: date) -> bool:
        """Whether nothing known says that it did not apply on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


@cache
def legal_bases() -> Mapping[str, LegalBasis]:
    """Every text, by CELEX number."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return MappingProxyType({celex: parse_basis(celex, row) for celex, row in content["texts"].items()})


def parse_basis(celex: str, row: Mapping[str, Any]) -> LegalBasis:
    """One row. Raises KeyError for a missing member, ValueError for a day there is not, Rejected for a period."""
    return LegalBasis(
        celex,
        row["title"],
        row["read"],
        verified=row["tag"] == "V",
        valid_from=_day(row.get("valid_from")),
        valid_to=_day(row.get("valid_to")),
        clocks=tuple(_clock(article, clock) for article, clock in row.get("clocks", {}).items()),
    )


def _clock(article: str, clock: Mapping[str, Any]) -> LawClock:
    extension = clock.get("extension")
    return LawClock(
        article,
        parse_period({name: clock[name] for name in ("n", "basis")}, article),
        None if extension is None else parse_extension(extension, article),
        clock.get("silence"),
    )


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
