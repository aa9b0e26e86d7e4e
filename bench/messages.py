"""Seals messages of a wanted size as an authority's edge would, for the hub's door: what is inside it cannot see."""

import hashlib
import multiprocessing
import os
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uuid_utils

from keys.directory.client import DirectoryClient, folder_fetch
from keys.directory.directory import Directory
from keys.proofs.merkle import EMPTY_ROOT
from keys.sealing import Sealed, seal
from keys.suite import SigningPair, SigningPublic
from liaison.cli.keys import open_keyring
from liaison.demo import world as demo
from schemas import registry
from schemas.envelope import Header, LogHead, Recipient

LIFETIME = timedelta(days=2)
AGREEMENT = "TEST-AUT-MDA"
CHUNK = 32
"""Messages that a sealing process makes before it hands them in."""


class Mill:
    """Makes `ident.request` messages of one Austrian authority to Moldovan ones, each opening a case of its own."""

    def __init__(self, directory: Directory, source: str, pair: SigningPair, basis: str, spool: Path) -> None:
        self._directory = directory
        self._source = source
        self._pair = pair
        self._basis = basis
        self._members = registry.header_members(registry.example("ident.request") | {"purpose_code": "RETURN_ID"})
        self._spool = spool

    @property
    def public(self) -> SigningPublic:
        """What verifies them."""
        return self._pair.public

    def header(self, to: str) -> Header:
        """Of a new message in a new case."""
        now = datetime.now(UTC).replace(microsecond=0)
        return Header(
            id=str(uuid_utils.uuid7()),
            source=self._source,
            kind=self._members.kind,
            case_handle=os.urandom(16).hex(),
            time=now,
            dataschema=self._members.dataschema,
            recipients=(Recipient(to, self._directory.kem_public(to, now).key_id),),
            ed25519_id=self._pair.public.ed25519_id,
            mldsa65_id=self._pair.public.mldsa65_id,
            expires=now + LIFETIME,
            directory_version=self._directory.version,
            log=LogHead(self._directory.hub.log.origin, 0, EMPTY_ROOT.hex()),
            agreement=AGREEMENT,
            basis=self._basis,
            purpose=self._members.purpose,
            role="RET",
            step=self._members.step,
            facts=self._members.facts,
            test=True,
        )

    def sealed(self, payload_bytes: int, to: str = "test-mda") -> Sealed:
        """One message whose payload has so many bytes before padding to its class."""
        header = self.header(to)
        body = hashlib.shake_128(header.id.encode()).hexdigest(payload_bytes // 2).encode()
        return seal(header, [self._directory.kem_public(to, header.time)], body, [], self._pair, spool=self._spool)

    def container(self, payload_bytes: int) -> bytes:
        """The bytes of one."""
        return self.sealed(payload_bytes).container


def demo_mill(world: demo.World) -> Mill:
    """Austria's, in the demonstration's world."""
    root = (world.hub / "root.json").read_bytes()
    directory = DirectoryClient(root, None, folder_fetch(world.hub / "directory")).refresh(datetime.now(UTC))
    seeds = open_keyring(world.edge("test-aut") / "keyring", None)
    pair = SigningPair.from_seeds(seeds["sign.ed25519"], seeds["sign.mldsa65"])
    return Mill(directory, "test-aut", pair, demo.BASIS, world.folder)


def seal_file(
    file: Path, mill_of: Callable[[str], Mill], routes: Sequence[tuple[str, str]], payload_bytes: int, messages: int
) -> list[str]:
    """A file of messages as `bench.load` reads it, over these (source, recipient) in turn; gives their digests, hex.

    As many processes seal as there are cores, for one would take as long as the measurement.
    """
    _work.update(mill_of=mill_of, routes=routes, payload_bytes=payload_bytes)
    starts = range(0, messages, CHUNK)
    digests: list[str] = []
    with file.open("wb") as target, multiprocessing.get_context("fork").Pool() as pool:
        for made in pool.imap(_chunk, [(at, min(CHUNK, messages - at)) for at in starts]):
            for container, digest in made:
                target.write(struct.pack(">I", len(container)) + container)
                digests.append(digest.hex())
        pool.close()
        pool.join()
    return digests


_work: dict[str, object] = {}
"""What the processes of `seal_file` inherit."""


def _chunk(part: tuple[int, int]) -> list[tuple[bytes, bytes]]:
    mill_of, routes, payload_bytes = _work["mill_of"], _work["routes"], _work["payload_bytes"]
    assert callable(mill_of)
    assert isinstance(routes, Sequence)
    assert isinstance(payload_bytes, int)
    found = []
    for at in range(part[0], part[0] + part[1]):
        source, to = routes[at % len(routes)]
        sealed = mill_of(source).sealed(payload_bytes, to)
        found.append((sealed.container, sealed.digest))
    return found
