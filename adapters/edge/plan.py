"""What an accepted submission will be sent as: everything of its header that is settled before it is sealed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from keys.directory.directory import Directory
from keys.suite import KemPublic, SigningPublic
from schemas.envelope import Header, LogHead, Recipient, Reference


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom a message is for and on what ground. `attachments` are SHA-256 of the plaintexts, in part order."""

    kind: str
    dataschema: str
    case_handle: str
    to: tuple[str, ...]
    agreement: str
    role: str
    basis: str
    purpose: str
    step: str
    facts: Mapping[str, str]
    reference: Reference | None
    test: bool
    attachments: tuple[str, ...]

    def dump(self) -> str:
        """As JSON, for the outbox."""
        reference = self.reference
        return json.dumps(
            {
                "kind": self.kind,
                "dataschema": self.dataschema,
                "case_handle": self.case_handle,
                "to": self.to,
                "agreement": self.agreement,
                "role": self.role,
                "basis": self.basis,
                "purpose": self.purpose,
                "step": self.step,
                "facts": dict(self.facts),
                "reference": None if reference is None else [reference.source, reference.id, reference.digest],
                "test": self.test,
                "attachments": self.attachments,
            }
        )

    @classmethod
    def load(cls, text: str) -> "Plan":
        """What `dump` wrote."""
        found = json.loads(text)
        reference = found.pop("reference")
        found["to"], found["attachments"] = tuple(found["to"]), tuple(found["attachments"])
        return cls(**found, reference=None if reference is None else Reference(*reference))

    def header(
        self,
        message_id: str,
        source: str,
        directory: Directory,
        *,
        public: SigningPublic,
        head: LogHead,
        now: datetime,
        lifetime: timedelta,
    ) -> tuple[Header, list[KemPublic]]:
        """The header at the time of sealing, and the keys to seal to.

        Raises:
            Rejected: RECIPIENT_UNKNOWN, KEY_UNKNOWN, KEY_INACTIVE: a recipient has no key now.
        """
        time = now.astimezone(UTC).replace(microsecond=0)
        kems = [directory.kem_public(partner, now) for partner in self.to]
        return (
            Header(
                id=message_id,
                source=source,
                kind=self.kind,
                case_handle=self.case_handle,
                time=time,
                dataschema=self.dataschema,
                recipients=tuple(Recipient(one, kem.key_id) for one, kem in zip(self.to, kems, strict=True)),
                ed25519_id=public.ed25519_id,
                mldsa65_id=public.mldsa65_id,
                expires=time + lifetime,
                directory_version=directory.version,
                log=head,
                agreement=self.agreement,
                basis=self.basis,
                purpose=self.purpose,
                role=self.role,
                reference=self.reference,
                step=self.step,
                facts=self.facts,
                test=self.test,
            ),
            kems,
        )
