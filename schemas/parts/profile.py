"""What the rules ask of an agreement's profile (domain.md 11.5): a port, so that a rule counts nothing itself.

An answer may be None: the text does not say, or nobody has read it. A rule that is told None finds nothing, save where
silence would be taken for consent. Keys are the profile's own (`reply_limit`, `transfer_limit`, ...), and every date is
a civil date of the requested state.
"""

from datetime import date, datetime
from typing import Protocol, TypeAlias

When: TypeAlias = date | datetime
"""A civil date as written, or an instant (aware) whose civil date is that of the requested state's zone."""


class Profile(Protocol):
    """A profile in the version that a case began with, and the calendar of the state asked."""

    @property
    def id(self) -> str:
        """As in `agreement_id`."""

    @property
    def version(self) -> int:
        """The version."""

    @property
    def certain(self) -> bool:
        """Whether its texts are verified and in force since a known day: silence can count as consent."""

    def active_on(self, day: date) -> bool:
        """Whether nothing known says that it did not hold on that day."""

    def binds(self, state: str, day: date) -> bool:
        """Whether a state is a party, or a member of one."""

    def tcn_in_force(self, day: date) -> bool:
        """Whether nationals of other states and the stateless are taken back on that day; unknown means no."""

    def value(self, name: str) -> object:
        """A key's value; None when no text has it, or nobody knows."""

    def preferred(self, name: str) -> bool:
        """Whether a lead is preferred and not demanded."""

    def due(self, key: str, start: When, *, procedure: str = "normal", extension_days: int = 0) -> date | None:
        """The last day of a period that begins with an event; of a lead, the last day before it."""

    def extendable(self, key: str, start: When, days: int) -> bool | None:
        """Whether a period may be made longer by so many days."""

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
            Rejected: SENDER_ROLE, TACIT_NOT_PROVIDED, TACIT_TOO_EARLY or PROFILE_INACTIVE.
        """


OWN_DOCUMENTS = frozenset({"requesting_party_td", "eu_td", "common_td"})
"""Values of `td_substitute` under which the requesting state's own document, or the Union's, is taken."""


def takes_own_document(profile: Profile) -> bool:
    """Whether a travel document that the requested state did not issue is taken in its place."""
    return profile.value("td_substitute") in OWN_DOCUMENTS
