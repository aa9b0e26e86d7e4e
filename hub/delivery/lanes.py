"""One lane a partner that can be called: items in log order, one call at a time, at most so many at once over all.

Guarantees that a lane's items come in log order, whichever of the broker's partitions is ahead: a record says up to
which index of the log its recipients' lanes are filled, and everything below comes with it. A sick partner delays
nobody else: each lane waits for itself, and lanes whose last call failed share a small number of calls of their own, so
that partners which hang cannot take all of them. A lane's items and its failures are in the database; a restart goes on
where it stood. An item is tried until it is taken, its message expires or the edge refuses it; refused ones are found
by pushing one at a time and are parked, the others go on. Should an edge refuse one after the other, its lane stops as
if it were sick: a bad release at the other end must not park everything. Nor must one at our end: once `parked_max`
lie parked over all partners, a lane that meets another refusal waits too.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from hub.broker.contract import GROUP_MAX, OUTBOUND
from hub.broker.outbound import Outbound, decode
from hub.broker.positions import DELIVERY, Standing
from hub.delivery.backoff import delay
from hub.delivery.consignment import Consigned, Stopped
from hub.delivery.pushing import Called, Item, Result, push
from hub.leases import Lease
from hub.log.batch import Answer, Batch, Sealed, Work
from hub.store.engine import guarded
from hub.store.parked import count_poison
from hub.wiring import Hub
from schemas.errors import Unavailable
from service.client import Session, open_session
from service.failpoints import reach
from service.logs import log
from service.tasks import lasting

T = TypeVar("T")

_UNWRITTEN_MAX = 512

_TAKE = (
    "INSERT INTO push (partner, idx) SELECT partner, idx FROM recipient "
    "WHERE partner = ? AND idx BETWEEN ? AND ? AND state = 'accepted' ON CONFLICT DO NOTHING"
)
_DUE = (
    "SELECT p.idx, m.digest, m.expires_at, r.state, m.container FROM push p JOIN message m ON m.idx = p.idx "
    "JOIN recipient r ON r.partner = p.partner AND r.idx = p.idx "
    "WHERE p.partner = ? AND p.code IS NULL ORDER BY p.idx LIMIT ?"
)
_FORGET = "DELETE FROM push WHERE partner = ? AND idx = ?"
_READ_LANE = "SELECT failures, refusals, due_at, code FROM lane WHERE partner = ?"
_WRITE_LANE = (
    "INSERT INTO lane (partner, failures, refusals, due_at, code) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (partner) DO UPDATE SET failures = excluded.failures, refusals = excluded.refusals, "
    "due_at = excluded.due_at, code = excluded.code"
)
_FORGET_LANE = "DELETE FROM lane WHERE partner = ?"


@dataclass(slots=True, eq=False)
class _Lane:
    """What a lane knows beside its items. `singly` is how many of the next are pushed one at a time.

    All that was accepted for it before index `filled` is in it.
    """

    partner: str
    filled: int
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    failures: int = 0
    refusals: int = 0
    due_at: float = 0
    singly: int = 0


@dataclass(slots=True)
class _Look:
    """A lane's next items: to push, past their time, and gone another way."""

    items: list[Item] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)


async def run(hub: Hub, lease: Lease) -> None:
    """Deliver to every partner that can be called, for as long as this process has the role."""
    settings = hub.settings
    most = settings.push_at_once_max + settings.push_sick_at_once_max  # the sick ones' calls take nobody's place
    async with (
        open_session(authorities=settings.push_authorities, connections_max=most) as session,
        asyncio.TaskGroup() as group,
    ):
        lanes = Lanes(hub, lease, session, group)
        lanes.look()
        group.create_task(lasting(lanes.consume()))
        group.create_task(lasting(lanes.watch()))


class Lanes:
    """All lanes of a hub."""

    def __init__(self, hub: Hub, lease: Lease, session: Session, group: asyncio.TaskGroup) -> None:
        self._hub = hub
        self._lease = lease
        self._session = session
        self._group = group
        self._lanes: dict[str, _Lane] = {}
        self._well = asyncio.Semaphore(hub.settings.push_at_once_max)
        self._sick = asyncio.Semaphore(hub.settings.push_sick_at_once_max)

    def look(self) -> None:
        """As `adopt`; what could not be done is done the next time."""
        try:
            self.adopt()
        except Unavailable as error:
            log.error("delivery.failed", error, code=error.code)

    def adopt(self) -> None:
        """Every partner with a delivery URL has a lane; what was accepted for it before is in it."""
        hub = self._hub
        new = [
            partner
            for partner, record in hub.directories.current.partners.items()
            if record.delivery_url is not None and partner not in self._lanes
        ]
        if not new:
            return

        def work(batch: Batch) -> Answer[int]:
            for partner in new:
                batch.write(_TAKE, (partner, 0, batch.first - 1))
            first = batch.first
            return lambda _: first

        filled = hub.writer.commit_now(self._lease.fenced(work))
        for partner in new:
            self._lanes[partner] = _Lane(partner, filled)
            self._group.create_task(lasting(self._run(self._lanes[partner])))
        hub.metrics.lanes.set(len(self._lanes))

    async def watch(self) -> None:
        """Look at everything now and then, or when told: new partners, what another process drove again."""
        hub = self._hub
        while True:
            try:
                async with asyncio.timeout(hub.settings.push_look_seconds):
                    await hub.look.wait()
            except TimeoutError:
                pass
            hub.look.clear()
            self.look()
            for lane in self._lanes.values():
                lane.wake.set()

    async def consume(self) -> None:
        """Put what the broker has into the lanes; position and effect in one transaction."""
        hub = self._hub
        standing = DELIVERY.standing(hub.connection)
        unwritten = 0
        while True:
            try:
                fetched = await hub.broker.fetch(
                    OUTBOUND, standing.positions, limit=GROUP_MAX, wait_seconds=hub.settings.relay_idle_seconds
                )
                outbounds = [decode(one.record) for one in fetched]
                named = self._named(outbounds)
                following, unwritten = standing.after(fetched), unwritten + len(fetched)
                hub.metrics.fetch_up.set(1)
                if named or unwritten >= _UNWRITTEN_MAX or (unwritten and not fetched):
                    with hub.tracing.span("hub.take", "consumer", (one.trace for one in outbounds), count=len(named)):
                        await self._take(named, following)
                    unwritten = 0
                standing = following
            except Unavailable as error:
                hub.metrics.fetch_up.set(0)
                log.error("delivery.failed", error, code=error.code)
                await asyncio.sleep(error.retry_after_seconds)
                standing, unwritten = DELIVERY.standing(hub.connection), 0  # perhaps it was filled again
                continue
            for lane in named:
                lane.wake.set()

    def _named(self, outbounds: Iterable[Outbound]) -> dict[_Lane, int]:
        """Up to which index each lane is filled now."""
        found: dict[_Lane, int] = {}
        for outbound in outbounds:
            for partner in outbound.recipients:
                if partner in self._lanes:
                    lane = self._lanes[partner]
                    found[lane] = max(found.get(lane, -1), outbound.index)
        return found

    async def _take(self, named: Mapping[_Lane, int], standing: Standing) -> None:
        def work(batch: Batch) -> Answer[int]:
            there = batch.first - 1  # a record may name more: of a log that went on before a backup was restored
            for lane, last in named.items():
                batch.write(_TAKE, (lane.partner, lane.filled, min(last, there)))
            return lambda _: there

        reach("hub.delivery.taking")
        there = await self._write_fenced(DELIVERY.moved(standing, work), leaves=0, bytes_=64 * len(named))
        for lane, last in named.items():
            lane.filled = max(lane.filled, min(last, there) + 1)
        reach("hub.delivery.taken")

    async def _run(self, lane: _Lane) -> None:
        hub = self._hub
        while True:
            lane.wake.clear()
            try:
                self._read(lane)
                if lane.due_at <= hub.clock().timestamp() and await self._turn(lane):
                    continue
                wait = max(lane.due_at - hub.clock().timestamp(), 0.0)
            except Unavailable as error:
                log.error("delivery.failed", error, code=error.code, partner=lane.partner)
                wait = error.retry_after_seconds
            try:
                async with asyncio.timeout(wait or None):
                    await lane.wake.wait()
            except TimeoutError:
                continue

    def _read(self, lane: _Lane) -> None:
        """Failures and due time as the database has them: an operator may have driven the lane again."""
        with guarded():
            row = self._hub.connection.execute(_READ_LANE, (lane.partner,)).fetchone()
        lane.failures, lane.refusals, lane.due_at = (0, 0, 0.0) if row is None else row[:3]

    async def _turn(self, lane: _Lane) -> bool:
        """One call, or what comes instead; whether there may be more to do at once."""
        hub = self._hub
        record = hub.directories.current.partners.get(lane.partner)
        if record is None or record.delivery_url is None:
            return False  # it pulls now; its items stay until it does
        found = self._next(lane)
        if found.gone:
            await self._forget(lane.partner, found.gone)
        if found.late:
            await self._park(lane.partner, found.late, "EXPIRED")
        if not found.items:
            return bool(found.gone or found.late)
        async with self._sick if lane.failures else self._well:
            called = await push(hub, self._session, record.delivery_url, found.items)
        reach("hub.delivery.called")
        return await self._settle(lane, found.items, called)

    def _next(self, lane: _Lane) -> _Look:
        settings, found, size = self._hub.settings, _Look(), 0
        now = self._hub.clock().timestamp()
        limit = 1 if lane.singly else settings.push_items_max
        with guarded():
            rows = self._hub.connection.execute(_DUE, (lane.partner, limit))
            for index, digest, expires_at, state, container in rows:
                if state != "accepted":
                    found.gone.append(index)
                elif container is None or expires_at <= now:
                    found.late.append(index)
                else:
                    size += len(container)
                    if found.items and size > settings.push_bytes_max:
                        break
                    found.items.append(Item(index, digest, container))
        return found

    async def _settle(self, lane: _Lane, items: Sequence[Item], called: Called) -> bool:
        hub, metrics = self._hub, self._hub.metrics
        indices = [item.index for item in items]
        if called.result is Result.TAKEN:
            metrics.pushed.inc(len(items))
            await hub.writer.submit(Consigned(lane.partner, indices), leaves=len(items))
            lane.singly = max(0, lane.singly - len(items))
            if lane.failures or lane.refusals:
                await self._write(lane, 0, 0, 0.0, "")
                log.info("delivery.well", partner=lane.partner)
            return True
        metrics.push_failures.inc()
        if called.result is Result.LATER:
            await self._leave(lane, called, lane.refusals)
            return False
        if len(items) > 1:
            lane.singly = len(items)
            return True
        if (
            count_poison(hub.connection, int(hub.clock().timestamp()), hub.settings.parked_max)
            >= hub.settings.parked_max
        ):
            log.error("delivery.full", partner=lane.partner, parked=hub.settings.parked_max, code=called.code)
            await self._leave(lane, called, lane.refusals)
            return False
        lane.singly = max(0, lane.singly - 1)
        await self._park(lane.partner, indices, called.code)
        refusals = lane.refusals + 1
        if refusals >= hub.settings.push_refusals_max:
            await self._leave(lane, called, 0)
            return False
        await self._write(lane, 0, refusals, 0.0, called.code)
        return True

    async def _leave(self, lane: _Lane, called: Called, refusals: int) -> None:
        """The partner is left alone for a while."""
        settings, failures = self._hub.settings, lane.failures + 1
        seconds = delay(
            failures,
            self._hub.chance(),
            base_seconds=settings.push_backoff_seconds,
            max_seconds=settings.push_backoff_seconds_max,
            asked_seconds=called.retry_after_seconds,
        )
        log.warning(
            "delivery.sick", partner=lane.partner, code=called.code, attempts=failures, seconds=round(seconds, 1)
        )
        await self._write(lane, failures, refusals, self._hub.clock().timestamp() + seconds, called.code)

    async def _write(self, lane: _Lane, failures: int, refusals: int, due_at: float, code: str) -> None:
        def work(batch: Batch) -> Answer[None]:
            if failures or refusals:
                batch.write(_WRITE_LANE, (lane.partner, failures, refusals, due_at, code))
            else:
                batch.write(_FORGET_LANE, (lane.partner,))
            return _nothing

        await self._write_fenced(work, leaves=0)

    async def _park(self, partner: str, indices: Sequence[int], code: str) -> None:
        parked = await self._write_fenced(Stopped(partner, indices, code), leaves=len(indices))
        self._hub.metrics.parked.inc(parked)
        log.error("delivery.parked", partner=partner, parked=parked, code=code)

    async def _forget(self, partner: str, indices: Sequence[int]) -> None:
        def work(batch: Batch) -> Answer[None]:
            for index in indices:
                batch.write(_FORGET, (partner, index))
            return _nothing

        await self._write_fenced(work, leaves=0)

    async def _write_fenced(self, work: Work[T], *, leaves: int, bytes_: int = 1024) -> T:
        return await self._hub.writer.submit(self._lease.fenced(work), leaves=leaves, bytes_=bytes_)


def _nothing(_: Sealed) -> None:
    return None
