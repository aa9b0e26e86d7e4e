"""National systems for the channels' contract: one works with files, one calls and is called over HTTP on loopback."""

import asyncio
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.channels import rest as rest_channel
from adapters.channels.folder import FolderChannel
from adapters.channels.folder.options import FolderOptions
from adapters.contract import Channel, Place
from adapters.kit import Behaviour, Outcome, Received
from adapters.kit.samples import unreadable_json
from schemas.errors import Unavailable
from service.client import Answer, Session, call, open_session

LIMIT = 100_000
LOOK_SECONDS = 0.005
TOKEN = "kit-token-of-the-national-system"
HOOK_TOKEN = "kit-token-of-the-webhook"


class FolderSystem:
    """A national system that drops files and picks files up."""

    behaviours: frozenset[Behaviour] = frozenset({"well", "down"})
    secrets: tuple[str, ...] = ()

    def __init__(self, folder: Path, kind: type[FolderChannel] = FolderChannel) -> None:
        self._kind = kind
        self._place = Place("files", folder / "place")
        self._base = folder / "place"
        self._taken: Counter[str] = Counter()
        self._kept: dict[str, Received] = {}

    def fresh(self) -> Channel:
        self._collect()
        return self._kind(FolderOptions(poll_seconds=0.01, submission_bytes_max=LIMIT), self._place)

    async def submit(self, name: str, data: bytes) -> Outcome:
        out = self._base / "out"
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json.part").write_bytes(data)
        (out / f"{name}.json.part").rename(out / f"{name}.json")
        while True:
            for state in ("done", "refused"):
                if (out / state / f"{name}.json").exists():
                    return self._outcome(out / state / f"{name}.json")
            await asyncio.sleep(LOOK_SECONDS)

    def _outcome(self, path: Path) -> Outcome:
        if path.parent.name == "done":
            return Outcome(taken=True, text=path.with_name(f"{path.name}.taken.json").read_text(encoding="utf-8"))
        text = path.with_name(f"{path.name}.reason.json").read_text(encoding="utf-8")
        return Outcome(taken=False, code=json.loads(text)["code"], text=text)

    def unreadable(self) -> Mapping[str, bytes]:
        return unreadable_json(LIMIT)

    async def behave(self, behaviour: Behaviour) -> None:
        folder, away = self._base / "in", self._base / "in-away"
        if behaviour == "down" and folder.exists():
            folder.rename(away)
        elif behaviour != "down" and away.exists():
            away.rename(folder)

    def handed_over(self, digest: str) -> int:
        self._collect()
        return self._taken[digest]

    def received(self, digest: str) -> Received:
        self._collect()
        return self._kept[digest]

    def spoil(self) -> None:
        (self._base / "in").rename(self._base / "in-away")
        (self._base / "in").write_text("not a folder")

    def _collect(self) -> None:
        """Takes each message, then moves it to `done`."""
        for path in sorted((self._base / "in").glob("*.json")):
            raw = path.read_bytes()
            message = json.loads(raw)
            digest = path.stem
            assert message["digest"] == digest
            files = {file["sha256"]: (path.parent / file["at"]).read_bytes() for file in message["files"]}
            receipt = message["receipt"].encode()
            self._taken[digest] += 1
            self._kept[digest] = Received(message, raw, files, receipt)
            path.rename(self._base / "done" / path.name)


@dataclass
class HTTPSystem:
    """A national system on HTTP: it calls the edge, and where it has an address of its own it is called."""

    folder: Path
    session: Session
    webhook: bool
    url: str = ""
    behaviours: frozenset[Behaviour] = frozenset({"well", "down", "slow", "forgetful", "refusing"})
    secrets: tuple[str, ...] = (TOKEN, HOOK_TOKEN)
    application: ASGIApp | None = None
    """The edge's, of the channel that lives now."""
    behaviour: Behaviour = "well"
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    taken: Counter[str] = field(default_factory=Counter)
    kept: dict[str, Received] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        options: dict[str, Any] = {
            "token_file": self._secret("token", TOKEN),
            "submission_bytes_max": LIMIT,
            "offer_seconds": 0.4,
            "lease_seconds": 0.1,
            "settle_seconds": 5.0,
            "retry_seconds": 0.05,
        }
        if self.webhook:
            options |= {
                "webhook_url": f"{self.url}/national",
                "webhook_token_file": self._secret("hook", HOOK_TOKEN),
                "webhook_seconds": 0.5,
            }
        return Place("rest", self.folder / "place", options)

    def _secret(self, name: str, text: str) -> Path:
        path = self.folder / name
        if not path.exists():
            path.write_text(text)
            path.chmod(0o600)
        return path

    def fresh(self) -> Channel:
        channel = rest_channel.open_channel(self.place)
        self.application = Starlette(routes=[Mount("/channels/rest", routes=list(channel.routes()))])
        return channel

    async def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await call(
            self.session,
            method,
            f"{self.url}/channels/rest{path}",
            headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **named},
            body=body,
            bytes_max=32 * 1024**2,
        )

    async def submit(self, name: str, data: bytes) -> Outcome:
        while True:
            try:
                answer = await self.ask("POST", "/v1/submissions", data, Idempotency_Key=name)
            except Unavailable:
                answer = None
            if answer is not None and answer.status < 500 and answer.status != 404:
                break
            await asyncio.sleep(LOOK_SECONDS)  # the edge restarts: the same again
        document = json.loads(answer.body)
        return Outcome(answer.status == 202, document.get("code"), answer.body.decode())

    def unreadable(self) -> Mapping[str, bytes]:
        return unreadable_json(LIMIT)

    async def behave(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.changed.set()
        self.changed = asyncio.Event()

    def handed_over(self, digest: str) -> int:
        return self.taken[digest]

    def received(self, digest: str) -> Received:
        return self.kept[digest]

    def spoil(self) -> None:
        (self.folder / "token").chmod(0o644)

    async def take(self, raw: bytes) -> bool:
        """The message is the system's own, unless its digest is one that it has; False when a file cannot be had."""
        message = json.loads(raw)
        digest = message["digest"]
        if digest in self.kept:
            return True
        files = {}
        for file in message["files"]:
            got = await self.ask("GET", f"/{file['at']}")
            if got.status != 200:
                return False
            files[file["sha256"]] = got.body
        receipt = message["receipt"].encode()
        if digest not in self.kept:
            self.taken[digest] += 1
            self.kept[digest] = Received(message, raw, files, receipt)
        return True

    async def pull(self) -> None:
        """Asks for deliveries for ever."""
        while True:
            if self.behaviour == "down":
                await self.changed.wait()
                continue
            try:
                await self._pull_once()
            except Unavailable:
                await asyncio.sleep(LOOK_SECONDS)

    async def _pull_once(self) -> None:
        answer = await self.ask("GET", "/v1/deliveries?wait=0.2&max=10")
        if answer.status != 200:
            await asyncio.sleep(LOOK_SECONDS)
            return
        behaviour = self.behaviour
        for message in json.loads(answer.body)["deliveries"]:
            path = f"/v1/deliveries/{message['digest']}"
            if behaviour == "refusing":
                await self.ask("POST", f"{path}/reject", b"{}")
            elif behaviour in ("well", "forgetful"):
                start = answer.body.index(b'{"digest":"' + message["digest"].encode())
                _, length = json.JSONDecoder().raw_decode(answer.body[start:].decode())
                raw = answer.body[start:].decode()[:length].encode()
                if await self.take(raw) and behaviour == "well":
                    await self.ask("POST", f"{path}/ack", b"{}")

    async def called(self, request: Request) -> Response:
        """The webhook."""
        body = await request.body()
        assert request.headers["authorization"] == f"Bearer {HOOK_TOKEN}"
        assert request.headers["idempotency-key"] == json.loads(body)["digest"]
        match self.behaviour:
            case "down":
                return Response(status_code=503, headers={"Retry-After": "0"})
            case "slow":
                await self.changed.wait()
                return Response(status_code=503)
            case "refusing":
                return Response("no, " + body.decode(), status_code=422)
            case "forgetful":
                await self.take(body)
                return Response(status_code=502)
        had = request.headers["idempotency-key"] in self.kept
        return Response(status_code=(409 if had else 204) if await self.take(body) else 503)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        national = Starlette(routes=[Route("/national", self.called, methods=["POST"])])
        application: ASGIApp = national if scope["path"] == "/national" else self.application or Starlette()
        await application(scope, receive, send)


@asynccontextmanager
async def http_system(folder: Path, *, webhook: bool) -> AsyncIterator[HTTPSystem]:
    listener = socket.create_server(("127.0.0.1", 0))
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(open_session())
        system = HTTPSystem(folder, session, webhook, f"http://127.0.0.1:{listener.getsockname()[1]}")
        server = uvicorn.Server(uvicorn.Config(system, lifespan="off", log_config=None, timeout_graceful_shutdown=1))
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(server.serve(sockets=[listener]))
            pulling = None if webhook else group.create_task(system.pull())
            try:
                yield system
            finally:
                if pulling is not None:
                    pulling.cancel()
                await system.behave("well")
                server.should_exit = True
                await asyncio.wait([serving])
    listener.close()
