"""What may be published, by whom, and what a crash in between leaves."""

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from keys.directory.client import DirectoryClient
from keys.directory.draft import parse_draft, propose, sign_draft
from keys.directory.enrolment import make_enrolment
from keys.directory.records import encode_partner
from keys.directory.repository import Repository, create_repository, registrar_seeds
from schemas.errors import Rejected, Unavailable
from tests.directory.conftest import NOW, Partner, World, agreement, partner, seed

DAY = timedelta(days=1)


def version(world: World, now: datetime = NOW) -> int:
    return world.client().refresh(now).version


def enrolment(one: Partner, number: int = 1, /, **changed: bytes) -> bytes:
    secrets = one.secrets | {name.replace("_", "."): value for name, value in changed.items()}
    return make_enrolment(secrets, one.id, now=NOW, version=number)


def test_a_new_directory_has_a_hub_and_no_partner(empty: World) -> None:
    directory = empty.client().refresh(NOW)
    assert (directory.version, directory.hub, dict(directory.partners)) == (1, empty.hub, {})


def test_a_directory_is_made_once(empty: World) -> None:
    before = empty.repository.root
    with pytest.raises(Rejected):
        Repository.create(empty.folder, empty.online, empty.hub, NOW, root=[seed()], registrar=[seed()])
    assert empty.repository.root == before
    assert version(empty) == 1


def test_a_ceremony_keeps_its_keys(tmp_path: Path, empty: World) -> None:
    root = create_repository(
        tmp_path / "d", tmp_path / "ceremony", empty.online, empty.hub, b"a passphrase", NOW, log2_n=4
    )
    repository = Repository(tmp_path / "d", empty.online)
    assert root == repository.root
    seeds = registrar_seeds(tmp_path / "ceremony", b"a passphrase")
    assert repository.enrol(seeds, enrolment(empty.aut), empty.aut.record, NOW).knows("test-aut")
    with pytest.raises(Rejected):
        registrar_seeds(tmp_path / "ceremony", b"another phrase")


def test_real_thresholds(tmp_path: Path, empty: World) -> None:
    registrars = [seed(), seed(), seed()]
    repository = Repository.create(
        tmp_path / "d", empty.online, empty.hub, NOW,
        root=[seed() for _ in range(5)], root_threshold=3, registrar=registrars, registrar_threshold=2,
    )  # fmt: skip
    for few in (registrars[:1], [registrars[0], registrars[0]], [registrars[0], seed()], []):
        with pytest.raises(Rejected) as refusal:
            repository.enrol(few, enrolment(empty.aut), empty.aut.record, NOW)
        assert refusal.value.code == "DIRECTORY_INVALID"
        assert repository.directory(NOW).version == 1
    assert repository.enrol(registrars[1:], enrolment(empty.aut), empty.aut.record, NOW).version == 2


def test_enrolling_again_is_quiet_and_changes_only_the_record(world: World) -> None:
    raw = enrolment(world.geo)
    fresh = partner("test-ukr", "UKR")
    raw = enrolment(fresh)
    first = world.repository.enrol([world.registrar], raw, fresh.record, NOW)
    assert world.repository.enrol([world.registrar], raw, fresh.record, NOW).version == first.version
    moved = replace(fresh.record, delivery_url="https://edge.example/in")
    second = world.repository.enrol([world.registrar], raw, moved, NOW)
    assert second.version == first.version + 1
    assert second.partner("test-ukr") == moved
    assert second.keys["test-ukr"] == first.keys["test-ukr"]


def test_a_known_partner_is_not_taken_over(world: World) -> None:
    for raw in (
        enrolment(world.aut, admin_ed25519=seed()),
        enrolment(partner("test-aut", "AUT")),
        enrolment(world.aut, 2, kem=seed()),
    ):
        with pytest.raises(Rejected) as refusal:
            world.repository.enrol([world.registrar], raw, world.aut.record, NOW)
        assert (refusal.value.code, refusal.value.path) == ("DIRECTORY_INVALID", "/administrators")
    assert version(world) == 4


@pytest.mark.parametrize("name", ["sign_ed25519", "sign_mldsa65", "kem", "request", "admin_ed25519"])
def test_a_key_of_another_partner_is_not_enrolled(world: World, name: str) -> None:
    fresh = partner("test-ukr", "UKR")
    raw = enrolment(fresh, 1, **{name: world.aut.secrets[name.replace("_", ".")]})
    with pytest.raises(Rejected):
        world.repository.enrol([world.registrar], raw, fresh.record, NOW)
    assert version(world) == 4


def test_a_record_of_another_partner_does_not_fit(world: World) -> None:
    fresh = partner("test-ukr", "UKR")
    with pytest.raises(Rejected) as refusal:
        world.repository.enrol([world.registrar], enrolment(fresh), world.aut.record, NOW)
    assert refusal.value.path == "/partner"


def test_the_registrar_alone_enrols(world: World) -> None:
    fresh = partner("test-ukr", "UKR")
    for seeds in ([], [seed()], [world.aut.administrators], [world.online["tuf.snapshot"]]):
        with pytest.raises(Rejected):
            world.repository.enrol(seeds, enrolment(fresh), fresh.record, NOW)
    with pytest.raises(Rejected):
        world.repository.update_partner([seed()], replace(world.aut.record, roles=()), NOW)
    with pytest.raises(Rejected) as refusal:
        world.repository.update_partner([world.registrar], fresh.record, NOW)
    assert refusal.value.code == "RECIPIENT_UNKNOWN"
    assert version(world) == 4


def test_a_partner_renews_its_keys_without_the_registrar(world: World) -> None:
    before = world.client().refresh(NOW)
    kept = before.keys["test-aut"]
    later = NOW + 60 * DAY
    world.repository.renew(later)
    raw = make_enrolment(world.aut.secrets | {"kem": seed()}, "test-aut", now=later, version=2, kept=kept)
    after = world.repository.publish_keys(raw, later)
    assert after.kem_public("test-aut", later) != before.kem_public("test-aut", NOW)
    after.check_kem("test-aut", before.kem_public("test-aut", NOW).key_id, later)  # the old one overlaps
    assert after.keys["test-mda"] == before.keys["test-mda"]


def test_renewals_that_are_refused(world: World) -> None:
    for raw, path in (
        (enrolment(world.aut, 1, kem=seed()), "/metadata"),
        (enrolment(world.aut, 2, admin_ed25519=seed()), "/administrators"),
        (enrolment(world.aut, 2, admin_ed25519=world.mda.administrators), "/administrators"),
        (enrolment(world.aut, 2, kem=world.mda.secrets["kem"]), None),
    ):
        with pytest.raises(Rejected) as refusal:
            world.repository.publish_keys(raw, NOW)
        assert (refusal.value.code, refusal.value.path) == ("DIRECTORY_INVALID", path)
    with pytest.raises(Rejected) as refusal:
        world.repository.publish_keys(enrolment(partner("test-ukr", "UKR"), 2), NOW)
    assert refusal.value.code == "RECIPIENT_UNKNOWN"
    assert version(world) == 4


def test_lost_administrators_are_exchanged_by_the_registrar_in_everybodys_sight(world: World) -> None:
    found = agreement("TEST-AUT-MDA", ("AUT", "MDA"))
    world.admit(found, world.aut, world.mda)
    new = seed()
    raw = enrolment(world.aut, 2, admin_ed25519=new, kem=seed())
    for seeds in ([], [seed()], [world.aut.administrators]):
        with pytest.raises(Rejected):
            world.repository.exchange_administrators(seeds, raw, NOW)
    with pytest.raises(Rejected) as refusal:
        world.repository.exchange_administrators([world.registrar], enrolment(world.aut, 1, admin_ed25519=new), NOW)
    assert refusal.value.path == "/metadata"
    after = world.repository.exchange_administrators([world.registrar], raw, NOW)
    assert after.faults == {"agreement-TEST-AUT-MDA": "DIRECTORY_INVALID"}
    with pytest.raises(Rejected):
        world.repository.publish_keys(enrolment(world.aut, 3, kem=seed()), NOW)
    renewed = Partner("test-aut", "AUT", world.aut.secrets | {"admin.ed25519": new})
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA"), 2), renewed, world.mda)
    assert world.client().refresh(NOW).agreement("TEST-AUT-MDA").version == 2
    assert world.repository.publish_keys(enrolment(renewed, 3, kem=seed()), NOW).version == 8


def test_all_parties_sign_an_agreement(world: World) -> None:
    two = agreement("TEST-AUT-MDA", ("AUT", "MDA"))
    three = agreement("TEST-DOCFRAUD-3", ("AUT", "MDA", "GEO"))
    world.admit(two, world.aut, world.mda)
    world.admit(three, world.geo, world.aut, world.mda)
    directory = world.client().refresh(NOW)
    assert directory.agreement("TEST-AUT-MDA") == two
    assert [one.id for one in directory.agreements_between("AUT", "MDA")] == ["TEST-AUT-MDA", "TEST-DOCFRAUD-3"]
    assert [one.id for one in directory.agreements_between("GEO", "MDA")] == ["TEST-DOCFRAUD-3"]
    assert directory.agreements_between("AUT", "UKR") == ()


@pytest.mark.parametrize("signers", ["", "a", "m", "ag", "amg", "aa"])
def test_an_agreement_that_not_all_and_only_its_parties_signed(world: World, signers: str) -> None:
    by_letter = {"a": world.aut, "m": world.mda, "g": world.geo}
    with pytest.raises(Rejected) as refusal:
        world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA")), *(by_letter[letter] for letter in signers))
    assert (refusal.value.code, refusal.value.path) == ("DIRECTORY_INVALID", "/signatures")
    assert version(world) == 4


def test_a_stranger_signs_for_nobody(world: World) -> None:
    draft = sign_draft(propose(agreement("TEST-AUT-MDA", ("AUT", "MDA")), NOW), world.aut.administrators)
    with pytest.raises(Rejected):
        world.repository.publish_agreement([world.registrar], sign_draft(draft, seed()), NOW)
    both = sign_draft(sign_draft(draft, world.mda.administrators), seed())
    with pytest.raises(Rejected):
        world.repository.publish_agreement([world.registrar], both, NOW)
    forged = json.loads(draft)
    signature = dict(forged["metadata"]["signatures"][0])
    other = json.loads(sign_draft(draft, world.mda.administrators))["metadata"]["signatures"][1]["keyid"]
    forged["metadata"]["signatures"].append(signature | {"keyid": other})
    with pytest.raises(Rejected) as refusal:
        world.repository.publish_agreement([world.registrar], json.dumps(forged).encode(), NOW)
    assert refusal.value.path == "/signatures"


def test_what_is_read_is_what_is_signed(world: World) -> None:
    draft = json.loads(propose(agreement("TEST-AUT-MDA", ("AUT", "MDA")), NOW))
    draft["agreement"]["parties"] = ["AUT", "GEO"]
    with pytest.raises(Rejected) as refusal:
        sign_draft(json.dumps(draft).encode(), world.aut.administrators)
    assert refusal.value.path == "/metadata"


def test_an_agreement_is_signed_before_anything_is_changed_in_it(world: World) -> None:
    draft = propose(agreement("TEST-AUT-MDA", ("AUT", "MDA")), NOW)
    for one in (world.aut, world.mda):
        draft = sign_draft(draft, one.administrators)
    changed = json.loads(draft)
    changed["metadata"]["signed"]["expires"] = "2099-01-01T00:00:00Z"
    with pytest.raises(Rejected) as refusal:
        world.repository.publish_agreement([world.registrar], json.dumps(changed).encode(), NOW)
    assert refusal.value.path == "/signatures"
    with pytest.raises(Rejected):
        world.repository.publish_agreement([seed()], draft, NOW)
    assert world.repository.publish_agreement([world.registrar], draft, NOW).version == 5
    with pytest.raises(Rejected) as refusal:
        world.repository.publish_agreement([world.registrar], draft, NOW)
    assert refusal.value.path == "/metadata"


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("version", 2),
        ("_type", "snapshot"),
        ("targets", {}),
        ("delegations", {"keys": {}, "roles": []}),
        ("expires", 1),
    ],
)
def test_a_drafts_metadata_is_of_its_agreement(member: str, value: object) -> None:
    draft = json.loads(propose(agreement("TEST-AUT-MDA", ("AUT", "MDA")), NOW))
    draft["metadata"]["signed"][member] = value
    with pytest.raises(Rejected) as refusal:
        parse_draft(json.dumps(draft).encode())
    assert refusal.value.path == "/metadata"


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"agreement": {}, "metadata": {}}', b"x" * 2_000_000])
def test_what_is_no_draft(raw: bytes) -> None:
    with pytest.raises(Rejected):
        parse_draft(raw)


def test_one_party_suspends_at_once(world: World) -> None:
    client = world.client()
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA")), world.aut, world.mda)
    assert client.refresh(NOW).agreement("TEST-AUT-MDA").status == "in_force"
    world.repository.suspend("TEST-AUT-MDA", world.mda.administrators, NOW)
    assert client.refresh(NOW).agreement("TEST-AUT-MDA").status == "suspended"
    world.repository.suspend("TEST-AUT-MDA", world.mda.administrators, NOW)
    world.repository.suspend("TEST-AUT-MDA", world.aut.administrators, NOW)
    assert client.refresh(NOW).agreement("TEST-AUT-MDA").status == "suspended"


def test_all_parties_together_end_a_suspension(world: World) -> None:
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA")), world.aut, world.mda)
    world.repository.suspend("TEST-AUT-MDA", world.mda.administrators, NOW)
    with pytest.raises(Rejected):
        world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA"), 2), world.mda)
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA"), 2), world.aut, world.mda)
    directory = world.client().refresh(NOW)
    assert (directory.agreement("TEST-AUT-MDA").version, directory.agreement("TEST-AUT-MDA").status) == (2, "in_force")
    world.repository.suspend("TEST-AUT-MDA", world.aut.administrators, NOW)
    assert world.client().refresh(NOW).agreement("TEST-AUT-MDA").status == "suspended"


def test_who_may_not_suspend(world: World) -> None:
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA")), world.aut, world.mda)
    for secret in (world.geo.administrators, seed(), world.registrar, world.aut.secrets["sign.ed25519"]):
        with pytest.raises(Rejected) as refusal:
            world.repository.suspend("TEST-AUT-MDA", secret, NOW)
        assert refusal.value.code == "KEY_UNKNOWN"
    with pytest.raises(Rejected) as refusal:
        world.repository.suspend("TEST-AUT-GEO", world.aut.administrators, NOW)
    assert refusal.value.code == "NO_AGREEMENT"
    assert version(world) == 5


def test_each_publication_is_one_version(world: World) -> None:
    assert [number for number, _ in world.repository.published()] == [1, 2, 3, 4]
    assert not world.repository.renew(NOW + DAY)
    assert version(world, NOW + DAY) == 4
    assert world.repository.renew(NOW + 8 * DAY)  # the snapshot's half life has passed: a version of its own
    assert version(world, NOW + 8 * DAY) == 5
    assert len({digest for _, digest in world.repository.published()}) == 5


def test_a_hub_that_was_away_comes_back(world: World) -> None:
    late = NOW + 30 * DAY
    with pytest.raises(Rejected):
        version(world, late)
    fresh = partner("test-ukr", "UKR")
    world.enrol(fresh, late)  # without a renewal before
    assert version(world, late) == 6


@pytest.mark.parametrize("step", range(12))
def test_a_crash_while_publishing_leaves_the_old_version_whole(
    world: World, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = world.client()
    before = client.refresh(NOW)
    fresh = partner("test-ukr", "UKR")
    raw = enrolment(fresh)
    real = os.replace
    done: list[str] = []

    def breaking(source: str, target: str) -> None:
        if len(done) == step:
            raise OSError(28, "No space left on device")
        done.append(target)
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", breaking)
        try:
            world.repository.enrol([world.registrar], raw, fresh.record, NOW)
        except Unavailable:
            assert client.refresh(NOW) is before
            assert world.client().refresh(NOW) == before
        else:
            assert step >= len(done)
    assert not list(world.folder.rglob("*.tmp"))
    after = world.repository.enrol([world.registrar], raw, fresh.record, NOW)
    assert client.refresh(NOW) == after
    assert after.version == 5


def test_what_was_published_is_never_rewritten(world: World) -> None:
    kept = {path: path.read_bytes() for path in world.folder.rglob("*.json") if path.name != "timestamp.json"}
    world.admit(agreement("TEST-AUT-MDA", ("AUT", "MDA")), world.aut, world.mda)
    world.repository.suspend("TEST-AUT-MDA", world.mda.administrators, NOW)
    assert {path: path.read_bytes() for path in kept} == kept


def test_old_versions_can_still_be_read_by_number(world: World) -> None:
    """Evidence is judged by the version before its leaf, so that version's files must stay (ADR 7)."""
    world.repository.update_partner([world.registrar], replace(world.aut.record, authority="Renamed"), NOW)
    names = {path.name.split(".", 1)[1] for path in (world.folder / "targets" / "registry").iterdir()}
    assert names == {"test-aut.json", "test-mda.json", "test-geo.json"}
    assert len(list((world.folder / "targets" / "registry").glob("*.test-aut.json"))) == 2
    assert encode_partner(world.aut.record) in {path.read_bytes() for path in world.folder.rglob("*.test-aut.json")}


def test_a_repository_that_cannot_be_read_or_is_damaged(world: World) -> None:
    targets = world.folder / "metadata" / "4.targets.json"
    good = targets.read_bytes()
    for data in (b"{}", (world.folder / "metadata" / "1.root.json").read_bytes()):
        targets.write_bytes(data)
        with pytest.raises(Rejected) as refusal:
            world.repository.update_partner([world.registrar], world.aut.record, NOW)
        assert refusal.value.code == "DIRECTORY_INVALID"
    targets.unlink()
    targets.mkdir()
    with pytest.raises(Unavailable):
        world.repository.update_partner([world.registrar], world.aut.record, NOW)
    targets.rmdir()
    targets.write_bytes(good)
    assert version(world) == 4
    occupied = world.folder / "metadata" / "timestamp.json"
    with pytest.raises(Unavailable):
        Repository.create(occupied, world.online, world.hub, NOW, root=[seed()], registrar=[seed()])


def test_nothing_there_is_not_found(tmp_path: Path, empty: World) -> None:
    repository = Repository(tmp_path / "nothing", empty.online)
    with pytest.raises(Rejected) as refusal:
        repository.directory(NOW)
    assert refusal.value.code == "NOT_FOUND"
    with pytest.raises(Rejected):
        DirectoryClient(b"", None, lambda _path: b"").refresh(NOW)
