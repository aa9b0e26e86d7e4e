"""What codes are called on pages. Every code of the tables has words (a test holds it); an unknown one shows itself.

Times are shown in UTC, with the zone's name, and beside it how far away they are.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from hub.cases.case import ERASED, Rung
from hub.cases.clocks import CORRECTION, CaseClock
from hub.console import casewords
from hub.console.casewords import AGREED, CLOCKS, KINDS, PROCEDURES, STATES
from schemas.agreements.profile import for_tests

__all__ = [
    "AGREED", "CLOCKS", "EVENTS", "GROUPS", "KINDS", "PROBLEM", "PROBLEMS", "PROCEDURES", "STATES", "away", "clock",
    "day", "due", "group_of", "instant", "reached", "state",
]  # fmt: skip

EVENTS: Mapping[str, str] = MappingProxyType(
    {
        "LogOpened": "Log opened",
        "SubmissionAcceptance": "Message accepted",
        "SubmissionRejection": "Submission refused",
        "ContentConsignment": "Taken by the recipient's edge",
        "ContentConsignmentFailure": "Delivery parked",
        "ConsignmentRedriven": "Delivery driven again",
        "BrokerRebuilt": "Broker filled again from the log",
        "ContentHandover": "Handed over",
        "ContentHandoverFailure": "Hand-over failed",
        "ContentAccessTracking": "Opened",
        "DirectoryPublished": "Key directory published",
        "AgreementPublished": "Agreement published",
        "AgreementSuspended": "Agreement suspended",
        "CaseViewed": "Case viewed",
        "ClockWarned": "Time is running out",
        "ClockExpired": "Time has ended",
        "ClockCertified": "Deadline certified",
        "ClockConfirmed": "Clock confirmed by an operator",
        "SignInLinked": "Sign-in link made",
        "SignedIn": "Signed in",
        "SignedOut": "Signed out",
        "BackupMade": "Backup made",
        "LogRestored": "Log restored from a backup",
        "ClaimDismissed": "A partner's claim of a longer log dismissed",
    }
)

GROUPS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("accepted", "Messages accepted", frozenset({"SubmissionAcceptance"})),
    (
        "evidence",
        "Deliveries and evidence",
        frozenset(
            {"ContentConsignment", "ConsignmentRedriven", "BrokerRebuilt", "ContentHandover", "ContentAccessTracking"}
        ),
    ),
    (
        "trouble",
        "Refusals and failures",
        frozenset({"SubmissionRejection", "ContentConsignmentFailure", "ContentHandoverFailure"}),
    ),
    ("rest", "Directory, agreements, accounts", frozenset()),
)
"""How events are put together in charts: class, words, events; the last takes all others."""

PROBLEM = "Something is wrong on our side, or with what was asked. Nothing was changed."
PROBLEMS: Mapping[str, str] = MappingProxyType(
    {
        "REQUEST_UNSIGNED": "You have not signed in, or your session has ended. Ask the operator for a sign-in link.",
        "NOT_FOUND": "There is no such page, or not for you.",
        "CROSS_SITE": "The form was not sent by a page of this hub. Go back to the page and try again there.",
        "METHOD_NOT_ALLOWED": "This address does not take this kind of request.",
        "RATE_LIMITED": "Too many attempts came from your address. Wait a minute, then try again.",
        "BUSY": "The hub is busy. Nothing was shown, because nothing could be written to the log. Try again soon.",
        "STORE_UNAVAILABLE": "The hub cannot write to its log, and shows nothing that it cannot log. Try again soon.",
    }
)
"""What a page says of a code."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SOON = timedelta(minutes=1)
_UNITS = ((timedelta(days=1), "day"), (timedelta(hours=1), "hour"), (timedelta(minutes=1), "minute"))


def group_of(event: str) -> str:
    """The class of an event's group."""
    return next((name for name, _, events in GROUPS if event in events), GROUPS[-1][0])


def state(procedure: str, name: str) -> str:
    """A state in words."""
    return "Erased" if name == ERASED else casewords.state(procedure, name)


def instant(at: datetime) -> str:
    """`1 Apr 2026, 12:00 UTC`."""
    at = at.astimezone(UTC)
    return f"{day(at.date())}, {at:%H:%M} UTC"


def day(on: date) -> str:
    """`1 Apr 2026`: the month's name is written out by ourselves, whatever the machine's language."""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def clock(name: str) -> str:
    """What a clock is called."""
    if name.startswith(CORRECTION):
        return f"Answer to the correction in log entry {name.split('.')[1]} due"
    return CLOCKS.get(name) or AGREED.get(name, name)


def profile(pin: str | None) -> str:
    """What a case counts by, from its pin: `EU-MDA, version 1`; one that is invented says so."""
    if pin is None:
        return ""
    name, version, _ = pin.split("/")
    return f"{name}, version {version}{', made for tests' if for_tests(name) else ''}"


def due(clock: CaseClock) -> str:
    """When a clock ends: an instant, or for one that counts days the last day that is in time, and where.

    An agreement's date rests on texts; one that nobody verified is only indicative, and says so.
    """
    if clock.due is None:
        return "Not started" if clock.known else "Nobody knows when it ends"
    if isinstance(clock.due, datetime):
        return instant(clock.due)
    place = "UTC" if clock.requested is None else f"in {clock.requested}"
    return f"{day(clock.due)}, end of day {place}{', indicative' if clock.indicative else ''}"


def away(at: datetime, now: datetime) -> str:
    """`in 3 hours`, `2 days ago`, `now`: in the largest unit that fits, rounded down."""
    apart = abs(at - now)
    if apart < _SOON:
        return "now"
    words = _lasting(apart)
    return f"in {words}" if at > now else f"{words} ago"


def ahead(seconds: int) -> str:
    """`4 days`: by how much a clock for tests is ahead, likewise."""
    apart = timedelta(seconds=seconds)
    return "less than a minute" if apart < _SOON else _lasting(apart)


def _lasting(apart: timedelta) -> str:
    unit, name = next((unit, name) for unit, name in _UNITS if apart >= unit)
    count = apart // unit
    return f"{count} {name}{'' if count == 1 else 's'}"


def reached(rung: Rung) -> str:
    """How far a message got with one recipient."""
    return {
        "accepted": "Waiting for delivery",
        "parked": "Delivery parked: the operator must act",
        "consigned": "With the recipient's edge, not yet handed over",
        "failed": "Hand-over failed",
        "handed_over": "Handed over",
    }[rung.reached]
