"""Batch and multipart: what is written is read back, and every other form is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import Rejected
from service import batch, multipart
from service.multipart import Part

ITEMS = st.lists(st.tuples(st.sampled_from([0, 1]), st.binary(max_size=300)), min_size=1, max_size=9)
RESULTS = st.lists(st.tuples(st.integers(200, 599), st.binary(max_size=300)), max_size=9)
PARTS = st.lists(
    st.builds(
        Part,
        st.sampled_from(["application/vnd.liaison.ixm.v1", "text/plain"]),
        st.from_regex(r"[0-9a-f]{1,64}", fullmatch=True),
        st.binary(max_size=300),
    ),
    max_size=6,
)


@given(ITEMS)
def test_batch_round_trip(items: list[tuple[int, bytes]]) -> None:
    assert batch.decode_batch(batch.encode_batch(items)) == items


@given(RESULTS)
def test_result_round_trip(results: list[tuple[int, bytes]]) -> None:
    assert batch.decode_results(batch.encode_results(results)) == results


@given(PARTS)
def test_multipart_round_trip(parts: list[Part]) -> None:
    assert multipart.read_multipart(*multipart.write_multipart(parts)) == parts


@given(ITEMS, st.integers(1, 200))
def test_a_batch_cut_off_is_refused(items: list[tuple[int, bytes]], cut: int) -> None:
    raw = batch.encode_batch(items)
    whole = {0}
    for _, item in items:
        whole.add(max(whole) + batch.HEAD_BYTES + len(item))
    left = max(0, len(raw) - cut)
    if left in whole - {0}:
        assert len(batch.decode_batch(raw[:left])) < len(items)
    else:
        with pytest.raises(Rejected, match="REQUEST_INVALID"):
            batch.decode_batch(raw[:left])


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "REQUEST_INVALID"),
        (b"\x02\0\0\0\0", "REQUEST_INVALID"),
        (b"\0\xff\xff\xff\xff", "REQUEST_INVALID"),
        (b"\0\0\0\0\0" * 513, "CONTAINER_LIMIT"),
        (bytes(batch.BATCH_BYTES_MAX + 1), "CONTAINER_LIMIT"),
    ],
)
def test_malformed_batches(raw: bytes, code: str) -> None:
    with pytest.raises(Rejected, match=code):
        batch.decode_batch(raw)


@pytest.mark.parametrize("raw", [b"\0", b"\0\xc9\0\0\0\x05abc", b"\0\x63\0\0\0\0"])
def test_malformed_results(raw: bytes) -> None:
    with pytest.raises(Rejected, match="REQUEST_INVALID"):
        batch.decode_results(raw)


def test_a_batch_is_never_written_past_its_limits() -> None:
    for items in ([], [(0, b"")] * 513, [(0, bytes(batch.BATCH_BYTES_MAX))]):
        with pytest.raises(ValueError, match="batch"):
            batch.encode_batch(items)


def test_a_boundary_inside_a_sealed_part_ends_nothing() -> None:
    kind, body = multipart.write_multipart([Part("text/plain", "1", b"x")])
    mark = body[: body.index(b"\r\n")]
    evil = Part("text/plain", "2", b"\r\n" + mark + b"--\r\n")
    again = (
        body[: -len(mark) - 4]
        + mark
        + (b"\r\nContent-Type: text/plain\r\nContent-ID: <2>\r\nContent-Length: %d\r\n\r\n" % len(evil.body))
        + evil.body
        + b"\r\n"
        + mark
        + b"--\r\n"
    )
    assert multipart.read_multipart(kind, again) == [Part("text/plain", "1", b"x"), evil]


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_multipart_cut_off_is_refused(cut: int) -> None:
    kind, body = multipart.write_multipart([Part("text/plain", "1", b"abc")])
    with pytest.raises(Rejected, match="REQUEST_INVALID"):
        multipart.read_multipart(kind, body[:-cut])


def test_multipart_of_another_type_is_refused() -> None:
    _, body = multipart.write_multipart([])
    with pytest.raises(Rejected, match="MEDIA_TYPE"):
        multipart.read_multipart("text/html", body)
