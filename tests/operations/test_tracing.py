"""Traces from one edge to another through log and broker, as a real exporter sends them to a collector on loopback."""

import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from adapters.edge import intake
from hub.broker.contract import OUTBOUND
from hub.broker.outbound import decode
from hub.delivery.pushing import Item, push
from hub.operations import traces
from schemas import registry
from schemas.errors import Rejected, Unavailable
from service.client import open_session
from service.tracing import ATTRIBUTES, Tracing, derived, open_tracing
from tests.edge.conftest import Rig, deliver, send, submission
from tests.operations.collector import Collector, collector
from tests.world import World


@pytest.fixture(name="found")
def _found() -> Iterator[Collector]:
    with collector() as made:
        yield made


@pytest.fixture(name="traced")
async def _traced(hub_world: World, tmp_path: Path, found: Collector) -> AsyncIterator[Rig]:
    folder = tmp_path / "edges"
    folder.mkdir()
    rig = Rig(hub_world, folder)
    async with rig.hub(otlp_endpoint=found.url), rig.stack:
        yield rig
    rig.listener.close()


async def way(rig: Rig, found: Collector, kind: str = "ident.request") -> None:
    """One message from Austria to Moldova; afterwards everybody has sent what was traced."""
    async with AsyncExitStack() as stack:
        rig.stack = stack
        austria = await rig.edge("test-aut", otlp_endpoint=found.url)
        moldova = await rig.edge("test-mda", otlp_endpoint=found.url)
        await intake.submit(austria, "memory", submission(austria, kind, "test-mda"))
        await send(austria)
        hub = rig.world.hub
        assert hub is not None
        await hub.writer.grown(0, 1)
        while not await hub.broker.fetch(OUTBOUND, {}, limit=1, wait_seconds=1):
            pass
        await deliver(moldova)
    hub.tracing.close()


async def test_links_lead_from_the_hand_over_back_to_the_submission(traced: Rig, found: Collector) -> None:
    await way(traced, found)
    (handed,) = found.named("edge.hand_over")
    (received,) = found.follows(handed, "edge.receive")
    (fetched,) = found.follows(received, "hub.inbox")
    (appended,) = found.follows(fetched, "hub.append")
    (taken_in,) = found.follows(appended, "hub.intake")
    (posted,) = found.follows(taken_in, "edge.post")
    (taken,) = found.follows(posted, "edge.take")
    assert [row.service for row in (handed, fetched, taken)] == ["liaison-edge", "liaison-hub", "liaison-edge"]
    index = appended.attributes["liaison.index"]
    assert handed.attributes == {"liaison.index": index, "liaison.kind": "ident.request"}
    assert fetched.attributes == {"liaison.index": [index], "liaison.partner": "test-mda"}
    assert taken.attributes == {"liaison.kind": "ident.request"}


async def test_the_broker_is_crossed_by_links(traced: Rig, found: Collector) -> None:
    await way(traced, found)
    (published,) = found.named("hub.publish")
    assert len(found.follows(published, "hub.append")) == 1
    hub = traced.world.hub
    assert hub is not None


async def test_what_the_broker_holds_leads_to_the_publication(hub_world: World, found: Collector) -> None:
    async with hub_world.running(otlp_endpoint=found.url) as client:
        receipt = await hub_world.accepted(client, hub_world.seal("test-aut", "ident.request", ["test-mda"]))
        hub = hub_world.hub
        assert hub is not None
        records = await hub.broker.fetch(OUTBOUND, {}, limit=9, wait_seconds=60)
        (outbound,) = [decode(one.record) for one in records]
        assert outbound.index == receipt.index
        with hub.tracing.span("hub.take", "consumer", [outbound.trace]):
            pass
        hub.tracing.close()
    (published,) = found.named("hub.publish")
    assert published.context in [link for row in found.named("hub.take") for link in row.links]
    assert found.follows(published, "hub.append")[0].attributes == {"liaison.index": receipt.index}


async def test_a_push_bears_its_context(hub_world: World, found: Collector) -> None:
    async with hub_world.running(otlp_endpoint=found.url) as client, open_session() as session:
        sealed = hub_world.seal("test-aut", "ident.request", ["test-mda"])
        index = (await hub_world.accepted(client, sealed)).index
        hub = hub_world.hub
        assert hub is not None
        await push(hub, session, "http://127.0.0.1:9/none", [Item(index, sealed.digest, sealed.container)])
        hub.tracing.close()
    (row,) = found.named("hub.push")
    assert len(found.follows(row, "hub.append")) == 1
    assert row.attributes == {"liaison.index": [index], "liaison.code": "UNREACHABLE"}


async def test_nothing_is_said_of_a_case_a_person_or_an_error(traced: Rig, found: Collector) -> None:
    await way(traced, found)
    sent = b"".join(found.raw)
    payload = registry.example("ident.request")
    for text in _texts(payload):
        assert text.encode() not in sent, text
    world = traced.world
    hub = world.hub
    assert hub is not None
    handles = [key for (key,) in traced_handles(traced)]
    assert handles
    assert not [handle for handle in handles if handle.encode() in sent or bytes.fromhex(handle) in sent]
    assert all(row.parent == "" and row.events == 0 for row in found.rows)
    assert {name for row in found.rows for name in row.attributes} <= {f"liaison.{name}" for name in ATTRIBUTES}


def traced_handles(rig: Rig) -> list[tuple[str]]:
    from service.sqlite import open_database  # noqa: PLC0415 - the edges are closed by now

    connection = open_database(rig.settings("test-aut").database, readonly=True)
    try:
        rows: list[tuple[str]] = connection.execute("SELECT case_handle FROM outbox").fetchall()
    finally:
        connection.close()
    return rows


def _texts(value: object) -> Iterator[str]:
    """Every text of a payload that is long enough to be recognised, but for its kind's own name."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str) and len(value) > 4 and value != "ident.request":
        yield value


async def test_a_refusal_is_a_failed_span_without_words(hub_world: World, found: Collector) -> None:
    async with hub_world.running(otlp_endpoint=found.url) as client:
        await hub_world.post(client, b"nonsense")
        hub = hub_world.hub
        assert hub is not None
        hub.tracing.close()
    (row,) = found.named("hub.intake")
    assert (row.failed, row.events, row.attributes) == (True, 0, {})


@pytest.mark.parametrize(
    "sent",
    ["", "x", "00-0-0-01",
     f"00-{'0' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'0' * 16}-01", f"01-{'1' * 32}-{'1' * 16}-01",
     f"00-{'A' * 32}-{'1' * 16}-01", f"00-{'1' * 32}-{'1' * 16}-01-more", "00-" + "é" * 32],
)  # fmt: skip
async def test_a_context_that_is_none_is_left_out(hub_world: World, found: Collector, sent: str) -> None:
    async with hub_world.running(otlp_endpoint=found.url) as client:
        sealed = hub_world.seal("test-aut", "ident.request", ["test-mda"])
        headers = [(b"content-type", b"application/vnd.liaison.ixm.v1"), (b"traceparent", sent.encode("latin-1"))]
        answer = await client.post("/v1/messages", content=sealed.container, headers=headers)
        assert answer.status_code == 201
        hub = hub_world.hub
        assert hub is not None
        hub.tracing.close()
    (row,) = found.named("hub.intake")
    assert row.links == ()


async def test_a_callers_context_is_a_link_and_never_a_parent(hub_world: World, found: Collector) -> None:
    theirs = ("12" * 16, "34" * 8)
    async with hub_world.running(otlp_endpoint=found.url) as client:
        headers = {"content-type": "application/vnd.liaison.ixm.v1", "traceparent": f"00-{theirs[0]}-{theirs[1]}-01"}
        sealed = hub_world.seal("test-aut", "ident.request", ["test-mda"])
        assert (await client.post("/v1/messages", content=sealed.container, headers=headers)).status_code == 201
        hub = hub_world.hub
        assert hub is not None
        hub.tracing.close()
    (row,) = found.named("hub.intake")
    assert (row.links, row.parent) == ((theirs,), "")
    assert row.context[0] != theirs[0]


async def test_off_is_nothing(hub_world: World) -> None:
    async with hub_world.running() as client:
        await hub_world.accepted(client, hub_world.seal("test-aut", "ident.request", ["test-mda"]))
        hub = hub_world.hub
        assert hub is not None
        records = await hub.broker.fetch(OUTBOUND, {}, limit=9, wait_seconds=60)
        assert b'"t"' not in records[0].record.value
        answer = await hub_world.get(client, "test-mda", "/v1/inbox")
        assert "traceparent" not in answer.headers
        assert traces.of(hub, [1, 2]) == ()
    off = Tracing()
    assert off.span("any") is off.span("other", "client", ["x"], index=1)
    with off.span("any") as span:
        span.set(index=1)
        assert span.context == ""
    off.remember("key", span.context)
    assert off.recall("key") == ""
    off.close()


def test_an_attribute_that_is_not_listed_is_refused(found: Collector) -> None:
    tracing = open_tracing("test", found.url)
    with pytest.raises(ValueError, match="not listed"):
        tracing.span("any", name="Doe")  # a second `name` is an attribute
    with tracing.span("any") as span, pytest.raises(ValueError, match="not listed"):
        span.set(case="x")
    tracing.close()


def test_what_went_wrong_is_a_flag(found: Collector) -> None:
    tracing = open_tracing("test", found.url)
    with pytest.raises(Unavailable), tracing.span("any"):
        raise Unavailable("BUSY")
    tracing.close()
    (row,) = found.rows
    assert (row.failed, row.events) == (True, 0)
    assert b"BUSY" not in b"".join(found.raw)


def test_what_is_remembered_ends(found: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.tracing.REMEMBERED_MAX", 3)
    tracing = open_tracing("test", found.url)
    for number in range(5):
        tracing.remember(number, f"context {number}")
    assert [tracing.recall(number) for number in range(5)] == ["", "", "context 2", "context 3", "context 4"]
    tracing.close()


def test_links_and_indices_end(found: Collector) -> None:
    tracing = open_tracing("test", found.url)
    many = [derived(bytes([number + 1]) * 32) for number in range(200)]
    with tracing.span("any", "internal", many, index=tuple(range(200))):
        pass
    tracing.close()
    (row,) = found.rows
    assert (len(row.links), row.attributes["liaison.index"]) == (64, list(range(64)))


def test_all_processes_choose_the_same_traces(found: Collector) -> None:
    contexts = [derived(number.to_bytes(8, "big") * 4) for number in (3, 2**62, 2**64 - 1)]
    for name in ("one", "other"):
        tracing = open_tracing(name, found.url, 0.5)
        for context in contexts:
            tracing.mark("hub.append", context)
        tracing.close()
    chosen = [{row.context for row in found.rows if row.service == name} for name in ("one", "other")]
    assert chosen[0] == chosen[1]
    assert 0 < len(chosen[0]) < len(contexts)


def test_a_collector_that_is_away_costs_only_its_traces(capfd: pytest.CaptureFixture[str]) -> None:
    tracing = open_tracing("test", "http://127.0.0.1:9/v1/traces")
    with tracing.span("any"):
        pass
    tracing.close()
    assert "127.0.0.1" not in capfd.readouterr().err


@pytest.mark.parametrize("endpoint", ["http://collector.example/v1/traces", "ftp://127.0.0.2", "collector", "//x"])
def test_traces_go_in_the_clear_on_loopback_alone(endpoint: str) -> None:
    with pytest.raises(Rejected) as refused:
        open_tracing("test", endpoint)
    assert (refused.value.code, refused.value.path) == ("TLS_REQUIRED", "/otlp_endpoint")


def test_without_the_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(Rejected) as refused:
        open_tracing("test", "https://collector.example/v1/traces")
    assert (refused.value.code, refused.value.path) == ("NOT_FOUND", "/otlp_endpoint")


def test_nothing_of_it_is_imported_while_it_is_off() -> None:
    import subprocess  # noqa: PLC0415 - a program of its own, which has imported nothing yet

    text = (
        "import sys, hub.app, adapters.edge.app; "
        "print([n for n in sys.modules if n.startswith(('requests', 'opentelemetry.sdk', 'opentelemetry.exporter'))])"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
