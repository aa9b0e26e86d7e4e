"""The part of PromQL that our alerts are written in, so that they can also be judged without Prometheus.

    <selector> | <selector> - time() | time() - <selector> | increase(<selector>[15m])     <  <=  >  >=  ==     number

A selector is a metric's name with exact labels. Everything else is refused where the table is read: an alert that only
one of the two readers understood would be two alerts.
"""

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from schemas.errors import Fault
from service.gauges import Number

_NAME = r"[a-z_][a-z0-9_]*"
_SELECTOR = rf'(?P<name>{_NAME})(?:\{{(?P<labels>{_NAME}="[^"\\]*"(?:,{_NAME}="[^"\\]*")*)\}})?'
_FORMS = MappingProxyType(
    {
        "value": re.compile(_SELECTOR),
        "until": re.compile(rf"{_SELECTOR} - time\(\)"),
        "since": re.compile(rf"time\(\) - {_SELECTOR}"),
        "increase": re.compile(rf"increase\({_SELECTOR}\[[0-9]{{1,3}}[mh]\]\)"),
    }
)
_COMPARISON = re.compile(r"(?P<left>.+) (?P<sign>[<>]=?|==) (?P<number>-?[0-9]{1,12}(?:\.[0-9]{1,6})?)")
_LABEL = re.compile(rf'({_NAME})="([^"\\]*)"')
_SIGNS: Mapping[str, Callable[[float, float], bool]] = MappingProxyType(
    {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq}
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A comparison that is true of some samples, or of none. `form` is one of the module's four."""

    form: str
    metric: str
    labels: Mapping[str, str]
    sign: str
    number: float

    @property
    def needs_history(self) -> bool:
        """Whether one look at the numbers cannot judge it."""
        return self.form == "increase"

    def breaches(self, numbers: Iterable[Number], now: float) -> list[Number]:
        """The samples of which it is true, with the value compared. Not for one that needs history."""
        found = []
        for number in numbers:
            if number.name != self.metric or not self.labels.items() <= number.labels.items():
                continue
            value = {"value": number.value, "until": number.value - now, "since": now - number.value}[self.form]
            if _SIGNS[self.sign](value, self.number):
                found.append(Number(number.name, value, number.labels))
        return found


def parse(text: str) -> Expression:
    """The expression, or a Fault: the table is ours."""
    comparison = _COMPARISON.fullmatch(text)
    if comparison is not None:
        for form, pattern in _FORMS.items():
            found = pattern.fullmatch(comparison["left"])
            if found is not None:
                labels = dict(_LABEL.findall(found["labels"] or ""))
                return Expression(form, found["name"], labels, comparison["sign"], float(comparison["number"]))
    raise Fault("an alert's expression is of no known form")
