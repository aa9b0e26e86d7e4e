"""States, issuers and nationalities: ISO 3166-1, what ICAO Doc 9303 adds, and the codes of states that are no more.

A code is never guessed at: `DE`, `deu` and `Germany` are no states. Germany is DEU everywhere but inside
machine-readable lines, where it is D (domain.md 11.0). RKS stands for Kosovo; this designation is without prejudice to
positions on status, and is in line with UNSCR 1244/1999 and the ICJ Opinion on the Kosovo declaration of independence.
What is dated is asked with a day; without one the question is whether the code stands until further notice.
"""

from collections.abc import Mapping
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Final

from schemas.codes.tables import Row, read, rows, table

SPECIMEN: Final = "UTO"
"""The state of specimen documents; accepted in tests alone."""

_NAMES_KOSOVO: Final = frozenset({"RKS", "UNK"})
"""Kosovo, and its residents with a document of the United Nations' mission."""

TABLES: Final = ("retired", "icao", "iso")
"""The lists whose codes are states, issuers or nationalities."""


def is_state(code: str, day: date | None = None) -> bool:
    """Whether a state or territory bears this code: on that day, or today without one."""
    return _used(code, day, {"state"})


def is_issuer(code: str, day: date | None = None) -> bool:
    """Whether a document of that day can be issued under this code. Without a day, old documents count.

    D is one: the caller decides whether it stands inside machine-readable lines.
    """
    if day is None:
        row = _known().get(code)
        return row is not None and row.says["use"] in {"state", "issuer", "zone"}
    return _used(code, day, {"state", "issuer", "zone"})


def is_nationality(code: str, day: date | None = None) -> bool:
    """Whether this code can stand for a nationality, or for having none (XXA, XXB, XXC, XXX)."""
    return _used(code, day, {"state", "issuer", "zone", "nationality"})


def is_alpha2(code: str) -> bool:
    """Whether a state of today has these two letters; XK and UT are ours for RKS and UTO."""
    return code in _by_alpha2()


def alpha2(code: str) -> str | None:
    """The two letters of a state of today; None for any other code."""
    row = _known().get(code)
    return row.says.get("alpha2") if row is not None and row.held_on(None) else None


def from_alpha2(letters: str) -> str | None:
    """The state of today with these two letters; None for letters that are no state's."""
    return _by_alpha2().get(letters)


def from_zone(code: str) -> str:
    """The code outside machine-readable lines: DEU for D, any other as it is."""
    row = _known().get(code)
    return row.says.get("iso", code) if row is not None else code


def in_zone(code: str) -> str:
    """The code inside machine-readable lines: D for DEU, any other as it is."""
    return _zone_codes().get(code, code)


def footnote(code: str) -> str | None:
    """What has to be said wherever this code is shown to a person; None for nearly all."""
    return _known()["RKS"].says["note"] if code in _NAMES_KOSOVO else None


def bound_by(system: str, state: str, day: date) -> bool:
    """Whether a state was bound by a text of EU law on a day.

    Args:
        system: EU (member states), SCHENGEN (the acquis in full), OWN_90_180 (states that count short stays by
            themselves), DUBLIN_EURODAC, EES, VIS, SIS (return alerts) or EURODAC.
        state: ISO alpha-3; a code that is in no table is bound by nothing.
        day: the civil date.

    Raises:
        KeyError: there is no such text.
    """
    row = binding(system, state)
    return row is not None and row.held_on(day)


def binding(system: str, state: str) -> Row | None:
    """From when to when a text binds a state, and what else is said of that; None for one never bound.

    Raises:
        KeyError: there is no such text.
    """
    return _bound()[system].get(state)


def bound(system: str, day: date) -> frozenset[str]:
    """The states bound by a text of EU law on a day. Raises KeyError as `bound_by` does."""
    return frozenset(state for state, row in _bound()[system].items() if row.held_on(day))


def _used(code: str, day: date | None, uses: set[str]) -> bool:
    row = _known().get(code)
    return row is not None and row.says["use"] in uses and row.held_on(day)


@cache
def _known() -> Mapping[str, Row]:
    return MappingProxyType({code: row for name in TABLES for code, row in table(name).rows.items()})


@cache
def _by_alpha2() -> Mapping[str, str]:
    held = (row for row in _known().values() if "alpha2" in row.says and row.held_on(None))
    return MappingProxyType({row.says["alpha2"]: row.code for row in held})


@cache
def _zone_codes() -> Mapping[str, str]:
    return MappingProxyType({row.says["iso"]: row.code for row in _known().values() if "iso" in row.says})


@cache
def _bound() -> Mapping[str, Mapping[str, Row]]:
    return MappingProxyType({name: rows(text["states"]) for name, text in read("bound")["texts"].items()})
