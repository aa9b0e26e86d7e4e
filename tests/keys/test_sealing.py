"""What is sealed opens for its recipients alone, under its own header alone, and large parts pass through in pieces."""

import hashlib
import io
import os
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys.container import (
    CONTAINER_BYTES_MAX,
    INLINE_BYTES_MAX,
    Container,
    encode_container,
    encode_manifest,
    parse_container,
    verify_container,
)
from keys.sealing import CHUNK_BYTES, PAYLOAD_CLASSES, Opened, open_container, padded_length, seal
from keys.signing import CONTAINER_CONTEXT, CONTAINER_TYPE, sign
from keys.suite import KemPrivate, SigningPair
from schemas.envelope import encode_header, parse_header
from schemas.errors import Rejected, Unavailable
from tests.keys.conftest import Parties

MIB = 1024 * 1024


@pytest.fixture
def attachment(tmp_path: Path) -> Path:
    path = tmp_path / "scan.jpg"
    path.write_bytes(os.urandom(300_000))
    return path


def _resigned(pair: SigningPair, container: Container, **changes: object) -> Container:
    """The same stanzas and parts under another header, properly signed by `pair`."""
    header = replace(container.header, **changes)  # type: ignore[arg-type]
    manifest = encode_manifest(encode_header(header), container.stanzas, container.parts)
    inline = [bytes(container.inline(index)) for index, part in enumerate(container.parts) if not part.detached]
    return parse_container(encode_container(manifest, sign(pair, CONTAINER_TYPE, manifest, CONTAINER_CONTEXT), inline))


def _part(opened: Opened, index: int, path: Path) -> bytes:
    sink = io.BytesIO()
    with path.open("rb") as source:
        digest = opened.part(index, source, sink)
    assert digest == hashlib.sha256(sink.getvalue()).hexdigest()
    return sink.getvalue()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(inner=st.text(max_size=3000))
def test_every_body_opens_for_every_recipient(parties: Parties, inner: str) -> None:
    body = b'{"t":"' + inner.encode("utf-8", "replace") + b'"}'
    raw = parties.seal(body, to=("test-geo", "test-mda")).container
    assert parties.accept(raw, "test-mda").body == parties.accept(raw, "test-geo").body == body


@pytest.mark.parametrize(
    ("length", "padded"),
    [(0, 512), (512, 512), (513, 2048), (2049, 8192), (8193, 32768), (32769, 131072), (131072, 131072),
     (131073, 262144), (262145, 393216)],
)  # fmt: skip
def test_bodies_have_few_lengths(parties: Parties, length: int, padded: int) -> None:
    assert padded_length(length) == padded
    container = parse_container(parties.seal(b"x" * length).container)
    assert container.parts[0].length == padded + 56 + 16 * (padded // 16384 + 1)
    assert parties.open(container).body == b"x" * length


def test_lengths_within_a_class_cannot_be_told_apart(parties: Parties) -> None:
    lengths = {len(parties.seal(b"x" * length).container) for length in (1, 100, PAYLOAD_CLASSES[0])}
    assert len(lengths) == 1


def test_nobody_else_opens_it(parties: Parties) -> None:
    container = parse_container(parties.seal().container)
    with pytest.raises(Rejected, match="RECIPIENTS_MISMATCH"):
        parties.open(container, "test-geo")
    keys: tuple[Mapping[str, KemPrivate], ...] = (
        {},
        {parties.kems["test-geo"].public.key_id: parties.kems["test-geo"]},
        {parties.kems["test-mda"].public.key_id: parties.kems["test-geo"]},
    )
    for kems in keys:
        with pytest.raises(Rejected, match="OPEN_FAILED"):
            open_container(container, kems, "test-mda")


def test_an_older_key_still_opens_what_was_sealed_to_it(parties: Parties) -> None:
    container = parse_container(parties.seal().container)
    newer = KemPrivate.generate()
    old = parties.kems["test-mda"]
    assert open_container(container, {newer.public.key_id: newer, old.public.key_id: old}, "test-mda").body


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "test-aut"},
        {"kind": "ident.reply"},
        {"case_handle": "0" * 32},
        {"purpose": "RETURN"},
        {"test": False},
    ],
)
def test_a_text_signed_again_under_another_header_does_not_open(parties: Parties, changes: dict[str, object]) -> None:
    thief = SigningPair.generate()
    signed_by = {"ed25519_id": thief.public.ed25519_id, "mldsa65_id": thief.public.mldsa65_id}
    forwarded = _resigned(thief, parse_container(parties.seal().container), **signed_by, **changes)
    verify_container(forwarded, thief.public)  # the bare signatures are in order
    with pytest.raises(Rejected, match="OPEN_FAILED"):
        parties.open(forwarded)


def test_a_recipient_cannot_pass_it_on_as_the_senders(parties: Parties) -> None:
    """Mda knows the content key; wrapped for geo, it still is bound to a header that does not name geo."""
    container = parse_container(parties.seal().container)
    geo = parties.kems["test-geo"].public
    added = replace(container.stanzas[0], key_id=bytes.fromhex(geo.key_id))
    header = replace(container.header, recipients=parties.header("test-geo").recipients)
    manifest = encode_manifest(encode_header(header), [added], container.parts)
    passed_on = parse_container(encode_container(manifest, container.signatures, [bytes(container.inline(0))]))
    with pytest.raises(Rejected, match="SIGNATURE_INVALID"):
        verify_container(passed_on, parties.pair.public)
    with pytest.raises(Rejected, match="OPEN_FAILED"):
        parties.open(passed_on, "test-geo")


def test_stanzas_cannot_change_places(parties: Parties) -> None:
    container = parse_container(parties.seal(to=("test-mda", "test-geo")).container)
    mda, geo = container.stanzas
    swapped = [replace(mda, wrapped=geo.wrapped), replace(geo, wrapped=mda.wrapped)]
    manifest = encode_manifest(container.header_bytes, swapped, container.parts)
    signatures = sign(parties.pair, CONTAINER_TYPE, manifest, CONTAINER_CONTEXT)
    changed = parse_container(encode_container(manifest, signatures, [bytes(container.inline(0))]))
    for partner in ("test-mda", "test-geo"):
        with pytest.raises(Rejected, match="OPEN_FAILED"):
            parties.open(changed, partner)


def test_parts_cannot_change_places(parties: Parties, tmp_path: Path) -> None:
    note = tmp_path / "note"
    note.write_bytes(b"n" * padded_length(1))  # as long as the padded body
    container = parse_container(parties.seal(attachments=[note]).container)
    manifest = encode_manifest(container.header_bytes, container.stanzas, container.parts[::-1])
    signatures = sign(parties.pair, CONTAINER_TYPE, manifest, CONTAINER_CONTEXT)
    inline = [bytes(container.inline(1)), bytes(container.inline(0))]
    with pytest.raises(Rejected, match="OPEN_FAILED"):
        parties.open(parse_container(encode_container(manifest, signatures, inline)))


def test_a_body_cut_at_a_chunk_does_not_open(parties: Parties) -> None:
    container = parse_container(parties.seal(b"x" * 20_000).container)
    cut = bytes(container.inline(0))[: 56 + 16384 + 16]
    entry = replace(container.parts[0], length=len(cut), sha256=hashlib.sha256(cut).digest())
    manifest = encode_manifest(container.header_bytes, container.stanzas, [entry])
    signatures = sign(parties.pair, CONTAINER_TYPE, manifest, CONTAINER_CONTEXT)
    with pytest.raises(Rejected, match="OPEN_FAILED"):
        parties.open(parse_container(encode_container(manifest, signatures, [cut])))


def test_a_header_reads_back_as_it_was_sealed(parties: Parties) -> None:
    container = parse_container(parties.seal().container)
    assert encode_header(parse_header(container.header_bytes)) == container.header_bytes


# -- attachments


def test_attachments_travel_inline_or_beside(parties: Parties, attachment: Path, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_bytes(b"a note")
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    sealed = parties.seal(attachments=[note, attachment, empty])
    container = parse_container(sealed.container)
    assert [part.detached for part in container.parts] == [False, False, True, False]
    (detached,) = sealed.detached
    assert (detached.length, detached.sha256) == (container.parts[2].length, container.parts[2].sha256.hex())
    assert detached.path.read_bytes().__len__() == detached.length
    assert hashlib.sha256(detached.path.read_bytes()).hexdigest() == detached.sha256 == detached.path.name
    assert os.listdir(parties.spool) == [detached.sha256]  # noqa: PTH208 - names
    opened = parties.open(container)
    assert _part(opened, 2, detached.path) == attachment.read_bytes()
    for index, path in ((1, note), (3, empty)):
        sink = io.BytesIO()
        opened.part(index, io.BytesIO(container.inline(index)), sink)
        assert sink.getvalue() == path.read_bytes()
    with pytest.raises(ValueError, match="detached"):
        container.inline(2)


def test_the_limit_of_inline_is_of_the_sealed_part(parties: Parties, tmp_path: Path) -> None:
    for length, apart in ((INLINE_BYTES_MAX - 56 - 16 * 8, False), (INLINE_BYTES_MAX - 56 - 16 * 8 + 1, True)):
        path = tmp_path / "file"
        path.write_bytes(bytes(length))
        container = parse_container(parties.seal(attachments=[path]).container)
        assert container.parts[1].detached is apart
        assert (container.parts[1].length > INLINE_BYTES_MAX) is apart


def test_what_the_container_has_no_room_for_travels_beside(parties: Parties, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(120_000))
    sealed = parties.seal(attachments=[path] * 9)
    container = parse_container(sealed.container)
    assert len(sealed.container) <= CONTAINER_BYTES_MAX
    assert [part.detached for part in container.parts].count(True) == len(sealed.detached) == 2


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda raw: raw[:-1], "PART_DIGEST"),
        (lambda raw: raw + b"\0", "PART_DIGEST"),
        (lambda _: b"", "PART_DIGEST"),
        (lambda raw: raw[:-1] + bytes([raw[-1] ^ 1]), "PART_DIGEST"),
        (lambda raw: raw[:100] + bytes([raw[100] ^ 1]) + raw[101:], "OPEN_FAILED"),
        (lambda raw: raw[:16] + bytes([raw[16] ^ 1]) + raw[17:], "OPEN_FAILED"),
        (lambda raw: raw * 2, "PART_DIGEST"),
    ],
)
def test_a_changed_part_does_not_open(
    parties: Parties, attachment: Path, damage: Callable[[bytes], bytes], code: str
) -> None:
    sealed = parties.seal(attachments=[attachment])
    opened = parties.open(parse_container(sealed.container))
    with pytest.raises(Rejected, match=code):
        opened.part(1, io.BytesIO(damage(sealed.detached[0].path.read_bytes())), io.BytesIO())


def test_another_messages_part_is_not_this_ones(parties: Parties, attachment: Path) -> None:
    one, two = parties.seal(attachments=[attachment]), parties.seal(attachments=[attachment])
    assert one.detached[0].sha256 != two.detached[0].sha256
    opened = parties.open(parse_container(one.container))
    with pytest.raises(Rejected):
        opened.part(1, io.BytesIO(two.detached[0].path.read_bytes()), io.BytesIO())


def test_eight_mebibytes_pass_in_pieces(parties: Parties, tmp_path: Path) -> None:
    path, plain = tmp_path / "large", tmp_path / "plain"
    block = os.urandom(MIB)
    with path.open("wb") as file:
        for _ in range(7):
            file.write(block)
        file.write(block[:-10_000])  # with tags it stays below the limit of a part
    parties.seal()  # what is loaded once is not counted
    tracemalloc.start()
    try:
        sealed = parties.seal(attachments=[path])
        opened = parties.open(parse_container(sealed.container))
        with sealed.detached[0].path.open("rb") as source, plain.open("wb") as sink:
            digest = opened.part(1, source, sink)
        assert tracemalloc.get_traced_memory()[1] < 8 * CHUNK_BYTES
    finally:
        tracemalloc.stop()
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest() == hashlib.sha256(plain.read_bytes()).hexdigest()


@pytest.mark.parametrize("sizes", [[8 * MIB], [8 * MIB - 20_000] * 3 + [2 * MIB], [200 * MIB]])
def test_too_much_is_refused_and_leaves_nothing(parties: Parties, tmp_path: Path, sizes: list[int]) -> None:
    paths = []
    for number, size in enumerate(sizes):
        path = tmp_path / str(number)
        with path.open("wb") as file:
            file.truncate(size)
        paths.append(path)
    with pytest.raises(Rejected, match="CONTAINER_LIMIT"):
        parties.seal(attachments=paths)
    assert not list(parties.spool.iterdir())


def test_too_many_attachments_or_too_long_a_body_are_refused(parties: Parties, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    assert len(parse_container(parties.seal(attachments=[path] * 255).container).parts) == 256
    for body, attachments in ((b"{}", [path] * 256), (b"x" * 890_000, []), (b"x" * 2_000_000, [])):
        with pytest.raises(Rejected, match="CONTAINER_LIMIT"):
            parties.seal(body, attachments)
    assert not list(parties.spool.iterdir())


def test_an_attachment_that_is_gone_leaves_nothing(parties: Parties, attachment: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
        parties.seal(attachments=[attachment, tmp_path / "gone"])
    assert not list(parties.spool.iterdir())


def test_a_spool_that_is_gone_is_a_matter_of_trying_again(parties: Parties, attachment: Path, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
        replace(parties, spool=tmp_path / "gone").seal(attachments=[attachment])


def test_the_header_must_name_these_keys(parties: Parties) -> None:
    header = parties.header("test-mda")
    mda, geo = parties.kems["test-mda"].public, parties.kems["test-geo"].public
    for keys in ([geo], [], [mda, geo]):
        with pytest.raises(Rejected, match="RECIPIENTS_MISMATCH"):
            seal(header, keys, b"{}", [], parties.pair, spool=parties.spool)
    with pytest.raises(Rejected, match="KEY_UNKNOWN"):
        seal(header, [mda], b"{}", [], SigningPair.generate(), spool=parties.spool)
    with pytest.raises(Rejected, match="HEADER_INVALID"):
        parties.seal(purpose="not a code")


def test_a_repr_shows_no_content(parties: Parties) -> None:
    sealed = parties.seal(b'{"canary":"Zaphira"}')
    opened = parties.accept(sealed.container)
    assert "Zaphira" not in repr(opened) + repr(sealed)
    assert opened._content_key.hex() not in repr(opened)
