"""Numbers that are looked up rather than counted: ages, lags, expiries. Shown in `/metrics` beside the counters.

A program looks now and then and shows what it found; between two looks a scrape gets the last ones. Guarantees that a
number which could not be had is absent, never 0, and that no label is made of anything but what the look gave.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector


@dataclass(frozen=True, slots=True)
class Number:
    """One value of a metric. Labels name partners, roles, agreements, codes or checks: lists that end."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


class Shown(Collector):
    """What was found at the last look, for a registry. `about` is each metric's help; others are not shown."""

    def __init__(self, about: Mapping[str, str]) -> None:
        self._about = about
        self._numbers: Sequence[Number] = ()

    def show(self, numbers: Sequence[Number]) -> None:
        """These are the numbers from now on."""
        self._numbers = tuple(numbers)

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing is known before the first look."""
        return []

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The families, in the order of `about`."""
        for name, about in self._about.items():
            found = [number for number in self._numbers if number.name == name]
            if not found:
                continue
            labels = tuple(found[0].labels)
            family = GaugeMetricFamily(name, about, labels=labels)
            for number in found:
                family.add_metric([number.labels[label] for label in labels], number.value)
            yield family


def read_exposition(text: str) -> Iterable[Number]:
    """Every sample of an exposition in Prometheus' text form. Raises ValueError for another form."""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield Number(sample.name, sample.value, sample.labels)
