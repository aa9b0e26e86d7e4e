"""From signed files to a `Directory`: what TUF's signatures do not say by themselves.

TUF shows that a role signed a file; here is judged whether that role may say this:

1. the registrar signs registry records and the hub's keys, nothing of a partner's;
2. a delegated role signs its one path (`keys.directory.roles`) and delegates nothing;
3. a key set and a registry record name the partner of their path;
4. no public key stands in two places: two partners, two uses, a partner and the hub, an administrator and a partner;
5. an agreement is in the directory only with one administrators' key of each party and the threshold of all; otherwise,
   and when its role expired, it is left out (`faults`) and allows nothing;
6. a suspension by one party holds for the versions up to the one it names; one that has expired holds still.

Rules 1 to 4 refuse the whole version, for no honest repository publishes such a thing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from securesystemslib.signer import SSlibKey
from tuf.api.metadata import DelegatedRole as Delegation
from tuf.api.metadata import Key, Targets

from keys.directory import roles as role_names
from keys.directory.directory import Directory
from keys.directory.records import (
    INVALID,
    HubRecord,
    KeyRecord,
    PartnerRecord,
    parse_hub,
    parse_key_set,
    parse_partner,
    signing_public,
)
from keys.directory.roles import DelegatedRole, read_role
from keys.directory.suspension import parse_suspension
from schemas import strict_json
from schemas.agreements.agreement import Agreement, parse_agreement
from schemas.errors import Rejected


@dataclass(frozen=True, slots=True)
class Collected:
    """A version's files, each signed by its role and of the digest its role says. `files`: path -> (digest, bytes)."""

    version: int
    snapshot_digest: str
    valid_until: datetime
    root_until: datetime
    targets: Targets
    roles: Mapping[str, Targets]
    expired: frozenset[str]
    files: Mapping[str, tuple[str, bytes]]


def assemble(collected: Collected) -> Directory:
    """The directory these files make, or Rejected(DIRECTORY_INVALID)."""
    delegations = _delegations(collected.targets)
    _check_paths(collected)
    partners = _partners(collected)
    hub = parse_hub(_file(collected, role_names.HUB_PATH))
    keys = _key_sets(collected, partners)
    _check_distinct(hub, keys, delegations)
    states = {
        public: partners[role.subject].state
        for role, keys_of_role, _ in delegations
        if role.duty == "partner" and role.subject in partners
        for public in keys_of_role
    }
    agreements, faults = _agreements(collected, delegations, states)
    faults.update(dict.fromkeys(collected.expired, INVALID))
    return Directory(
        version=collected.version,
        snapshot_digest=collected.snapshot_digest,
        valid_until=collected.valid_until,
        hub=hub,
        partners=MappingProxyType(partners),
        keys=MappingProxyType(keys),
        agreements=MappingProxyType(agreements),
        files=MappingProxyType({path: digest for path, (digest, _) in sorted(collected.files.items())}),
        faults=MappingProxyType(faults),
        expires=MappingProxyType(
            {"root": collected.root_until, "registrar": collected.targets.expires}
            | {name: signed.expires for name, signed in collected.roles.items()}
        ),
    )


def raw_public(key: Key) -> bytes:
    """The raw Ed25519 key of a role, or Rejected(DIRECTORY_INVALID): roles are signed with nothing else here."""
    if not isinstance(key, SSlibKey) or key.keytype != "ed25519" or key.scheme != "ed25519":
        raise Rejected(INVALID)
    try:
        return bytes.fromhex(key.keyval["public"])
    except (KeyError, TypeError, ValueError) as error:
        raise Rejected(INVALID) from error


def delegated_keys(targets: Targets, name: str) -> list[bytes]:
    """The raw public keys that may sign the delegated role of this name; empty when it is not delegated."""
    delegations = targets.delegations
    delegation = (delegations.roles or {}).get(name) if delegations is not None else None
    if delegations is None or delegation is None:
        return []
    return [raw_public(delegations.keys[key_id]) for key_id in delegation.keyids if key_id in delegations.keys]


def _delegations(targets: Targets) -> list[tuple[DelegatedRole, list[bytes], int]]:
    """Every role of ours with its keys and its threshold, checked against rule 2."""
    found: list[tuple[DelegatedRole, list[bytes], int]] = []
    delegations = targets.delegations
    named: Mapping[str, Delegation] = {} if delegations is None else delegations.roles or {}
    for name, delegation in named.items():
        role = read_role(name)
        if role is None:
            continue
        if delegation.paths != [role.pattern] or not delegation.terminating:
            raise Rejected(INVALID)
        keys = delegated_keys(targets, name)
        if len(set(keys)) != len(keys):
            raise Rejected(INVALID)  # one key under two names would count twice
        found.append((role, keys, delegation.threshold))
    return found


def _check_paths(collected: Collected) -> None:
    for path in collected.targets.targets:
        if path != role_names.HUB_PATH and role_names.registry_partner(path) is None:
            raise Rejected(INVALID)
    for name, signed in collected.roles.items():
        role = read_role(name)
        if role is None or signed.delegations is not None or not set(signed.targets) <= {role.path}:
            raise Rejected(INVALID)


def _partners(collected: Collected) -> dict[str, PartnerRecord]:
    found = {}
    for path in sorted(collected.targets.targets):
        partner = role_names.registry_partner(path)
        if partner is None:
            continue
        record = parse_partner(_file(collected, path))
        if record.id != partner:
            raise Rejected(INVALID)
        found[partner] = record
    return found


def _key_sets(collected: Collected, partners: Mapping[str, PartnerRecord]) -> dict[str, tuple[KeyRecord, ...]]:
    found: dict[str, tuple[KeyRecord, ...]] = dict.fromkeys(partners, ())
    for name, signed in collected.roles.items():
        role = read_role(name)
        if role is None or role.duty != "partner" or role.path not in signed.targets:
            continue
        keys = parse_key_set(_file(collected, role.path))
        if keys.partner != role.subject or role.subject not in partners:
            raise Rejected(INVALID)
        found[role.subject] = keys.keys
    return found


def _check_distinct(
    hub: HubRecord,
    keys: Mapping[str, tuple[KeyRecord, ...]],
    delegations: list[tuple[DelegatedRole, list[bytes], int]],
) -> None:
    seen: set[bytes] = set()
    administrators = (key for role, keys_of_role, _ in delegations if role.duty == "partner" for key in keys_of_role)
    listed = (public for records in keys.values() for record in records for public in _publics(record))
    for public in (hub.request_key, hub.log.ed25519, hub.log.mldsa44, *administrators, *listed):
        if public in seen:
            raise Rejected(INVALID)
        seen.add(public)


def _publics(record: KeyRecord) -> Iterator[bytes]:
    if record.use == "sign":
        pair = signing_public(record)
        yield from (pair.ed25519, pair.mldsa65)
    else:
        yield record.public


def _agreements(
    collected: Collected,
    delegations: list[tuple[DelegatedRole, list[bytes], int]],
    states: Mapping[bytes, str],
) -> tuple[dict[str, Agreement], dict[str, str]]:
    found: dict[str, Agreement] = {}
    faults: dict[str, str] = {}
    for role, keys, threshold in delegations:
        signed = collected.roles.get(role.name)
        if role.duty != "agreement" or signed is None or role.path not in signed.targets:
            continue
        try:
            agreement = read_agreement(_file(collected, role.path))
        except Rejected as refusal:
            faults[role.name] = refusal.code
            continue
        parties = sorted(agreement.parties)
        if (
            agreement.id != role.subject
            or agreement.version != signed.version
            or sorted(states.get(key, "") for key in keys) != parties
            or threshold != len(parties)
        ):
            faults[role.name] = INVALID
            continue
        found[agreement.id] = agreement
    for role, _, _ in delegations:
        named = found.get(role.subject) if role.duty == "suspension" else None
        if named is not None and _suspends(collected, role, named):
            found[role.subject] = replace(named, status="suspended")
    return found, faults


def _suspends(collected: Collected, role: DelegatedRole, agreement: Agreement) -> bool:
    """In doubt it does: a key that is no longer its party's must not bring an agreement back to life."""
    if role.name in collected.expired:
        return True
    signed = collected.roles.get(role.name)
    if signed is None or role.path not in signed.targets:
        return False
    suspension = parse_suspension(_file(collected, role.path))
    if (suspension.agreement, suspension.by) != (role.subject, role.state):
        raise Rejected(INVALID)
    return suspension.version >= agreement.version


def read_agreement(raw: bytes) -> Agreement:
    """The agreement in a file, or Rejected with the code and path of what is wrong in it."""
    return parse_agreement(strict_json.loads(raw, code=INVALID))


def _file(collected: Collected, path: str) -> bytes:
    try:
        return collected.files[path][1]
    except KeyError as error:
        raise Rejected(INVALID) from error
