"""A hub on loopback over real HTTP, edges of its three partners, and something in between that can lie."""

import asyncio
import hashlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from adapters.contract import Settlement, Submission, Taken
from adapters.edge import evidence, follower, intake, opener, poster, receiver, sealer
from adapters.edge.handover import HandOvers
from adapters.edge.settings import EdgeSettings, load_settings
from adapters.edge.wiring import Edge, open_edge
from keys.custody import make_passphrase, write_keyring
from keys.sealing import Sealed
from schemas import registry
from schemas.lifecycles import RULES
from service.batch import CONTAINER
from tests.edge.memory import MemoryChannel
from tests.world import ROLES, SCRYPT_LOG2_N, World, lifespan

Lie: TypeAlias = Callable[[int, bytes], tuple[int, bytes] | Awaitable[tuple[int, bytes]]]
SEEDS = ("sign.ed25519", "sign.mldsa65", "kem", "request")


class Between:
    """Passes every request on, and answers in the hub's place where a test says so."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.lies: dict[str, Lie] = {}
        self.paths: list[str] = []
        self.lost = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = str(scope["path"])
        self.paths.append(path)
        lie = next((lie for prefix, lie in self.lies.items() if path.startswith(prefix)), None)
        if lie is None:
            await self.app(scope, receive, send)
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await self.app(scope, receive, keep)
        body = b"".join(message.get("body", b"") for message in sent[1:])
        told = lie(sent[0]["status"], body)
        status, body = await told if isinstance(told, Awaitable) else told
        headers = [(name, value) for name, value in sent[0]["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Server(uvicorn.Server):
    """Says when it has started."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, ws="none"))
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


class Rig:
    """The world, its hub's address, and its edges."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world = world
        self.folder = folder
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.between: Between | None = None
        self.edges: dict[str, Edge] = {}
        self.stack = AsyncExitStack()

    @property
    def lies(self) -> dict[str, Lie]:
        """Path prefix -> what is answered instead."""
        assert self.between is not None
        return self.between.lies

    @asynccontextmanager
    async def hub(self, **given: object) -> AsyncIterator[None]:
        """The hub, served."""
        app = self.world.app(url=self.url, **given)
        self.between = Between(app)
        async with lifespan(app), asyncio.TaskGroup() as group:
            server = Server(self.between)
            listener = self.listener.dup()
            task = group.create_task(server.serve(sockets=[listener]))
            await server.up.wait()
            try:
                yield
            finally:
                server.should_exit = True
                await task
                listener.close()

    def settings(self, partner: str, **given: object) -> EdgeSettings:
        """An edge's settings; its data directory is made when it is not there."""
        folder = self.folder / partner
        if not folder.exists():
            folder.mkdir(mode=0o700)
            secrets = self.world.partners[partner].secrets
            passphrase = make_passphrase(folder / "passphrase")
            seeds = {name: secrets[name] for name in SEEDS}
            write_keyring(folder / "keyring", seeds, passphrase, log2_n=SCRYPT_LOG2_N)
            (folder / "root.json").write_bytes((self.world.data / "root.json").read_bytes())
            (folder / "edge.toml").write_text(
                f'partner = "{partner}"\nhub = "{self.url}"\nlook_seconds = 0.02\nwait_seconds = 0\n'
                "retry_first_seconds = 0.02\nretry_max_seconds = 2.0\n"
                '[channels.memory]\nuse = "tests.edge.memory"\n'
            )
        return load_settings(folder, **given)

    def reopened(self, partner: str) -> AbstractAsyncContextManager[Edge]:
        """The edge as it would start without a connection."""
        return open_edge(self.settings(partner), clock=self.world.clock)

    async def edge(self, partner: str, **given: object) -> Edge:
        """An open edge, its directory refreshed, no task running."""
        edge = await self.stack.enter_async_context(open_edge(self.settings(partner, **given), clock=self.world.clock))
        edge.channels["memory"] = MemoryChannel()
        await edge.directories.refresh()
        self.edges[partner] = edge
        return edge


@pytest.fixture
async def rig(hub_world: World, tmp_path: Path) -> AsyncIterator[Rig]:
    """A served hub, no edge yet."""
    folder = tmp_path / "edges"
    folder.mkdir()
    made = Rig(hub_world, folder)
    async with made.hub(), made.stack:
        yield made
    made.listener.close()


def submission(edge: Edge, kind: str, *to: str, name: str = "one", **changes: Any) -> Submission:
    """The golden example of a kind as a national system offers it, with files where it names some."""
    role = next(role for role in ROLES[edge.partner] if role in RULES[kind].sender_roles)
    payload = {**registry.example(kind), **changes}
    files = edge.settings.folder.parent / "files"
    files.mkdir(exist_ok=True)
    attachments: dict[str, Path] = {}
    _attach(payload, files, attachments)
    return Submission(name, payload, to, attachments, role=role)


def _attach(value: Any, folder: Path, found: dict[str, Path]) -> None:
    if isinstance(value, dict):
        if "sha256" in value:
            raw = bytes(at % 251 for at in range(value["size"]))
            value["sha256"] = hashlib.sha256(raw).hexdigest()
            found[value["sha256"]] = folder / value["sha256"]
            found[value["sha256"]].write_bytes(raw)
        for inner in value.values():
            _attach(inner, folder, found)
    elif isinstance(value, list):
        for inner in value:
            _attach(inner, folder, found)


async def offer(edge: Edge, kind: str, *to: str, name: str = "one", **changes: Any) -> Settlement:
    """Submit a golden example."""
    return await intake.submit(edge, "memory", submission(edge, kind, *to, name=name, **changes))


async def taken(edge: Edge, kind: str, *to: str, name: str = "one", **changes: Any) -> Taken:
    """As `offer`, of what must be taken."""
    settlement = await offer(edge, kind, *to, name=name, **changes)
    assert isinstance(settlement, Taken), settlement
    return settlement


async def send(edge: Edge) -> None:
    """Seal and post what waits."""
    await sealer.seal_some(edge)
    await poster.post_some(edge)


async def receive(edge: Edge) -> None:
    """Pull and open what there is."""
    await receiver.pull(edge, 0)
    await opener.open_some(edge)


async def until(holds: Callable[[], bool]) -> None:
    """Other tasks run until it holds; pytest's own time limit ends what never does."""
    while not holds():  # noqa: ASYNC110 - a look at the database, which rings no bell
        await asyncio.sleep(0)


async def hand_over(edge: Edge) -> None:
    """Hand over what is due, until each of it was answered and recorded."""
    channel = edge.channels["memory"]
    assert isinstance(channel, MemoryChannel)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(HandOvers(edge, "memory", channel).run())
        await until(lambda: not edge.inbox.to_hand_over("memory", edge.seconds(), 1))
        task.cancel()


async def say(edge: Edge) -> None:
    """Sign and post evidence."""
    evidence.sign_some(edge)
    await evidence.post_some(edge)


async def deliver(edge: Edge) -> None:
    """All that a recipient does."""
    await receive(edge)
    await hand_over(edge)
    await say(edge)


async def follow(edge: Edge) -> None:
    """Look at the leaves."""
    await follower.follow(edge, 0)


def channel(edge: Edge) -> MemoryChannel:
    """The edge's channel."""
    found = edge.channels["memory"]
    assert isinstance(found, MemoryChannel)
    return found


def rows(edge: Edge, query: str) -> list[Any]:
    """What the database says."""
    return edge.connection.execute(query).fetchall()


def codes(edge: Edge) -> list[str]:
    """The alarms, in order."""
    return [alarm.code for alarm in edge.alarms.list()]


async def post(rig: Rig, sealed: Sealed, source: str = "test-aut") -> None:
    """A partner's message that no edge of ours made: the hub accepts it."""
    edge = rig.edges.get(source) or await rig.edge(source)
    for part in sealed.detached:
        await edge.hub.put_part(part.sha256, part.path)
    [result] = await edge.hub.submit([(CONTAINER, sealed.container)])
    assert result.status == 201, result.body
