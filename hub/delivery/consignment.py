"""What becomes of a message on its way to a recipient, as members of a batch: consigned, parked, driven again.

Guarantees that each recipient has at most one `ContentConsignment` leaf a message, whichever way the bytes went (push,
inbox, or a hand-over that shows them taken), for its state is looked at inside the transaction; and that a message
which is parked or driven again has a leaf that says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from hub.log.batch import Answer, Batch, Draft, Sealed
from hub.store.engine import Connection, guarded, many
from service.failpoints import reach

T = TypeVar("T")

LEAVES_AT_ONCE = 512

_MESSAGES = (
    "SELECT m.idx, (SELECT state FROM recipient WHERE partner = ? AND idx = m.idx), m.digest, m.source, m.kind "
    "FROM message m WHERE m.idx"
)
"""Looks many up at once. Joined, a server without statistics reads all that the partner ever got."""
_ACCEPTED = (
    "SELECT idx FROM recipient WHERE partner = ? AND idx > ? AND idx <= ? AND state = 'accepted' "
    "AND state <> 'handed_over' ORDER BY idx LIMIT ?"  # the last term is the one its index has
)
_CONSIGNED = "UPDATE recipient SET state = 'consigned', consigned_idx = ? WHERE partner = ? AND idx = ?"
_FORGET = "DELETE FROM push WHERE partner = ? AND idx = ?"
_PARK = "UPDATE push SET code = ?, parked_idx = ? WHERE partner = ? AND idx = ?"
_PARKED = (
    "SELECT p.partner, p.idx, p.code, p.parked_idx, m.digest, m.source, m.kind, m.expires_at FROM push p "
    "JOIN message m ON m.idx = p.idx JOIN recipient r ON r.partner = p.partner AND r.idx = p.idx "
    "WHERE p.code IS NOT NULL AND r.state = 'accepted' AND p.partner = coalesce(?, p.partner) "
    "AND p.idx = coalesce(?, p.idx) ORDER BY p.partner, p.idx LIMIT ?"
)
_DRIVE = "UPDATE push SET code = NULL, parked_idx = NULL WHERE partner = ? AND idx = ?"
_LANE_AT_ONCE = "DELETE FROM lane WHERE partner = ?"


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that is not pushed any more until an operator drives it again. `leaf` is where the log says so."""

    partner: str
    index: int
    code: str
    leaf: int
    digest: bytes
    source: str
    kind: str
    expires_at: int


class Consigned:
    """Work: these messages lie durable with the recipient; gives how many it had not been said of before."""

    def __init__(self, partner: str, indices: Sequence[int]) -> None:
        self._partner = partner
        self._indices = indices

    def __call__(self, batch: Batch) -> Answer[int]:
        """As a member of a batch."""
        count = _consign(batch, self._partner, self._indices)
        reach("hub.delivery.consigned")
        return _gives(count)


class Acknowledged:
    """Work: the reader says that everything up to `until` lies with it; gives where it stopped, None when at the end.

    At most `LEAVES_AT_ONCE` at a time, so that one who acknowledges a year at once does not hold up the others.
    """

    def __init__(self, partner: str, after: int, until: int) -> None:
        self._partner = partner
        self._after = after
        self._until = until

    def __call__(self, batch: Batch) -> Answer[int | None]:
        """As a member of a batch."""
        found = accepted_between(batch.connection, self._partner, self._after, self._until)
        _consign(batch, self._partner, found)
        reach("hub.delivery.acknowledged")
        return _gives(found[-1] if len(found) == LEAVES_AT_ONCE else None)


class Stopped:
    """Work: these messages are parked for this reason; those that went another way meanwhile are forgotten."""

    def __init__(self, partner: str, indices: Sequence[int], code: str) -> None:
        self._partner = partner
        self._indices = indices
        self._code = code

    def __call__(self, batch: Batch) -> Answer[int]:
        """As a member of a batch."""
        partner, connection = self._partner, batch.connection
        leaves = _added(batch, "ContentConsignmentFailure", partner, self._indices, self._code)
        connection.executemany(_FORGET, [(partner, index) for index in self._indices if index not in leaves])
        connection.executemany(_PARK, [(self._code, leaf, partner, index) for index, leaf in leaves.items()])
        reach("hub.delivery.parked")
        return _gives(len(leaves))


class Redriven:
    """Work: parked messages are pushed again, and the log says who wanted it; gives how many."""

    def __init__(self, partner: str | None, index: int | None, actor: str) -> None:
        self._partner = partner
        self._index = index
        self._actor = actor

    def __call__(self, batch: Batch) -> Answer[int]:
        """As a member of a batch."""
        found = parked(batch.connection, self._partner, self._index, LEAVES_AT_ONCE)
        for one in found:
            batch.add(
                Draft(
                    "ConsignmentRedriven",
                    digest=one.digest.hex(),
                    source=one.source,
                    to=(one.partner,),
                    type=one.kind,
                    prev=one.index,
                    committed={"actor": self._actor},
                )
            )
            batch.connection.execute(_DRIVE, (one.partner, one.index))
            batch.connection.execute(_LANE_AT_ONCE, (one.partner,))
        return _gives(len(found))


def accepted_between(connection: Connection, partner: str, after: int, until: int) -> list[int]:
    """The first indices in (after, until] of messages for the partner that were not consigned yet."""
    with guarded():
        rows = connection.execute(_ACCEPTED, (partner, after, until, LEAVES_AT_ONCE)).fetchall()
    return [index for (index,) in rows]


def parked(connection: Connection, partner: str | None, index: int | None, limit: int) -> list[Parked]:
    """What is parked, of one partner or all, one message or all."""
    with guarded():
        return [Parked(*row) for row in connection.execute(_PARKED, (partner, index, limit))]


def _consign(batch: Batch, partner: str, indices: Sequence[int]) -> int:
    """Written at once, for later members of the batch must see it; gives how many it had not been said of before."""
    leaves = _added(batch, "ContentConsignment", partner, indices)
    batch.connection.executemany(_FORGET, [(partner, index) for index in indices])
    batch.connection.executemany(_CONSIGNED, [(leaf, partner, index) for index, leaf in leaves.items()])
    return len(leaves)


def _added(batch: Batch, event: str, partner: str, indices: Sequence[int], code: str | None = None) -> dict[int, int]:
    """The leaf that each of these messages now has: of those that are only accepted yet."""
    found = {row[0]: row[1:] for row in many(batch.connection, _MESSAGES, indices, partner)}
    leaves = {}
    for index in indices:
        state, digest, source, kind = found[index]
        if state == "accepted":
            draft = Draft(event, digest=digest.hex(), source=source, to=(partner,), type=kind, prev=index, code=code)
            leaves[index] = batch.add(draft)
    return leaves


def _gives(value: T) -> Callable[[Sealed], T]:
    return lambda _: value
