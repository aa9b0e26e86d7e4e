"""What a backup says of itself: every file with its digest, and the signed state of the log that it holds.

Guarantees that nothing in a backup can be changed, added or taken away unnoticed: each file is named with its SHA-256,
and the manifest is authenticated by an HMAC under the hub's index key, which no backup holds. It is written last, so
that a folder without it is no backup.
"""

import hashlib
import hmac
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from keys.at_rest import AtRest
from keys.directory.durable_file import write_durably
from schemas.errors import Rejected

VERSION = 1
MANIFEST, MAC = "manifest.json", "manifest.mac"
CHUNK_BYTES = 1024 * 1024
MANIFEST_BYTES_MAX = 1024**3
"""About a hundred bytes a part."""
_MAC_BYTES_MAX = 128
_LABEL = "backup"

INVALID = "BACKUP_INVALID"


@dataclass(frozen=True, slots=True)
class Manifest:
    """`checkpoint` is the newest signed state of the log in the backup; `files` are path -> (bytes, SHA-256 in hex)."""

    v: int
    made_at: str
    origin: str
    size: int
    root: str
    checkpoint: str
    layout: int
    tables: Mapping[str, list[str]]
    rows: Mapping[str, int]
    files: Mapping[str, tuple[int, str]]

    @property
    def total_bytes(self) -> int:
        """Of all files together."""
        return sum(size for size, _ in self.files.values())


def write_manifest(folder: Path, manifest: Manifest, at_rest: AtRest) -> str:
    """The folder's files are a backup from now on; returns the manifest's SHA-256. Raises Unavailable."""
    raw = json.dumps(asdict(manifest), separators=(",", ":"), sort_keys=True).encode()
    digest = hashlib.sha256(raw).hexdigest()
    write_durably(folder / MAC, _mac(at_rest, digest), 0o600)
    write_durably(folder / MANIFEST, raw, 0o600)
    return digest


def read_manifest(folder: Path, at_rest: AtRest) -> tuple[Manifest, str]:
    """A backup's manifest, authentic, and its SHA-256; the files are not looked at yet.

    Raises:
        Rejected: NOT_FOUND when there is none, BACKUP_INVALID when it is not one that this hub made.
    """
    try:
        raw, mac = _read(folder / MANIFEST, MANIFEST_BYTES_MAX), _read(folder / MAC, _MAC_BYTES_MAX)
    except FileNotFoundError:
        raise Rejected("NOT_FOUND") from None
    digest = hashlib.sha256(raw).hexdigest()
    if not hmac.compare_digest(mac, _mac(at_rest, digest)):
        raise Rejected(INVALID, f"/{MAC}")
    members = json.loads(raw)
    if members.get("v") != VERSION:
        raise Rejected(INVALID, f"/{MANIFEST}")
    files = {path: (size, sha256) for path, (size, sha256) in members.pop("files").items()}
    return Manifest(**members, files=files), digest


def check_files(folder: Path, manifest: Manifest, advance: Callable[[int], None]) -> None:
    """The folder holds these files with these bytes, and no other. Raises Rejected(BACKUP_INVALID) with the path."""
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    for path in sorted(there ^ (manifest.files.keys() | {MANIFEST, MAC})):
        raise Rejected(INVALID, f"/{path}")
    for path, (size, sha256) in manifest.files.items():
        if digest_of(folder / path, advance) != (size, sha256):
            raise Rejected(INVALID, f"/{path}")


def digest_of(file: Path, advance: Callable[[int], None]) -> tuple[int, str]:
    """Length and SHA-256 of a file."""
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as source:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            advance(len(chunk))
    return size, digest.hexdigest()


def copy(source: Path, target: Path) -> tuple[int, str]:
    """`target` holds what `source` does, durable but for its folder's entry; length and SHA-256 of what was copied."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reading, durable(target) as writing:
        while chunk := reading.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            writing.write(chunk)
    return size, digest.hexdigest()


@contextmanager
def durable(target: Path) -> Iterator[BinaryIO]:
    """A new file to write to, synced at the end; its folders are made."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("xb") as file:
        target.chmod(0o600)
        yield file
        file.flush()
        os.fsync(file.fileno())


def sync_folders(folder: Path) -> None:
    """The names of all files below are durable."""
    for each in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        descriptor = os.open(each, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _mac(at_rest: AtRest, digest: str) -> bytes:
    return at_rest.lookup(_LABEL, digest).hex().encode() + b"\n"


def _read(file: Path, bytes_max: int) -> bytes:
    with file.open("rb") as source:
        return source.read(bytes_max)
