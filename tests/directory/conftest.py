"""A directory on disk with three partners, and a hand that can publish what no honest repository would."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from tuf.api.metadata import MetaFile

from keys.directory.client import DirectoryClient, folder_fetch
from keys.directory.draft import propose, sign_draft
from keys.directory.enrolment import make_enrolment
from keys.directory.records import HubRecord, PartnerRecord
from keys.directory.repository import Repository, _State
from keys.directory.signers import public_of, signed_bytes
from keys.proofs.checkpoint import LogSigner
from schemas.agreements.agreement import Agreement

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


def seed() -> bytes:
    return os.urandom(32)


def agreement(identifier: str, parties: tuple[str, ...], version: int = 1) -> Agreement:
    return Agreement(
        id=identifier,
        version=version,
        parties=parties,
        kinds={"ident.request": (("RET", "MIG"),)},
        purposes=("RETURN",),
        legal_bases=("Art. 6",),
        profile=None,
        status="in_force",
        in_force_on=date(2026, 1, 1),
    )


@dataclass(frozen=True)
class Partner:
    id: str
    state: str
    secrets: dict[str, bytes]

    @property
    def administrators(self) -> bytes:
        return self.secrets["admin.ed25519"]

    @property
    def record(self) -> PartnerRecord:
        return PartnerRecord(
            self.id, self.state, f"Test authority of {self.state}", ("RET", "MIG"), ("ident.request",), test=True
        )


def partner(identifier: str, state: str) -> Partner:
    names = ("sign.ed25519", "sign.mldsa65", "kem", "request", "admin.ed25519")
    return Partner(identifier, state, {name: seed() for name in names})


@dataclass
class World:
    folder: Path
    repository: Repository
    hub: HubRecord
    online: dict[str, bytes]
    root: bytes
    registrar: bytes
    aut: Partner
    mda: Partner
    geo: Partner

    def enrol(self, one: Partner, now: datetime = NOW) -> None:
        self.repository.enrol([self.registrar], make_enrolment(one.secrets, one.id, now=now), one.record, now)

    def client(self, cache: Path | None = None) -> DirectoryClient:
        return DirectoryClient(self.repository.root, cache, folder_fetch(self.folder))

    def admit(self, found: Agreement, *signers: Partner, now: datetime = NOW) -> None:
        draft = propose(found, now)
        for one in signers:
            draft = sign_draft(draft, one.administrators)
        self.repository.publish_agreement([self.registrar], draft, now)

    def force(self, change: Callable[[_State], None], *, registrar: bytes | None = None, now: datetime = NOW) -> None:
        """Publish a changed state with the online keys and, if given, the registrar's, whatever readers say to it."""
        state = self.repository._load()
        change(state)
        if registrar is not None:
            self.repository._sign_targets(state, [registrar], now)
        state.snapshot.version += 1
        snapshot = signed_bytes(state.snapshot, [self.online["tuf.snapshot"]])
        metadata = self.folder / "metadata"
        for path, data in state.files.items():
            (self.folder / "targets" / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / "targets" / path).write_bytes(data)
        for name, data in state.roles.items():
            (metadata / name).write_bytes(data)
        (metadata / f"{state.snapshot.version}.snapshot.json").write_bytes(snapshot)
        state.timestamp.snapshot_meta = MetaFile.from_data(state.snapshot.version, snapshot, ["sha256"])
        state.timestamp.version += 1
        (metadata / "timestamp.json").write_bytes(signed_bytes(state.timestamp, [self.online["tuf.timestamp"]]))


@pytest.fixture
def empty(tmp_path: Path) -> World:
    """A directory without partners."""
    online = {"tuf.snapshot": seed(), "tuf.timestamp": seed()}
    log = LogSigner("hub.liaison.example/audit/2026", seed(), seed()).public
    hub = HubRecord("hub.liaison.example", "https://hub.liaison.example", log, public_of(seed()))
    root, registrar = seed(), seed()
    folder = tmp_path / "directory"
    repository = Repository.create(folder, online, hub, NOW, root=[root], registrar=[registrar])
    return World(
        folder, repository, hub, online, root, registrar,
        partner("test-aut", "AUT"), partner("test-mda", "MDA"), partner("test-geo", "GEO"),
    )  # fmt: skip


@pytest.fixture
def world(empty: World) -> World:
    """Three partners enrolled, no agreement."""
    for one in (empty.aut, empty.mda, empty.geo):
        empty.enrol(one)
    return empty
