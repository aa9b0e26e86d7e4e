"""What lies here of a case: the messages sent into it and those that came (docs/adr/0068).

Rules between messages ask it, and a submission finds here what it refers to: a message received, or one of our own,
as the kind's rule says. Guarantees that nothing is told of a message that the hub refused, that waits for an officer's
release or that could not be opened.
"""

import json
from typing import Any

from adapters.edge.plan import Plan
from adapters.edge.submission import Parent
from schemas.lifecycles import Whose
from schemas.parts.context import Earlier
from service.sqlite import Connection, guarded

_CASE = """
SELECT id, payload, idx, seq FROM (
    SELECT id, payload, idx, seq FROM outbox WHERE case_handle = ? AND state NOT IN ('refused', 'held')
    UNION ALL
    SELECT id, payload, idx, 0 FROM inbox WHERE case_handle = ? AND state IN ('ready', 'handed_over')
) ORDER BY idx IS NULL, idx, seq LIMIT 1000
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


def _read(payload: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(payload)
    return found
