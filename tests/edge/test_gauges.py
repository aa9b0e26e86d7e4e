"""What an edge looks up: scraped as Prometheus would, and every number that its alerts are about."""

import json
import re
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI

from adapters.contract import RetryAfter
from adapters.edge import routes
from adapters.edge.wiring import Edge
from hub.operations.alerts import load
from tests.edge.conftest import Rig, channel, hand_over, receive, say, send, taken

ROOT = Path(__file__).resolve().parents[2]


async def scraped(edge: Edge) -> tuple[str, dict[str, float]]:
    app = FastAPI()
    app.include_router(routes.router(edge))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://edge") as client:
        text = (await client.get("/metrics")).text
    return text, {name: float(value) for name, value in re.findall(r"^(liaison_edge_\S+) (\S+)$", text, re.MULTILINE)}


async def test_every_number_of_an_edges_alerts_is_exported(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    austria.alarms.sound("WITHHELD", "subject")
    text, _ = await scraped(austria)
    exported = set(re.findall(r"^([a-z_]+)(?:\{| )", text, re.MULTILINE))
    wanted = {alert.parsed.metric for alert in load() if alert.program == "edge"} - {"up"}
    assert wanted - exported == {"liaison_edge_certificate_expires_timestamp_seconds"}  # this edge has no certificate
    board = (ROOT / "deploy/observability/grafana/dashboards/liaison.json").read_text(encoding="utf-8")
    assert set(re.findall(r"\bliaison_edge_[a-z_]+", json.dumps(json.loads(board)["panels"][1:]))) <= exported
    assert set(re.findall(r'([a-z_]+)="', text)) <= {"code", "use"}


async def test_what_waits_grows_older_at_each_step(rig: Rig) -> None:
    austria, moldova = await rig.edge("test-aut"), await rig.edge("test-mda")

    async def oldest(edge: Edge, name: str) -> float:
        return (await scraped(edge))[1][f"liaison_edge_{name}_oldest_seconds"]

    await taken(austria, "ident.request", "test-mda")
    rig.world.clock.advance(seconds=100)
    assert await oldest(austria, "unsent") == 100
    await send(austria)
    assert await oldest(austria, "unsent") == 0
    await receive(moldova)
    channel(moldova).plan = [RetryAfter(1.0)]
    await hand_over(moldova)
    rig.world.clock.advance(seconds=200)
    assert await oldest(moldova, "unhanded") == 200
    await hand_over(moldova)
    assert await oldest(moldova, "unhanded") == 0
    assert rig.between is not None
    rig.lies["/v1/messages"] = lambda _status, _body: (503, b"")
    await say(moldova)
    rig.world.clock.advance(seconds=300)
    assert await oldest(moldova, "unsaid") == 300
    rig.lies.clear()
    await say(moldova)
    assert await oldest(moldova, "unsaid") == 0


async def test_alarms_count_until_they_are_seen(rig: Rig) -> None:
    austria = await rig.edge("test-aut")
    for subject in ("one", "other"):
        austria.alarms.sound("WITHHELD", subject)
    name = 'liaison_edge_alarms_unseen{code="WITHHELD"}'
    assert (await scraped(austria))[1][name] == 2
    austria.alarms.mark_seen()
    assert name not in (await scraped(austria))[1]


@pytest.mark.parametrize("seconds", [90, -90])
async def test_a_hub_whose_clock_differs_shows(rig: Rig, seconds: int) -> None:
    austria = await rig.edge("test-aut")
    await taken(austria, "ident.request", "test-mda")
    rig.world.clock.advance(minutes=10)  # so that no key is younger than either clock
    austria.clock = lambda: rig.world.clock() - timedelta(seconds=seconds)
    await send(austria)
    assert (await scraped(austria))[1]["liaison_edge_hub_ahead_seconds"] == seconds
