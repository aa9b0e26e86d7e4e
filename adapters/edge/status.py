"""What an operator asks of an edge's data directory, also while it runs: counts, states, alarms, messages, receipts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.edge.alarms import ALARMS
from adapters.edge.directories import SUSPENDED
from adapters.edge.holds import Holds
from adapters.edge.tables import read_meta
from keys.proofs.checkpoint import LogPublic
from keys.proofs.receipt import VerifiedReceipt, verify_receipt
from schemas.errors import Rejected
from service.sqlite import Connection, guarded

_COUNTS = {
    "sent": "SELECT count(*) FROM outbox WHERE state <> 'held'",
    "held": "SELECT count(*) FROM hold",
    "accepted": "SELECT count(*) FROM outbox WHERE state = 'accepted'",
    "refused": "SELECT count(*) FROM outbox WHERE state = 'refused'",
    "received": "SELECT count(*) FROM inbox",
    "opened": "SELECT count(*) FROM inbox WHERE payload IS NOT NULL",
    "handed_over": "SELECT count(*) FROM inbox WHERE state = 'handed_over'",
    "failed": "SELECT count(*) FROM inbox WHERE state = 'failed'",
    "evidence": "SELECT count(*) FROM evidence e JOIN statement s ON s.id = e.statement WHERE s.state = 'accepted'",
    "alarms": "SELECT count(*) FROM alarm",
    "pins_differ": "SELECT count(*) FROM case_start WHERE hub_pin <> coalesce(pin, '')",
}
_OUTGOING = """
SELECT seq, id, channel, external_id, kind, case_handle, state, code, idx, plan ->> '$.agreement',
    EXISTS (SELECT 1 FROM case_start s WHERE s.case_handle = o.case_handle AND s.hub_pin <> coalesce(s.pin, ''))
FROM outbox o ORDER BY seq DESC LIMIT ?
"""
_INCOMING = """
SELECT idx, digest, id, source, kind, case_handle, state, code, channel, out_of_order, agreement,
    EXISTS (SELECT 1 FROM case_start s WHERE s.case_handle = i.case_handle AND s.hub_pin <> coalesce(s.pin, ''))
FROM inbox i ORDER BY idx DESC LIMIT ?
"""
_UNDER_WAY = (
    "SELECT count(*) FROM outbox WHERE state IN ('waiting', 'sealed')",
    "SELECT count(*) FROM awaited WHERE state IN ('pending', 'consigned')",
    "SELECT count(*) FROM inbox WHERE state IN ('received', 'ready')",
    "SELECT count(*) FROM evidence WHERE statement IS NULL",
    "SELECT count(*) FROM statement WHERE state = 'sealed'",
)


@dataclass(frozen=True, slots=True)
class ShownAlarm:
    """An alarm in words."""

    at: datetime
    code: str
    subject: str
    seen: bool
    words: str


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt as the hub gave it, and the message it is about: one sent, one received, or one refused."""

    id: str
    direction: str
    state: str
    raw: bytes = field(repr=False)


def counts(connection: Connection) -> dict[str, int]:
    """How many of everything, and how many are `under_way`."""
    with guarded():
        found = {name: int(connection.execute(query).fetchone()[0]) for name, query in _COUNTS.items()}
        found["under_way"] = sum(int(connection.execute(query).fetchone()[0]) for query in _UNDER_WAY)
    return found


@dataclass(frozen=True, slots=True)
class ShownHold:
    """A held submission: whom it is for and where it is held. No text of it."""

    id: str
    channel: str
    external_id: str
    kind: str
    recipients: tuple[str, ...]
    places: tuple[str, ...]
    since: datetime
    overdue: bool
    agreed_by: str | None


def holds(connection: Connection, now: datetime, alarm_hours: float) -> list[ShownHold]:
    """Every held submission, oldest first; `overdue` where it has waited longer than `alarm_hours`."""
    found = []
    for one in Holds(connection).all():
        since = datetime.fromtimestamp(one.since, UTC)
        overdue = now - since > timedelta(hours=alarm_hours)
        found.append(
            ShownHold(
                one.id,
                one.channel,
                one.external_id,
                one.kind,
                one.plan.to,
                one.places,
                since,
                overdue,
                one.agreed_by,
            )
        )
    return found


def trusted(connection: Connection) -> bool:
    """Whether the log is still trusted."""
    return read_meta(connection, "log_broken") is None


def alarms(connection: Connection) -> list[ShownAlarm]:
    """Every alarm, oldest first."""
    with guarded():
        rows = connection.execute("SELECT at, code, subject, seen FROM alarm ORDER BY seq").fetchall()
    return [
        ShownAlarm(datetime.fromtimestamp(at, UTC), code, subject, bool(seen), ALARMS.get(code, ""))
        for at, code, subject, seen in rows
    ]


def outgoing(connection: Connection, limit: int) -> list[dict[str, object]]:
    """What was sent, newest first; no payload.

    `suspended`: the agreement it was sent on is, now; `pin_differs`: the hub counts its case by another text.
    """
    held = suspended(connection)
    with guarded():
        rows = connection.execute(_OUTGOING, (limit,)).fetchall()
        words = {
            row[0]: connection.execute("SELECT partner, state, code FROM awaited WHERE seq = ?", (row[0],)).fetchall()
            for row in rows
        }
    names = ("id", "channel", "external_id", "kind", "case_handle", "state", "code", "index")
    return [
        dict(zip(names, row[1:-2], strict=True))
        | {"suspended": row[-2] in held, "pin_differs": bool(row[-1])}
        | {"recipients": {partner: state if code is None else code for partner, state, code in words[row[0]]}}
        for row in rows
    ]


def incoming(connection: Connection, limit: int) -> list[dict[str, object]]:
    """What was received, newest first; no payload. `suspended`, `pin_differs`: as for `outgoing`."""
    held = suspended(connection)
    with guarded():
        rows = connection.execute(_INCOMING, (limit,)).fetchall()
    names = ("index", "digest", "id", "source", "kind", "case_handle", "state", "code", "channel", "out_of_order")
    return [
        dict(zip(names, row[:-2], strict=True))
        | {"out_of_order": bool(row[9]), "suspended": row[-2] in held, "pin_differs": bool(row[-1])}
        for row in rows
    ]


def suspended(connection: Connection) -> frozenset[str]:
    """The agreements that a party has suspended, by the directory version in use."""
    kept = read_meta(connection, SUSPENDED) or b""
    return frozenset(kept.decode().split("\n")) - {""}


def receipts(connection: Connection, message_id: str | None = None) -> Iterator[StoredReceipt]:
    """Receipts of the message with this id, or of all messages."""
    for direction, query in (
        ("sent", "SELECT id, state, receipt FROM outbox WHERE receipt IS NOT NULL AND (?1 IS NULL OR id = ?1)"),
        ("received", "SELECT id, state, receipt FROM inbox WHERE id IS NOT NULL AND (?1 IS NULL OR id = ?1)"),
    ):
        with guarded():
            rows = connection.execute(query, (message_id,)).fetchall()
        for found_id, state, raw in rows:
            yield StoredReceipt(found_id, direction, state, bytes(raw))


def verify(receipt: StoredReceipt, public: LogPublic) -> VerifiedReceipt:
    """The receipt holds offline. Raises Rejected(PROOF_INVALID, CHECKPOINT_INVALID)."""
    return verify_receipt(receipt.raw, public)


def log_public(folder: Path, log_key: Path | None, cached: LogPublic | None) -> LogPublic:
    """The log's keys: from a file, else as the directory in use names them. Raises Rejected(NOT_FOUND)."""
    if log_key is not None:
        try:
            return LogPublic.from_vkeys(log_key.read_text(encoding="utf-8").split())
        except OSError as error:
            raise Rejected("NOT_FOUND") from error
    if cached is None:
        raise Rejected("NOT_FOUND", str(folder.name))
    return cached
