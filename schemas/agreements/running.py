"""Which of an agreement's clocks run in a case, and when they end: from signed headers and instants alone. Pure.

The life cycle's table says which keys run in a state (`State.clocks`); this says from what each is counted there, so
that the hub, which reads no payload, and an auditor come to the same day. Guarantees that a clock has no end before
what starts it is proven: a receipt is the state's own `readm.ack` where the profile asks for that, else its signed
hand-over (settled.md, What starts a treaty clock).

A header says until when more time was granted, or nothing: then the longest extension there can be is counted, for the
hub must not call an answer late that is not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from typing import Literal, Protocol, TypeAlias

from schemas.agreements import calendars, clocks
from schemas.agreements.period import Basis
from schemas.agreements.pinned import Pinned
from schemas.errors import Rejected

Stand: TypeAlias = Literal["not_started", "running", "unknown"]

DOCUMENT = "td_validity"
"""Runs to the last day of a travel document: its date is told, not counted."""

_EXTENSIONS: Mapping[str, str] = {"reply_limit": "reply_extension", "transfer_limit": "transfer_extension"}
_CONSENTS = frozenset({"accepted", "tacit_claimed"})


class Told(Protocol):
    """An accepted message of a case, as its header and leaves tell it."""

    @property
    def index(self) -> int:
        """Of its acceptance."""

    @property
    def at(self) -> datetime:
        """Of its acceptance."""

    @property
    def kind(self) -> str:
        """As in the header."""

    @property
    def step(self) -> str | None:
        """As in the header."""

    @property
    def facts(self) -> Mapping[str, str]:
        """As in the header."""

    @property
    def late(self) -> bool:
        """Whether it changed nothing."""

    @property
    def handed_over(self) -> tuple[datetime, int] | None:
        """When the last recipient handed it over by its own signed word, and that word's leaf; None until then."""


@dataclass(frozen=True, slots=True)
class Running:
    """A clock of a case.

    Attributes:
        key: the profile's.
        basis: calendar days, working days or months.
        stand: `not_started` until what it is counted from is proven; `unknown` where nobody can say when it ends.
        due: the last civil date, in the zone of the state asked, on which it is in time; None unless it runs.
        ends_at: the first instant (UTC) that is too late.
        indicative: whether a number or text behind it is not verified.
        question: what `clocks.due` was asked; None where the date was told and not counted.
        began: the kind or event that started it, and its leaf.
    """

    key: str
    basis: Basis
    stand: Stand
    due: date | None = None
    ends_at: datetime | None = None
    indicative: bool = False
    question: clocks.Question | None = None
    began: tuple[str, int] | None = None


def running(profile: Pinned, keys: Iterable[str], messages: Sequence[Told]) -> tuple[Running, ...]:
    """The clocks of these keys in a case.

    Args:
        profile: pinned when the case began, with the state asked.
        keys: those of the state in which the case stands.
        messages: of the case, the opening one first.
    """
    found = (_document(profile, messages) if key == DOCUMENT else _clock(profile, key, messages) for key in keys)
    return tuple(one for one in found if one is not None)


def receipt(profile: Pinned, messages: Sequence[Told]) -> tuple[str, int, datetime] | None:
    """What proves that the state asked has the opening message: kind or event, its leaf, the instant; None until then.

    Args:
        profile: as for `running`.
        messages: as for `running`.
    """
    acknowledged = next((one for one in messages if one.kind == "readm.ack"), None)
    handed_over = messages[0].handed_over
    if profile.value("receipt_proof") != "ack" and handed_over is not None:
        return "ContentHandover", handed_over[1], handed_over[0]
    if acknowledged is None:
        return None
    return "readm.ack", acknowledged.index, _moment(acknowledged, profile)


def _clock(profile: Pinned, key: str, messages: Sequence[Told]) -> Running | None:
    """None where the profile gives no time."""
    procedure = messages[0].facts.get("procedure", "normal")
    step = clocks.STEPS[key]
    counted = step.fast if step.fast is not None and procedure != "normal" else key
    period = profile.profile.period(counted)
    if period is None:
        return None
    began = _began(profile, key, messages)
    if began is None:
        return Running(key, period.basis, "not_started", indicative=not profile.profile.verified(counted))
    event, index, at = began
    question = clocks.Question(key, at, procedure, requested=profile.requested)  # type: ignore[arg-type]
    empty = Running(key, period.basis, "unknown", indicative=True, began=(event, index))
    try:
        return _counted(profile, question, empty, _granted(key, messages))
    except Rejected:
        return empty


def _counted(profile: Pinned, question: clocks.Question, empty: Running, granted: "date | bool") -> Running:
    """The end, with the extension that was granted: to a day, or (True) by nobody knows how much."""
    found = clocks.due(profile.profile, question)
    if granted is True:
        longest = replace(question, step=_EXTENSIONS[question.step])
        return _ends(empty, longest, clocks.due(profile.profile, longest))
    if granted is False or found.due is None or granted <= found.due:
        return _ends(empty, question, found)
    asked = replace(question, extension_days=min((granted - found.due).days, clocks.EXTENSION_DAYS_MAX))
    try:
        extended = clocks.due(profile.profile, asked)
    except Rejected:  # beyond what is allowed
        longest = replace(question, step=_EXTENSIONS[question.step])
        return _ends(empty, longest, clocks.due(profile.profile, longest))
    if extended.due == granted:
        return _ends(empty, asked, extended)
    # Days of another kind than the extension's: the day both sides agreed on.
    ends_at = calendars.day_ends_at(granted, found.requested)
    return replace(empty, stand="running", due=granted, ends_at=ends_at)


def _ends(empty: Running, question: clocks.Question, found: clocks.Due) -> Running:
    if found.due is None:
        return empty
    indicative = not found.verified or "PROFILE_UNVERIFIED" in found.warnings
    return replace(
        empty, stand="running", due=found.due, ends_at=found.ends_at, indicative=indicative, question=question
    )


def _began(profile: Pinned, key: str, messages: Sequence[Told]) -> tuple[str, int, datetime] | None:
    """What the clock is counted from: kind or event, leaf, instant."""
    if key in {"reply_limit", "transit_reply_limit"}:
        return receipt(profile, messages)
    if key == "error_limit":
        handed = next((one for one in messages if one.step == "handed_over"), None)
        return None if handed is None else (handed.kind, handed.index, _moment(handed, profile))
    if key == "transit_limit":
        allowed = next((one for one in messages if one.step == "consented"), None)
        return None if allowed is None else (allowed.kind, allowed.index, allowed.at)
    consent = _consent(messages)
    if consent is None:
        return None
    # The time for a transfer runs from the end that passed in silence, which a claim tells.
    told = key == "transfer_limit" and consent.step == "tacit_claimed"
    return consent.kind, consent.index, _moment(consent, profile) if told else consent.at


def _consent(messages: Sequence[Told]) -> Told | None:
    return next((one for one in messages if one.step in _CONSENTS and not one.late), None)


def _granted(key: str, messages: Sequence[Told]) -> "date | bool":
    """Until when the time was made longer; True where no header says by how much, False where it was not."""
    if key not in _EXTENSIONS:
        return False
    consent = _consent(messages)
    parted = len(messages) if consent is None else next(at for at, one in enumerate(messages) if one is consent)
    within = messages[:parted] if key == "reply_limit" else messages[parted:]
    found: date | bool = False
    asked: Told | None = None
    for one in within:
        if one.step == "extension_requested":
            asked = one
        elif one.step == "extension_granted":
            until = one.facts.get("valid_until") or (asked.facts.get("valid_until") if asked is not None else None)
            day = None if until is None else date.fromisoformat(until)
            found = True if day is None or day.year not in clocks.YEARS else day
    return found


def _document(profile: Pinned, messages: Sequence[Told]) -> Running | None:
    """The last day of the newest travel document."""
    issued = next((one for one in reversed(messages) if one.step == "td_issued"), None)
    if issued is None or "valid_until" not in issued.facts:
        return None
    day = date.fromisoformat(issued.facts["valid_until"])
    if day.year not in clocks.YEARS:
        return Running(DOCUMENT, "CD", "unknown", began=(issued.kind, issued.index))
    requested = profile.requested or profile.profile.requested(day)
    ends_at = calendars.day_ends_at(day, requested)
    return Running(DOCUMENT, "CD", "running", day, ends_at, began=(issued.kind, issued.index))


def _moment(message: Told, profile: Pinned) -> datetime:
    """`event_on` to the whole second; a civil date stands for that day's noon where the state asked is."""
    text = message.facts.get("event_on")
    if text is None:
        return message.at
    day = date.fromisoformat(text[:10])
    try:
        at = datetime.fromisoformat(text)
    except ValueError:  # an hour or an offset that there is not: the date it is written on stands
        at = None
    if at is not None and at.tzinfo is not None:
        return at.replace(microsecond=0)
    return datetime.combine(day, time(12), calendars.zone(profile.requested or profile.profile.requested(day)))
