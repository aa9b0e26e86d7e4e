"""What a national system writes when it wants a message sent, and how its files are matched to it.

Two forms. The payload alone (an object with its `kind`), where the channel knows the recipients otherwise or the
payload answers another. Or an object around it:
`{"to": [...], "payload": {...}, "attachments"?, "agreement"?, "basis"?, "role"?}`.

Guarantees form alone: what the payload says is for the edge to judge. A pointer leads into the payload, except `/to`,
`/attachments`, `/agreement`, `/basis` and `/role`, which no payload has.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.contract import Payload, Submission
from schemas import strict_json
from schemas.errors import Rejected

RECIPIENTS_MAX = 100
ATTACHMENTS_MAX = 64
_PARTNER = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_WORD = re.compile(r"[!-~][ -~]{0,99}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_MARK = b"\xef\xbb\xbf"
_MEMBERS = frozenset({"to", "payload", "attachments", "agreement", "basis", "role"})


@dataclass(frozen=True, slots=True)
class Outline:
    """A submission as it was written: not yet named, its files not yet found."""

    payload: Payload = field(repr=False)
    to: tuple[str, ...] = ()
    attachments: tuple[str, ...] = field(default=(), repr=False)
    agreement: str | None = None
    basis: str | None = None
    role: str | None = None

    def submission(self, external_id: str, to: tuple[str, ...], files: Mapping[str, Path]) -> Submission:
        """The submission, with its files matched one to one to what the payload names.

        Raises:
            Rejected: ATTACH_MISSING at the reference nobody gave a file for, ATTACH_HASH for a file nobody refers to.
        """
        named = dict(named_files(self.payload))
        for sha256, where in named.items():
            if sha256 not in files:
                raise Rejected("ATTACH_MISSING", where)
        if files.keys() - named.keys():
            raise Rejected("ATTACH_HASH", "/attachments")
        return Submission(external_id, self.payload, self.to or to, dict(files), self.agreement, self.basis, self.role)


def outline(data: bytes) -> Outline:
    """Read either form.

    Args:
        data: JSON, UTF-8; a byte order mark is allowed, for many systems write one.

    Raises:
        Rejected: INPUT_ENCODING, JSON_INVALID, FIELD_MISSING, FIELD_UNKNOWN, FIELD_TYPE, FIELD_PATTERN or FIELD_LENGTH.
    """
    value = strict_json.loads(decoded(data).encode())
    if not isinstance(value, dict):
        raise Rejected("FIELD_TYPE")
    if "payload" not in value:
        return Outline(_payload(value))
    if not value.keys() <= _MEMBERS:
        raise Rejected("FIELD_UNKNOWN")  # without its name, which is the sender's own text
    return Outline(
        _payload(value["payload"]),
        to=_texts(value, "to", _PARTNER, RECIPIENTS_MAX),
        attachments=_texts(value, "attachments", _WORD, ATTACHMENTS_MAX),
        agreement=_text(value, "agreement"),
        basis=_text(value, "basis"),
        role=_text(value, "role"),
    )


def decoded(data: bytes) -> str:
    """The text of UTF-8 bytes, without a byte order mark. Raises Rejected(INPUT_ENCODING)."""
    try:
        return data.removeprefix(_MARK).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Rejected("INPUT_ENCODING") from error


def partners(text: str) -> tuple[str, ...] | None:
    """The partner ids of a `+`-joined text, None when it is not one."""
    found = tuple(text.split("+"))
    good = len(set(found)) == len(found) <= RECIPIENTS_MAX and all(_PARTNER.fullmatch(one) for one in found)
    return found if good else None


def named_files(payload: Payload) -> Iterator[tuple[str, str]]:
    """SHA-256 of each file a payload refers to, and the pointer to where it does."""
    waiting: list[tuple[str, Any]] = [("", payload)]
    while waiting:
        where, value = waiting.pop()
        if isinstance(value, Mapping):
            sha256 = value.get("sha256")
            if isinstance(sha256, str) and _SHA256.fullmatch(sha256):
                yield sha256, f"{where}/sha256"
            waiting.extend((f"{where}/{_escaped(name)}", inner) for name, inner in value.items())
        elif isinstance(value, list):
            waiting.extend((f"{where}/{place}", inner) for place, inner in enumerate(value))


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")  # RFC 6901 section 3


def _payload(value: object) -> Payload:
    if not isinstance(value, dict):
        raise Rejected("FIELD_TYPE", "")
    if "kind" not in value:
        raise Rejected("FIELD_MISSING", "/kind")
    return value


def _texts(value: dict[str, Any], name: str, form: re.Pattern[str], longest: int) -> tuple[str, ...]:
    found = value.get(name, [])
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise Rejected("FIELD_TYPE", f"/{name}")
    if len(found) > longest:
        raise Rejected("FIELD_LENGTH", f"/{name}")
    if len(set(found)) != len(found) or not all(form.fullmatch(text) for text in found):
        raise Rejected("FIELD_PATTERN", f"/{name}")
    return tuple(found)


def _text(value: dict[str, Any], name: str) -> str | None:
    found = value.get(name)
    if found is None:
        return None
    if not isinstance(found, str):
        raise Rejected("FIELD_TYPE", f"/{name}")
    if _WORD.fullmatch(found) is None:
        raise Rejected("FIELD_PATTERN", f"/{name}")
    return found
