"""`multipart/mixed` of receipts, containers and statements: inbox, push and the list of leaves (RFC 2046).

Every part bears `Content-Type`, `Content-ID` and `Content-Length`. The reader goes by the length, so that no bytes of a
sealed part can be taken for a boundary, and demands the boundary where the length ends. Anything missing, unknown or
left over refuses the whole.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from schemas.errors import Rejected

MULTIPART_TYPE = "multipart/mixed"
PARTS_MAX = 1024
HEAD_BYTES_MAX = 512
_TYPE = re.compile(r'multipart/mixed; ?boundary="?([0-9A-Za-z-]{16,70})"?', re.ASCII)
_HEAD = re.compile(
    rb"Content-Type: ([!-~]{3,100})\r\nContent-ID: <([0-9A-Za-z-]{1,80})>\r\nContent-Length: ([0-9]{1,9})\r\n\r\n"
)


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its media type, its id (a digest in hex or an index) and its bytes."""

    media_type: str
    content_id: str
    body: bytes


def write_multipart(parts: Iterable[Part]) -> tuple[str, bytes]:
    """The Content-Type to send and the body."""
    boundary = os.urandom(16).hex()
    mark = f"--{boundary}".encode()
    pieces = []
    for part in parts:
        head = (
            f"\r\nContent-Type: {part.media_type}\r\nContent-ID: <{part.content_id}>\r\n"
            f"Content-Length: {len(part.body)}\r\n\r\n"
        )
        pieces += [mark, head.encode("ascii"), part.body, b"\r\n"]
    return f'{MULTIPART_TYPE}; boundary="{boundary}"', b"".join([*pieces, mark, b"--\r\n"])


def write_entity(parts: Iterable[Part]) -> bytes:
    """The same in one piece, for a way that has no headers of its own: the Content-Type, an empty line, the body."""
    media_type, body = write_multipart(parts)
    return f"Content-Type: {media_type}\r\n\r\n".encode("ascii") + body


def read_entity(raw: bytes) -> list[Part]:
    """The parts of what `write_entity` wrote. Raises as `read_multipart`."""
    head, mark, body = raw.partition(b"\r\n\r\n")
    name, _, media_type = head.partition(b": ")
    if not mark or name != b"Content-Type" or len(head) > HEAD_BYTES_MAX or not media_type.isascii():
        raise Rejected("REQUEST_INVALID")
    return read_multipart(media_type.decode("ascii"), body)


def read_multipart(content_type: str, body: bytes) -> list[Part]:
    """The parts of a body as `write_multipart` writes it. Raises Rejected(REQUEST_INVALID, MEDIA_TYPE)."""
    named = _TYPE.fullmatch(content_type)
    if named is None:
        raise Rejected("MEDIA_TYPE")
    mark = f"--{named.group(1)}".encode()
    parts: list[Part] = []
    at = 0
    while True:
        if not body.startswith(mark, at):
            raise Rejected("REQUEST_INVALID")
        at += len(mark)
        if body.startswith(b"--\r\n", at):
            if at + 4 != len(body):
                raise Rejected("REQUEST_INVALID")
            return parts
        head = _HEAD.match(body, at + 2, at + 2 + HEAD_BYTES_MAX)
        if not body.startswith(b"\r\n", at) or head is None or len(parts) == PARTS_MAX:
            raise Rejected("REQUEST_INVALID")
        start, end = head.end(), head.end() + int(head.group(3))
        if not body.startswith(b"\r\n", end):
            raise Rejected("REQUEST_INVALID")
        parts.append(Part(head.group(1).decode(), head.group(2).decode(), body[start:end]))
        at = end + 2
