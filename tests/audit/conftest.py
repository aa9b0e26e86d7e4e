"""A small signed log, stored in the two ways an auditor meets: a hub's tables and a directory of tiles."""

import hashlib
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keys.container import parse_container
from keys.proofs.checkpoint import LogSigner
from keys.proofs.leaf import Leaf, encode_leaf
from keys.proofs.merkle import CompactRange, leaf_hash
from keys.sealing import seal
from keys.suite import KemPrivate, SigningPair
from liaison.audit.sources import TILE_WIDTH, tile_path
from schemas.envelope import Header, LogHead, Recipient

ORIGIN = "hub.liaison.example/audit/2026"
START = datetime(2026, 11, 24, 9, tzinfo=UTC)
SIZE = 600
BATCHES = (1, 2, 7, 40, 255, 256, 257, 300, 513, 600)
MESSAGES = (3, 290, 599)
TABLES = """
CREATE TABLE leaf (idx INTEGER PRIMARY KEY, bytes BLOB NOT NULL, hash BLOB NOT NULL);
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE tile (level INTEGER, idx INTEGER, bytes BLOB NOT NULL, PRIMARY KEY (level, idx));
CREATE TABLE message (idx INTEGER PRIMARY KEY, digest BLOB, source TEXT, container BLOB, expires_at INTEGER);
"""


@dataclass(frozen=True)
class StoredLog:
    """Where the log lies, who signed it, and what was signed."""

    database: Path
    tiles: Path
    keys: Path
    signer: LogSigner
    leaves: tuple[bytes, ...]

    def change(self, statement: str, *values: object) -> None:
        """Do to the database what somebody with write access could do."""
        with closing(sqlite3.connect(self.database)) as connection, connection:
            assert connection.execute(statement, values).rowcount == 1

    def read(self, statement: str, *values: object) -> bytes:
        with closing(sqlite3.connect(self.database)) as connection:
            found: bytes = connection.execute(statement, values).fetchone()[0]
            return found


def _container(spool: Path, pair: SigningPair, number: int) -> bytes:
    kem = KemPrivate.generate()
    header = Header(
        id=f"0192f0a0-0000-7000-8000-{number:012x}",
        source="test-aut",
        kind="ident.request",
        case_handle=f"{number:032x}",
        time=START,
        dataschema="https://schemas.liaison.example/ident.request/1",
        recipients=(Recipient("test-mda", kem.public.key_id),),
        ed25519_id=pair.public.ed25519_id,
        mldsa65_id=pair.public.mldsa65_id,
        expires=START + timedelta(days=30),
        directory_version=1,
        log=LogHead(ORIGIN, 0, hashlib.sha256(b"").hexdigest()),
        agreement="TEST-AUT-MDA",
        basis="Art. 1",
        purpose="IDENT",
        role="RET",
        test=True,
    )
    return seal(header, [kem.public], b'{"kind":"ident.request"}', [], pair, spool=spool).container


def _leaf(index: int, containers: dict[int, bytes]) -> bytes:
    at = START + timedelta(seconds=index // 10)
    if index == 0:
        return encode_leaf(Leaf("LogOpened", at))
    if index in containers:
        container = parse_container(containers[index])
        digest, signed = container.digest.hex(), hashlib.sha256(container.signatures.block).hexdigest()
        return encode_leaf(
            Leaf("SubmissionAcceptance", at, digest, signed, "test-aut", ("test-mda",), type="ident.request")
        )
    return encode_leaf(Leaf("ContentConsignment", at, to=("test-mda",), prev=index - 1))


def _store_tiles(place: Path, leaves: list[bytes], nodes: dict[tuple[int, int], bytes], checkpoint: bytes) -> None:
    def write(path: str, data: bytes) -> None:
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(data)

    write("checkpoint", checkpoint)
    for level in (0, 1):
        count = len(leaves) >> (8 * level)
        for number in range((count + TILE_WIDTH - 1) // TILE_WIDTH):
            width = min(TILE_WIDTH, count - number * TILE_WIDTH)
            hashes = (nodes[8 * level, number * TILE_WIDTH + offset] for offset in range(width))
            write(tile_path(str(level), number, width), b"".join(hashes))
            if level == 0:
                held = leaves[number * TILE_WIDTH :][:width]
                write(tile_path("entries", number, width), b"".join(len(e).to_bytes(2, "big") + e for e in held))


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> StoredLog:
    """Never changed; `stored` is a copy."""
    place = tmp_path_factory.mktemp("log")
    signer = LogSigner(ORIGIN, b"\1" * 32, b"\2" * 32)
    pair = SigningPair.generate()
    containers = {index: _container(place, pair, index) for index in MESSAGES}
    leaves = [_leaf(index, containers) for index in range(SIZE)]
    tree, nodes = CompactRange(), dict[tuple[int, int], bytes]()
    checkpoints = {}
    for index, leaf in enumerate(leaves):
        tree.append(leaf_hash(leaf), lambda level, i, hash_: nodes.__setitem__((level, i), hash_))
        if tree.size in BATCHES:
            checkpoints[tree.size] = signer.sign(tree.size, tree.root(), START + timedelta(seconds=index))
    database = place / "hub.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.executescript(TABLES)
        connection.executemany(
            "INSERT INTO leaf VALUES (?, ?, ?)", ((i, e, leaf_hash(e)) for i, e in enumerate(leaves))
        )
        connection.executemany("INSERT INTO checkpoint VALUES (?, ?)", checkpoints.items())
        for number in range(SIZE // TILE_WIDTH):
            data = b"".join(nodes[0, number * TILE_WIDTH + offset] for offset in range(TILE_WIDTH))
            connection.execute("INSERT INTO tile VALUES (0, ?, ?)", (number, data))
        for index, raw in containers.items():
            digest = parse_container(raw).digest
            connection.execute("INSERT INTO message VALUES (?, ?, 'test-aut', ?, 0)", (index, digest, raw))
    tiles = place / "tiles"
    _store_tiles(tiles, leaves, nodes, checkpoints[SIZE])
    keys = place / "log.vkey"
    keys.write_text("\n".join(signer.public.vkeys) + "\n")
    return StoredLog(database, tiles, keys, signer, tuple(leaves))


@pytest.fixture
def stored(original: StoredLog, tmp_path: Path) -> StoredLog:
    """The log, to be tampered with."""
    shutil.copy(original.database, tmp_path / "hub.db")
    shutil.copy(original.keys, tmp_path / "log.vkey")
    shutil.copytree(original.tiles, tmp_path / "tiles")
    return StoredLog(tmp_path / "hub.db", tmp_path / "tiles", tmp_path / "log.vkey", original.signer, original.leaves)
