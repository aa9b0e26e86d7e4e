"""A TLS certificate that ends at a known time."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.ports import free_ports
from tests.world import NOW


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Valid for twenty days from when every world begins."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub.example")])
    key = Ed25519PrivateKey.generate()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=20))
        .sign(key, None)
    )
    file = tmp_path / "certificate.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def free_port() -> int:
    """Of loopback; nobody answers there."""
    return free_ports(1)[0]
