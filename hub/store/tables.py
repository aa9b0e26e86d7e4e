"""The tables of the hub's database; docs/audit-tables.md says what each means to an auditor.

Guarantees nothing but the layout. Written here once with SQLAlchemy Core, from which the DDL is made; the append itself
uses the driver's own statements (hub/log), for it runs for every message.

Instants are whole seconds since 1970 (UTC); digests, hashes and look-ups are 32 bytes; `idx` is a leaf's index. A
large value stands last in its row, so that reading the others does not walk over it.
"""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from service.sqlite import Connection, transaction

METADATA = MetaData()

META = Table(
    "meta",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    comment="names and small states of this database: its layout's version, the log's origin, what was last published",
    sqlite_with_rowid=False,
)

# -- the log

LEAF = Table(
    "leaf",
    METADATA,
    Column("idx", Integer, primary_key=True, comment="from 0, without gaps"),
    Column("hash", LargeBinary, nullable=False, comment="SHA-256(0x00 || bytes)"),
    Column("bytes", LargeBinary, nullable=False, comment="the exact bytes that are hashed"),
    comment="the entries of the log",
)
LEAF_PARTNER = Table(
    "leaf_partner",
    METADATA,
    Column("partner", Text, primary_key=True),
    Column("idx", Integer, primary_key=True),
    comment="which leaves name which partner, as source or recipient; follows from the leaves",
    sqlite_with_rowid=False,
)
HEAD = Table(
    "head",
    METADATA,
    Column("one", Integer, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("range", LargeBinary, nullable=False, comment="roots of the complete subtrees, largest first"),
    Column("at", Integer, nullable=False, comment="the last leaf's time"),
    CheckConstraint("one = 1"),
    comment="the one row whose compare-and-swap makes a batch the next one",
)
CHECKPOINT = Table(
    "checkpoint",
    METADATA,
    Column("size", Integer, primary_key=True),
    Column("text", LargeBinary, nullable=False, comment="the signed note"),
    comment="every signed state, one a batch",
)
TILE = Table(
    "tile",
    METADATA,
    Column("level", Integer, primary_key=True, comment="tile level: its hashes are of subtrees of 256**level leaves"),
    Column("idx", Integer, primary_key=True, comment="the tile's number, from 0"),
    Column("bytes", LargeBinary, nullable=False, comment="256 hashes; partial tiles are made on request"),
    comment="full hash tiles (C2SP tlog-tiles)",
)
DIRECTORY_VERSION = Table(
    "directory_version",
    METADATA,
    Column("version", Integer, primary_key=True),
    Column("idx", Integer, nullable=False, comment="its leaf DirectoryPublished"),
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
    Column("idx", Integer, primary_key=True, comment="its acceptance"),
    Column("digest", LargeBinary, nullable=False, comment="SHA-256(M)"),
    Column("identity", LargeBinary, nullable=False, comment="HMAC(index key, source, id)"),
    Column("source", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("case_row", Integer, ForeignKey("case_key.row_id"), nullable=False),
    Column("expires_at", Integer, nullable=False),
    Column("container", LargeBinary, comment="as posted; NULL once purged"),
    UniqueConstraint("digest"),
    comment="accepted messages; the container lies here only while it is in transit",
)
RETENTION = Table(
    "retention",
    METADATA,
    Column("purge_at", Integer, primary_key=True),
    Column("idx", Integer, primary_key=True),
    comment="when a message's container goes; the earliest row counts, and one is added when it was handed over",
    sqlite_with_rowid=False,
)
RECIPIENT = Table(
    "recipient",
    METADATA,
    Column("partner", Text, primary_key=True),
    Column("idx", Integer, ForeignKey("message.idx"), primary_key=True, comment="the message's acceptance"),
    Column(
        "state",
        Text,
        nullable=False,
        server_default="accepted",
        comment="accepted, consigned, handed_over or failed",
    ),
    Column("consigned_idx", Integer, comment="leaf of ContentConsignment"),
    Column("evidence_idx", Integer, comment="leaf of the last statement about it"),
    comment="one row a message and recipient: how far it got",
    sqlite_with_rowid=False,
)
Index("recipient_message", RECIPIENT.c.idx)
IDEMPOTENCY = Table(
    "idempotency",
    METADATA,
    Column("key", LargeBinary, primary_key=True, comment="HMAC(index key, source, id)"),
    Column("digest", LargeBinary, nullable=False),
    Column("idx", Integer, nullable=False, comment="the leaf whose receipt was given"),
    Column("size", Integer, nullable=False, comment="the checkpoint that receipt has"),
    Column("until", Integer, nullable=False),
    comment="what answers a repeat with the same receipt",
    sqlite_with_rowid=False,
)
Index("idempotency_until", IDEMPOTENCY.c.until)
PART = Table(
    "part",
    METADATA,
    Column("sha256", LargeBinary, primary_key=True),
    Column("length", Integer, nullable=False),
    Column("partner", Text, nullable=False, comment="who uploaded it first, and whose quota it takes"),
    Column("at", Integer, nullable=False),
    comment="detached parts that lie durable in the parts folder",
    sqlite_with_rowid=False,
)
Index("part_at", PART.c.at)
PART_USE = Table(
    "part_use",
    METADATA,
    Column("sha256", LargeBinary, ForeignKey("part.sha256"), primary_key=True),
    Column("idx", Integer, ForeignKey("message.idx"), primary_key=True),
    comment="which accepted message names which part",
    sqlite_with_rowid=False,
)
Index("part_use_message", PART_USE.c.idx)

# -- cases

CASE_KEY = Table(
    "case_key",
    METADATA,
    Column("row_id", Integer, primary_key=True, comment="the index of the opening message's acceptance"),
    Column("lookup", LargeBinary, nullable=False, comment="HMAC(index key, handle)"),
    Column("wrapped", LargeBinary, comment="the case key under the at-rest key; NULL once erased"),
    UniqueConstraint("lookup"),
    comment="the keys that rows of a case are sealed under",
)
CASE_STATE = Table(
    "case_state",
    METADATA,
    Column("row_id", Integer, ForeignKey("case_key.row_id"), primary_key=True),
    Column("parties", Text, nullable=False, comment="partner ids with a comma, the opening message's source first"),
    Column("procedure", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("last_idx", Integer, nullable=False, comment="the last accepted message of the case"),
    comment="where each case stands, as intake needs it; follows from leaves and side records",
)
SIDE = Table(
    "side",
    METADATA,
    Column("idx", Integer, primary_key=True),
    Column(
        "case_row", Integer, ForeignKey("case_key.row_id"), comment="NULL: sealed under the hub's key for such rows"
    ),
    Column("sealed", LargeBinary, nullable=False, comment="salt, header and values of the leaf's commitments"),
    comment="what a leaf's commitments commit to; readable only with the case key",
)

LAYOUT = 1


def ddl() -> list[str]:
    """The statements that make the tables that are not there yet."""
    dialect = sqlite.dialect()
    statements = []
    for table in METADATA.sorted_tables:
        statements.append(str(CreateTable(table, if_not_exists=True).compile(dialect=dialect)))
        statements += [
            str(CreateIndex(index, if_not_exists=True).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda index: str(index.name))
        ]
    return statements


def create(connection: Connection) -> None:
    """All tables are there. Raises Unavailable when they cannot be made."""
    with transaction(connection):
        for statement in ddl():
            connection.execute(statement)
        connection.execute("INSERT OR IGNORE INTO meta VALUES ('layout', ?)", (str(LAYOUT).encode(),))
