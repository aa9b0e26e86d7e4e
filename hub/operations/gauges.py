"""The numbers of a hub that are looked up: how old what waits is, what ends soon, how much room is left.

Everything is read, nothing written; each statement is bounded: by an index, by a limit, or by the number of partners.
Given one at a time, so that a running hub can let others have their turn in between. A number that cannot be had now is
left out. Also for a command beside a hub that does not run (`liaison hub status`).
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from hub.broker.contract import INBOX_PREFIX, OUTBOUND
from hub.broker.positions import LOG, LOG_PART, Consumer
from hub.settings import ONE_AT_A_TIME, HubSettings
from hub.store.engine import Connection, database_time, guarded
from hub.store.parked import count_poison
from keys.directory.directory import Directory
from keys.directory.roles import read_role
from keys.proofs.leaf import parse_leaf
from keys.tls import expires_at
from schemas.errors import LiaisonError
from service.gauges import Number

ABOUT: Mapping[str, str] = MappingProxyType(
    {
        "liaison_ready": "1 where a check of /readyz is ok.",
        "liaison_disk_free_bytes": "Free on the data directory's volume.",
        "liaison_clock_behind_seconds": "How far this clock is behind the newest leaf; 0 when it is not.",
        "liaison_relay_oldest_seconds": "How old the oldest message is that is not yet published to the broker.",
        "liaison_delivery_oldest_seconds": "How long the oldest message waits to be taken, parked ones aside.",
        "liaison_delivery_backlog": "Messages that wait to be taken, counted up to 1000 a partner.",
        "liaison_evidence_overdue": "Messages without the recipient's signed word in time, up to 1000 a partner.",
        "liaison_parked_now": "Messages parked.",
        "liaison_parked_room": "How many more may be parked before lanes stop.",
        "liaison_key_expires_timestamp_seconds": "When the partner's last valid key of a use ends.",
        "liaison_metadata_expires_timestamp_seconds": "When a role's metadata must have been signed anew.",
        "liaison_agreement_expires_timestamp_seconds": "When an agreement's signatures end.",
        "liaison_directory_valid_until_timestamp_seconds": "Until when the directory in use may be relied on.",
        "liaison_certificate_expires_timestamp_seconds": "When the server's TLS certificate ends.",
        "liaison_role_unheld_seconds": "How long no process has had the role; 0 while one has it. Never: since 1970.",
        "liaison_role_epoch": "How often the role was taken by a process that did not have it.",
        "liaison_backup_timestamp_seconds": "When the last good backup was made; 0 for never.",
    }
)

COUNTED_MAX = 1000
OPEN_DAYS_MAX = 30
"""A message's longest life: nothing older waits for anything."""
BACKUP = "backup_at"

_META = "SELECT value FROM meta WHERE name = ?"
_LEAF = "SELECT bytes FROM leaf WHERE idx = ?"
_UNPUBLISHED = "SELECT idx FROM message WHERE idx >= ? ORDER BY idx LIMIT 1"
_UNPUBLISHED_TO = (
    "SELECT idx FROM recipient WHERE idx >= ? AND partner = ? AND state <> 'handed_over' ORDER BY idx LIMIT 1"
)
_WAITING = (
    "FROM recipient r WHERE r.partner = ? AND r.idx >= ? AND r.state = 'accepted' AND r.state <> 'handed_over' "
    "AND NOT EXISTS (SELECT 1 FROM push p WHERE p.partner = r.partner AND p.idx = r.idx AND p.code IS NOT NULL) "
)  # the term about 'handed_over' is the one its index has
_OLDEST = f"SELECT r.idx {_WAITING} ORDER BY r.idx LIMIT 1"
_BACKLOG = f"SELECT count(*) FROM (SELECT r.idx {_WAITING} LIMIT {COUNTED_MAX}) AS counted"  # noqa: S608 - fixed text
_OVERDUE = (
    "SELECT count(*) FROM (SELECT r.idx FROM recipient r WHERE r.partner = ? AND r.idx >= ? AND r.idx < ? "  # noqa: S608
    f"AND r.state IN ('accepted', 'consigned') AND r.state <> 'handed_over' LIMIT {COUNTED_MAX}) AS counted"
)
_ROLES = "SELECT role, epoch, until FROM lease"
_PARKED = "SELECT partner, count(*) FROM push WHERE code IS NOT NULL GROUP BY partner"


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the numbers are from. `connection`, `directory` are None where there is none to be relied on."""

    connection: Connection | None
    directory: Directory | None
    settings: HubSettings
    now: datetime

    @property
    def seconds(self) -> int:
        """Now, in seconds since 1970."""
        return int(self.now.timestamp())


def look(sources: Sources) -> Iterator[Number]:
    """Every number that can be had. A database that fails is not asked again: a question may cost its whole limit."""
    for each in (_disk, _directory, _certificate):
        try:
            yield from each(sources)
        except (LiaisonError, OSError):
            continue  # /readyz says what is down
    if sources.connection is None:
        return
    try:
        for read in (_clock, _relay, _roles, _parked, _backup, _deliveries):
            yield from read(sources, sources.connection)
    except LiaisonError:
        return


def unnamed(numbers: Iterable[Number]) -> list[Number]:
    """The same without naming a partner or an agreement: the oldest, the first to end, or how many of all together."""
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for number in numbers:
        labels = {name: value for name, value in number.labels.items() if name not in {"partner", "agreement"}}
        if labels.get("role", "").startswith("partner-"):
            labels["role"] = "partner"
        key = number.name, tuple(labels.items())
        if key not in found:
            found[key] = number.value
        elif number.name.endswith("_expires_timestamp_seconds"):
            found[key] = min(found[key], number.value)
        elif number.name.endswith("_oldest_seconds"):
            found[key] = max(found[key], number.value)
        else:
            found[key] += number.value
    return [Number(name, value, dict(labels)) for (name, labels), value in found.items()]


def first_since(connection: Connection, at: datetime) -> int:
    """The index of the first leaf at or after an instant; the log's size when there is none. Times never fall."""
    with guarded():
        low, high = 0, int(connection.execute("SELECT size FROM head WHERE one = 1").fetchone()[0])
    while low < high:
        middle = (low + high) // 2
        if _time_of(connection, middle) < at:
            low = middle + 1
        else:
            high = middle
    return low


def _time_of(connection: Connection, index: int) -> datetime:
    with guarded():
        return parse_leaf(bytes(connection.execute(_LEAF, (index,)).fetchone()[0])).at


def _age(sources: Sources, connection: Connection, index: int) -> float:
    return max(0.0, (sources.now - _time_of(connection, index)).total_seconds())


def _meta(connection: Connection, name: str) -> int:
    with guarded():
        row = connection.execute(_META, (name,)).fetchone()
    return 0 if row is None else int(bytes(row[0]))


def _disk(sources: Sources) -> Iterator[Number]:
    about = os.statvfs(sources.settings.folder)
    yield Number("liaison_disk_free_bytes", about.f_bavail * about.f_frsize)


def _clock(sources: Sources, connection: Connection) -> Iterator[Number]:
    with guarded():
        last = connection.execute("SELECT at FROM head WHERE one = 1").fetchone()[0]
    yield Number("liaison_clock_behind_seconds", max(0, last - sources.seconds))


def _relay(sources: Sources, connection: Connection) -> Iterator[Number]:
    settings = sources.settings
    topics: dict[str, tuple[str, ...]] = {OUTBOUND: ()}
    if settings.kafka_bootstrap:
        topics |= {INBOX_PREFIX + partner: (partner,) for partner in settings.kafka_inboxes}
    for topic, partner in topics.items():
        following = Consumer(LOG, topic).standing(connection).positions.get(LOG_PART, 0)
        with guarded():
            row = connection.execute(_UNPUBLISHED_TO if partner else _UNPUBLISHED, (following, *partner)).fetchone()
        age = 0.0 if row is None else _age(sources, connection, row[0])
        yield Number("liaison_relay_oldest_seconds", age, {"topic": topic})


def _roles(sources: Sources, connection: Connection) -> Iterator[Number]:
    """Of each role that one process at a time has; a hub of one process has them all. By the database's clock."""
    held: dict[str, tuple[int, float]] = {}
    now = 0.0
    if sources.settings.shared:
        now = database_time(connection)
        with guarded():
            held = {role: (epoch, until) for role, epoch, until in connection.execute(_ROLES).fetchall()}
    for role in ONE_AT_A_TIME:
        epoch, until = held.get(role, (0, 0.0))
        yield Number("liaison_role_unheld_seconds", max(0.0, now - until), {"role": role})
        yield Number("liaison_role_epoch", epoch, {"role": role})


def _deliveries(sources: Sources, connection: Connection) -> Iterator[Number]:
    """A partner at a time: what waits to be taken, and what nobody has given a signed word about in time."""
    if sources.directory is None:
        return
    settings = sources.settings
    first = first_since(connection, sources.now - timedelta(days=OPEN_DAYS_MAX))
    late = first_since(connection, sources.now - timedelta(hours=settings.handover_deadline_hours))
    for partner in sources.directory.partners:
        with guarded():
            row = connection.execute(_OLDEST, (partner, first)).fetchone()
            backlog = 0 if row is None else connection.execute(_BACKLOG, (partner, first)).fetchone()[0]
            overdue = connection.execute(_OVERDUE, (partner, first, late)).fetchone()[0]
        label = {"partner": partner}
        yield Number(
            "liaison_delivery_oldest_seconds", 0.0 if row is None else _age(sources, connection, row[0]), label
        )
        yield Number("liaison_delivery_backlog", backlog, label)
        yield Number("liaison_evidence_overdue", overdue, label)


def _parked(sources: Sources, connection: Connection) -> Iterator[Number]:
    room = sources.settings.parked_max - count_poison(connection, sources.seconds, sources.settings.parked_max)
    yield Number("liaison_parked_room", room)
    with guarded():
        found = dict(connection.execute(_PARKED).fetchall())
    for partner in found if sources.directory is None else sources.directory.partners:
        yield Number("liaison_parked_now", found.get(partner, 0), {"partner": partner})


def _directory(sources: Sources) -> Iterator[Number]:
    directory = sources.directory
    if directory is None:
        return
    yield Number("liaison_directory_valid_until_timestamp_seconds", directory.valid_until.timestamp())
    for name, until in directory.expires.items():
        role = read_role(name)
        if role is None or role.duty == "partner":
            yield Number("liaison_metadata_expires_timestamp_seconds", until.timestamp(), {"role": name})
        elif role.duty == "agreement":  # an expired suspension holds on
            yield Number("liaison_agreement_expires_timestamp_seconds", until.timestamp(), {"agreement": role.subject})
    for partner in directory.partners:
        for use, last in directory.last_valid(partner).items():
            yield Number("liaison_key_expires_timestamp_seconds", last.timestamp(), {"partner": partner, "use": use})


def _certificate(sources: Sources) -> Iterator[Number]:
    file = sources.settings.tls_certificate
    if file is not None:
        yield Number("liaison_certificate_expires_timestamp_seconds", expires_at(file.read_bytes()).timestamp())


def _backup(_: Sources, connection: Connection) -> Iterator[Number]:
    yield Number("liaison_backup_timestamp_seconds", _meta(connection, BACKUP))
