"""What the rules ask of an agreement's profile (domain.md 11.5): a port, so that a rule counts nothing itself.

Every answer may be None: the text does not say, or nobody has read it. A rule that is told None finds nothing, save
where silence would be taken for consent. Keys are the profile's own (`reply_limit`, `transfer_limit`, ...).
"""

from collections.abc import Collection
from datetime import date, datetime
from typing import Protocol, TypeAlias

When: TypeAlias = date | datetime
"""A civil date, or an instant (aware) whose civil date is that of the requested state's zone."""


class Profile(Protocol):
    """One version of a profile, as a case pinned it when it began."""

    @property
    def id(self) -> str:
        """As in `agreement_id`."""

    @property
    def version(self) -> str:
        """Which version a case began with."""

    @property
    def parties(self) -> Collection[str]:
        """ISO alpha-3 of the states bound by it; the Union's member states stand one by one."""

    @property
    def status(self) -> str:
        """`draft`, `verified` or `suspended`."""

    @property
    def in_force_on(self) -> date | None:
        """None while nobody has read the date; it is never inferred."""

    @property
    def tcn_in_force(self) -> bool | None:
        """Whether its clauses on third-country nationals and the stateless apply."""

    @property
    def expired_document(self) -> str | None:
        """What an expired document is worth: `proof`, `prima_facie` or `initiates`."""

    @property
    def biometrics_expected(self) -> bool:
        """Whether fingerprints are sent as a rule, and a reason given where they are not."""

    @property
    def own_document_accepted(self) -> bool | None:
        """Whether the requesting state's own travel document, or the Union's, is taken instead."""

    def due(self, key: str, start: When, *, extension_days: int = 0) -> date | None:
        """The last day of a period that begins with an event, in the requested state's zone and calendar."""

    def notice_by(self, key: str, event: When) -> date | None:
        """The last day on which a notice is early enough before an event."""

    def extension_days_max(self, key: str) -> int | None:
        """By how many days a period may be extended; 0 where it may not."""

    def tacit_consent_from(self, received: When, *, procedure: str, extension_days: int = 0) -> date | None:
        """The first day on which silence is consent; None where it never is, or the profile is not verified."""
