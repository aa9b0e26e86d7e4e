"""When a step of a readmission procedure is due, by the profile of the agreement (domain.md 4.4, 11.6, 12).

The clock of a step starts on a civil date of the requested state, which is not counted, and its last day runs to 24:00
there. An extension moves the end from the original end, before any rolling, and must be asked for while the period
runs. `STEPS` says from what each step is counted; a lead is counted backward from its event.

Guarantees about silence, each of which a test holds:
- no consent by silence from a profile one of whose texts is draft, suspended or of unknown date, nor by a key nobody
  read, nor over days that an override nobody read made working days;
- never before the end, moved to a working day, is over: `tacit_consent_from` is a working day after it;
- only the side that asked can claim it, and only with a proven receipt and no extension pending.

What nobody knows has no date: `due` is then None. What a court needs to count again is `certificate`'s matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

from schemas.agreements import calendars
from schemas.agreements.period import (
    NO_EXTENSION,
    ONE_DAY,
    Basis,
    Calendar,
    Extension,
    Period,
    last_day,
    latest_arrival,
    next_working_day,
)
from schemas.agreements.profile import Profile
from schemas.errors import Rejected

Procedure: TypeAlias = Literal["normal", "accelerated", "airport"]
PROCEDURES = ("normal", "accelerated", "airport")

YEARS = range(1990, 2100)
"""Instants outside are mistakes, not steps of a procedure."""
EXTENSION_DAYS_MAX = 3650

ACK_SLA = Period(1, "WD")
"""Our own service level for an acknowledgement of receipt, in every profile; no text says so (domain.md 12)."""


class Days(Calendar, Protocol):
    """What a state's calendar can tell (`calendars.NationalCalendar`, or the answers kept in a certificate)."""

    def day_off(self, day: date) -> str | None:
        """Why nobody works on that day; None for a working day."""

    def covers(self, day: date) -> bool:
        """Whether the holidays of that day's year are known at all."""

    def unread(self, first: date, last: date) -> tuple[calendars.Override, ...]:
        """Overrides that bear on these days and that nobody has verified."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step's clock.

    Attributes:
        starts: what it is counted from.
        fast: the key that stands for it in an accelerated procedure and at airports.
        extension: the key that says by how much it can be made longer.
        longest_of: for a key that is itself an extension, the step it makes longer: the longest one is counted.
        backward: whether it is a lead, counted backward from its event.
        late: what being late is: an error, or a warning.
    """

    starts: str
    fast: str | None = None
    extension: str | None = None
    longest_of: str | None = None
    backward: bool = False
    late: Literal["error", "warning"] = "warning"

    @property
    def extends(self) -> bool:
        """Whether somebody can ask for it to be made longer, or it is such a request itself."""
        return self.extension is not None or self.longest_of is not None


STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "submit_limit": Step("knowledge of the unlawful stay", "submit_limit_fast", extension="submit_limit"),
        "submit_limit_fast": Step("apprehension"),
        "ack_sla": Step("sending"),
        "reply_limit": Step("receipt", "reply_limit_fast", extension="reply_extension"),
        "reply_limit_fast": Step("receipt"),
        "reply_extension": Step("receipt", longest_of="reply_limit"),
        "interview_limit": Step("receipt"),
        "interview_result_limit": Step("interview"),
        "td_limit": Step("consent"),
        "td_limit_max": Step("consent"),
        "td_renew_limit": Step("request for renewal"),
        "td_validity_min": Step("issue of the travel document"),
        "transfer_limit": Step("consent", extension="transfer_extension"),
        "transfer_extension": Step("consent", longest_of="transfer_limit"),
        "notice_lead": Step("transfer", backward=True, late="error"),
        "error_limit": Step("hand-over", late="error"),
        "cost_limit": Step("claim of costs"),
        "transit_lead": Step("transit", backward=True, late="error"),
        "transit_reply_limit": Step("receipt of the transit application"),
        "transit_limit": Step("consent to the transit"),
    }
)
"""Every key that is a clock, and what it is counted from."""

REPLIES = ("reply_limit", "reply_limit_fast")
"""The clocks at whose end silence can mean consent."""


@dataclass(frozen=True, slots=True)
class Due:
    """When a step is due, and how that was counted.

    Attributes:
        due: the last civil date in the requested state's zone on which it is in time; None when nobody knows.
        n: the number of the profile's key; for an extension, the longest one; None when there is none.
        basis: calendar days, working days or months; None when there is none.
        verified: whether every number used was read in the text of a verified profile.
        tacit_consent_from: the first day on which silence can be claimed as consent; None when it cannot.
        steps: how it was counted, for a person to follow.
        warnings: codes of what does not forbid the step: PROFILE_UNVERIFIED, OUT_OF_TIME, LEAD_TOO_SHORT.
        requested: the state asked, ISO alpha-3.
        key: the profile's key that was counted by.
        start: the civil date from which it was counted, which is not counted itself.
        asked: every day of which the calendar was asked whether it is a working day, and its answer.
    """

    due: date | None
    n: int | None
    basis: Basis | None
    verified: bool
    tacit_consent_from: date | None
    steps: tuple[str, ...]
    warnings: tuple[str, ...]
    requested: str
    key: str
    start: date
    asked: Mapping[date, bool]

    @property
    def ends_at(self) -> datetime | None:
        """The first instant (UTC) that is too late; None when nobody knows."""
        return None if self.due is None else calendars.day_ends_at(self.due, self.requested)

    def as_json(self) -> dict[str, object]:
        """The object that `liaison agreement due` prints."""
        found: dict[str, object] = {
            "due": None if self.due is None else self.due.isoformat(),
            "n": self.n,
            "basis": self.basis,
            "verified": self.verified,
        }
        if self.tacit_consent_from is not None:
            found["tacit_consent_from"] = self.tacit_consent_from.isoformat()
        return found | {"steps": list(self.steps)}


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked.

    Attributes:
        step: a key of `STEPS`.
        at: the instant it is counted from (aware); for a lead, that of the event.
        procedure: of the application.
        extension_days: of an extension asked for, in the unit the profile's extension has; None without one.
        asked_at: when the extension was asked for (aware); None when nobody says.
        done_at: when the step was taken: the notice arrived, the claim was made (aware); None when it was not.
        requested: the state asked; the party outside the Union when None.
    """

    step: str
    at: datetime
    procedure: Procedure = "normal"
    extension_days: int | None = None
    asked_at: datetime | None = None
    done_at: datetime | None = None
    requested: str | None = None


def due(profile: Profile, question: Question, days: Days | None = None) -> Due:
    """When a step is due under a profile.

    Args:
        profile: in the version the case began with.
        question: the step, and what it is counted from.
        days: the working days; those of the requested state when None.

    Raises:
        ValueError: an instant has no zone.
        Rejected: CODE_UNKNOWN (no such step, procedure or state), FIELD_RANGE, NO_AGREEMENT (the requested state is no
            party), PROFILE_INACTIVE, LATE_EXTENSION, EXTENSION_TOO_LONG, LEAD_TOO_SHORT or OUT_OF_TIME.
    """
    _check(question)
    requested = question.requested or profile.requested(question.at.date())
    if not profile.binds(requested, question.at.date()):
        raise Rejected("NO_AGREEMENT", "/requested")
    start = calendars.civil_date(question.at, requested)
    if not profile.active_on(start):
        raise Rejected("PROFILE_INACTIVE", "/agreement")
    return _Count(profile, question, requested, start, days or calendars.calendar(requested)).result()


def check_tacit_claim(
    profile: Profile,
    question: Question,
    *,
    claimant: str | None,
    claimed_at: datetime,
    receipt_proven: bool,
    extension_pending: bool = False,
    case_suspended: bool = False,
    days: Days | None = None,
) -> Due:
    """Silence counts as consent in this case, and this state may say so.

    Args:
        profile: in the version the case began with.
        question: the reply's clock, from the receipt, with the extension that was granted.
        claimant: the state that claims, ISO alpha-3; None where nobody says who sends it.
        claimed_at: when (aware).
        receipt_proven: whether a receipt is proven: by `readm.ack`, or the hand-over where the profile says so.
        extension_pending: whether an extension was asked for and not yet answered.
        case_suspended: whether the case is suspended: the clock runs, the action is blocked.
        days: as for `due`.

    Raises:
        Rejected: SENDER_ROLE (not the side that asked), STEP_NOT_ALLOWED (suspended), TACIT_NOT_PROVIDED,
            TACIT_TOO_EARLY, or as `due`.
    """
    if question.step not in REPLIES:
        raise Rejected("TACIT_NOT_PROVIDED", "/step")
    found = due(profile, question, days)
    # 1. the side that asked
    outside = profile.requested(found.start)
    asks = claimant is None or profile.binds(claimant, found.start)
    if not asks or (claimant is not None and (claimant == outside) == (found.requested == outside)):
        raise Rejected("SENDER_ROLE", "/claimant")
    # 2. an action that is not blocked
    if case_suspended:
        raise Rejected("STEP_NOT_ALLOWED")
    # 3. a profile under which silence has an effect
    if found.tacit_consent_from is None:
        raise Rejected("TACIT_NOT_PROVIDED")
    # 4. a period that ran and is over
    if not receipt_proven:
        raise Rejected("TACIT_TOO_EARLY", "/received_at")
    if extension_pending or calendars.civil_date(claimed_at, found.requested) < found.tacit_consent_from:
        raise Rejected("TACIT_TOO_EARLY", "/claimed_at")
    return found


def _check(question: Question) -> None:
    if question.step not in STEPS:
        raise Rejected("CODE_UNKNOWN", "/step")
    if question.procedure not in PROCEDURES:
        raise Rejected("CODE_UNKNOWN", "/procedure")
    for at, path in ((question.at, "/from"), (question.asked_at, "/asked_at"), (question.done_at, "/done_at")):
        if at is None:
            continue
        if at.tzinfo is None:
            raise ValueError("an instant needs a zone")
        if at.year not in YEARS:
            raise Rejected("FIELD_RANGE", path)
    if question.asked_at is not None and question.asked_at < question.at:
        raise Rejected("FIELD_RANGE", "/asked_at")
    if question.extension_days is not None and not 1 <= question.extension_days <= EXTENSION_DAYS_MAX:
        raise Rejected("FIELD_RANGE", "/extension_days")


class _Asked:
    """A calendar that keeps what it was asked: whether it mattered, and how far what it says can be trusted."""

    def __init__(self, days: Days) -> None:
        self.days = days
        self.answers: dict[date, bool] = {}

    def is_working_day(self, day: date) -> bool:
        answer = self.answers[day] = self.days.is_working_day(day)
        return answer

    @property
    def known(self) -> bool:
        return all(self.days.covers(day) for day in self.answers)

    @property
    def unread(self) -> tuple[calendars.Override, ...]:
        return self.days.unread(min(self.answers), max(self.answers)) if self.answers else ()

    @property
    def certain(self) -> bool:
        return self.known and not self.unread

    def holidays(self) -> list[str]:
        found = ((day, self.days.day_off(day)) for day, works in sorted(self.answers.items()) if not works)
        return [f"{day} is no working day: {why}" for day, why in found if why is not None and why != calendars.WEEKEND]


class _Count:
    """One question while it is counted: what was said of it, what was warned of, which keys were used."""

    def __init__(self, profile: Profile, question: Question, requested: str, start: date, days: Days) -> None:
        asked = STEPS[question.step]
        key = asked.longest_of or question.step
        fast = None if question.procedure == "normal" else STEPS[key].fast
        self.profile, self.question, self.requested, self.start = profile, question, requested, start
        self.calendar = _Asked(days)
        self.after = _Asked(days)  # asked about the days after the end, on which `due` does not rest
        self.longest = asked.longest_of is not None
        self.key = fast or key
        self.step = STEPS[self.key]
        self.says: list[str] = []
        self.warnings: list[str] = []
        self.used: list[str] = []

    def result(self) -> Due:
        """The steps of a count, in their order."""
        if not self.profile.certain:
            self.warn("PROFILE_UNVERIFIED", "a text is not verified, or its day is not known; dates are indicative")
        self.says.append(
            f"{self.step.starts}: {self.question.at.isoformat()}, {self.start} in {self.place}; not counted"
        )
        # 1. the number
        period = self.period()
        if period is None:
            return self.nothing(f"{self.key}: no period is known, so there is no date", None)
        # 2. the days
        if self.step.backward:
            return self.lead(period)
        end = last_day(self.start, period, self.calendar)
        self.says.append(f"{period.words} after {self.start}: {end}")
        if self.question.asked_at is not None and self.civil(self.question.asked_at) > self.rolled(end):
            raise Rejected("LATE_EXTENSION", "/asked_at")
        # 3. the extension, from the original end
        if self.longest or self.question.extension_days is not None:
            extended = self.extended(period, end)
            if extended is None:
                return self.nothing("no longest extension is known, so there is no date", None)
            end, period = extended
        # 4. rolling
        last = self.rolled(end)
        self.says.append(f"moved to a working day: {last}" if last != end else "the end is not moved")
        if not self.calendar.known:
            return self.nothing(f"{self.requested}: the public holidays of these years are not known", period)
        # 5. what is late
        if self.question.done_at is not None and self.civil(self.question.done_at) > last:
            if self.step.late == "error":
                raise Rejected("OUT_OF_TIME", "/done_at")
            self.warn("OUT_OF_TIME", "the step was taken after the last day")
        return self.ends(last, period, self.tacit_from(end))

    def lead(self, period: Period) -> Due:
        """A lead, counted backward from its event."""
        latest = latest_arrival(self.start, period, self.calendar)
        self.says.append(f"arriving on {latest} at the latest leaves {period.words} between, each whole")
        if not self.calendar.known:
            return self.nothing(f"{self.requested}: the public holidays of these years are not known", period)
        if self.question.done_at is not None and self.civil(self.question.done_at) > latest:
            if not self.profile.preferred(self.key):
                raise Rejected("LEAD_TOO_SHORT", "/done_at")
            self.warn("LEAD_TOO_SHORT", "the lead is preferred, not demanded")
        return self.ends(latest, period, None)

    def period(self) -> Period | None:
        """The period the step is counted by."""
        self.used.append(self.key)
        if self.key == "ack_sla":
            self.says.append(f"ack_sla: {ACK_SLA.words}, our own service level; no text says so")
            return ACK_SLA
        self.quote(self.key)
        return self.profile.period(self.key)

    def extended(self, period: Period, end: date) -> tuple[date, Period] | None:
        """The end made longer, and the period shown with it; None when nobody knows by how much it can be."""
        extension = NO_EXTENSION
        if self.step.extension is not None:
            if self.step.extension not in self.used:
                self.used.append(self.step.extension)
                self.quote(self.step.extension)
            found = self.profile.extension(self.step.extension)
            if found is None:
                return None
            extension = found
        longest = self.longest_end(extension, end)
        if self.longest:
            if longest is None or extension == NO_EXTENSION:
                self.says.append(f"an extension: {extension.words}")
                return None
            self.says.append(f"the longest extension, {extension.words}: {longest}")
            return longest, extension.rest(period)
        added = Period(self.question.extension_days or 0, extension.basis)
        extended = last_day(end, added, self.calendar)
        if longest is not None and extended > longest:
            raise Rejected("EXTENSION_TOO_LONG", "/extension_days")
        self.says.append(f"{added.words} more, from the original end: {extended} (allowed: {extension.words})")
        return extended, period

    def longest_end(self, extension: Extension, end: date) -> date | None:
        """The last day the longest extension reaches; None where it has no bound."""
        if extension.by is not None:
            return last_day(end, extension.by, self.calendar)
        return None if extension.to is None else last_day(self.start, extension.to, self.calendar)

    def rolled(self, end: date) -> date:
        """The end, moved to a working day where the profile says so."""
        rolls = self.profile.value("roll") == "next_working_day"
        return next_working_day(end, self.calendar) if rolls else end

    def tacit_from(self, end: date) -> date | None:
        """The first day on which silence can be claimed; None when it cannot, with the reason said."""
        if self.key not in REPLIES or self.longest:
            return None
        why_not = self.why_silence_is_none()
        if why_not is None:
            # Whatever the profile says of rolling: the other side may think that the end rolls (domain.md 4.4).
            first = next_working_day(next_working_day(end, self.after) + ONE_DAY, self.after)
            if self.after.certain and self.calendar.certain:
                self.says.append(f"silence counts as consent from {first}, a working day after the end and its rolling")
                return first
            why_not = "the working days are not certain"
        self.says.append(f"silence is no consent here: {why_not}")
        return None

    def why_silence_is_none(self) -> str | None:
        """Why silence is no consent, whatever the day; None where it is."""
        if self.profile.value("silence") != "consent":
            return "no text says that it is"
        if not self.profile.certain:
            return "a text is not verified, or its day is not known"
        if not all(self.profile.verified(key) for key in (*self.used, "silence")):
            return "a number, or the rule on silence, was not read in a verified text"
        return None

    def quote(self, name: str) -> None:
        """Say what a key is, in the words of its source."""
        found = self.profile.find(name)
        if found is None:
            self.says.append(f"{name}: {self.profile.id} has no such key")
            return
        key, text = found
        note = "" if key.note is None else f" {key.note}"
        self.says.append(
            f'{name}: "{key.stated}" ({text.id} version {text.version}, {text.status}, tag {key.tag}){note}'
        )

    def warn(self, code: str, words: str) -> None:
        self.warnings.append(code)
        self.says.append(f"{code}: {words}")

    def civil(self, at: datetime) -> date:
        return calendars.civil_date(at, self.requested)

    @property
    def place(self) -> str:
        return f"{calendars.zone(self.requested).key} ({self.requested})"

    def nothing(self, words: str, period: Period | None) -> Due:
        self.says.append(words)
        return self.ends(None, period, None)

    def ends(self, last: date | None, period: Period | None, tacit_from: date | None) -> Due:
        if last is not None:
            self.says += self.calendar.holidays()
            self.says += [f"override not verified: {one.effect}: {one.source}" for one in self.calendar.unread]
            self.says.append(f"{last} runs to 24:00 in {self.place}")
        return Due(
            due=last,
            n=None if period is None else period.n,
            basis=None if period is None else period.basis,
            verified=self.calendar.certain and all(self.profile.verified(key) for key in self.used),
            tacit_consent_from=tacit_from,
            steps=tuple(self.says),
            warnings=tuple(self.warnings),
            requested=self.requested,
            key=self.key,
            start=self.start,
            asked=MappingProxyType(dict(sorted((self.calendar.answers | self.after.answers).items()))),
        )
