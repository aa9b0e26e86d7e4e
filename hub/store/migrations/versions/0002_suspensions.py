"""Layout 2: on which agreement each case was opened, and what became of each agreement.

Both tables follow from the log; for what it held before, `liaison hub rebuild` fills them.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"

WHOLE = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    """The tables; neither is read for a partner."""
    op.create_table(
        "agreement_leaf",
        sa.Column("agreement", TEXT, nullable=False),
        sa.Column("idx", WHOLE, nullable=False),
        sa.Column("suspended", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("agreement", "idx"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "case_agreement",
        sa.Column("row_id", WHOLE, nullable=False),
        sa.Column("agreement", TEXT, nullable=False),
        sa.ForeignKeyConstraint(["row_id"], ["case_key.row_id"]),
        sa.PrimaryKeyConstraint("row_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Both tables go; the log has what they said."""
    op.drop_table("case_agreement")
    op.drop_table("agreement_leaf")
