"""The invented image is a real PNG, large enough to be detached, and shows no personal field."""

import struct
import zlib

from liaison.demo.image import _MASKED, HEIGHT, WIDTH, masked_image


def test_it_is_a_png_of_some_hundred_kilobytes_with_black_fields() -> None:
    data = masked_image()
    assert 150_000 < len(data) < 1_000_000
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length)[0] == zlib.crc32(kind + body)
        chunks[kind] = body
        at += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(pixels) == HEIGHT * (1 + 3 * WIDTH)
    for left, top, right, bottom in _MASKED:
        for y in (top, bottom - 1):
            start = y * (1 + 3 * WIDTH) + 1
            assert not any(pixels[start + 3 * left : start + 3 * right])


def test_the_same_number_gives_the_same_image() -> None:
    assert masked_image(3) == masked_image(3) != masked_image(4)
