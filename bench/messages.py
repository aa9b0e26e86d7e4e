"""Seals messages of a wanted size as Austria's edge would, for the hub's door: what is inside the hub cannot see."""

import hashlib
import os
from datetime import UTC, datetime, timedelta

import uuid_utils

from keys.directory.client import DirectoryClient, folder_fetch
from keys.proofs.merkle import EMPTY_ROOT
from keys.sealing import seal
from keys.suite import SigningPair, SigningPublic
from liaison.cli.keys import open_keyring
from liaison.demo.world import BASIS, World
from schemas import registry
from schemas.envelope import Header, LogHead, Recipient

LIFETIME = timedelta(days=2)


class Mill:
    """Makes `ident.request` messages of test-aut to test-mda, each opening a case of its own."""

    def __init__(self, world: World) -> None:
        directory = world.hub / "directory"
        root = (world.hub / "root.json").read_bytes()
        now = datetime.now(UTC)
        self._directory = DirectoryClient(root, None, folder_fetch(directory)).refresh(now)
        seeds = open_keyring(world.edge("test-aut") / "keyring", None)
        self._pair = SigningPair.from_seeds(seeds["sign.ed25519"], seeds["sign.mldsa65"])
        self._kem = self._directory.kem_public("test-mda", now)
        self._members = registry.header_members(registry.example("ident.request") | {"purpose_code": "RETURN_ID"})
        self._spool = world.folder

    @property
    def public(self) -> SigningPublic:
        """What verifies them."""
        return self._pair.public

    def container(self, payload_bytes: int) -> bytes:
        """One container whose payload has so many bytes before padding to its class."""
        now = datetime.now(UTC).replace(microsecond=0)
        header = Header(
            id=str(uuid_utils.uuid7()),
            source="test-aut",
            kind=self._members.kind,
            case_handle=os.urandom(16).hex(),
            time=now,
            dataschema=self._members.dataschema,
            recipients=(Recipient("test-mda", self._kem.key_id),),
            ed25519_id=self._pair.public.ed25519_id,
            mldsa65_id=self._pair.public.mldsa65_id,
            expires=now + LIFETIME,
            directory_version=self._directory.version,
            log=LogHead(self._directory.hub.log.origin, 0, EMPTY_ROOT.hex()),
            agreement="TEST-AUT-MDA",
            basis=BASIS,
            purpose=self._members.purpose,
            role="RET",
            step=self._members.step,
            facts=self._members.facts,
            test=True,
        )
        body = hashlib.shake_128(header.id.encode()).hexdigest(payload_bytes // 2).encode()
        return seal(header, [self._kem], body, [], self._pair, spool=self._spool).container
