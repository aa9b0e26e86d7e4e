"""What is made of the alerts' table: Prometheus rules, a Grafana dashboard, runbook pages. Writes no file."""

import json
from collections.abc import Sequence

from hub.operations.alerts import Alert

MADE = "made of hub/operations/alerts.toml by docs/pages.py"


def rules(alerts: Sequence[Alert]) -> str:
    """The rules file. JSON strings are YAML strings, so no text of the table can break out."""
    lines = [f"# {MADE}: change the table, not this file.", "groups:"]
    for program in ("hub", "edge"):
        lines += [f"  - name: liaison-{program}", "    rules:"]
        for alert in (one for one in alerts if one.program == program):
            lines += [
                f"      - alert: {alert.name}",
                f"        expr: {json.dumps(alert.expression)}",
                f"        for: {alert.minutes}m",
                "        labels:",
                f"          severity: {alert.severity}",
                "        annotations:",
                f"          summary: {json.dumps(alert.title)}",
                f"          description: {json.dumps(alert.means)}",
                f"          runbook: {json.dumps(alert.page)}",
            ]
    return "\n".join(lines) + "\n"


def runbook(alert: Alert) -> str:
    """The page of one alert."""
    held = "at once" if alert.minutes == 0 else f"once it has held for {alert.minutes} min"
    steps = "".join(f"{at}. {step}\n" for at, step in enumerate(alert.do, 1))
    return (
        f"# {alert.name}\n\n**{alert.title}.** {alert.severity.capitalize()}, {alert.program}; fires {held}.\n\n"
        f"## What you see\n\n```promql\n{alert.expression}\n```\n\n{alert.means}\n\n"
        f"## What it means for people\n\n{alert.people}\n\n## What to do\n\n{steps}\n"
        f"## How to check that it is over\n\n{alert.over}\n"
    )


def index(alerts: Sequence[Alert]) -> str:
    """The runbook's first page."""
    rows = "".join(
        f"| [{one.name}]({one.name}.md) | {one.program} | {one.severity} | {one.title} |\n" for one in alerts
    )
    return (
        "# Runbook\n\nOne page an alert. *Critical* is now, also at night; *warning* is this working day. Without "
        "Prometheus:\n`liaison hub status DIR` judges the hub's alerts by the same table and names the page.\n\n"
        f"| Alert | Of | Severity | |\n|---|---|---|---|\n{rows}"
    )


_PANELS = (
    ("Accepted and refused", "reqps", ("rate(liaison_submissions_total[5m])",), "{{outcome}}"),
    ("Refusals by code", "reqps", ("rate(liaison_refusals_total[5m]) > 0",), "{{code}}"),
    ("Leaves of the log", "short", ("liaison_log_size",), "{{instance}}"),
    (
        "Commit, 99th percentile",
        "s",
        ("histogram_quantile(0.99, sum by (le, instance) (rate(liaison_commit_seconds_bucket[5m])))",),
        "{{instance}}",
    ),
    ("Oldest message not published", "s", ("liaison_relay_oldest_seconds",), "{{instance}}"),
    ("Processes", "short", ("liaison_workers",), "{{instance}}"),
    ("No process has the role", "s", ("max by (role) (liaison_role_unheld_seconds)",), "{{role}}"),
    ("Role changed hands", "short", ("max by (role) (increase(liaison_role_epoch[10m]))",), "{{role}}"),
    ("Oldest message not taken", "s", ("max by (partner) (liaison_delivery_oldest_seconds)",), "{{partner}}"),
    ("Waiting to be taken", "short", ("max by (partner) (liaison_delivery_backlog)",), "{{partner}}"),
    ("No signed word in time", "short", ("max by (partner) (liaison_evidence_overdue)",), "{{partner}}"),
    ("Parked", "short", ("max by (partner) (liaison_parked_now)", "min(liaison_parked_room)"), "{{partner}}"),
    ("Pushed and failed", "reqps", ("rate(liaison_pushed_total[5m])", "rate(liaison_push_failures_total[5m])"), ""),
    (
        "Days until keys and signatures end",
        "d",
        (
            "min by (partner) (liaison_key_expires_timestamp_seconds - time()) / 86400",
            "min by (role) (liaison_metadata_expires_timestamp_seconds - time()) / 86400",
            "min by (agreement) (liaison_agreement_expires_timestamp_seconds - time()) / 86400",
        ),
        "{{partner}}{{role}}{{agreement}}",
    ),
    ("Free on the volume", "bytes", ("liaison_disk_free_bytes", "liaison_edge_disk_free_bytes"), "{{instance}}"),
    ("Edges: oldest unsent", "s", ("liaison_edge_unsent_oldest_seconds",), "{{instance}}"),
    ("Edges: oldest not handed over", "s", ("liaison_edge_unhanded_oldest_seconds",), "{{instance}}"),
    ("Edges: held for an officer", "s", ("liaison_edge_held_oldest_seconds",), "{{instance}}"),
    ("Edges: the hub's clock ahead", "s", ("liaison_edge_hub_ahead_seconds",), "{{instance}}"),
)


def dashboard(alerts: Sequence[Alert]) -> str:
    """The Grafana dashboard: what fires, then the numbers."""
    source = {"type": "prometheus", "uid": "${source}"}
    panels: list[dict[str, object]] = [
        {
            "id": 1,
            "type": "table",
            "title": "Firing now",
            "description": "\n".join(f"{one.name}: {one.page}" for one in alerts),
            "datasource": source,
            "gridPos": {"h": 7, "w": 24, "x": 0, "y": 0},
            "targets": [
                {
                    "refId": "A",
                    "datasource": source,
                    "expr": 'ALERTS{alertstate="firing",alertname=~"' + "|".join(one.name for one in alerts) + '"}',
                    "format": "table",
                    "instant": True,
                }
            ],
        }
    ]
    for at, (title, unit, expressions, legend) in enumerate(_PANELS):
        panels.append(
            {
                "id": at + 2,
                "type": "timeseries",
                "title": title,
                "datasource": source,
                "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
                "gridPos": {"h": 8, "w": 8, "x": at % 3 * 8, "y": 7 + at // 3 * 8},
                "targets": [
                    {"refId": chr(65 + ref), "datasource": source, "expr": expression, "legendFormat": legend}
                    for ref, expression in enumerate(expressions)
                ],
            }
        )
    made = {
        "uid": "liaison",
        "title": "Liaison",
        "description": MADE,
        "tags": ["liaison"],
        "schemaVersion": 39,
        "version": 1,
        "editable": False,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "utc",
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}]},
        "panels": panels,
    }
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"
