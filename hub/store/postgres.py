"""PostgreSQL as the hub's database: one connection, the statements of `hub.store`, and as bounded as SQLite's.

Guarantees that what may pass by itself (server gone, lock not given, disk full) is Unavailable(STORE_UNAVAILABLE), what
cannot is a Fault; that no wait is longer than `seconds_max`; that a transaction which did not commit is never taken for
one that did (PostgreSQL answers COMMIT of a failed one with ROLLBACK and no error, and that of one which its standby
has not confirmed with a mere warning); and that transactions of all processes follow one another, as SQLite's do, by an
advisory lock that a session loses with its life. A process that stops in mid-transaction loses its session, to the
server (`idle_in_transaction_session_timeout`) or to whoever waited for the lock, and finds out at its next statement.

Used by one event loop, which it blocks for a round trip, never longer than the limit (ADR 101). What runs `aside` waits
for the lock, for what it looks up at first, and for its last statements and COMMIT, without blocking it; others then
read over a second session (ADR 107).
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar

import psycopg
from psycopg import errors, pq, sql, waiting
from psycopg.abc import PQGen
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.numeric import Int8BinaryDumper

from hub.store.aside import READ, WRITE, Aside, Need
from schemas.errors import Fault, LiaisonError, Rejected, Unavailable
from service.logs import log

T = TypeVar("T")

SCHEME = "postgresql://"
SECONDS_MAX = 10.0
"""For the lock, a statement, or an answer of the server."""
CONNECT_SECONDS_MAX = 3
RETRY_AFTER_SECONDS = 2.0
PASSWORD_BYTES_MAX = 1024

NAME = "liaison"
LOCK = 7_310_446_200
"""The advisory lock's number; of this database alone."""
PARTNER_ROLE = "liaison_partner"
"""What partner-scoped reads are done as; row-level security shows it one partner's rows (migration 0001)."""
PARTNER_SETTING = "liaison.partner"

Row: TypeAlias = tuple[Any, ...]


class Cursor(Protocol):
    """What both databases' cursors are to us."""

    @property
    def rowcount(self) -> int:
        """How many rows the statement changed."""

    def fetchone(self) -> Any:
        """The next row, None after the last."""

    def fetchall(self) -> list[Any]:
        """All that are left."""

    def __iter__(self) -> Iterator[Any]:
        """One after the other."""


_INSERTS = re.compile(
    r"(?P<into>INSERT INTO \w+ \((?P<columns>[\w, ]+)\) VALUES )(?P<row>\(\?(?:, \?)*\))"
    r"(?P<rest>| ON CONFLICT DO NOTHING| ON CONFLICT \((?P<key>[\w, ]+)\) DO UPDATE SET [^?]+)"
)
_ROWS_AT_ONCE = 64
_UNSEEN_MAX = 2
"""A statement in a pipeline asks twice whether it may write: before it is made, and before it is sent."""
_PREPARED_MAX = 400
"""Statements in all their sizes, so that none is parsed again and again."""

_BEGIN = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({LOCK:d})"
"""Whatever the server's default: with a snapshot from before the lock, what others committed meanwhile is not seen."""
_SECRETS = frozenset({"password", "sslpassword"})
_END_HOLDER = (
    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
    "WHERE l.locktype = 'advisory' AND l.granted AND (l.classid::bigint << 32) + l.objid::bigint = $1 "
    "AND a.application_name LIKE 'liaison %' AND a.state_change < clock_timestamp() - "
    "make_interval(secs => split_part(a.application_name, ' ', 2)::float / 1000)"
)
"""The holder is ended by its own limit, which its name says: another process may have a shorter one."""
_PLANS = "-c enable_seqscan=off -c jit=off"
"""Every statement has its index. A server without statistics, or with those of a small table, would read tables whole,
and keep that plan while they grow; where it must all the same, the cost it is told then is no reason to compile."""
_THEIRS = (errors.IntegrityError, errors.ProgrammingError, errors.DataError, errors.NotSupportedError)
_PASSING = (errors.InsufficientPrivilege,)
"""A programming error to psycopg, and to us a server that is not set up: as unavailable as one that is not there."""


class _Bounded(psycopg.Connection[Row]):
    """No answer is waited for longer than the limit; after that nobody knows what the server did."""

    seconds_max = SECONDS_MAX
    leave: Callable[[Need], int] | None = None
    """Where set, waiting is left to the event loop."""

    def wait(self, gen: PQGen[Any], interval: float = 0.1, timeout: float | None = None) -> Any:
        """As psycopg's."""
        seconds = self.seconds_max + 1 if timeout is None else timeout
        try:
            if self.leave is None:
                return super().wait(gen, interval, seconds)
            return self._left(gen, self.leave, time.monotonic() + seconds)
        except errors._WaitTimeout:  # noqa: SLF001 - the only name it has
            self.pgconn.finish()
            raise

    def _left(self, gen: PQGen[Any], leave: Callable[[Need], int], until: float) -> Any:
        """What may be written is handed to libpq, which holds back what the socket does not take, without a look."""
        try:
            wanted = next(gen)
            for _ in range(_UNSEEN_MAX):
                if not wanted & WRITE:
                    break
                wanted = gen.send(waiting.Ready.W)
            while True:
                held_back = not wanted & WRITE and self.pgconn.flush()  # without it the server would wait, as we do
                ready = leave(Need(self.pgconn.socket, READ | WRITE if held_back else wanted, until))
                if not ready:
                    raise errors._WaitTimeout  # noqa: SLF001
                if ready & wanted:
                    wanted = gen.send(waiting.Ready(ready & wanted))
        except StopIteration as end:
            return end.value


@dataclass(slots=True)
class _Seat:
    """A session, and how far its transaction has got. `ending`: what is sent now nobody waits for singly any more."""

    session: _Bounded | None = None
    within: bool = False
    warned: bool = False
    ending: ExitStack = field(default_factory=ExitStack)

    def noticed(self, notice: errors.Diagnostic) -> None:
        """A COMMIT that warns is on this server and not, or not yet, on the standby that it should wait for."""
        self.warned |= notice.severity_nonlocalized == "WARNING"


class PostgresConnection:
    """One session, opened anew when it is lost; never in the middle of a transaction. A second while one is aside."""

    def __init__(self, url: str, password: str | None, *, seconds_max: float = SECONDS_MAX) -> None:
        milliseconds = max(1, int(seconds_max * 1000))  # 0 would be without end
        self._options = {
            "password": password,
            "connect_timeout": CONNECT_SECONDS_MAX,
            "application_name": f"{NAME} {milliseconds}",  # see _END_HOLDER
            "tcp_user_timeout": milliseconds,
            "options": (
                f"-c lock_timeout={milliseconds} -c statement_timeout={milliseconds} "
                f"-c idle_in_transaction_session_timeout={milliseconds} -c synchronous_commit=on {_PLANS}"
            ),
        }
        self._url = url
        self._seconds_max = seconds_max
        self._seat, self._other = _Seat(), _Seat()
        self._aside: Aside[Any] | None = None
        self._not_before = 0.0

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """The statement (`?` where a parameter goes), done; its rows are here whole."""
        with _known():
            return self._live().execute(translated(statement), parameters, binary=True)

    def execute_all(self, asked: Sequence[tuple[str, Sequence[Any]]], *, patient: bool = False) -> Sequence[Cursor]:
        """All of these statements in one round trip; if patient, work that runs aside waits for it beside the loop."""
        with _known():
            session = self._live()
            with self._patient(session) if patient else nullcontext(), session.pipeline():
                return [session.execute(translated(one), given, binary=True) for one, given in asked]

    def executemany(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """The statement with each of the rows, in their order, in one round trip.

        Rows that are only inserted go many to a statement, which costs both sides less.
        """
        with _known():
            session, given = self._live(), list(rows)
            inserts = _inserts(statement)
            if inserts is None or not inserts.are_distinct(given):
                with session.cursor() as cursor:
                    cursor.executemany(translated(statement), given)
                return
            for some in _chunks(given):
                session.execute(inserts.of(len(some)), list(chain(*some)))

    async def aside(self, work: Callable[[], T]) -> T:
        """As `hub.store.engine.aside`."""
        self._aside = begun = Aside(work)
        try:
            return await begun.run()
        finally:
            self._aside = None

    def end_unread(self) -> None:
        """As `hub.store.engine.end_unread`."""
        with _known():
            seat, session = self._seat, self._live()
            seat.ending.enter_context(self._patient(session))
            seat.ending.enter_context(session.pipeline())

    @contextmanager
    def transaction(self, reading: str = "") -> Iterator[Any]:
        """As `hub.store.engine.transaction`.

        A process that stops while it sends statements keeps its session, for the server waits for the rest of them:
        whoever has waited for the lock in vain for so long ends that session, and the next try has the lock.
        """
        with self._begun(f"{_BEGIN}; {reading}" if reading else _BEGIN) as row:
            yield row

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """As `hub.store.engine.snapshot`."""
        with self._begun("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"):
            yield

    @contextmanager
    def of_partner(self, partner: str) -> Iterator[None]:
        """As `hub.store.engine.of_partner`."""
        role, name = sql.Identifier(PARTNER_ROLE), sql.Identifier(*PARTNER_SETTING.split("."))
        begin = sql.SQL("BEGIN READ ONLY; SET LOCAL ROLE {}; SET LOCAL {} = {}")
        with self._begun(begin.format(role, name, sql.Literal(partner)).as_string(None)):
            yield

    def close(self) -> None:
        """Let go of the sessions."""
        self._let_go(self._seat)
        self._let_go(self._other)

    def _let_go(self, seat: _Seat) -> None:
        if seat.session is not None:
            seat.session.close()
            seat.session = None

    @contextmanager
    def _begun(self, begin: str) -> Iterator[Any]:
        if self._seat.within:
            raise Fault("a transaction inside another")  # PostgreSQL would take the inner one's COMMIT for both
        if begin.startswith(_BEGIN) and self._aside is not None and not self._aside.is_ours:
            self._aside.finish()  # it has the lock, or will have it before us
        seat = self._seat
        with _known():
            session = self._live()
            seat.within = True
            try:
                row = self._begin(session, begin)
                with ExitStack() as seat.ending:
                    yield row
                    seat.warned = False
                    done = session.execute(b"COMMIT")
                self._committed(seat, done)
            except BaseException:
                with suppress(psycopg.Error):
                    if session.info.transaction_status != pq.TransactionStatus.IDLE:
                        session.rollback()
                raise
            finally:
                seat.within = False

    def _begin(self, session: _Bounded, begin: str) -> Any:
        """The row of the last of these statements, where it is one that reads."""
        try:
            with self._patient(session):
                cursor = session.execute(begin.encode())
        except (errors.LockNotAvailable, errors.QueryCanceled):
            if begin.startswith(_BEGIN):
                session.rollback()
                session.execute(_END_HOLDER.encode(), (LOCK,))
            raise
        while cursor.nextset():
            pass
        return None if cursor.description is None else cursor.fetchone()

    @contextmanager
    def _patient(self, session: _Bounded) -> Iterator[None]:
        """What is waited for inside is waited for beside the event loop, if this is work that runs aside."""
        aside = self._aside
        if aside is not None and aside.is_ours:
            session.leave = partial(self._leave, aside)
        try:
            yield
        finally:
            session.leave = None

    def _leave(self, aside: Aside[Any], need: Need) -> int:
        """Others have the other session until we are back."""
        self._seat, self._other = self._other, self._seat
        try:
            return aside.leave(need)
        finally:
            self._seat, self._other = self._other, self._seat

    def _live(self) -> _Bounded:
        seat = self._seat
        if seat.session is not None and not seat.session.closed:
            return seat.session
        if seat.within:
            raise Unavailable("STORE_UNAVAILABLE", RETRY_AFTER_SECONDS)
        if time.monotonic() < self._not_before:
            raise Unavailable("STORE_UNAVAILABLE", RETRY_AFTER_SECONDS)
        try:
            session = _Bounded.connect(self._url, autocommit=True, **self._options)  # type: ignore[arg-type]
        except psycopg.Error:
            self._not_before = time.monotonic() + RETRY_AFTER_SECONDS  # an unreachable server must not stop the loop
            raise
        if seat.session is not None and not self._other.within:
            self._let_go(self._other)  # what ended the one has most likely ended the other
        session.seconds_max = self._seconds_max
        session.cursor_factory = psycopg.RawCursor  # parameters are the server's own: psycopg parses no statement
        session.prepared_max = _PREPARED_MAX
        session.adapters.register_dumper(int, Int8BinaryDumper)  # one type, whatever the value: one statement
        session.add_notice_handler(seat.noticed)
        seat.session = session
        return session

    def _committed(self, seat: _Seat, cursor: psycopg.Cursor[Row]) -> None:
        if cursor.statusmessage != "COMMIT":
            raise Fault("a transaction that had failed was committed")
        if seat.warned:
            raise Unavailable("STORE_UNAVAILABLE", RETRY_AFTER_SECONDS)


def open_postgres(
    url: str, password_file: Path | None, *, seconds_max: float = SECONDS_MAX, patience_seconds: float = 0.0
) -> PostgresConnection:
    """A connection that has answered once.

    Args:
        url: libpq's form, without a password.
        password_file: its first line is the password.
        seconds_max: for the lock, a statement, or an answer.
        patience_seconds: how long a server that is not there, or not yet, is asked again. For a start, before there
            is a loop that it would stop: several hosts start at once, a name is not known for a moment.

    Raises:
        Rejected: FIELD_PATTERN at `/database_url`; NOT_FOUND at `/database_password_file`.
        Unavailable: STORE_UNAVAILABLE.
    """
    connection = PostgresConnection(checked(url), read_password(password_file), seconds_max=seconds_max)
    until = time.monotonic() + patience_seconds
    while True:
        try:
            connection.execute("SELECT 1")
        except Unavailable as error:
            if time.monotonic() >= until:
                raise
            log.warning("database.awaited", code=error.code)
            time.sleep(RETRY_AFTER_SECONDS)  # as long as a server that did not answer is left alone
        else:
            return connection


def checked(url: str) -> str:
    """The address, or Rejected: it must be PostgreSQL's, name a user and a database, and hold no password."""
    try:
        found = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise Rejected("FIELD_PATTERN", "/database_url") from None
    if not url.startswith(SCHEME) or _SECRETS & found.keys() or not found.get("user") or not found.get("dbname"):
        raise Rejected("FIELD_PATTERN", "/database_url")
    return url


def owners_session(url: str, password: str | None) -> Any:
    """A session of its own for migrations; psycopg's errors are the caller's."""
    return psycopg.connect(checked(url), password=password, connect_timeout=CONNECT_SECONDS_MAX)


def scrambled(session: Any, user: str, password: str) -> str:
    """What the server keeps of a password, made here, so that none of its logs can show the password."""
    found: bytes = session.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
    return found.decode()


def user_of(url: str) -> str:
    """The role that an address names."""
    return str(conninfo_to_dict(url)["user"])


def read_password(file: Path | None) -> str | None:
    """The first line of a secrets file; None without one: the server must then know its caller otherwise."""
    if file is None:
        return None
    try:
        with file.open("rb") as source:
            return source.read(PASSWORD_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise Rejected("NOT_FOUND", "/database_password_file") from None


@dataclass(frozen=True, slots=True)
class _Inserts:
    """A statement that only inserts, or upserts by a key at these places of its rows: it may take many rows."""

    into: str
    row: str
    rest: str
    key: tuple[int, ...]

    def are_distinct(self, rows: Sequence[Sequence[Any]]) -> bool:
        """No row upserts what another one does, which PostgreSQL refuses within one statement."""
        return not self.key or len({tuple(row[at] for at in self.key) for row in rows}) == len(rows)

    def of(self, count: int) -> bytes:
        """The statement for so many rows."""
        return translated(self.into + ", ".join([self.row] * count) + self.rest)


@lru_cache(maxsize=512)
def _inserts(statement: str) -> _Inserts | None:
    found = _INSERTS.fullmatch(statement)
    if found is None:
        return None
    columns = found["columns"].split(", ")
    key = tuple(columns.index(name) for name in found["key"].split(", ")) if found["key"] else ()
    return _Inserts(found["into"], found["row"], found["rest"], key)


def _chunks(rows: list[Sequence[Any]]) -> Iterator[list[Sequence[Any]]]:
    """Of few sizes (powers of two), so that each statement is prepared once."""
    first = 0
    while first < len(rows):
        size = min(_ROWS_AT_ONCE, 1 << ((len(rows) - first).bit_length() - 1))
        yield rows[first : first + size]
        first += size


@lru_cache(maxsize=1024)
def translated(statement: str) -> bytes:
    """A statement of `hub.store` with PostgreSQL's own parameters."""
    first, *others = statement.split("?")
    return (first + "".join(f"${number}{other}" for number, other in enumerate(others, 1))).encode()


@contextmanager
def _known() -> Iterator[None]:
    """Psycopg's errors inside become ours."""
    try:
        yield
    except LiaisonError:
        raise
    except _PASSING as error:
        raise Unavailable("STORE_UNAVAILABLE", RETRY_AFTER_SECONDS) from error
    except _THEIRS as error:
        raise Fault("the database refused a statement") from error
    except psycopg.Error as error:
        raise Unavailable("STORE_UNAVAILABLE", RETRY_AFTER_SECONDS) from error
