"""SQLite is opened durable, and its failures are ours by name."""

import multiprocessing
import sqlite3
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from schemas.errors import Fault, Unavailable
from service.sqlite import guarded, open_database, transaction


def test_it_is_durable(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db")
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    connection.close()


def test_an_error_inside_rolls_all_back(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    with pytest.raises(KeyError), transaction(connection):  # noqa: PT012 - the block is what fails
        connection.execute("INSERT INTO t VALUES (1)")
        raise KeyError
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


def test_a_broken_constraint_is_our_fault(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (x INTEGER PRIMARY KEY)")
    with pytest.raises(Fault), transaction(connection):  # noqa: PT012 - the block is what fails
        connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("INSERT INTO t VALUES (1)")
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


def test_a_locked_database_is_unavailable(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db", busy_timeout_ms=1)
    other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable) as refused, transaction(connection):
        pass
    assert refused.value.code == "STORE_UNAVAILABLE"
    other.close()
    connection.close()


def test_a_full_database_is_unavailable_and_unchanged(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "a.db")
    connection.execute("CREATE TABLE t (x BLOB)")
    connection.execute("PRAGMA max_page_count = 8")
    with pytest.raises(Unavailable), transaction(connection):  # noqa: PT012 - the block is what fails
        for _ in range(100):
            connection.execute("INSERT INTO t VALUES (?)", (bytes(4096),))
    assert not connection.in_transaction
    assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    connection.close()


def test_a_missing_file_is_not_made_by_a_reader(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        open_database(tmp_path / "none.db", readonly=True)
    assert not list(tmp_path.iterdir())


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    open_database(tmp_path / "a.db").close()
    connection = open_database(tmp_path / "a.db", readonly=True)
    with pytest.raises(Unavailable), guarded():
        connection.execute("CREATE TABLE t (x)")
    connection.close()


def test_processes_that_make_one_file_together_all_have_it(tmp_path: Path) -> None:
    """The change of a new file to WAL heeds no busy timeout: before it was asked for again, one in eight failed."""
    processes = multiprocessing.get_context("spawn")
    barrier = processes.Barrier(4)
    makers = [processes.Process(target=make_together, args=(tmp_path, barrier)) for _ in range(4)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert [maker.exitcode for maker in makers] == [0, 0, 0, 0]


def make_together(folder: Path, barrier: Barrier) -> None:
    """One of the processes: a file a round, all at the same moment."""
    for number in range(20):
        barrier.wait(timeout=60)
        connection = open_database(folder / f"{number}.db", busy_timeout_ms=10_000)
        with transaction(connection):
            connection.execute("CREATE TABLE IF NOT EXISTS t (a INTEGER)")
        connection.close()
