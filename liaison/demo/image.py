"""An invented document image with every personal field masked: what an alert may carry.

Drawn from numbers alone, so that nothing real lies in the repository: a baseline JPEG (ITU-T T.81), written straight in
the frequency domain. Each block of 8 x 8 pixels gets its mean brightness, and random coefficients as the grain of the
paper, which keep the file at some hundred kilobytes: large enough to travel detached. Masked blocks are black.
"""

import random
import struct
from collections.abc import Iterator

BLOCK = 8
COLUMNS, ROWS = 100, 70
"""Blocks; the image is 800 x 560 pixels."""
_MASKED = ((5, 13, 28, 43), (35, 15, 93, 20), (35, 25, 93, 30), (35, 35, 70, 40), (5, 57, 95, 66))
"""Portrait, name, given names, number, machine-readable zone: left, top, right, bottom in blocks."""

_PAPER, _BLACK = 70, -128
_GRAIN = 6
_SIZES = bytes(range(12))
"""The twelve sizes of a DC difference, each with a code of 4 bits."""
_RUNS = bytes((0x00, 0x01, 0x02, 0x03))
"""End of block, and a coefficient of 1, 2 or 3 bits without a run of zeros, each with a code of 4 bits."""


def masked_image(seed: int = 1) -> bytes:
    """A grey JPEG of a data page, all personal fields black."""
    return (
        b"\xff\xd8"
        + _segment(0xDB, b"\0" + bytes([8] + [3] * 63))
        + _segment(0xC0, struct.pack(">BHHBBBB", 8, ROWS * BLOCK, COLUMNS * BLOCK, 1, 1, 0x11, 0))
        + _segment(0xC4, b"\x00" + _code_lengths(_SIZES) + b"\x10" + _code_lengths(_RUNS))
        + _segment(0xDA, bytes((1, 1, 0x00, 0, 63, 0)))
        + _entropy_coded("".join(_bits(random.Random(seed))))  # noqa: S311 - paper grain
        + b"\xff\xd9"
    )


def _bits(grain: random.Random) -> Iterator[str]:
    before = 0
    for row in range(ROWS):
        for column in range(COLUMNS):
            masked = any(left <= column < right and top <= row < bottom for left, top, right, bottom in _MASKED)
            mean = _BLACK if masked else _PAPER + column // 8 - row // 8
            yield _coefficient(_SIZES, mean - before)
            before = mean
            if not masked:
                for _ in range(63):
                    yield _coefficient(_RUNS, grain.randint(1, _GRAIN) * grain.choice((-1, 1)))
            else:
                yield f"{_RUNS.index(0):04b}"


def _coefficient(symbols: bytes, value: int) -> str:
    """The code of the value's size, then its bits; negative ones count from below (T.81, F.1.2.1)."""
    size = abs(value).bit_length()
    low = value if value >= 0 else value + (1 << size) - 1
    return f"{symbols.index(size):04b}" + (f"{low:0{size}b}" if size else "")


def _code_lengths(symbols: bytes) -> bytes:
    """A Huffman table in which every symbol has 4 bits; the code of all ones stays free, as it must."""
    return bytes(len(symbols) if length == 4 else 0 for length in range(1, 17)) + symbols


def _entropy_coded(bits: str) -> bytes:
    bits += "1" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")


def _segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data
