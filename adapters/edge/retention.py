"""What goes from an edge's database when its time has come: whole cases that have ended, long ago and in every respect.

Guarantees that nothing goes which is not finished: a submission held, unsent or not yet told to its channel; an
acceptance whose recipients have not all signed what became of it; a message received that is not handed over or failed,
or whose evidence the hub has not accepted; what another message waits for; a case that is still open, as its steps here
tell; and anything whose leaves this edge has not yet seen. In doubt it stays. A crash leaves a page gone, or all of it.

What went leaves its digest, so that a message delivered again is known and not handed over again, and a leaf about it
is no stranger's (docs/adr/0100). The journal of decisions and the alarms stay.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.edge import follower, receiver
from adapters.edge.plan import Plan
from adapters.edge.tables import read_meta
from adapters.edge.wiring import Edge
from keys.container import parse_container
from schemas import lifecycles
from schemas.errors import Rejected
from service.failpoints import reach
from service.sqlite import Connection, guarded, transaction

ROWS_AT_ONCE = 50
_DAY = 86_400

_PAGES = (
    "SELECT seq, case_handle FROM outbox WHERE seq > ? AND at < ? ORDER BY seq LIMIT ?",
    "SELECT idx, case_handle FROM inbox WHERE idx > ? AND came_at < ? ORDER BY idx LIMIT ?",
)
_OUT = (
    "SELECT seq, state, told, max(at, coalesce(accepted_at, 0)), idx, plan, seq = (SELECT max(seq) FROM outbox) "
    "FROM outbox WHERE case_handle = ?"
)
_WORDS = "SELECT count(*), count(*) FILTER (WHERE state IN ('handed_over', 'failed')) FROM awaited WHERE seq = ?"
_IN = "SELECT idx, digest, state, came_at, container FROM inbox WHERE "
_SAID = (
    "SELECT count(*), count(*) FILTER (WHERE e.statement = 'refused' OR s.state = 'accepted') FROM evidence e "
    "LEFT JOIN statement s ON s.id = e.statement WHERE e.idx = ?"
)
_AWAITED = "SELECT 1 FROM inbox WHERE awaits = ? LIMIT 1"
_STATEMENTS = (
    "UPDATE statement SET raw = x'', receipt = NULL WHERE id IN (SELECT id FROM statement WHERE state <> 'sealed' "
    "AND at < ? AND raw <> x'' AND NOT EXISTS (SELECT 1 FROM evidence e WHERE e.statement = statement.id) LIMIT ?)"
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """How far this edge has followed the log and asked for its inbox; what began before `before` is old."""

    leaves: int
    inbox: int
    before: int


@dataclass(frozen=True, slots=True)
class _Case:
    """The rows of a case, and the steps that moved it: (index, procedure, step)."""

    out: tuple[int, ...]
    came: tuple[tuple[int, bytes], ...]


def rounds(edge: Edge) -> Iterator[int]:
    """One look at everything old, a page at a time: how many messages went with each. 0 days: nothing goes.

    Raises:
        Unavailable: the next look does it.
    """
    days, connection = edge.settings.retention_days, edge.connection
    if not days:
        return
    before = int(edge.seconds()) - days * _DAY
    seen = _seen(connection, before)
    for query in _PAGES:
        last = -1
        while True:
            with guarded():
                rows = connection.execute(query, (last, before, ROWS_AT_ONCE)).fetchall()
            if not rows:
                break
            last = rows[-1][0]
            yield _page(connection, dict.fromkeys(rows if query is _PAGES[1] else [(0, row[1]) for row in rows]), seen)
    with transaction(connection):
        connection.execute(_STATEMENTS, (before, ROWS_AT_ONCE * 10))


def _seen(connection: Connection, before: int) -> _Seen:
    leaves, inbox = read_meta(connection, follower.CURSOR), read_meta(connection, receiver.CURSOR)
    return _Seen(
        -1 if leaves is None else int(leaves), -1 if inbox is None else int(inbox.decode().partition("/")[2]), before
    )


def _page(connection: Connection, rows: dict[tuple[int, str | None], None], seen: _Seen) -> int:
    """The finished ones of these: whole cases, and messages received that never told their case."""
    gone = 0
    with transaction(connection):
        done: set[str] = set()
        for idx, handle in rows:
            if handle in done:
                continue
            case = _case(connection, handle, seen) if handle is not None else _loose(connection, idx, seen)
            if handle is not None:
                done.add(handle)
            if case is not None:
                _forget(connection, case, handle)
                gone += len(case.out) + len(case.came)
        reach("edge.retention.before_commit")
    return gone


def _case(connection: Connection, handle: str, seen: _Seen) -> _Case | None:
    """The case, when it is finished in every respect."""
    steps: list[tuple[int, str, str]] = []
    out = []
    for seq, state, told, at, idx, text, newest in connection.execute(_OUT, (handle,)).fetchall():
        if state not in {"accepted", "refused"} or told != 1 or at >= seen.before or newest:
            return None  # the newest row stays: its number must not be given again
        if state == "accepted":
            named, ended = connection.execute(_WORDS, (seq,)).fetchone()
            if idx is None or idx > seen.leaves or not named or named != ended:
                return None
            plan = Plan.load(text)
            steps.append((idx, lifecycles.RULES[plan.kind].procedure, plan.step))
        out.append(seq)
    came = connection.execute(f"{_IN}case_handle = ?", (handle,)).fetchall()
    for row in came:
        if not _done(connection, row, seen):
            return None
        try:
            header = parse_container(row[4] or b"").header
        except Rejected:
            return None
        steps.append((row[0], lifecycles.RULES[header.kind].procedure, header.step or ""))
    return _Case(tuple(out), tuple((row[0], row[1]) for row in came)) if _ended(sorted(steps)) else None


def _loose(connection: Connection, idx: int, seen: _Seen) -> _Case | None:
    """A message that could not be opened, and so tells no case."""
    row = connection.execute(f"{_IN}idx = ?", (idx,)).fetchone()
    return _Case((), ((row[0], row[1]),)) if row is not None and _done(connection, row, seen) else None


def _done(connection: Connection, row: tuple[int, bytes, str, int, bytes | None], seen: _Seen) -> bool:
    """Received, ended, old, said and proved, and nothing waits for it."""
    idx, digest, state, came_at, _ = row
    if state not in {"handed_over", "failed"} or came_at >= seen.before or idx > min(seen.leaves, seen.inbox):
        return False
    words, said = connection.execute(_SAID, (idx,)).fetchone()
    if not words or words != said:
        return False
    return connection.execute(_AWAITED, (digest,)).fetchone() is None


def _ended(steps: list[tuple[int, str, str]]) -> bool:
    """Whether these steps, in the log's order, lead to where nothing more is expected; so do none at all."""
    if not steps:
        return True
    procedure, state = steps[0][1], None
    try:
        for _, _, step in steps:
            state = lifecycles.advance(procedure, state, step)
    except Rejected:
        return False  # there is more to this case than lies here
    return state is not None and lifecycles.PROCEDURES[procedure].states[state].closed


def _forget(connection: Connection, case: _Case, handle: str | None) -> None:
    for seq in case.out:
        for table in ("sent_part", "awaited", "outbox"):
            connection.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))  # noqa: S608 - of these three
    for idx, digest in case.came:
        connection.execute("INSERT INTO gone (idx, digest) VALUES (?, ?)", (idx, digest))
        for table in ("inbox_file", "evidence", "inbox"):
            connection.execute(f"DELETE FROM {table} WHERE idx = ?", (idx,))  # noqa: S608 - of these three
    if handle is not None:
        connection.execute("DELETE FROM case_start WHERE case_handle = ?", (handle,))
