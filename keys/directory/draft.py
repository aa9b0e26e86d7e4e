"""An agreement on its way to all its parties' signatures.

A draft is one JSON file that goes from party to party: the agreement as everybody reads it, and TUF metadata of its
role over exactly those bytes. An administrator signs the metadata only after the file's agreement was compared with it,
so what is read is what is signed. Who signed is judged at publication, against the administrators' keys of the
directory.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, TargetFile, Targets

from keys.directory.durations import Lifetimes
from keys.directory.records import INVALID, RECORD_BYTES_MAX, encode
from keys.directory.roles import DelegatedRole
from keys.directory.signers import signer
from schemas import strict_json
from schemas.agreements.agreement import Agreement, agreement_json, parse_agreement
from schemas.errors import Rejected

DRAFT_BYTES_MAX = 4 * RECORD_BYTES_MAX
_SIGNATURES_MAX = 64


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft whose agreement and metadata agree. `agreement_bytes` is the target file's content."""

    agreement: Agreement
    agreement_bytes: bytes
    metadata: Metadata[Targets]

    def encode(self) -> bytes:
        """The draft's file."""
        members = {"agreement": json.loads(self.agreement_bytes), "metadata": self.metadata.to_dict()}
        return json.dumps(members, ensure_ascii=False, indent=2).encode() + b"\n"


def propose(agreement: Agreement, now: datetime, lifetimes: Lifetimes | None = None) -> bytes:
    """A draft that nobody has signed yet. The role's version is the agreement's."""
    data = encode(agreement_json(agreement))
    path = DelegatedRole("agreement", agreement.id).path
    expires = now.replace(microsecond=0) + (lifetimes or Lifetimes()).agreement
    targets = Targets(
        version=agreement.version, expires=expires, targets={path: TargetFile.from_data(path, data, ["sha256"])}
    )
    return Draft(agreement, data, Metadata(targets)).encode()


def sign_draft(raw: bytes, administrators: bytes) -> bytes:
    """The draft with one signature more, by the administrators' key of this seed (32 bytes).

    Raises:
        Rejected: the draft is malformed, or its metadata is not over its agreement.
    """
    draft = parse_draft(raw)
    draft.metadata.sign(signer(administrators), append=True)
    return draft.encode()


def parse_draft(raw: bytes) -> Draft:
    """Read a draft.

    Raises:
        Rejected: DIRECTORY_INVALID, or the code and path of what is wrong in the agreement.
    """
    if len(raw) > DRAFT_BYTES_MAX:
        raise Rejected(INVALID)
    found: Any = strict_json.loads(raw, code=INVALID)
    if not isinstance(found, dict) or set(found) != {"agreement", "metadata"}:
        raise Rejected(INVALID)
    agreement = parse_agreement(found["agreement"])
    data = encode(agreement_json(agreement))
    path = DelegatedRole("agreement", agreement.id).path
    try:
        metadata: Metadata[Any] = Metadata.from_bytes(json.dumps(found["metadata"]).encode())
        targets = metadata.signed
        if not isinstance(targets, Targets) or set(targets.targets) != {path} or targets.delegations is not None:
            raise Rejected(INVALID, "/metadata")
        targets.targets[path].verify_length_and_hashes(data)
    except (RepositoryError, ValueError) as error:
        raise Rejected(INVALID, "/metadata") from error
    if targets.version != agreement.version or len(metadata.signatures) > _SIGNATURES_MAX:
        raise Rejected(INVALID, "/metadata")
    return Draft(agreement, data, metadata)
