"""A case, folded from its leaves and the signed headers of its messages: state, ladder, clock, who must act. Pure.

Guarantees that the same leaves and headers always give the same case, in whichever portions they are folded, and that
nothing of a person or a handle is in it: a header gives step and facts alone. A case whose key was destroyed has no
headers any more; it folds to a tombstone, which keeps parties, procedure and instants, for those stand in the leaves.

What moves a case are accepted messages; what moves a message along its recipient's ladder is the hub's word that the
edge took it and the edge's signed word what became of it (settled.md, Log).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Literal, TypeAlias

from keys.proofs.leaf import Leaf
from schemas import lifecycles
from schemas.envelope import Header
from schemas.errors import Fault, Rejected

ERASED = "erased"
"""The state of a tombstone."""

Reached: TypeAlias = Literal["accepted", "parked", "consigned", "failed", "handed_over"]


@dataclass(frozen=True, slots=True)
class Rung:
    """How far a message got with one recipient. Instants are those of the leaves, `index` is the last such leaf's.

    `code` says why it was parked or failed.
    """

    partner: str
    index: int
    reached: Reached = "accepted"
    consigned_at: datetime | None = None
    handed_over_at: datetime | None = None
    failed_at: datetime | None = None
    opened_at: datetime | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """An accepted message of a case: its acceptance's index, and its recipients' ladders in the header's order.

    `late`: it came too late to change anything (a decision after consent by silence was claimed).
    """

    index: int
    at: datetime
    kind: str
    source: str
    step: str | None
    rungs: tuple[Rung, ...]
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    late: bool = False

    @property
    def handed_over_at(self) -> datetime | None:
        """When the last of its recipients handed it over; None while one has not."""
        instants = [rung.handed_over_at for rung in self.rungs]
        return None if None in instants else max(filter(None, instants))


@dataclass(frozen=True, slots=True)
class Case:
    """Where a case stands. `row` is the index of its opening message's acceptance; `parties` has the opener first."""

    row: int
    parties: tuple[str, ...]
    procedure: str
    state: str
    messages: tuple[Message, ...]

    @property
    def erased(self) -> bool:
        """Whether its key was destroyed."""
        return self.state == ERASED

    @property
    def closed(self) -> bool:
        """Whether nothing more is expected or possible."""
        return self.erased or lifecycles.PROCEDURES[self.procedure].states[self.state].closed

    @property
    def last(self) -> int:
        """The index of its last message's acceptance."""
        return self.messages[-1].index

    @property
    def clock(self) -> lifecycles.Clock | None:
        """What is due next."""
        if self.erased:
            return None
        opening = self.messages[0]
        return lifecycles.next_clock(self.procedure, self.state, opening.facts, opening.handed_over_at)

    @property
    def next_actors(self) -> tuple[str, ...]:
        """The partners who must act next."""
        return () if self.erased else actors(self.procedure, self.state, self.parties)


def actors(procedure: str, state: str, parties: tuple[str, ...]) -> tuple[str, ...]:
    """The partners who must act next in a case that stands there; `parties` has the opener first."""
    return acting(lifecycles.PROCEDURES[procedure].states[state].next_actor, parties)


def acting(actor: lifecycles.Actor | None, parties: tuple[str, ...]) -> tuple[str, ...]:
    """The partners whom a life cycle's word means."""
    match actor:
        case "opener":
            return parties[:1]
        case "recipients":
            return parties[1:]
        case None:
            return ()


def after(case: Case | None, index: int, leaf: Leaf, header: Header | None) -> Case:
    """The case once this leaf is part of it.

    Args:
        case: as its earlier leaves left it; None for one that the leaf opens.
        index: the leaf's.
        leaf: one of this case: a message's acceptance, or one whose `prev` names an accepted message of it.
        header: the accepted message's; None for other leaves, and where the case's key is destroyed.

    Raises:
        Fault: the leaf cannot be the next of this case.
    """
    if leaf.event == "SubmissionAcceptance":
        return _accepted(case, index, leaf, header)
    if case is None:
        raise Fault("a case does not begin with a message")
    return replace(case, messages=tuple(_moved(message, index, leaf) for message in case.messages))


def handover_due(case: Case, message: Message, deadline: timedelta) -> datetime:
    """By when each recipient must have said what became of the message, else somebody should ask.

    The deadline is the setting's, or the hours within which the kind's urgency demands an answer when these are fewer.
    """
    due = message.at + deadline
    if message is case.messages[0] and not case.erased:
        opened = lifecycles.PROCEDURES[case.procedure].opening.get(message.step or "", case.state)
        clock = lifecycles.next_clock(case.procedure, opened, message.facts, message.at)
        if clock is not None and clock.basis == "H" and clock.ends_at is not None:
            due = min(due, clock.ends_at)
    return due


def withheld(rung: Rung) -> bool:
    """Whether the recipient's edge has not yet said what became of the message."""
    return rung.handed_over_at is None and rung.failed_at is None


def _accepted(case: Case | None, index: int, leaf: Leaf, header: Header | None) -> Case:
    rule = lifecycles.RULES.get(leaf.type or "")
    if leaf.source is None or rule is None:
        raise Fault("an acceptance in the log names no kind we know")
    message = Message(
        index,
        leaf.at,
        leaf.type or "",
        leaf.source,
        header.step if header else None,
        tuple(Rung(partner, index) for partner in leaf.to),
        header.facts if header else MappingProxyType({}),
        case is not None and header is not None and lifecycles.is_late(case.procedure, case.state, header.step or ""),
    )
    state = ERASED
    if header is not None:
        try:
            state = (
                lifecycles.advance(rule.procedure, None, header.step or "")
                if case is None
                else lifecycles.advance(case.procedure, case.state, header.step or "")  # the case's: see beside
            )
        except Rejected as error:
            raise Fault("the log has a step that no life cycle knows") from error
    if case is None:
        return Case(index, (leaf.source, *leaf.to), rule.procedure, state, (message,))
    return replace(case, state=state, messages=(*case.messages, message))


def _moved(message: Message, index: int, leaf: Leaf) -> Message:
    if leaf.prev != message.index or leaf.event not in _LADDER:
        return message
    partner = leaf.to[0] if leaf.event in _SAID_BY_THE_HUB else leaf.source
    return replace(
        message,
        rungs=tuple(_climbed(rung, index, leaf) if rung.partner == partner else rung for rung in message.rungs),
    )


def _climbed(rung: Rung, index: int, leaf: Leaf) -> Rung:
    match leaf.event:
        case "ContentConsignmentFailure":
            return replace(rung, index=index, reached="parked", code=leaf.code)
        case "ContentConsignment":
            return replace(rung, index=index, reached="consigned", consigned_at=leaf.at, code=None)
        case "ContentHandoverFailure":
            return replace(rung, index=index, reached="failed", failed_at=leaf.at, code=leaf.code)
        case "ContentHandover":
            return replace(rung, index=index, reached="handed_over", handed_over_at=leaf.at, code=None)
        case _:
            return replace(rung, index=index, opened_at=rung.opened_at or leaf.at)


_SAID_BY_THE_HUB = frozenset({"ContentConsignment", "ContentConsignmentFailure"})
_LADDER = _SAID_BY_THE_HUB | {"ContentHandover", "ContentHandoverFailure", "ContentAccessTracking"}
