"""The one writer of the log: whatever queued while the last commit ran becomes the next batch.

Its COMMIT is the commit point of the whole hub; no checkpoint, receipt or problem document with a proof exists outside
before it.

Guarantees, for each batch, one transaction: rows of its members, leaves, full tiles, checkpoint, and the head by
compare-and-swap. What other processes appended is taken over inside that transaction, hash by hash, and must lead
from the state known before to the stored root: a database that was set back, or forked, is refused whole. A commit
that fails fails every waiter with what the store said (503); what stands is looked up with the next batch, for after a
failed COMMIT only the database tells. A waiter that has gone away changes nothing: what is queued is committed, and
its sender's repeat gets the receipt.

There is no timer: at low load a message is a batch. SQLite's commit blocks the event loop for its one sync, during
which the next batch gathers in the sockets (design.md 6); a server's lock and COMMIT are waited for beside the loop
(ADR 107), and whoever comes before the lock is given joins.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from hub.log.batch import Batch, Draft, Sealed, Work
from hub.log.tree import Growth, TreeState
from hub.store.engine import Connection, aside, end_unread, guarded, transaction
from hub.store.tiles import stored_tile
from keys.at_rest import AtRest
from keys.proofs.checkpoint import LogSigner
from keys.proofs.merkle import EMPTY_ROOT, HASH_BYTES, CompactRange
from keys.proofs.tiles import TILE_WIDTH
from schemas.errors import Fault, LiaisonError, Rejected, Unavailable
from service.clock import Clock
from service.failpoints import reach
from service.logs import log

T = TypeVar("T")

BATCH_LEAVES_MAX = 512
BATCH_BYTES_MAX = 1024 * 1024
QUEUE_ENTRIES_MAX = 4096
QUEUE_BYTES_MAX = 64 * 1024 * 1024
_GATHER_TURNS_MAX = 8
_HASHES_AT_ONCE = 4096

_HEAD = "SELECT h.size, h.root, h.at, c.text FROM head h LEFT JOIN checkpoint c ON c.size = h.size WHERE h.one = 1"
_SWAP = (
    "UPDATE head SET size = CASE WHEN size = ? AND root = ? THEN CAST(? AS bigint) END, root = ?, range = ?, at = ? "
    "WHERE one = 1"  # no size at all is what the table refuses, and with it the transaction
)
_HASHES = "SELECT hash FROM leaf WHERE idx >= ? AND idx < ? ORDER BY idx"


class Observer(Protocol):
    """Is told what the writer did, for metrics."""

    def committed(self, leaves: int, size: int, seconds: float) -> None:
        """A batch is durable."""

    def failed(self) -> None:
        """A batch was not written."""


@dataclass(slots=True)
class _Pending:
    work: Work[Any]
    leaves: int
    bytes: int
    future: "asyncio.Future[Any] | None"
    answer: Callable[[Sealed], Any] | None = None
    error: BaseException | None = None
    result: Any = None

    def settle(self) -> None:
        if self.future is None or self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


@dataclass(slots=True)
class _Head:
    tree: TreeState
    root: bytes
    at: datetime
    checkpoint: bytes = field(repr=False)


class LogWriter:
    """Appends to one log in one database. Used by one event loop, and through `commit_now` by commands."""

    def __init__(
        self,
        connection: Connection,
        signer: LogSigner,
        at_rest: AtRest,
        clock: Clock,
        observer: Observer | None = None,
    ) -> None:
        self._connection = connection
        self._signer = signer
        self._at_rest = at_rest
        self._clock = clock
        self._observer = observer
        self._head: _Head | None = None
        self._queue: deque[_Pending] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._grown = asyncio.Event()
        self._closed = False
        self._ended = False
        self.failed_at: datetime | None = None
        """When a batch could last not be written; None once one was since."""

    def open(self) -> None:
        """The log is ready; a new one is opened with its first leaf.

        Raises:
            Unavailable: the database cannot be read or written.
            Fault: it holds another log than our signing key's.
        """
        if self._loaded().tree.size == 0:
            self.commit_now(_opened)

    @property
    def size(self) -> int:
        """How many leaves are durable."""
        return self._loaded().tree.size

    @property
    def root(self) -> bytes:
        """The root of what is durable."""
        return self._loaded().root

    @property
    def checkpoint(self) -> bytes:
        """The newest checkpoint, durable."""
        return self._loaded().checkpoint

    @property
    def last_at(self) -> datetime:
        """The newest leaf's time; later leaves never have an earlier one."""
        return self._loaded().at

    @property
    def queued(self) -> int:
        """How many members wait for the next batches."""
        return len(self._queue)

    async def submit(self, work: Work[T], *, leaves: int = 1, bytes_: int = 1024) -> T:
        """What the work's answer gives, once its batch is durable.

        Args:
            work: see `hub.log.batch`.
            leaves: the most it may add.
            bytes_: about how much it writes.

        Raises:
            Rejected: what the work or its answer raised.
            Unavailable: BUSY when too much is queued, STORE_UNAVAILABLE when the batch could not be written.
            Fault: the work itself failed.
        """
        return await self.enqueue(work, leaves=leaves, bytes_=bytes_)

    def enqueue(self, work: Work[T], *, leaves: int = 1, bytes_: int = 1024) -> "asyncio.Future[T]":
        """As `submit`, for one who waits for many: the result to come. Raises Unavailable(BUSY)."""
        if self._closed or len(self._queue) >= QUEUE_ENTRIES_MAX or self._queued_bytes + bytes_ > QUEUE_BYTES_MAX:
            raise Unavailable("BUSY")
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.append(_Pending(work, leaves, bytes_, future))
        self._queued_bytes += bytes_
        self._wake.set()
        return future

    async def append_event(self, draft: Draft, effect: Callable[[Batch, int], None] | None = None) -> int:
        """The draft is a leaf; returns its index. `effect` writes what belongs to it, in the same transaction."""
        return await self.submit(_append(draft, effect))

    async def grown(self, size: int, seconds: float) -> None:
        """Returns once the log has more than `size` leaves, after `seconds`, or when waiting has ended."""
        try:
            async with asyncio.timeout(seconds):
                while self.size <= size and not self._ended:
                    await self._grown.wait()
        except TimeoutError:
            return

    def look(self) -> None:
        """Notice what other processes appended; whoever waits for it is woken. Raises Unavailable or Fault."""
        before = self._loaded()
        with guarded():
            stored = self._connection.execute(_HEAD).fetchone()
        if self._caught_up(before, stored) is not before:
            self._tell()

    async def follow(self, seconds: float) -> None:
        """`look` every so often, for as long as the program runs."""
        while True:
            await asyncio.sleep(seconds)
            try:
                self.look()
            except Unavailable:
                continue  # the next batch says so to those it concerns

    def wake_waiters(self) -> None:
        """Whoever waits in `grown` returns now, grown or not."""
        self._ended = True
        self._grown.set()

    def commit_now(self, work: Work[T]) -> T:
        """One member, one batch, at once. For start-up and commands; raises as `submit` does."""
        pending = _Pending(work, 1, 0, None)
        self._commit(lambda: [pending])
        if pending.error is not None:
            raise pending.error
        result: T = pending.result
        return result

    async def run(self) -> None:
        """Write batches for as long as the program runs; cancelled at its end, it writes what is queued."""
        try:
            while True:
                await self._wake.wait()
                await self._gather()
                await aside(self._connection, partial(self._commit, self._take))
                await asyncio.sleep(0)
        finally:
            self._closed = True
            while self._queue:
                self._commit(self._take)

    async def _gather(self) -> None:
        """Let requests that are being read join, as long as each turn of the loop brings one."""
        for _ in range(_GATHER_TURNS_MAX):
            before = len(self._queue)
            await asyncio.sleep(0)
            if len(self._queue) == before:
                return

    def _take(self) -> list[_Pending]:
        taken: list[_Pending] = []
        leaves = written = 0
        while self._queue:
            first = self._queue[0]
            leaves += first.leaves
            written += first.bytes
            if taken and (leaves > BATCH_LEAVES_MAX or written > BATCH_BYTES_MAX):
                break
            taken.append(self._queue.popleft())
            self._queued_bytes -= first.bytes
        if not self._queue:
            self._wake.clear()
        return taken

    def _commit(self, take: Callable[[], list[_Pending]]) -> None:
        """Write a batch of those that `take` gives once the log is ours: more gather while another process has it."""
        members: list[_Pending] = []
        try:
            sealed = self._write(members, take)
        except Exception as error:  # noqa: BLE001 - whatever it is, every waiter is told
            members = members or take()
            if len(members) > 1 and not isinstance(error, Unavailable):
                for member in members:  # one of them is broken: the others must not fail with it
                    self._commit(partial(list, [member]))
                return
            log.error("log.commit_failed", error, batch=len(members))
            if isinstance(error, Unavailable):
                self.failed_at = self._clock()
            if self._observer is not None:
                self._observer.failed()
            known = error if isinstance(error, LiaisonError) else Fault("a batch could not be made")
            for member in members:
                member.error = _again(known)
                member.settle()
            return
        reach("hub.append.after_commit")
        self.failed_at = None
        for member in members:
            if member.error is None and member.answer is not None:
                try:
                    member.result = member.answer(sealed)
                except (Rejected, Unavailable) as refusal:
                    member.error = refusal
                except Exception as error:  # noqa: BLE001 - it is durable; only this one's answer is lost, not the writer
                    log.error("log.answer_failed", error)
                    member.error = Fault("an answer could not be made")
            member.settle()
        self._tell()

    def _tell(self) -> None:
        self._grown.set()
        self._grown.clear()

    def _write(self, members: list[_Pending], take: Callable[[], list[_Pending]]) -> Sealed:
        reach("hub.append.begin")
        known = (
            self._loaded()
        )  # before the lock: a process that lost it in its sleep may hear of more before its answer
        begun = self._clock()
        with transaction(self._connection, _HEAD) as stored:
            head = self._caught_up(known, stored)
            at = max(self._clock().replace(microsecond=0), head.at)
            growth = Growth(head.tree)
            batch = Batch(self._connection, growth, at, self._at_rest)
            members += take()
            self._prepare(batch, members)
            for member in members:
                member.answer = member.error = None
                try:
                    member.answer = member.work(batch)
                except Rejected as refusal:
                    member.error = refusal
            batch.close()
            end_unread(self._connection)
            batch.flush()
            if not batch.leaves:
                return Sealed(batch, growth, head.checkpoint)
            root, tree = growth.finish()
            text = self._signer.sign(tree.size, root, at)
            reach("hub.append.rows_written")
            self._connection.execute("INSERT INTO checkpoint (size, text) VALUES (?, ?)", (tree.size, text))
            self._connection.execute(
                _SWAP, (head.tree.size, head.root, tree.size, root, tree.range.serialise(), batch.seconds)
            )
            reach("hub.append.before_commit")
        self._know(_Head(tree, root, at, text))
        if self._observer is not None:
            self._observer.committed(len(batch.leaves), tree.size, (self._clock() - begun) / timedelta(seconds=1))
        return Sealed(batch, growth, text)

    def _prepare(self, batch: Batch, members: list[_Pending]) -> None:
        """Kinds of members that look up together do so, where there are several."""
        kinds: dict[type[Any], list[Any]] = {}
        for member in members:
            if hasattr(member.work, "prepare"):  # see Prepared
                kinds.setdefault(type(member.work), []).append(member.work)
        for kind, works in kinds.items():
            if len(works) > 1:
                kind.prepare(batch, works)

    def _loaded(self) -> _Head:
        if self._head is None:
            self._head = _load(self._connection, self._signer.public.origin)
        return self._head

    def _know(self, head: _Head) -> None:
        """`look` may have seen more while a batch was under way."""
        if head.tree.size >= self._loaded().tree.size:
            self._head = head

    def _caught_up(self, head: _Head, row: Any) -> _Head:
        """What is stored (`_HEAD`), reached from what was known before. Raises Fault where that is impossible."""
        if row is None or row[0] < head.tree.size:
            raise Fault("the database has less of the log than it had")
        size, root, at, text = row
        if size > head.tree.size:
            growth = Growth(head.tree)
            while growth.size < size:
                until = min(size, growth.size + _HASHES_AT_ONCE)
                with guarded():
                    hashes = self._connection.execute(_HASHES, (growth.size, until)).fetchall()
                if len(hashes) != until - growth.size:
                    raise Fault("the log's head and its leaves disagree")
                for (hash_,) in hashes:
                    growth.append_hash(hash_)
            found, tree = growth.finish()
            head = _Head(tree, found, datetime.fromtimestamp(at, UTC), text)
        if head.root != root or (size and text is None):
            raise Fault("the stored log does not continue the one that was known")
        self._know(head)
        return head


def _opened(batch: Batch) -> Callable[[Sealed], None]:
    if batch.index == 0:  # and not yet by another process that started at the same time
        batch.add(Draft("LogOpened"))
    return lambda _: None


def _append(draft: Draft, effect: Callable[[Batch, int], None] | None = None) -> Work[int]:
    def work(batch: Batch) -> Callable[[Sealed], int]:
        index = batch.add(draft)
        if effect is not None:
            effect(batch, index)
        return lambda _: index

    return work


def _again(error: LiaisonError) -> LiaisonError:
    """A copy for each waiter: one exception raised in many tasks would gather all their tracebacks."""
    if isinstance(error, Unavailable):
        return Unavailable(error.code, error.retry_after_seconds)
    if isinstance(error, Rejected):
        return Rejected(error.code, error.path)
    return Fault(str(error))


def _load(connection: Connection, origin: str) -> _Head:
    """The state on disk, made if there is none yet. One read transaction, so that all of it is of one moment."""
    with transaction(connection):
        connection.execute(
            "INSERT INTO meta (name, value) VALUES ('origin', ?) ON CONFLICT DO NOTHING", (origin.encode(),)
        )
        stored = connection.execute("SELECT value FROM meta WHERE name = 'origin'").fetchone()[0]
        if bytes(stored).decode() != origin:
            raise Fault("the database holds another log")
        connection.execute(
            "INSERT INTO head (one, size, root, range, at) VALUES (1, 0, ?, ?, 0) ON CONFLICT DO NOTHING",
            (EMPTY_ROOT, b""),
        )
        size, root, range_, at = connection.execute("SELECT size, root, range, at FROM head WHERE one = 1").fetchone()
        text = connection.execute("SELECT text FROM checkpoint WHERE size = ?", (size,)).fetchone()
        edges = _edges(connection, size)
    tree = TreeState(CompactRange.restore(size, range_), edges)
    if tree.range.root() != root or (size and text is None):
        raise Fault("the log's head does not fit itself")
    return _Head(tree, root, datetime.fromtimestamp(at, UTC), text[0] if text else b"")


def _edges(connection: Connection, size: int) -> list[list[bytes]]:
    """Per tile level the hashes after its last full tile."""
    edges, level, hashes = [], 0, size
    while hashes:
        full, partial = divmod(hashes, TILE_WIDTH)
        data = stored_tile(connection, level, full)
        if len(data) != partial * HASH_BYTES:
            raise Fault("the log's head and its leaves disagree")
        edges.append([data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)])
        level, hashes = level + 1, full
    return edges
