"""The outbox: every submission taken, from its acceptance here to the recipients' signed word about it.

A row is `held` (for an officer: `adapters.edge.holds`), `waiting` (to be sealed), `sealed` (to be posted, the same
bytes until the hub has refused them), `accepted` or `refused`. `awaited` holds one row a recipient. All changes are
made inside the caller's transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.edge.plan import Plan
from service.sqlite import Connection, guarded

_DUE = (
    "NOT EXISTS (SELECT 1 FROM outbox e WHERE e.case_handle = o.case_handle AND e.seq < o.seq "
    "AND e.state IN ('waiting', 'sealed') AND e.retry_at > ?1)"
)
"""A message of a case does not overtake an earlier one that waits for its next try."""

_TO_SEAL = (
    f"SELECT o.seq, o.id, o.plan, o.payload FROM outbox o WHERE o.state = 'waiting' AND o.retry_at <= ?1 AND {_DUE} "  # noqa: S608 - fixed text
    "ORDER BY o.seq LIMIT ?2"
)
_TO_POST = (
    "SELECT o.seq, o.id, o.plan, o.sealed, o.digest, o.sig, o.version, o.attempts FROM outbox o "  # noqa: S608 - fixed
    f"WHERE o.state = 'sealed' AND o.retry_at <= ?1 AND {_DUE} ORDER BY o.seq LIMIT ?2"
)


@dataclass(frozen=True, slots=True)
class Known:
    """A submission taken before: digest of what was offered, message id, case handle, and its state now."""

    offered: bytes
    id: str
    case_handle: str
    state: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A row to seal."""

    seq: int
    id: str
    plan: Plan
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Posting:
    """A row to post. `sig` is the digest of both signatures, as the leaf will name it."""

    seq: int
    id: str
    plan: Plan
    sealed: bytes = field(repr=False)
    digest: bytes
    sig: bytes
    version: int
    attempts: int


@dataclass(frozen=True, slots=True)
class Part:
    """A sealed part that lies in the spool until the hub has it and the message."""

    sha256: str
    length: int


class Outbox:
    """The rows of one edge's outbox."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, channel: str, external_id: str) -> Known | None:
        """What was taken from this channel under this name."""
        with guarded():
            row = self._connection.execute(
                "SELECT offered, id, case_handle, state FROM outbox WHERE channel = ? AND external_id = ?",
                (channel, external_id),
            ).fetchone()
        return None if row is None else Known(*row)

    def add(
        self,
        message_id: str,
        *,
        channel: str,
        external_id: str,
        offered: bytes,
        plan: Plan,
        payload: bytes,
        at: int,
        held: bool = False,
    ) -> int:
        """One more row, waiting; or held, of which its channel is told. Returns its number."""
        state, told = ("held", 0) if held else ("waiting", 1)
        added = self._connection.execute(
            "INSERT INTO outbox (id, channel, external_id, offered, kind, case_handle, plan, payload, at, state, told) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                message_id,
                channel,
                external_id,
                offered,
                plan.kind,
                plan.case_handle,
                plan.dump(),
                payload,
                at,
                state,
                told,
            ),
        )
        return int(added.lastrowid or 0)

    def released(self, seq: int, plan: Plan) -> None:
        """A held row waits to be sealed, on the ground that was found for it now."""
        self._connection.execute(
            "UPDATE outbox SET state = 'waiting', plan = ?, told = 0 WHERE seq = ?", (plan.dump(), seq)
        )

    def pending(self) -> int:
        """How many are on their way: not yet accepted or refused, and not held."""
        with guarded():
            count: int = self._connection.execute(
                "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sealed')"
            ).fetchone()[0]
        return count

    def to_seal(self, now: float, limit: int) -> list[Draft]:
        """The next rows to seal, oldest first."""
        with guarded():
            rows = self._connection.execute(_TO_SEAL, (now, limit)).fetchall()
        return [Draft(seq, message_id, Plan.load(plan), payload) for seq, message_id, plan, payload in rows]

    def to_post(self, now: float, limit: int, bytes_max: int) -> list[Posting]:
        """The next rows to post, oldest first; together at most `bytes_max`, but always one."""
        found: list[Posting] = []
        size = 0
        with guarded():
            for seq, message_id, plan, sealed, *rest in self._connection.execute(_TO_POST, (now, limit)):
                size += len(sealed)
                if found and size > bytes_max:
                    break
                found.append(Posting(seq, message_id, Plan.load(plan), sealed, *rest))
        return found

    def parts(self, seq: int) -> list[Part]:
        """The detached parts of a row that the hub is not known to have."""
        with guarded():
            rows = self._connection.execute(
                "SELECT sha256, length FROM sent_part WHERE seq = ? AND there = 0", (seq,)
            ).fetchall()
        return [Part(*row) for row in rows]

    # -- inside a transaction

    def sealed(
        self, seq: int, container: bytes, digest: bytes, *, sig: bytes, version: int, parts: Sequence[Part]
    ) -> None:
        """The row's sealed bytes, which are posted unchanged from now on."""
        execute = self._connection.execute
        execute(
            "UPDATE outbox SET state = 'sealed', sealed = ?, digest = ?, sig = ?, version = ?, retry_at = 0 "
            "WHERE seq = ?",
            (container, digest, sig, version, seq),
        )
        execute("INSERT INTO sent (digest, seq) VALUES (?, ?)", (digest, seq))
        execute("DELETE FROM sent_part WHERE seq = ?", (seq,))
        for part in parts:
            execute("INSERT INTO sent_part (seq, sha256, length) VALUES (?, ?, ?)", (seq, part.sha256, part.length))

    def part_there(self, seq: int, sha256: str, *, there: bool = True) -> None:
        """The hub has the part, or has said that it has not."""
        self._connection.execute(
            "UPDATE sent_part SET there = ? WHERE seq = ? AND sha256 = ?", (int(there), seq, sha256)
        )

    def unseal(self, seq: int, retry_at: float) -> None:
        """The hub refused these bytes for good: seal again, under the same id."""
        self._connection.execute(
            "UPDATE outbox SET state = 'waiting', sealed = NULL, attempts = attempts + 1, retry_at = ? WHERE seq = ?",
            (retry_at, seq),
        )

    def later(self, seq: int, retry_at: float) -> None:
        """Try again then."""
        self._connection.execute(
            "UPDATE outbox SET attempts = attempts + 1, retry_at = ? WHERE seq = ?", (retry_at, seq)
        )

    def accepted(self, posting: Posting, receipt: bytes, index: int, at: int, deadline: int) -> None:
        """The hub accepted it. Its sealed bytes go; a signed word of each recipient is awaited until `deadline`."""
        done = self._connection.execute(
            "UPDATE outbox SET state = 'accepted', receipt = ?, idx = ?, accepted_at = ?, sealed = NULL, code = NULL, "
            "told = 0 WHERE seq = ? AND state IN ('waiting', 'sealed')",
            (receipt, index, at, posting.seq),
        )
        if done.rowcount:
            self._connection.executemany(
                "INSERT INTO awaited (seq, partner, deadline) VALUES (?, ?, ?) ON CONFLICT DO UPDATE "
                "SET deadline = excluded.deadline WHERE state IN ('pending', 'consigned')",
                [(posting.seq, partner, deadline) for partner in posting.plan.to],
            )

    def refused(self, seq: int, code: str, proof: bytes | None) -> None:
        """It will not be sent; `proof` is the receipt of the refusal's leaf."""
        self._connection.execute(
            "UPDATE outbox SET state = 'refused', code = ?, receipt = ?, sealed = NULL, told = 0 WHERE seq = ?",
            (code, proof, seq),
        )
