"""What a partner hands the registrar: its key set, signed by its administrators, and proof that it holds the keys.

One JSON object: the key set's bytes, TUF metadata of the partner's role over them, and for each new signing and request
key a signature by that key itself over partner, administrators' key and the key set's digest (possession, formats.md
D.4). A KEM key cannot prove itself this way; it is vouched for by the signing pair over the same key set, and shows
itself with the first message that its holder opens. Who the partner is, is not decided here: the registrar compares
`fingerprint` over a second channel and writes the registry record.

The same object renews keys later: metadata of the next version, by the same administrators.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.exceptions import UnverifiedSignatureError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, TargetFile, Targets

from keys.directory.durations import Lifetimes
from keys.directory.records import (
    ALGORITHMS,
    INVALID,
    PARTNER_ID,
    RECORD_BYTES_MAX,
    KeyRecord,
    KeySet,
    Use,
    encode,
    encode_key_set,
    key_id,
    parse_key_set,
    signing_public,
)
from keys.directory.roles import DelegatedRole
from keys.directory.signers import public_of, signed_bytes, tuf_key
from keys.signing import pae
from keys.suite import ED25519_SIGNATURE_BYTES, MLDSA65_SIGNATURE_BYTES, KemPrivate, Signatures, SigningPair
from schemas import strict_base64, strict_json
from schemas.errors import Rejected

ENROLMENT_TYPE = "application/vnd.liaison.enrolment.v1+json"
ENROLMENT_CONTEXT = b"ixm/v1/enrolment"
ENROLMENT_BYTES_MAX = 4 * RECORD_BYTES_MAX
ENROLMENT_VERSION = 1

SIGNING_LIFETIME = timedelta(days=365)
SIGNING_LIFETIME_MAX = timedelta(days=397)
KEM_LIFETIME = timedelta(days=90)
KEM_LIFETIME_MAX = timedelta(days=90)

ADMINISTRATORS = "admin.ed25519"
_NOTHING: Mapping[str, Collection[str]] = MappingProxyType({})
_SIGN = ("sign.ed25519", "sign.mldsa65")


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An enrolment whose own proofs hold. `metadata` is the role's file; `version` its TUF version."""

    partner: str
    administrators: bytes
    key_set: KeySet
    key_set_bytes: bytes
    metadata: bytes
    version: int

    @property
    def fingerprint(self) -> str:
        """64 hex digits, to be read out over a second channel: administrators' key and key set."""
        return hashlib.sha256(_statement(self.partner, self.administrators, self.key_set_bytes)).hexdigest()


def make_enrolment(
    secrets: Mapping[str, bytes],
    partner: str,
    *,
    now: datetime,
    version: int = 1,
    kept: tuple[KeyRecord, ...] = (),
    signing_lifetime: timedelta = SIGNING_LIFETIME,
    kem_lifetime: timedelta = KEM_LIFETIME,
    lifetimes: Lifetimes | None = None,
) -> bytes:
    """The enrolment of a partner's keys, or with `version` above 1 their renewal.

    Args:
        secrets: the seeds by name: `sign.ed25519`, `sign.mldsa65`, `kem`, `request`, and `admin.ed25519`.
        partner: the partner's id.
        now: from when the keys are valid.
        version: of the role's metadata; one more than the published one.
        kept: records of earlier keys that stay in the key set, revoked ones too.
        signing_lifetime: of the pair and the request key.
        kem_lifetime: of the KEM key.
        lifetimes: of the metadata.
    """
    now = now.replace(microsecond=0)
    pair = SigningPair.from_seeds(*(secrets[name] for name in _SIGN))
    request = Ed25519PrivateKey.from_private_bytes(secrets["request"])
    fresh = (
        _record("sign", pair.public.ed25519 + pair.public.mldsa65, now, signing_lifetime),
        _record("kem", KemPrivate.from_seed(secrets["kem"]).public.raw, now, kem_lifetime),
        _record("request", request.public_key().public_bytes_raw(), now, signing_lifetime),
    )
    ids = {record.id for record in fresh}
    keys = encode_key_set(KeySet(partner, (*fresh, *(record for record in kept if record.id not in ids))))
    administrators = secrets[ADMINISTRATORS]
    statement = _statement(partner, public_of(administrators), keys)
    text = pae(ENROLMENT_TYPE, statement)
    signatures = pair.sign(text, ENROLMENT_CONTEXT)
    return encode(
        {
            "v": ENROLMENT_VERSION,
            "partner": partner,
            "administrators": strict_base64.encode(public_of(administrators)),
            "key_set": strict_base64.encode(keys),
            "metadata": strict_base64.encode(
                sign_key_set(partner, keys, administrators, version, now + (lifetimes or Lifetimes()).partner)
            ),
            "possession": {
                fresh[0].id: strict_base64.encode(signatures.block),
                fresh[2].id: strict_base64.encode(request.sign(text)),
            },
        }
    )


def sign_key_set(partner: str, keys: bytes, administrators: bytes, version: int, expires: datetime) -> bytes:
    """Metadata of the partner's role over its key set, signed with the administrators' seed."""
    path = DelegatedRole("partner", partner).path
    targets = Targets(version=version, expires=expires, targets={path: TargetFile.from_data(path, keys, ["sha256"])})
    return signed_bytes(targets, [administrators])


def parse_enrolment(raw: bytes, published: Mapping[str, Collection[str]] = _NOTHING) -> Enrolment:
    """Read an enrolment and check all that it can prove by itself.

    Args:
        raw: what `make_enrolment` made.
        published: partner -> ids of its keys that proved themselves before and need not again.

    Raises:
        Rejected: DIRECTORY_INVALID with the member at fault; nothing of it may then be used.
    """
    if len(raw) > ENROLMENT_BYTES_MAX:
        raise Rejected(INVALID)
    found = strict_json.loads(raw, code=INVALID, depth_max=2)
    members = {"v", "partner", "administrators", "key_set", "metadata", "possession"}
    if not isinstance(found, dict) or set(found) != members or found["v"] != ENROLMENT_VERSION:
        raise Rejected(INVALID)
    partner, possession = found["partner"], found["possession"]
    if not isinstance(partner, str) or PARTNER_ID.fullmatch(partner) is None:
        raise Rejected(INVALID, "/partner")
    if not isinstance(possession, dict):
        raise Rejected(INVALID, "/possession")
    administrators = _bytes(found["administrators"], "/administrators")
    keys = _bytes(found["key_set"], "/key_set")
    key_set = parse_key_set(keys)
    if key_set.partner != partner:
        raise Rejected(INVALID, "/key_set")
    metadata = _bytes(found["metadata"], "/metadata")
    version = _check_metadata(metadata, partner, keys, administrators)
    _check_lifetimes(key_set)
    _check_possession(key_set, published.get(partner, ()), possession, _statement(partner, administrators, keys))
    return Enrolment(partner, administrators, key_set, keys, metadata, version)


def _check_metadata(metadata: bytes, partner: str, keys: bytes, administrators: bytes) -> int:
    strict_json.loads(metadata, code=INVALID)
    path = DelegatedRole("partner", partner).path
    try:
        parsed: Metadata[Any] = Metadata.from_bytes(metadata)
        if not isinstance(parsed.signed, Targets) or set(parsed.signed.targets) != {path}:
            raise Rejected(INVALID, "/metadata")
        parsed.signed.targets[path].verify_length_and_hashes(keys)
        key = tuf_key(administrators)
        if set(parsed.signatures) != {key.keyid}:
            raise Rejected(INVALID, "/metadata")
        key.verify_signature(parsed.signatures[key.keyid], parsed.signed_bytes)
    except (RepositoryError, UnverifiedSignatureError, ValueError) as error:
        raise Rejected(INVALID, "/metadata") from error
    version: int = parsed.signed.version
    return version


def _check_lifetimes(key_set: KeySet) -> None:
    for at, record in enumerate(key_set.keys):
        longest = KEM_LIFETIME_MAX if record.use == "kem" else SIGNING_LIFETIME_MAX
        if record.not_after - record.not_before > longest:
            raise Rejected(INVALID, f"/key_set/keys/{at}/not_after")


def _check_possession(
    key_set: KeySet, published: Collection[str], possession: dict[str, object], statement: bytes
) -> None:
    """Every key that signs, and was not published before, has signed."""
    text = pae(ENROLMENT_TYPE, statement)
    for at, record in enumerate(key_set.keys):
        if record.use == "kem" or record.id in published:
            continue
        proof = possession.get(record.id)
        if proof is None:
            raise Rejected(INVALID, f"/key_set/keys/{at}")
        signature = _bytes(proof, "/possession")
        if record.use == "sign":
            try:
                signing_public(record).verify(_split(signature), text, ENROLMENT_CONTEXT)
            except Rejected as error:
                raise Rejected(INVALID, "/possession") from error
        else:
            try:
                Ed25519PublicKey.from_public_bytes(record.public).verify(signature, text)
            except (InvalidSignature, ValueError) as error:
                raise Rejected(INVALID, "/possession") from error


def _split(block: bytes) -> Signatures:
    middle = 2 + ED25519_SIGNATURE_BYTES
    signatures = Signatures(block[2:middle], block[middle + 2 :])
    if len(block) != middle + 2 + MLDSA65_SIGNATURE_BYTES or signatures.block != block:
        raise Rejected(INVALID, "/possession")
    return signatures


def _record(use: Use, public: bytes, now: datetime, lifetime: timedelta) -> KeyRecord:
    return KeyRecord(key_id(use, public), use, ALGORITHMS[use], public, now, now + lifetime)


def _statement(partner: str, administrators: bytes, keys: bytes) -> bytes:
    return encode(
        {
            "partner": partner,
            "administrators": strict_base64.encode(administrators),
            "key_set": hashlib.sha256(keys).hexdigest(),
        }
    )


def _bytes(value: object, path: str) -> bytes:
    if not isinstance(value, str):
        raise Rejected(INVALID, path)
    return strict_base64.decode(value, code=INVALID)
