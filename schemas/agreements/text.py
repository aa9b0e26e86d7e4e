"""The text of an agreement about time, as a dated file of ours: `profiles/<id>.v<version>.json`.

Each key says what it is, the words it was taken from, and how far they were read:

    V               the legal text itself was read: this key alone is `verified`
    V_SUMMARY       an official summary was read, not the text
    V_UNATTRIBUTED  a text was read that does not say whose it is
    S               a secondary source
    K               general knowledge
    ?               nobody knows: the value is null

Guarantees that a file is read strictly, that no key is verified whose tag is not V, and that `?` never has a value. How
texts lie over each other is `profile`'s matter, which day a step is due `clocks`'.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal, TypeAlias, cast

from schemas.agreements.period import parse_extension, parse_period
from schemas.errors import Rejected

Status: TypeAlias = Literal["draft", "verified", "suspended"]
Kind: TypeAlias = Literal["union", "bilateral", "protocol", "test"]
Tag: TypeAlias = Literal["V", "V_SUMMARY", "V_UNATTRIBUTED", "S", "K", "?"]
Value: TypeAlias = "str | bool | int | Mapping[str, Value] | tuple[Value, ...] | None"

STATUSES = ("draft", "verified", "suspended")
KINDS = ("union", "bilateral", "protocol", "test")
TEST_PREFIX = "TEST-"
TAGS = ("V", "V_SUMMARY", "V_UNATTRIBUTED", "S", "K", "?")

_ID = re.compile(r"[A-Z0-9][A-Z0-9-]{1,62}", re.ASCII)
_STATE = re.compile(r"EU|[A-Z]{3}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_YEAR = re.compile(r"[0-9]{4}", re.ASCII)
_TEXT_MAX = 300
_VERSION_MAX = 9999
_PARTIES_MAX = 64


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a text.

    Attributes:
        name: as domain.md 11.5 spells it.
        value: as written; None when there is none or nobody knows.
        stated: the words of the source.
        tag: how far they were read.
        verified: whether they were read in the legal text itself.
        note: what a reader must know beside it.
    """

    name: str
    value: Value
    stated: str
    tag: Tag
    verified: bool
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """One version of one text.

    Attributes:
        id: `EU-XXX` for texts of the Union, `BENELUX-XXX-YYYY` for protocols and bilateral agreements.
        version: from 1; a version is never changed once a case may have pinned it.
        dated: when it was written down.
        kind: union, bilateral, protocol, or test: invented, and called so by its id.
        parties: states, ISO alpha-3, and the Union as `EU`.
        status: draft until every key that matters was read in the text; suspended while it is not applied.
        title: who agreed what.
        source: where the text stands.
        source_column: what the survey says of its source.
        in_force_on: the first day it holds; None when nobody knows the day.
        base: the text it is laid over, as (id, version); protocols alone have one.
        keys: what it says.
        digest: SHA-256 of the file's canonical JSON, hex.
    """

    id: str
    version: int
    dated: date
    kind: Kind
    parties: tuple[str, ...]
    status: Status
    title: str
    source: str
    source_column: str
    in_force_on: Key
    base: tuple[str, int] | None
    keys: Mapping[str, Key]
    digest: str

    @property
    def first_day(self) -> date | None:
        """The first day it holds; None when nobody knows the day."""
        return None if self.in_force_on.value is None else date.fromisoformat(str(self.in_force_on.value))


def parse_text(found: object) -> Text:
    """Read a text's members, closed: what is not known is refused.

    Args:
        found: decoded JSON.

    Raises:
        Rejected: FIELD_MISSING, FIELD_UNKNOWN, FIELD_TYPE, FIELD_LENGTH, FIELD_RANGE, FIELD_PATTERN or CODE_UNKNOWN,
            with the pointer of the member at fault.
    """
    members = _members(found, "", _MANDATORY, ("base",))
    kind = cast("Kind", _one_of(members["kind"], KINDS, "/kind"))
    if (kind == "protocol") != ("base" in members):
        raise Rejected("FIELD_MISSING" if kind == "protocol" else "FIELD_UNKNOWN", "/base")
    name = _text(members["id"], "/id", _ID)
    if (kind == "test") != name.startswith(TEST_PREFIX):
        raise Rejected("FIELD_RANGE", "/id")
    keys = _object(members["keys"], "/keys")
    if not keys.keys() <= FORMS.keys():
        raise Rejected("FIELD_UNKNOWN", "/keys")
    return Text(
        id=name,
        version=_version(members["version"], "/version"),
        dated=_day(members["dated"], "/dated"),
        kind=kind,
        parties=_parties(members["parties"]),
        status=cast("Status", _one_of(members["status"], STATUSES, "/status")),
        title=_text(members["title"], "/title"),
        source=_text(members["source"], "/source"),
        source_column=_text(members["source_column"], "/source_column"),
        in_force_on=_key("in_force_on", members["in_force_on"], "/in_force_on", _form_day),
        base=_base(members["base"]) if "base" in members else None,
        keys=MappingProxyType({name: _key(name, key, f"/keys/{name}", FORMS[name]) for name, key in keys.items()}),
        digest=hashlib.sha256(canonical(members)).hexdigest(),
    )


def canonical(value: object) -> bytes:
    """The one way to write a JSON value: members in order, no space, UTF-8."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


# -- the forms of values


def _form_day(value: object, path: str) -> None:
    _day(value, path)


def _form_period(value: object, path: str) -> None:
    parse_period(value, path)


def _form_reply(value: object, path: str) -> None:
    members = _members(value, path, ("n", "basis", "from"))
    _one_of(members["from"], ("receipt",), f"{path}/from")
    parse_period({name: members[name] for name in ("n", "basis")}, path)


def _form_lead(value: object, path: str) -> None:
    """A lead may be `preferred`: what comes later is a warning, no refusal."""
    members = _members(value, path, ("n", "basis"), ("preferred",))
    _flag(members.get("preferred", True), f"{path}/preferred")
    parse_period({name: members[name] for name in ("n", "basis")}, path)


def _form_submit(value: object, path: str) -> None:
    members = _members(value, path, ("tcn", "own", "extendable"), ("barred_after",))
    for name in ("tcn", "own"):
        if members[name] is not None:
            parse_period(members[name], f"{path}/{name}")
    if members["extendable"] is not None:
        _one_of(members["extendable"], ("while_obstacle",), f"{path}/extendable")
    if "barred_after" in members:
        parse_period(members["barred_after"], f"{path}/barred_after")


def _form_extension(value: object, path: str) -> None:
    parse_extension(value, path)


def _form_tcn(value: object, path: str) -> None:
    if not isinstance(value, bool):
        _day(value, path)


def _form_area(value: object, path: str) -> None:
    members = _members(value, path, ("border_km", "places"))
    if not isinstance(members["border_km"], int) or isinstance(members["border_km"], bool):
        raise Rejected("FIELD_TYPE", f"{path}/border_km")
    if not isinstance(members["places"], list):
        raise Rejected("FIELD_TYPE", f"{path}/places")
    for at, place in enumerate(members["places"]):
        _one_of(place, ("seaport", "international_airport"), f"{path}/places/{at}")


def _form_suspension(value: object, path: str) -> None:
    members = _members(value, path, ("by", "since"))
    _text(members["by"], f"{path}/by", _STATE)
    _text(members["since"], f"{path}/since", _YEAR)


def _form_of(*codes: str) -> Callable[[object, str], None]:
    def form(value: object, path: str) -> None:
        _one_of(value, codes, path)

    return form


FORMS: Mapping[str, Callable[[object, str], None]] = MappingProxyType(
    {
        "tcn_in_force": _form_tcn,
        "submit_limit": _form_submit,
        "submit_limit_fast": _form_period,
        "reply_limit": _form_reply,
        "reply_limit_fast": _form_period,
        "reply_extension": _form_extension,
        "fast_area": _form_area,
        "silence": _form_of("consent", "no_effect"),
        "interview_limit": _form_period,
        "interview_result_limit": _form_period,
        "transfer_limit": _form_period,
        "transfer_extension": _form_extension,
        "td_limit": _form_period,
        "td_limit_max": _form_period,
        "td_validity_min": _form_period,
        "td_substitute": _form_of("requesting_party_td", "common_td", "eu_td", "expired_td"),
        "td_renew_limit": _form_period,
        "notice_lead": _form_lead,
        "error_limit": _form_period,
        "error_costs": _form_of("requesting", "requested"),
        "cost_limit": _form_period,
        "transit_lead": _form_lead,
        "transit_reply_limit": _form_period,
        "transit_limit": _form_period,
        "expired_document": _form_of("proof", "prima_facie", "initiates"),
        "receipt_proof": _form_of("ack", "delivery_report"),
        "biometrics": _form_of("as_a_rule", "on_request"),
        "language": _form_of("en"),
        "roll": _form_of("none", "next_working_day"),
        "suspension": _form_suspension,
    }
)
"""Every key a text may have, and what its value must be unless it is null."""

_MANDATORY = (
    "id", "version", "dated", "kind", "parties", "status", "title", "source", "source_column", "in_force_on", "keys",
)  # fmt: skip


# -- members


def _key(name: str, value: object, path: str, form: Callable[[object, str], None]) -> Key:
    members = _members(value, path, ("value", "stated", "tag", "verified"), ("note",))
    tag = cast("Tag", _one_of(members["tag"], TAGS, f"{path}/tag"))
    verified = _flag(members["verified"], f"{path}/verified")
    if verified != (tag == "V"):
        raise Rejected("FIELD_RANGE", f"{path}/verified")
    if members["value"] is not None:
        if tag == "?":
            raise Rejected("FIELD_RANGE", f"{path}/value")
        form(members["value"], f"{path}/value")
    note = _text(members["note"], f"{path}/note") if "note" in members else None
    return Key(name, _frozen(members["value"]), _text(members["stated"], f"{path}/stated"), tag, verified, note)


def _base(value: object) -> tuple[str, int]:
    members = _members(value, "/base", ("id", "version"))
    return _text(members["id"], "/base/id", _ID), _version(members["version"], "/base/version")


def _parties(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise Rejected("FIELD_TYPE", "/parties")
    if not 2 <= len(value) <= _PARTIES_MAX:
        raise Rejected("FIELD_LENGTH", "/parties")
    found = tuple(_text(one, f"/parties/{at}", _STATE) for at, one in enumerate(value))
    if len(set(found)) != len(found):
        raise Rejected("FIELD_RANGE", "/parties")
    return found


def _object(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise Rejected("FIELD_TYPE", path)
    return value


def _members(
    value: object, path: str, mandatory: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Mapping[str, object]:
    members = _object(value, path)
    for name in mandatory:
        if name not in members:
            raise Rejected("FIELD_MISSING", f"{path}/{name}")
    if not members.keys() <= {*mandatory, *optional}:
        raise Rejected("FIELD_UNKNOWN", path)
    return members


def _text(value: object, path: str, pattern: re.Pattern[str] | None = None) -> str:
    if not isinstance(value, str):
        raise Rejected("FIELD_TYPE", path)
    if not 1 <= len(value) <= _TEXT_MAX:
        raise Rejected("FIELD_LENGTH", path)
    if pattern is not None and pattern.fullmatch(value) is None:
        raise Rejected("FIELD_PATTERN", path)
    return value


def _one_of(value: object, codes: tuple[str, ...], path: str) -> str:
    if not isinstance(value, str):
        raise Rejected("FIELD_TYPE", path)
    if value not in codes:
        raise Rejected("CODE_UNKNOWN", path)
    return value


def _flag(value: object, path: str) -> bool:
    if not isinstance(value, bool):
        raise Rejected("FIELD_TYPE", path)
    return value


def _version(value: object, path: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Rejected("FIELD_TYPE", path)
    if not 1 <= value <= _VERSION_MAX:
        raise Rejected("FIELD_RANGE", path)
    return value


def _day(value: object, path: str) -> date:
    try:
        return date.fromisoformat(_text(value, path, _DATE))
    except ValueError as error:
        raise Rejected("FIELD_PATTERN", path) from error


def _frozen(value: object) -> Value:
    if isinstance(value, Mapping):
        return MappingProxyType({str(name): _frozen(one) for name, one in value.items()})
    if isinstance(value, list):
        return tuple(_frozen(one) for one in value)
    return cast("Value", value)
