"""What is signed: DSSE's pre-authentication encoding of a media type and a payload, by both keys of a pair.

The media type and ML-DSA's context string (FIPS 204 section 5.2) keep the uses of one pair apart: a container can never
be passed off as a statement.
"""

from keys.suite import Signatures, SigningPair, SigningPublic

CONTAINER_TYPE = "application/vnd.liaison.ixm.v1"
CONTAINER_CONTEXT = b"ixm/v1"
STATEMENT_TYPE = "application/vnd.liaison.statement.v1+json"
STATEMENT_CONTEXT = b"ixm/v1/statement"


def pae(media_type: str, payload: bytes) -> bytes:
    """DSSE v1 pre-authentication encoding: `DSSEv1 LEN(type) type LEN(payload) payload`, lengths in decimal."""
    name = media_type.encode("ascii")
    return b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)


def sign(pair: SigningPair, media_type: str, payload: bytes, context: bytes) -> Signatures:
    """Both signatures of `payload` as a text of `media_type`."""
    return pair.sign(pae(media_type, payload), context)


def verify(public: SigningPublic, signatures: Signatures, media_type: str, payload: bytes, context: bytes) -> None:
    """Both signatures hold, or Rejected(SIGNATURE_INVALID)."""
    public.verify(signatures, pae(media_type, payload), context)
