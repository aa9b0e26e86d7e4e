"""The alerts' table: its rules are Prometheus', its numbers are exported, its pages name commands that there are."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from adapters.edge.alarms import ALARMS
from hub.operations import alerts, rendering
from hub.operations.alerts import Alert, judge, load
from hub.operations.expressions import parse
from liaison.cli import GROUPS, SINGLE
from schemas.errors import CODES, Fault
from service.gauges import Number
from tests.world import World

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy" / "observability"
BY_PROMETHEUS = {"up", "ALERTS"}
_METRIC = re.compile(r"\b(liaison_[a-z_]+)\b")


def named(name: str) -> Alert:
    return next(alert for alert in load() if alert.name == name)


def test_what_is_made_of_the_table_is_in_step() -> None:
    assert (DEPLOY / "alerts.yml").read_text(encoding="utf-8") == rendering.rules(load())
    made = (DEPLOY / "grafana" / "dashboards" / "liaison.json").read_text(encoding="utf-8")
    assert made == rendering.dashboard(load())
    pages = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / alerts.RUNBOOK).glob("*.md")}
    assert pages == {f"{one.name}.md": rendering.runbook(one) for one in load()} | {
        "README.md": rendering.index(load())
    }


def test_the_rules_are_read_as_they_were_meant() -> None:
    """A reader of our own for the few lines the file is made of: every value is a JSON string, a number or a word."""
    text = (DEPLOY / "alerts.yml").read_text(encoding="utf-8")
    found = re.findall(
        r"      - alert: (\w+)\n        expr: (.*)\n        for: (\d+)m\n        labels:\n          severity: (\w+)\n"
        r"        annotations:\n          summary: (.*)\n          description: (.*)\n          runbook: (.*)\n",
        text,
    )
    read = [
        (name, json.loads(expr), int(minutes), level, *map(json.loads, rest))
        for name, expr, minutes, level, *rest in found
    ]
    assert read == [
        (one.name, one.expression, one.minutes, one.severity, one.title, one.means, one.page)
        for program in ("hub", "edge")
        for one in load()
        if one.program == program
    ]
    others = [line for line in text.splitlines() if not re.match(r" {6}", line)]
    assert others[1:] == [
        "groups:", "  - name: liaison-hub", "    rules:", "  - name: liaison-edge", "    rules:",
    ]  # fmt: skip


def test_every_alert_of_the_issue_is_there() -> None:
    wanted = {
        "StuckMessage", "MissingEvidence", "KeyExpiring", "MetadataExpiring", "AgreementExpiring", "ClockBehind",
        "HubClockAhead", "HubClockBehind", "RelayLag", "DeliveryLag", "ParkedMessages", "DatabaseUnavailable",
        "CommitFailures", "BrokerUnavailable", "CertificateExpiring", "DiskLow", "SignaturesRefused", "DeadLetterCap",
        "BackupTooOld", "RoleUnheld", "RoleChanging",
    }  # fmt: skip
    assert wanted <= {alert.name for alert in load()}


async def test_every_number_of_a_hub_is_exported_with_its_labels(hub_world: World, certificate: Path) -> None:
    async with hub_world.running(tls_certificate=certificate) as client:
        text = (await client.get("/metrics")).text
    exported = set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE))
    for alert in load():
        expression = alert.parsed
        if alert.program != "hub" or expression.metric in BY_PROMETHEUS:
            continue
        assert expression.metric in exported, alert.name
        for label, value in expression.labels.items():
            assert f'{label}="{value}"' in text, alert.name
    board = (DEPLOY / "grafana" / "dashboards" / "liaison.json").read_text(encoding="utf-8")
    shown = {name for name in _METRIC.findall(board) if not name.startswith("liaison_edge_")}
    assert shown <= exported | {"liaison_commit_seconds_bucket"}


def test_every_panel_asks_something() -> None:
    board: dict[str, Any] = json.loads(rendering.dashboard(load()))
    for panel in board["panels"]:
        assert panel["targets"]
        assert all(target["expr"].count("(") == target["expr"].count(")") for target in panel["targets"])
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


@pytest.mark.parametrize("alert", load(), ids=lambda alert: alert.name)
def test_every_command_of_a_page_is_there(alert: Alert) -> None:
    text = rendering.runbook(alert)
    for words in re.findall(r"`liaison ([^`]+)`", text):
        group, *rest = words.split()
        assert group in GROUPS, words
        command: Any = get_command(import_module(f"liaison.cli.{group}").app)
        if group not in SINGLE:
            assert rest[0] in command.commands, words
            command = command.commands[rest[0]]
        known = {option for parameter in command.params for option in (*parameter.opts, "--help")}
        assert {word for word in rest if word.startswith("--")} <= known, words


@pytest.mark.parametrize("alert", load(), ids=lambda alert: alert.name)
def test_every_page_says_what_to_do(alert: Alert) -> None:
    for text in (alert.title, alert.means, alert.people, *alert.do, alert.over):
        assert len(text) > 3
    for setting in re.findall(
        r"`(?!liaison_)([a-z]+_[a-z_]+(?:max|min|days|hours|seconds))`", rendering.runbook(alert)
    ):
        source = "hub" if alert.program == "hub" else "adapters/edge"
        assert f"    {setting}: " in (ROOT / source / "settings.py").read_text(encoding="utf-8"), setting
    for code in re.findall(r"\b([A-Z]+(?:_[A-Z]+)+)\b", rendering.runbook(alert)):
        assert code in {*CODES, *ALARMS}, code


@pytest.mark.parametrize(
    "text",
    ["", "liaison_x", "liaison_x > ", "liaison_x > many", "liaison_x != 1", "sum(liaison_x) > 1",
     "liaison_x > 1 or y > 1",
     'liaison_x{a=~"b"} > 1', 'liaison_x{a="b"', "rate(liaison_x[5m]) > 1", "increase(liaison_x) > 0", "1 > liaison_x",
     "time() - time() > 1", "liaison_x + time() > 1", "Liaison > 1", 'x{a="\\""} > 1', "liaison_x > 1 # fine"],
)  # fmt: skip
def test_an_expression_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(Fault):
        parse(text)


def test_what_is_true_now() -> None:
    lag = [
        Number("liaison_delivery_oldest_seconds", value, {"partner": name}) for name, value in (("a", 901), ("b", 3))
    ]
    firing, unjudged = judge([named("DeliveryLag"), named("StuckMessage"), named("BackupTooOld")], lag, 0)
    assert [(one.alert.name, one.samples) for one in firing] == [("DeliveryLag", [lag[0]])]
    assert [one.name for one in unjudged] == ["BackupTooOld"]
    lag[1] = Number(lag[1].name, 14_401, lag[1].labels)
    assert [one.alert.name for one in judge([named("StuckMessage")], lag, 0)[0]] == ["StuckMessage"]


@pytest.mark.parametrize(
    ("name", "number", "now", "fires"),
    [
        ("KeyExpiring", Number("liaison_key_expires_timestamp_seconds", 2_592_000), 0, False),
        ("KeyExpiring", Number("liaison_key_expires_timestamp_seconds", 2_592_000), 1, True),
        ("BackupTooOld", Number("liaison_backup_timestamp_seconds", 0), 93_600, False),
        ("BackupTooOld", Number("liaison_backup_timestamp_seconds", 0), 93_601, True),
        ("DatabaseUnavailable", Number("liaison_ready", 0, {"check": "database"}), 0, True),
        ("DatabaseUnavailable", Number("liaison_ready", 0, {"check": "disk"}), 0, False),
        ("DeadLetterCap", Number("liaison_parked_room", 1), 0, False),
        ("DeadLetterCap", Number("liaison_parked_room", 0), 0, True),
        ("HubClockBehind", Number("liaison_edge_hub_ahead_seconds", -60.5), 0, True),
        ("HubClockBehind", Number("liaison_edge_hub_ahead_seconds", 60.5), 0, False),
    ],
)
def test_the_edge_between_quiet_and_alarm(name: str, number: Number, now: float, fires: bool) -> None:
    assert bool(judge([named(name)], [number], now)[0]) is fires


def test_what_rises_needs_a_history() -> None:
    numbers = [Number("liaison_commits_failed_total", 7)]
    assert judge([named("CommitFailures")], numbers, 0) == ([], [named("CommitFailures")])
