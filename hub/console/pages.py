"""What pages show, made from cases and leaves; templates only lay it out. Nothing here names a person or a handle.

Each value is ready to be shown. Parties are partner ids with what the registrar says of them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias

from hub.cases.case import CERTIFIED, ERASED, Case, Message, Rung, Said, actors, handover_due, withheld
from hub.cases.clocks import CaseClock
from hub.cases.projection import CaseRow
from hub.cases.suspension import Turn
from hub.console import words
from hub.store.reading import StoredLeaf
from keys.directory.directory import Directory
from keys.proofs.receipt import Receipt
from keys.statements import parse_statement
from schemas.lifecycles import PROCEDURES

SOON = timedelta(hours=24)
HappenedKind: TypeAlias = Literal["message", "good", "bad", "next"]
Urgency: TypeAlias = Literal["late", "soon", "later", "waiting", "none"]
"""How near a clock's end is; `waiting` is one that is not started."""


@dataclass(frozen=True, slots=True)
class Time:
    """An instant to show: for machines, in words with its zone, and how far away."""

    machine: str
    words: str
    away: str


@dataclass(frozen=True, slots=True)
class Party:
    """A partner as shown. `you` is the viewer's own."""

    id: str
    state: str
    authority: str
    you: bool


@dataclass(frozen=True, slots=True)
class Due:
    """A clock as shown."""

    name: str
    words: str
    away: str
    machine: str
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class ListedCase:
    """A line of the case list.

    `alarm`: a recipient's word what became of a message is overdue; `suspended`: the agreement it was opened on is.
    """

    row: int
    procedure: str
    parties: tuple[Party, ...]
    state: str
    closed: bool
    erased: bool
    due: Due | None
    next: tuple[Party, ...]
    alarm: bool
    suspended: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One rung of a recipient's ladder. `at` is None while it was not reached."""

    name: str
    at: Time | None
    status: Literal["done", "failed", "open"]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Ladder:
    """How far a message got with one recipient."""

    party: Party
    steps: tuple[Step, ...]
    reached: str
    code: str | None
    alarm: bool
    deadline: Time | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of a case."""

    index: int
    name: str
    kind: str
    source: Party
    at: Time
    ladders: tuple[Ladder, ...]


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of a case's timeline."""

    at: Time
    name: str
    detail: str
    kind: HappenedKind


@dataclass(frozen=True, slots=True)
class ShownCase:
    """A case's page."""

    row: int
    procedure: str
    about: str
    state: str
    closed: bool
    parties: tuple[Party, ...]
    next: tuple[Party, ...]
    due: Due | None
    profile: str
    agreed: tuple[Due, ...]
    opened: Time
    sent: tuple[Sent, ...]
    timeline: tuple[Happened, ...]
    alarms: int
    suspended: bool


@dataclass(frozen=True, slots=True)
class ListedLeaf:
    """A line of the log's list."""

    index: int
    at: Time
    event: str
    name: str
    group: str
    source: str | None
    to: tuple[str, ...]
    kind: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class ShownLeaf:
    """An entry's page: the leaf's members, its proof, the checkpoint, and what its edge stated."""

    leaf: ListedLeaf
    members: tuple[tuple[str, str], ...]
    commitments: tuple[tuple[str, str], ...]
    prev: int | None
    raw: str
    hash: str
    path: tuple[str, ...]
    size: int
    root: str
    checkpoint: str
    statement: str | None


class Show:
    """Makes what pages show, for one viewer at one moment.

    Args:
        directory: says who partners are.
        viewer: the partner of who looks.
        now: aware.
        deadline: for a recipient's word what became of a message.
    """

    def __init__(self, directory: Directory, viewer: str, now: datetime, deadline: timedelta) -> None:
        self._directory = directory
        self._viewer = viewer
        self._now = now
        self._deadline = deadline

    def time(self, at: datetime) -> Time:
        """An instant."""
        machine = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return Time(machine, words.instant(at), words.away(at, self._now))

    def party(self, partner: str) -> Party:
        """A partner, also one that is none any more."""
        record = self._directory.partners.get(partner)
        you = partner == self._viewer
        return Party(partner, record.state if record else "", record.authority if record else "", you)

    def parties(self, partners: Sequence[str]) -> tuple[Party, ...]:
        """Several."""
        return tuple(map(self.party, partners))

    def listed(self, row: CaseRow, case: Case | None, clock: CaseClock | None, *, suspended: bool) -> ListedCase:
        """A line of the list, with what is due next; the case itself where a message of it is still on its way."""
        erased = row.state == ERASED
        closed = erased or PROCEDURES[row.procedure].states[row.state].closed
        return ListedCase(
            row=row.row,
            procedure=words.PROCEDURES.get(row.procedure, row.procedure),
            parties=self.parties(row.parties),
            state=words.state(row.procedure, row.state),
            closed=closed,
            erased=erased,
            due=self._due(clock),
            next=() if erased else self.parties(actors(row.procedure, row.state, row.parties)),
            alarm=case is not None and self._alarms(case) > 0,
            suspended=suspended and not closed,
        )

    def case(self, case: Case, turns: Sequence[Turn] = ()) -> ShownCase:
        """A case's page; `turns` are those of its agreement."""
        return ShownCase(
            row=case.row,
            procedure=words.PROCEDURES.get(case.procedure, case.procedure),
            about=PROCEDURES[case.procedure].about,
            state=words.state(case.procedure, case.state),
            closed=case.closed,
            parties=self.parties(case.parties),
            next=self.parties(case.next_actors),
            due=self._due(case.clock),
            profile=words.profile(case.pin),
            agreed=tuple(shown for one in case.kept if (shown := self._due(one)) is not None),
            opened=self.time(case.messages[0].at),
            sent=tuple(self._sent(case, message) for message in case.messages),
            timeline=tuple(self._timeline(case, turns)),
            alarms=self._alarms(case),
            suspended=not case.closed and bool(turns) and turns[-1].suspended,
        )

    def leaf(self, stored: StoredLeaf) -> ListedLeaf:
        """A line of the log's list."""
        leaf = stored.leaf
        return ListedLeaf(
            stored.index,
            self.time(leaf.at),
            leaf.event,
            words.EVENTS.get(leaf.event, leaf.event),
            words.group_of(leaf.event),
            leaf.source,
            leaf.to,
            leaf.type,
            leaf.code,
        )

    def entry(
        self, stored: StoredLeaf, *, receipt: Receipt, hash_: bytes, size: int, root: bytes, statement: bytes | None
    ) -> ShownLeaf:
        """An entry's page: the leaf, its proof to the checkpoint of this size and root, the envelope it came from."""
        leaf = stored.leaf
        members = []
        for name in (field.name for field in fields(leaf)):
            value = getattr(leaf, name)
            if name in {"c", "prev", "at", "event"} or value in (None, ()):
                continue
            members.append((_MEMBERS[name], ", ".join(value) if isinstance(value, tuple) else str(value)))
        return ShownLeaf(
            leaf=self.leaf(stored),
            members=tuple(members),
            commitments=tuple(leaf.c.items()),
            prev=leaf.prev,
            raw=stored.raw.decode(),
            hash=hash_.hex(),
            path=tuple(one.hex() for one in receipt.path),
            size=size,
            root=root.hex(),
            checkpoint=receipt.checkpoint.decode(),
            statement=None if statement is None else _stated(statement),
        )

    def _due(self, clock: CaseClock | None) -> Due | None:
        if clock is None:
            return None
        name, ends_at = words.clock(clock.name), clock.ends_at
        if ends_at is None:
            why = "starts when the recipient has handed the request over" if clock.known else words.due(clock)
            return Due(name, words.due(clock), why, "", "waiting")
        time = self.time(ends_at)
        urgency: Urgency = "late" if clock.expired(self._now) else "soon" if ends_at - self._now <= SOON else "later"
        return Due(name, words.due(clock), time.away, time.machine, urgency)

    def _alarms(self, case: Case) -> int:
        return sum(
            withheld(rung) and self._now >= handover_due(case, message, self._deadline)
            for message in case.messages
            for rung in message.rungs
        )

    def _sent(self, case: Case, message: Message) -> Sent:
        deadline = handover_due(case, message, self._deadline)
        return Sent(
            message.index,
            words.KINDS.get(message.kind, message.kind),
            message.kind,
            self.party(message.source),
            self.time(message.at),
            tuple(self._ladder(message, rung, deadline) for rung in message.rungs),
        )

    def _ladder(self, message: Message, rung: Rung, deadline: datetime) -> Ladder:
        failed = rung.reached == "failed"
        steps = [
            Step("Accepted by the hub", self.time(message.at), "done"),
            Step(
                "Taken by the edge",
                self._maybe(rung.consigned_at),
                "done" if rung.consigned_at else "failed" if rung.reached == "parked" else "open",
            ),
            Step("Hand-over failed", self._maybe(rung.failed_at), "failed")
            if failed
            else Step("Handed over", self._maybe(rung.handed_over_at), "done" if rung.handed_over_at else "open"),
        ]
        if rung.opened_at is not None:
            steps.append(Step("Opened", self.time(rung.opened_at), "done"))
        waiting = withheld(rung)
        return Ladder(
            self.party(rung.partner),
            tuple(steps),
            words.reached(rung),
            rung.code,
            waiting and self._now >= deadline,
            self.time(deadline) if waiting else None,
        )

    def _maybe(self, at: datetime | None) -> Time | None:
        return None if at is None else self.time(at)

    def _timeline(self, case: Case, turns: Sequence[Turn]) -> list[Happened]:
        found: list[tuple[datetime, int, Happened]] = []

        def add(at: datetime | None, name: str, detail: str, kind: HappenedKind) -> None:
            if at is not None:
                found.append((at, len(found), Happened(self.time(at), name, detail, kind)))

        # In the order of the log: what happened in one second is not told the wrong way round.
        told: list[Message | Said | Turn] = [*case.messages, *case.said, *turns]
        for one in sorted(told, key=lambda one: one.index):
            entry = f"log entry {one.index}"
            if isinstance(one, Turn):
                name = "The agreement was suspended" if one.suspended else "The agreement is in force again"
                add(one.at, name, entry, "bad" if one.suspended else "good")
                continue
            if isinstance(one, Said):
                name, kind = _SAID[one.stage]
                add(one.at, f"{name}: {words.clock(one.clock)}", entry, kind)
                continue
            message = one
            name = words.KINDS.get(message.kind, message.kind)
            to = ", ".join(rung.partner for rung in message.rungs)
            late = ", too late to change anything" if message.late else ""
            add(message.at, f"{name} accepted{late}", f"{message.source} to {to}", "message")
            for rung in message.rungs:
                code = f" ({rung.code})" if rung.code else ""
                add(rung.consigned_at, "Taken by the recipient's edge", f"{name}, {rung.partner}", "good")
                add(rung.failed_at, f"Hand-over failed{code}", f"{name}, {rung.partner}", "bad")
                add(rung.handed_over_at, "Handed over to the national system", f"{name}, {rung.partner}", "good")
                add(rung.opened_at, "Opened at the authority", f"{name}, {rung.partner}", "good")
        return [happened for _, _, happened in sorted(found, key=lambda one: one[:2], reverse=True)]


_SAID: Mapping[str, tuple[str, HappenedKind]] = {
    CERTIFIED: ("Deadline certified", "message"),
    "warned": ("Time is running out", "next"),
    "expired": ("Time has ended", "bad"),
}

_MEMBERS = {
    "digest": "Message digest",
    "sig": "Signature digest",
    "source": "Source",
    "to": "To",
    "type": "Kind",
    "code": "Code",
    "statement": "Statement digest",
    "pos": "Place in the statement",
    "dir": "Directory version",
}


def _stated(envelope: bytes) -> str:
    """The statement's payload, laid out to be read; it has no free text."""
    return json.dumps(json.loads(parse_statement(envelope).payload), indent=2)
