"""What a check knows beside the payload itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

EASTERNMOST = timedelta(hours=6)
"""Civil dates of events are written in the place's own zone; no partner lies further east than UTC+6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """Who sends to whom, when, and in answer to what.

    Attributes:
        at: stands for now; aware.
        sender_state, recipient_states: ISO alpha-3. Recipients switch the safeguard rules on; the strictest wins.
        purpose: the purpose stated outside the payload (header, command line).
        agreement: id of the agreement relied on.
        parent: payload of the message replied to.
        live: real operation; the specimen state UTO is refused.
    """

    at: datetime
    sender_state: str | None = None
    recipient_states: tuple[str, ...] = ()
    purpose: str | None = None
    agreement: str | None = None
    parent: Mapping[str, object] | None = None
    live: bool = False

    @property
    def today(self) -> date:
        """The civil date in UTC."""
        return self.at.astimezone(UTC).date()

    @property
    def latest_day(self) -> date:
        """The latest civil date that it can be anywhere among the partners."""
        return (self.at.astimezone(UTC) + EASTERNMOST).date()
