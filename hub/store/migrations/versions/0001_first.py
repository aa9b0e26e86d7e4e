"""Layout 1: every table of the first release, and who may do what with them.

What each table and column means stands in `hub.store.tables`; here is only what makes them. Columns' comments are not
repeated. The roles are made by `hub.store.migrating`, for they belong to the server and not to the database.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")

_ME = "current_setting('liaison.partner', true)"
_MINE = "EXISTS (SELECT 1 FROM {} p WHERE p.{} = {} AND p.partner = " + _ME + ")"  # noqa: S608 - constants
SEEN_BY_PARTNER = {
    "recipient": "partner = " + _ME,
    "message": "source = " + _ME + " OR " + _MINE.format("recipient", "idx", "message.idx"),
    "leaf_partner": "partner = " + _ME,
    "leaf": _MINE.format("leaf_partner", "idx", "leaf.idx"),
    "part_use": "EXISTS (SELECT 1 FROM message m WHERE m.idx = part_use.idx)",
    "case_party": "partner = " + _ME,
    "case_state": _MINE.format("case_party", "row_id", "case_state.row_id"),
    "case_clock": _MINE.format("case_party", "row_id", "case_clock.row_id"),
    "case_leaf": _MINE.format("case_party", "row_id", "case_leaf.case_row"),
}
"""What row-level security shows the role `liaison_partner`, the second wall of partner-scoped reads; no other table."""


def upgrade() -> None:
    """The tables; on PostgreSQL also row-level security."""
    op.create_table(
        "broker_record",
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("place", WHOLE, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("topic", "place"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "case_key",
        sa.Column("row_id", WHOLE, autoincrement=False, nullable=False),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("row_id"),
        sa.UniqueConstraint("lookup"),
    )
    op.create_table(
        "case_leaf",
        sa.Column("case_row", WHOLE, nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("case_row", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "case_view",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("hour", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "checkpoint",
        sa.Column("size", WHOLE, autoincrement=False, nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size"),
    )
    op.create_table(
        "consumer_position",
        sa.Column("topic", TEXT, nullable=False),
        sa.Column("consumer", TEXT, nullable=False),
        sa.Column("part", WHOLE, nullable=False),
        sa.Column("next", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("topic", "consumer", "part"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "directory_version",
        sa.Column("version", WHOLE, autoincrement=False, nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("version"),
    )
    op.create_table(
        "head",
        sa.Column("one", WHOLE, autoincrement=False, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("range", sa.LargeBinary(), nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.CheckConstraint("one = 1"),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "idempotency",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.Column("size", WHOLE, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_index("idempotency_until", "idempotency", ["until"], unique=False)
    op.create_table(
        "lane",
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("failures", WHOLE, nullable=False),
        sa.Column("refusals", WHOLE, nullable=False),
        sa.Column("due_at", sa.Float(), nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("partner"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leaf",
        sa.Column("idx", WHOLE, autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("idx"),
    )
    op.create_table(
        "leaf_count",
        sa.Column("hour", WHOLE, nullable=False),
        sa.Column("event", TEXT, nullable=False),
        sa.Column("count", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("hour", "event"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leaf_partner",
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("partner", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lease",
        sa.Column("role", TEXT, nullable=False),
        sa.Column("epoch", WHOLE, nullable=False),
        sa.Column("holder", TEXT, nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("role"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "meta",
        sa.Column("name", TEXT, nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "nonce",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("until", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("key"),
        sqlite_with_rowid=False,
    )
    op.create_index("nonce_until", "nonce", ["until"], unique=False)
    op.create_table(
        "part",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("length", WHOLE, nullable=False),
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("sha256"),
        sqlite_with_rowid=False,
    )
    op.create_index("part_at", "part", ["at"], unique=False)
    op.create_index("part_partner", "part", ["partner"], unique=False)
    op.create_table(
        "retention",
        sa.Column("purge_at", WHOLE, nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("purge_at", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "session",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
        sa.Column("seen_at", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sign_in",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("account", TEXT, nullable=False),
        sa.Column("until", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "statement",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_table(
        "tile",
        sa.Column("level", WHOLE, autoincrement=False, nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "idx"),
    )
    op.create_table(
        "case_clock",
        sa.Column("row_id", WHOLE, nullable=False),
        sa.Column("clock", TEXT, nullable=False),
        sa.Column("basis", TEXT, nullable=False),
        sa.Column("due_on", TEXT, nullable=True),
        sa.Column("requested", TEXT, nullable=False),
        sa.Column("known", sa.Boolean(), nullable=False),
        sa.Column("indicative", sa.Boolean(), nullable=False),
        sa.Column("due_at", WHOLE, nullable=True),
        sa.Column("stage", TEXT, nullable=False),
        sa.ForeignKeyConstraint(
            ["row_id"],
            ["case_key.row_id"],
        ),
        sa.PrimaryKeyConstraint("row_id", "clock"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "case_clock_due",
        "case_clock",
        ["stage", "due_at"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "case_party",
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("row_id", WHOLE, nullable=False),
        sa.Column("due_at", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(
            ["row_id"],
            ["case_key.row_id"],
        ),
        sa.PrimaryKeyConstraint("partner", "row_id"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "case_party_due",
        "case_party",
        ["partner", "due_at", "row_id"],
        unique=False,
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_table(
        "case_state",
        sa.Column("row_id", WHOLE, nullable=False),
        sa.Column("parties", TEXT, nullable=False),
        sa.Column("procedure", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("last_idx", WHOLE, nullable=False),
        sa.Column("handed_over_at", WHOLE, nullable=True),
        sa.Column("clock", TEXT, nullable=True),
        sa.Column("basis", TEXT, nullable=True),
        sa.Column("due_at", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(
            ["row_id"],
            ["case_key.row_id"],
        ),
        sa.PrimaryKeyConstraint("row_id"),
    )
    op.create_table(
        "message",
        sa.Column("idx", WHOLE, autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("source", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("case_row", WHOLE, nullable=False),
        sa.Column("expires_at", WHOLE, nullable=False),
        sa.Column("container", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["case_row"],
            ["case_key.row_id"],
        ),
        sa.PrimaryKeyConstraint("idx"),
        sa.UniqueConstraint("digest"),
    )
    op.create_table(
        "side",
        sa.Column("idx", WHOLE, autoincrement=False, nullable=False),
        sa.Column("case_row", WHOLE, nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_row"],
            ["case_key.row_id"],
        ),
        sa.PrimaryKeyConstraint("idx"),
    )
    op.create_table(
        "part_use",
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.ForeignKeyConstraint(
            ["idx"],
            ["message.idx"],
        ),
        sa.ForeignKeyConstraint(
            ["sha256"],
            ["part.sha256"],
        ),
        sa.PrimaryKeyConstraint("sha256", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_index("part_use_message", "part_use", ["idx"], unique=False)
    op.create_table(
        "push",
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.Column("code", TEXT, nullable=True),
        sa.Column("parked_idx", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(
            ["idx"],
            ["message.idx"],
        ),
        sa.PrimaryKeyConstraint("partner", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "recipient",
        sa.Column("partner", TEXT, nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.Column("state", TEXT, server_default="accepted", nullable=False),
        sa.Column("consigned_idx", WHOLE, nullable=True),
        sa.Column("evidence_idx", WHOLE, nullable=True),
        sa.ForeignKeyConstraint(
            ["idx"],
            ["message.idx"],
        ),
        sa.PrimaryKeyConstraint("partner", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_index("recipient_message", "recipient", ["idx"], unique=False)
    op.create_index(
        "recipient_open",
        "recipient",
        ["partner", "idx"],
        unique=False,
        sqlite_where=sa.text("state != 'handed_over'"),
        postgresql_where=sa.text("state != 'handed_over'"),
    )
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE nonce SET UNLOGGED")  # see hub/nonces.py
    for table, seen in SEEN_BY_PARTNER.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY hub ON {table} TO liaison_hub USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY partner ON {table} FOR SELECT TO liaison_partner USING ({seen})")
        op.execute(f"GRANT SELECT ON {table} TO liaison_partner")


def downgrade() -> None:
    """There is nothing before the first layout."""
    raise NotImplementedError
