"""The edge's database: what is to be sent, what came, what is to be said about it, and what was seen of the log.

Times are whole seconds since 1970, digests raw bytes. Payloads lie here in the clear: the data directory is the
authority's own and is guarded like its national system.
"""

from service.sqlite import Connection, guarded, transaction

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;

CREATE TABLE outbox (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    channel TEXT NOT NULL,
    external_id TEXT NOT NULL,
    offered BLOB NOT NULL,                  -- digest of the submission as it was offered
    kind TEXT NOT NULL,
    case_handle TEXT NOT NULL,
    plan TEXT NOT NULL,                     -- adapters.edge.plan.Plan as JSON
    payload BLOB NOT NULL,
    at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',  -- held, waiting, sealed, accepted, refused
    sealed BLOB,
    digest BLOB,
    sig BLOB,
    version INTEGER,                        -- of the directory it was sealed with
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at REAL NOT NULL DEFAULT 0,
    receipt BLOB,                           -- of the acceptance, or the proof of the refusal
    idx INTEGER,
    accepted_at INTEGER,
    code TEXT,
    told INTEGER NOT NULL DEFAULT 1,        -- 0: its channel has something to be told
    UNIQUE (channel, external_id)
);
CREATE INDEX outbox_waiting ON outbox (seq) WHERE state = 'waiting';
CREATE INDEX outbox_sealed ON outbox (seq) WHERE state = 'sealed';
CREATE INDEX outbox_case ON outbox (case_handle, seq) WHERE state IN ('waiting', 'sealed');
CREATE INDEX outbox_whole_case ON outbox (case_handle);
CREATE INDEX outbox_untold ON outbox (seq) WHERE told = 0;
CREATE INDEX outbox_idx ON outbox (idx) WHERE idx IS NOT NULL;

CREATE TABLE sent (digest BLOB PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;

CREATE TABLE sent_part (
    seq INTEGER NOT NULL, sha256 TEXT NOT NULL, length INTEGER NOT NULL, there INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (seq, sha256)
) WITHOUT ROWID;

CREATE TABLE awaited (
    seq INTEGER NOT NULL, partner TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',  -- pending, consigned, handed_over, failed
    code TEXT, idx INTEGER, statement BLOB, deadline INTEGER,
    PRIMARY KEY (seq, partner)
) WITHOUT ROWID;
CREATE INDEX awaited_deadline ON awaited (deadline) WHERE state IN ('pending', 'consigned') AND deadline IS NOT NULL;

CREATE TABLE inbox (
    idx INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    at INTEGER NOT NULL,                    -- of the acceptance
    version INTEGER NOT NULL,               -- of the directory the hub judged by
    receipt BLOB NOT NULL,
    container BLOB,
    came_at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'received', -- received, ready, handed_over, failed
    retry_at REAL NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    id TEXT, case_handle TEXT, agreement TEXT, purpose TEXT, in_reply_to TEXT,
    payload BLOB,
    channel TEXT,
    out_of_order INTEGER NOT NULL DEFAULT 0,
    awaits BLOB,                            -- digest of the message that must be handed over first
    code TEXT
);
CREATE INDEX inbox_received ON inbox (idx) WHERE state = 'received';
CREATE INDEX inbox_ready ON inbox (channel, idx) WHERE state = 'ready';
CREATE INDEX inbox_awaits ON inbox (awaits) WHERE awaits IS NOT NULL;
CREATE INDEX inbox_case ON inbox (case_handle) WHERE case_handle IS NOT NULL;
CREATE INDEX inbox_id ON inbox (id) WHERE id IS NOT NULL;

CREATE TABLE inbox_file (
    idx INTEGER NOT NULL, pos INTEGER NOT NULL, sha256 TEXT NOT NULL, media_type TEXT NOT NULL, size INTEGER NOT NULL,
    PRIMARY KEY (idx, pos)
) WITHOUT ROWID;

CREATE TABLE evidence (
    seq INTEGER PRIMARY KEY, event TEXT NOT NULL, idx INTEGER NOT NULL, digest BLOB NOT NULL, code TEXT,
    statement TEXT, UNIQUE (idx, event)
);
CREATE INDEX evidence_unsaid ON evidence (event, seq) WHERE statement IS NULL;

CREATE TABLE statement (
    id TEXT PRIMARY KEY, digest BLOB NOT NULL UNIQUE, raw BLOB NOT NULL, at INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'sealed',   -- sealed, accepted, refused
    attempts INTEGER NOT NULL DEFAULT 0, retry_at REAL NOT NULL DEFAULT 0, receipt BLOB, code TEXT
) WITHOUT ROWID;
CREATE INDEX statement_pending ON statement (at) WHERE state = 'sealed';

CREATE TABLE expected (idx INTEGER PRIMARY KEY, digest BLOB NOT NULL, seen_at INTEGER NOT NULL);

CREATE TABLE alarm (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, code TEXT NOT NULL, subject TEXT NOT NULL, evidence BLOB NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0, UNIQUE (code, subject)
);
"""

_HOLDS = """
CREATE TABLE hold (
    seq INTEGER PRIMARY KEY,                -- of the outbox's row, which is `held` as long as this one is here
    since INTEGER NOT NULL,
    asked TEXT NOT NULL,                    -- what the submission named beside its payload, as JSON
    places TEXT NOT NULL,                   -- pointers to the held texts, as JSON
    agreed_by TEXT                          -- who has released it, where a second must
);

CREATE TABLE journal (
    seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, event TEXT NOT NULL, message TEXT NOT NULL, by TEXT NOT NULL,
    reason TEXT NOT NULL, code TEXT NOT NULL, places TEXT NOT NULL,
    hash BLOB NOT NULL                      -- of the row before and this one (adapters.edge.journal)
);
CREATE TRIGGER journal_stays BEFORE UPDATE ON journal BEGIN SELECT RAISE(ABORT, 'append only'); END;
CREATE TRIGGER journal_is_whole BEFORE DELETE ON journal BEGIN SELECT RAISE(ABORT, 'append only'); END;
"""

_CASES = """
CREATE TABLE IF NOT EXISTS case_start (     -- of cases in which an agreement's clocks run
    case_handle TEXT PRIMARY KEY,
    pin TEXT,                               -- the profile, version and state asked (schemas.agreements.pinned)
    received_at INTEGER                     -- of the leaf in which the state asked says that it has the opening message
) WITHOUT ROWID;
"""

_STARTS = """
-- receipt of the leaf of `received_at`, and the signed statement that this leaf names
ALTER TABLE case_start ADD COLUMN received_receipt BLOB;
ALTER TABLE case_start ADD COLUMN received_statement BLOB;
-- the pin that the hub's opening leaf commits to, '' for none, NULL while it is not known
ALTER TABLE case_start ADD COLUMN hub_pin TEXT;
-- the birth date that an application names, by which earlier ones for the person are found
ALTER TABLE case_start ADD COLUMN born TEXT;
CREATE INDEX case_start_born ON case_start (born) WHERE born IS NOT NULL;
CREATE INDEX inbox_overstay_reply ON inbox (idx) WHERE kind = 'visa.overstay.reply';
"""

_GONE = """
CREATE TABLE IF NOT EXISTS gone (           -- received messages of which nothing else is kept (adapters.edge.retention)
    digest BLOB PRIMARY KEY, idx INTEGER NOT NULL UNIQUE
) WITHOUT ROWID;
"""

_LAYOUTS = (_FIRST, _HOLDS, _CASES, _STARTS, _GONE)
"""What each version of the layout adds to the one before."""


def create(connection: Connection) -> None:
    """The tables are there, also those that an older program did not make. Raises Unavailable."""
    if _version(connection) >= len(_LAYOUTS):
        return
    with transaction(connection):
        for tables in _LAYOUTS[_version(connection) :]:  # asked again: another process may have been quicker
            for statement in tables.split(";\n"):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(_LAYOUTS):d}")


def _version(connection: Connection) -> int:
    with guarded():
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
    return found


def read_meta(connection: Connection, name: str) -> bytes | None:
    """A value kept under a name."""
    with guarded():
        row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else bytes(row[0])


def write_meta(connection: Connection, name: str, value: bytes) -> None:
    """Keep a value; inside the caller's transaction, or one of its own."""
    with guarded():
        connection.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))
