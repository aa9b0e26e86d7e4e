"""Records are closed, complete, and a key is good only in its time."""

import json
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

import pytest

from keys.directory.directory import Directory
from keys.directory.enrolment import make_enrolment, parse_enrolment
from keys.directory.records import (
    ACCOUNTS_MAX,
    Account,
    HubRecord,
    KeyRecord,
    KeySet,
    PartnerRecord,
    encode,
    encode_hub,
    encode_key_set,
    encode_partner,
    parse_hub,
    parse_key_set,
    parse_partner,
    request_key_id,
    signing_public,
)
from keys.directory.roles import DelegatedRole, read_role, registry_partner
from keys.directory.signers import public_of
from keys.directory.suspension import Suspension, encode_suspension, parse_suspension
from keys.proofs.checkpoint import LogSigner
from keys.suite import RequestKey
from schemas.errors import Rejected
from tests.directory.conftest import NOW, partner, seed

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
HUB = HubRecord("hub.liaison.example", "https://hub.liaison.example", LogSigner("o", seed(), seed()).public, bytes(32))
RECORD = PartnerRecord(
    "test-aut", "AUT", "Behörde für Tests", ("RET",), ("ident.request",), "https://e.example/in", True
)
WITH_ACCOUNTS = replace(RECORD, accounts=(Account("officer-1", ("LO", "MIG")), Account("auditor-1", ("AUDIT",))))
KEYS = parse_enrolment(make_enrolment(partner("test-aut", "AUT").secrets, "test-aut", now=NOW)).key_set


def refused(parse: Any, raw: bytes) -> str | None:
    with pytest.raises(Rejected) as refusal:
        parse(raw)
    assert refusal.value.code == "DIRECTORY_INVALID"
    return refusal.value.path


def test_records_come_back() -> None:
    assert parse_partner(encode_partner(RECORD)) == RECORD
    assert parse_partner(encode_partner(WITH_ACCOUNTS)) == WITH_ACCOUNTS
    assert parse_hub(encode_hub(HUB)) == HUB
    assert parse_key_set(encode_key_set(KEYS)) == KEYS
    word = Suspension("TEST-AUT-MDA", 3, "AUT", NOW)
    assert parse_suspension(encode_suspension(word)) == word


def test_a_request_keys_id_is_the_one_it_signs_with() -> None:
    secret = seed()
    assert request_key_id(public_of(secret)) == RequestKey.from_seed(secret).key_id
    assert HUB.request_key_id == request_key_id(HUB.request_key)


def test_an_account_is_found_by_its_id_alone() -> None:
    officer, auditor = WITH_ACCOUNTS.account("officer-1"), WITH_ACCOUNTS.account("auditor-1")
    assert officer is not None
    assert not officer.auditor
    assert auditor is not None
    assert auditor.auditor
    assert WITH_ACCOUNTS.account("officer-2") is None
    assert RECORD.account("officer-1") is None


def test_an_empty_list_allows_nothing() -> None:
    assert RECORD.takes("ident.request")
    assert not RECORD.takes("doc.alert")
    assert not PartnerRecord("x", "AUT", "y", (), ()).takes("ident.request")


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "Test-AUT"), ("id", "../x"), ("id", ""), ("id", "a" * 41), ("id", 1),
        ("state", "AT"), ("state", "aut"), ("state", None),
        ("authority", ""), ("authority", "a\nb"), ("authority", "x" * 201), ("authority", 3),
        ("roles", "RET"), ("roles", ["ret"]), ("roles", ["RET", "RET"]), ("roles", [1]), ("roles", ["RET"] * 201),
        ("kinds", ["ident"]), ("kinds", ["ident.request "]), ("kinds", {}),
        ("delivery_url", "ftp://x"), ("delivery_url", "https://"), ("delivery_url", "https://u:p@h/"),
        ("delivery_url", "https://h/#x"), ("delivery_url", "https://h/ x"), ("delivery_url", "https://ü.example/"),
        ("delivery_url", "http://[x"), ("delivery_url", 1), ("delivery_url", "https://h/" + "x" * 500),
        ("test", 1), ("test", "true"),
        ("accounts", []), ("accounts", {}), ("accounts", "officer-1"), ("accounts", ["officer-1"]), ("accounts", None),
        ("accounts", [{"id": "officer-1"}]), ("accounts", [{"roles": ["LO"]}]),
        ("accounts", [{"id": "officer-1", "roles": []}]), ("accounts", [{"id": "officer-1", "roles": "LO"}]),
        ("accounts", [{"id": "officer-1", "roles": ["lo"]}]), ("accounts", [{"id": "Officer", "roles": ["LO"]}]),
        ("accounts", [{"id": "a" * 41, "roles": ["LO"]}]), ("accounts", [{"id": "", "roles": ["LO"]}]),
        ("accounts", [{"id": "officer-1", "roles": ["LO"], "name": "x"}]),
        ("accounts", [{"id": "officer-1", "roles": ["LO", "AUDIT"]}]),
        ("accounts", [{"id": "officer-1", "roles": ["LO"]}] * 2),
        ("accounts", [{"id": f"officer-{at}", "roles": ["LO"]} for at in range(ACCOUNTS_MAX + 1)]),
    ],
)  # fmt: skip
def test_a_partners_member_that_does_not_fit(member: str, value: object) -> None:
    path = refused(parse_partner, encode(RECORD.as_json() | {member: value}))
    assert path is not None
    assert path.startswith(f"/{member}")


@pytest.mark.parametrize("member", ["id", "state", "authority", "roles", "kinds", "test"])
def test_a_partners_member_that_is_missing(member: str) -> None:
    found = RECORD.as_json()
    del found[member]
    assert refused(parse_partner, encode(found)) == f"/{member}"


def test_an_unknown_member_is_refused_and_not_repeated() -> None:
    for parse, members in ((parse_partner, RECORD.as_json()), (parse_hub, json.loads(encode_hub(HUB)))):
        assert refused(parse, encode(members | {"secret-name": 1})) is None


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("id", "0" * 64), ("id", None), ("use", "admin"), ("use", "kem"), ("algorithm", "Ed25519"),
        ("public", "AAAA"), ("public", "!"), ("public", 1), ("public", ""),
        ("not_before", "2026-11-24"), ("not_before", "2027-11-25T00:00:00Z"), ("not_after", "2026-11-24T09:30:00Z"),
        ("not_after", "2026-13-01T00:00:00Z"), ("status", "revoked"), ("status", "gone"),
        ("revoked_at", "2026-12-01T00:00:00Z"), ("invalid_since", "2026-12-01T00:00:00Z"), ("reason", "superseded"),
        ("predecessor", "x"), ("more", "x"),
    ],
)  # fmt: skip
def test_a_keys_member_that_does_not_fit(member: str, value: object) -> None:
    found = json.loads(encode_key_set(KEYS))
    found["keys"][0][member] = value
    path = refused(parse_key_set, encode(found))
    assert path is None or path.startswith("/keys/0")


@pytest.mark.parametrize(
    "more",
    [
        {"invalid_since": "2026-12-02T00:00:00Z"},
        {"reason": "because"},
        {"revoked_at": "soon"},
    ],
)
def test_a_revocation_that_does_not_fit(more: dict[str, str]) -> None:
    found = json.loads(encode_key_set(KEYS))
    found["keys"][0] |= {"status": "revoked", "revoked_at": "2026-12-01T00:00:00Z"} | more
    refused(parse_key_set, encode(found))


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b'{"partner":"a"}', b'{"partner":"A","keys":[]}', b'{"partner":"a","keys":{}}',
     b'{"partner":"a","keys":[1]}', b'{"partner":"a","keys":[{}]}', b'{"partner":"a","partner":"a","keys":[]}',
     b'{"keys":' + b"[" * 50, b" " * 300_000],
)  # fmt: skip
def test_what_is_no_key_set(raw: bytes) -> None:
    refused(parse_key_set, raw)


def test_a_key_stands_once_in_a_set() -> None:
    assert refused(parse_key_set, encode_key_set(KeySet("a", (KEYS.keys[0], KEYS.keys[0])))) == "/keys"
    assert refused(parse_key_set, encode_key_set(KeySet("a", KEYS.keys * 22))) == "/keys"


@pytest.mark.parametrize(
    ("member", "value"),
    [("origin", "a+b"), ("origin", "a b"), ("url", "hub"), ("log", {}), ("log", 1), ("request_key", "AAAA"),
     ("log", {"origin": "o", "ed25519": 1, "mldsa44": "AAAA"}), ("log", {"origin": "o", "ed25519": "!", "mldsa44": ""}),
     ("request_key", 1)],
)  # fmt: skip
def test_a_hubs_member_that_does_not_fit(member: str, value: object) -> None:
    refused(parse_hub, encode(json.loads(encode_hub(HUB)) | {member: value}))


@pytest.mark.parametrize(
    ("member", "value"),
    [("agreement", "x"), ("agreement", 1), ("version", 0), ("version", True), ("version", "1"), ("by", "AT"),
     ("by", None), ("at", "now"), ("at", 1), ("more", 1)],
)  # fmt: skip
def test_a_suspensions_member_that_does_not_fit(member: str, value: object) -> None:
    found = json.loads(encode_suspension(Suspension("TEST-AUT-MDA", 3, "AUT", NOW)))
    refused(parse_suspension, encode(found | {member: value}))


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("partner-test-aut", DelegatedRole("partner", "test-aut")),
        ("agreement-TEST-AUT-MDA", DelegatedRole("agreement", "TEST-AUT-MDA")),
        ("suspension-AUT-TEST-AUT-MDA", DelegatedRole("suspension", "TEST-AUT-MDA", "AUT")),
        ("partner-", None), ("partner-A", None), ("partner-a/b", None), ("agreement-x", None), ("agreement-../X", None),
        ("suspension-TEST", None), ("suspension-AT-TEST", None), ("snapshot", None), ("", None),
    ],
)  # fmt: skip
def test_a_role_is_known_by_its_name(name: str, role: DelegatedRole | None) -> None:
    assert read_role(name) == role
    assert role is None or role.name == name


def test_registry_paths() -> None:
    assert registry_partner("registry/test-aut.json") == "test-aut"
    for path in ("registry/../x.json", "registry/a/b.json", "registry/.json", "hub/keys.json"):
        assert registry_partner(path) is None


def directory(*keys: KeyRecord) -> Directory:
    none: MappingProxyType[str, Any] = MappingProxyType({})
    records = {"test-aut": RECORD, "test-mda": PartnerRecord("test-mda", "MDA", "x", (), ())}
    return Directory(1, "0" * 64, NOW + DAY, HUB, records, {"test-aut": keys, "test-mda": ()}, none)


def revised(record: KeyRecord, **changes: Any) -> KeyRecord:
    return KeyRecord(**{name: getattr(record, name) for name in KeyRecord.__slots__} | changes)


def codes(found: Directory, at: Any) -> list[str]:
    """The codes of the four questions about keys at an instant; empty texts where the key may be used."""
    sign, kem, request = KEYS.keys
    public = signing_public(sign)
    questions = (
        lambda: found.signing_public("test-aut", public.ed25519_id, public.mldsa65_id, at),
        lambda: found.kem_public("test-aut", at),
        lambda: found.check_kem("test-aut", kem.id, at),
        lambda: found.request_key(request.id, at),
    )
    answers = []
    for question in questions:
        try:
            question()
            answers.append("")
        except Rejected as refusal:
            answers.append(refusal.code)
    return answers


def test_a_key_is_good_in_its_time() -> None:
    found = directory(*KEYS.keys)
    assert codes(found, NOW - SECOND) == ["KEY_INACTIVE"] * 4
    assert codes(found, NOW) == [""] * 4
    assert codes(found, NOW + 90 * DAY - SECOND) == [""] * 4
    assert codes(found, NOW + 90 * DAY) == ["", "KEY_INACTIVE", "KEY_INACTIVE", ""]
    assert codes(found, NOW + 365 * DAY) == ["KEY_INACTIVE"] * 4


def test_a_revoked_key_is_good_until_its_revocation() -> None:
    revoked = [
        revised(one, status="revoked", revoked_at=NOW + 5 * DAY, invalid_since=NOW + 2 * DAY, reason="compromised")
        for one in KEYS.keys
    ]
    assert parse_key_set(encode_key_set(KeySet("test-aut", tuple(revoked)))).keys == tuple(revoked)
    found = directory(*revoked)
    assert codes(found, NOW + 5 * DAY - SECOND) == [""] * 4
    assert codes(found, NOW + 5 * DAY) == ["KEY_INACTIVE"] * 4
    assert [revoked[0].suspect(NOW + day * DAY) for day in (1, 2, 9)] == [False, True, True]
    assert not KEYS.keys[0].suspect(NOW)


def test_unknown_keys_and_partners() -> None:
    sign, kem, _ = KEYS.keys
    found = directory(*KEYS.keys)
    public = signing_public(sign)
    assert codes(directory(), NOW) == ["KEY_UNKNOWN"] * 4
    for partner_id, ed25519_id, mldsa65_id in (
        ("test-mda", public.ed25519_id, public.mldsa65_id),
        ("nobody", public.ed25519_id, public.mldsa65_id),
        ("test-aut", public.ed25519_id, "0" * 64),
        ("test-aut", public.mldsa65_id, public.ed25519_id),
    ):
        with pytest.raises(Rejected) as refusal:
            found.signing_public(partner_id, ed25519_id, mldsa65_id, NOW)
        assert refusal.value.code == "KEY_UNKNOWN"
    with pytest.raises(Rejected) as refusal:
        found.check_kem("test-mda", kem.id, NOW)
    assert refusal.value.code == "KEY_UNKNOWN"
    for question in (found.partner, lambda who: found.kem_public(who, NOW)):
        with pytest.raises(Rejected) as refusal:
            question("nobody")
        assert refusal.value.code == "RECIPIENT_UNKNOWN"
    with pytest.raises(Rejected) as refusal:
        found.agreement("TEST-AUT-MDA")
    assert refusal.value.code == "NO_AGREEMENT"
    assert found.knows("test-aut")
    assert not found.knows("nobody")


def test_the_newest_valid_key_is_sealed_to() -> None:
    def kem(now: Any) -> KeyRecord:
        return parse_enrolment(make_enrolment(partner("test-aut", "AUT").secrets, "test-aut", now=now)).key_set.keys[1]

    old, new, coming = kem(NOW), kem(NOW + 10 * DAY), kem(NOW + 20 * DAY)
    found = directory(new, coming, old)
    assert found.kem_public("test-aut", NOW + 5 * DAY).key_id == old.id
    assert found.kem_public("test-aut", NOW + 15 * DAY).key_id == new.id
    found.check_kem("test-aut", old.id, NOW + 15 * DAY)
    with pytest.raises(Rejected) as refusal:
        found.check_kem("test-aut", coming.id, NOW + 15 * DAY)
    assert refusal.value.code == "KEY_INACTIVE"
