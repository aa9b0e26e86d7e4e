"""When a server's TLS certificate ends: what an operator wants to know weeks before."""

from datetime import datetime

from cryptography.x509 import load_pem_x509_certificate

from schemas.errors import Rejected


def expires_at(pem: bytes) -> datetime:
    """When the first certificate of a PEM file, the server's own, is not valid any more (aware UTC).

    Raises:
        Rejected: FIELD_PATTERN, it is no certificate.
    """
    try:
        return load_pem_x509_certificate(pem).not_valid_after_utc
    except ValueError as error:
        raise Rejected("FIELD_PATTERN") from error
