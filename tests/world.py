"""A whole small world for tests of hub, edge and pages: one real hub on disk, three real partners, a clock to set.

Nothing here stands in for anything: directory, keys, containers, statements, log and application are the product's own.
Only the clocks are the test's. Keys are made and the directory is published once a process; `make_world` copies it.

    world = make_world(tmp_path)                         # data directory, ceremony, directory: no hub opened yet
    async with world.running() as client:                # httpx2 client on the application, its tasks running
        sealed = world.seal("test-aut", "ident.request", ["test-mda"])
        answer = await world.post(client, sealed)
        receipt = world.verified(answer.content)
        await world.state(client, "test-mda", "ContentHandover", [(sealed, receipt.index)])
    world.check()                                        # everything on disk, anew
"""

import asyncio
import hashlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, TypeAlias

import httpx2
import psycopg
import pytest
import uuid_utils
from starlette.types import ASGIApp, Message, Scope

from hub.app import create_app
from hub.cases.rebuilding import compare
from hub.ceremony import CEREMONY_PASSPHRASE, initialise
from hub.settings import HubSettings, load_settings
from hub.store.postgres import PostgresConnection
from hub.store.reading import Reader
from hub.store.tiles import stored_tile
from hub.wiring import Hub, open_hub, open_tables
from keys.at_rest import AtRest
from keys.container import Container, parse_container, verify_container
from keys.custody import read_keyring, read_passphrase
from keys.directory.directory import Directory
from keys.directory.draft import propose, sign_draft
from keys.directory.durations import Lifetimes
from keys.directory.enrolment import make_enrolment
from keys.directory.records import PartnerRecord
from keys.directory.repository import Repository, registrar_seeds
from keys.proofs import merkle
from keys.proofs.checkpoint import LogPublic
from keys.proofs.leaf import parse_leaf
from keys.proofs.receipt import CheckpointCache, VerifiedReceipt, verify_receipt
from keys.proofs.tiles import TILE_WIDTH
from keys.requests import sign_request
from keys.sealing import Sealed, seal
from keys.signing import CONTAINER_TYPE, STATEMENT_TYPE
from keys.statements import Entry, Statement, parse_statement, sign_statement, verify_statement
from keys.suite import KemPrivate, RequestKey, SigningPair
from schemas import lifecycles, registry
from schemas.agreements.agreement import Agreement
from schemas.envelope import Header, LogHead, Recipient, Reference
from tests.postgres import owners

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)
"""When every world begins: the golden examples are valid then."""

SCRYPT_LOG2_N = 1
"""A cost for tests alone."""

ROLES: Mapping[str, tuple[str, ...]] = {
    "test-aut": ("RET", "MIG", "DOC", "BG", "VIS", "POL", "CON", "LO"),
    "test-mda": ("RET", "MIG", "DOC", "BG", "CON", "CIV", "LO"),
    "test-geo": ("RET", "MIG", "DOC", "BG", "VIS", "CON", "LO"),
}
STATES: Mapping[str, str] = {"test-aut": "AUT", "test-mda": "MDA", "test-geo": "GEO"}
AGREEMENTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "TEST-AUT-MDA": (("AUT", "MDA"), "ident."),
    "TEST-AUT-GEO": (("AUT", "GEO"), "visa.overstay."),
    "TEST-DOCFRAUD-3": (("AUT", "MDA", "GEO"), "doc."),
}
"""Id -> parties and what the kinds of it begin with. So AUT may not send an `ident.request` to GEO, for one."""

ON_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("engine", [pytest.param("postgres", marks=pytest.mark.real)], indirect=True)
"""For a test of one database's own ways."""

BASIS = "Art. 6"
LIFETIME = timedelta(days=10)
LIFETIMES = Lifetimes(root=timedelta(days=1000), registrar=timedelta(days=1000))
"""The offline roles outlast every key, so that a test may travel past a key's end."""
_SEEDS = ("sign.ed25519", "sign.mldsa65", "kem", "request", "admin.ed25519")
_EMPTY_LOG = merkle.EMPTY_ROOT.hex()

Answer: TypeAlias = httpx2.Response


class Clock:
    """The wall clock of a world: stands still until it is set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **amount: float) -> None:
        """Go on by `timedelta(**amount)`."""
        self.now += timedelta(**amount)


class Monotonic:
    """The monotonic clock of a world, in seconds: stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class Partner:
    """One authority with all its private keys."""

    id: str
    state: str
    roles: tuple[str, ...]
    secrets: Mapping[str, bytes] = field(repr=False)

    @property
    def pair(self) -> SigningPair:
        """What it signs messages and statements with."""
        return _pair(self.secrets["sign.ed25519"], self.secrets["sign.mldsa65"])

    @property
    def kem(self) -> KemPrivate:
        """What opens messages for it."""
        return KemPrivate.from_seed(self.secrets["kem"])

    @property
    def request_key(self) -> RequestKey:
        """What it signs requests with."""
        return RequestKey.from_seed(self.secrets["request"])

    @property
    def administrators(self) -> bytes:
        """The seed of its administrators' key."""
        return self.secrets["admin.ed25519"]

    def record(self, **changes: Any) -> PartnerRecord:
        """What the registrar says of it."""
        record = PartnerRecord(
            self.id,
            self.state,
            f"Test authority of {self.state}",
            self.roles,
            tuple(sorted(registry.KINDS)),
            test=True,
        )
        return replace(record, **changes)


class World:
    """One hub's data directory with its partners. `folder` holds `hub/`, `ceremony/` and `spool/`.

    `chance` is what the hub takes for chance: 1 makes every back-off its longest.
    """

    def __init__(
        self,
        folder: Path,
        partners: Mapping[str, Partner],
        now: datetime = NOW,
        directory: Directory | None = None,
    ) -> None:
        self.folder = folder
        self.partners = partners
        self.clock = Clock(now)
        self.monotonic = Monotonic()
        self.chance = 1.0
        self.spool = folder / "spool"
        self.spool.mkdir(exist_ok=True)
        self.hub: Hub | None = None
        self._directory = directory

    # -- the hub

    @property
    def data(self) -> Path:
        """The hub's data directory."""
        return self.folder / "hub"

    def settings(self, **given: object) -> HubSettings:
        """The hub's settings; `given` as on the command line. No partner bears out the clock that tests set forward."""
        return load_settings(self.data, **{"directory_look_seconds": 0.0, "clock_ahead_hours_max": 0, **given})

    def open(self, **given: object) -> Hub:
        """The hub, opened as a start would. Who opens it without `app` closes it."""
        self.hub = open_hub(
            self.settings(**given), clock=self.clock, monotonic=self.monotonic, chance=lambda: self.chance
        )
        return self.hub

    def use(self, database_url: str) -> None:
        """The hub's database is a server's, from now on. Before it is opened for the first time."""
        with (self.data / "hub.toml").open("a") as file:
            file.write(f'database_url = "{database_url}"\n')

    def spoil(self, *statements: str, rows: Sequence[Sequence[Any]] | None = None) -> None:
        """What the tables' owner can do, past every foreign key: each statement, or each with each of the rows."""
        settings = self.settings()
        if settings.database_url:
            owner: Any = psycopg.connect(owners(settings.database_url))
            owner.execute("SET session_replication_role = replica")
        else:
            owner = sqlite3.connect(settings.database)
        with closing(owner), owner:
            for statement in statements:
                if rows is None:
                    owner.execute(statement)
                else:
                    cursor = owner.cursor()
                    cursor.executemany(statement.replace("?", "%s") if settings.database_url else statement, rows)

    def app(self, **given: object) -> ASGIApp:
        """The application of a hub opened now; its lifespan closes the hub."""
        return create_app(self.open(**given), failed=_fail)

    @asynccontextmanager
    async def running(self, **given: object) -> AsyncIterator[httpx2.AsyncClient]:
        """A client on a running application; afterwards the hub has ended in order."""
        app = self.app(**given)
        async with lifespan(app):
            transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 40000))
            async with httpx2.AsyncClient(transport=transport, base_url=self.url) as client:
                yield client

    @property
    def url(self) -> str:
        """The hub's address, for which requests are signed."""
        return self.settings().url

    @property
    def log_public(self) -> LogPublic:
        """The log's keys."""
        return LogPublic.from_vkeys((self.data / "log.vkey").read_text().splitlines())

    # -- the directory

    @property
    def repository(self) -> Repository:
        """The publishing side of the directory. Call `changed` after a publication."""
        settings = self.settings()
        return Repository(
            settings.directory_folder, read_keyring(settings.keyring, read_passphrase(settings.secrets)), LIFETIMES
        )

    @property
    def registrar(self) -> list[bytes]:
        """The registrar's seeds."""
        ceremony = self.folder / "ceremony"
        return registrar_seeds(ceremony, read_passphrase(ceremony / CEREMONY_PASSPHRASE))

    @property
    def directory(self) -> Directory:
        """The published version, as any reader has it."""
        if self._directory is None:
            self._directory = self.repository.directory(self.clock())
        return self._directory

    def changed(self) -> None:
        """Something was published: read it anew."""
        self._directory = None

    def update(self, partner: str, **changes: Any) -> None:
        """The registrar's record of the partner has these members now (`delivery_url`, `kinds` ...)."""
        self.repository.update_partner(self.registrar, self.partners[partner].record(**changes), self.clock())
        self.changed()

    def agree(self, agreement: Agreement) -> None:
        """The agreement, signed by all its parties, is published."""
        draft = propose(agreement, self.clock())
        for partner in self.partners.values():
            if partner.state in agreement.parties:
                draft = sign_draft(draft, partner.administrators)
        self.repository.publish_agreement(self.registrar, draft, self.clock())
        self.changed()

    def suspend(self, agreement: str, by: str) -> None:
        """The partner's party has suspended the agreement."""
        self.repository.suspend(agreement, self.partners[by].administrators, self.clock())
        self.changed()

    async def travel(self, **amount: float) -> None:
        """Time goes on by `timedelta(**amount)`, and a running hub has renewed its directory as it does by itself."""
        self.clock.advance(**amount)
        if self.hub is not None:
            await self.hub.directories.renew()
        self.changed()

    # -- what partners make

    def seal(
        self,
        source: str,
        payload: Mapping[str, Any] | str,
        to: Sequence[str],
        /,
        *,
        parent: Sealed | None = None,
        attachments: Sequence[Path] = (),
        pair: SigningPair | None = None,
        **changes: Any,
    ) -> Sealed:
        """A message as `source`'s edge would seal it, all of its header right.

        Args:
            source: the sender's partner id.
            payload: with its `kind`, or a kind, whose golden example is taken.
            to: the recipients' partner ids.
            parent: the message it answers, or follows; fills in case, reference and the payload's `in_reply_to`.
            attachments: files, in the payload's order.
            pair: signs instead of the source's own.
            **changes: members of `schemas.envelope.Header` that shall differ.
        """
        body = dict(registry.example(payload) if isinstance(payload, str) else payload)
        sender = self.partners[source]
        keys = [self.directory.kem_public(partner, self.clock()) for partner in to]
        answered = None if parent is None else parse_container(parent.container).header
        if answered is not None:
            body["in_reply_to"] = answered.id
        members = registry.header_members(body, parent=None if answered is None else {"purpose_code": answered.purpose})
        agreement, role = self._allowed(sender, members.kind, to)
        signing = pair or sender.pair
        header = Header(
            id=str(uuid_utils.uuid7()),
            source=source,
            kind=members.kind,
            case_handle=os.urandom(16).hex() if answered is None else answered.case_handle,
            time=self.clock(),
            dataschema=members.dataschema,
            recipients=tuple(Recipient(partner, key.key_id) for partner, key in zip(to, keys, strict=True)),
            ed25519_id=signing.public.ed25519_id,
            mldsa65_id=signing.public.mldsa65_id,
            expires=self.clock() + LIFETIME,
            directory_version=self.directory.version,
            log=LogHead(self.log_public.origin, 0, _EMPTY_LOG),
            agreement=agreement,
            basis=BASIS,
            purpose=members.purpose,
            role=role,
            reference=None
            if parent is None or answered is None
            else Reference(answered.source, answered.id, parent.digest.hex()),
            step=members.step,
            facts=members.facts,
            test=True,
        )
        if "time" in changes and "expires" not in changes:
            changes["expires"] = changes["time"] + LIFETIME
        header = replace(header, **changes)
        return seal(header, keys, registry.dump(body), attachments, signing, spool=self.spool)

    def statement(
        self,
        source: str,
        event: str,
        entries: Iterable[tuple[Sealed, int] | tuple[Sealed, int, str] | Entry],
        /,
        **changes: Any,
    ) -> bytes:
        """A signed statement of `source`.

        Args:
            source: the partner that states it.
            event: `ContentHandover` ...
            entries: (message, index of its acceptance), for a failure with a code as third.
            **changes: members of `keys.statements.Statement` that shall differ.
        """
        listed = tuple(
            entry if isinstance(entry, Entry) else Entry(entry[0].digest.hex(), entry[1], *entry[2:])
            for entry in entries
        )
        made = Statement(str(uuid_utils.uuid7()), source, self.clock(), event, listed)
        return sign_statement(self.partners[source].pair, replace(made, **changes))

    def signed_headers(self, partner: str, method: str, url: str, body: bytes | None = None) -> dict[str, str]:
        """The headers that sign a request of the partner's. `url` may be a path with its query alone."""
        whole = self.url + url if url.startswith("/") else url
        return sign_request(self.partners[partner].request_key, method, whole, body=body, now=self.clock())

    def _allowed(self, sender: Partner, kind: str, to: Sequence[str]) -> tuple[str, str]:
        """The agreement that covers it, and a role of the sender's that may send it; a guess where none does."""
        states = {sender.state, *(self.partners[partner].state for partner in to if partner in self.partners)}
        roles = lifecycles.RULES[kind].sender_roles if kind in lifecycles.RULES else frozenset()
        role = next((role for role in sender.roles if role in roles), sender.roles[0])
        for name, (parties, prefix) in AGREEMENTS.items():
            if kind.startswith(prefix) and states <= set(parties):
                return name, role
        return next((name for name, (_, prefix) in AGREEMENTS.items() if kind.startswith(prefix)), "TEST-NONE"), role

    # -- what partners do

    async def post(self, client: httpx2.AsyncClient, body: Sealed | bytes, kind: str | None = None) -> Answer:
        """Submit a container (its detached parts are not uploaded: see `upload`), a statement or other bytes."""
        raw = body.container if isinstance(body, Sealed) else body
        media = kind or (CONTAINER_TYPE if isinstance(body, Sealed) else STATEMENT_TYPE)
        return await client.post("/v1/messages", content=raw, headers={"Content-Type": media})

    async def accepted(self, client: httpx2.AsyncClient, sealed: Sealed) -> VerifiedReceipt:
        """Submit a message that must be accepted as new; its verified receipt."""
        answer = await self.post(client, sealed)
        assert answer.status_code == 201, answer.text
        return self.verified(answer.content)

    async def state(
        self,
        client: httpx2.AsyncClient,
        source: str,
        event: str,
        entries: Iterable[tuple[Sealed, int] | tuple[Sealed, int, str] | Entry],
    ) -> VerifiedReceipt:
        """Submit a statement that must be accepted as new; the verified receipt of its last leaf."""
        answer = await self.post(client, self.statement(source, event, entries))
        assert answer.status_code == 201, answer.text
        return self.verified(answer.content)

    async def upload(self, client: httpx2.AsyncClient, source: str, sealed: Sealed) -> None:
        """Upload the message's detached parts."""
        for part in sealed.detached:
            body, target = part.path.read_bytes(), f"/v1/parts/{part.sha256}"
            answer = await client.put(target, content=body, headers=self.signed_headers(source, "PUT", target, body))
            assert answer.status_code in {200, 201}, answer.text

    async def get(self, client: httpx2.AsyncClient, partner: str, target: str, **headers: str) -> Answer:
        """A signed GET of the partner's."""
        return await client.get(target, headers={**self.signed_headers(partner, "GET", target), **headers})

    def verified(self, receipt: bytes | str, cache: CheckpointCache | None = None) -> VerifiedReceipt:
        """The receipt, verified under the log's keys."""
        return verify_receipt(receipt.encode() if isinstance(receipt, str) else receipt, self.log_public, cache)

    # -- what must hold in the end

    def check(self) -> int:
        """Everything in the hub's database holds, judged anew from the file; returns the log's size.

        Leaves hash to every signed checkpoint; tiles, receipts and indices follow from the leaves; every accepted
        message and statement verifies against its sender's keys and its leaf; recipients stand where their leaves
        say; the cases are what a replay of the log gives. Use it while no hub writes.
        """
        settings = self.settings()
        secrets = read_keyring(settings.keyring, read_passphrase(settings.secrets))
        connection = open_tables(settings)
        try:
            at_rest = AtRest(secrets["at_rest"], secrets["index"])
            reader = Reader(connection, at_rest)
            found = compare(reader, at_rest)
            assert found.equal, found.differing
            return _Examination(reader, self).run()
        finally:
            connection.close()


class _Examination:
    """One `World.check`."""

    def __init__(self, reader: Reader, world: World) -> None:
        self.reader = reader
        self.world = world
        self.connection = reader.connection
        self.leaves = [(raw, hash_) for raw, hash_ in self._rows("SELECT bytes, hash FROM leaf ORDER BY idx")]
        self.parsed = [parse_leaf(raw) for raw, _ in self.leaves]

    def _rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def run(self) -> int:
        self._tree()
        self._names()
        self._messages()
        self._statements()
        self._recipients()
        if not isinstance(self.connection, PostgresConnection):
            assert self._rows("PRAGMA foreign_key_check") == []
            assert self._rows("PRAGMA integrity_check") == [("ok",)]
        return len(self.leaves)

    def _tree(self) -> None:
        public, cache = self.world.log_public, CheckpointCache(entries_max=1_000_000)
        checkpoints = dict(self._rows("SELECT size, text FROM checkpoint"))
        tree, last = merkle.CompactRange(), datetime.min.replace(tzinfo=UTC)
        for (raw, stored), leaf in zip(self.leaves, self.parsed, strict=True):
            assert merkle.leaf_hash(raw) == stored
            assert leaf.at >= last
            last = leaf.at
            tree.append(stored)
            if tree.size in checkpoints:
                found = cache.verify(checkpoints[tree.size], public)
                assert (found.size, found.root) == (tree.size, tree.root())
        assert self._rows("SELECT size, root FROM head") == [(tree.size, tree.root())]
        assert not checkpoints or max(checkpoints) == tree.size
        for index in range(tree.size):
            verify_receipt(self.reader.receipt(index), public, cache)
        for level, number, stored in self._rows("SELECT level, idx, bytes FROM tile"):
            if level == 0:
                part = self.leaves[number * TILE_WIDTH : (number + 1) * TILE_WIDTH]
                assert stored == b"".join(hash_ for _, hash_ in part)
            assert stored == stored_tile(self.connection, level, number)
        for index, size in self._rows("SELECT idx, size FROM idempotency"):
            verify_receipt(self.reader.receipt(index, size), public, cache)

    def _names(self) -> None:
        named = {
            (partner, index)
            for index, leaf in enumerate(self.parsed)
            for partner in ((leaf.source,) if leaf.source else ()) + leaf.to
        }
        assert set(self._rows("SELECT partner, idx FROM leaf_partner")) == named
        for index, leaf in enumerate(self.parsed):
            side = self.reader.side(index)
            assert (side is None) == (not leaf.c) or leaf.type is not None, index  # an erased case has none

    def _messages(self) -> None:
        accepted = {index for index, leaf in enumerate(self.parsed) if leaf.event == "SubmissionAcceptance"}
        rows = self._rows("SELECT idx, digest, source, kind, container FROM message")
        assert {row[0] for row in rows} == accepted
        for index, digest, source, kind, raw in rows:
            leaf = self.parsed[index]
            assert (leaf.digest, leaf.source, leaf.type) == (digest.hex(), source, kind)
            if raw is not None:
                container: Container = parse_container(raw)
                verify_container(container, self.world.partners[source].pair.public)
                assert container.digest == digest
                assert container.header.recipient_ids == leaf.to
                assert container.signatures.digest.hex() == leaf.sig

    def _statements(self) -> None:
        used = set()
        for index, leaf in enumerate(self.parsed):
            if leaf.statement is None or leaf.event == "SubmissionRejection":
                continue
            signed = parse_statement(self.reader.statement(bytes.fromhex(leaf.statement)))
            assert leaf.source is not None
            assert leaf.pos is not None
            verify_statement(signed, self.world.partners[leaf.source].pair.public)
            entry = signed.statement.entries[leaf.pos]
            assert signed.digest.hex() == leaf.statement
            assert (signed.statement.event, entry.digest, entry.index, entry.code) == (
                leaf.event, leaf.digest, leaf.prev, leaf.code,
            ), index  # fmt: skip
            used.add(signed.digest)
        assert {digest for (digest,) in self._rows("SELECT digest FROM statement")} == used

    def _recipients(self) -> None:
        """Each recipient's row follows from the leaves; none was consigned or handed over twice."""
        expected: dict[tuple[str, int], list[Any]] = {
            (partner, index): ["accepted", None, None]
            for index, leaf in enumerate(self.parsed)
            if leaf.event == "SubmissionAcceptance"
            for partner in leaf.to
        }
        for index, leaf in enumerate(self.parsed):
            if leaf.prev is None or leaf.event not in _LADDER:
                continue
            partner = leaf.to[0] if leaf.event == "ContentConsignment" else leaf.source
            assert partner is not None
            row = expected[partner, leaf.prev]
            if leaf.event == "ContentConsignment":
                assert row[1] is None, "consigned twice"
                row[:2] = ["consigned", index]
            else:
                assert leaf.event != "ContentHandover" or row[0] != "handed_over", "handed over twice"
                row[0], row[2] = _LADDER[leaf.event], index
        found = {
            (partner, index): [state, consigned, evidence]
            for partner, index, state, consigned, evidence in self._rows(
                "SELECT partner, idx, state, consigned_idx, evidence_idx FROM recipient"
            )
        }
        assert found == expected


_LADDER = {
    "ContentConsignment": "consigned",
    "ContentHandover": "handed_over",
    "ContentHandoverFailure": "failed",
    "ContentAccessTracking": "handed_over",
}


@asynccontextmanager
async def lifespan(app: ASGIApp) -> AsyncIterator[None]:
    """The application between its start and its end."""
    scope: Scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    started, ended = asyncio.Event(), asyncio.Event()
    failed: list[str] = []

    async def send(message: Message) -> None:
        if message["type"].endswith(".failed"):
            failed.append(message.get("message", ""))
        (started if message["type"].startswith("lifespan.startup") else ended).set()

    async with asyncio.TaskGroup() as group:
        group.create_task(app(scope, inbox.get, send))  # type: ignore[arg-type]  # Starlette says Awaitable
        await inbox.put({"type": "lifespan.startup"})
        await started.wait()
        assert not failed, failed
        try:
            yield
        finally:
            await inbox.put({"type": "lifespan.shutdown"})
            await ended.wait()
    assert not failed, failed


def agreement(name: str, version: int = 1, **changes: Any) -> Agreement:
    """One of `AGREEMENTS`; every role of its senders may write to every role of its recipients."""
    parties, prefix = AGREEMENTS[name]
    kinds = [kind for kind in sorted(registry.KINDS) if kind.startswith(prefix)]
    roles = sorted({role for roles in ROLES.values() for role in roles})
    made = Agreement(
        id=name,
        version=version,
        parties=parties,
        kinds={
            kind: tuple(product(sorted(set(roles) & set(lifecycles.RULES[kind].sender_roles)), roles)) for kind in kinds
        },
        purposes=tuple(sorted({purpose for kind in kinds for purpose in registry.KINDS[kind].purposes})),
        legal_bases=(BASIS,),
        profile=None,
        status="in_force",
        in_force_on=date(2026, 1, 1),
    )
    return replace(made, **changes)


def make_world(folder: Path, now: datetime = NOW) -> World:
    """A world of its own in an empty folder, that begins at `now` (for programs that go by the machine's clock)."""
    template, partners, directory = _template(now)
    shutil.copytree(template, folder, dirs_exist_ok=True)
    return World(folder, partners, now, directory)


@cache
def _template(now: datetime) -> tuple[Path, Mapping[str, Partner], Directory]:
    kept = tempfile.TemporaryDirectory(prefix="liaison-world-")
    _kept.append(kept)
    folder = Path(kept.name)
    partners = {
        name: Partner(name, STATES[name], ROLES[name], {seed: os.urandom(32) for seed in _SEEDS}) for name in ROLES
    }
    initialise(
        folder / "hub",
        now,
        ceremony=folder / "ceremony",
        given={"url": "http://127.0.0.1:8440"},
        lifetimes=LIFETIMES,
        log2_n=SCRYPT_LOG2_N,
    )
    world = World(folder, partners, now)
    repository, registrar = world.repository, world.registrar
    for partner in partners.values():
        repository.enrol(registrar, make_enrolment(partner.secrets, partner.id, now=now), partner.record(), now)
    for name in AGREEMENTS:
        world.agree(agreement(name))
    return folder, partners, world.directory


_kept: list["tempfile.TemporaryDirectory[str]"] = []
"""Templates live as long as the process, which removes them at its end."""


@cache
def _pair(ed25519: bytes, mldsa65: bytes) -> SigningPair:
    return SigningPair.from_seeds(ed25519, mldsa65)


def _fail() -> None:
    raise AssertionError("a background task of the hub has failed")


def sha256(raw: bytes) -> str:
    """Hex SHA-256."""
    return hashlib.sha256(raw).hexdigest()
