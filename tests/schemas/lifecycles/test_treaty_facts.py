"""What the hub is told of a readmission for its clocks, and the one clock there that is ours."""

from datetime import UTC, date, datetime

import pytest

from schemas.lifecycles import Clock, next_clock
from schemas.lifecycles.clocks import readable


@pytest.mark.parametrize(
    ("fact", "value", "accepted"),
    [
        ("event_on", "2026-03-31", True),
        ("event_on", "2026-03-31T10:50:00+02:00", True),
        ("event_on", "2026-03-31T10:50Z", True),
        ("event_on", "2026-03-31T10:50:00", False),
        ("event_on", "2026-03-31-IVAN-TESTOVYI", False),
        ("event_on", "2026-02-30", False),
        ("event_on", "2026-3-1", False),
        ("known_on", "2026-03-31", True),
        ("known_on", "2026-03-31T10:50Z", False),
        ("procedure", "airport", True),
        ("procedure", "AIRPORT", False),
        ("variant", "stateless", True),
        ("variant", "refugee", False),
        ("urgency", "A", True),
        ("name", "Ivan", False),
    ],
)
def test_a_fact_is_a_day_or_a_code(fact: str, value: str, accepted: bool) -> None:
    assert readable(fact, value) is accepted


@pytest.mark.parametrize(
    ("handed_over", "due"),
    [
        (datetime(2026, 11, 23, 9, tzinfo=UTC), date(2026, 11, 24)),
        (datetime(2026, 11, 27, 9, tzinfo=UTC), date(2026, 11, 30)),
        (None, None),
    ],
)
def test_an_application_is_acknowledged_within_a_working_day(handed_over: datetime | None, due: date | None) -> None:
    assert next_clock("readmission", "sent", {}, handed_over) == Clock("ack", "WD", due)
    assert next_clock("readmission", "verifying", {}, handed_over) is None
    assert next_clock("transit", "applied", {}, handed_over) is None


def test_an_instant_has_a_zone() -> None:
    with pytest.raises(ValueError, match="zone"):
        next_clock("readmission", "sent", {}, datetime(2026, 11, 23, 9))  # noqa: DTZ001 - what is refused
