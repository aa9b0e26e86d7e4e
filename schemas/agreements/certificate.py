"""A deadline certificate: which text, which receipt, which counting, which result. Pure: signing comes with who signs.

A certificate holds everything its count rests on: the texts of the profile by SHA-256, what the clock was started by,
the question, and every day of which the calendar was asked, with its answer. So a court can count again without a
network, without our calendar's release and years later: `recheck` takes the certificate and the texts, nothing else.

Guarantees that there is one way to write a certificate (`encode`: members in order, no space, UTF-8), that a reader
takes no other (`decode`), and that a certificate whose result does not follow from what it holds is refused. Not
checked here: whether the receipt it names is in the log (`keys.proofs`), and whether a day was truly a holiday: the
calendar's release is named.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import cast

from schemas import strict_json
from schemas.agreements import calendars
from schemas.agreements.clocks import Due, Procedure, Question, due
from schemas.agreements.profile import Profile
from schemas.agreements.text import canonical
from schemas.errors import Rejected

VERSION = 1
INVALID = "PROOF_INVALID"
DAYS_MAX = 5000
"""Most days a certificate may list; the longest period there is walks over fewer."""

_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", re.ASCII)
_STATE = re.compile(r"[A-Z]{3}", re.ASCII)
_WORD = re.compile(r"[!-~]{1,120}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What started the clock: the leaf of the log, and the digest of the message or statement it stands for.

    Attributes:
        event: the leaf's event, or the message's kind: `ContentHandover`, `readm.ack`.
        index: `YEAR/INDEX` of the leaf.
        digest: SHA-256, hex.
    """

    event: str
    index: str
    digest: str


@dataclass(frozen=True, slots=True)
class PinnedText:
    """A text as it was counted by: its id, version and the SHA-256 of its canonical JSON."""

    id: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """One deadline, and all it rests on.

    Attributes:
        texts: the profile's, the strongest first.
        receipt: what started the clock.
        question: the step as it was asked; its instants in UTC, whole seconds; the requested state is named.
        zone: where the days were counted.
        sources: the releases counted with: `holidays` and `tzdata` -> version.
        days: every day the calendar was asked about -> whether it is a working day.
        unread: the overrides among these answers that nobody had verified.
        result: the members of `clocks.Due.as_json`.
    """

    texts: tuple[PinnedText, ...]
    receipt: Receipt
    question: Question
    zone: str
    sources: Mapping[str, str]
    days: Mapping[date, bool]
    unread: tuple[calendars.Override, ...]
    result: Mapping[str, object]


def certify(profile: Profile, question: Question, receipt: Receipt) -> Certificate:
    """The certificate of a step's deadline.

    Args:
        profile: in the version the case began with.
        question: the step; its instants have whole seconds.
        receipt: what started the clock.

    Raises:
        ValueError: an instant has a fraction of a second, or no zone.
        Rejected: as `clocks.due`; FIELD_RANGE when nobody knows when the step is due: there is nothing to certify.
    """
    if any(at is not None and at.microsecond for at in (question.at, question.asked_at, question.done_at)):
        raise ValueError("an instant of a certificate has whole seconds")
    requested = due(profile, question).requested
    asked = _in_utc(question, requested)
    found = due(profile, asked)
    if found.due is None:
        raise Rejected("FIELD_RANGE", "/due")
    return Certificate(
        texts=tuple(PinnedText(text.id, text.version, text.digest) for text in profile.texts),
        receipt=receipt,
        question=asked,
        zone=calendars.zone(requested).key,
        sources=MappingProxyType(calendars.sources()),
        days=found.asked,
        unread=calendars.calendar(requested).unread(min(found.asked), max(found.asked)) if found.asked else (),
        result=MappingProxyType(found.as_json()),
    )


def encode(certificate: Certificate) -> bytes:
    """The certificate's bytes, which are what is signed."""
    question = certificate.question
    return canonical(
        {
            "v": VERSION,
            "texts": [{"id": text.id, "version": text.version, "sha256": text.digest} for text in certificate.texts],
            "receipt": {
                "event": certificate.receipt.event,
                "index": certificate.receipt.index,
                "sha256": certificate.receipt.digest,
            },
            "question": {
                "step": question.step,
                "at": _written(question.at),
                "procedure": question.procedure,
                "extension_days": question.extension_days,
                "asked_at": None if question.asked_at is None else _written(question.asked_at),
                "done_at": None if question.done_at is None else _written(question.done_at),
                "requested": question.requested,
            },
            "calendar": {
                "zone": certificate.zone,
                **certificate.sources,
                "days": {day.isoformat(): works for day, works in certificate.days.items()},
                "unread": [
                    {
                        "state": one.state,
                        "effect": one.effect,
                        "from": one.first.isoformat(),
                        "to": None if one.last is None else one.last.isoformat(),
                        "source": one.source,
                    }
                    for one in certificate.unread
                ],
            },
            "result": dict(certificate.result),
        }
    )


def decode(raw: bytes) -> Certificate:
    """A certificate's bytes, read strictly; whether it holds is `recheck`'s matter.

    Raises:
        Rejected: PROOF_INVALID for anything but the bytes that `encode` writes.
    """
    try:
        found = _read(strict_json.loads(raw, code=INVALID))
    except (TypeError, ValueError) as error:
        raise Rejected(INVALID) from error
    if encode(found) != raw:
        raise Rejected(INVALID)
    return found


def recheck(certificate: Certificate, load: Callable[[str, int], Profile]) -> Due:
    """The certificate's result follows from what it holds; the count, step by step.

    Args:
        certificate: as decoded.
        load: a profile by id and version (`schemas.agreements.profile.load`, or an auditor's own copy of the texts).

    Raises:
        Rejected: PROOF_INVALID when a text is another one, or the count has another result; NO_AGREEMENT when `load`
            has no such text.
    """
    profile = load(certificate.texts[0].id, certificate.texts[0].version)
    if tuple(PinnedText(text.id, text.version, text.digest) for text in profile.texts) != certificate.texts:
        raise Rejected(INVALID, "/texts")
    try:
        found = due(profile, certificate.question, _Kept(certificate.days, certificate.unread))
    except Rejected as error:
        raise Rejected(INVALID, "/question") from error
    if calendars.zone(found.requested).key != certificate.zone:
        raise Rejected(INVALID, "/calendar/zone")
    # Our words may change from release to release; what they say may not.
    if _without_words(found.as_json()) != _without_words(certificate.result):
        raise Rejected(INVALID, "/result")
    if found.asked != certificate.days:
        raise Rejected(INVALID, "/calendar/days")
    return found


class _Kept:
    """The calendar's answers as a certificate holds them; a day it does not hold has no answer."""

    def __init__(self, days: Mapping[date, bool], unread: tuple[calendars.Override, ...]) -> None:
        self.days = days
        self.overrides = unread

    def is_working_day(self, day: date) -> bool:
        if day not in self.days:
            raise Rejected(INVALID, "/calendar/days")
        return self.days[day]

    def day_off(self, day: date) -> str | None:
        return None if self.days[day] else "no working day by the certificate"

    def covers(self, day: date) -> bool:
        return day in self.days

    def unread(self, first: date, last: date) -> tuple[calendars.Override, ...]:
        return tuple(one for one in self.overrides if one.first <= last and (one.last is None or first <= one.last))


def _in_utc(question: Question, requested: str) -> Question:
    return replace(
        question,
        requested=requested,
        at=question.at.astimezone(UTC),
        asked_at=None if question.asked_at is None else question.asked_at.astimezone(UTC),
        done_at=None if question.done_at is None else question.done_at.astimezone(UTC),
    )


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _without_words(result: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in result.items() if name != "steps"}


# -- reading: whatever is not as `encode` writes it raises, and `decode` has one answer to all of it


def _read(value: object) -> Certificate:
    members = _object(value, "v", "texts", "receipt", "question", "calendar", "result")
    if members["v"] != VERSION:
        raise ValueError("another version")
    receipt = _object(members["receipt"], "event", "index", "sha256")
    calendar = _object(members["calendar"], "zone", "holidays", "tzdata", "days", "unread")
    days = _object(calendar["days"])
    texts = tuple(_text(one) for one in _list(members["texts"]))
    if not texts:
        raise ValueError("no text")
    return Certificate(
        texts=texts,
        receipt=Receipt(_word(receipt["event"]), _word(receipt["index"]), _word(receipt["sha256"], _DIGEST)),
        question=_question(members["question"]),
        zone=_word(calendar["zone"]),
        sources=MappingProxyType({name: _word(calendar[name]) for name in ("holidays", "tzdata")}),
        days=MappingProxyType({_day(day): _flag(works) for day, works in sorted(days.items())}),
        unread=tuple(_override(one) for one in _list(calendar["unread"])),
        result=MappingProxyType(dict(_object(members["result"]))),
    )


def _text(value: object) -> PinnedText:
    members = _object(value, "id", "version", "sha256")
    return PinnedText(_word(members["id"]), _number(members["version"]), _word(members["sha256"], _DIGEST))


def _question(value: object) -> Question:
    members = _object(value, "step", "at", "procedure", "extension_days", "asked_at", "done_at", "requested")
    days, asked_at, done_at = members["extension_days"], members["asked_at"], members["done_at"]
    return Question(
        step=_word(members["step"]),
        at=_instant(members["at"]),
        procedure=cast("Procedure", _word(members["procedure"])),
        extension_days=None if days is None else _number(days),
        asked_at=None if asked_at is None else _instant(asked_at),
        done_at=None if done_at is None else _instant(done_at),
        requested=_word(members["requested"], _STATE),
    )


def _override(value: object) -> calendars.Override:
    members = _object(value, "state", "effect", "from", "to", "source")
    last = members["to"]
    effect = _word(members["effect"])
    if effect not in calendars.EFFECTS or not isinstance(members["source"], str):
        raise ValueError("no such override")
    return calendars.Override(
        _word(members["state"], _STATE),
        cast("calendars.Effect", effect),
        _day(members["from"]),
        None if last is None else _day(last),
        members["source"],
        verified=False,
    )


def _object(value: object, *names: str) -> Mapping[str, object]:
    """An object with exactly these members; any when none are named."""
    if not isinstance(value, dict) or (names and value.keys() != set(names)) or len(value) > DAYS_MAX:
        raise TypeError("no such object")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError("no list")
    return value


def _word(value: object, pattern: re.Pattern[str] | None = None) -> str:
    if not isinstance(value, str) or (pattern or _WORD).fullmatch(value) is None:
        raise TypeError("no word")
    return value


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError("no number")
    return value


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError("no flag")
    return value


def _day(value: object) -> date:
    return date.fromisoformat(_word(value, _DATE))


def _instant(value: object) -> datetime:
    return datetime.fromisoformat(_word(value, _INSTANT))
