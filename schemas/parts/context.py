"""What a check knows beside the payload itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from schemas.parts.profile import Profile

EASTERNMOST = timedelta(hours=6)
"""Civil dates of events are written in the place's own zone; no partner lies further east than UTC+6."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A message that the case already holds.

    Attributes:
        payload: as it was opened.
        id: the message's.
    """

    payload: Mapping[str, object]
    id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """Who sends to whom, when, and in answer to what.

    Attributes:
        at: stands for now; aware.
        sender_state, recipient_states: ISO alpha-3. Recipients switch the safeguard rules on; the strictest wins.
        purpose: the purpose stated outside the payload (header, command line).
        agreement: id of the agreement relied on.
        parent: payload of the message replied to.
        earlier: what the case holds so far, the opening message first; empty where nobody knows. Only what its messages
            say is asked of it, so a rule between two messages is silent where one is missing.
        refused: what the requested state had before it when it refused earlier applications for the person: those
            applications, and what was supplied. Empty where nobody knows of any.
        received_at: when the requested state received the opening message, by its own signed statement; an
            acknowledgement among `earlier` stands for it where the agreement asks for one, or none is known.
        profile: of the agreement, in the version the case began with.
        live: real operation; the specimen state UTO is refused.
        reading: the payload was received: members and codes that a newer sender of the same version may know are
            warned of, not refused (docs/adr/0064), and so are texts that the sender's officer has released
            (docs/adr/0088). A sender is held to every letter.
    """

    at: datetime
    sender_state: str | None = None
    recipient_states: tuple[str, ...] = ()
    purpose: str | None = None
    agreement: str | None = None
    parent: Mapping[str, object] | None = None
    earlier: tuple[Earlier, ...] = ()
    refused: tuple[Mapping[str, object], ...] = ()
    received_at: datetime | None = None
    profile: Profile | None = None
    live: bool = False
    reading: bool = False

    @property
    def today(self) -> date:
        """The civil date in UTC."""
        return self.at.astimezone(UTC).date()

    @property
    def latest_day(self) -> date:
        """The latest civil date that it can be anywhere among the partners."""
        return (self.at.astimezone(UTC) + EASTERNMOST).date()
