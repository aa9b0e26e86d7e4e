"""An agreement: which roles of which states may send which kinds, for which purposes and on which articles.

`{id, version, parties, kinds, purposes, legal_bases, profile?, status, in_force_on}` (settled.md, Agreement).

Guarantees that `permit` allows only what is written: an empty list, an unknown kind and a date nobody gave allow
nothing, and a state has no agreement with itself. Who signed it is the directory's business
(`keys.directory.assembly`), whether a step comes in order the life cycles' (`schemas.lifecycles`).

Kinds, roles and purposes are judged by their form, not against this version's lists: a partner whose program is older
than an agreement must not lose the rest of it over one name it does not know (docs/adr/0026).
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias, cast

from schemas.errors import Rejected
from schemas.lifecycles import RULES

Status: TypeAlias = Literal["in_force", "suspended"]
Pair: TypeAlias = tuple[str, str]
"""A sender's role and a receiver's."""

PASSES_SUSPENSION = frozenset({"data.correction", "data.correction.done"})
"""What a suspension lets through: data that is wrong is put right and erased all the same (domain.md 14)."""

_ID = re.compile(r"[A-Z0-9][A-Z0-9-]{1,62}", re.ASCII)
_STATE = re.compile(r"[A-Z]{3}", re.ASCII)
_KIND = re.compile(r"[a-z]+(\.[a-z_]+){1,3}", re.ASCII)
_ROLE = re.compile(r"[A-Z]{2,6}", re.ASCII)
_PURPOSE = re.compile(r"[A-Z_]{2,20}", re.ASCII)
_BASIS = re.compile(r"[!-~]([ -~]{0,118}[!-~])?", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)

_STATUSES = ("in_force", "suspended")
_MANDATORY = ("id", "version", "parties", "kinds", "purposes", "legal_bases", "status", "in_force_on")
_OPTIONAL = ("profile",)
_VERSION_MAX, _PARTIES_MAX, _LIST_MAX = 999_999_999, 64, 200


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of an agreement.

    Attributes:
        id: as the header's `ixmagr` names it.
        version: from 1; each is signed by all parties.
        parties: states, ISO alpha-3.
        kinds: kind -> who may send it to whom, as pairs of a sender's role and a receiver's.
        purposes: codes the header's `ixmpurpose` may give.
        legal_bases: articles the header's `ixmbasis` may name, letter by letter.
        profile: the clock profile, None when only our own clocks run.
        status: `suspended` while a party has suspended it.
        in_force_on: the first day it allows anything; None when nobody knows, and then it allows nothing.
    """

    id: str
    version: int
    parties: tuple[str, ...]
    kinds: Mapping[str, tuple[Pair, ...]]
    purposes: tuple[str, ...]
    legal_bases: tuple[str, ...]
    profile: str | None
    status: Status
    in_force_on: date | None


class Fit(NamedTuple):
    """One way to send a message: the agreement's id, the sender's role, the article."""

    agreement: str
    role: str
    basis: str


def agreement_json(agreement: Agreement) -> dict[str, object]:
    """The agreement's members, as `parse_agreement` reads them back."""
    members: dict[str, object] = {
        "id": agreement.id,
        "version": agreement.version,
        "parties": list(agreement.parties),
        "kinds": {kind: [list(pair) for pair in pairs] for kind, pairs in agreement.kinds.items()},
        "purposes": list(agreement.purposes),
        "legal_bases": list(agreement.legal_bases),
        "status": agreement.status,
        "in_force_on": None if agreement.in_force_on is None else agreement.in_force_on.isoformat(),
    }
    if agreement.profile is not None:
        members["profile"] = agreement.profile
    return members


def parse_agreement(found: object) -> Agreement:
    """Read an agreement's members, closed: what is not known is refused.

    Args:
        found: decoded JSON.

    Raises:
        Rejected: FIELD_MISSING, FIELD_UNKNOWN, FIELD_TYPE, FIELD_LENGTH, FIELD_RANGE, FIELD_PATTERN or CODE_UNKNOWN,
            with the pointer of the member at fault; an unknown member's name is its author's text and not repeated.
    """
    members = _object(found, "")
    for name in _MANDATORY:
        if name not in members:
            raise Rejected("FIELD_MISSING", f"/{name}")
    if not members.keys() <= {*_MANDATORY, *_OPTIONAL}:
        raise Rejected("FIELD_UNKNOWN", "")
    profile = members.get("profile")
    return Agreement(
        id=_text(members["id"], _ID, "/id"),
        version=_version(members["version"]),
        parties=_texts(members["parties"], _STATE, "/parties", least=2, most=_PARTIES_MAX),
        kinds=_kinds(members["kinds"]),
        purposes=_texts(members["purposes"], _PURPOSE, "/purposes"),
        legal_bases=_texts(members["legal_bases"], _BASIS, "/legal_bases"),
        profile=None if profile is None else _text(profile, _ID, "/profile"),
        status=_status(members["status"]),
        in_force_on=_date(members["in_force_on"]),
    )


def permit(
    agreement: Agreement,
    *,
    kind: str,
    sender_state: str,
    sender_role: str,
    recipient_state: str,
    recipient_roles: Collection[str],
    purpose: str,
    basis: str,
    on: date,
) -> None:
    """The agreement lets this sender send this to this recipient.

    Args:
        agreement: the one the message relies on.
        kind: of the message.
        sender_state: ISO alpha-3.
        sender_role: the one role the sender acts in.
        recipient_state: ISO alpha-3.
        recipient_roles: every role the recipient has; one that fits is enough.
        purpose: the code stated.
        basis: the article stated.
        on: today's civil date in UTC.

    Raises:
        Rejected: NO_AGREEMENT, AGREEMENT_SUSPENDED, KIND_NOT_ALLOWED, PURPOSE_NOT_ALLOWED or BASIS_NOT_ALLOWED, with
            the header member at fault.
    """
    # 1. in force, between these two
    _check_between(agreement, sender_state, recipient_state, on)
    # 2. not suspended
    if agreement.status != "in_force" and kind not in PASSES_SUSPENSION:
        raise Rejected("AGREEMENT_SUSPENDED", "/ixmagr")
    # 3. the kind, from this role to one of those
    pairs = agreement.kinds.get(kind, ())
    if not pairs:
        raise Rejected("KIND_NOT_ALLOWED", "/type")
    receivers = {receiver for sender, receiver in pairs if sender == sender_role}
    if not receivers:
        raise Rejected("KIND_NOT_ALLOWED", "/ixmrole")
    if receivers.isdisjoint(recipient_roles):
        raise Rejected("KIND_NOT_ALLOWED", "/ixmto")
    # 4. for this purpose
    if purpose not in agreement.purposes:
        raise Rejected("PURPOSE_NOT_ALLOWED", "/ixmpurpose")
    # 5. on this article
    if basis not in agreement.legal_bases:
        raise Rejected("BASIS_NOT_ALLOWED", "/ixmbasis")


def fitting(
    agreements: Iterable[Agreement],
    *,
    kind: str,
    purpose: str,
    sender_state: str,
    sender_roles: Collection[str],
    recipient_state: str,
    recipient_roles: Collection[str],
    on: date,
) -> tuple[Fit, ...]:
    """Every way in which the hub would let this message pass, so that an edge fills in what has one answer only.

    A message to several recipients needs a way that fits each of them: intersect the answers. When there is no way,
    `permit` says why for the agreement the sender names; without one it is NO_AGREEMENT.

    Args:
        agreements: those of the directory; each is judged.
        kind: of the message.
        purpose: the code stated.
        sender_state: ISO alpha-3.
        sender_roles: every role of the sender's authority; only those that may send the kind at all are considered.
        recipient_state: ISO alpha-3.
        recipient_roles: every role of the recipient's authority.
        on: today's civil date in UTC.
    """
    rule = RULES.get(kind)
    if rule is None:
        return ()
    roles = [role for role in sorted(set(sender_roles)) if role in rule.sender_roles]

    def ways() -> Iterator[Fit]:
        for agreement in sorted(agreements, key=lambda one: one.id):
            for role in roles:
                for basis in agreement.legal_bases:
                    try:
                        permit(
                            agreement,
                            kind=kind,
                            sender_state=sender_state,
                            sender_role=role,
                            recipient_state=recipient_state,
                            recipient_roles=recipient_roles,
                            purpose=purpose,
                            basis=basis,
                            on=on,
                        )
                    except Rejected:
                        continue
                    yield Fit(agreement.id, role, basis)

    return tuple(ways())


def _check_between(agreement: Agreement, sender_state: str, recipient_state: str, on: date) -> None:
    parties = agreement.parties
    if sender_state == recipient_state or sender_state not in parties or recipient_state not in parties:
        raise Rejected("NO_AGREEMENT", "/ixmagr")
    if agreement.in_force_on is None or on < agreement.in_force_on:
        raise Rejected("NO_AGREEMENT", "/ixmagr")


def _object(value: object, path: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise Rejected("FIELD_TYPE", path)
    return cast("dict[str, object]", value)


def _list(value: object, path: str, *, least: int = 0, most: int = _LIST_MAX) -> list[object]:
    if not isinstance(value, list):
        raise Rejected("FIELD_TYPE", path)
    if not least <= len(value) <= most:
        raise Rejected("FIELD_LENGTH", path)
    return value


def _text(value: object, pattern: re.Pattern[str], path: str) -> str:
    if not isinstance(value, str):
        raise Rejected("FIELD_TYPE", path)
    if pattern.fullmatch(value) is None:
        raise Rejected("FIELD_PATTERN", path)
    return value


def _texts(
    value: object, pattern: re.Pattern[str], path: str, *, least: int = 0, most: int = _LIST_MAX
) -> tuple[str, ...]:
    """Distinct texts: one written twice would make two files of one meaning."""
    found: dict[str, None] = {}
    for at, one in enumerate(_list(value, path, least=least, most=most)):
        text = _text(one, pattern, f"{path}/{at}")
        if text in found:
            raise Rejected("FIELD_RANGE", f"{path}/{at}")
        found[text] = None
    return tuple(found)


def _kinds(value: object) -> Mapping[str, tuple[Pair, ...]]:
    members = _object(value, "/kinds")
    if len(members) > _LIST_MAX:
        raise Rejected("FIELD_LENGTH", "/kinds")
    found = {}
    for kind, pairs in members.items():
        if _KIND.fullmatch(kind) is None:
            raise Rejected("FIELD_PATTERN", "/kinds")  # the name is its author's text: it is not repeated
        found[kind] = _pairs(pairs, f"/kinds/{kind}")
    return MappingProxyType(found)


def _pairs(value: object, path: str) -> tuple[Pair, ...]:
    found: dict[Pair, None] = {}
    for at, one in enumerate(_list(value, path)):
        here = f"{path}/{at}"
        roles = _list(one, here, least=2, most=2)
        pair = (_text(roles[0], _ROLE, f"{here}/0"), _text(roles[1], _ROLE, f"{here}/1"))
        if pair in found:
            raise Rejected("FIELD_RANGE", here)
        found[pair] = None
    return tuple(found)


def _version(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise Rejected("FIELD_TYPE", "/version")
    if not 1 <= value <= _VERSION_MAX:
        raise Rejected("FIELD_RANGE", "/version")
    return value


def _status(value: object) -> Status:
    if not isinstance(value, str):
        raise Rejected("FIELD_TYPE", "/status")
    if value not in _STATUSES:
        raise Rejected("CODE_UNKNOWN", "/status")
    return cast("Status", value)


def _date(value: object) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(_text(value, _DATE, "/in_force_on"))
    except ValueError as error:
        raise Rejected("FIELD_PATTERN", "/in_force_on") from error
