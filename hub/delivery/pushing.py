"""One call to a partner's edge: items in the form of the inbox, signed with the hub's request key.

The edge trusts each item's receipt and signatures, never the push; so what is wrong with a call can only delay. The
answer's body is not read further than a few bytes: what it says is not for our log.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import urlsplit

from hub.operations import traces
from hub.wiring import Hub
from keys.proofs.receipt import RECEIPT_TYPE
from keys.requests import sign_request
from keys.signing import CONTAINER_TYPE
from schemas.errors import LiaisonError, Unavailable
from service.client import Session, call
from service.multipart import Part, write_multipart
from service.server import is_loopback
from service.tracing import HEADER, Span

ANSWER_BYTES_MAX = 16 * 1024
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


class Result(Enum):
    """What a call came to."""

    TAKEN = auto()
    """204: the items lie durable with the edge."""
    LATER = auto()
    """429, 5xx, no answer: the edge is sick, the items may be fine."""
    REFUSED = auto()
    """Anything else: the edge will not take one of the items."""


@dataclass(frozen=True, slots=True)
class Item:
    """An accepted message to be pushed."""

    index: int
    digest: bytes
    container: bytes


@dataclass(frozen=True, slots=True)
class Called:
    """A call's result, why, and how long the edge asked to be left alone."""

    result: Result
    code: str = ""
    retry_after_seconds: float = 0.0


def parts_of(receipts: Sequence[bytes], items: Sequence[tuple[bytes, bytes | None]]) -> list[Part]:
    """The parts of an inbox or a push: each item's receipt, then its container unless it has gone."""
    parts = []
    for receipt, (digest, container) in zip(receipts, items, strict=True):
        parts.append(Part(RECEIPT_TYPE, digest.hex(), receipt))
        if container is not None:
            parts.append(Part(CONTAINER_TYPE, digest.hex(), container))
    return parts


async def push(hub: Hub, session: Session, url: str, items: Sequence[Item]) -> Called:
    """Call the partner's address with these items."""
    address = urlsplit(url)
    if address.scheme != "https" and not is_loopback(address.hostname or ""):
        return Called(Result.LATER, "TLS_REQUIRED")
    indices = tuple(item.index for item in items)
    with hub.tracing.span("hub.push", "client", traces.of(hub, indices), index=indices) as span:
        called = await _call(hub, session, url, items, span)
        if called.result is not Result.TAKEN:
            span.set(code=called.code)
    return called


async def _call(hub: Hub, session: Session, url: str, items: Sequence[Item], span: Span) -> Called:
    receipts = hub.reader.receipts([item.index for item in items])
    media_type, body = write_multipart(parts_of(receipts, [(item.digest, item.container) for item in items]))
    headers = {"Content-Type": media_type, **sign_request(hub.request_key, "POST", url, body=body, now=hub.clock())}
    if span.context:
        headers[HEADER] = span.context
    try:
        answer = await call(
            session,
            "POST",
            url,
            headers=headers,
            body=body,
            bytes_max=ANSWER_BYTES_MAX,
            seconds=hub.settings.push_timeout_seconds,
        )
    except Unavailable as error:
        return Called(Result.LATER, error.code)
    except LiaisonError:
        return Called(Result.LATER, "UNREACHABLE")  # an answer without end
    return judge(answer.status, answer.headers.get("retry-after", ""), hub.settings.push_retry_after_seconds_max)


def judge(status: int, retry_after: str, retry_after_max: float) -> Called:
    """What an answer's status means. Retry-After is taken in seconds alone, and no longer than `retry_after_max`."""
    if status == 204:
        return Called(Result.TAKEN)
    if status == 429 or status >= 500:
        asked = float(retry_after) if _SECONDS.fullmatch(retry_after) else 0.0
        return Called(Result.LATER, "RATE_LIMITED" if status == 429 else "BUSY", min(asked, retry_after_max))
    return Called(Result.REFUSED, "PUSH_REFUSED")
