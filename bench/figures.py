"""What is made of measurements: medians with their ends, percentiles, slopes, two processes against one."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

Figures = Mapping[str, Any]


def spread(values: Sequence[float]) -> list[float]:
    """Median, least, most."""
    return [round(one, 3) for one in (statistics.median(values), min(values), max(values))]


def spreads(runs: Sequence[Figures]) -> dict[str, Any]:
    """Of several runs with the same members: each number's spread; groups of numbers likewise, the rest is left out."""
    found: dict[str, Any] = {}
    for name, value in runs[0].items():
        values = [run[name] for run in runs]
        if isinstance(value, Mapping):
            found[name] = spreads(values)
        elif isinstance(value, int | float):
            found[name] = spread(values)
    return found


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the sorted values do not pass."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def latencies(seconds: Sequence[float]) -> dict[str, float]:
    """Percentiles in milliseconds."""
    ordered = sorted(seconds)
    return {
        "count": len(ordered),
        **{f"p{100 * share:g}_ms": round(1000 * percentile(ordered, share), 3) for share in (0.5, 0.9, 0.99)},
        "max_ms": round(1000 * ordered[-1], 3),
    }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """By how much the second rises with the first, by least squares; 0 where the first never changes."""
    across = statistics.fmean(x for x, _ in points)
    level = statistics.fmean(y for _, y in points)
    width = sum((x - across) ** 2 for x, _ in points)
    return sum((x - across) * (y - level) for x, y in points) / width if width else 0.0


def flat(values: Sequence[float], *, cost: bool, share: float = 0.1) -> dict[str, Any]:
    """Each value against the first, and whether none is worse than it by more than `share`.

    Args:
        values: the first is the measure.
        cost: more of it is worse; else less of it is.
        share: of the first.
    """
    ratios = [round(value / values[0], 3) for value in values]
    worst = max(ratios) - 1 if cost else 1 - min(ratios)
    return {"against_first": ratios, f"worse_by_{share:.0%}_at_most": worst <= share + 1e-9}


def scaling(one: Figures, two: Figures, cores: int) -> dict[str, float]:
    """How two hub processes compare with one, from the medians of a run of each.

    `raw` is accepted/s against accepted/s. The others take out of each run's time what the load generator (then the
    engines too) had of all cores: that is the time the rest would have needed, were it elsewhere and had the machine
    been busy throughout (`cores_busy` beside it says how far it was). `hub_processor_time` is what two processes could
    do on a core each, going by the hub's processor time a message alone: no wait for each other's lock is in it.
    """

    def rate(run: Figures, *elsewhere: str) -> float:
        gone = sum(run["cpu_ms_per_message"][name][0] for name in elsewhere) / 1000 / cores
        seconds: float = 1 / run["per_second"][0] - gone
        return 1 / seconds

    engines = [name for name in ("postgres", "kafka") if name in one["cpu_ms_per_message"]]
    return {
        "raw": round(rate(two) / rate(one), 3),
        "generator_taken_out": round(rate(two, "generator") / rate(one, "generator"), 3),
        "generator_and_engines_taken_out": round(
            rate(two, "generator", *engines) / rate(one, "generator", *engines), 3
        ),
        "hub_processor_time": round(2 * one["cpu_ms_per_message"]["hub"][0] / two["cpu_ms_per_message"]["hub"][0], 3),
    }


def longest_gap(moments: Sequence[float]) -> float:
    """The longest time between two that follow each other."""
    return max((after - before for before, after in pairwise(sorted(moments))), default=0.0)
