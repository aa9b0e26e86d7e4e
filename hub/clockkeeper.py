"""The clock keeper: says in the log that a time is running out, and that it has ended.

It keeps the times of agreements, and those for answers to corrections of data; the latter move no case.

Driven by the hub's clock; it looks at rows whose end has come near, never at all cases. Guarantees one leaf of each
kind a case, clock and end, however often it looks and however many hub processes do: the row's stage is read and
changed in the transaction that appends the leaf, and another process that appended meanwhile makes it read again. What
has ended moves the case by its life cycle's table alone (`lifecycles.expire`), in that same transaction; a clock that
is set back undoes nothing. A crash leaves leaf, move and stage, or none of them, and the next look does it.

The hub's clock is believed no further than partners' signatures bear it out (`hub.witness`): ahead of them by more than
`clock_ahead_hours_max`, nothing is said and nothing ends, and log, readiness and metrics say so. A partner's next
signed request, or an operator's `liaison hub confirm-clock`, lets it go on.

The leaf's `code` is the clock's key and `prev` the acceptance that opened the case; its `digest` is that of the
deadline's certificate where there is one, whose text is kept sealed with the case (`hub.certificates`).
"""

import asyncio
from datetime import timedelta

from hub.cases.case import STAGES
from hub.cases.clocks import moves
from hub.cases.reading import fold
from hub.cases.refolding import Moved
from hub.certificates import certificate_of, word_of
from hub.intake import Accepted
from hub.log.batch import Answer, Batch, Sealed
from hub.store.engine import guarded
from hub.wiring import Hub
from schemas import lifecycles
from schemas.envelope import parse_header
from schemas.errors import LiaisonError, Unavailable
from service.failpoints import reach
from service.logs import log

ROWS_AT_ONCE = 250
_TICK_BYTES = 8192
"""About what a leaf with its certificate writes."""

_ENDED = (
    "SELECT row_id, clock, due_at FROM case_clock WHERE stage IN ('running', 'warned') AND due_at <= ? "
    "ORDER BY due_at, row_id, clock LIMIT ?"
)
_NEAR = (
    "SELECT row_id, clock, due_at FROM case_clock WHERE stage = 'running' AND due_at > ? AND due_at <= ? "
    "ORDER BY due_at, row_id, clock LIMIT ?"
)
_STAGE = "SELECT stage FROM case_clock WHERE row_id = ? AND clock = ? AND due_at = ?"
_SAID = "UPDATE case_clock SET stage = ? WHERE row_id = ? AND clock = ? AND due_at = ?"
_MOVED = "UPDATE case_state SET state = ? WHERE row_id = ?"


async def run(hub: Hub) -> None:
    """Look until cancelled."""
    while True:
        try:
            while await keep(hub) >= ROWS_AT_ONCE:
                pass
        except LiaisonError as error:
            log.error("clockkeeper.failed", error)  # next time
        await asyncio.sleep(hub.settings.clock_look_seconds)


async def keep(hub: Hub) -> int:
    """One look: what has ended, then what is near its end; returns how many clocks were looked at.

    Raises:
        Unavailable: the log took nothing; the next look does it.
    """
    now = int(hub.clock().timestamp())
    ahead = int(timedelta(hours=hub.settings.clock_warn_ahead_hours).total_seconds())
    with guarded():
        ended = hub.connection.execute(_ENDED, (now, ROWS_AT_ONCE)).fetchall()
        near = hub.connection.execute(_NEAR, (now, now + ahead, ROWS_AT_ONCE)).fetchall() if ahead else []
    if _held(hub, len(ended) + len(near)):
        return 0
    ticks = [
        _Tick(hub, event, row=row, clock=clock, due_at=due_at)
        for event, rows in (("ClockExpired", ended), ("ClockWarned", near))
        for row, clock, due_at in rows
    ]
    while ticks:  # one of each case at a time: the second looks at what the first left
        together = list({tick.row: tick for tick in reversed(ticks)}.values())[::-1]
        await _say(hub, together)
        ticks = [tick for tick in ticks if tick not in together]
    return max(len(ended), len(near))


def _held(hub: Hub, due: int) -> bool:
    """Whether our clock is too far ahead of partners' word to say any of this; what is shown of it is brought up."""
    hours, ahead = hub.settings.clock_ahead_hours_max, timedelta(0)
    if due and hours:
        vouched = hub.witness.latest()
        ahead = timedelta.max if vouched is None else hub.clock() - vouched
    held = ahead > timedelta(hours=hours)
    hub.witness.held = due if held else 0
    hub.metrics.clocks_held.set(hub.witness.held)
    if held:
        seconds = None if ahead == timedelta.max else int(ahead.total_seconds())
        log.error("clockkeeper.held", code="CLOCK_AHEAD", count=due, seconds=seconds)
    return held


async def _say(hub: Hub, ticks: "list[_Tick]") -> None:
    """All of these, in their order, sharing batches. Raises Unavailable, once none of them is under way any more."""
    under_way: list[asyncio.Future[None]] = []
    refused: Unavailable | None = None
    for tick in ticks:
        try:
            under_way.append(hub.writer.enqueue(tick, bytes_=_TICK_BYTES))
        except Unavailable as error:
            refused = error
            break
    for one in await asyncio.gather(*under_way, return_exceptions=True):
        if isinstance(one, BaseException):
            raise one
    if refused is not None:
        raise refused


class _Tick:
    """A clock's leaf as a member of a batch; nothing where another process, or a message, was quicker."""

    __slots__ = ("_clock", "_due_at", "_event", "_hub", "row")

    def __init__(self, hub: Hub, event: str, *, row: int, clock: str, due_at: int) -> None:
        self._hub, self._event = hub, event
        self.row, self._clock, self._due_at = row, clock, due_at

    def __call__(self, batch: Batch) -> Answer[None]:
        hub, row, stage = self._hub, self.row, STAGES[self._event]
        if row in batch.companion(Accepted).last or row in batch.companion(Moved).rows:
            return _nothing  # a message of this batch moves the case: look at what it left
        found = batch.connection.execute(_STAGE, (row, self._clock, self._due_at)).fetchone()
        if found is None or found[0] not in {"running", *(("warned",) if stage == "expired" else ())}:
            return _nothing
        if stage == "expired" and batch.seconds < self._due_at:
            return _nothing
        key = hub.reader.case_key(row)
        side = hub.reader.side(row)
        if key is None or side is None:
            return _nothing  # erased
        case = fold(hub.reader, row)
        clock = next((one for one in case.kept if one.name == self._clock), None)
        if clock is None or clock.ends_at is None or int(clock.ends_at.timestamp()) != self._due_at:
            batch.companion(Moved).touch(hub.reader, row)  # counted by another release of the calendars: write it anew
            return _nothing
        text = certificate_of(hub.reader, case, clock, hub.settings.year)
        handle = parse_header(side.header).case_handle
        batch.add(word_of(self._event, case, self._clock, text, handle=handle, key=key))
        # At once, not with the batch's rows: later members of this batch must see it.
        batch.connection.execute(_SAID, (stage, row, self._clock, self._due_at))
        if stage == "expired" and moves(self._clock):
            state = lifecycles.expire(case.procedure, case.state, self._clock)
            batch.connection.execute(_MOVED, (state, row))
        batch.companion(Moved).touch(hub.reader, row)
        reach("hub.clockkeeper.added")
        return _nothing


def _nothing(_: Sealed) -> None:
    return None
