"""Work that waits for PostgreSQL beside the event loop: nothing of it is lost, doubled or left lying, whoever comes."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from threading import Thread
from typing import LiteralString

import psycopg
import pytest
import uvloop

from hub.log.batch import Answer, Batch, Draft, Work
from hub.log.writer import LogWriter
from hub.store.engine import aside, end_unread, snapshot, transaction
from hub.store.postgres import LOCK, PostgresConnection, open_postgres
from hub.store.tables import SET_META
from keys.at_rest import AtRest
from keys.proofs.checkpoint import LogSigner
from schemas.errors import Fault, Rejected, Unavailable
from tests.postgres import database, owners

pytestmark = pytest.mark.real
LOCKED = f"SELECT pg_advisory_xact_lock({LOCK})"
WAITING = (
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'liaison %' "
    "AND wait_event_type = 'Lock'"
)
SIGNER = LogSigner("hub.liaison.example/audit/2026", bytes(32), bytes(32))
Session = psycopg.Connection[tuple[object, ...]]


@pytest.fixture
def url() -> str:
    return database()


@pytest.fixture
def connection(url: str) -> Iterator[PostgresConnection]:
    with closing(open_postgres(url, None)) as found:
        yield found


@pytest.fixture
def owner(url: str) -> Iterator[Session]:
    with psycopg.connect(owners(url), autocommit=True) as session:
        yield session


@contextmanager
def held(url: str) -> Iterator[Session]:
    """Another process has the lock, until the block ends or the session is rolled back."""
    with psycopg.connect(url) as session:
        session.execute(LOCKED)
        yield session
        session.rollback()


def waiting(owner: Session) -> list[int]:
    return [int(str(pid)) for (pid,) in owner.execute(WAITING)]


async def until(found: Callable[[], object]) -> None:
    """The loop goes on until it is so."""
    async with asyncio.timeout(60):
        while not found():  # noqa: ASYNC110 - only the server knows
            await asyncio.sleep(0)


def value(connection: PostgresConnection, name: str = "a") -> bytes | None:
    row = connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if row is None else row[0]


def writes(connection: PostgresConnection, text: bytes, name: str = "a") -> Callable[[], bytes]:
    def work() -> bytes:
        with transaction(connection):
            end_unread(connection)
            connection.execute(SET_META, (name, text))
        return text

    return work


@asynccontextmanager
async def begun(connection: PostgresConnection, work: Callable[[], bytes]) -> "AsyncIterator[asyncio.Task[bytes]]":
    async with asyncio.TaskGroup() as group:
        yield group.create_task(aside(connection, work))


# -- the loop goes on


async def test_while_the_lock_is_waited_for_others_read(
    url: str, connection: PostgresConnection, owner: Session
) -> None:
    with held(url) as holder:
        async with begun(connection, writes(connection, b"1")) as task:
            await until(lambda: waiting(owner))
            assert value(connection) is None
            assert not task.done()
            holder.rollback()
            assert await task == b"1"
    assert value(connection) == b"1"


async def test_while_it_commits_others_read_what_stood_before(connection: PostgresConnection, owner: Session) -> None:
    connection.execute(SET_META, ("a", b"0"))
    with owner.transaction():
        owner.execute("SELECT 1 FROM meta WHERE name = 'a' FOR UPDATE")
        with psycopg.connect(owner.info.dsn, autocommit=True) as looking:
            async with begun(connection, writes(connection, b"1")) as task:
                await until(lambda: waiting(looking))
                assert value(connection) == b"0"
                owner.execute("ROLLBACK")
                await task
    assert value(connection) == b"1"


async def test_more_than_the_sockets_hold_goes_through(connection: PostgresConnection) -> None:
    large = os.urandom(64 * 1024)

    def work() -> bytes:
        with transaction(connection):
            end_unread(connection)
            for number in range(400):  # 25 MiB, sent before anything of it is answered
                connection.execute(SET_META, (f"a{number}", large))
        return b""

    async with begun(connection, work):
        pass
    assert connection.execute("SELECT count(*) FROM meta WHERE value = ?", (large,)).fetchone() == (400,)


async def test_what_is_read_inside_is_of_the_work_and_outside_is_not(
    url: str, connection: PostgresConnection, owner: Session
) -> None:
    connection.execute(SET_META, ("b", b"0"))
    seen: list[bytes | None] = []

    def work() -> bytes:
        with transaction(connection):
            connection.execute(SET_META, ("a", b"1"))
            seen.append(value(connection))
            end_unread(connection)
            connection.execute(SET_META, ("b", b"1"))
        seen.append(value(connection))
        return b""

    with owner.transaction():
        owner.execute("SELECT 1 FROM meta WHERE name = 'b' FOR UPDATE")
        with psycopg.connect(owners(url), autocommit=True) as looking:
            async with begun(connection, work) as task:
                await until(lambda: waiting(looking))
                assert value(connection) is None
                owner.execute("ROLLBACK")
                await task
    assert seen == [b"1", b"1"]


# -- whoever cannot wait


async def test_a_transaction_of_somebody_else_has_it_finish_first(
    url: str, connection: PostgresConnection, owner: Session
) -> None:
    with held(url) as holder:
        async with begun(connection, writes(connection, b"1")) as task:
            await until(lambda: waiting(owner))
            ending = Thread(target=holder.rollback)
            ending.start()
            with transaction(connection):
                assert value(connection) == b"1"
                connection.execute(SET_META, ("a", b"2"))
            ending.join()
            assert not task.done()  # it is told in its turn
            assert await task == b"1"
    assert value(connection) == b"2"


async def test_who_has_it_finish_is_not_told_its_error(url: str, owner: Session) -> None:
    with closing(open_postgres(url, None, seconds_max=0.3)) as connection, held(url) as holder:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(failing(aside(connection, writes(connection, b"1"))))
            await until(lambda: waiting(owner))
            with pytest.raises(Unavailable), transaction(connection):  # of its own: the lock is still another's
                raise AssertionError
            assert await task == "STORE_UNAVAILABLE"
        holder.rollback()
        with transaction(connection):
            connection.execute(SET_META, ("a", b"2"))
        assert value(connection) == b"2"


async def test_a_transaction_inside_anothers_reads_is_refused_as_ever(
    url: str, connection: PostgresConnection, owner: Session
) -> None:
    with held(url) as holder:
        async with begun(connection, writes(connection, b"1")) as task:
            await until(lambda: waiting(owner))
            with snapshot(connection), pytest.raises(Fault), transaction(connection):
                raise AssertionError
            assert not task.done()
            holder.rollback()
    assert value(connection) == b"1"


async def test_who_no_longer_waits_leaves_nothing_begun(
    url: str, connection: PostgresConnection, owner: Session
) -> None:
    with held(url) as holder:
        task = asyncio.get_running_loop().create_task(aside(connection, writes(connection, b"1")))
        await until(lambda: waiting(owner))
        ending = Thread(target=holder.rollback)
        ending.start()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        ending.join()
    assert value(connection) == b"1"  # it was ended, not broken off
    assert owner.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone() == (0,)


# -- failures


async def test_the_lock_is_waited_for_no_longer_than_the_limit(url: str) -> None:
    with closing(open_postgres(url, None, seconds_max=0.2)) as connection:
        with held(url):
            assert await failing(aside(connection, writes(connection, b"1"))) == "STORE_UNAVAILABLE"
        assert await aside(connection, writes(connection, b"2")) == b"2"
        assert value(connection) == b"2"


async def test_a_session_lost_while_it_waits(url: str, connection: PostgresConnection, owner: Session) -> None:
    with held(url):
        async with asyncio.TaskGroup() as group:
            task = group.create_task(failing(aside(connection, writes(connection, b"1"))))
            await until(lambda: waiting(owner))
            for pid in waiting(owner):
                owner.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
            assert await task == "STORE_UNAVAILABLE"
            assert value(connection) is None
    assert await aside(connection, writes(connection, b"2")) == b"2"


def test_a_session_lost_while_somebody_has_it_finish(url: str, connection: PostgresConnection, owner: Session) -> None:
    """The programs' loop must not look at a socket that is closed: it would end the process."""
    with held(url) as holder:

        def end() -> None:
            while not (found := waiting(owner)):
                pass
            for pid in found:
                owner.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
            holder.rollback()

        async def finish() -> None:
            with transaction(connection):
                connection.execute(SET_META, ("a", b"2"))

        async def both() -> str:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(failing(aside(connection, writes(connection, b"1"))))
                group.create_task(finish())  # in the same turn, before the loop has looked once
            return task.result()

        ending = Thread(target=end)
        ending.start()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            assert runner.run(both()) == "STORE_UNAVAILABLE"
        ending.join()
    assert value(connection) == b"2"


async def test_a_server_that_does_not_answer_stops_nobody_else(url: str, owner: Session) -> None:
    with closing(open_postgres(url, None, seconds_max=0.2)) as connection:
        connection.execute(SET_META, ("a", b"0"))
        with owner.transaction():
            owner.execute("SELECT 1 FROM meta WHERE name = 'a' FOR UPDATE")
            with psycopg.connect(owners(url), autocommit=True) as looking:
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(failing(aside(connection, writes(connection, b"1"))))
                    await until(lambda: waiting(looking))
                    (pid,) = waiting(looking)
                    os.kill(pid, signal.SIGSTOP)
                    try:
                        assert value(connection) == b"0"
                        assert await task == "STORE_UNAVAILABLE"
                    finally:
                        os.kill(pid, signal.SIGCONT)
        assert value(connection) == b"0"


async def test_a_statement_that_is_refused_refuses_all(connection: PostgresConnection) -> None:
    def work() -> bytes:
        with transaction(connection):
            end_unread(connection)
            connection.execute(SET_META, ("a", b"1"))
            connection.execute("INSERT INTO meta (name) VALUES (?)", ("b",))
        return b""

    with pytest.raises(Fault):
        await aside(connection, work)
    assert value(connection) is None
    assert await aside(connection, writes(connection, b"2")) == b"2"


async def failing(work: object) -> str:
    try:
        await work  # type: ignore[misc]
    except Unavailable as error:
        return error.code
    raise AssertionError


# -- the log's writer


@pytest.fixture
def writer(connection: PostgresConnection) -> LogWriter:
    return made(connection)


def made(connection: PostgresConnection) -> LogWriter:
    writer = LogWriter(connection, SIGNER, AtRest(bytes(32), bytes(32)), lambda: datetime(2026, 5, 1, 12, tzinfo=UTC))
    writer.open()
    return writer


@asynccontextmanager
async def running(writer: LogWriter) -> AsyncIterator[asyncio.TaskGroup]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        yield group
        task.cancel()


def event(name: str = "CaseViewed") -> Work[int]:
    def work(batch: Batch) -> Answer[int]:
        batch.add(Draft(name))
        return lambda sealed: sealed.size

    return work


async def test_what_comes_while_another_has_the_lock_joins_the_batch(
    url: str, writer: LogWriter, owner: Session
) -> None:
    async with running(writer) as group:
        with held(url) as holder:
            first = group.create_task(writer.submit(event()))
            await until(lambda: waiting(owner))
            others = [group.create_task(writer.submit(event())) for _ in range(9)]
            await until(lambda: writer.queued == 10)
            assert writer.size == 1
            holder.rollback()
            assert [await one for one in (first, *others)] == [11] * 10
    assert owner.execute("SELECT count(*) FROM checkpoint").fetchone() == (2,)


async def test_a_command_in_between_and_the_waiting_batch_both_stand(
    url: str, writer: LogWriter, owner: Session
) -> None:
    async with running(writer) as group:
        with held(url) as holder:
            waits = group.create_task(writer.submit(event()))
            await until(lambda: waiting(owner))
            ending = Thread(target=holder.rollback)
            ending.start()
            assert writer.commit_now(event()) == 3
            ending.join()
            assert await waits == 2
    assert writer.size == 3


async def test_who_lost_the_lock_in_its_sleep_tries_again_later(url: str, writer: LogWriter, owner: Session) -> None:
    """It wakes to the answer to its BEGIN, and has heard of what others appended since."""
    async with running(writer) as group:
        with held(url) as holder:
            submitted = group.create_task(failing(writer.submit(event())))
            await until(lambda: waiting(owner))
            (pid,) = waiting(owner)
            holder.rollback()
        while owner.execute("SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND pid = %s", (pid,)).fetchone():
            pass  # nothing of ours goes on meanwhile: we sleep
        owner.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))
        with closing(open_postgres(url, None)) as another:
            assert made(another).commit_now(event()) == 2
        writer.look()
        assert writer.size == 2
        assert await submitted == "STORE_UNAVAILABLE"
        assert await writer.submit(event()) == 3


async def test_a_lock_that_is_not_given_fails_who_waits_and_no_more(url: str) -> None:
    with closing(open_postgres(url, None, seconds_max=0.2)) as connection:
        writer = made(connection)
        async with running(writer):
            with held(url):
                assert await failing(writer.submit(event())) == "STORE_UNAVAILABLE"
            assert await writer.submit(event()) == 2


async def test_what_is_refused_in_a_batch_is_refused_alone(writer: LogWriter) -> None:
    def refused(_: Batch) -> Answer[int]:
        raise Rejected("NO_AGREEMENT")

    def broken(batch: Batch) -> Answer[int]:
        batch.write("INSERT INTO meta (name) VALUES (?)", ("a",))
        return lambda sealed: sealed.size

    async with running(writer):
        works = [event(), refused, event(), broken, event()]
        found = await asyncio.gather(*(writer.submit(work) for work in works), return_exceptions=True)
        assert [type(one) for one in found] == [int, Rejected, int, Fault, int]
    assert writer.size == 4


@pytest.mark.parametrize("meddling", ["UPDATE head SET size = 7", "UPDATE head SET root = '\\x00'::bytea"])
async def test_a_head_that_was_changed_beside_the_lock_is_not_gone_on_from(
    writer: LogWriter, owner: Session, meddling: LiteralString
) -> None:
    def meddled(batch: Batch) -> Answer[int]:
        batch.add(Draft("CaseViewed"))
        owner.execute(meddling)  # whoever writes past the hub does not ask for the lock
        return lambda sealed: sealed.size

    async with running(writer):
        with pytest.raises(Fault):
            await writer.submit(meddled)
    assert owner.execute("SELECT count(*) FROM leaf").fetchone() == (1,)
    assert owner.execute("SELECT count(*) FROM checkpoint").fetchone() == (1,)
