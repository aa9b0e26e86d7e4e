"""What lies here of a case: the messages sent into it and those that came (docs/adr/0068).

Rules between messages ask it, and a submission finds here what it refers to: a message received, or one of our own,
as the kind's rule says. Guarantees that nothing is told of a message that the hub refused, that waits for an officer's
release or that could not be opened.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from adapters.edge.plan import Plan
from adapters.edge.submission import Parent, Start
from schemas.agreements.pinned import pinned
from schemas.lifecycles import Whose
from schemas.parts.case import same_person
from schemas.parts.context import Earlier
from schemas.parts.node import Node
from service.sqlite import Connection, guarded

_CASE = """
SELECT id, payload, idx, seq FROM (
    SELECT id, payload, idx, seq FROM outbox WHERE case_handle = ? AND state NOT IN ('refused', 'held')
    UNION ALL
    SELECT id, payload, idx, 0 FROM inbox WHERE case_handle = ? AND state IN ('ready', 'handed_over')
) ORDER BY idx IS NULL, idx, seq LIMIT 1000
"""

_APPLICATIONS = {
    True: "SELECT c.case_handle, o.plan ->> '$.to[0]' FROM case_start c JOIN outbox o ON o.case_handle = c.case_handle "
    "WHERE c.born = ? AND o.kind = 'readm.application' AND o.state = 'accepted' ORDER BY o.seq DESC LIMIT 100",
    False: "SELECT c.case_handle, i.source FROM case_start c JOIN inbox i ON i.case_handle = c.case_handle "
    "WHERE c.born = ? AND i.kind = 'readm.application' AND i.state IN ('ready', 'handed_over') "
    "ORDER BY i.idx DESC LIMIT 100",
}
"""Ours, and those that came: of persons born on a day."""

_RECEIVED = """
UPDATE case_start SET received_at = ?, received_receipt = ?, received_statement = ?
WHERE received_at IS NULL AND case_handle IN (
    SELECT o.case_handle FROM sent s JOIN outbox o ON o.seq = s.seq
        WHERE s.digest = ? AND o.plan ->> '$.reference' IS NULL
    UNION ALL
    SELECT case_handle FROM inbox WHERE digest = ? AND in_reply_to IS NULL
)
"""


class CaseFiles:
    """The cases of one edge."""

    def __init__(self, connection: Connection, partner: str) -> None:
        self._connection = connection
        self._partner = partner

    def earlier(self, case_handle: str) -> tuple[Earlier, ...]:
        """The messages of a case, in the order in which the hub took them; ours that it has not taken yet come last."""
        with guarded():
            rows = self._connection.execute(_CASE, (case_handle, case_handle)).fetchall()
        return tuple(Earlier(id=row[0], payload=_read(row[1])) for row in rows if row[1] is not None)

    def refused(self, payload: Mapping[str, Any], partners: Collection[str], *, ours: bool) -> tuple[Any, ...]:
        """What was put forward in refused cases about the person of an application (domain.md 12).

        Args:
            payload: the application's.
            partners: every authority of the other side's state.
            ours: whether we apply, or are asked.
        """
        application = Node(payload)
        born = _born(application)
        if born is None:
            return ()
        with guarded():
            rows = self._connection.execute(_APPLICATIONS[ours], (born,)).fetchall()
        found: list[Mapping[str, object]] = []
        for handle, partner in rows:
            messages = [one.payload for one in self.earlier(handle)] if partner in partners else []
            if messages and _refused(messages) and same_person(application, Node(messages[0])):
                found += [one for one in messages if one["kind"] in _PUT_FORWARD]
        return tuple(found)

    def start(self, case_handle: str) -> Start:
        """What the case's clocks are counted by."""
        with guarded():
            row = self._connection.execute(
                "SELECT pin, received_at FROM case_start WHERE case_handle = ?", (case_handle,)
            ).fetchone()
        if row is None:
            return Start()
        return Start(row[0], pinned(row[0]), None if row[1] is None else datetime.fromtimestamp(row[1], UTC))

    def begin(self, case_handle: str, pin: str | None, payload: bytes) -> None:
        """A case begins under this profile, which it keeps, with this message; inside the caller's transaction."""
        self._connection.execute(
            "INSERT OR IGNORE INTO case_start (case_handle, pin, born) VALUES (?, ?, ?)",
            (case_handle, pin, _born(Node(_read(payload)))),
        )

    def received(self, digest: bytes, at: datetime, receipt: bytes, statement: bytes) -> None:
        """The message with this digest was handed over where it went to: if it opened a case, that is its receipt.

        Args:
            digest: the message's.
            at: the time of the leaf that says so.
            receipt: of that leaf.
            statement: the signed one that it names.
        """
        self._connection.execute(_RECEIVED, (int(at.timestamp()), receipt, statement, digest, digest))

    def parent(self, message_id: str, partner: str | None, whose: Whose) -> Parent | None:
        """The message with this id that a submission may refer to; None when there is none, or more than one.

        Args:
            message_id: the message's.
            partner: whom the submission is for, where it names one.
            whose: whose message the submission's kind refers to.
        """
        found = self._received(message_id, partner) if whose != "own" else []
        found += self._own(message_id, partner) if whose != "received" else []
        return found[0] if len(found) == 1 else None

    def _received(self, message_id: str, partner: str | None) -> list[Parent]:
        with guarded():
            rows = self._connection.execute(
                "SELECT source, id, digest, case_handle, agreement, payload FROM inbox "
                "WHERE id = ? AND state IN ('ready', 'handed_over') LIMIT 64",
                (message_id,),
            ).fetchall()
        return [
            Parent(source, found_id, digest.hex(), handle, agreement, _read(payload), to=(source,))
            for source, found_id, digest, handle, agreement, payload in rows
            if partner in {None, source}
        ]

    def _own(self, message_id: str, partner: str | None) -> list[Parent]:
        with guarded():
            rows = self._connection.execute(
                "SELECT id, digest, plan, payload FROM outbox WHERE id = ? AND state = 'accepted'", (message_id,)
            ).fetchall()
        found = []
        for own_id, digest, text, payload in rows:
            plan = Plan.load(text)
            if partner is None or partner in plan.to:
                handle, agreement = plan.case_handle, plan.agreement
                found.append(Parent(self._partner, own_id, digest.hex(), handle, agreement, _read(payload), to=plan.to))
        return found


def _born(message: Node) -> str | None:
    """The birth date that an application gives, as it is written."""
    return message["person"]["birth_date"]["value"].text if message["kind"].text == "readm.application" else None


_PUT_FORWARD = frozenset({"readm.application", "readm.info.supply"})


def _refused(messages: Sequence[Mapping[str, object]]) -> bool:
    """Whether the decision that counts, the first, is a refusal; one after a claim by silence changes nothing."""
    ends = [one for one in messages if one["kind"] in {"readm.decision", "readm.tacit.claim"}]
    return bool(ends) and ends[0].get("outcome") == "REFUSED"


def _read(payload: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload)
    return found
