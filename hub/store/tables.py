"""The tables of the hub's database; docs/audit-tables.md says what each means to an auditor.

Guarantees nothing but the layout. Written here once with SQLAlchemy Core, from which the DDL is made; the append itself
uses the driver's own statements (hub/log), for it runs for every message.

Instants are whole seconds since 1970 (UTC); digests, hashes and look-ups are 32 bytes; `idx` is a leaf's index. A
large value stands last in its row, so that reading the others does not walk over it.
"""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from hub.store.engine import Connection, guarded, has_table, transaction
from schemas.errors import Rejected

METADATA = MetaData()
WHOLE = BigInteger().with_variant(Integer, "sqlite")
"""A row's number in SQLite is an INTEGER and nothing else."""
TEXT = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Compared byte by byte, in both."""


def _where(holds: ColumnElement[bool]) -> dict[str, Any]:
    """Of an index: it has only the rows for which this holds."""
    return {"sqlite_where": holds, "postgresql_where": holds}


META = Table(
    "meta",
    METADATA,
    Column("name", TEXT, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    comment="names and small states of this database: its layout, the log's origin, how often the broker was refilled",
    sqlite_with_rowid=False,
)

# -- the log

LEAF = Table(
    "leaf",
    METADATA,
    Column("idx", WHOLE, primary_key=True, autoincrement=False, comment="from 0, without gaps"),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256(0x00 || bytes)"),
    Column("bytes", LargeBinary, nullable=False, comment="the exact bytes that are hashed"),
    comment="the entries of the log",
)
LEAF_PARTNER = Table(
    "leaf_partner",
    METADATA,
    Column("partner", TEXT, primary_key=True),
    Column("idx", WHOLE, primary_key=True),
    comment="which leaves name which partner, as source or recipient; follows from the leaves",
    sqlite_with_rowid=False,
)
HEAD = Table(
    "head",
    METADATA,
    Column("one", WHOLE, primary_key=True, autoincrement=False),
    Column("size", WHOLE, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("range", LargeBinary, nullable=False, comment="roots of the complete subtrees, largest first"),
    Column("at", WHOLE, nullable=False, comment="the last leaf's time"),
    CheckConstraint("one = 1"),
    comment="the one row whose compare-and-swap makes a batch the next one",
)
CHECKPOINT = Table(
    "checkpoint",
    METADATA,
    Column("size", WHOLE, primary_key=True, autoincrement=False),
    Column("text", LargeBinary, nullable=False, comment="the signed note"),
    comment="every signed state, one a batch",
)
TILE = Table(
    "tile",
    METADATA,
    Column(
        "level",
        WHOLE,
        primary_key=True,
        autoincrement=False,
        comment="tile level: its hashes are of subtrees of 256**level leaves",
    ),
    Column("idx", WHOLE, primary_key=True, comment="the tile's number, from 0"),
    Column("bytes", LargeBinary, nullable=False, comment="256 hashes; partial tiles are made on request"),
    comment="full hash tiles (C2SP tlog-tiles)",
)
DIRECTORY_VERSION = Table(
    "directory_version",
    METADATA,
    Column("version", WHOLE, primary_key=True, autoincrement=False),
    Column("idx", WHOLE, nullable=False, comment="its leaf DirectoryPublished"),
    comment="which leaf logged which version of the key directory; follows from the leaves",
)
STATEMENT = Table(
    "statement",
    METADATA,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the payload, as its leaves name it"),
    Column("bytes", LargeBinary, nullable=False, comment="the signed DSSE envelope as posted"),
    comment="what edges stated; goes out with every proof of a leaf that came from one",
)

# -- messages on their way

MESSAGE = Table(
    "message",
    METADATA,
    Column("idx", WHOLE, primary_key=True, autoincrement=False, comment="its acceptance"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256(M)"),
    Column("identity", LargeBinary, nullable=False, comment="HMAC(index key, source, id)"),
    Column("source", TEXT, nullable=False),
    Column("kind", TEXT, nullable=False),
    Column("case_row", WHOLE, ForeignKey("case_key.row_id"), nullable=False),
    Column("expires_at", WHOLE, nullable=False),
    Column("container", LargeBinary, comment="as posted; NULL once purged"),
    UniqueConstraint("digest"),
    comment="accepted messages; the container lies here only while it is in transit",
)
RETENTION = Table(
    "retention",
    METADATA,
    Column("purge_at", WHOLE, primary_key=True),
    Column("idx", WHOLE, primary_key=True),
    comment="when a message's container goes; the earliest row counts, and one is added when it was handed over",
    sqlite_with_rowid=False,
)
RECIPIENT = Table(
    "recipient",
    METADATA,
    Column("partner", TEXT, primary_key=True),
    Column("idx", WHOLE, ForeignKey("message.idx"), primary_key=True, comment="the message's acceptance"),
    Column(
        "state",
        TEXT,
        nullable=False,
        server_default="accepted",
        comment="accepted, consigned, handed_over or failed",
    ),
    Column("consigned_idx", WHOLE, comment="leaf of ContentConsignment"),
    Column("evidence_idx", WHOLE, comment="leaf of the last statement about it"),
    comment="one row a message and recipient: how far it got",
    sqlite_with_rowid=False,
)
Index("recipient_message", RECIPIENT.c.idx)
Index(
    "recipient_open",
    RECIPIENT.c.partner,
    RECIPIENT.c.idx,
    sqlite_where=RECIPIENT.c.state != "handed_over",
    postgresql_where=RECIPIENT.c.state != "handed_over",
)  # what is still on its way stays quick to find, however much has arrived
IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("key", LargeBinary, primary_key=True, comment="HMAC(index key, source, id)"),
    Column("digest", LargeBinary, nullable=False),
    Column("idx", WHOLE, nullable=False, comment="the leaf whose receipt was given"),
    Column("size", WHOLE, nullable=False, comment="the checkpoint that receipt has"),
    Column("until", WHOLE, nullable=False),
    comment="what answers a repeat with the same receipt",
    sqlite_with_rowid=False,
)
Index("idempotency_until", IDEMPOTENCY.c.until)
PART = Table(
    "part",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("length", WHOLE, nullable=False),
    Column("partner", TEXT, nullable=False, comment="who uploaded it first, and whose quota it takes"),
    Column("at", WHOLE, nullable=False),
    comment="detached parts that lie durable in the parts folder",
    sqlite_with_rowid=False,
)
Index("part_at", PART.c.at)
Index("part_partner", PART.c.partner)
PART_USE = Table(
    "part_use",
    METADATA,
    Column("sha256", LargeBinary, ForeignKey("part.sha256"), primary_key=True),
    Column("idx", WHOLE, ForeignKey("message.idx"), primary_key=True),
    comment="which accepted message names which part",
    sqlite_with_rowid=False,
)
Index("part_use_message", PART_USE.c.idx)

# -- relay, broker, delivery

BROKER_RECORD = Table(
    "broker_record",
    METADATA,
    Column("topic", TEXT, primary_key=True),
    Column("place", WHOLE, primary_key=True, comment="rises in a topic"),
    Column("key", LargeBinary, nullable=False),
    Column("value", LargeBinary, nullable=False),
    comment="the embedded broker's records; transport, never evidence",
    sqlite_with_rowid=False,
)
CONSUMER_POSITION = Table(
    "consumer_position",
    METADATA,
    Column("topic", TEXT, primary_key=True),
    Column("consumer", TEXT, primary_key=True),
    Column("part", WHOLE, primary_key=True, comment="the topic's partition"),
    Column("next", WHOLE, nullable=False, comment="the next record to read"),
    comment="how far each consumer of the broker is; written with what it did",
    sqlite_with_rowid=False,
)
PUSH = Table(
    "push",
    METADATA,
    Column("partner", TEXT, primary_key=True),
    Column("idx", WHOLE, ForeignKey("message.idx"), primary_key=True, comment="the message's acceptance"),
    Column("code", TEXT, comment="why it is parked; NULL while it is to be pushed"),
    Column("parked_idx", WHOLE, comment="leaf ContentConsignmentFailure"),
    comment="what is to be pushed to a partner that can be called; goes once it is consigned",
    sqlite_with_rowid=False,
)
LANE = Table(
    "lane",
    METADATA,
    Column("partner", TEXT, primary_key=True),
    Column("failures", WHOLE, nullable=False, comment="pushes that failed since the last that did not"),
    Column("refusals", WHOLE, nullable=False, comment="items parked since the last that was taken"),
    Column("due_at", Float, nullable=False, comment="nothing is pushed before; with a fraction"),
    Column("code", TEXT, nullable=False, comment="what the last failure was"),
    comment="partners whose pushes fail, and until when they are left alone",
    sqlite_with_rowid=False,
)

# -- cases

CASE_KEY = Table(
    "case_key",
    METADATA,
    Column(
        "row_id", WHOLE, primary_key=True, autoincrement=False, comment="the index of the opening message's acceptance"
    ),
    Column("lookup", LargeBinary, nullable=False, comment="HMAC(index key, handle)"),
    Column("wrapped", LargeBinary, comment="the case key under the at-rest key; NULL once erased"),
    UniqueConstraint("lookup"),
    comment="the keys that rows of a case are sealed under",
)
CASE_STATE = Table(
    "case_state",
    METADATA,
    Column("row_id", WHOLE, ForeignKey("case_key.row_id"), primary_key=True),
    Column("parties", TEXT, nullable=False, comment="partner ids with a comma, the opening message's source first"),
    Column("procedure", TEXT, nullable=False),
    Column("state", TEXT, nullable=False),
    Column("last_idx", WHOLE, nullable=False, comment="the last accepted message of the case"),
    Column(
        "handed_over_at", WHOLE, comment="when the opening message's last recipient handed it over; NULL until then"
    ),
    Column("clock", TEXT, comment="name of the clock that runs, or waits to; NULL when none does"),
    Column("basis", TEXT, comment="how the clock counts: H hours, CD calendar days, WD working days"),
    Column("due_at", WHOLE, comment="the first instant that is too late; NULL until the clock is started"),
    comment="where each case stands, as intake and the case list need it; follows from leaves and side records",
)
CASE_PARTY = Table(
    "case_party",
    METADATA,
    Column("partner", TEXT, primary_key=True),
    Column("row_id", WHOLE, ForeignKey("case_key.row_id"), primary_key=True),
    Column("due_at", WHOLE, comment="as in case_state"),
    comment="whose case it is: a case is looked for below its viewer's partner alone; follows from case_state",
    sqlite_with_rowid=False,
)
Index(
    "case_party_due",
    CASE_PARTY.c.partner,
    CASE_PARTY.c.due_at,
    CASE_PARTY.c.row_id,
    **_where(CASE_PARTY.c.due_at.is_not(None)),
)
CASE_CLOCK = Table(
    "case_clock",
    METADATA,
    Column("row_id", WHOLE, ForeignKey("case_key.row_id"), primary_key=True),
    Column(
        "clock",
        TEXT,
        primary_key=True,
        comment="the key of the agreement's profile, or correction. and entry and recipient",
    ),
    Column("basis", TEXT, nullable=False, comment="CD calendar days, WD working days, M months"),
    Column("due_on", TEXT, comment="the last day in time where the state asked is; NULL until it runs"),
    Column("requested", TEXT, nullable=False, comment="the state asked, whose days are counted; empty: UTC's"),
    Column("known", Boolean, nullable=False, comment="false where nobody can say when it ends"),
    Column("indicative", Boolean, nullable=False, comment="true where a number or text behind it is not verified"),
    Column("due_at", WHOLE, comment="the first instant that is too late; NULL until it runs"),
    Column("stage", TEXT, nullable=False, comment="running, warned or expired: what the log says of it"),
    comment="the clocks of a case that the keeper keeps; follows from leaves and side records",
    sqlite_with_rowid=False,
)
Index(
    "case_clock_due",
    CASE_CLOCK.c.stage,
    CASE_CLOCK.c.due_at,
    sqlite_where=CASE_CLOCK.c.due_at.is_not(None),
    postgresql_where=CASE_CLOCK.c.due_at.is_not(None),
)
CASE_LEAF = Table(
    "case_leaf",
    METADATA,
    Column("case_row", WHOLE, primary_key=True, comment="as case_key.row_id"),
    Column("idx", WHOLE, primary_key=True),
    comment="which leaves belong to which case: its messages, and what became of each; follows from leaves and side",
    sqlite_with_rowid=False,
)
CASE_AGREEMENT = Table(
    "case_agreement",
    METADATA,
    Column("row_id", WHOLE, ForeignKey("case_key.row_id"), primary_key=True),
    Column("agreement", TEXT, nullable=False, comment="the id that the opening message names"),
    comment="on which agreement each case was opened; follows from leaves and side records",
    sqlite_with_rowid=False,
)
AGREEMENT_LEAF = Table(
    "agreement_leaf",
    METADATA,
    Column("agreement", TEXT, primary_key=True),
    Column("idx", WHOLE, primary_key=True, comment="the leaf that publishes a version, or a suspension"),
    Column("suspended", Boolean, nullable=False, comment="true where it is suspended since; the last row counts"),
    comment="what became of each agreement; follows from leaves and side records",
    sqlite_with_rowid=False,
)
SIDE = Table(
    "side",
    METADATA,
    Column("idx", WHOLE, primary_key=True, autoincrement=False),
    Column("case_row", WHOLE, ForeignKey("case_key.row_id"), comment="NULL: sealed under the hub's key for such rows"),
    Column("sealed", LargeBinary, nullable=False, comment="salt, header and values of the leaf's commitments"),
    comment="what a leaf's commitments commit to; readable only with the case key",
)

# -- pages

LEAF_COUNT = Table(
    "leaf_count",
    METADATA,
    Column("hour", WHOLE, primary_key=True, comment="whole hours since 1970 (UTC)"),
    Column("event", TEXT, primary_key=True),
    Column("count", WHOLE, nullable=False),
    comment="how many leaves of each event each hour brought; follows from the leaves",
    sqlite_with_rowid=False,
)
SIGN_IN = Table(
    "sign_in",
    METADATA,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the link's token, which is stored nowhere"),
    Column("partner", TEXT, nullable=False),
    Column("account", TEXT, nullable=False, comment="as in the partner's registry record; a pseudonym"),
    Column("until", WHOLE, nullable=False),
    comment="sign-in links not yet used",
    sqlite_with_rowid=False,
)
SESSION = Table(
    "session",
    METADATA,
    Column("digest", LargeBinary, primary_key=True, comment="SHA-256 of the cookie's token, which is stored nowhere"),
    Column("partner", TEXT, nullable=False),
    Column("account", TEXT, nullable=False),
    Column("until", WHOLE, nullable=False, comment="it ends then however busy it is"),
    Column("seen_at", WHOLE, nullable=False, comment="to the minute; it ends when idle for too long"),
    comment="who is signed in to the pages",
    sqlite_with_rowid=False,
)
CASE_VIEW = Table(
    "case_view",
    METADATA,
    Column("key", LargeBinary, primary_key=True, comment="HMAC(index key, partner, account, case row, hour)"),
    Column("hour", WHOLE, nullable=False, comment="whole hours since 1970 (UTC); goes once it is over"),
    comment="who has a CaseViewed leaf for this hour already",
    sqlite_with_rowid=False,
)

NONCE = Table(
    "nonce",
    METADATA,
    Column("key", LargeBinary, primary_key=True, comment="SHA-256(key id, nonce)"),
    Column("until", WHOLE, nullable=False, comment="when it may be forgotten"),
    comment="nonces of signed requests, where several processes answer for one hub",
    sqlite_with_rowid=False,
)
Index("nonce_until", NONCE.c.until)
LEASE = Table(
    "lease",
    METADATA,
    Column("role", TEXT, primary_key=True, comment="relay, deliver, clock or backup"),
    Column("epoch", WHOLE, nullable=False, comment="rises each time another process takes the role over"),
    Column("holder", TEXT, nullable=False, comment="a random name of that process's own"),
    Column("until", Float, nullable=False, comment="by the database's clock; then another may take it"),
    comment="which process does what only one may do at a time",
    sqlite_with_rowid=False,
)

LAYOUT = 2
"""Of the tables; migration `0001` makes them. Rises with each migration."""
LAYOUT_MIN = 1
"""The oldest code that may work with these tables has this `LAYOUT`: old and new run side by side during an update."""

SET_META = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
_LAYOUT = "SELECT value FROM meta WHERE name = 'layout'"
_LAYOUT_MIN = "SELECT value FROM meta WHERE name = 'layout_min'"


def ddl() -> list[str]:
    """The statements that make the tables of a new SQLite database, with what Alembic has to know of them."""
    dialect = sqlite.dialect()
    statements = []
    for table in METADATA.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)))
        statements += [
            str(CreateIndex(index).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
    return [
        *statements,
        "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)",
        f"INSERT INTO alembic_version VALUES ('{LAYOUT:04d}')",  # noqa: S608 - a number of ours
    ]


def create(connection: Connection) -> None:
    """A SQLite database has its tables; one that has any already keeps them. Raises Unavailable."""
    with transaction(connection):
        if has_table(connection, "meta"):
            return
        for statement in ddl():
            connection.execute(statement)
        for name, number in (("layout", LAYOUT), ("layout_min", LAYOUT_MIN)):
            connection.execute(SET_META, (name, str(number).encode()))


def check(connection: Connection) -> None:
    """The tables are ones this code may work with.

    Raises:
        Rejected: MIGRATION_NEEDED when there are none, or they are older, or newer than old code may touch.
        Unavailable: STORE_UNAVAILABLE.
    """
    layout, oldest = layouts(connection)
    if layout < LAYOUT or oldest > LAYOUT:
        raise Rejected("MIGRATION_NEEDED")


def layouts(connection: Connection) -> tuple[int, int]:
    """The layout of the tables, and of the oldest code that may work with them; 0 where there are none yet."""
    if not has_table(connection, "meta"):
        return 0, 0
    with guarded():
        rows = [connection.execute(statement).fetchone() for statement in (_LAYOUT, _LAYOUT_MIN)]
    layout, oldest = (LAYOUT if row is None else int(row[0]) for row in rows)
    return layout, oldest
