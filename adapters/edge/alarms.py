"""Alarms: what an honest hub and honest partners never cause, and duties of our own that are overdue.

Each is a row with its evidence, a log event and a count. One thing is said once: `code` and `subject` name it, and
saying it again changes nothing. A row stays until an operator has seen it (`liaison edge status`), also past a restart.
"""

from dataclasses import dataclass
from types import MappingProxyType

from adapters.edge.metrics import Metrics
from service.clock import Clock
from service.logs import log
from service.sqlite import Connection, guarded

ALARMS = MappingProxyType(
    {
        "LOG_INCONSISTENT": "Two signed states of the log contradict each other; nothing more is sent.",
        "GOSSIP_INCONSISTENT": "A partner's message names a state of the log that does not fit ours.",
        "RECEIPT_INVALID": "A receipt does not verify, or is about something else than what was sent.",
        "DIRECTORY_UNLOGGED": "A directory version is not in the log as it was published; it is not used.",
        "DIRECTORY_INVALID": "The directory's chain of signatures does not hold.",
        "DELIVERY_MISMATCH": "What the hub delivered is not what its log says it accepted.",
        "REPLAYED": "The hub delivered an accepted message again under another place of the log.",
        "REORDERED": "The hub delivered a message after one that it accepted later.",
        "FOREIGN_LEAF": "The log says something in our name that we never sent.",
        "NOT_DELIVERED": "A message accepted for us was not delivered.",
        "WITHHELD": "A recipient's signed hand-over or failure did not come in time.",
        "STATEMENT_INVALID": "The log names a partner's statement that the partner did not sign.",
        "STATEMENT_REFUSED": "The hub refused a statement of ours.",
        "PIN_INVALID": "What the hub says a case counts by is not what its log commits to.",
        "CORRECTION_OWED": "A reply to an overstay notice obliges us to correct our data, and no correction was sent.",
        "OWN_KEY": "The hub does not take our signing keys.",
    }
)
"""Code -> what it means. None of these words depends on a message."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm. `subject` is a digest, an index, a version or a partner."""

    seq: int
    at: int
    code: str
    subject: str
    seen: bool


class Alarms:
    """The alarms of one edge."""

    def __init__(self, connection: Connection, clock: Clock, metrics: Metrics) -> None:
        self._connection = connection
        self._clock = clock
        self._metrics = metrics

    def sound(self, code: str, subject: str, evidence: bytes = b"") -> None:
        """Say it, unless it was said. Part of the caller's transaction where there is one."""
        with guarded():
            done = self._connection.execute(
                "INSERT OR IGNORE INTO alarm (at, code, subject, evidence) VALUES (?, ?, ?, ?)",
                (int(self._clock().timestamp()), code, subject, evidence),
            )
        if done.rowcount:
            self._metrics.alarm(code)
            log.error("edge.alarm", code=code, digest=subject)

    def list(self) -> list[Alarm]:
        """All of them, oldest first."""
        with guarded():
            rows = self._connection.execute("SELECT seq, at, code, subject, seen FROM alarm ORDER BY seq").fetchall()
        return [Alarm(seq, at, code, subject, bool(seen)) for seq, at, code, subject, seen in rows]

    def evidence(self, code: str, subject: str) -> bytes | None:
        """What was kept with an alarm."""
        with guarded():
            row = self._connection.execute(
                "SELECT evidence FROM alarm WHERE code = ? AND subject = ?", (code, subject)
            ).fetchone()
        return None if row is None else bytes(row[0])

    def mark_seen(self) -> None:
        """An operator has seen all that there are."""
        with guarded():
            self._connection.execute("UPDATE alarm SET seen = 1 WHERE seen = 0")
