"""The clocks of a case: our own, those of the agreement under the profile it began with, and answers owed. Pure.

Guarantees that both are told apart: an agreement's clock counts in the zone of the state asked, says whether what it
rests on is verified, and has no end before the receipt is proven.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal, Protocol, TypeAlias

from schemas import lifecycles
from schemas.agreements.pinned import Pinned, pinned
from schemas.agreements.running import Running, Told, running

CORRECTION: Final = "correction."
"""Begins the name of an answer owed: then come the correction's log entry and its recipient's place, from 0."""

Stage: TypeAlias = Literal["running", "warned", "expired"]
"""What the clock keeper has said of a clock that it keeps: an agreement's, or an answer owed to a correction."""


@dataclass(frozen=True, slots=True)
class CaseClock:
    """What is due in a case.

    Attributes:
        name: one of ours, or the profile's key.
        basis: H hours, CD calendar days, WD working days, M months.
        due: an instant for hours, else the last day that is in time; None until it runs.
        ends_at: the first instant that is too late; None until it runs.
        known: False where nobody can say when it ends.
        requested: the state whose days are counted; None for one of ours, which counts UTC's.
        indicative: whether a number or text behind it is not verified.
        stage: what the log says of it.
        running: how an agreement's clock was counted.
    """

    name: str
    basis: str
    due: datetime | date | None
    ends_at: datetime | None
    known: bool = True
    requested: str | None = None
    indicative: bool = False
    stage: Stage = "running"
    running: Running | None = None

    @property
    def started(self) -> bool:
        """Whether it runs."""
        return self.due is not None

    def expired(self, at: datetime) -> bool:
        """Whether it has run out at this instant (aware)."""
        return self.ends_at is not None and at >= self.ends_at


def ours(clock: lifecycles.Clock | None) -> CaseClock | None:
    """One of our own clocks."""
    return None if clock is None else CaseClock(clock.name, clock.basis, clock.due, clock.ends_at)


def agreed(
    pin: str | None,
    procedure: str,
    state: str,
    messages: Sequence[Told],
    said: Mapping[tuple[str, datetime | None], Stage],
) -> tuple[CaseClock, ...]:
    """The agreement's clocks of a case, the first to end first; none without a profile.

    Args:
        pin: the case's.
        procedure: the case's.
        state: where it stands.
        messages: the opening one first.
        said: what the clock keeper has said of which clock, by key and end.
    """
    profile = pinned(pin)
    if profile is None:
        return ()
    found = [
        _shown(profile, one, said.get((one.key, one.ends_at), "running"))
        for one in running(profile, lifecycles.PROCEDURES[procedure].states[state].clocks, messages)
    ]
    return tuple(sorted(found, key=_order))


class Correcting(Protocol):
    """An accepted message of a case, as far as corrections go."""

    @property
    def index(self) -> int:
        """Of its acceptance."""

    @property
    def kind(self) -> str:
        """As in the header."""

    @property
    def source(self) -> str:
        """Who sent it."""

    @property
    def digest(self) -> str | None:
        """SHA-256(M), hex."""

    @property
    def answers(self) -> str | None:
        """That of the message it refers to."""

    @property
    def received(self) -> Sequence[tuple[str, datetime | None]]:
        """Its recipients, and when each handed it over."""


def owed(messages: Sequence[Correcting], said: Mapping[tuple[str, datetime | None], Stage]) -> tuple[CaseClock, ...]:
    """The answers to corrections of data that are still owed in a case, open or closed; each recipient owes its own.

    Args:
        messages: of the case.
        said: as for `agreed`.
    """
    answered = {(one.answers, one.source) for one in messages if one.kind == "data.correction.done"}
    found = []
    for one in messages:
        if one.kind != "data.correction":
            continue
        for at, (partner, handed_over_at) in enumerate(one.received):
            if (one.digest, partner) not in answered:
                clock, name = lifecycles.correction(handed_over_at), f"{CORRECTION}{one.index}.{at}"
                stage = said.get((name, clock.ends_at), "running")
                found.append(CaseClock(name, clock.basis, clock.due, clock.ends_at, stage=stage))
    return tuple(sorted(found, key=_order))


def moves(clock: str) -> bool:
    """Whether the end of this clock is a matter of the life cycle; else it is said, and the case stays where it is."""
    return not clock.startswith(CORRECTION)


def first(*clocks: CaseClock | None) -> CaseClock | None:
    """What is due next: the first to end; one that runs before one that does not."""
    return min((one for one in clocks if one is not None), key=_order, default=None)


def _shown(profile: Pinned, one: Running, stage: Stage) -> CaseClock:
    return CaseClock(
        one.key,
        one.basis,
        one.due,
        one.ends_at,
        known=one.stand != "unknown",
        requested=profile.requested,
        indicative=one.indicative,
        stage=stage,
        running=one,
    )


def _order(clock: CaseClock) -> tuple[bool, float, str]:
    return clock.ends_at is None, 0.0 if clock.ends_at is None else clock.ends_at.timestamp(), clock.name
