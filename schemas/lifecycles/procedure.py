"""What a life cycle is made of: states and moves as data, and what each kind may do in it (settled.md, Header).

A table holds every move there is; what it does not hold is refused. The hub moves a case by the header's `ixmstep`
alone, for it cannot read payloads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, TypeAlias

Actor: TypeAlias = Literal["opener", "recipients"]

Whose: TypeAlias = Literal["received", "own", "either"]


@dataclass(frozen=True, slots=True)
class State:
    """Where a case can stand.

    Attributes:
        moves: step -> the state it leads to.
        next_actor: who must act next: who opened the case, whom it was opened to, or None for nobody.
        closed: nothing more is expected or possible.
        clocks: key of the agreement's profile whose time runs here -> the state that its end leads to; None where the
            case stays, and is shown as overdue.
        settled: what was asked for has happened; claims may follow, but nobody withdraws the case any more.
        late: steps that come too late: each is taken, flagged LATE, and leaves the case where it stands.
    """

    moves: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    next_actor: Actor | None = None
    closed: bool = False
    clocks: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    late: frozenset[str] = frozenset()
    settled: bool = False


@dataclass(frozen=True, slots=True)
class KindRule:
    """What one kind may do.

    Attributes:
        procedure: whose life cycle it opens or moves.
        replies_to: the kinds it answers; empty for one that opens a case.
        sender_roles: roles that may send it at all; an agreement narrows them.
        steps: the events its `ixmstep` may name.
        facts: the facts its `ixmfacts` gives, all of them and no other.
        may_facts: facts that it gives as well where its payload has them.
        by: which side of the case may send it; None: either.
        about_person: it carries or refers to a person, and so takes exactly one recipient.
        many_recipients: it may take several.
        answers: whose message it refers to: one that its sender received, one of its sender's own, or either.
        to_all: it goes to everybody whom the message it refers to went to.
        beside: it may stand in a case of any procedure (`schemas.lifecycles.beside`).
    """

    procedure: str
    replies_to: tuple[str, ...]
    sender_roles: frozenset[str]
    steps: frozenset[str]
    facts: tuple[str, ...] = ()
    may_facts: tuple[str, ...] = ()
    by: Actor | None = None
    about_person: bool = True
    many_recipients: bool = False
    answers: Whose = "received"
    to_all: bool = False
    beside: bool = False


@dataclass(frozen=True, slots=True)
class Procedure:
    """A life cycle.

    Attributes:
        name: as a case bears it.
        about: one line for the generated page.
        opening: step -> the state a new case has after it.
        states: name -> state.
        rules: the kinds that open and move it.
    """

    name: str
    about: str
    opening: Mapping[str, str]
    states: Mapping[str, State]
    rules: Mapping[str, KindRule]
