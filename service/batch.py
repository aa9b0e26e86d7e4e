"""Many submissions in one request: the batch media type (docs/adr/0030-batch-media-type.md).

A batch is items back to back, each 1 byte type (0 container, 1 statement), 4 bytes length (big endian), the bytes. A
result is, for each item in the same order, 2 bytes HTTP status, 4 bytes length, the body (a receipt or a problem
document). Each item is judged for itself: a refused one changes nothing for its neighbours.
"""

from collections.abc import Iterable
from struct import Struct
from typing import Final

from schemas.errors import Rejected

BATCH_TYPE = "application/vnd.liaison.batch.v1"
RESULT_TYPE = "application/vnd.liaison.batch-result.v1"
CONTAINER: Final = 0
STATEMENT: Final = 1
ITEMS_MAX = 512
BATCH_BYTES_MAX = 8 * 1024 * 1024
RESULT_BYTES_MAX = 64 * 1024 * 1024

_ITEM, _RESULT = Struct(">BI"), Struct(">HI")
HEAD_BYTES = _ITEM.size
"""What an item adds to its bytes, for whoever fills a batch up to its limit."""


def encode_batch(items: Iterable[tuple[int, bytes]]) -> bytes:
    """The body of (type, bytes) pairs. Raises ValueError past the limits: cut it before."""
    listed = list(items)
    body = b"".join(piece for kind, raw in listed for piece in (_ITEM.pack(kind, len(raw)), raw))
    if not 1 <= len(listed) <= ITEMS_MAX or len(body) > BATCH_BYTES_MAX:
        raise ValueError("a batch is empty or larger than allowed")
    return body


def decode_batch(raw: bytes) -> list[tuple[int, bytes]]:
    """The (type, bytes) pairs of a body.

    Raises:
        Rejected: CONTAINER_LIMIT, or REQUEST_INVALID for an empty, cut off or otherwise malformed batch.
    """
    if len(raw) > BATCH_BYTES_MAX:
        raise Rejected("CONTAINER_LIMIT")
    items: list[tuple[int, bytes]] = []
    at, end = 0, len(raw)
    while at < end:
        if end - at < _ITEM.size:
            raise Rejected("REQUEST_INVALID")
        kind, length = _ITEM.unpack_from(raw, at)
        at += _ITEM.size
        if kind not in (CONTAINER, STATEMENT) or length > end - at:
            raise Rejected("REQUEST_INVALID")
        if len(items) == ITEMS_MAX:
            raise Rejected("CONTAINER_LIMIT")
        items.append((kind, raw[at : at + length]))
        at += length
    if not items:
        raise Rejected("REQUEST_INVALID")
    return items


def encode_results(results: Iterable[tuple[int, bytes]]) -> bytes:
    """The answer of (HTTP status, body) pairs."""
    return b"".join(piece for status, body in results for piece in (_RESULT.pack(status, len(body)), body))


def decode_results(raw: bytes) -> list[tuple[int, bytes]]:
    """The (HTTP status, body) pairs of an answer. Raises Rejected(REQUEST_INVALID) for any other form."""
    results: list[tuple[int, bytes]] = []
    at, end = 0, len(raw)
    while at < end:
        if end - at < _RESULT.size:
            raise Rejected("REQUEST_INVALID")
        status, length = _RESULT.unpack_from(raw, at)
        at += _RESULT.size
        if length > end - at or not 200 <= status <= 599 or len(results) == ITEMS_MAX:
            raise Rejected("REQUEST_INVALID")
        results.append((status, raw[at : at + length]))
        at += length
    return results
