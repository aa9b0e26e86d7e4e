"""Suite 1's keys: their ids, their forms, and what is refused before it is used."""

import hashlib

import pytest

from keys.signing import CONTAINER_CONTEXT, CONTAINER_TYPE, STATEMENT_CONTEXT, STATEMENT_TYPE, pae, sign, verify
from keys.suite import KEM_PUBLIC_BYTES, KemPrivate, KemPublic, RequestKey, Signatures, SigningPair, SigningPublic
from schemas.errors import Rejected
from tests.keys.conftest import Parties, seed


def test_key_ids_bear_their_label(parties: Parties) -> None:
    public, kem, request = parties.pair.public, parties.kems["test-mda"].public, RequestKey.from_seed(bytes(32))
    assert public.ed25519_id == hashlib.sha256(b"ixm/v1/ed25519\0" + public.ed25519).hexdigest()
    assert public.mldsa65_id == hashlib.sha256(b"ixm/v1/mldsa65\0" + public.mldsa65).hexdigest()
    assert kem.key_id == hashlib.sha256(b"ixm/v1/kem-key\0" + kem.raw).hexdigest()
    assert request.key_id == hashlib.sha256(b"ixm/v1/request\0" + request.public).hexdigest()


def test_seeds_make_the_same_keys_again() -> None:
    pair, kem, request = SigningPair.generate(), KemPrivate.generate(), RequestKey.generate()
    assert SigningPair.from_seeds(*pair.seeds).public == pair.public
    assert KemPrivate.from_seed(kem.seed).public == kem.public
    assert RequestKey.from_seed(request.seed).key_id == request.key_id
    assert SigningPair.generate().public != pair.public


def test_no_repr_shows_a_secret(parties: Parties) -> None:
    pair, kem, request = parties.pair, parties.kems["test-mda"], RequestKey.from_seed(seed("request"))
    shown = f"{pair!r} {kem!r} {request!r} {pair} {kem} {request}"
    for secret in (*pair.seeds, kem.seed, request.seed):
        assert secret.hex() not in shown
        assert repr(secret) not in shown


def test_pae_counts_bytes() -> None:
    assert (
        pae("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert pae("t", b"") == b"DSSEv1 1 t 0 "


def test_one_signature_is_not_enough(parties: Parties) -> None:
    other = SigningPair.generate()
    good = sign(parties.pair, CONTAINER_TYPE, b"text", CONTAINER_CONTEXT)
    bad = sign(other, CONTAINER_TYPE, b"text", CONTAINER_CONTEXT)
    verify(parties.pair.public, good, CONTAINER_TYPE, b"text", CONTAINER_CONTEXT)
    for mixed in (Signatures(good.ed25519, bad.mldsa65), Signatures(bad.ed25519, good.mldsa65), bad):
        with pytest.raises(Rejected, match="SIGNATURE_INVALID"):
            verify(parties.pair.public, mixed, CONTAINER_TYPE, b"text", CONTAINER_CONTEXT)


@pytest.mark.parametrize(
    ("media_type", "context", "text"),
    [
        (STATEMENT_TYPE, CONTAINER_CONTEXT, b"text"),
        (CONTAINER_TYPE, STATEMENT_CONTEXT, b"text"),
        (CONTAINER_TYPE, b"", b"text"),
        (CONTAINER_TYPE, CONTAINER_CONTEXT, b"texu"),
    ],
)
def test_a_signature_serves_one_use(parties: Parties, media_type: str, context: bytes, text: bytes) -> None:
    signatures = sign(parties.pair, CONTAINER_TYPE, b"text", CONTAINER_CONTEXT)
    with pytest.raises(Rejected, match="SIGNATURE_INVALID"):
        verify(parties.pair.public, signatures, media_type, text, context)


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 3308, 3309, 3310])
def test_a_signature_of_another_length_is_refused_by_name(parties: Parties, length: int) -> None:
    good = sign(parties.pair, CONTAINER_TYPE, b"text", CONTAINER_CONTEXT)
    for changed in (Signatures(bytes(length), good.mldsa65), Signatures(good.ed25519, bytes(length))):
        with pytest.raises(Rejected, match="SIGNATURE_INVALID"):
            verify(parties.pair.public, changed, CONTAINER_TYPE, b"text", CONTAINER_CONTEXT)


def test_the_block_is_both_slots_with_their_lengths() -> None:
    signatures = Signatures(b"\1" * 64, b"\2" * 3309)
    assert signatures.block == b"\0\x40" + b"\1" * 64 + b"\x0c\xed" + b"\2" * 3309
    assert signatures.digest == hashlib.sha256(signatures.block).digest()


@pytest.mark.parametrize("length", [0, 31, 33, 1952])
def test_a_public_key_of_another_length_is_no_key(parties: Parties, length: int) -> None:
    public = SigningPublic(bytes(length), parties.pair.public.mldsa65)
    with pytest.raises(Rejected, match="KEY_UNKNOWN"):
        public.verify(Signatures(bytes(64), bytes(3309)), b"", b"")


@pytest.mark.parametrize("length", [0, KEM_PUBLIC_BYTES - 1, KEM_PUBLIC_BYTES + 1])
def test_a_kem_key_of_another_length_is_no_key(length: int) -> None:
    with pytest.raises(Rejected, match="KEY_UNKNOWN"):
        KemPublic(bytes(length))


@pytest.mark.parametrize("what", ["mlkem out of range", "x25519 of small order"])
def test_a_kem_key_that_nothing_can_be_sealed_to_is_no_key(parties: Parties, what: str) -> None:
    raw = parties.kems["test-mda"].public.raw
    changed = b"\xff" * 1184 + raw[1184:] if what == "mlkem out of range" else raw[:1184] + bytes(32)
    with pytest.raises(Rejected, match="KEY_UNKNOWN"):
        KemPublic(changed).wrap(bytes(32), b"")


def test_a_wrapped_key_opens_for_its_key_and_info_alone(parties: Parties) -> None:
    mda, geo = parties.kems["test-mda"], parties.kems["test-geo"]
    wrapped = mda.public.wrap(b"k" * 32, b"info")
    assert mda.unwrap(wrapped, b"info") == b"k" * 32
    weak = wrapped[:1088] + bytes(32) + wrapped[1120:]  # X25519 share of small order
    for key, text, info in (
        (geo, wrapped, b"info"),
        (mda, wrapped, b"infp"),
        (mda, wrapped[:-1], b"info"),
        (mda, wrapped + b"\0", b"info"),
        (mda, b"", b"info"),
        (mda, bytes(1168), b"info"),
        (mda, weak, b"info"),
    ):
        with pytest.raises(Rejected, match="OPEN_FAILED"):
            key.unwrap(text, info)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_seed_has_32_bytes(length: int) -> None:
    for make in (KemPrivate.from_seed, RequestKey.from_seed, lambda raw: SigningPair.from_seeds(raw, bytes(32))):
        with pytest.raises(ValueError, match=r"."):
            make(bytes(length))
