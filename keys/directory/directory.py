"""One version of the directory, verified: who is a partner, and which key may be used for what at which instant.

Immutable; every question is a look-up in a dictionary and is judged at the instant the caller names, never by a clock
of our own. Only `keys.directory.client` makes one, from metadata whose whole chain holds. Whether the version's digest
is a leaf of the log is for the edge to ask (settled.md, Intake, Keys): `snapshot_digest` is what that leaf says.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from types import MappingProxyType

from keys.directory.records import ALGORITHMS, INVALID, HubRecord, KeyRecord, PartnerRecord, Use, signing_public
from keys.suite import KemPublic, SigningPublic
from schemas.agreements.agreement import Agreement
from schemas.errors import Rejected

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Directory:
    """A version of the directory.

    Attributes:
        version: TUF's snapshot version.
        snapshot_digest: SHA-256 of the snapshot metadata's bytes, hex.
        valid_until: after this instant the version may not be relied on any more without a refresh.
        hub: the hub's names and keys.
        partners: partner id -> record.
        keys: partner id -> its keys, in the order of its key set.
        agreements: agreement id -> agreement, its status `suspended` when a party has suspended it.
        files: path of each signed file -> SHA-256, hex: what changed between two versions.
        faults: delegated role -> code, for roles left out because they expired or do not fit; they allow nothing.
        expires: `root`, `registrar` and each delegated role in use -> when its metadata must have been signed anew.
    """

    version: int
    snapshot_digest: str
    valid_until: datetime
    hub: HubRecord
    partners: Mapping[str, PartnerRecord]
    keys: Mapping[str, tuple[KeyRecord, ...]]
    agreements: Mapping[str, Agreement]
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    faults: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    expires: Mapping[str, datetime] = field(default_factory=lambda: MappingProxyType({}))

    def check_fresh(self, at: datetime) -> None:
        """This version may still be relied on, or Rejected(DIRECTORY_INVALID): refresh first."""
        if at >= self.valid_until:
            raise Rejected(INVALID)

    def knows(self, partner: str) -> bool:
        """Whether there is such a partner."""
        return partner in self.partners

    def partner(self, partner: str) -> PartnerRecord:
        """A partner's record, or Rejected(RECIPIENT_UNKNOWN)."""
        try:
            return self.partners[partner]
        except KeyError as error:
            raise Rejected("RECIPIENT_UNKNOWN") from error

    def of_state(self, state: str) -> frozenset[str]:
        """Every partner of a state (ISO alpha-3)."""
        return frozenset(name for name, record in self.partners.items() if record.state == state)

    def signing_public(self, partner: str, ed25519_id: str, mldsa65_id: str, at: datetime) -> SigningPublic:
        """The pair with these ids, which the partner may sign with at `at`.

        Raises:
            Rejected: KEY_UNKNOWN (not one pair of this partner's) or KEY_INACTIVE.
        """
        found = self._signing.get((partner, ed25519_id, mldsa65_id))
        if found is None:
            raise Rejected("KEY_UNKNOWN")
        record, public = found
        record.check(at)
        return public

    def kem_public(self, partner: str, at: datetime) -> KemPublic:
        """The newest key to seal to the partner with.

        Raises:
            Rejected: RECIPIENT_UNKNOWN, KEY_UNKNOWN (it has none), KEY_INACTIVE (none is valid at `at`).
        """
        self.partner(partner)
        listed = self._kem.get(partner, ())
        if not listed:
            raise Rejected("KEY_UNKNOWN")
        for record, public in listed:
            if record.valid(at):
                return public
        raise Rejected("KEY_INACTIVE")

    def check_kem(self, partner: str, key_id: str, at: datetime) -> None:
        """The key is the partner's and one may seal to it at `at`, or Rejected(KEY_UNKNOWN or KEY_INACTIVE)."""
        for record, _ in self._kem.get(partner, ()):
            if record.id == key_id:
                record.check(at)
                return
        raise Rejected("KEY_UNKNOWN")

    def request_key(self, key_id: str, at: datetime) -> tuple[str, bytes]:
        """Whose request key this is, and its raw public bytes, or Rejected(KEY_UNKNOWN or KEY_INACTIVE)."""
        found = self._request.get(key_id)
        if found is None:
            raise Rejected("KEY_UNKNOWN")
        partner, record = found
        record.check(at)
        return partner, record.public

    def last_valid(self, partner: str) -> dict[Use, datetime]:
        """When the last of the partner's keys of each use ends, those revoked aside; of a use without any: 1970."""
        ends = {use: [NEVER] for use in ALGORITHMS}
        for record in self.keys.get(partner, ()):
            if record.revoked_at is None:
                ends[record.use].append(record.not_after)
        return {use: max(ends[use]) for use in ("sign", "kem", "request")}

    def agreement(self, agreement: str) -> Agreement:
        """The agreement in its newest published version, or Rejected(NO_AGREEMENT)."""
        try:
            return self.agreements[agreement]
        except KeyError as error:
            raise Rejected("NO_AGREEMENT") from error

    def agreements_between(self, *states: str) -> tuple[Agreement, ...]:
        """Every agreement, whatever its status, that all these states are parties of, by id."""
        wanted = set(states)
        return tuple(found for _, found in sorted(self.agreements.items()) if wanted <= set(found.parties))

    @cached_property
    def _signing(self) -> dict[tuple[str, str, str], tuple[KeyRecord, SigningPublic]]:
        found = {}
        for partner, records in self.keys.items():
            for record in records:
                if record.use == "sign":
                    public = signing_public(record)
                    found[partner, public.ed25519_id, public.mldsa65_id] = (record, public)
        return found

    @cached_property
    def _kem(self) -> dict[str, tuple[tuple[KeyRecord, KemPublic], ...]]:
        """Newest first."""
        return {
            partner: tuple(
                (record, KemPublic(record.public))
                for record in sorted(records, key=lambda one: (one.not_before, one.id), reverse=True)
                if record.use == "kem"
            )
            for partner, records in self.keys.items()
        }

    @cached_property
    def _request(self) -> dict[str, tuple[str, KeyRecord]]:
        return {
            record.id: (partner, record)
            for partner, records in self.keys.items()
            for record in records
            if record.use == "request"
        }
