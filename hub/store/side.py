"""Side records: what a leaf's commitments commit to, sealed, so that it can be destroyed without touching the log.

Plain form: 1 byte version, 32 bytes salt, 4 bytes length of the header, the header's bytes (none for events without a
message), then the committed values as a JSON object. Values that stand in the header are not repeated.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct

from keys.proofs.leaf import SALT_BYTES
from schemas import strict_json
from schemas.errors import Fault

_VERSION = 1
_HEAD = Struct(f">B{SALT_BYTES}sI")


@dataclass(frozen=True, slots=True)
class SideRecord:
    """`salt` opens the commitments; `header` is the message's signed header; `values` what else was committed to."""

    salt: bytes
    header: bytes = b""
    values: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The plain form, to be sealed."""
        values = json.dumps(dict(self.values), separators=(",", ":")).encode() if self.values else b""
        return _HEAD.pack(_VERSION, self.salt, len(self.header)) + self.header + values

    def __repr__(self) -> str:
        return "SideRecord()"


def decode_side(raw: bytes) -> SideRecord:
    """What `encode` wrote; anything else is a Fault."""
    if len(raw) < _HEAD.size:
        raise Fault("a side record is cut short")
    version, salt, length = _HEAD.unpack_from(raw)
    header = raw[_HEAD.size : _HEAD.size + length]
    rest = raw[_HEAD.size + length :]
    if version != _VERSION or len(header) != length:
        raise Fault("a side record has another form")
    values = strict_json.loads(rest, depth_max=1) if rest else {}
    if not isinstance(values, dict) or not all(isinstance(one, str) for one in values.values()):
        raise Fault("a side record has another form")
    return SideRecord(salt, header, values)
