"""The commands as people type them: an exit code an ending, one JSON document on standard output, no secret."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import liaison.cli
from keys.custody import make_passphrase, read_keyring, read_passphrase, write_keyring
from keys.directory.records import HubRecord
from keys.directory.repository import create_repository
from keys.directory.signers import public_of
from keys.proofs.checkpoint import LogSigner
from schemas.agreements.agreement import agreement_json
from tests.directory.conftest import agreement, seed

PARTNERS = {"test-aut": "AUT", "test-mda": "MDA"}


@dataclass(frozen=True)
class Ended:
    code: int
    out: Any
    err: str


@dataclass
class Machine:
    """A hub's machine with a directory, and two partners' key files."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def run(self, *words: str | Path) -> Ended:
        self.capture.readouterr()
        code = liaison.cli.main([str(word) for word in words] + ["--json"])
        captured = self.capture.readouterr()
        return Ended(code, json.loads(captured.out) if captured.out else None, captured.err)

    @property
    def where(self) -> tuple[str | Path, ...]:
        return ("--directory", self.folder / "hub" / "directory")

    @property
    def ceremony(self) -> tuple[str | Path, ...]:
        return ("--ceremony", self.folder / "ceremony")

    def admin(self, partner: str) -> tuple[str | Path, ...]:
        return ("--admin", self.folder / partner / "admin")

    def enrol(self, partner: str, *more: str) -> Ended:
        return self.run(
            "keys", "enrol", self.folder / f"{partner}.json", *self.where, *self.ceremony, "--state", PARTNERS[partner],
            "--authority", "Test authority", "--roles", "RET,MIG", "--kinds", "ident.request", "--test", *more,
        )  # fmt: skip


@pytest.fixture
def machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Machine:
    online = {name: seed() for name in ("tuf.snapshot", "tuf.timestamp", "request")}
    passphrase = make_passphrase(tmp_path / "hub" / "secrets")
    write_keyring(tmp_path / "hub" / "keyring", online, passphrase, log2_n=4)
    log = LogSigner("hub.liaison.example/audit/2026", seed(), seed()).public
    hub = HubRecord("hub.liaison.example", "http://127.0.0.1:8440", log, public_of(online["request"]))
    ceremony = make_passphrase(tmp_path / "ceremony" / "passphrase")
    create_repository(
        tmp_path / "hub" / "directory", tmp_path / "ceremony", online, hub, ceremony, datetime.now(UTC), log2_n=4
    )
    made = Machine(tmp_path, capsys)
    for partner in PARTNERS:
        passphrase = make_passphrase(tmp_path / partner / "passphrase")
        edge = {name: seed() for name in ("sign.ed25519", "sign.mldsa65", "kem", "request")}
        write_keyring(tmp_path / partner / "edge", edge, passphrase, log2_n=4)
        write_keyring(tmp_path / partner / "admin", {"admin.ed25519": seed()}, passphrase, log2_n=4)
        ended = made.run(
            "keys", "enrolment", partner, "--keyring", tmp_path / partner / "edge", *made.admin(partner),
            "--out", tmp_path / f"{partner}.json",
        )  # fmt: skip
        assert ended.code == 0
    return made


@pytest.fixture
def agreed(machine: Machine) -> Machine:
    """Both partners enrolled and the agreement between them published."""
    for partner in PARTNERS:
        assert machine.enrol(partner).code == 0
    draft = propose(machine)
    for partner in PARTNERS:
        assert machine.run("agreement", "sign", draft, *machine.admin(partner)).code == 0
    ended = machine.run("agreement", "publish", draft, *machine.where, *machine.ceremony)
    assert (ended.code, ended.out["status"]) == (0, "in_force")
    return machine


def propose(machine: Machine) -> Path:
    source, draft = machine.folder / "agreement.json", machine.folder / "draft.json"
    source.write_text(json.dumps(agreement_json(agreement("TEST-AUT-MDA", ("AUT", "MDA")))), encoding="utf-8")
    ended = machine.run("agreement", "propose", source, "--out", draft)
    assert (ended.code, ended.out["id"]) == (0, "TEST-AUT-MDA")
    return draft


def test_a_key_file_is_made_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = Machine(tmp_path, capsys)
    keyring = tmp_path / "new" / "admin"
    ended = machine.run("keys", "make", keyring, "--for", "administrators")
    assert (ended.code, ended.out["keys"]) == (0, ["admin.ed25519"])
    found = read_keyring(keyring, read_passphrase(tmp_path / "new" / "passphrase"))
    assert list(found) == ["admin.ed25519"]
    assert machine.run("keys", "make", keyring).code == 2
    assert machine.run("keys", "make", tmp_path / "x", "--for", "nobody").code == 2
    assert read_keyring(keyring, read_passphrase(tmp_path / "new" / "passphrase")) == found


def test_a_partner_is_enrolled_and_listed(machine: Machine) -> None:
    ended = machine.enrol("test-aut", "--delivery-url", "http://127.0.0.1:8450/in")
    assert ended.code == 0
    assert (ended.out["partner"], ended.out["version"], len(ended.out["keys"])) == ("test-aut", 2, 3)
    assert "second channel" in ended.err
    listed = machine.run("keys", "list", *machine.where).out
    assert [(one["id"], one["state"], one["test"], one["delivery_url"]) for one in listed] == [
        ("test-aut", "AUT", True, "http://127.0.0.1:8450/in")
    ]
    assert {key["use"] for key in listed[0]["keys"]} == {"sign", "kem", "request"}
    again = machine.enrol("test-aut", "--delivery-url", "http://127.0.0.1:8450/in")
    assert (again.code, again.out["version"]) == (0, 2)


def test_accounts_are_enrolled_with_the_partner(machine: Machine) -> None:
    ended = machine.enrol("test-aut", "--accounts", "officer-1:LO+MIG, auditor-1:AUDIT")
    assert ended.code == 0
    (listed,) = machine.run("keys", "list", *machine.where).out
    assert listed["accounts"] == [
        {"id": "officer-1", "roles": ["LO", "MIG"]},
        {"id": "auditor-1", "roles": ["AUDIT"]},
    ]


def test_a_list_for_people(agreed: Machine) -> None:
    for group in ("keys", "agreement"):
        assert liaison.cli.main([group, "list", *map(str, agreed.where)]) == 0
    out = agreed.capture.readouterr().out
    assert "test-aut" in out
    assert "TEST-AUT-MDA" in out


def test_a_fingerprint_that_was_read_out_differently(machine: Machine) -> None:
    ended = machine.enrol("test-aut", "--fingerprint", "0" * 64)
    assert (ended.code, ended.out) == (3, {"code": "DIRECTORY_INVALID", "path": "/fingerprint"})
    where = machine.folder / "test-aut"
    made = machine.run(
        "keys", "enrolment", "test-aut", "--keyring", where / "edge", *machine.admin("test-aut"),
        "--out", machine.folder / "test-aut.json",
    )  # fmt: skip
    right = made.out["fingerprint"]
    ended = machine.enrol("test-aut", "--fingerprint", right.upper())
    assert ended.code == 0
    assert "second channel" not in ended.err


@pytest.mark.parametrize(
    ("more", "path"),
    [(("--state", "AT"), "/state"), (("--roles", "ret"), "/roles/0"), (("--authority", ""), "/authority"),
     (("--delivery-url", "file:///x"), "/delivery_url"), (("--kinds", "Ident"), "/kinds/0"),
     (("--accounts", "officer-1"), "/accounts/0/roles"), (("--accounts", ":LO"), "/accounts/0/id"),
     (("--accounts", "a:LO,a:LO"), "/accounts"), (("--accounts", "a:LO+AUDIT"), "/accounts/0/roles")],
)  # fmt: skip
def test_a_record_that_does_not_fit(machine: Machine, more: tuple[str, ...], path: str) -> None:
    ended = machine.enrol("test-aut", *more)
    assert (ended.code, ended.out) == (3, {"code": "DIRECTORY_INVALID", "path": path})
    assert machine.run("keys", "list", *machine.where).out == []


def test_agreements_are_listed_with_their_status(agreed: Machine) -> None:
    row = {"id": "TEST-AUT-MDA", "parties": ["AUT", "MDA"]}
    assert agreed.run("agreement", "list", *agreed.where).out == [row | {"status": "in_force"}]
    ended = agreed.run("agreement", "suspend", "TEST-AUT-MDA", *agreed.admin("test-mda"), *agreed.where)
    assert (ended.code, ended.out["status"]) == (0, "suspended")
    assert agreed.run("agreement", "list", *agreed.where).out == [row | {"status": "suspended"}]


def test_a_draft_that_one_party_did_not_sign(machine: Machine) -> None:
    for partner in PARTNERS:
        machine.enrol(partner)
    draft = propose(machine)
    ended = machine.run("agreement", "sign", draft, *machine.admin("test-aut"))
    assert ended.out["signatures"] == 1
    assert machine.run("agreement", "sign", draft, *machine.admin("test-aut")).out["signatures"] == 1
    ended = machine.run("agreement", "publish", draft, *machine.where, *machine.ceremony)
    assert (ended.code, ended.out) == (3, {"code": "DIRECTORY_INVALID", "path": "/signatures"})
    assert machine.run("agreement", "list", *machine.where).out == []


def test_who_may_not_suspend(agreed: Machine) -> None:
    edge = ("--admin", agreed.folder / "test-aut" / "edge")
    ended = agreed.run("agreement", "suspend", "TEST-AUT-MDA", *edge, *agreed.where)
    assert (ended.code, ended.out) == (4, {"code": "KEY_UNKNOWN"})
    ended = agreed.run("agreement", "suspend", "TEST-X", *agreed.admin("test-aut"), *agreed.where)
    assert (ended.code, ended.out) == (4, {"code": "NO_AGREEMENT"})


def test_files_that_are_not_there_or_not_right(machine: Machine) -> None:
    nowhere = machine.folder / "nowhere"
    assert machine.run("agreement", "sign", nowhere, *machine.admin("test-aut")).out == {"code": "NOT_FOUND"}
    assert machine.run("agreement", "list", "--directory", nowhere).out == {"code": "NOT_FOUND"}
    assert machine.run("agreement", "propose", machine.folder / "test-aut.json", "--out", nowhere).code == 4
    assert not nowhere.exists()
    (machine.folder / "big").write_bytes(b" " * 2_000_000)
    assert machine.run("agreement", "propose", machine.folder / "big", "--out", nowhere).code == 4
    wrong = machine.folder / "test-mda" / "passphrase"
    ended = machine.enrol("test-aut", "--passphrase-file", str(wrong))
    assert (ended.code, ended.out) == (4, {"code": "KEY_FILE_INVALID"})
    wrong.chmod(0o644)
    ended = machine.enrol("test-aut", "--passphrase-file", str(wrong))
    assert (ended.code, ended.out) == (4, {"code": "SECRET_EXPOSED"})


def test_no_secret_is_printed(agreed: Machine) -> None:
    told = agreed.run("keys", "list", *agreed.where)
    text = json.dumps(told.out) + told.err
    for partner in PARTNERS:
        folder = agreed.folder / partner
        passphrase = read_passphrase(folder / "passphrase")
        assert passphrase.decode() not in text
        for name in ("edge", "admin"):
            assert not any(secret.hex() in text for secret in read_keyring(folder / name, passphrase).values())
