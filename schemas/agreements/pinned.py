"""The profile a case began with, as payload rules ask it (the port of `schemas.parts.profile`).

A rule asks for a day and compares; what cannot be counted (no number, an extension beyond what is allowed, a profile
that did not hold) has no day here, and the refusal is `clocks`' own. Whether silence may be claimed as consent is
judged in `clocks.check_tacit_claim` alone.

A case keeps its pin as text, `ID/VERSION/STATE`: the profile, the version that was the newest when the case began, and
the state asked.
"""

import re
from dataclasses import dataclass
from datetime import date, datetime, time

from schemas.agreements import calendars, clocks
from schemas.agreements import profile as profiles
from schemas.agreements.profile import Profile
from schemas.errors import Rejected
from schemas.parts.profile import When

PROCEDURES = frozenset({"readmission", "transit"})
"""Procedures that an agreement's clocks run in."""

_PIN = re.compile(r"([A-Z0-9][A-Z0-9-]{1,62})/([1-9][0-9]{0,3})/([A-Z]{3})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Pinned:
    """A profile in one version, and the state asked (the party outside the Union when None)."""

    profile: Profile
    requested: str | None = None

    @property
    def id(self) -> str:
        """As in `agreement_id`."""
        return self.profile.id

    @property
    def version(self) -> int:
        """The strongest text's."""
        return self.profile.version

    @property
    def certain(self) -> bool:
        """Whether silence can count as consent at all."""
        return self.profile.certain

    def active_on(self, day: date) -> bool:
        """Whether nothing known says that it did not hold on that day."""
        return self.profile.active_on(day)

    def binds(self, state: str, day: date) -> bool:
        """Whether a state is a party, or a member of one."""
        return self.profile.binds(state, day)

    def tcn_in_force(self, day: date) -> bool:
        """Whether its clauses on other states' nationals apply."""
        return self.profile.tcn_in_force(day)

    def value(self, name: str) -> object:
        """A key's value."""
        return self.profile.value(name)

    def preferred(self, name: str) -> bool:
        """Whether a lead is preferred and not demanded."""
        return self.profile.preferred(name)

    def due(self, key: str, start: When, *, procedure: str = "normal", extension_days: int = 0) -> date | None:
        """The last day of a period, or the last before an event."""
        try:
            return clocks.due(self.profile, self._question(key, start, procedure, extension_days)).due
        except Rejected:
            return None

    def extendable(self, key: str, start: When, days: int) -> bool | None:
        """Whether a period may be made longer by so many days."""
        try:
            found = clocks.due(self.profile, self._question(key, start, "normal", days))
        except Rejected as refusal:
            return False if refusal.code == "EXTENSION_TOO_LONG" else None
        return None if found.due is None else True

    def check_tacit_claim(
        self,
        received: When,
        *,
        claimant: str | None,
        claimed_at: datetime,
        procedure: str = "normal",
        extension_days: int = 0,
    ) -> None:
        """Silence counts as consent, and this state may say so.

        Raises:
            Rejected: as `clocks.check_tacit_claim`.
        """
        clocks.check_tacit_claim(
            self.profile,
            self._question("reply_limit", received, procedure, extension_days),
            claimant=claimant,
            claimed_at=claimed_at,
            receipt_proven=True,
        )

    def _question(self, key: str, start: When, procedure: str, extension_days: int) -> clocks.Question:
        day = start.date() if isinstance(start, datetime) else start
        requested = self.requested or self.profile.requested(day)
        at = start if isinstance(start, datetime) else datetime.combine(start, time(12), calendars.zone(requested))
        return clocks.Question(key, at, procedure, extension_days or None, requested=requested)  # type: ignore[arg-type]


def pin(profile: str | None, requested: str, day: date, *, test: bool) -> str | None:
    """The pin of a case that begins; None where no profile is named, or none that this program knows.

    Args:
        profile: the id that the signed agreement names.
        requested: the state asked, ISO alpha-3; where it is no party, the party outside the Union stands for it.
        day: the day it begins.
        test: whether those who write are tests: for others no profile made for tests is one.
    """
    if profile is None or (profiles.for_tests(profile) and not test):
        return None
    try:
        found = profiles.load(profile)
        asked = requested if found.binds(requested, day) else found.requested(day)
        calendars.zone(asked)  # one whose days nobody can count pins nothing
    except Rejected:
        return None
    return f"{found.id}/{found.version}/{asked}"


def pinned(text: str | None) -> Pinned | None:
    """The profile of a pin; None without one, and where this program does not know the profile or the version."""
    found = _PIN.fullmatch(text or "")
    if found is None:
        return None
    try:
        return Pinned(profiles.load(found[1], int(found[2])), found[3])
    except Rejected:
        return None
