"""Two authorities of Utopia with keys made from fixed seeds, and what they send each other."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keys.container import Container, parse_container, verify_container
from keys.sealing import Opened, Sealed, open_container, seal
from keys.suite import KemPrivate, SigningPair
from schemas.envelope import Header, LogHead, Recipient

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def seed(name: str) -> bytes:
    return hashlib.sha256(b"tests of keys: " + name.encode()).digest()


@dataclass(frozen=True)
class Parties:
    """A sender with a signing pair, and recipients with a KEM key each."""

    pair: SigningPair
    kems: Mapping[str, KemPrivate]
    spool: Path

    def header(self, *recipients: str) -> Header:
        return Header(
            id="0192f0a0-0000-7000-8000-000000000001",
            source="test-utopia",
            kind="ident.request",
            case_handle="00112233445566778899aabbccddeeff",
            time=NOW,
            dataschema="https://schemas.liaison.example/ident.request/1",
            recipients=tuple(Recipient(name, self.kems[name].public.key_id) for name in recipients or ("test-mda",)),
            ed25519_id=self.pair.public.ed25519_id,
            mldsa65_id=self.pair.public.mldsa65_id,
            expires=NOW + timedelta(days=30),
            directory_version=7,
            log=LogHead("hub.liaison.example/audit/2026", 0, hashlib.sha256(b"").hexdigest()),
            agreement="TEST-UTO",
            basis="Art. 7",
            purpose="IDENT",
            role="RET",
            test=True,
        )

    def seal(
        self,
        body: bytes = b'{"kind":"ident.request"}',
        attachments: Sequence[Path] = (),
        to: Sequence[str] = ("test-mda",),
        **changes: object,
    ) -> Sealed:
        header = replace(self.header(*to), **changes)  # type: ignore[arg-type]
        return seal(header, [self.kems[name].public for name in to], body, attachments, self.pair, spool=self.spool)

    def open(self, container: Container, partner: str = "test-mda") -> Opened:
        return open_container(container, {self.kems[partner].public.key_id: self.kems[partner]}, partner)

    def accept(self, raw: bytes, partner: str = "test-mda") -> Opened:
        """All that a recipient does before it believes a container."""
        container = parse_container(raw)
        verify_container(container, self.pair.public)
        return self.open(container, partner)


@pytest.fixture(scope="session")
def _keys() -> tuple[SigningPair, dict[str, KemPrivate]]:
    pair = SigningPair.from_seeds(seed("ed25519"), seed("mldsa65"))
    return pair, {name: KemPrivate.from_seed(seed(name)) for name in ("test-mda", "test-geo", "test-aut")}


@pytest.fixture
def parties(_keys: tuple[SigningPair, dict[str, KemPrivate]], tmp_path: Path) -> Parties:
    spool = tmp_path / "spool"
    spool.mkdir()
    return Parties(*_keys, spool)


@pytest.fixture(scope="session")
def small(_keys: tuple[SigningPair, dict[str, KemPrivate]], tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A container of the least size."""
    parties = Parties(*_keys, tmp_path_factory.mktemp("spool"))
    return parties.seal(json.dumps({"kind": "ident.request"}).encode()).container
