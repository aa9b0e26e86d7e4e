"""What the directory's files say: a partner, its keys, the hub.

Guarantees that whatever is read here is complete, closed (an unknown member is refused) and that every key id is that
of its public bytes. Who may say it is TUF's and the client's business (`keys.directory.client`); when a key may be used
is judged by `KeyRecord.check` at the instant the caller names (formats.md D.1, D.2).

A signing pair is one record, for a pair is replaced as a whole; its id is that of the header's `ixmfrom`, both key ids
with a comma.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias, cast
from urllib.parse import urlsplit

from keys.proofs.checkpoint import LogPublic
from keys.suite import (
    ED25519_PUBLIC_BYTES,
    KEM_PUBLIC_BYTES,
    MLDSA65_PUBLIC_BYTES,
    KemPublic,
    SigningPublic,
    labelled_digest,
)
from schemas import strict_base64, strict_json
from schemas.envelope import format_instant, parse_instant
from schemas.errors import Rejected

RECORD_BYTES_MAX = 256 * 1024
KEYS_PER_PARTNER_MAX = 64
ACCOUNTS_MAX = 100
AUDITOR = "AUDIT"
"""The role of an account that sees every leaf of the log and no side record of any case; it stands alone."""
INVALID = "DIRECTORY_INVALID"

Use: TypeAlias = Literal["sign", "kem", "request"]
ALGORITHMS: Mapping[str, str] = {"sign": "Ed25519+ML-DSA-65", "kem": "X-Wing", "request": "Ed25519"}
PUBLIC_BYTES: Mapping[str, int] = {
    "sign": ED25519_PUBLIC_BYTES + MLDSA65_PUBLIC_BYTES,
    "kem": KEM_PUBLIC_BYTES,
    "request": ED25519_PUBLIC_BYTES,
}
REASONS = frozenset({"superseded", "compromised", "ceased"})

PARTNER_ID = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
STATE = re.compile(r"[A-Z]{3}", re.ASCII)
_ROLE = re.compile(r"[A-Z]{2,6}", re.ASCII)
_ACCOUNT = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_KIND = re.compile(r"[a-z]+(\.[a-z_]+){1,3}", re.ASCII)
_KEY_ID = re.compile(r"[0-9a-f]{64}(,[0-9a-f]{64})?", re.ASCII)
_ORIGIN = re.compile(r"[!-*,-~]{1,200}", re.ASCII)
_AUTHORITY_MAX, _URL_MAX, _LIST_MAX = 200, 500, 200


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody of a partner who may sign in to the hub's pages. `id` is a pseudonym: who it is, the partner knows."""

    id: str
    roles: tuple[str, ...]

    @property
    def auditor(self) -> bool:
        """Whether it reads the log, and no case."""
        return AUDITOR in self.roles


@dataclass(frozen=True, slots=True)
class PartnerRecord:
    """A partner as the registrar knows it (`registry/<id>.json`). `state` is ISO alpha-3; an empty list allows nothing.

    `kinds` are those it takes part in; `delivery_url` is where the hub pushes to, None for a partner that pulls;
    `accounts` are those who may sign in to the hub's pages for it.
    """

    id: str
    state: str
    authority: str
    roles: tuple[str, ...]
    kinds: tuple[str, ...]
    delivery_url: str | None = None
    test: bool = False
    accounts: tuple[Account, ...] = ()

    def account(self, account: str) -> Account | None:
        """The account of this id, None when there is none."""
        return next((one for one in self.accounts if one.id == account), None)

    def takes(self, kind: str) -> bool:
        """Whether the registrar lets the partner take part in this kind."""
        return kind in self.kinds

    def as_json(self) -> dict[str, object]:
        """The file's members."""
        members: dict[str, object] = {
            "id": self.id,
            "state": self.state,
            "authority": self.authority,
            "roles": list(self.roles),
            "kinds": list(self.kinds),
            "test": self.test,
        }
        if self.delivery_url is not None:
            members["delivery_url"] = self.delivery_url
        if self.accounts:
            members["accounts"] = [{"id": one.id, "roles": list(one.roles)} for one in self.accounts]
        return members


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key of a partner. `public` is raw (a pair: Ed25519, then ML-DSA-65); times are aware UTC, whole seconds.

    `invalid_since` has the meaning of X.509's invalidityDate: what was accepted from then until the revocation is
    suspect, what was accepted before stays good (formats.md D.2).
    """

    id: str
    use: Use
    algorithm: str
    public: bytes
    not_before: datetime
    not_after: datetime
    status: Literal["active", "revoked"] = "active"
    revoked_at: datetime | None = None
    reason: str | None = None
    invalid_since: datetime | None = None
    predecessor: str | None = None

    def check(self, at: datetime) -> None:
        """The key may be used at `at`, or Rejected(KEY_INACTIVE)."""
        if not self.valid(at):
            raise Rejected("KEY_INACTIVE")

    def valid(self, at: datetime) -> bool:
        """Whether the key may be used at `at`: begun, not ended, not revoked by then."""
        return self.not_before <= at < self.not_after and (self.revoked_at is None or at < self.revoked_at)

    def suspect(self, at: datetime) -> bool:
        """Whether what was accepted at `at` under this key is in doubt since its revocation."""
        return self.invalid_since is not None and at >= self.invalid_since

    def as_json(self) -> dict[str, str]:
        """The record's members in a key set."""
        members = {
            "id": self.id,
            "use": self.use,
            "algorithm": self.algorithm,
            "public": strict_base64.encode(self.public),
            "not_before": format_instant(self.not_before),
            "not_after": format_instant(self.not_after),
            "status": self.status,
        }
        for name, at in (("revoked_at", self.revoked_at), ("invalid_since", self.invalid_since)):
            if at is not None:
                members[name] = format_instant(at)
        texts = (("reason", self.reason), ("predecessor", self.predecessor))
        return members | {name: text for name, text in texts if text is not None}


@dataclass(frozen=True, slots=True)
class KeySet:
    """All keys of one partner (`partners/<id>/keys.json`), signed by its own administrators."""

    partner: str
    keys: tuple[KeyRecord, ...]


@dataclass(frozen=True, slots=True)
class HubRecord:
    """The hub (`hub/keys.json`): its name, where it is reached, its log's keys and its request key (raw, 32 bytes)."""

    origin: str
    url: str
    log: LogPublic
    request_key: bytes

    @property
    def request_key_id(self) -> str:
        """The id under which the hub signs requests."""
        return request_key_id(self.request_key)


def signing_public(record: KeyRecord) -> SigningPublic:
    """The pair that a record of use `sign` holds."""
    return SigningPublic(record.public[:ED25519_PUBLIC_BYTES], record.public[ED25519_PUBLIC_BYTES:])


def request_key_id(public: bytes) -> str:
    """The id of a raw Ed25519 request key."""
    return labelled_digest("ixm/v1/request", public).hex()


def key_id(use: Use, public: bytes) -> str:
    """The id that a record of these public bytes must bear. Raises Rejected(DIRECTORY_INVALID) for a wrong length."""
    if len(public) != PUBLIC_BYTES[use]:
        raise Rejected(INVALID)
    if use == "request":
        return request_key_id(public)
    if use == "kem":
        return KemPublic(public).key_id
    pair = SigningPublic(public[:ED25519_PUBLIC_BYTES], public[ED25519_PUBLIC_BYTES:])
    return f"{pair.ed25519_id},{pair.mldsa65_id}"


def encode(members: Mapping[str, object]) -> bytes:
    """A record's bytes: one line of JSON, members sorted, so that the same record has the same digest everywhere."""
    return json.dumps(members, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def encode_partner(record: PartnerRecord) -> bytes:
    """The bytes of `registry/<id>.json`."""
    return encode(record.as_json())


def encode_key_set(keys: KeySet) -> bytes:
    """The bytes of `partners/<id>/keys.json`."""
    return encode({"partner": keys.partner, "keys": [key.as_json() for key in keys.keys]})


def encode_hub(hub: HubRecord) -> bytes:
    """The bytes of `hub/keys.json`."""
    return encode(
        {
            "origin": hub.origin,
            "url": hub.url,
            "log": hub.log.as_json(),
            "request_key": strict_base64.encode(hub.request_key),
        }
    )


def parse_partner(raw: bytes) -> PartnerRecord:
    """Read `registry/<id>.json`. Raises Rejected(DIRECTORY_INVALID) with the member at fault."""
    found = _object(raw, {"id", "state", "authority", "roles", "kinds", "test"}, {"delivery_url", "accounts"})
    url = found.get("delivery_url")
    if url is not None:
        _check_url(url, "/delivery_url")
    authority = found["authority"]
    if not (isinstance(authority, str) and 0 < len(authority) <= _AUTHORITY_MAX and authority.isprintable()):
        raise Rejected(INVALID, "/authority")
    if not isinstance(found["test"], bool):
        raise Rejected(INVALID, "/test")
    return PartnerRecord(
        id=_text(found["id"], PARTNER_ID, "/id"),
        state=_text(found["state"], STATE, "/state"),
        authority=authority,
        roles=_texts(found["roles"], _ROLE, "/roles"),
        kinds=_texts(found["kinds"], _KIND, "/kinds"),
        delivery_url=cast("str | None", url),
        test=found["test"],
        accounts=_accounts(found["accounts"]) if "accounts" in found else (),
    )


def parse_key_set(raw: bytes) -> KeySet:
    """Read `partners/<id>/keys.json`. Raises Rejected(DIRECTORY_INVALID) with the member at fault."""
    found = _object(raw, {"partner", "keys"}, set())
    listed = found["keys"]
    if not isinstance(listed, list) or len(listed) > KEYS_PER_PARTNER_MAX:
        raise Rejected(INVALID, "/keys")
    keys = tuple(_key(one, f"/keys/{at}") for at, one in enumerate(listed))
    if len({key.id for key in keys}) != len(keys):
        raise Rejected(INVALID, "/keys")
    return KeySet(_text(found["partner"], PARTNER_ID, "/partner"), keys)


def parse_hub(raw: bytes) -> HubRecord:
    """Read `hub/keys.json`. Raises Rejected(DIRECTORY_INVALID) with the member at fault."""
    found = _object(raw, {"origin", "url", "log", "request_key"}, set())
    log = found["log"]
    if not isinstance(log, dict) or set(log) != {"origin", "ed25519", "mldsa44"}:
        raise Rejected(INVALID, "/log")
    if not all(isinstance(value, str) for value in log.values()) or not _ORIGIN.fullmatch(log["origin"]):
        raise Rejected(INVALID, "/log")
    _check_url(found["url"], "/url")
    request = found["request_key"]
    public = strict_base64.decode(request if isinstance(request, str) else "", code=INVALID)
    if len(public) != ED25519_PUBLIC_BYTES:
        raise Rejected(INVALID, "/request_key")
    try:
        log_keys = LogPublic.from_json(log)
    except Rejected as error:
        raise Rejected(INVALID, "/log") from error
    return HubRecord(_text(found["origin"], _ORIGIN, "/origin"), cast("str", found["url"]), log_keys, public)


def _accounts(listed: object) -> tuple[Account, ...]:
    """At least one, or the member is left out; ids differ; an auditor is nothing else."""
    if not isinstance(listed, list) or not 0 < len(listed) <= ACCOUNTS_MAX:
        raise Rejected(INVALID, "/accounts")
    accounts = []
    for at, one in enumerate(listed):
        path = f"/accounts/{at}"
        if not isinstance(one, dict) or set(one) != {"id", "roles"}:
            raise Rejected(INVALID, path)
        roles = _texts(one["roles"], _ROLE, f"{path}/roles")
        if not roles or (AUDITOR in roles and len(roles) > 1):
            raise Rejected(INVALID, f"{path}/roles")
        accounts.append(Account(_text(one["id"], _ACCOUNT, f"{path}/id"), roles))
    if len({one.id for one in accounts}) != len(accounts):
        raise Rejected(INVALID, "/accounts")
    return tuple(accounts)


def _key(found: object, path: str) -> KeyRecord:
    mandatory = {"id", "use", "algorithm", "public", "not_before", "not_after", "status"}
    optional = {"revoked_at", "reason", "invalid_since", "predecessor"}
    if not isinstance(found, dict) or not mandatory <= set(found) <= mandatory | optional:
        raise Rejected(INVALID, path)
    if not all(isinstance(value, str) for value in found.values()):
        raise Rejected(INVALID, path)
    use = found["use"]
    if ALGORITHMS.get(use) != found["algorithm"]:
        raise Rejected(INVALID, f"{path}/algorithm")
    public = strict_base64.decode(found["public"], code=INVALID)
    if key_id(use, public) != found["id"]:
        raise Rejected(INVALID, f"{path}/id")
    times = {
        name: _instant(found[name], f"{path}/{name}")
        for name in ("not_before", "not_after", "revoked_at", "invalid_since")
        if name in found
    }
    revoked_at, invalid_since = times.get("revoked_at"), times.get("invalid_since")
    if times["not_before"] >= times["not_after"]:
        raise Rejected(INVALID, f"{path}/not_after")
    if found["status"] not in ("active", "revoked") or (found["status"] == "revoked") != (revoked_at is not None):
        raise Rejected(INVALID, f"{path}/status")
    if invalid_since is not None and (revoked_at is None or invalid_since > revoked_at):
        raise Rejected(INVALID, f"{path}/invalid_since")
    if "reason" in found and (revoked_at is None or found["reason"] not in REASONS):
        raise Rejected(INVALID, f"{path}/reason")
    if "predecessor" in found:
        _text(found["predecessor"], _KEY_ID, f"{path}/predecessor")
    return KeyRecord(
        id=found["id"],
        use=use,
        algorithm=found["algorithm"],
        public=public,
        not_before=times["not_before"],
        not_after=times["not_after"],
        status=found["status"],
        revoked_at=revoked_at,
        reason=found.get("reason"),
        invalid_since=invalid_since,
        predecessor=found.get("predecessor"),
    )


def _object(raw: bytes, mandatory: set[str], optional: set[str]) -> dict[str, object]:
    if len(raw) > RECORD_BYTES_MAX:
        raise Rejected(INVALID)
    found = strict_json.loads(raw, code=INVALID, depth_max=4)
    if not isinstance(found, dict):
        raise Rejected(INVALID)
    for name in sorted(mandatory - set(found)):
        raise Rejected(INVALID, f"/{name}")
    if not set(found) <= mandatory | optional:
        raise Rejected(INVALID)
    return found


def _text(value: object, pattern: re.Pattern[str], path: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise Rejected(INVALID, path)
    return value


def _texts(value: object, pattern: re.Pattern[str], path: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _LIST_MAX:
        raise Rejected(INVALID, path)
    found = tuple(_text(one, pattern, f"{path}/{at}") for at, one in enumerate(value))
    if len(set(found)) != len(found):
        raise Rejected(INVALID, path)
    return found


def _instant(text: str, path: str) -> datetime:
    try:
        return parse_instant(text)
    except ValueError as error:
        raise Rejected(INVALID, path) from error


def _check_url(value: object, path: str) -> None:
    try:
        proper = (
            isinstance(value, str)
            and len(value) <= _URL_MAX
            and value.isascii()
            and value.isprintable()
            and " " not in value
            and (parts := urlsplit(value)).scheme in ("http", "https")
            and bool(parts.hostname)
            and parts.username is None
            and not parts.fragment
        )
    except ValueError:
        proper = False
    if not proper:
        raise Rejected(INVALID, path)
