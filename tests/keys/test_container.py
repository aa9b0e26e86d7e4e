"""Nothing but the bytes that were signed is ever accepted, and every refusal has a name."""

import hashlib
import json
import tracemalloc
from collections.abc import Callable
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys.container import (
    CONTAINER_BYTES_MAX,
    INLINE_BYTES_MAX,
    MAGIC,
    MANIFEST_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    PART_BYTES_MAX,
    PartEntry,
    Stanza,
    encode_container,
    encode_manifest,
    parse_container,
    verify_container,
)
from keys.signing import CONTAINER_CONTEXT, CONTAINER_TYPE, sign
from keys.suite import Signatures, SigningPair
from schemas.envelope import HEADER_BYTES_MAX, encode_header
from schemas.errors import Rejected
from tests.keys.conftest import Parties

NONE = Signatures(bytes(64), bytes(3309))
BODY = PartEntry(detached=False, length=3, sha256=hashlib.sha256(b"abc").digest())


def _code(raw: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        parse_container(raw)
    return refusal.value.code


def _unsigned(parties: Parties, *parts: PartEntry, tail: bytes = b"abc", header: bytes | None = None) -> bytes:
    """A container of this form; its signatures are zeros, for form is judged before them."""
    named = parties.header()
    stanzas = [Stanza(bytes.fromhex(named.recipients[0].kem_key_id), bytes(1168))]
    manifest = encode_manifest(encode_header(named) if header is None else header, stanzas, parts or [BODY])
    return encode_container(manifest, NONE, [tail])


def test_a_container_reads_back(parties: Parties) -> None:
    sealed = parties.seal(b'{"kind":"ident.request"}', to=("test-mda", "test-geo"))
    container = parse_container(sealed.container)
    verify_container(container, parties.pair.public)
    assert container.digest == sealed.digest == hashlib.sha256(container.manifest).digest()
    assert container.header == parties.header("test-mda", "test-geo")
    assert [part.detached for part in container.parts] == [False]
    assert bytes(container.inline(0)) == sealed.container[-container.parts[0].length :]
    assert sealed.container == encode_container(container.manifest, container.signatures, [bytes(container.inline(0))])


def test_a_repr_shows_no_header(parties: Parties) -> None:
    container = parse_container(parties.seal().container)
    assert repr(container) == f"Container({container.digest.hex()[:16]})"
    assert "wrapped" not in repr(container.stanzas)


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_every_byte_counts(parties: Parties, small: bytes, mask: int) -> None:
    assert parties.accept(small).body == b'{"kind": "ident.request"}'
    for at in range(len(small)):
        changed = bytearray(small)
        changed[at] ^= mask
        with pytest.raises(Rejected):
            parties.accept(bytes(changed))


def test_no_shorter_one_is_well_formed(small: bytes) -> None:
    for length in range(len(small)):
        assert _code(small[:length]) == "CONTAINER_MALFORMED"


@pytest.mark.parametrize("tail", [b"\0", b" ", b"IXM1", bytes(4096)])
def test_nothing_may_follow(small: bytes, tail: bytes) -> None:
    assert _code(small + tail) == "CONTAINER_MALFORMED"
    assert _code(small + small) == "CONTAINER_MALFORMED"


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_edited_is_refused_by_name(parties: Parties, small: bytes, data: st.DataObject) -> None:
    changed = small
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(changed)))
        cut = data.draw(st.integers(0, 40))
        changed = changed[:at] + data.draw(st.binary(max_size=40)) + changed[at + cut :]
    if changed != small:
        with pytest.raises(Rejected):
            parties.accept(changed)


@settings(max_examples=300)
@given(raw=st.binary(max_size=400), head=st.sampled_from([b"", MAGIC, MAGIC + b"\0\0\0\x20\0\0\0\x02{}"]))
def test_no_bytes_at_all_end_otherwise(raw: bytes, head: bytes) -> None:
    with pytest.raises(Rejected):
        parse_container(head + raw)


@pytest.mark.parametrize(
    ("magic", "code"),
    [(b"IXM2", "SUITE_UNSUPPORTED"), (b"IXN1", "CONTAINER_MALFORMED"), (b"\0\0\0\0", "CONTAINER_MALFORMED")],
)
def test_the_magic_is_the_suite(small: bytes, magic: bytes, code: str) -> None:
    assert _code(magic + small[4:]) == code


def test_lengths_are_judged_before_bytes(small: bytes) -> None:
    assert _code(MAGIC + pack(">I", MANIFEST_BYTES_MAX + 1)) == "CONTAINER_LIMIT"
    assert _code(MAGIC + pack(">I", MANIFEST_BYTES_MAX)) == "CONTAINER_MALFORMED"
    assert _code(small.ljust(CONTAINER_BYTES_MAX + 1, b"\0")) == "CONTAINER_LIMIT"
    assert _code(small.ljust(CONTAINER_BYTES_MAX, b"\0")) == "CONTAINER_MALFORMED"


def test_a_header_too_long_is_not_read(parties: Parties) -> None:
    assert _code(_unsigned(parties, header=bytes(HEADER_BYTES_MAX + 1))) == "CONTAINER_LIMIT"
    assert _code(_unsigned(parties, header=b"[" * HEADER_BYTES_MAX)) == "HEADER_INVALID"


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda text: text.replace('"source":', '"source":"test-aut","source":'), None),
        (lambda text: text.replace('"ixmdir":"7"', '"ixmdir":7'), "/ixmdir"),
        (lambda text: text.replace('"ixmrole":"RET"', '"ixmrole":null'), "/ixmrole"),
        (lambda text: text.replace(',"ixmtest":"1"', ',"ixmother":"1"'), None),
        (lambda text: text.replace(',"ixmpurpose":"IDENT"', ""), "/ixmpurpose"),
        (lambda text: text.replace("test-utopia", "TEST-UTOPIA"), "/source"),
        (lambda text: text + " x", None),
        (lambda text: "\ufeff" + text, None),
        (lambda text: f"[{text}]", None),
        (lambda _: "{}", "/specversion"),
        (lambda _: "", None),
    ],
)
def test_a_header_has_one_reading(parties: Parties, change: Callable[[str], str], path: str | None) -> None:
    text = encode_header(parties.header()).decode()
    assert change(text) != text
    with pytest.raises(Rejected) as refusal:
        parse_container(_unsigned(parties, header=change(text).encode()))
    assert (refusal.value.code, refusal.value.path) == ("HEADER_INVALID", path)


def test_recipients_are_the_stanzas_in_their_order(parties: Parties) -> None:
    header = parties.header("test-mda", "test-geo")
    keys = [bytes.fromhex(recipient.kem_key_id) for recipient in header.recipients]
    for ids in (keys[::-1], keys[:1], [*keys, keys[0]], [keys[0], keys[0]], [keys[0], bytes(32)]):
        manifest = encode_manifest(encode_header(header), [Stanza(key, bytes(1168)) for key in ids], [BODY])
        assert _code(encode_container(manifest, NONE, [b"abc"])) == "RECIPIENTS_MISMATCH"


def test_a_partner_is_addressed_once(parties: Parties) -> None:
    header = parties.header("test-mda", "test-mda")
    key = bytes.fromhex(header.recipients[0].kem_key_id)
    manifest = encode_manifest(encode_header(header), [Stanza(key, bytes(1168))] * 2, [BODY])
    assert _code(encode_container(manifest, NONE, [b"abc"])) == "RECIPIENTS_MISMATCH"


def _patched(parties: Parties, at: str, value: bytes) -> bytes:
    """A well-formed container with the bytes of one manifest field replaced."""
    header = encode_header(parties.header())
    stanzas, suite = 4 + len(header), 4 + len(header) + 2
    places = {"stanzas": stanzas, "suite": suite, "wrapped": suite + 33, "parts": suite + 35 + 1168}
    places["place"] = places["parts"] + 2
    places["length"] = places["place"] + 1
    start = 8 + places[at]
    raw = _unsigned(parties)
    return raw[:start] + value + raw[start + len(value) :]


@pytest.mark.parametrize(
    ("at", "value", "code"),
    [
        ("stanzas", pack(">H", 0), "CONTAINER_MALFORMED"),
        ("stanzas", pack(">H", 65), "CONTAINER_LIMIT"),
        ("stanzas", pack(">H", 65535), "CONTAINER_LIMIT"),
        ("stanzas", pack(">H", 2), "SUITE_UNSUPPORTED"),
        ("suite", b"\0", "SUITE_UNSUPPORTED"),
        ("suite", b"\2", "SUITE_UNSUPPORTED"),
        ("wrapped", pack(">H", 1167), "CONTAINER_MALFORMED"),
        ("wrapped", pack(">H", 65535), "CONTAINER_MALFORMED"),
        ("parts", pack(">H", 0), "CONTAINER_MALFORMED"),
        ("parts", pack(">H", 257), "CONTAINER_LIMIT"),
        ("parts", pack(">H", 256), "CONTAINER_MALFORMED"),
        ("place", b"\1", "CONTAINER_MALFORMED"),
        ("place", b"\2", "CONTAINER_MALFORMED"),
        ("length", pack(">Q", 2), "CONTAINER_MALFORMED"),
        ("length", pack(">Q", 4), "CONTAINER_MALFORMED"),
        ("length", pack(">Q", PART_BYTES_MAX + 1), "CONTAINER_LIMIT"),
        ("length", pack(">Q", 2**64 - 1), "CONTAINER_LIMIT"),
    ],
)
def test_counts_and_places_have_bounds(parties: Parties, at: str, value: bytes, code: str) -> None:
    assert _code(_patched(parties, at, value)) == code


@pytest.mark.parametrize("at", [0, 66])
@pytest.mark.parametrize("length", [0, 63, 65, 3308, 3310, 65535])
def test_signature_slots_have_one_length(parties: Parties, at: int, length: int) -> None:
    raw = _unsigned(parties)
    start = 8 + int.from_bytes(raw[4:8], "big") + at
    assert _code(raw[:start] + pack(">H", length) + raw[start + 2 :]) == "CONTAINER_MALFORMED"


def test_a_part_has_the_digest_it_is_named_by(parties: Parties) -> None:
    parse_container(_unsigned(parties))
    assert _code(_unsigned(parties, tail=b"abd")) == "PART_DIGEST"


def test_parts_together_have_a_limit(parties: Parties) -> None:
    detached = PartEntry(detached=True, length=PART_BYTES_MAX, sha256=bytes(32))
    most = MESSAGE_BYTES_MAX // PART_BYTES_MAX
    parse_container(_unsigned(parties, BODY, *[detached] * most))
    assert _code(_unsigned(parties, BODY, *[detached] * (most + 1))) == "CONTAINER_LIMIT"


def test_a_large_attachment_is_never_inline(parties: Parties) -> None:
    for length, well_formed in ((INLINE_BYTES_MAX, True), (INLINE_BYTES_MAX + 1, False)):
        entry = PartEntry(detached=False, length=length, sha256=hashlib.sha256(bytes(length)).digest())
        raw = _unsigned(parties, BODY, entry, tail=b"abc" + bytes(length))
        if well_formed:
            parse_container(raw)
        else:
            assert _code(raw) == "CONTAINER_MALFORMED"


def test_a_hundred_thousand_recipients_cost_nothing(parties: Parties) -> None:
    header = json.loads(encode_header(parties.header()))
    header["ixmto"] = ",".join(f"p{number}/{'0' * 64}" for number in range(100_000))
    text = json.dumps(header).encode()
    raw = b"".join([MAGIC, pack(">I", len(text) + 100), pack(">I", len(text)), text, bytes(100)])
    many = _patched(parties, "stanzas", pack(">H", 65535)).ljust(CONTAINER_BYTES_MAX, b"\0")
    tracemalloc.start()
    try:
        assert _code(raw) == _code(many) == "CONTAINER_LIMIT"
        assert tracemalloc.get_traced_memory()[1] < 256 * 1024
    finally:
        tracemalloc.stop()


def test_the_manifest_has_no_bytes_left_over(parties: Parties) -> None:
    raw = _unsigned(parties)
    length = int.from_bytes(raw[4:8], "big")
    assert (
        _code(MAGIC + pack(">I", length + 1) + raw[8 : 8 + length] + b"\0" + raw[8 + length :]) == "CONTAINER_MALFORMED"
    )


@pytest.mark.parametrize(
    "what", ["other pair", "other ed25519", "other mldsa65", "no context", "other type", "re-encoded"]
)
def test_only_both_signatures_of_the_sender_over_these_bytes_count(parties: Parties, small: bytes, what: str) -> None:
    container = parse_container(small)
    text, other = container.manifest, SigningPair.generate()
    theirs = sign(other, CONTAINER_TYPE, text, CONTAINER_CONTEXT)
    signatures = {
        "other pair": theirs,
        "other ed25519": Signatures(theirs.ed25519, container.signatures.mldsa65),
        "other mldsa65": Signatures(container.signatures.ed25519, theirs.mldsa65),
        "no context": sign(parties.pair, CONTAINER_TYPE, text, b""),
        "other type": sign(parties.pair, "application/octet-stream", text, CONTAINER_CONTEXT),
        "re-encoded": sign(parties.pair, CONTAINER_TYPE, text + b" ", CONTAINER_CONTEXT),
    }[what]
    forged = parse_container(encode_container(text, signatures, [bytes(container.inline(0))]))
    with pytest.raises(Rejected, match="SIGNATURE_INVALID"):
        verify_container(forged, parties.pair.public)


def test_signing_again_changes_no_digest(parties: Parties, small: bytes) -> None:
    container = parse_container(small)
    again = sign(parties.pair, CONTAINER_TYPE, container.manifest, CONTAINER_CONTEXT)
    assert again != container.signatures  # ML-DSA is hedged
    twin = parse_container(encode_container(container.manifest, again, [bytes(container.inline(0))]))
    verify_container(twin, parties.pair.public)
    assert twin.digest == container.digest
