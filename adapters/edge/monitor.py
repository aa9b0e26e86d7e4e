"""The watch on the log: every signed state this edge ever saw belongs to one history (docs/log.md, threat model).

Guarantees that a receipt's checkpoint counts only once it is consistent with the last one kept, which is durable and
never goes back; that two signed states which contradict each other are kept as evidence and end all trust, also past a
restart, until an operator decides; that what partners say they saw (`ixmlog`) is compared too. A partner may lie about
that: its word alone is an alarm and does not stop us (docs/adr/0050).

A hub that answers nothing is Unavailable: then nothing new is believed, and nothing is lost.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Iterable
from itertools import pairwise

from adapters.edge.alarms import Alarms
from adapters.edge.hub_client import SIZES_MAX, HubClient
from adapters.edge.metrics import Metrics
from adapters.edge.tables import read_meta, write_meta
from keys.proofs.checkpoint import Checkpoint, LogPublic
from keys.proofs.merkle import EMPTY_ROOT, verify_consistency
from schemas import strict_base64
from schemas.envelope import LogHead
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach
from service.sqlite import Connection, transaction

_KEPT, _BROKEN = "checkpoint", "log_broken"
_SEEN_MAX = 4096


class Monitor:
    """The last checkpoint kept, and whether the log is still trusted."""

    def __init__(self, connection: Connection, hub: HubClient, alarms: Alarms, metrics: Metrics) -> None:
        self._connection = connection
        self._hub = hub
        self._alarms = alarms
        self._metrics = metrics
        self._lock = asyncio.Lock()
        self._good: OrderedDict[tuple[int, bytes], None] = OrderedDict()
        self._kept: Checkpoint | None = None
        self._text = read_meta(connection, _KEPT)
        self.broken = read_meta(connection, _BROKEN) is not None

    @property
    def kept(self) -> Checkpoint | None:
        """The last verified checkpoint; None before the first, or before `load`."""
        return self._kept

    def load(self, public: LogPublic) -> None:
        """Verify the kept checkpoint with the log's keys. Raises Rejected(CHECKPOINT_INVALID)."""
        if self._kept is None and self._text is not None:
            self._kept = public.verify(self._text)
            self._remember(self._kept)

    def head(self, origin: str) -> LogHead:
        """What our next message says we saw."""
        if self._kept is None:
            return LogHead(origin, 0, EMPTY_ROOT.hex())
        return LogHead(self._kept.origin, self._kept.size, self._kept.root.hex())

    def check_trusted(self) -> None:
        """The log may be trusted, or Rejected(LOG_INCONSISTENT)."""
        if self.broken:
            raise Rejected("LOG_INCONSISTENT")

    async def check(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Every one of these verified checkpoints fits what is kept; the largest is kept from now on.

        Raises:
            Rejected: LOG_INCONSISTENT, now or earlier.
            Unavailable: the hub could not prove it now.
        """
        self.check_trusted()
        if all((one.size, one.root) in self._good for one in checkpoints):
            return
        async with self._lock:
            self.check_trusted()
            new: dict[int, Checkpoint] = {}
            for one in checkpoints:
                if (one.size, one.root) in self._good:
                    continue
                other = new.setdefault(one.size, one)
                if other.root != one.root:
                    raise self._break(other, one)
            if new:
                await self._prove(list(new.values()))

    async def check_newest(self, newest: Checkpoint, asked_at: Checkpoint | None) -> None:
        """As `check`, for what the hub calls its newest state: older than the one kept when it was asked is a rollback.

        Args:
            newest: what it answered.
            asked_at: `kept` before the question, for others may have brought newer states meanwhile.
        """
        if asked_at is not None and newest.size < asked_at.size:
            self.check_trusted()
            raise self._break(asked_at, newest)
        await self.check((newest,))

    async def check_gossip(self, heads: Iterable[tuple[str, LogHead]]) -> None:
        """What partners' messages (by digest) say they saw fits our history, or there is an alarm.

        Raises:
            Unavailable: it could not be looked at now.
        """
        kept = self._kept
        if kept is None or self.broken:
            return
        for digest, head in heads:
            root = bytes.fromhex(head.root)
            if head.size == 0 or (head.size, root) in self._good:
                continue
            if head.origin == kept.origin and head.size <= kept.size:
                try:
                    await self._link(head.size, root, kept.size, kept.root)
                except Rejected:
                    pass
                else:
                    self._remember_pair(head.size, root)
                    continue
            evidence = {"head": [head.origin, head.size, head.root], "kept": strict_base64.encode(kept.text)}
            self._alarms.sound("GOSSIP_INCONSISTENT", digest, json.dumps(evidence).encode())

    def trust_again(self) -> None:
        """An operator has looked at the evidence and decided: the newest checkpoint seen from now on is the first."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM meta WHERE name IN (?, ?)", (_KEPT, _BROKEN))
        self._kept, self._text, self.broken = None, None, False
        self._good.clear()

    async def _prove(self, new: list[Checkpoint]) -> None:
        """A chain over the kept and the new ones in order of size, proved link by link."""
        kept = self._kept
        chain = sorted([*new, *([kept] if kept is not None else [])], key=lambda one: one.size)
        for one, other in pairwise(chain):
            if one.size == other.size:
                raise self._break(one, other)
        for first in range(0, len(chain) - 1, SIZES_MAX - 1):
            run = chain[first : first + SIZES_MAX]
            proofs = await self._proofs([one.size for one in run])
            for one, other, proof in zip(run, run[1:], proofs, strict=False):
                try:
                    verify_consistency(one.size, one.root, other.size, other.root, proof)
                except Rejected as error:
                    raise self._break(one, other) from error
        for one in new:
            self._remember(one)
        reach("edge.monitor.proved")
        last = chain[-1]
        if last is not kept:
            write_meta(self._connection, _KEPT, last.text)
            self._kept = last
            self._metrics.log_size.set(last.size)

    async def _link(self, old: int, old_root: bytes, new: int, new_root: bytes) -> None:
        proofs = [[]] if old == new else await self._proofs([old, new])
        verify_consistency(old, old_root, new, new_root, proofs[0])

    async def _proofs(self, sizes: list[int]) -> list[list[bytes]]:
        """A hub that refuses to prove leaves us where we are: what it calls its newest state will tell."""
        try:
            return await self._hub.consistency(sizes)
        except Rejected as error:
            raise Unavailable("UNREACHABLE") from error

    def _break(self, one: Checkpoint, other: Checkpoint) -> Rejected:
        evidence = json.dumps([strict_base64.encode(one.text), strict_base64.encode(other.text)]).encode()
        self.broken = True
        with transaction(self._connection):
            write_meta(self._connection, _BROKEN, evidence)
            self._alarms.sound("LOG_INCONSISTENT", f"{one.size}:{other.size}", evidence)
        return Rejected("LOG_INCONSISTENT")

    def _remember(self, one: Checkpoint) -> None:
        self._remember_pair(one.size, one.root)

    def _remember_pair(self, size: int, root: bytes) -> None:
        self._good[size, root] = None
        if len(self._good) > _SEEN_MAX:
            self._good.popitem(last=False)
