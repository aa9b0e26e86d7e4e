"""What a partner fetches: its inbox, and the leaves that name it (docs/http.md). Bare routes, for both are long polls.

Guarantees that a partner gets what is addressed to it and nothing else; that every list is bounded in items and bytes
(one larger item comes alone); that all receipts of one answer are to one checkpoint, so that a reader verifies two
signatures an answer; and that asking with `after` makes a `ContentConsignment` leaf of each message up to there, once.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from hub.callers import caller
from hub.delivery.consignment import LEAVES_AT_ONCE, Acknowledged, accepted_between
from hub.delivery.pushing import parts_of
from hub.operations import traces
from hub.store.reading import InboxItem, StoredLeaf
from hub.wiring import Hub
from keys.proofs.receipt import RECEIPT_TYPE
from keys.signing import STATEMENT_TYPE
from schemas.errors import Rejected, Unavailable
from service.failpoints import reach
from service.multipart import Part, write_multipart
from service.tracing import HEADER

T = TypeVar("T")
_CURSOR = re.compile(r"([0-9]{4})/([0-9]{1,15})", re.ASCII)
_INDEX = re.compile(r"[0-9]{1,15}", re.ASCII)
_WAIT = re.compile(r"[0-9]{1,4}", re.ASCII)
_START = -1
PRESENT_SECONDS = 1.0
"""How often a long poll looks whether its caller is still there."""


def routes(hub: Hub) -> list[BaseRoute]:
    """The routes."""
    found = Inbox(hub)
    return [
        Route("/v1/inbox", found.inbox, methods=["GET"]),
        Route("/v1/leaves", found.leaves, methods=["GET"]),
    ]


class Inbox:
    """Both routes. Remembers how far each partner has acknowledged, to look only at what is new, and who is waiting."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._acknowledged: dict[str, int] = {}
        self._polls: dict[str, int] = {}

    async def inbox(self, request: Request) -> Response:
        """`GET /v1/inbox?after=YEAR/INDEX&wait=SECONDS&open=1`."""
        hub, settings = self._hub, self._hub.settings
        partner = await caller(hub, request)
        query = _query(request, {"after", "wait", "open"})
        after, wait = (
            _cursor(query.get("after"), settings.year),
            _seconds(query.get("wait"), settings.inbox_wait_seconds_max),
        )
        if query.get("open", "1") != "1":
            raise Rejected("REQUEST_INVALID")
        open_only = "open" in query
        if after >= hub.writer.size:
            hub.writer.look()  # another process may have given it out just now
        if after >= hub.writer.size:
            raise Rejected("REQUEST_INVALID")  # nobody was given anything from there
        if not open_only:
            await self._acknowledge(partner, after)

        def look() -> list[InboxItem]:
            return hub.reader.inbox(
                partner, after, limit=settings.inbox_items_max, bytes_max=settings.inbox_bytes_max, open_only=open_only
            )

        items = await self._poll(request, partner, look, wait)
        indices = tuple(item.index for item in items)
        receipts = hub.reader.receipts(indices)
        reach("hub.inbox.answer")
        answer = _answer(parts_of(receipts, [(item.digest, item.container) for item in items]))
        if items:
            with hub.tracing.span(
                "hub.inbox", "server", traces.of(hub, indices), partner=partner, index=indices
            ) as span:
                if span.context:
                    answer.headers[HEADER] = span.context
        return answer

    async def leaves(self, request: Request) -> Response:
        """`GET /v1/leaves?after=INDEX&wait=SECONDS`."""
        hub, settings = self._hub, self._hub.settings
        partner = await caller(hub, request)
        query = _query(request, {"after", "wait"})
        after = _START
        if "after" in query:
            if _INDEX.fullmatch(query["after"]) is None:
                raise Rejected("REQUEST_INVALID")
            after = int(query["after"])
        wait = _seconds(query.get("wait"), settings.inbox_wait_seconds_max)

        def look() -> list[StoredLeaf]:
            return hub.reader.leaves_naming(partner, after, settings.leaves_max)

        return _answer(self._leaf_parts(await self._poll(request, partner, look, wait)))

    def _leaf_parts(self, found: Sequence[StoredLeaf]) -> list[Part]:
        """Each leaf's receipt and, once, the statement it came from; as many as the bytes allow, at least one leaf."""
        hub, parts, told, size = self._hub, list[Part](), set[str](), 0
        for stored, receipt in zip(found, hub.reader.receipts([one.index for one in found]), strict=True):
            more = [Part(RECEIPT_TYPE, str(stored.index), receipt)]
            digest = stored.leaf.statement
            if digest is not None and digest not in told and stored.leaf.event != "SubmissionRejection":
                more.append(Part(STATEMENT_TYPE, digest, hub.reader.statement(bytes.fromhex(digest))))
                told.add(digest)
            size += sum(len(part.body) for part in more)
            if parts and size > hub.settings.inbox_bytes_max:
                break
            parts += more
        return parts

    async def _acknowledge(self, partner: str, until: int) -> None:
        hub = self._hub
        after: int | None = self._acknowledged.get(partner, _START)
        while after is not None and after < until:
            if not accepted_between(hub.connection, partner, after, until):
                break  # nothing new: no transaction for an idle poll
            after = await hub.writer.submit(Acknowledged(partner, after, until), leaves=LEAVES_AT_ONCE)
        self._acknowledged[partner] = max(until, self._acknowledged.get(partner, _START))

    async def _poll(self, request: Request, partner: str, look: Callable[[], list[T]], seconds: float) -> list[T]:
        """What `look` gives, as soon as it gives something; empty after `seconds`, or when hub or caller end.

        A caller that went away is noticed within a second: it must not use up the partner's long polls.
        """
        hub, loop = self._hub, asyncio.get_running_loop()
        size = hub.writer.size
        found = look()
        if found or seconds <= 0:
            return found
        until = loop.time() + seconds
        with self._waiting(partner):
            while not found and (left := until - loop.time()) > 0 and not hub.ending:
                await hub.writer.grown(size, min(left, PRESENT_SECONDS))
                if await request.is_disconnected():
                    break
                if hub.writer.size != size:
                    size = hub.writer.size
                    found = look()
        return found

    def _waiting(self, partner: str) -> AbstractContextManager[None]:
        if self._polls.get(partner, 0) >= self._hub.settings.polls_here_max:
            raise Unavailable("RATE_LIMITED")
        return self._counted(partner)

    @contextmanager
    def _counted(self, partner: str) -> Iterator[None]:
        self._polls[partner] = self._polls.get(partner, 0) + 1
        self._hub.metrics.waiting.inc()
        try:
            yield
        finally:
            self._polls[partner] -= 1
            self._hub.metrics.waiting.dec()


def _answer(parts: list[Part]) -> Response:
    media_type, body = write_multipart(parts)
    return Response(body, headers={"Content-Type": media_type})


def _query(request: Request, names: set[str]) -> dict[str, str]:
    pairs = request.query_params.multi_items()
    found = dict(pairs)
    if len(found) != len(pairs) or not set(found) <= names:
        raise Rejected("REQUEST_INVALID")
    return found


def _cursor(text: str | None, year: int) -> int:
    if text is None:
        return _START
    found = _CURSOR.fullmatch(text)
    if found is None:
        raise Rejected("REQUEST_INVALID")
    if int(found.group(1)) != year:
        raise Rejected("NOT_FOUND")  # another year's log
    return int(found.group(2))


def _seconds(text: str | None, most: float) -> float:
    if text is None:
        return 0.0
    if _WAIT.fullmatch(text) is None:
        raise Rejected("REQUEST_INVALID")
    return min(float(text), most)
