"""The directory as a reader takes it in: fetch, verify the whole chain, keep what rollback protection needs.

Guarantees TUF's client workflow (specification 1.0, section 5: root rotation, threshold, rollback, freeze, mix and
match), done by python-tuf's own `TrustedMetadataSet`, and beyond it the rules of `keys.directory.roles` and
`keys.directory.assembly`. A refresh that fails changes nothing a caller holds: the old `Directory` stays what it was.

`TrustedMetadataSet` is used rather than `Updater`, for the latter reads the wall clock, owns the transport and looks
files up one at a time; here time is an argument and no byte is fetched by us: `refreshing` says which file it wants
next and is given its bytes, so that a synchronous and an asynchronous caller share one decision (ADR 20).

Every file but `timestamp.json` and new roots is wanted by digest and so fetched once. A crash in between leaves older
trusted files, from which the next refresh goes on; a damaged cached file counts as absent.
"""

import hashlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from tuf.api.exceptions import EqualVersionNumberError, ExpiredMetadataError, RepositoryError
from tuf.api.metadata import MetaFile, Root, TargetFile, Targets
from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet
from tuf.ngclient.config import EnvelopeType

from keys.directory.assembly import Collected, assemble
from keys.directory.directory import Directory
from keys.directory.durable_file import write_durably
from keys.directory.records import INVALID, RECORD_BYTES_MAX
from keys.directory.roles import read_role
from schemas import strict_json
from schemas.errors import Rejected, Unavailable

ROOT_BYTES_MAX = 512 * 1024
TIMESTAMP_BYTES_MAX = 16 * 1024
SNAPSHOT_BYTES_MAX = 2 * 1024 * 1024
TARGETS_BYTES_MAX = 5 * 1024 * 1024
ROOT_ROTATIONS_MAX = 256
ROLES_MAX = 4096


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file below the repository (`metadata/...` or `targets/...`) and the most bytes it may have."""

    path: str
    bytes_max: int


Refreshing: TypeAlias = Generator[Wanted, bytes | None, Directory]
"""Yields what it wants; is sent the bytes, or None when there is no such file; returns the directory."""


class DirectoryClient:
    """One reader of one directory. Not for use by two tasks at a time."""

    def __init__(self, root: bytes, cache_dir: Path | None = None, fetch: Callable[[str], bytes] | None = None) -> None:
        """A client that trusts `root`, the bytes of a root.json handed over at enrolment.

        Args:
            root: trusted for ever; newer roots are reached from it by its own signatures.
            cache_dir: where trusted metadata is kept between two starts; None keeps it in memory.
            fetch: gives a file's bytes for `refresh`; raises Rejected(NOT_FOUND) or FileNotFoundError when there is no
                such file, Unavailable or OSError when it cannot tell. It must bound what it reads.
        """
        self._root = root
        self._cache = _Cache(cache_dir)
        self._fetch = fetch
        self._last: tuple[tuple[int, str], datetime, Directory] | None = None

    def refresh(self, now: datetime) -> Directory:
        """The newest version of the directory.

        Raises:
            Rejected: DIRECTORY_INVALID, the chain does not hold at `now`; keep the old one and tell somebody.
            Unavailable: a file could not be had; try again later.
        """
        if self._fetch is None:
            raise Unavailable("STORE_UNAVAILABLE")
        steps = self.refreshing(now)
        try:
            wanted = next(steps)
            while True:
                wanted = steps.send(_ask(self._fetch, wanted.path))
        except StopIteration as done:
            found: Directory = done.value
            return found

    def cached(self, now: datetime) -> Directory:
        """The last version taken in, if it is still valid at `now`: for a start without a connection.

        Raises:
            Rejected: DIRECTORY_INVALID, it has expired.
            Unavailable: there is none.
        """
        steps = self._walk(now, offline=True)
        try:
            next(steps)
        except StopIteration as done:
            found: Directory = done.value
            return found
        raise Unavailable("STORE_UNAVAILABLE")

    def refreshing(self, now: datetime) -> Refreshing:
        """The steps of `refresh`, for a caller that fetches in its own way.

        Example::

            steps = client.refreshing(now)
            try:
                wanted = next(steps)
                while True:
                    wanted = steps.send(await fetch(wanted))
            except StopIteration as done:
                directory = done.value
        """
        return self._walk(now, offline=False)

    def _walk(self, now: datetime, *, offline: bool) -> Refreshing:
        try:
            trusted = TrustedMetadataSet(_strict(self._root, ROOT_BYTES_MAX), EnvelopeType.METADATA)
            trusted.reference_time = now
            yield from self._roots(trusted, offline=offline)
            yield from self._timestamp(trusted, offline=offline)
            if (same := self._unchanged(trusted, now)) is not None:
                return same
            snapshot = yield from self._snapshot(trusted)
            targets = yield from self._delegated(trusted, Targets.type, Root.type)
            roles, expired = yield from self._roles(trusted, targets)
            files: dict[str, tuple[str, bytes]] = {}
            for signed in (targets, *roles.values()):
                for path, target in signed.targets.items():
                    data = yield from self._target(path, target)
                    files[path] = (hashlib.sha256(data).hexdigest(), data)
        except (RepositoryError, ValueError, KeyError, TypeError) as error:
            # python-tuf raises the three built-in ones for roles that are not delegated and for malformed members
            raise Rejected(INVALID) from error
        until = min(signed.expires for signed in (trusted.root, trusted.snapshot, targets))
        directory = assemble(
            Collected(
                version=trusted.snapshot.version,
                snapshot_digest=hashlib.sha256(snapshot).hexdigest(),
                valid_until=min(until, trusted.timestamp.expires),
                root_until=trusted.root.expires,
                targets=targets,
                roles=roles,
                expired=expired,
                files=files,
            )
        )
        self._forget(trusted, files)
        unchanged_until = min([until, *(signed.expires for signed in roles.values())])
        self._last = (_state(trusted), unchanged_until, directory)
        return directory

    def _unchanged(self, trusted: TrustedMetadataSet, now: datetime) -> Directory | None:
        """The directory made last, when root and snapshot are those it was made of and no role has expired since."""
        if self._last is None:
            return None
        state, until, directory = self._last
        if state != _state(trusted) or now >= until or trusted.timestamp.is_expired(now):
            return None
        valid_until = min(trusted.root.expires, trusted.timestamp.expires, until)
        return directory if valid_until == directory.valid_until else replace(directory, valid_until=valid_until)

    def _roots(self, trusted: TrustedMetadataSet, *, offline: bool) -> Generator[Wanted, bytes | None, None]:
        for _ in range(ROOT_ROTATIONS_MAX):
            name = f"{trusted.root.version + 1}.root.json"
            data = self._cache.get(name)
            if data is not None:
                try:
                    trusted.update_root(_strict(data, ROOT_BYTES_MAX))
                except (RepositoryError, Rejected):
                    pass  # a damaged file: the repository has it still
                else:
                    continue
            if offline:
                return
            data = yield Wanted(f"metadata/{name}", ROOT_BYTES_MAX)
            if data is None:
                return
            trusted.update_root(_strict(data, ROOT_BYTES_MAX))
            self._cache.put(name, data)

    def _timestamp(self, trusted: TrustedMetadataSet, *, offline: bool) -> Generator[Wanted, bytes | None, None]:
        kept = self._cache.get("timestamp.json")
        try:
            if kept is not None:
                trusted.update_timestamp(_strict(kept, TIMESTAMP_BYTES_MAX))
        except (RepositoryError, Rejected):
            if offline:
                raise
            # expired, or of a key since replaced: what it could be loaded for, rollback protection, has been done
        if offline:
            if kept is None:
                raise Unavailable("STORE_UNAVAILABLE")
            return
        data = yield Wanted("metadata/timestamp.json", TIMESTAMP_BYTES_MAX)
        if data is None:
            raise Unavailable("STORE_UNAVAILABLE")
        try:
            trusted.update_timestamp(_strict(data, TIMESTAMP_BYTES_MAX))
        except EqualVersionNumberError:
            return
        self._cache.put("timestamp.json", data)

    def _snapshot(self, trusted: TrustedMetadataSet) -> Generator[Wanted, bytes | None, bytes]:
        kept = self._cache.get("snapshot.json")
        if kept is not None:
            try:
                trusted.update_snapshot(_strict(kept, SNAPSHOT_BYTES_MAX), trusted=True)
                trusted.timestamp.snapshot_meta.verify_length_and_hashes(kept)
            except (RepositoryError, Rejected):
                pass  # an older one: loaded for rollback protection, and the newer is fetched
            else:
                return kept
        meta = trusted.timestamp.snapshot_meta
        _digest(meta)  # an unhashed snapshot is refused
        path = f"metadata/{meta.version}.snapshot.json"
        data = _present((yield Wanted(path, meta.length or SNAPSHOT_BYTES_MAX)))
        trusted.update_snapshot(_strict(data, SNAPSHOT_BYTES_MAX))
        self._cache.put("snapshot.json", data)
        return data

    def _roles(
        self, trusted: TrustedMetadataSet, targets: Targets
    ) -> Generator[Wanted, bytes | None, tuple[dict[str, Targets], frozenset[str]]]:
        """Every delegated role of ours that the snapshot lists; the names of those that have expired apart."""
        delegations = targets.delegations
        names = list(delegations.roles or ()) if delegations is not None else []
        if len(names) > ROLES_MAX:
            raise Rejected(INVALID)
        roles: dict[str, Targets] = {}
        expired = set()
        for name in names:
            if read_role(name) is None or f"{name}.json" not in trusted.snapshot.meta:
                continue  # unknown here, or delegated and not yet used: neither says anything
            try:
                roles[name] = yield from self._delegated(trusted, name, Targets.type)
            except ExpiredMetadataError:
                expired.add(name)
        return roles, frozenset(expired)

    def _delegated(
        self, trusted: TrustedMetadataSet, name: str, delegator: str
    ) -> Generator[Wanted, bytes | None, Targets]:
        meta = trusted.snapshot.meta[f"{name}.json"]
        wanted = Wanted(f"metadata/{meta.version}.{name}.json", meta.length or TARGETS_BYTES_MAX)
        data = yield from self._object(_digest(meta), wanted)
        return trusted.update_delegated_targets(_strict(data, TARGETS_BYTES_MAX), name, delegator)

    def _target(self, path: str, target: TargetFile) -> Generator[Wanted, bytes | None, bytes]:
        if target.length > RECORD_BYTES_MAX:
            raise Rejected(INVALID)
        digest = _digest(target)
        folder, slash, name = path.rpartition("/")
        data = yield from self._object(digest, Wanted(f"targets/{folder}{slash}{digest}.{name}", target.length))
        target.verify_length_and_hashes(data)
        return data

    def _object(self, digest: str, wanted: Wanted) -> Generator[Wanted, bytes | None, bytes]:
        """The file with this SHA-256, kept or fetched. Only bytes that have it are kept."""
        kept = self._cache.get(digest)
        if kept is not None and hashlib.sha256(kept).hexdigest() == digest:
            return kept
        data = _present((yield wanted))
        if hashlib.sha256(data).hexdigest() != digest:
            raise Rejected(INVALID)
        self._cache.put(digest, data)
        return data

    def _forget(self, trusted: TrustedMetadataSet, files: Mapping[str, tuple[str, bytes]]) -> None:
        """Old objects go; what the present version names, and all roots, stay."""
        named = {_digest(meta) for meta in trusted.snapshot.meta.values()}
        self._cache.keep(named | {digest for digest, _ in files.values()})


class _Cache:
    """Trusted files by name, in a folder or in memory."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}

    def get(self, name: str) -> bytes | None:
        if self._folder is None:
            return self._memory.get(name)
        try:
            return (self._folder / name).read_bytes()
        except OSError:
            return None

    def put(self, name: str, data: bytes) -> None:
        if self._folder is None:
            self._memory[name] = data
        else:
            write_durably(self._folder / name, data)

    def keep(self, digests: set[str]) -> None:
        """Only these objects stay; files with a name that ends in .json are no objects."""
        if self._folder is None:
            self._memory = {name: data for name, data in self._memory.items() if _stays(name, digests)}
            return
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if not _stays(path.name, digests):
                path.unlink(missing_ok=True)


def folder_fetch(folder: Path) -> Callable[[str], bytes]:
    """A `fetch` from a repository on this machine's disk."""

    def fetch(path: str) -> bytes:
        return (folder / path).read_bytes()

    return fetch


def _state(trusted: TrustedMetadataSet) -> tuple[int, str]:
    return trusted.root.version, _digest(trusted.timestamp.snapshot_meta)


def _stays(name: str, digests: set[str]) -> bool:
    return name.endswith(".json") or name in digests


def _ask(fetch: Callable[[str], bytes], path: str) -> bytes | None:
    try:
        return fetch(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    except Rejected as refusal:
        if refusal.code == "NOT_FOUND":
            return None
        raise


def _present(data: bytes | None) -> bytes:
    """A file that signed metadata names must be there; where it is not, the repository is not whole just now."""
    if data is None:
        raise Unavailable("STORE_UNAVAILABLE")
    return data


def _digest(meta: MetaFile | TargetFile) -> str:
    digest = (meta.hashes or {}).get("sha256")
    if digest is None:
        raise Rejected(INVALID)
    return digest


def _strict(data: bytes, bytes_max: int) -> bytes:
    """The same bytes, once they are short enough and JSON that all readers read alike (python-tuf keeps duplicates)."""
    if len(data) > bytes_max:
        raise Rejected(INVALID)
    strict_json.loads(data, code=INVALID)
    return data
