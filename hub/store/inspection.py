"""Whether a server keeps what it acknowledged, and keeps the hub's role from what it must not do. Changes nothing."""

from dataclasses import dataclass

from hub.store import tables
from hub.store.engine import Connection, guarded
from hub.store.migrating import APPENDED
from hub.store.postgres import PARTNER_ROLE
from schemas.errors import Rejected

VERSION_LEAST = 150_000
"""What the tests run on is the oldest that is known to do."""

_SETTING = "SELECT current_setting(?)"
_KEEPS = ("fsync", "full_page_writes", "synchronous_commit")
_POWERS = (
    "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication FROM pg_roles WHERE rolname = current_user"
)
_OWNED = (
    "SELECT count(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner "
    "WHERE r.rolname = current_user AND c.relnamespace = current_schema()::regnamespace"
)
_CHANGES = "SELECT has_table_privilege(?, 'UPDATE, DELETE, TRUNCATE')"
_UNSECURED = (
    "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace "
    "AND NOT relrowsecurity AND has_table_privilege(?, oid, 'SELECT')"
)
_OPEN = (
    "SELECT 1 FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND NOT ssl "
    "AND NOT coalesce(inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1', true)"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    sound: bool
    found: str


def inspect(connection: Connection) -> list[Finding]:
    """What there is to say of the server behind an open connection of the hub's role.

    Raises:
        Unavailable: STORE_UNAVAILABLE.
    """
    with guarded():
        findings = [_version(connection), *(_kept(connection, name) for name in _KEEPS), _encrypted(connection)]
        layout = _layout(connection)
        return [*findings, layout, *([_role(connection), _secured(connection)] if layout.sound else [])]


def _version(connection: Connection) -> Finding:
    number = int(connection.execute(_SETTING, ("server_version_num",)).fetchone()[0])
    oldest = VERSION_LEAST // 10_000
    return Finding(f"PostgreSQL {oldest} or newer", number >= VERSION_LEAST, f"{number // 10_000}.{number % 10_000}")


def _kept(connection: Connection, name: str) -> Finding:
    found = str(connection.execute(_SETTING, (name,)).fetchone()[0])
    return Finding(f"PostgreSQL: {name}", found != "off", found)


def _encrypted(connection: Connection) -> Finding:
    is_open = connection.execute(_OPEN).fetchone() is not None
    return Finding(
        "PostgreSQL: TLS, or on this machine", not is_open, "plain over a network" if is_open else "so it is"
    )


def _layout(connection: Connection) -> Finding:
    found, sound = str(tables.layouts(connection)[0]), True
    try:
        tables.check(connection)
    except Rejected as refusal:
        found, sound = refusal.code, False
    return Finding("PostgreSQL: tables of this release", sound, found)


def _role(connection: Connection) -> Finding:
    wrong = []
    if connection.execute(_POWERS).fetchone()[0]:
        wrong.append("powers of an administrator")
    if connection.execute(_OWNED).fetchone()[0]:
        wrong.append("owns tables")
    changed = [table for table in sorted(APPENDED) if connection.execute(_CHANGES, (table,)).fetchone()[0]]
    if changed:
        wrong.append(f"may change {', '.join(changed)}")
    return Finding("PostgreSQL: the hub's role can only add to the log", not wrong, "; ".join(wrong) or "so it is")


def _secured(connection: Connection) -> Finding:
    count = int(connection.execute(_UNSECURED, (PARTNER_ROLE,)).fetchone()[0])
    found = f"off for {count} tables" if count else "on"
    return Finding("PostgreSQL: row-level security", not count, found)
