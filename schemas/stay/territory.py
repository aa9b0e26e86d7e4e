"""Which days of a stay count together, and which for one state alone: the territory as it was on each day.

The territory is that of the Schengen acquis in full (`SCHENGEN` of the dated table). Days in a state before it came in
do not count with the others; where that state counted 90 days in 180 by itself (`OWN_90_180`: Bulgaria, Romania and
Croatia before they came in, Cyprus still) it has an account of its own. A stay that names no state is inside.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Literal, TypeAlias

from schemas.codes import states
from schemas.stay.days import Stay, last_day

Border: TypeAlias = Literal["air", "land", "sea"]

TERRITORY = "SCHENGEN"
APART = "OWN_90_180"


def inside(stays: Iterable[Stay]) -> list[Stay]:
    """The stays, ended ones, as far as they were in the territory: those days of each that count together."""
    return [kept for stay in stays for kept in ([stay] if stay.state is None else _within(TERRITORY, stay))]


def apart(stays: Iterable[Stay]) -> dict[str, list[Stay]]:
    """State -> the stays there, ended ones, as far as it counted them by itself; states in order."""
    found: dict[str, list[Stay]] = {}
    for stay in stays:
        if stay.state is not None and (kept := _within(APART, stay)):
            found.setdefault(stay.state, []).extend(kept)
    return dict(sorted(found.items()))


def internal(state: str, border: Border, day: date) -> bool:
    """Whether a border of that kind between this state and the others was an internal one on a day.

    Bulgaria and Romania had land borders with checks until the end of 2024, though days there counted already.
    """
    row = states.binding(TERRITORY, state)
    if row is None or not row.held_on(day):
        return False
    later = row.says.get(f"{border}_from")
    return later is None or date.fromisoformat(later) <= day


def since(state: str) -> date | None:
    """The first day on which days there counted with the others'; None for a state outside."""
    row = states.binding(TERRITORY, state)
    return None if row is None else row.valid_from


def _within(text: str, stay: Stay) -> list[Stay]:
    """The part of a stay on days on which its state was bound by a text; nothing where there is none."""
    row = states.binding(text, stay.state or "")
    if row is None:
        return []
    first = max(stay.entry, row.valid_from or date.min)
    last, until = last_day(stay), row.valid_to or date.max
    kept = replace(stay, entry=first, exit=min(last, until), exit_state=stay.exit_state if last <= until else None)
    return [kept] if first <= min(last, until) else []
