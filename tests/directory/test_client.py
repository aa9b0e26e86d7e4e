"""What a reader refuses, whoever says it."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from securesystemslib.signer import SSlibKey
from tuf.api.exceptions import DownloadHTTPError
from tuf.api.metadata import Delegations, Metadata, Root, Snapshot, TargetFile, Targets
from tuf.ngclient import FetcherInterface, Updater

from keys.directory.client import ROLES_MAX, DirectoryClient, Wanted, folder_fetch
from keys.directory.draft import parse_draft, propose, sign_draft
from keys.directory.enrolment import make_enrolment, parse_enrolment, sign_key_set
from keys.directory.records import (
    RECORD_BYTES_MAX,
    HubRecord,
    KeySet,
    encode_hub,
    encode_key_set,
    encode_partner,
    parse_key_set,
)
from keys.directory.repository import Repository, _State
from keys.directory.roles import HUB_PATH, DelegatedRole, registry_path
from keys.directory.signers import public_of, role_key, signed_bytes
from keys.directory.suspension import Suspension, encode_suspension
from schemas.errors import Rejected, Unavailable
from tests.directory.conftest import NOW, Partner, World, agreement, partner, seed

DAY = timedelta(days=1)


def refused(client: DirectoryClient, now: object = NOW) -> str | None:
    with pytest.raises(Rejected) as refusal:
        client.refresh(now)  # type: ignore[arg-type]
    assert refusal.value.code == "DIRECTORY_INVALID"
    return refusal.value.path


def test_a_reader_finds_what_was_enrolled(world: World, tmp_path: Path) -> None:
    directory = world.client(tmp_path / "cache").refresh(NOW)
    assert sorted(directory.partners) == ["test-aut", "test-geo", "test-mda"]
    assert directory.partner("test-aut") == world.aut.record
    assert directory.hub == world.hub
    assert directory.version == 4
    assert (directory.version, directory.snapshot_digest) == world.repository.published()[-1]
    assert directory.valid_until == NOW + DAY
    assert not directory.faults


def test_a_threshold_that_is_missed(world: World) -> None:
    def unsigned(state: _State) -> None:
        state.targets.version += 1
        state.place("targets", signed_bytes(state.targets, []), state.targets.version)

    def stranger(state: _State) -> None:
        state.targets.version += 1
        state.place("targets", signed_bytes(state.targets, [seed()]), state.targets.version)

    for change in (unsigned, stranger):
        world.force(change)
        refused(world.client())


def key_set_of(one: Partner) -> bytes:
    return parse_enrolment(make_enrolment(one.secrets, one.id, now=NOW)).key_set_bytes


def test_a_key_set_signed_by_another_partner(world: World) -> None:
    forged = partner("test-aut", "AUT")

    def change(state: _State) -> None:
        role = DelegatedRole("partner", "test-aut")
        keys = key_set_of(forged)
        state.file(role.path, keys)
        state.place(role.name, sign_key_set("test-aut", keys, world.mda.administrators, 2, NOW + DAY), 2)

    world.force(change)
    refused(world.client())


def test_not_even_the_registrar_signs_a_partners_keys(world: World) -> None:
    def change(state: _State) -> None:
        path = DelegatedRole("partner", "test-aut").path
        state.targets.targets[path] = state.file(path, key_set_of(partner("test-aut", "AUT")))

    world.force(change, registrar=world.registrar)
    refused(world.client())


def put(state: _State, role: DelegatedRole, data: bytes, administrators: bytes, path: str | None = None) -> None:
    """The role signs `data` at its path, or at another."""
    path = path or role.path
    version = state.snapshot.meta[f"{role.name}.json"].version + 1
    targets = Targets(version=version, expires=NOW + DAY, targets={path: state.file(path, data)})
    state.place(role.name, signed_bytes(targets, [administrators]), version)


def test_a_key_set_naming_another_partner(world: World) -> None:
    role = DelegatedRole("partner", "test-mda")
    world.force(lambda state: put(state, role, key_set_of(world.aut), world.mda.administrators))
    refused(world.client())


@pytest.mark.parametrize("path", ["partners/test-aut/keys.json", "partners/test-mda/more.json", "hub/keys.json"])
def test_a_role_signs_its_one_path(world: World, path: str) -> None:
    role = DelegatedRole("partner", "test-mda")
    world.force(lambda state: put(state, role, key_set_of(world.mda), world.mda.administrators, path))
    refused(world.client())


def test_a_role_delegates_nothing(world: World) -> None:
    def change(state: _State) -> None:
        role = DelegatedRole("partner", "test-mda")
        keys = key_set_of(world.mda)
        targets = Targets(2, expires=NOW + DAY, targets={role.path: state.file(role.path, keys)})
        targets.delegations = Delegations({}, {})
        state.place(role.name, signed_bytes(targets, [world.mda.administrators]), 2)

    world.force(change)
    refused(world.client())


def test_two_partners_share_no_key(world: World) -> None:
    """Whichever of them it is that claims the other's: the version is refused."""
    for use in (("sign.ed25519", "sign.mldsa65"), ("sign.ed25519",), ("sign.mldsa65",), ("kem",), ("request",)):
        secrets = world.mda.secrets | {name: world.aut.secrets[name] for name in use}
        keys = key_set_of(Partner("test-mda", "MDA", secrets))
        role = DelegatedRole("partner", "test-mda")

        def change(state: _State, role: DelegatedRole = role, keys: bytes = keys) -> None:
            put(state, role, keys, world.mda.administrators)

        world.force(change)
        refused(world.client())


def test_a_key_has_one_use(world: World) -> None:
    for secrets in (
        world.mda.secrets | {"request": world.mda.secrets["sign.ed25519"]},
        world.mda.secrets | {"request": world.mda.administrators},
    ):
        keys = key_set_of(Partner("test-mda", "MDA", secrets))
        role = DelegatedRole("partner", "test-mda")
        world.force(lambda state, keys=keys, role=role: put(state, role, keys, world.mda.administrators))  # type: ignore[misc]
        refused(world.client())


def test_the_hubs_keys_are_nobody_elses(world: World) -> None:
    taken = public_of(world.aut.secrets["request"])
    hub = HubRecord(world.hub.origin, world.hub.url, world.hub.log, taken)

    def change(state: _State) -> None:
        state.targets.targets[HUB_PATH] = state.file(HUB_PATH, encode_hub(hub))

    world.force(change, registrar=world.registrar)
    refused(world.client())


def test_a_key_id_is_that_of_its_bytes(world: World) -> None:
    found = json.loads(key_set_of(world.mda))
    found["keys"][1]["id"] = found["keys"][2]["id"]
    role = DelegatedRole("partner", "test-mda")
    world.force(lambda state: put(state, role, json.dumps(found).encode(), world.mda.administrators))
    assert refused(world.client()) == "/keys/1/id"


def test_a_registry_record_names_its_partner(world: World) -> None:
    def change(state: _State) -> None:
        path = registry_path("test-mda")
        state.targets.targets[path] = state.file(path, encode_partner(world.aut.record))

    world.force(change, registrar=world.registrar)
    refused(world.client())


def drop(state: _State, path: str) -> None:
    del state.targets.targets[path]


def test_keys_without_a_registry_record(world: World) -> None:
    world.force(lambda state: drop(state, registry_path("test-mda")), registrar=world.registrar)
    refused(world.client())


def test_a_directory_without_a_hub(world: World) -> None:
    world.force(lambda state: drop(state, HUB_PATH), registrar=world.registrar)
    refused(world.client())


def test_changed_bytes_of_a_file(world: World) -> None:
    for path in (world.folder / "targets").rglob("*.json"):
        good = path.read_bytes()
        path.write_bytes(good.replace(b"test", b"tost", 1) if b"test" in good else good + b" ")
        refused(world.client())
        path.write_bytes(good)
    for path in (world.folder / "metadata").glob("*partner-test-mda.json"):
        path.write_bytes(path.read_bytes() + b" ")
    refused(world.client())


def test_a_file_that_is_not_there_is_no_proof_of_anything(world: World) -> None:
    path = next((world.folder / "targets" / "partners" / "test-mda").glob("*.json"))
    path.unlink()
    with pytest.raises(Unavailable):
        world.client().refresh(NOW)
    (world.folder / "metadata" / "timestamp.json").unlink()
    with pytest.raises(Unavailable):
        world.client().refresh(NOW)


def test_an_old_version_is_refused_by_who_saw_a_newer(world: World, tmp_path: Path) -> None:
    timestamp = world.folder / "metadata" / "timestamp.json"
    old = timestamp.read_bytes()
    client = world.client(tmp_path / "cache")
    client.refresh(NOW)
    world.repository.update_partner([world.registrar], world.aut.record, NOW)
    directory = client.refresh(NOW)
    timestamp.write_bytes(old)
    refused(client)
    refused(world.client(tmp_path / "cache"))  # after a restart too
    assert world.client().refresh(NOW).version == directory.version - 1  # who never saw the newer cannot know


def test_a_role_may_not_go_back(world: World, tmp_path: Path) -> None:
    """Snapshot and timestamp are online keys: whoever holds them still cannot bring back a key set."""
    old = world.repository._load().snapshot.meta["partner-test-mda.json"]
    renewed = make_enrolment(
        world.mda.secrets | {"kem": seed()}, "test-mda", now=NOW, version=2, kept=(),
    )  # fmt: skip
    world.repository.publish_keys(renewed, NOW)
    client = world.client(tmp_path / "cache")
    client.refresh(NOW)

    def back(state: _State) -> None:
        state.snapshot.meta["partner-test-mda.json"] = old

    def gone(state: _State) -> None:
        del state.snapshot.meta["partner-test-mda.json"]

    for change in (back, gone):
        world.force(change)
        refused(client)


@pytest.mark.parametrize("late", [DAY, 15 * DAY, 400 * DAY])
def test_a_version_kept_too_long(world: World, late: timedelta, tmp_path: Path) -> None:
    client = world.client(tmp_path / "cache")
    directory = client.refresh(NOW)
    refused(client, NOW + late)
    directory.check_fresh(NOW + DAY - timedelta(seconds=1))
    with pytest.raises(Rejected):
        directory.check_fresh(NOW + late)
    with pytest.raises(Rejected):
        client.cached(NOW + late)


def test_an_expired_partner_loses_its_own_keys_only(world: World) -> None:
    late = NOW + timedelta(days=398)

    def change(current: _State) -> None:
        current.timestamp.expires = current.snapshot.expires = current.targets.expires = late + DAY
        current.targets.version += 1
        current.place("targets", signed_bytes(current.targets, [world.registrar]), current.targets.version)
        keys = key_set_of(world.aut)
        role = DelegatedRole("partner", "test-aut")
        current.file(role.path, keys)
        current.place(role.name, sign_key_set("test-aut", keys, world.aut.administrators, 2, late + DAY), 2)

    world.force(change)
    root = Metadata[Root].from_bytes(world.repository.root).signed
    root.expires = late + DAY
    directory = DirectoryClient(signed_bytes(root, [world.root]), None, folder_fetch(world.folder)).refresh(late)
    assert directory.keys["test-aut"]
    assert directory.keys["test-mda"] == ()
    assert set(directory.faults) == {"partner-test-mda", "partner-test-geo"}
    with pytest.raises(Rejected) as refusal:
        directory.kem_public("test-mda", late)
    assert refusal.value.code == "KEY_UNKNOWN"


def rotate(world: World, signers: list[bytes], registrar: bytes, version: int = 2) -> None:
    root = Metadata[Root].from_bytes(world.repository.root).signed
    root.version = version
    root.revoke_key(root.roles["targets"].keyids[0], "targets")
    root.add_key(role_key(registrar), "targets")
    (world.folder / "metadata" / f"{version}.root.json").write_bytes(signed_bytes(root, signers))


def test_a_new_root_is_reached_from_the_old_one(world: World, tmp_path: Path) -> None:
    client = world.client(tmp_path / "cache")
    client.refresh(NOW)
    registrar = seed()
    rotate(world, [world.root], registrar)
    refused(client)  # the present targets are the revoked registrar's
    world.force(lambda _: None, registrar=registrar)
    assert client.refresh(NOW).version == 5
    assert world.client(tmp_path / "cache").cached(NOW).version == 5
    (tmp_path / "cache" / "2.root.json").write_bytes(b"{}")  # damaged: fetched again
    assert world.client(tmp_path / "cache").refresh(NOW).version == 5


@pytest.mark.parametrize("fault", ["stranger", "skipped", "unsigned"])
def test_a_root_of_nobody(world: World, fault: str) -> None:
    signers = {"stranger": [seed()], "skipped": [world.root], "unsigned": []}[fault]
    rotate(world, signers, seed())
    path = world.folder / "metadata" / "2.root.json"
    if fault == "skipped":
        root = Metadata[Root].from_bytes(path.read_bytes()).signed
        root.version = 3
        path.write_bytes(signed_bytes(root, signers))
    refused(world.client())


def test_metadata_without_a_digest_is_refused(world: World) -> None:
    def change(state: _State) -> None:
        state.snapshot.meta["partner-test-mda.json"].hashes = None

    world.force(change)
    refused(world.client())


def test_a_member_twice_is_refused(world: World) -> None:
    timestamp = world.folder / "metadata" / "timestamp.json"
    timestamp.write_bytes(timestamp.read_bytes().replace(b"{", b'{"signed": {},', 1))
    refused(world.client())


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"\xff", b"x" * 20_000, b'{"signed": {}, "signatures": []}'])
def test_what_is_no_metadata(world: World, data: bytes) -> None:
    (world.folder / "metadata" / "timestamp.json").write_bytes(data)
    refused(world.client())
    with pytest.raises(Rejected):
        DirectoryClient(data, None, folder_fetch(world.folder)).refresh(NOW)


def test_a_delegation_of_more_than_its_path(world: World) -> None:
    def wider(state: _State) -> None:
        assert state.targets.delegations is not None
        assert state.targets.delegations.roles is not None
        state.targets.delegations.roles["partner-test-mda"].paths = ["partners/*/*"]

    world.force(wider, registrar=world.registrar)
    refused(world.client())


def delegation(state: _State, name: str) -> Any:
    assert state.targets.delegations is not None
    assert state.targets.delegations.roles is not None
    return state.targets.delegations, state.targets.delegations.roles[name]


def test_one_key_under_two_names_does_not_count_twice(world: World) -> None:
    def change(state: _State) -> None:
        delegations, role = delegation(state, "partner-test-mda")
        key = delegations.keys[role.keyids[0]]
        delegations.keys["alias"] = SSlibKey("alias", key.keytype, key.scheme, key.keyval)
        role.keyids.append("alias")

    world.force(change, registrar=world.registrar)
    refused(world.client())


@pytest.mark.parametrize(
    ("keytype", "scheme", "keyval"),
    [("rsa", "rsassa-pss-sha256", {"public": "x"}), ("ed25519", "ed25519", {"public": "xyz"})],
)
def test_a_role_key_that_is_none(world: World, keytype: str, scheme: str, keyval: dict[str, str]) -> None:
    def change(state: _State) -> None:
        delegations, role = delegation(state, "partner-test-mda")
        delegations.keys["odd"] = SSlibKey("odd", keytype, scheme, keyval)
        role.keyids.append("odd")

    world.force(change, registrar=world.registrar)
    refused(world.client())


def test_there_is_a_limit_to_roles_and_files(world: World) -> None:
    def many(state: _State) -> None:
        delegations, role = delegation(state, "partner-test-mda")
        for number in range(ROLES_MAX):
            name = f"x-{number}"
            delegations.roles[name] = type(role)(name, role.keyids, 1, terminating=True, paths=["x"])

    def large(state: _State) -> None:
        path = registry_path("test-mda")
        state.targets.targets[path] = state.file(path, b" " * (RECORD_BYTES_MAX + 1))

    world.force(large, registrar=world.registrar)
    refused(world.client())
    world.force(many, registrar=world.registrar)
    refused(world.client())


def test_a_role_of_another_kind_is_not_followed(world: World) -> None:
    def change(state: _State) -> None:
        assert state.targets.delegations is not None
        assert state.targets.delegations.roles is not None
        found = state.targets.delegations.roles["partner-test-mda"]
        future = type(found)("bulletins", found.keyids, 1, terminating=True, paths=["bulletins/*"])
        state.targets.delegations.roles["bulletins"] = future
        data = Targets(1, expires=NOW + DAY, targets={"bulletins/1": TargetFile.from_data("bulletins/1", b"x")})
        state.place("bulletins", signed_bytes(data, [world.mda.administrators]), 1)

    world.force(change, registrar=world.registrar)
    assert "bulletins/1" not in world.client().refresh(NOW).files


def test_the_cache_serves_a_start_without_a_connection(world: World, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    with pytest.raises(Unavailable):
        DirectoryClient(world.repository.root, cache).cached(NOW)
    fresh = world.client(cache).refresh(NOW)
    lonely = DirectoryClient(world.repository.root, cache)
    assert lonely.cached(NOW) == fresh
    with pytest.raises(Unavailable):
        lonely.refresh(NOW)
    for path in cache.glob("*"):
        if not path.name.endswith(".json"):
            path.write_bytes(b"damaged")
    with pytest.raises(Unavailable):
        DirectoryClient(world.repository.root, cache).cached(NOW)
    assert world.client(cache).refresh(NOW) == fresh


def test_nothing_is_fetched_twice_and_nothing_old_kept(world: World, tmp_path: Path) -> None:
    asked: list[str] = []
    on_disk = folder_fetch(world.folder)

    def fetch(path: str) -> bytes:
        asked.append(path)
        return on_disk(path)

    cache = tmp_path / "cache"
    client = DirectoryClient(world.repository.root, cache, fetch)
    first = client.refresh(NOW)
    asked.clear()
    assert client.refresh(NOW) is first
    assert asked == ["metadata/2.root.json", "metadata/timestamp.json"]
    world.repository.update_partner([world.registrar], world.aut.record, NOW)
    asked.clear()
    assert client.refresh(NOW).version == 5
    assert asked == [
        "metadata/2.root.json", "metadata/timestamp.json", "metadata/5.snapshot.json", "metadata/5.targets.json",
    ]  # fmt: skip
    count = len(list(cache.iterdir()))
    world.repository.update_partner([world.registrar], world.aut.record, NOW)
    client.refresh(NOW)
    assert len(list(cache.iterdir())) == count


def test_an_unchanged_version_lives_as_long_as_its_new_timestamp(world: World) -> None:
    client = world.client()
    first = client.refresh(NOW)
    later = NOW + timedelta(hours=20)
    assert not world.repository.renew(later)
    second = client.refresh(later)
    assert (second.version, second.valid_until) == (first.version, later + DAY)


def test_the_steps_say_how_much_they_would_read(world: World) -> None:
    steps = DirectoryClient(world.repository.root).refreshing(NOW)
    wanted = next(steps)
    seen: list[Wanted] = []
    directory = None
    try:
        while True:
            seen.append(wanted)
            path = world.folder / wanted.path
            data = path.read_bytes() if path.exists() else None
            assert data is None or len(data) <= wanted.bytes_max
            wanted = steps.send(data)
    except StopIteration as done:
        directory = done.value
    assert directory is not None
    assert directory.version == 4
    assert {one.path.split("/")[0] for one in seen} == {"metadata", "targets"}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unavailable("BUSY"), Unavailable),
        (Rejected("NOT_FOUND"), Unavailable),
        (PermissionError(), Unavailable),
        (Rejected("REQUEST_UNSIGNED"), Rejected),
    ],
)
def test_a_fetch_that_fails(world: World, error: Exception, expected: type[Exception]) -> None:
    def fetch(_path: str) -> bytes:
        raise error

    with pytest.raises(expected):
        DirectoryClient(world.repository.root, None, fetch).refresh(NOW)


def suspension_role(state: str) -> DelegatedRole:
    return DelegatedRole("suspension", "TEST-AUT-MDA", state)


def suspend(administrators: bytes, by: str, version: int = 1, name: str = "TEST-AUT-MDA") -> Callable[[_State], None]:
    def change(state: _State) -> None:
        role = suspension_role("AUT")
        data = encode_suspension(Suspension(name, version, by, NOW))
        targets = Targets(1, expires=NOW + DAY, targets={role.path: state.file(role.path, data)})
        state.place(role.name, signed_bytes(targets, [administrators]), 1)

    return change


def test_one_party_cannot_suspend_in_anothers_name(world: World) -> None:
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA")), world.aut, world.mda)
    for change in (
        suspend(world.mda.administrators, "AUT"),
        suspend(world.geo.administrators, "AUT"),
        suspend(world.aut.administrators, "MDA"),
        suspend(world.aut.administrators, "AUT", name="TEST-AUT-GEO"),
    ):
        before = world.repository._load()
        world.force(change)
        refused(world.client())
        metadata = world.folder / "metadata"
        (metadata / "timestamp.json").write_bytes(signed_bytes(before.timestamp, [world.online["tuf.timestamp"]]))
    assert world.client().refresh(NOW).agreement("TEST-AUT-MDA").status == "in_force"


@pytest.mark.parametrize("fault", ["one key", "low threshold", "stranger", "twice the same state", "other version"])
def test_an_agreement_needs_one_key_of_each_party_and_all_of_them(world: World, fault: str) -> None:
    """Even where the registrar itself delegates otherwise, readers leave the agreement out."""
    second = partner("test-aut-two", "AUT")
    world.enrol(second)
    found = agreement("TEST-AUT-MDA", ("AUT", "MDA"))
    signers = {
        "one key": [world.aut],
        "low threshold": [world.aut, world.mda],
        "stranger": [world.aut, world.geo],
        "twice the same state": [world.aut, second],
        "other version": [world.aut, world.mda],
    }[fault]
    draft = propose(found, NOW)
    for one in signers:
        draft = sign_draft(draft, one.administrators)
    offered = parse_draft(draft)

    def change(state: _State) -> None:
        role = DelegatedRole("agreement", found.id)
        keys = [public_of(one.administrators) for one in signers]
        world.repository._delegate(state, role, keys, 1 if fault == "low threshold" else len(keys))
        state.file(role.path, offered.agreement_bytes)
        data, version = offered.metadata.to_bytes(), found.version
        if fault == "other version":
            version = 7
            targets = Targets(version, expires=NOW + DAY, targets=offered.metadata.signed.targets)
            data = signed_bytes(targets, [one.administrators for one in signers])
        state.place(role.name, data, version)

    world.force(change, registrar=world.registrar)
    directory = world.client().refresh(NOW)
    assert directory.faults == {"agreement-TEST-AUT-MDA": "DIRECTORY_INVALID"}
    with pytest.raises(Rejected) as refusal:
        directory.agreement("TEST-AUT-MDA")
    assert refusal.value.code == "NO_AGREEMENT"


def test_an_expired_suspension_holds_on(world: World) -> None:
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA")), world.aut, world.mda)
    change = suspend(world.aut.administrators, "AUT")
    world.force(change)
    later = NOW + DAY
    world.repository.renew(later)
    directory = world.client().refresh(later)
    assert directory.agreement("TEST-AUT-MDA").status == "suspended"
    assert set(directory.faults) == {"suspension-AUT-TEST-AUT-MDA"}


def test_a_malformed_agreement_is_left_out(world: World) -> None:
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA")), world.aut, world.mda)

    def change(state: _State) -> None:
        role = DelegatedRole("agreement", "TEST-AUT-MDA")
        target = state.file(role.path, b"{}")
        targets = Targets(2, expires=NOW + DAY, targets={role.path: target})
        signers = [world.aut.administrators, world.mda.administrators]
        state.place(role.name, signed_bytes(targets, signers), 2)

    world.force(change)
    directory = world.client().refresh(NOW)
    assert not directory.agreements
    assert set(directory.faults) == {"agreement-TEST-AUT-MDA"}


def test_snapshot_digest_is_of_the_files_bytes(world: World) -> None:
    directory = world.client().refresh(NOW)
    published = world.repository.published()
    assert [version for version, _ in published] == [1, 2, 3, 4]
    assert published[-1] == (directory.version, directory.snapshot_digest)
    snapshot = world.folder / "metadata" / "4.snapshot.json"
    assert Metadata[Snapshot].from_bytes(snapshot.read_bytes()).signed.version == 4


def test_an_empty_key_set_says_nothing(world: World) -> None:
    role = DelegatedRole("partner", "test-mda")
    world.force(lambda state: put(state, role, encode_key_set(KeySet("test-mda", ())), world.mda.administrators))
    directory = world.client().refresh(NOW)
    assert directory.knows("test-mda")
    assert parse_key_set(encode_key_set(KeySet("test-mda", ()))).keys == ()
    with pytest.raises(Rejected):
        directory.kem_public("test-mda", NOW)


class FromDisk(FetcherInterface):
    """What the stock client fetches with: the repository's folder instead of a network."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        path = self.folder / url.removeprefix("https://hub.example/")
        if not path.exists():
            raise DownloadHTTPError("not there", 404)
        yield path.read_bytes()


def test_the_stock_client_reads_the_same(tmp_path: Path, empty: World) -> None:
    now = datetime.now(UTC)  # the stock client looks at the clock
    folder = tmp_path / "now"
    repository = Repository.create(folder, empty.online, empty.hub, now, root=[seed()], registrar=[empty.registrar])
    raw = make_enrolment(empty.aut.secrets, "test-aut", now=now)
    ours = repository.enrol([empty.registrar], raw, empty.aut.record, now)
    (tmp_path / "metadata").mkdir()
    updater = Updater(
        str(tmp_path / "metadata"), "https://hub.example/metadata/", str(tmp_path), "https://hub.example/targets/",
        fetcher=FromDisk(folder), bootstrap=repository.root,
    )  # fmt: skip
    for path, digest in ours.files.items():
        found = updater.get_targetinfo(path)
        assert found is not None
        assert found.hashes["sha256"] == digest
        data = Path(updater.download_target(found, str(tmp_path / "file"))).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
    assert updater.get_targetinfo("partners/test-mda/keys.json") is None
