"""A profile in the shape of domain.md 11.5, with a count of its own: weekends alone are no working days."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from schemas.errors import Rejected

When = date | datetime

KAZAKHSTAN: Mapping[str, Any] = {
    "tcn_in_force": True,
    "submit_limit": "P1Y",
    "submit_limit_fast": {"n": 3, "basis": "WD"},
    "reply_limit": {"n": 21, "basis": "CD"},
    "reply_limit_fast": {"n": 2, "basis": "WD"},
    "reply_extension": None,
    "silence": "consent",
    "interview_limit": {"n": 3, "basis": "WD"},
    "interview_result_limit": {"n": 3, "basis": "WD"},
    "transfer_limit": "P1M",
    "transfer_extension": {"n": 30, "basis": "CD"},
    "td_validity_min": "P6M",
    "td_substitute": "requesting_party_td",
    "notice_lead": {"n": 3, "basis": "WD"},
    "error_limit": "P3M",
    "transit_lead": {"n": 2, "basis": "CD"},
    "expired_document": "proof",
}

LEADS = frozenset({"notice_lead", "transit_lead"})


@dataclass(frozen=True)
class StandIn:
    """The keys as the data file has them, counted naively."""

    id: str = "BENELUX-KAZ-2015"
    version: int = 1
    parties: tuple[str, ...] = ("BEL", "NLD", "LUX", "KAZ")
    certain: bool = True
    first_day: date = date(2016, 1, 1)
    keys: Mapping[str, Any] = field(default_factory=lambda: KAZAKHSTAN)
    preferred_leads: frozenset[str] = frozenset()
    silent_from: date | None = None  # a profile that says so, whatever its texts

    def active_on(self, day: date) -> bool:
        return day >= self.first_day

    def binds(self, state: str, day: date) -> bool:
        return state in self.parties and self.active_on(day)

    def tcn_in_force(self, day: date) -> bool:
        return self.value("tcn_in_force") is True and self.active_on(day)

    def value(self, name: str) -> object:
        return self.keys.get(name)

    def preferred(self, name: str) -> bool:
        return name in self.preferred_leads

    def due(self, key: str, start: When, *, procedure: str = "normal", extension_days: int = 0) -> date | None:
        period = self.value("reply_limit_fast" if key == "reply_limit" and procedure != "normal" else key)
        if period is None:
            return None
        day = _civil(start)
        if key in LEADS:
            return _walk(day, period, -1) - timedelta(days=1)
        return _walk(day, period, 1) + timedelta(days=extension_days)

    def extendable(self, key: str, start: When, days: int) -> bool | None:
        bound = self.value(key.replace("_limit", "_extension"))
        if self.due(key, start) is None:
            return None
        return isinstance(bound, Mapping) and days <= bound["n"]

    def check_tacit_claim(
        self,
        received: When,
        *,
        claimant: str | None,  # noqa: ARG002 - who may claim is the agreements' test
        claimed_at: datetime,
        procedure: str = "normal",
        extension_days: int = 0,
    ) -> None:
        last = self.due("reply_limit", received, procedure=procedure, extension_days=extension_days)
        if last is None or not self.certain or (self.silent_from is None and self.value("silence") != "consent"):
            raise Rejected("TACIT_NOT_PROVIDED")
        if claimed_at.astimezone(UTC).date() < (self.silent_from or last + timedelta(days=1)):
            raise Rejected("TACIT_TOO_EARLY", "/claimed_at")


def _civil(start: When) -> date:
    return (start.astimezone(UTC) + timedelta(hours=5)).date() if isinstance(start, datetime) else start


def _walk(day: date, period: Any, way: int) -> date:
    if isinstance(period, str):
        months = day.month - 1 + int(period[1:-1]) * (12 if period.endswith("Y") else 1)
        year, month = day.year + months // 12, months % 12 + 1
        last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
        return date(year, month, min(day.day, last))
    left = period["n"]
    while left:
        day += timedelta(days=way)
        left -= period["basis"] == "CD" or day.weekday() < 5
    return day
