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
from typing import Final, Literal, TypeAlias

from hub.cases import clocks
from hub.cases.clocks import CaseClock, Stage
from keys.proofs.leaf import Leaf
from schemas import lifecycles
from schemas.envelope import Header
from schemas.errors import Fault, Rejected

ERASED = "erased"
"""The state of a tombstone."""

CERTIFIED: Final = "certified"

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
    handed_over_index: int | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """An accepted message of a case: its acceptance's index, and its recipients' ladders in the header's order.

    `late`: it came too late to change anything (a decision after consent by silence was claimed). `digest` is its
    SHA-256(M), `answers` that of the message it refers to.
    """

    index: int
    at: datetime
    kind: str
    source: str
    step: str | None
    rungs: tuple[Rung, ...]
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    late: bool = False
    digest: str | None = None
    answers: str | None = None

    @property
    def received(self) -> tuple[tuple[str, datetime | None], ...]:
        """Its recipients, and when each handed it over."""
        return tuple((rung.partner, rung.handed_over_at) for rung in self.rungs)

    @property
    def handed_over_at(self) -> datetime | None:
        """When the last of its recipients handed it over; None while one has not."""
        return None if self.handed_over is None else self.handed_over[0]

    @property
    def handed_over(self) -> tuple[datetime, int] | None:
        """When, and by which leaf, the last of its recipients handed it over; None while one has not."""
        words = [(rung.handed_over_at, rung.handed_over_index) for rung in self.rungs]
        said = [(at, index) for at, index in words if at is not None and index is not None]
        return max(said) if said and len(said) == len(words) else None


@dataclass(frozen=True, slots=True)
class Said:
    """What the log said of a clock: the leaf, and the end that the clock had then. `certified` is no stage of it."""

    index: int
    at: datetime
    stage: Stage | Literal["certified"]
    clock: str
    ends_at: datetime | None


@dataclass(frozen=True, slots=True)
class Case:
    """Where a case stands. `row` is the index of its opening message's acceptance; `parties` has the opener first.

    `pin` is the profile it began with (`schemas.agreements.pinned`); `said` what the clock keeper said.
    """

    row: int
    parties: tuple[str, ...]
    procedure: str
    state: str
    messages: tuple[Message, ...]
    pin: str | None = None
    said: tuple[Said, ...] = ()

    @property
    def erased(self) -> bool:
        """Whether its key was destroyed."""
        return self.state == ERASED

    @property
    def closed(self) -> bool:
        """Whether nothing more is expected or possible."""
        return self.erased or closed(self.procedure, self.state)

    @property
    def last(self) -> int:
        """The index of its last message's acceptance."""
        return self.messages[-1].index

    @property
    def clock(self) -> CaseClock | None:
        """What is due next."""
        if self.erased:
            return None
        opening = self.messages[0]
        own = lifecycles.next_clock(self.procedure, self.state, opening.facts, opening.handed_over_at)
        return clocks.first(clocks.ours(own), *self.kept)

    @property
    def agreed(self) -> tuple[CaseClock, ...]:
        """The clocks of the agreement that run here, or wait to."""
        if self.erased:
            return ()
        return clocks.agreed(self.pin, self.procedure, self.state, self.messages, self._stages)

    @property
    def kept(self) -> tuple[CaseClock, ...]:
        """The clocks that the clock keeper keeps: those of the agreement, and the answers owed to corrections."""
        return () if self.erased else (*self.agreed, *clocks.owed(self.messages, self._stages))

    @property
    def _stages(self) -> Mapping[tuple[str, datetime | None], Stage]:
        return {(one.clock, one.ends_at): one.stage for one in self.said if one.stage != CERTIFIED}

    @property
    def next_actors(self) -> tuple[str, ...]:
        """The partners who must act next."""
        return () if self.erased else actors(self.procedure, self.state, self.parties)


def closed(procedure: str, state: str) -> bool:
    """Whether nothing more is expected or possible in a case that stands there."""
    return lifecycles.PROCEDURES[procedure].states[state].closed


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


def after(case: Case | None, index: int, leaf: Leaf, header: Header | None, pin: str | None = None) -> Case:
    """The case once this leaf is part of it.

    Args:
        case: as its earlier leaves left it; None for one that the leaf opens.
        index: the leaf's.
        leaf: one of this case: a message's acceptance, or one whose `prev` names an accepted message of it.
        header: the accepted message's; None for other leaves, and where the case's key is destroyed.
        pin: that of the case, from the side record of the message that opens it.

    Raises:
        Fault: the leaf cannot be the next of this case.
    """
    if leaf.event == "SubmissionAcceptance":
        return _accepted(case, index, leaf, header, pin)
    if case is None:
        raise Fault("a case does not begin with a message")
    if leaf.event in STAGES or leaf.event == "ClockCertified":
        return _timed(case, index, leaf)
    return replace(case, messages=tuple(_moved(message, index, leaf) for message in case.messages))


STAGES: Mapping[str, Stage] = MappingProxyType({"ClockWarned": "warned", "ClockExpired": "expired"})
"""The clock keeper's leaves. Their `code` is the clock's key."""


def _timed(case: Case, index: int, leaf: Leaf) -> Case:
    """Said of a clock as it runs now; once its time has ended, the case stands where its table says."""
    if case.erased:
        return case
    name = leaf.code or ""
    stage: Stage | Literal["certified"] = STAGES.get(leaf.event, "certified")
    ends_at = next((one.ends_at for one in case.kept if one.name == name), None)
    said = (*case.said, Said(index, leaf.at, stage, name, ends_at))
    if stage != "expired" or not clocks.moves(name):
        return replace(case, said=said)
    try:
        return replace(case, said=said, state=lifecycles.expire(case.procedure, case.state, name))
    except Rejected as error:
        raise Fault("the log ends a time that does not run there") from error


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


def _accepted(case: Case | None, index: int, leaf: Leaf, header: Header | None, pin: str | None) -> Case:
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
        leaf.digest,
        header.reference.digest if header is not None and header.reference is not None else None,
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
        return Case(index, (leaf.source, *leaf.to), rule.procedure, state, (message,), pin)
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
            return replace(
                rung,
                index=index,
                reached="handed_over",
                handed_over_at=leaf.at,
                handed_over_index=index,
                code=None,
            )
        case _:
            return replace(rung, index=index, opened_at=rung.opened_at or leaf.at)


_SAID_BY_THE_HUB = frozenset({"ContentConsignment", "ContentConsignmentFailure"})
_LADDER = _SAID_BY_THE_HUB | {"ContentHandover", "ContentHandoverFailure", "ContentAccessTracking"}
