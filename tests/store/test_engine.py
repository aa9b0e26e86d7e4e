"""What the rest of the hub relies on holds on both databases alike."""

import time

import pytest

from hub.store import tables
from hub.store.engine import Connection, database_time, end_unread, has_table, of_partner, snapshot, transaction
from hub.store.tables import SET_META
from schemas.errors import Fault, LiaisonError, Unavailable
from tests.store.conftest import Opening

_READ = "SELECT value FROM meta WHERE name = ?"
_LEAF = "INSERT INTO leaf (idx, hash, bytes) VALUES (?, ?, ?)"


def put(connection: Connection, name: str, value: bytes) -> None:
    connection.execute(SET_META, (name, value))


def got(connection: Connection, name: str) -> bytes | None:
    row = connection.execute(_READ, (name,)).fetchone()
    return None if row is None else bytes(row[0])


def test_a_transaction_is_seen_whole_by_others_and_only_afterwards(opening: Opening) -> None:
    one, other = opening(), opening()
    with transaction(one):
        put(one, "a", b"1")
        put(one, "b", b"2")
        assert got(one, "a") == b"1"
        assert got(other, "a") is None
    assert (got(other, "a"), got(other, "b")) == (b"1", b"2")


def test_an_error_inside_leaves_nothing_and_the_connection_works(opening: Opening) -> None:
    one = opening()
    with pytest.raises(KeyError), transaction(one):  # noqa: PT012 - the block is what fails
        put(one, "a", b"1")
        raise KeyError
    with pytest.raises(Fault), transaction(one):  # noqa: PT012 - likewise
        put(one, "a", b"1")
        one.execute(_LEAF, (0, b"", b""))
        one.execute(_LEAF, (0, b"", b""))
    assert got(one, "a") is None
    with transaction(one):
        put(one, "a", b"3")
    assert got(one, "a") == b"3"


def test_a_transaction_within_another_is_refused_and_the_outer_one_is_whole(opening: Opening) -> None:
    one, other = opening(), opening()
    with pytest.raises(KeyError), transaction(one):  # noqa: PT012 - the block is what fails
        put(one, "a", b"1")
        with pytest.raises(LiaisonError), transaction(one):
            pass
        raise KeyError
    assert got(other, "a") is None


def test_transactions_of_two_connections_follow_one_another(opening: Opening) -> None:
    one, other = opening(), opening(busy_timeout_ms=50, seconds_max=0.2)
    with transaction(one):
        put(one, "a", b"1")
        with pytest.raises(Unavailable) as refused, transaction(other):
            pass
        assert refused.value.code == "STORE_UNAVAILABLE"
    with transaction(other):
        assert got(other, "a") == b"1"


def test_a_snapshot_is_of_one_moment_and_writes_nothing(opening: Opening) -> None:
    one, other = opening(), opening()
    put(one, "a", b"1")
    with snapshot(one):
        assert got(one, "a") == b"1"
        put(other, "a", b"2")
        assert got(one, "a") == b"1"
    assert got(one, "a") == b"2"
    try:
        with snapshot(one):
            put(one, "a", b"3")
    except LiaisonError:
        pass  # or it was as if nothing had been said
    assert got(other, "a") == b"2"


def test_statements_that_end_unread_keep_their_order_and_fail_together(opening: Opening) -> None:
    one = opening()
    with transaction(one):
        end_unread(one)
        one.executemany(SET_META, [("a", bytes([number])) for number in range(100)])
        one.execute(SET_META, ("a", b"last"))
    assert got(one, "a") == b"last"
    with pytest.raises(Fault), transaction(one):  # noqa: PT012 - the block is what fails
        end_unread(one)
        one.executemany(_LEAF, [(0, b"", b""), (0, b"", b"")])
        one.executemany(_LEAF, [(1, b"", b"")])
    assert one.execute("SELECT count(*) FROM leaf").fetchone()[0] == 0
    with transaction(one):
        one.execute(SET_META, ("a", b"again"))
    assert got(one, "a") == b"again"


def test_a_partners_reads_are_reads_and_do_not_begin_inside_a_transaction(opening: Opening, engine: str) -> None:
    one = opening()
    with of_partner(one, "test-aut"):
        assert one.execute("SELECT idx FROM recipient WHERE partner = ?", ("test-aut",)).fetchall() == []
    if engine == "postgres":
        with transaction(one), pytest.raises(Fault), of_partner(one, "test-aut"):
            pass
    with transaction(one):
        put(one, "a", b"1")
    assert got(one, "a") == b"1"


def test_the_databases_clock_is_a_clock(opening: Opening) -> None:
    one, other = opening(), opening()
    first = database_time(one)
    assert abs(first - time.time()) < 60
    assert database_time(other) >= first - 0.01
    with transaction(one):  # also inside a transaction it goes on
        begun = database_time(one)
        while database_time(one) == begun:
            pass


def test_values_come_back_as_they_went_in(opening: Opening) -> None:
    one = opening()
    every = bytes(range(256))
    put(one, "percent % and ? and 'quote'", every)
    assert got(one, "percent % and ? and 'quote'") == every
    one.execute("INSERT INTO lease (role, epoch, holder, until) VALUES (?, ?, ?, ?)", ("r", 2**62, "ü", 1.5))
    assert one.execute("SELECT * FROM lease").fetchall() == [("r", 2**62, "ü", 1.5)]
    assert one.execute("UPDATE lease SET until = ? WHERE epoch = ?", (0.25, 2**62)).rowcount == 1
    assert one.execute("UPDATE lease SET until = 0 WHERE epoch = ?", (1,)).rowcount == 0
    assert list(one.execute("SELECT until, holder FROM lease")) == [(0.25, "ü")]
    assert one.execute("SELECT 1 FROM meta WHERE name = ?", ("no such",)).fetchone() is None


def test_texts_are_ordered_byte_by_byte(opening: Opening) -> None:
    one = opening()
    names = ["a-b", "aB", "ab", "B", "_", "ä", "a"]
    one.executemany("INSERT INTO lane VALUES (?, 0, 0, 0.0, '')", [(name,) for name in names])
    found = [name for (name,) in one.execute("SELECT partner FROM lane ORDER BY partner")]
    assert found == sorted(names, key=str.encode)


def test_a_wrong_statement_is_our_fault(opening: Opening) -> None:
    one = opening()
    with pytest.raises(Fault), transaction(one):
        one.execute("INSERT INTO push (partner, idx) VALUES ('x', 77)")  # no such message
    assert has_table(one, "meta")
    assert not has_table(one, "no_such_table")
    tables.check(one)
