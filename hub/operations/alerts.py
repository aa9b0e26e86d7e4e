"""The alerts: one table (`alerts.toml`) that rules, dashboard and runbook are made of, and that a hub is judged by.

Guarantees that every alert has all its parts, an expression of a known form, and a page of its own name.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from hub.operations.expressions import Expression, parse
from schemas.errors import Fault
from service.gauges import Number

TABLE = Path(__file__).with_name("alerts.toml")
RUNBOOK = "docs/runbook"
_NAME = re.compile(r"[A-Z][A-Za-z]{2,40}", re.ASCII)

Severity: TypeAlias = Literal["critical", "warning"]
Program: TypeAlias = Literal["hub", "edge"]


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert. `minutes` is how long the expression must hold; the texts are for whoever is woken by it.

    Attributes:
        program: whose numbers it is about.
        title: one line, as the notification shows it.
        means: what is wrong.
        people: what it means for those whose matters are exchanged.
        do: steps, in order.
        over: how to check that it is over.
    """

    name: str
    program: Program
    severity: Severity
    expression: str
    minutes: int
    title: str
    means: str
    people: str
    do: tuple[str, ...]
    over: str

    @property
    def page(self) -> str:
        """Its runbook page, from the top of the tree."""
        return f"{RUNBOOK}/{self.name}.md"

    @property
    def parsed(self) -> Expression:
        """The expression."""
        return parse(self.expression)


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that is true now, and of which samples."""

    alert: Alert
    samples: Sequence[Number]


@cache
def load() -> tuple[Alert, ...]:
    """All alerts, in the table's order."""
    with TABLE.open("rb") as file:
        table = tomllib.load(file)
    found = []
    for name, members in table.items():
        alert = Alert(name=name, **{**members, "do": tuple(members["do"])})
        if (
            _NAME.fullmatch(name) is None
            or alert.program not in get_args(Program)
            or alert.severity not in get_args(Severity)
            or alert.minutes < 0
            or not alert.do
        ):
            raise Fault("an alert is not as it must be")
        _ = alert.parsed
        found.append(alert)
    return tuple(found)


def judge(alerts: Iterable[Alert], numbers: Sequence[Number], now: float) -> tuple[list[Firing], list[Alert]]:
    """What is true now, and what these numbers cannot judge: it needs a history, or a number that is not there."""
    firing, unjudged, known = [], [], {number.name for number in numbers}
    for alert in alerts:
        expression = alert.parsed
        if expression.needs_history or expression.metric not in known:
            unjudged.append(alert)
        elif samples := expression.breaches(numbers, now):
            firing.append(Firing(alert, samples))
    return firing, unjudged
