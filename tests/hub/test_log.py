"""The log writer: one commit a batch, proofs that hold, and nothing half-written whatever fails."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.log.batch import Answer, Batch, Draft, Sealed, Work
from hub.log.tree import Growth, TreeState
from hub.log.writer import LogWriter
from hub.store import tables
from hub.store.reading import Reader
from hub.store.tiles import stored_tile
from keys.at_rest import AtRest
from keys.proofs import merkle
from keys.proofs.checkpoint import LogSigner
from keys.proofs.leaf import commitment
from keys.proofs.receipt import verify_receipt
from schemas.errors import Fault, Rejected, Unavailable
from service.sqlite import Connection, open_database

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
SIGNER = LogSigner("hub.liaison.example/audit/2026", bytes(32), bytes(32))
AT_REST = AtRest(bytes(32), bytes(32))


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    found = open_database(tmp_path / "hub.db", busy_timeout_ms=1)
    tables.create(found)
    yield found
    found.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def writer(connection: Connection, clock: Clock) -> LogWriter:
    found = LogWriter(connection, SIGNER, AT_REST, clock)
    found.open()
    return found


@pytest.fixture
async def running(writer: LogWriter) -> AsyncIterator[LogWriter]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        yield writer
        task.cancel()


def event(name: str = "CaseViewed", **members: object) -> Work[bytes]:
    def work(batch: Batch) -> Answer[bytes]:
        index = batch.add(Draft(name, **members))  # type: ignore[arg-type]
        return lambda sealed: sealed.receipt(index)

    return work


def refuse(_: Batch) -> Answer[bytes]:
    raise Rejected("NO_AGREEMENT")


def broken(batch: Batch) -> Answer[bytes]:
    batch.add(Draft("CaseViewed"))
    raise KeyError("canary")


def rows(connection: Connection, table: str) -> int:
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - names of ours


def test_a_new_log_begins_with_its_opening(writer: LogWriter, connection: Connection) -> None:
    assert writer.size == 1
    assert Reader(connection, AT_REST).leaf(0).leaf.event == "LogOpened"
    again = LogWriter(connection, SIGNER, AT_REST, Clock())
    again.open()
    assert again.size == 1


def test_another_logs_database_is_a_fault(writer: LogWriter, connection: Connection) -> None:
    other = LogWriter(connection, LogSigner("other/audit/2026", bytes(32), bytes(32)), AT_REST, Clock())
    with pytest.raises(Fault):
        other.open()
    assert writer.size == 1


async def test_receipts_hold_and_are_the_same_when_made_again(running: LogWriter, connection: Connection) -> None:
    receipts = await asyncio.gather(*(running.submit(event(dir=at)) for at in range(300)))
    reader = Reader(connection, AT_REST)
    for at, receipt in enumerate(receipts):
        found = verify_receipt(receipt, SIGNER.public)
        assert found.leaf.dir == at
        assert reader.receipt(found.index, found.checkpoint.size) == receipt
    assert running.size == 301
    assert rows(connection, "checkpoint") < 100  # the waiting ones shared commits


async def test_a_refused_member_changes_nothing_for_the_others(running: LogWriter) -> None:
    answers = await asyncio.gather(
        running.submit(event()), running.submit(refuse), running.submit(event()), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [bytes, Rejected, bytes]
    assert running.size == 3


async def test_a_broken_member_fails_alone(running: LogWriter, connection: Connection) -> None:
    answers = await asyncio.gather(
        running.submit(event()), running.submit(broken), running.submit(event()), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [bytes, Fault, bytes]
    assert "canary" not in str(answers[1])
    assert running.size == rows(connection, "leaf") == 3


async def test_a_lost_answer_does_not_end_the_writer(running: LogWriter) -> None:
    def work(batch: Batch) -> Answer[bytes]:
        batch.add(Draft("CaseViewed"))

        def answer(_: Sealed) -> bytes:
            raise KeyError

        return answer

    with pytest.raises(Fault):
        await running.submit(work)
    assert verify_receipt(await running.submit(event()), SIGNER.public).index == 2


async def test_a_waiter_that_goes_away_changes_nothing(writer: LogWriter) -> None:
    async with asyncio.TaskGroup() as group:
        waiter = group.create_task(writer.submit(event(dir=7)))
        while not writer.queued:  # noqa: ASYNC110 - the queue is the condition
            await asyncio.sleep(0)
        waiter.cancel()
        task = group.create_task(writer.run())
        await writer.grown(1, 10)
        task.cancel()
    assert writer.size == 2


async def test_what_is_queued_at_the_end_is_written(writer: LogWriter) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(writer.run())
        await asyncio.sleep(0)
        waiter = group.create_task(writer.submit(event()))
        while not writer.queued:  # noqa: ASYNC110 - the queue is the condition
            await asyncio.sleep(0)
        task.cancel()
    assert verify_receipt(waiter.result(), SIGNER.public).index == 1
    with pytest.raises(Unavailable, match="BUSY"):
        await writer.submit(event())


async def test_too_much_queued_is_refused(writer: LogWriter) -> None:
    with pytest.raises(Unavailable, match="BUSY"):
        await writer.submit(event(), bytes_=65 * 1024 * 1024)


async def test_a_locked_database_fails_the_waiters_and_no_more(running: LogWriter, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "hub.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answers = await asyncio.gather(*(running.submit(event()) for _ in range(3)), return_exceptions=True)
    assert {str(answer) for answer in answers} == {"STORE_UNAVAILABLE"}
    other.execute("ROLLBACK")
    other.close()
    assert verify_receipt(await running.submit(event()), SIGNER.public).index == 1


async def test_a_full_disk_leaves_nothing_half_written(running: LogWriter, connection: Connection) -> None:
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 2}")

    def large(batch: Batch) -> Answer[bytes]:
        index = batch.add(Draft("CaseViewed"))
        batch.write("INSERT INTO statement VALUES (?, ?)", (os.urandom(32), bytes(100_000)))
        return lambda sealed: sealed.receipt(index)

    with pytest.raises(Unavailable):
        await running.submit(large)
    assert running.size == rows(connection, "leaf") == 1
    assert rows(connection, "statement") == 0
    assert rows(connection, "checkpoint") == 1
    connection.execute("PRAGMA max_page_count = 1000000")
    assert verify_receipt(await running.submit(large), SIGNER.public).index == 1


async def test_a_failing_commit_is_reloaded_from_disk(running: LogWriter, connection: Connection) -> None:
    connection.execute("CREATE TRIGGER sick BEFORE UPDATE ON head BEGIN SELECT RAISE(ROLLBACK, 'sick'); END")
    with pytest.raises((Unavailable, Fault)):
        await running.submit(event())
    connection.execute("DROP TRIGGER sick")
    assert running.size == 1
    assert verify_receipt(await running.submit(event()), SIGNER.public).checkpoint.size == 2


def test_another_process_may_append_in_between(writer: LogWriter, connection: Connection, tmp_path: Path) -> None:
    second_connection = open_database(tmp_path / "hub.db")
    second = LogWriter(second_connection, SIGNER, AT_REST, Clock())
    for at in range(1, 600, 2):
        assert verify_receipt(writer.commit_now(event()), SIGNER.public).index == at
        assert verify_receipt(second.commit_now(event()), SIGNER.public).index == at + 1
    second_connection.close()
    assert rows(connection, "leaf") == 601
    assert rows(connection, "tile") == 2


@pytest.mark.parametrize("meddling", ["UPDATE head SET size = 7", "UPDATE head SET root = x'00'"])
def test_another_head_than_was_begun_with_is_not_gone_on_from(
    meddling: str, writer: LogWriter, connection: Connection
) -> None:
    def work(batch: Batch) -> Answer[None]:
        batch.add(Draft("CaseViewed"))
        batch.connection.execute(meddling)
        return lambda _: None

    with pytest.raises(Fault):
        writer.commit_now(work)
    assert (rows(connection, "leaf"), rows(connection, "checkpoint")) == (1, 1)
    assert len(writer.commit_now(event())) > 0


def test_time_never_falls(writer: LogWriter, clock: Clock, connection: Connection) -> None:
    clock.now = NOW - timedelta(days=1)
    writer.commit_now(event())
    clock.now = NOW + timedelta(seconds=5, microseconds=7)
    writer.commit_now(event())
    reader = Reader(connection, AT_REST)
    assert [leaf.leaf.at for leaf in reader.leaves(-1, 9)] == [NOW, NOW, NOW + timedelta(seconds=5)]


def test_commitments_open_with_the_side_record_alone(writer: LogWriter, connection: Connection) -> None:
    writer.commit_now(event(committed={"actor": "K. Example"}))
    reader = Reader(connection, AT_REST)
    side = reader.side(1)
    assert side is not None
    assert side.values == {"actor": "K. Example"}
    assert reader.leaf(1).leaf.c == {"actor": commitment(side.salt, "K. Example")}
    assert reader.side(0) is None
    raw = b"".join(row[0] for row in connection.execute("SELECT sealed FROM side"))
    assert b"Example" not in raw
    with pytest.raises(Fault):
        Reader(connection, AtRest(bytes(31) + b"\1", bytes(32))).side(1)


def test_a_side_record_moved_to_another_row_does_not_open(writer: LogWriter, connection: Connection) -> None:
    writer.commit_now(event(committed={"actor": "a"}))
    writer.commit_now(event(committed={"actor": "b"}))
    first, second = (row[0] for row in connection.execute("SELECT sealed FROM side ORDER BY idx"))
    connection.execute("UPDATE side SET sealed = ? WHERE idx = 1", (second,))
    connection.execute("UPDATE side SET sealed = ? WHERE idx = 2", (first,))
    with pytest.raises(Fault):
        Reader(connection, AT_REST).side(1)


def test_names_are_indexed(writer: LogWriter, connection: Connection) -> None:
    writer.commit_now(event(source="test-aut", to=("test-mda", "test-geo")))
    writer.commit_now(event(source="test-mda", to=("test-aut",)))
    writer.commit_now(event(source="test-mda", to=("test-mda",)))
    reader = Reader(connection, AT_REST)
    assert [leaf.index for leaf in reader.leaves_naming("test-mda", -1, 9)] == [1, 2, 3]
    assert [leaf.index for leaf in reader.leaves_naming("test-mda", 1, 1)] == [2]
    assert [leaf.index for leaf in reader.leaves_naming("test-geo", -1, 9)] == [1]
    assert reader.leaves_naming("test-xyz", -1, 9) == []


def test_consistency_proofs_hold_over_many_sizes(writer: LogWriter, connection: Connection) -> None:
    roots = {writer.size: writer.root}
    for _ in range(40):
        writer.commit_now(event())
        roots[writer.size] = writer.root
    reader = Reader(connection, AT_REST)
    for old, old_root in roots.items():
        merkle.verify_consistency(old, old_root, 41, roots[41], reader.consistency(old, 41))
    with pytest.raises(Rejected, match="NOT_FOUND"):
        reader.consistency(3, 99)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_growth_equals_the_naive_tree(batches: list[int]) -> None:
    state, hashes = TreeState(merkle.CompactRange(), ()), list[bytes]()
    tiles: dict[tuple[int, int], bytes] = {}
    for count in batches:
        growth = Growth(state)
        first = growth.size
        for _ in range(count):
            hashes.append(growth.append(len(hashes).to_bytes(4, "big")))
        root, state = growth.finish()
        tiles |= {(level, number): data for level, number, data in growth.tiles}
        size = len(hashes)
        assert root == naive_root(hashes)
        for index in range(first, size, 7):
            merkle.verify_inclusion(hashes[index], index, size, growth.path(index), root)
    assert len([1 for level, _ in tiles if level == 0]) == len(hashes) // 256
    for (level, number), data in tiles.items():
        if level == 0:
            assert data == b"".join(hashes[number * 256 : (number + 1) * 256])
    assert [len(edge) for edge in state.edges][:1] == [len(hashes) % 256]


def naive_root(hashes: list[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return merkle.node_hash(naive_root(hashes[:split]), naive_root(hashes[split:]))


def test_tiles_are_the_leaves_hashes(writer: LogWriter, connection: Connection) -> None:
    def many(batch: Batch) -> Answer[None]:
        for _ in range(520):
            batch.add(Draft("CaseViewed"))
        return lambda _: None

    writer.commit_now(many)
    hashes = [row[0] for row in connection.execute("SELECT hash FROM leaf ORDER BY idx")]
    assert stored_tile(connection, 0, 0) == b"".join(hashes[:256])
    assert stored_tile(connection, 0, 2) == b"".join(hashes[512:])
    upper = stored_tile(connection, 1, 0)
    assert [upper[:32], upper[32:]] == [naive_root(hashes[:256]), naive_root(hashes[256:512])]
    fresh = LogWriter(connection, SIGNER, AT_REST, Clock())
    receipt = fresh.commit_now(event())
    assert verify_receipt(receipt, SIGNER.public).index == 521


async def test_whoever_waits_is_told_of_growth(running: LogWriter) -> None:
    async with asyncio.TaskGroup() as group:
        waiter = group.create_task(running.grown(1, 60))
        await running.submit(event())
    assert waiter.done()
    await running.grown(99, 0)
