"""A hub with an officer of each partner and one auditor, and what a browser does: cookies, origin, buttons."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import pytest

from hub.ceremony import initialise
from hub.console.accounts import linked, new_token
from hub.wiring import Hub
from keys.directory.enrolment import make_enrolment
from keys.directory.records import Account
from keys.proofs.leaf import Leaf
from tests.ports import free_ports
from tests.world import AGREEMENTS, ROLES, SCRYPT_LOG2_N, STATES, Partner, World, agreement, make_world

OFFICER, SECOND = Account("officer-1", ("LO",)), Account("officer-2", ("LO",))
AUDITOR = Account("auditor-1", ("AUDIT",))
COOKIE = "liaison"


class Text(HTMLParser):
    """A page's text and links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "a":
            self.links.append(dict(attrs).get("href") or "")

    def handle_data(self, data: str) -> None:
        self.words += data.split()

    @property
    def text(self) -> str:
        return " ".join(self.words)


class Browser:
    """One person's browser on the hub: keeps its cookie, says where a form comes from, follows where it is led."""

    def __init__(self, client: httpx2.AsyncClient, origin: str) -> None:
        self._client = client
        self._origin = origin
        self.cookies: dict[str, str] = {}
        self.seen: list[httpx2.Response] = []

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        return await self._follow(await self._send("GET", path, headers))

    async def post(self, path: str, form: Mapping[str, str], **headers: str) -> httpx2.Response:
        sent = {"Origin": self._origin, "Sec-Fetch-Site": "same-origin", **headers}
        sent = {name: value for name, value in sent.items() if value}
        return await self._follow(await self._send("POST", path, sent, form))

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        sent = dict(headers)
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        self._client.cookies.clear()
        answer = await self._client.request(method, path, headers=sent, data=form)
        for name, value in answer.cookies.items():
            self.cookies[name] = value
        if 'liaison=""' in answer.headers.get("set-cookie", ""):
            self.cookies.pop(COOKIE, None)
        self.seen.append(answer)
        return answer

    async def _follow(self, answer: httpx2.Response) -> httpx2.Response:
        while answer.status_code == 303:
            answer = await self._send("GET", answer.headers["location"], {})
        return answer


class Desk:
    """A running hub seen from its pages."""

    def __init__(self, world: World, client: httpx2.AsyncClient) -> None:
        self.world = world
        self.client = client

    @property
    def hub(self) -> Hub:
        assert self.world.hub is not None
        return self.world.hub

    def browser(self) -> Browser:
        return Browser(self.client, self.world.url)

    async def link(self, partner: str = "test-aut", account: Account = OFFICER) -> str:
        """A token, made as `liaison hub link` does."""
        token = new_token()
        until = self.world.clock() + timedelta(minutes=self.hub.settings.sign_in_link_minutes)
        await self.hub.writer.submit(linked(partner, account, token, until))
        return token

    async def signed_in(self, partner: str = "test-aut", account: Account = OFFICER) -> Browser:
        browser = self.browser()
        answer = await browser.post("/console/sign-in", {"token": await self.link(partner, account)})
        assert answer.status_code == 200
        return browser

    def events(self, event: str | None = None) -> list[Leaf]:
        leaves = [stored.leaf for stored in self.hub.reader.leaves(-1, 10_000)]
        return [leaf for leaf in leaves if event in (None, leaf.event)]


@pytest.fixture
def pages_world(tmp_path: Path) -> World:
    world = make_world(tmp_path / "world")
    world.update("test-aut", accounts=(OFFICER, SECOND, AUDITOR))
    for partner in ("test-mda", "test-geo"):
        world.update(partner, accounts=(OFFICER,))
    return world


@pytest.fixture
def present_world(tmp_path: Path) -> World:
    """As `pages_world`, founded now: for programs that look at the machine's clock."""
    now = datetime.now(UTC).replace(microsecond=0)
    folder = tmp_path / "present"
    folder.mkdir()
    seeds = ("sign.ed25519", "sign.mldsa65", "kem", "request", "admin.ed25519")
    partners = {
        name: Partner(name, STATES[name], ROLES[name], {seed: os.urandom(32) for seed in seeds}) for name in ROLES
    }
    [port] = free_ports(1)
    given = {"url": f"http://127.0.0.1:{port}", "port": port}
    initialise(folder / "hub", now, ceremony=folder / "ceremony", given=given, log2_n=SCRYPT_LOG2_N)
    world = World(folder, partners)
    world.clock.now = now
    repository, registrar = world.repository, world.registrar
    for partner in partners.values():
        record = partner.record(accounts=(OFFICER, AUDITOR) if partner.id == "test-aut" else (OFFICER,))
        repository.enrol(registrar, make_enrolment(partner.secrets, partner.id, now=now), record, now)
    for name in AGREEMENTS:
        world.agree(agreement(name))
    return world
