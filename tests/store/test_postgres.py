"""PostgreSQL as the hub uses it: what it cannot say clearly is Unavailable, what did not commit is never a success."""

import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import psycopg
import pytest
from psycopg import sql

from hub.store.engine import of_partner, transaction
from hub.store.postgres import LOCK, PostgresConnection, checked, open_postgres, read_password, translated
from hub.store.tables import SET_META
from schemas.errors import Fault, Rejected, Unavailable
from tests.postgres import database, owners, server

pytestmark = pytest.mark.real
ROOT = Path(__file__).resolve().parents[2]
SECRET = "canary-5d1e'\\ %s"
PUT = SET_META
LOCKED = f"SELECT pg_advisory_xact_lock({LOCK})"


@pytest.fixture
def url() -> str:
    return database()


@contextmanager
def opened(url: str, seconds_max: float = 10.0) -> Iterator[PostgresConnection]:
    connection = open_postgres(url, None, seconds_max=seconds_max)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def owner(url: str) -> Iterator["psycopg.Connection[tuple[object, ...]]"]:
    with psycopg.connect(owners(url), autocommit=True) as session:
        yield session


def sessions(url: str) -> list[int]:
    """The server's processes of the hub's sessions with this database."""
    with owner(url) as session:
        rows = session.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'liaison %'"
        )
        return [int(str(pid)) for (pid,) in rows]


def end_sessions(url: str) -> None:
    """As an administrator does; they are gone afterwards."""
    with owner(url) as session:
        for pid in sessions(url):
            session.execute("SELECT pg_terminate_backend(%s, 10000)", (pid,))


def value(connection: PostgresConnection) -> bytes | None:
    row = connection.execute("SELECT value FROM meta WHERE name = 'a'").fetchone()
    return None if row is None else row[0]


def answered(connection: PostgresConnection) -> bytes | None:
    """The value, once the server is asked again: after a vain try it is left alone for a while."""
    while True:
        with suppress(Unavailable):
            return value(connection)


def put(connection: PostgresConnection, text: bytes) -> None:
    connection.execute(PUT, ("a", text))


# -- addresses and passwords


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "hub.db",
        "postgresql://hub:secret@127.0.0.1/liaison",
        "postgresql://hub@127.0.0.1/liaison?password=secret",
        "postgresql://hub@127.0.0.1/liaison?sslpassword=secret",
        "postgresql://127.0.0.1/liaison",
        "postgresql://hub@127.0.0.1",
        "postgresql://hub@127.0.0.1/",
        "postgres://hub@127.0.0.1/liaison",
        "mysql://hub@127.0.0.1/liaison",
        "host=127.0.0.1 user=hub dbname=liaison",
        "postgresql://hub@127.0.0.1/liaison?no_such_thing=1",
        "postgresql://hub@[::1/liaison",
    ],
)
def test_an_address_is_whole_and_without_a_password(wrong: str) -> None:
    with pytest.raises(Rejected) as refused:
        open_postgres(wrong, None)
    assert (refused.value.code, refused.value.path) == ("FIELD_PATTERN", "/database_url")
    assert refused.value.__context__ is None or refused.value.__suppress_context__
    assert "secret" not in "".join(traceback.format_exception(refused.value))


@pytest.mark.parametrize(
    "right",
    [
        "postgresql://hub@127.0.0.1/liaison",
        "postgresql://hub@one.example:5432,two.example:5433/liaison?target_session_attrs=read-write",
        "postgresql://hub@/liaison?host=/run/postgresql",
        "postgresql://hub@db.example/liaison?sslmode=verify-full&sslrootcert=/etc/ca.pem",
    ],
)
def test_an_address_is_libpqs(right: str) -> None:
    assert checked(right) == right


def test_a_password_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("  secret\n")
    assert read_password(file) == "secret"
    assert read_password(None) is None
    file.write_bytes(b"\xff")
    for wrong in (file, tmp_path / "nothing", tmp_path):
        with pytest.raises(Rejected) as refused:
            read_password(wrong)
        assert (refused.value.code, refused.value.path) == ("NOT_FOUND", "/database_password_file")


def test_a_password_is_shown_by_nothing(url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Not by an error, its causes, a repr, nor what the process prints."""
    port = url.rpartition(":")[2].partition("/")[0]
    for address in (url, url.replace(f":{port}/", ":1/"), f"{url}_none", url.replace("@", "_none@")):
        connection = PostgresConnection(address, SECRET)
        told = [repr(connection), str(connection)]
        try:
            connection.execute("SELECT nonsense FROM nowhere")
        except (Fault, Unavailable) as error:
            told += traceback.format_exception(error)
        connection.close()
        assert len(told) > 2
        assert SECRET not in "".join(told)
        assert "canary" not in "".join(told)
    assert "canary" not in "".join(capfd.readouterr())


def test_statements_are_translated() -> None:
    assert translated("SELECT '%' WHERE a = ? AND b = ?") == b"SELECT '%%' WHERE a = %s AND b = %s"


# -- what is and is not a success


def test_a_commit_of_a_failed_transaction_is_no_success(url: str) -> None:
    with opened(url) as connection:

        def forgiving() -> None:
            with transaction(connection):
                put(connection, b"1")
                with pytest.raises(Fault):
                    connection.execute("SELECT no_such_column FROM meta")

        with pytest.raises(Fault):
            forgiving()
        assert value(connection) is None
        put(connection, b"2")
        assert value(connection) == b"2"


def test_a_commit_that_its_standby_did_not_confirm_is_no_success(url: str) -> None:
    """The server commits, waits for the standby in vain, and answers COMMIT with a warning."""
    with owner(url) as session, opened(url, seconds_max=0.3) as connection:
        session.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        try:
            session.execute("SELECT pg_reload_conf()")
            while session.execute("SHOW synchronous_standby_names").fetchone() != ("nobody",):
                pass
            with pytest.raises(Unavailable):
                commit_until_refused(connection)  # its session hears of the setting a moment later than we
        finally:
            session.execute("ALTER SYSTEM RESET synchronous_standby_names")
            session.execute("SELECT pg_reload_conf()")
        while session.execute("SHOW synchronous_standby_names").fetchone() != ("",):
            pass
        assert value(connection) == b"1"  # only the database tells what stands


def commit_until_refused(connection: PostgresConnection) -> None:
    while True:
        with transaction(connection):
            put(connection, b"1")


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_the_servers_default_isolation_hides_nothing(url: str, isolation: str) -> None:
    """What was committed while we waited for the lock is seen under it."""
    name = url.rpartition("/")[2]
    with owner(url) as session:
        session.execute(
            sql.SQL("ALTER DATABASE {} SET default_transaction_isolation = {}").format(sql.Identifier(name), isolation)
        )
    with opened(url) as one, opened(url) as other:
        found: list[bytes | None] = []

        def wait_and_look() -> None:
            with transaction(other):
                found.append(value(other))

        with transaction(one):
            waiting = Thread(target=wait_and_look)
            waiting.start()
            with owner(url) as session:
                while session.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone() is None:
                    pass
            put(one, b"1")
        waiting.join()
        assert found == [b"1"]


# -- sessions that are lost


def test_a_session_lost_between_statements(url: str) -> None:
    with opened(url) as connection:
        end_sessions(url)
        with pytest.raises(Unavailable):
            value(connection)
        assert value(connection) is None


def test_a_session_lost_in_mid_transaction(url: str) -> None:
    with opened(url) as connection:
        with pytest.raises(Unavailable), transaction(connection):  # noqa: PT012 - the block is what fails
            put(connection, b"1")
            end_sessions(url)
            with pytest.raises(Unavailable):
                put(connection, b"2")
            put(connection, b"3")  # no session is opened in the middle: this must not stand alone
        assert value(connection) is None
        with transaction(connection):
            put(connection, b"4")
        assert value(connection) == b"4"


def test_a_session_lost_before_commit(url: str) -> None:
    with opened(url) as connection:
        with pytest.raises(Unavailable), transaction(connection):  # noqa: PT012 - the block is what fails
            put(connection, b"1")
            end_sessions(url)
        assert value(connection) is None


def test_a_session_lost_in_a_partners_reads(url: str) -> None:
    with opened(url) as connection:
        with pytest.raises(Unavailable), of_partner(connection, "test-aut"):  # noqa: PT012 - the block is what fails
            end_sessions(url)
            connection.execute("SELECT idx FROM recipient")
        assert connection.execute("SELECT current_user = session_user").fetchone() == (True,)


def test_a_session_lost_during_commit(url: str) -> None:
    """It commits and is cut off before the answer: nobody is told that it stands."""
    with owner(url) as session:
        session.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'"
        )
        session.execute(
            "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON lane DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION wait()"
        )
    with opened(url) as connection:
        errors: list[BaseException] = []

        def commit() -> None:
            try:
                with transaction(connection):
                    connection.execute("INSERT INTO lane VALUES ('x', 0, 0, 0.0, '')")
            except Unavailable as error:
                errors.append(error)

        committing = Thread(target=commit)
        committing.start()
        with owner(url) as session:
            waits = "SELECT 1 FROM pg_stat_activity WHERE query = 'COMMIT' AND wait_event = 'PgSleep'"
            while session.execute(waits).fetchone() is None:
                pass
        end_sessions(url)
        committing.join()
        assert len(errors) == 1
        assert connection.execute("SELECT count(*) FROM lane").fetchone() == (0,)


def test_a_server_that_died_and_came_back(url: str) -> None:
    with opened(url) as connection:
        with transaction(connection):
            put(connection, b"1")
        with pytest.raises(Unavailable), transaction(connection):  # noqa: PT012 - the block is what fails
            put(connection, b"2")
            server().kill()
            put(connection, b"3")
        for _ in range(3):
            with pytest.raises(Unavailable):
                value(connection)
        server().start()
        assert answered(connection) == b"1"


# -- bounds


def test_the_lock_is_waited_for_no_longer_than_the_limit(url: str) -> None:
    with owner(url) as session, opened(url, seconds_max=0.2) as connection:
        with session.transaction():
            session.execute(LOCKED)
            with pytest.raises(Unavailable), transaction(connection):
                pass
        with transaction(connection):
            put(connection, b"1")
        assert value(connection) == b"1"


def test_who_stops_while_it_sends_statements_loses_its_session_to_who_waited(url: str) -> None:
    """Its own time-out cannot end it, for the server still expects statements of it."""
    with psycopg.connect(url, autocommit=True, application_name="liaison 200") as stopped, opened(url, 1.0) as waiting:
        with suppress(psycopg.OperationalError), stopped.pipeline():
            stopped.execute("SET idle_in_transaction_session_timeout = 200")
            stopped.execute("BEGIN")
            stopped.execute(LOCKED).fetchone()
            with pytest.raises(Unavailable), transaction(waiting):
                raise AssertionError
            with transaction(waiting):
                put(waiting, b"ours")
        assert value(waiting) == b"ours"
        assert stopped.broken


def test_a_statement_takes_no_longer_than_the_limit(url: str) -> None:
    with opened(url, seconds_max=0.2) as connection:
        with pytest.raises(Unavailable):
            connection.execute("SELECT pg_sleep(60)")
        with pytest.raises(Unavailable), transaction(connection):  # noqa: PT012 - the block is what fails
            put(connection, b"1")
            connection.execute("SELECT pg_sleep(60)")
        assert value(connection) is None


def test_no_limit_is_never_meant(url: str) -> None:
    with opened(url, seconds_max=0.0001) as connection, pytest.raises(Unavailable):
        connection.execute("SELECT pg_sleep(60)")


def test_a_server_that_does_not_answer(url: str) -> None:
    """Its process stands still, so none of its own limits works: ours does, and the session is not used again."""
    with opened(url, seconds_max=0.2) as connection:
        (pid,) = sessions(url)
        os.kill(pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable):
                put(connection, b"1")
            assert value(connection) is None  # by another session
            assert sessions(url) != [pid]
        finally:
            os.kill(pid, signal.SIGCONT)


HOLDER = f"""
import sys
from hub.store.engine import transaction
from hub.store.postgres import open_postgres
from schemas.errors import Unavailable
connection = open_postgres(sys.argv[1], None, seconds_max=0.5)
try:
    with transaction(connection):
        connection.execute({PUT!r}, ("a", b"of the holder"))
        print("holds", flush=True)
        sys.stdin.readline()
        connection.execute({PUT!r}, ("b", b"of the holder"))
    print("committed")
except Unavailable as error:
    print(error.code)
"""


def test_a_paused_holder_loses_the_lock_and_what_it_wrote(url: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"holds\n"
    process.send_signal(signal.SIGSTOP)
    with opened(url) as connection:  # waits for longer than the holder may hold
        with transaction(connection):
            assert value(connection) is None
            put(connection, b"mine")
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(b"go on\n", timeout=60)
        assert said == b"STORE_UNAVAILABLE\n"
        assert value(connection) == b"mine"
        assert connection.execute("SELECT 1 FROM meta WHERE name = 'b'").fetchone() is None


def test_a_holder_that_was_killed_holds_nothing(url: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"holds\n"
    process.kill()
    process.communicate()
    with opened(url) as connection, transaction(connection):
        assert value(connection) is None


def test_settings_of_a_session_are_ours(url: str) -> None:
    """Also where the address or the role asks for others."""
    name = url.rpartition("/")[2]
    with owner(url) as session:
        session.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
    with opened(f"{url}?options=-c%20synchronous_commit%3Doff%20-c%20lock_timeout%3D0", seconds_max=7.0) as connection:
        for setting, found in (
            ("synchronous_commit", "on"),
            ("lock_timeout", "7s"),
            ("statement_timeout", "7s"),
            ("idle_in_transaction_session_timeout", "7s"),
        ):
            assert connection.execute(f"SHOW {setting}").fetchone() == (found,)


def test_a_server_that_is_not_set_up_for_us_is_unavailable(url: str) -> None:
    with opened(url) as connection, pytest.raises(Unavailable):
        connection.execute("DELETE FROM leaf")


@contextmanager
def in_front(url: str, *, refused: int) -> Iterator[tuple[str, list[int]]]:
    """An address that cuts the first connections, as a server does that only starts, and then is the database's."""
    asked: list[int] = []
    where = ("127.0.0.1", server().port)

    def serve() -> None:
        while True:
            try:
                caller = listener.accept()[0]
            except OSError:
                return
            asked.append(len(asked))
            if len(asked) <= refused:
                caller.close()
                continue
            behind = socket.create_connection(where)
            for source, sink in ((caller, behind), (behind, caller)):
                Thread(target=passed, args=(source, sink), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = Thread(target=serve, daemon=True)
        accepting.start()
        try:
            yield url.replace(f":{where[1]}/", f":{listener.getsockname()[1]}/"), asked
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def passed(source: socket.socket, sink: socket.socket) -> None:
    """Everything, until either side ends."""
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def test_a_start_waits_for_a_server_that_does_not_answer_yet(url: str) -> None:
    with in_front(url, refused=2) as (address, asked):
        with pytest.raises(Unavailable) as refused:
            open_postgres(address, None)
        assert (refused.value.code, len(asked)) == ("STORE_UNAVAILABLE", 1), "a command does not wait"
        with closing(open_postgres(address, None, patience_seconds=60)) as connection:
            put(connection, b"there")
        assert len(asked) == 3
    with pytest.raises(Unavailable), closing(open_postgres(address, None, patience_seconds=0.01)):
        pass  # nobody is there, and that is said in the end
