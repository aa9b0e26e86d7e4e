"""The invented image is a real JPEG, large enough to be detached, and its masked fields hold no detail at all."""

import struct

from keys.container import INLINE_BYTES_MAX
from liaison.demo.image import BLOCK, COLUMNS, ROWS, masked_image


def _segments(data: bytes) -> dict[int, bytes]:
    found, at = {}, 2
    while at < len(data):
        marker, length = struct.unpack_from(">HH", data, at)
        found[marker] = data[at + 4 : at + 2 + length]
        at += 2 + length
        if marker == 0xFFDA:
            found[0] = data[at:]
            break
    return found


def _masked_blocks(coded: bytes) -> int:
    """Read all coefficients back with a reader of its own; gives the number of blocks that have a mean alone."""
    assert coded.endswith(b"\xff\xd9")
    bits = "".join(f"{byte:08b}" for byte in coded[:-2].replace(b"\xff\0", b"\xff"))
    at = flat = 0
    mean = 0
    for _ in range(COLUMNS * ROWS):
        size = int(bits[at : at + 4], 2)
        word = bits[at + 4 : at + 4 + size]
        mean += (int(word, 2) if word[0] == "1" else int(word, 2) - (1 << size) + 1) if size else 0
        at += 4 + size
        coefficients = 0
        while coefficients < 63:
            size = int(bits[at : at + 4], 2)
            at += 4 + size
            if size == 0:
                break
            coefficients += 1
        assert coefficients in {0, 63}
        assert (mean == -128) == (coefficients == 0)
        flat += coefficients == 0
    assert len(bits) - at < 8
    assert set(bits[at:]) <= {"1"}
    return flat


def test_it_is_a_jpeg_with_black_fields_that_must_travel_detached() -> None:
    data = masked_image()
    assert INLINE_BYTES_MAX < len(data) < 1_000_000
    assert data.startswith(b"\xff\xd8")
    segments = _segments(data)
    assert set(segments) == {0xFFDB, 0xFFC0, 0xFFC4, 0xFFDA, 0}
    assert struct.unpack_from(">HH", segments[0xFFC0], 1) == (ROWS * BLOCK, COLUMNS * BLOCK)
    assert _masked_blocks(segments[0]) > COLUMNS * ROWS // 5


def test_the_same_number_gives_the_same_image() -> None:
    assert masked_image(3) == masked_image(3) != masked_image(4)
