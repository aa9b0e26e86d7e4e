"""An invented document image with every personal field masked: what an alert may carry.

Drawn from numbers alone (PNG by zlib), so that nothing real lies in the repository. The grain of the paper is random,
which keeps the file at some hundred kilobytes: large enough to travel as a detached part.
"""

import random
import struct
import zlib

WIDTH, HEIGHT = 420, 300
_MASKED = ((20, 60, 110, 190), (150, 70, 390, 95), (150, 115, 390, 140), (150, 160, 300, 185), (20, 245, 400, 285))
"""Portrait, name, given names, number, machine-readable zone: left, top, right, bottom in pixels."""


def masked_image(seed: int = 1) -> bytes:
    """A PNG (8-bit RGB) of a data page, all personal fields black."""
    grain = random.Random(seed)  # noqa: S311 - paper grain
    rows = []
    for y in range(HEIGHT):
        noise = grain.randbytes(WIDTH * 3)
        row = bytearray(b"\0")  # filter type none
        for x in range(WIDTH):
            if any(left <= x < right and top <= y < bottom for left, top, right, bottom in _MASKED):
                row += b"\0\0\0"
            else:
                tint = (210 + x * 20 // WIDTH, 200 + y * 30 // HEIGHT, 190)
                row += bytes(base - (noise[3 * x + at] >> 2) for at, base in enumerate(tint))
        rows.append(bytes(row))
    header = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 0)
    body = _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"".join(rows), 1)) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
