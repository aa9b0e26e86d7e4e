"""The directory as it is published: `FOLDER/metadata` and `FOLDER/targets`, a TUF repository with consistent snapshots.

Guarantees that nothing is published which a reader would refuse: each new version is read by a fresh client before
`timestamp.json` names it, and `timestamp.json` is written last. A crash before that leaves the old version valid and
files of an unused number, which the next publication overwrites; a crash after it leaves the new version whole. One
publication at a time (a lock file); readers need no lock, for every other file is named by version or digest.

Who may publish what: the registrar (offline key) enrols partners and admits agreements; a partner's administrators
renew its keys and suspend its agreements without the registrar; the hub's online keys sign snapshot and timestamp and
can neither add nor change anything (formats.md D.1). Each publication is one directory version; the hub makes each one
a leaf of the log (`published`).
"""

import fcntl
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from securesystemslib.exceptions import UnverifiedSignatureError
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import (
    DelegatedRole as Delegation,
)
from tuf.api.metadata import (
    Delegations,
    Metadata,
    MetaFile,
    Role,
    Root,
    Signed,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from keys.custody import read_keyring, write_keyring
from keys.directory.assembly import delegated_keys
from keys.directory.client import DirectoryClient, folder_fetch
from keys.directory.directory import Directory
from keys.directory.draft import parse_draft
from keys.directory.durable_file import write_durably
from keys.directory.durations import Lifetimes
from keys.directory.enrolment import Enrolment, parse_enrolment
from keys.directory.records import INVALID, HubRecord, PartnerRecord, encode_hub, encode_partner
from keys.directory.roles import HUB_PATH, DelegatedRole, registry_path
from keys.directory.signers import public_of, role_key, signed_bytes, tuf_key
from keys.directory.suspension import Suspension, encode_suspension
from schemas.errors import Rejected, Unavailable

SNAPSHOT_KEY, TIMESTAMP_KEY = "tuf.snapshot", "tuf.timestamp"
ROOT_KEY, REGISTRAR_KEY = "root", "registrar"
CEREMONY_KEYRING = "keyring"
_T = TypeVar("_T", bound=Signed)
_LOCK = ".lock"
_TIMESTAMP = "timestamp.json"


@dataclass(slots=True)
class _State:
    """The published version, to be changed and published as the next one."""

    timestamp: Timestamp
    snapshot: Snapshot
    targets: Targets
    roles: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def place(self, role: str, data: bytes, version: int) -> None:
        """A role's new metadata file, to be named by the next snapshot."""
        self.roles[f"{version}.{role}.json"] = data
        self.snapshot.meta[f"{role}.json"] = MetaFile.from_data(version, data, ["sha256"])

    def digest(self, role: str) -> str | None:
        """SHA-256 of a role's published metadata file, hex."""
        meta = self.snapshot.meta.get(f"{role}.json")
        return None if meta is None else (meta.hashes or {}).get("sha256")

    def file(self, path: str, data: bytes) -> TargetFile:
        """A new target file."""
        target = TargetFile.from_data(path, data, ["sha256"])
        folder, slash, name = path.rpartition("/")
        self.files[f"{folder}{slash}{target.hashes['sha256']}.{name}"] = data
        return target


class Repository:
    """The publishing side of a directory. `online` holds the hub's seeds `tuf.snapshot` and `tuf.timestamp`."""

    def __init__(self, folder: Path, online: Mapping[str, bytes], lifetimes: Lifetimes | None = None) -> None:
        self.folder = folder
        self._online = {name: online[name] for name in (SNAPSHOT_KEY, TIMESTAMP_KEY)}
        self._lifetimes = lifetimes or Lifetimes()

    @classmethod
    def create(
        cls,
        folder: Path,
        online: Mapping[str, bytes],
        hub: HubRecord,
        now: datetime,
        *,
        root: Sequence[bytes],
        registrar: Sequence[bytes],
        root_threshold: int = 1,
        registrar_threshold: int = 1,
        lifetimes: Lifetimes | None = None,
    ) -> "Repository":
        """A new directory, version 1: the hub's keys and no partner.

        Args:
            folder: must hold no directory yet.
            online: seeds `tuf.snapshot` and `tuf.timestamp`.
            hub: what stands in hub/keys.json.
            now: aware UTC.
            root: the root officers' seeds; all sign, `root_threshold` suffice later.
            registrar: the registrars' seeds, likewise.
            root_threshold: how many root officers a new root needs.
            registrar_threshold: how many registrars a change of theirs needs.
            lifetimes: of the metadata.

        Raises:
            Rejected: DIRECTORY_INVALID when there is one already.
        """
        repository = cls(folder, online, lifetimes)
        times = repository._lifetimes
        with repository._locked():
            if (folder / "metadata" / _TIMESTAMP).exists():
                raise Rejected(INVALID)
            groups: dict[str, tuple[Sequence[bytes], int]] = {
                Root.type: (root, root_threshold),
                Targets.type: (registrar, registrar_threshold),
                Snapshot.type: ([online[SNAPSHOT_KEY]], 1),
                Timestamp.type: ([online[TIMESTAMP_KEY]], 1),
            }
            signed_root = Root(
                version=1,
                expires=_after(now, times.root),
                keys={key.keyid: key for seeds, _ in groups.values() for key in map(role_key, seeds)},
                roles={
                    name: Role([role_key(seed).keyid for seed in seeds], threshold)
                    for name, (seeds, threshold) in groups.items()
                },
                consistent_snapshot=True,
            )
            state = _State(
                Timestamp(version=1, expires=_after(now, times.timestamp)),
                Snapshot(version=1, expires=_after(now, times.snapshot), meta={}),
                Targets(version=1, expires=_after(now, times.registrar), delegations=Delegations({}, {})),
            )
            state.targets.targets[HUB_PATH] = state.file(HUB_PATH, encode_hub(hub))
            state.place(Targets.type, signed_bytes(state.targets, registrar), 1)
            write_durably(folder / "metadata" / "1.root.json", signed_bytes(signed_root, root))
            repository._publish(state, now)
        return repository

    @property
    def root(self) -> bytes:
        """The first root.json: what readers are given at enrolment and trust."""
        return _read(self.folder / "metadata" / "1.root.json")

    def directory(self, now: datetime) -> Directory:
        """The published version, read as any reader would."""
        return DirectoryClient(self.root, None, folder_fetch(self.folder)).refresh(now)

    def tests_alone(self) -> bool:
        """Whether every partner is a test, by what was published last, however long ago; nothing is signed for it.

        Raises:
            Rejected: DIRECTORY_INVALID.
        """
        before = self._load().timestamp.expires - timedelta(seconds=1)
        return all(partner.test for partner in self.directory(before).partners.values())

    def enrol(self, registrar: Sequence[bytes], enrolment: bytes, record: PartnerRecord, now: datetime) -> Directory:
        """The partner is in the directory, its role delegated to the administrators' key of the enrolment.

        The same enrolment again changes only the record; another one of a known partner is refused: its keys are
        renewed by `publish_keys`, without the registrar.

        Raises:
            Rejected: DIRECTORY_INVALID: a proof does not hold, the partner exists with another key, or a key is taken.
        """
        offered = parse_enrolment(enrolment)
        role = DelegatedRole("partner", offered.partner)
        if record.id != offered.partner:
            raise Rejected(INVALID, "/partner")
        with self._changing(now) as state:
            present = delegated_keys(state.targets, role.name)
            if present and (
                present != [offered.administrators]
                or state.digest(role.name) != hashlib.sha256(offered.metadata).hexdigest()
            ):
                raise Rejected(INVALID, "/administrators")
            if not present:
                self._delegate(state, role, [offered.administrators], 1)
                state.file(role.path, offered.key_set_bytes)
                state.place(role.name, offered.metadata, offered.version)
            path = registry_path(record.id)
            target = state.file(path, encode_partner(record))
            if state.targets.targets.get(path) == target and present:
                return self.directory(now)
            state.targets.targets[path] = target
            self._sign_targets(state, registrar, now)
            return self._publish(state, now)

    def update_partner(self, registrar: Sequence[bytes], record: PartnerRecord, now: datetime) -> Directory:
        """The registrar's record of an enrolled partner is this one, or Rejected(RECIPIENT_UNKNOWN)."""
        path = registry_path(record.id)
        with self._changing(now) as state:
            if path not in state.targets.targets:
                raise Rejected("RECIPIENT_UNKNOWN")
            state.targets.targets[path] = state.file(path, encode_partner(record))
            self._sign_targets(state, registrar, now)
            return self._publish(state, now)

    def exchange_administrators(self, registrar: Sequence[bytes], enrolment: bytes, now: datetime) -> Directory:
        """The partner's role is delegated to the administrators' key of this enrolment, the old one says nothing more.

        For a key that is lost or stolen. Every reader sees the exchange; agreements that the old key signed are left
        out until the parties sign a newer version.

        Raises:
            Rejected: DIRECTORY_INVALID, RECIPIENT_UNKNOWN for a partner never enrolled.
        """
        with self._changing(now) as state:
            offered, role = self._renewal(state, enrolment, now)
            self._delegate(state, role, [offered.administrators], 1)
            self._sign_targets(state, registrar, now)
            return self._publish(state, now)

    def publish_keys(self, enrolment: bytes, now: datetime) -> Directory:
        """The partner's new key set, signed by its own administrators; the registrar has no part in it.

        Raises:
            Rejected: DIRECTORY_INVALID, RECIPIENT_UNKNOWN for a partner never enrolled.
        """
        with self._changing(now) as state:
            offered, role = self._renewal(state, enrolment, now)
            if offered.administrators not in delegated_keys(state.targets, role.name):
                raise Rejected(INVALID, "/administrators")
            return self._publish(state, now)

    def publish_agreement(self, registrar: Sequence[bytes], draft: bytes, now: datetime) -> Directory:
        """The agreement is in force as written, each party's administrators having signed exactly these bytes.

        Raises:
            Rejected: DIRECTORY_INVALID at /signatures when a party's is missing or one signed who is no party, at
                /metadata when the version is not newer; or what is wrong in the agreement.
        """
        offered = parse_draft(draft)
        agreement = offered.agreement
        role = DelegatedRole("agreement", agreement.id)
        with self._changing(now) as state:
            states = self._administrators(state, now)
            keys = [key for key in states if _signed_by(offered.metadata, key)]
            if sorted(states[key] for key in keys) != sorted(agreement.parties):
                raise Rejected(INVALID, "/signatures")
            if len(offered.metadata.signatures) != len(keys):
                raise Rejected(INVALID, "/signatures")
            published = state.snapshot.meta.get(f"{role.name}.json")
            if published is not None and published.version >= agreement.version:
                raise Rejected(INVALID, "/metadata")
            self._delegate(state, role, keys, len(keys))
            for key in keys:
                self._delegate(state, DelegatedRole("suspension", agreement.id, states[key]), [key], 1)
            state.file(role.path, offered.agreement_bytes)
            state.place(role.name, offered.metadata.to_bytes(), agreement.version)
            self._sign_targets(state, registrar, now)
            return self._publish(state, now)

    def suspend(self, agreement_id: str, administrators: bytes, now: datetime) -> Directory:
        """The agreement is suspended by the party whose administrators' seed this is; the others are not asked.

        Raises:
            Rejected: NO_AGREEMENT when there is none of this id, KEY_UNKNOWN when the key is no party's.
        """
        public = public_of(administrators)
        with self._changing(now) as state:
            agreement = self.directory(now).agreement(agreement_id)
            role = next(
                (
                    one
                    for one in (DelegatedRole("suspension", agreement_id, party) for party in agreement.parties)
                    if delegated_keys(state.targets, one.name) == [public]
                ),
                None,
            )
            if role is None or role.state is None:
                raise Rejected("KEY_UNKNOWN")
            data = encode_suspension(
                Suspension(agreement_id, agreement.version, role.state, now.replace(microsecond=0))
            )
            earlier = state.snapshot.meta.get(f"{role.name}.json")
            version = 1 if earlier is None else earlier.version + 1
            targets = Targets(
                version=version,
                expires=_after(now, self._lifetimes.suspension),
                targets={role.path: state.file(role.path, data)},
            )
            state.place(role.name, signed_bytes(targets, [administrators]), version)
            return self._publish(state, now)

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nobody publishes here, or reads into a cache that processes share, meanwhile. Raises Unavailable."""
        with self._locked():
            yield

    def renew(self, now: datetime) -> bool:
        """Timestamp and snapshot are good for a while again; the hub calls this well within the timestamp's lifetime.

        Returns:
            True when the snapshot had to be renewed too, which is a new directory version (and a leaf).
        """
        with self._locked():
            state = self._load()
            if state.snapshot.expires - now > self._lifetimes.snapshot / 2:
                self._stamp(state, now)
                return False
            self._publish(state, now)
            return True

    def published(self) -> list[tuple[int, str]]:
        """Each version published so far with the SHA-256 of its snapshot file (hex), oldest first: the leaves due."""
        newest = _metadata(Timestamp, _read(self.folder / "metadata" / _TIMESTAMP)).snapshot_meta.version
        paths = ((version, self.folder / "metadata" / f"{version}.snapshot.json") for version in range(1, newest + 1))
        return [(version, hashlib.sha256(_read(path)).hexdigest()) for version, path in paths if path.exists()]

    def _renewal(self, state: _State, enrolment: bytes, now: datetime) -> tuple[Enrolment, DelegatedRole]:
        """The known partner's newer key set, placed in the state."""
        keys = self.directory(now).keys
        published = {partner: {record.id for record in records} for partner, records in keys.items()}
        offered = parse_enrolment(enrolment, published)
        role = DelegatedRole("partner", offered.partner)
        meta = state.snapshot.meta.get(f"{role.name}.json")
        if meta is None:
            raise Rejected("RECIPIENT_UNKNOWN")
        if offered.version <= meta.version:
            raise Rejected(INVALID, "/metadata")
        state.file(role.path, offered.key_set_bytes)
        state.place(role.name, offered.metadata, offered.version)
        return offered, role

    def _administrators(self, state: _State, now: datetime) -> dict[bytes, str]:
        """Each administrators' key with its partner's state."""
        partners = self.directory(now).partners.values()
        return {
            key: record.state
            for record in partners
            for key in delegated_keys(state.targets, DelegatedRole("partner", record.id).name)
        }

    def _delegate(self, state: _State, role: DelegatedRole, publics: Sequence[bytes], threshold: int) -> None:
        delegations = state.targets.delegations
        if delegations is None or delegations.roles is None:
            raise Rejected(INVALID)
        keys = [tuf_key(public) for public in publics]
        delegations.keys.update({key.keyid: key for key in keys})
        delegations.roles[role.name] = Delegation(
            role.name, [key.keyid for key in keys], threshold, terminating=True, paths=[role.pattern]
        )
        used = {key_id for one in delegations.roles.values() for key_id in one.keyids}
        for key_id in set(delegations.keys) - used:
            del delegations.keys[key_id]

    def _sign_targets(self, state: _State, registrar: Sequence[bytes], now: datetime) -> None:
        state.targets.version += 1
        state.targets.expires = _after(now, self._lifetimes.registrar)
        state.place(Targets.type, signed_bytes(state.targets, registrar), state.targets.version)

    def _publish(self, state: _State, now: datetime) -> Directory:
        """The state is the next version, unless a reader would refuse it; then nothing has changed."""
        if (self.folder / "metadata" / _TIMESTAMP).exists():
            state.snapshot.version += 1
        state.snapshot.expires = _after(now, self._lifetimes.snapshot)
        snapshot = signed_bytes(state.snapshot, [self._online[SNAPSHOT_KEY]])
        for path, data in state.files.items():
            write_durably(self.folder / "targets" / path, data)
        for name, data in state.roles.items():
            write_durably(self.folder / "metadata" / name, data)
        write_durably(self.folder / "metadata" / f"{state.snapshot.version}.snapshot.json", snapshot)
        state.timestamp.snapshot_meta = MetaFile.from_data(state.snapshot.version, snapshot, ["sha256"])
        return self._stamp(state, now)

    def _stamp(self, state: _State, now: datetime) -> Directory:
        """`timestamp.json` names the state's snapshot, after a reader accepted it."""
        target = self.folder / "metadata" / _TIMESTAMP
        if target.exists():
            state.timestamp.version += 1
        state.timestamp.expires = _after(now, self._lifetimes.timestamp)
        stamped = signed_bytes(state.timestamp, [self._online[TIMESTAMP_KEY]])
        on_disk = folder_fetch(self.folder)

        def fetch(path: str) -> bytes:
            return stamped if path == f"metadata/{_TIMESTAMP}" else on_disk(path)

        directory = DirectoryClient(self.root, None, fetch).refresh(now)
        write_durably(target, stamped)
        return directory

    @contextmanager
    def _changing(self, now: datetime) -> Iterator[_State]:
        with self._locked():
            state = self._load()
            if state.timestamp.is_expired(now) or state.snapshot.is_expired(now):
                self._publish(state, now)  # the hub was away; what is changed must first be readable
            yield state

    def _load(self) -> _State:
        metadata = self.folder / "metadata"
        timestamp = _metadata(Timestamp, _read(metadata / _TIMESTAMP))
        snapshot = _metadata(Snapshot, _read(metadata / f"{timestamp.snapshot_meta.version}.snapshot.json"))
        targets = _metadata(Targets, _read(metadata / f"{snapshot.meta['targets.json'].version}.targets.json"))
        return _State(timestamp, snapshot, targets)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable("STORE_UNAVAILABLE") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _after(now: datetime, lifetime: timedelta) -> datetime:
    return now.astimezone(UTC).replace(microsecond=0) + lifetime


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise Rejected("NOT_FOUND") from error
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error


def _metadata(kind: type[_T], data: bytes) -> _T:
    """Our own published metadata, read to be changed; readers verify what becomes of it."""
    try:
        signed = Metadata.from_bytes(data).signed
    except RepositoryError as error:
        raise Rejected(INVALID) from error
    if not isinstance(signed, kind):
        raise Rejected(INVALID)
    return signed


def _signed_by(metadata: Metadata[Targets], public: bytes) -> bool:
    key = tuf_key(public)
    signature = metadata.signatures.get(key.keyid)
    if signature is None:
        return False
    try:
        key.verify_signature(signature, metadata.signed_bytes)
    except UnverifiedSignatureError:
        return False
    return True


def create_repository(  # noqa: PLR0917 - the builders' agreed order
    folder: Path,
    ceremony: Path,
    online: Mapping[str, bytes],
    hub: HubRecord,
    passphrase: bytes,
    now: datetime,
    *,
    lifetimes: Lifetimes | None = None,
    log2_n: int = 17,
) -> bytes:
    """A new directory with one root officer and one registrar, whose keys are made and kept in `ceremony`.

    Args:
        folder: the directory's folder, empty or new.
        ceremony: gets a `keyring` with the seeds `root` and `registrar`; goes offline afterwards.
        online: seeds `tuf.snapshot` and `tuf.timestamp`.
        hub: what stands in hub/keys.json.
        passphrase: of the ceremony's keyring.
        now: aware UTC.
        lifetimes: of the metadata.
        log2_n: scrypt's cost.

    Returns:
        root.json, which readers are given.
    """
    seeds = {ROOT_KEY: os.urandom(32), REGISTRAR_KEY: os.urandom(32)}
    ceremony.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_keyring(ceremony / CEREMONY_KEYRING, seeds, passphrase, log2_n=log2_n)
    made = Repository.create(
        folder, online, hub, now, root=[seeds[ROOT_KEY]], registrar=[seeds[REGISTRAR_KEY]], lifetimes=lifetimes
    )
    return made.root


def registrar_seeds(ceremony: Path, passphrase: bytes) -> list[bytes]:
    """The registrars' seeds of a ceremony's folder."""
    return [read_keyring(ceremony / CEREMONY_KEYRING, passphrase)[REGISTRAR_KEY]]
