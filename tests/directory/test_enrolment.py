"""An enrolment proves by itself that its maker holds the keys; every change of it is noticed."""

import json
from datetime import timedelta
from typing import Any

import pytest

from keys.directory.enrolment import ENROLMENT_BYTES_MAX, make_enrolment, parse_enrolment
from keys.directory.records import encode, parse_key_set
from keys.directory.signers import public_of
from schemas import strict_base64
from schemas.errors import Rejected
from tests.directory.conftest import NOW, partner, seed

AUT = partner("test-aut", "AUT")
RAW = make_enrolment(AUT.secrets, "test-aut", now=NOW)


def refused(raw: bytes) -> str | None:
    with pytest.raises(Rejected) as refusal:
        parse_enrolment(raw)
    assert refusal.value.code == "DIRECTORY_INVALID"
    return refusal.value.path


def changed(**members: Any) -> bytes:
    return encode(json.loads(RAW) | members)


def test_it_says_who_and_which_keys() -> None:
    found = parse_enrolment(RAW)
    assert (found.partner, found.administrators, found.version) == ("test-aut", public_of(AUT.administrators), 1)
    assert [key.use for key in found.key_set.keys] == ["sign", "kem", "request"]
    assert {key.use: (key.not_after - key.not_before).days for key in found.key_set.keys} == {
        "sign": 365, "kem": 90, "request": 365,
    }  # fmt: skip
    assert all(secret.hex() not in RAW.decode() for secret in AUT.secrets.values())
    assert not any(strict_base64.encode(secret) in RAW.decode() for secret in AUT.secrets.values())
    other = parse_enrolment(make_enrolment(AUT.secrets | {"kem": seed()}, "test-aut", now=NOW))
    assert len(found.fingerprint) == 64
    assert other.fingerprint != found.fingerprint


@pytest.mark.parametrize("secret", ["sign.ed25519", "sign.mldsa65", "request"])
def test_a_key_that_is_not_held_is_refused(secret: str) -> None:
    """Somebody else's public key in the set, with the proof left as it was."""
    theirs = make_enrolment(AUT.secrets | {secret: seed()}, "test-aut", now=NOW)
    found = json.loads(theirs)
    found["possession"] = dict(zip(found["possession"], json.loads(RAW)["possession"].values(), strict=True))
    assert refused(encode(found)) == "/possession"
    found["possession"] = {}
    assert refused(encode(found)) == "/key_set/keys/0"


def test_a_key_published_before_need_not_prove_itself_again() -> None:
    found = json.loads(RAW)
    ids = {key.id for key in parse_enrolment(RAW).key_set.keys}
    found["possession"] = {}
    assert parse_enrolment(encode(found), {"test-aut": ids}).partner == "test-aut"
    with pytest.raises(Rejected):
        parse_enrolment(encode(found), {"test-mda": ids})


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (changed(partner="test-mda"), "/key_set"),
        (changed(partner="../x"), "/partner"),
        (changed(partner=1), "/partner"),
        (changed(v=2), None),
        (changed(more=1), None),
        (changed(administrators=strict_base64.encode(public_of(bytes(32)))), "/metadata"),
        (changed(administrators="!"), None),
        (changed(administrators=strict_base64.encode(b"short")), "/metadata"),
        (changed(possession=[]), "/possession"),
        (changed(key_set=strict_base64.encode(b"{}")), "/partner"),
        (changed(metadata=strict_base64.encode(b"{}")), "/metadata"),
        (changed(metadata=7), "/metadata"),
    ],
)
def test_a_changed_member_is_refused(raw: bytes, path: str | None) -> None:
    found = refused(raw)
    assert path is None or found in {path, "/keys"}


def test_the_administrators_signed_these_very_keys() -> None:
    other = make_enrolment(AUT.secrets | {"kem": seed()}, "test-aut", now=NOW)
    assert refused(changed(metadata=json.loads(other)["metadata"])) == "/metadata"
    assert refused(changed(key_set=json.loads(other)["key_set"])) == "/metadata"


@pytest.mark.parametrize("signatures", [0, 2])
def test_one_administrators_signature(signatures: int) -> None:
    metadata = json.loads(strict_base64.decode(json.loads(RAW)["metadata"], code="x"))
    one = metadata["signatures"][0]
    metadata["signatures"] = [one | {"keyid": f"{one['keyid'][:-1]}{n}"} for n in range(signatures)]
    assert refused(changed(metadata=strict_base64.encode(json.dumps(metadata).encode()))) == "/metadata"


@pytest.mark.parametrize(
    "proof", ["", "AAAA", strict_base64.encode(b"\0" * 3377), strict_base64.encode(b"x" * 90_000), 1]
)
def test_a_proof_that_is_none(proof: object) -> None:
    possession = json.loads(RAW)["possession"]
    for key in possession:
        assert refused(changed(possession=possession | {key: proof})) in {"/possession", None}


@pytest.mark.parametrize("days", [91, 400])
def test_keys_do_not_live_too_long(days: int) -> None:
    lifetime = timedelta(days=days)
    raw = make_enrolment(AUT.secrets, "test-aut", now=NOW, kem_lifetime=lifetime)
    assert refused(raw) == "/key_set/keys/1/not_after"
    if days > 397:
        raw = make_enrolment(AUT.secrets, "test-aut", now=NOW, signing_lifetime=lifetime)
        assert refused(raw) == "/key_set/keys/0/not_after"


def test_every_changed_byte_is_noticed() -> None:
    for at in range(0, len(RAW), 41):
        raw = bytearray(RAW)
        raw[at] ^= 1
        refused(bytes(raw))


@pytest.mark.parametrize("raw", [b"", b"[]", b"\xff", b"{" * 100, b"x" * (ENROLMENT_BYTES_MAX + 1)])
def test_what_is_no_enrolment(raw: bytes) -> None:
    refused(raw)


def test_the_key_set_is_the_file_that_is_published() -> None:
    found = parse_enrolment(RAW)
    assert parse_key_set(found.key_set_bytes) == found.key_set
