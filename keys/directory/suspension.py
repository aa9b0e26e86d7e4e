"""One party's word that an agreement is suspended, at once and without asking the others (settled.md, Agreement).

It holds for every version of the agreement up to the one it names; a newer version, which all parties sign, ends it.
"""

from dataclasses import dataclass
from datetime import datetime

from keys.directory.records import INVALID, STATE, encode
from keys.directory.roles import AGREEMENT_ID
from schemas import strict_json
from schemas.envelope import format_instant, parse_instant
from schemas.errors import Rejected


@dataclass(frozen=True, slots=True)
class Suspension:
    """`by` (ISO alpha-3) suspends `agreement` up to `version`, since `at` (aware UTC, whole seconds)."""

    agreement: str
    version: int
    by: str
    at: datetime


def encode_suspension(suspension: Suspension) -> bytes:
    """The bytes of `suspensions/<id>/<STATE>.json`."""
    return encode(
        {
            "agreement": suspension.agreement,
            "version": suspension.version,
            "by": suspension.by,
            "at": format_instant(suspension.at),
        }
    )


def parse_suspension(raw: bytes) -> Suspension:
    """Read `suspensions/<id>/<STATE>.json`. Raises Rejected(DIRECTORY_INVALID)."""
    found = strict_json.loads(raw, code=INVALID, depth_max=1)
    if not isinstance(found, dict) or set(found) != {"agreement", "version", "by", "at"}:
        raise Rejected(INVALID)
    agreement, version, by, at = found["agreement"], found["version"], found["by"], found["at"]
    proper = (
        isinstance(agreement, str)
        and AGREEMENT_ID.fullmatch(agreement)
        and type(version) is int
        and version >= 1
        and isinstance(by, str)
        and STATE.fullmatch(by)
        and isinstance(at, str)
    )
    if not proper:
        raise Rejected(INVALID)
    try:
        return Suspension(agreement, version, by, parse_instant(at))
    except ValueError as error:
        raise Rejected(INVALID) from error
