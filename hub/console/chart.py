"""A stacked bar chart as plain shapes for an SVG without style or script, and the same numbers as a table. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hub.console.words import GROUPS, day, group_of
from hub.log.batch import SECONDS_AN_HOUR

WIDTH, HEIGHT = 960, 200
LEFT, RIGHT, TOP, BOTTOM = 44, 20, 10, 24
GAP = 3
_STEPS = (1, 2, 5)


@dataclass(frozen=True, slots=True)
class Bar:
    """A rectangle, in the SVG's units; `group` is its class."""

    group: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Row:
    """One period in the table: its words, a count for each group in `words.GROUPS`' order, and the sum."""

    label: str
    counts: tuple[int, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line across, with its number."""

    y: float
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A word below the bars."""

    x: float
    label: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Shapes and rows. `rows` are those with anything in them, newest first."""

    bars: tuple[Bar, ...]
    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    rows: tuple[Row, ...]
    total: int
    width: int = WIDTH
    height: int = HEIGHT


def draw(counts: Mapping[int, Mapping[str, int]], now: datetime, periods: int, hours_a_period: int) -> Chart:
    """The last periods, the current one last.

    Args:
        counts: hour since 1970 -> event -> how many.
        now: aware.
        periods: how many bars.
        hours_a_period: 1, or 24 for days, which begin at midnight UTC.
    """
    names = [name for name, _, _ in GROUPS]
    last = int(now.timestamp()) // SECONDS_AN_HOUR // hours_a_period
    sums = {period: dict.fromkeys(names, 0) for period in range(last - periods + 1, last + 1)}
    for hour, events in counts.items():
        if (found := sums.get(hour // hours_a_period)) is not None:
            for event, count in events.items():
                found[group_of(event)] += count
    highest = _ceiling(max(sum(found.values()) for found in sums.values()))
    step = (WIDTH - LEFT - RIGHT) / periods
    scale = (HEIGHT - TOP - BOTTOM) / highest
    bars: list[Bar] = []
    for at, found in enumerate(sums.values()):
        y = float(HEIGHT - BOTTOM)
        for name in names:
            if found[name]:
                height = round(found[name] * scale, 2)
                y = round(y - height, 2)
                bars.append(Bar(name, round(LEFT + at * step + GAP / 2, 2), y, round(step - GAP, 2), height))
    labels = [_label(period, hours_a_period) for period in sums]
    every = max(1, periods // 8)
    return Chart(
        bars=tuple(bars),
        lines=tuple(
            Line(round(HEIGHT - BOTTOM - value * scale, 2), f"{value:,}") for value in (0, highest // 2, highest)
        )
        if highest > 1
        else (Line(HEIGHT - BOTTOM, "0"), Line(TOP, "1")),
        ticks=tuple(Tick(round(LEFT + (at + 0.5) * step, 2), labels[at][1]) for at in range(periods - 1, -1, -every)),
        rows=tuple(
            Row(label[0], tuple(found[name] for name in names), sum(found.values()))
            for label, found in reversed([*zip(labels, sums.values(), strict=True)])
            if any(found.values())
        ),
        total=sum(sum(found.values()) for found in sums.values()),
    )


def _label(period: int, hours_a_period: int) -> tuple[str, str]:
    at = datetime.fromtimestamp(0, UTC) + timedelta(hours=period * hours_a_period)
    if hours_a_period == 1:
        return f"{day(at.date())}, {at:%H:%M} to {at + timedelta(hours=1):%H:%M} UTC", f"{at:%H:%M}"
    return f"{day(at.date())} UTC", day(at.date()).rpartition(" ")[0]


def _ceiling(value: int) -> int:
    """The next of 1, 2, 5, 10, 20 ... that is not less."""
    power = 1
    while True:
        for step in _STEPS:
            if step * power >= value:
                return step * power
        power *= 10
