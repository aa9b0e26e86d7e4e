"""Georgia as a client of the hub's door alone: posts what it seals, repeats until it has an answer, and notes it.

Alerts to both others, each opening a case; now and then one whose signature was spoilt, one under an agreement that
there is not, and a repeat of what has its receipt already. Its edge does not run.
"""

import base64
import http.client
import os
import random
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import uuid_utils

from bench.history import History, content
from keys.directory.client import DirectoryClient, folder_fetch
from keys.proofs.merkle import EMPTY_ROOT
from keys.sealing import seal
from keys.signing import CONTAINER_TYPE
from keys.suite import SigningPair
from liaison.cli.keys import open_keyring
from liaison.demo import inputs
from liaison.demo.world import BASIS, LOOPBACK, World
from schemas import registry
from schemas.envelope import Header, LogHead, Recipient
from tests.faults.cluster import AUT, GEO, MDA, TODAY

CALL_SECONDS = 6.0
EVERY_SECONDS = 0.25
LIFETIME = timedelta(days=2)
IMAGE_BYTES = 1500


@dataclass(slots=True)
class _Letter:
    """A container under way, and since when. Those that are wrong have what the door may say of them in `due`."""

    id: str
    digest: str
    container: bytes
    since: float
    due: tuple[int, ...] = ()
    repeats: int = 0


class Door:
    """One letter at a time."""

    def __init__(self, world: World, history: History, chance: random.Random) -> None:
        now = datetime.now(UTC)
        self._port = int(world.url.rpartition(":")[2])
        self._history = history
        self._chance = chance
        root = (world.hub / "root.json").read_bytes()
        self._directory = DirectoryClient(root, None, folder_fetch(world.hub / "directory")).refresh(now)
        seeds = open_keyring(world.edge(GEO) / "keyring", None)
        self._pair = SigningPair.from_seeds(seeds["sign.ed25519"], seeds["sign.mldsa65"])
        self._kem = [self._directory.kem_public(partner, now) for partner in (AUT, MDA)]
        self._spool = world.folder / "door"
        self._spool.mkdir(exist_ok=True)
        self._letter: _Letter | None = None
        self._due = 0.0
        self.taken = 0
        self.statuses: dict[str, int] = {}
        self.newest = -1.0
        """When the newest of what has a receipt was first posted."""

    @property
    def idle(self) -> bool:
        """Whether nothing waits for an answer."""
        return self._letter is None

    def work(self, *, begin: bool = True) -> None:
        """Post what is under way, or something new once it is due."""
        now = self._history.now
        if now < self._due:
            return
        self._due = now + EVERY_SECONDS
        if self._letter is None and begin:
            self._letter = self._next(now)
        if self._letter is not None and self._settled(self._letter):
            self._letter = None

    def _settled(self, letter: _Letter) -> bool:
        answer = self._post(letter.container)
        name = "none" if answer is None else str(answer[0])
        self.statuses[name] = self.statuses.get(name, 0) + 1
        if answer is None or answer[0] in {429, 503}:
            return False
        status, body = answer
        if status in {200, 201} and not letter.due:
            if not letter.repeats:
                self.taken += 1
                self.newest = letter.since
            self._history.say("receipt", by=GEO, id=letter.id, text=base64.b64encode(body).decode())
            letter.repeats += 1
            return letter.repeats > 1 or self._chance.random() > 0.25  # some are sent again though they have it
        if status not in letter.due:
            raise SystemExit(f"the door said {status} where {letter.due or 201} was due: {body[:200]!r}")
        self._history.say("refused", by=GEO, id=letter.id, digest=letter.digest)
        return True

    def _post(self, body: bytes) -> tuple[int, bytes] | None:
        connection = http.client.HTTPConnection(LOOPBACK, self._port, timeout=CALL_SECONDS)
        try:
            connection.request("POST", "/v1/messages", body, {"Content-Type": CONTAINER_TYPE})
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def _next(self, now: float) -> _Letter:
        chosen = self._chance.random()
        image = self._spool / "image.jpg"
        image.write_bytes(os.urandom(IMAGE_BYTES))
        payload = inputs.doc_alert(TODAY, image.read_bytes())
        header = self._header()
        if chosen < 0.05:
            header = replace(header, agreement="TEST-THERE-IS-NONE")
        sealed = seal(header, self._kem, registry.dump(payload), [image], self._pair, spool=self._spool)
        letter = _Letter(header.id, sealed.digest.hex(), sealed.container, now)
        if chosen < 0.05:
            letter.due = (403,)
        elif chosen < 0.1:
            at = len(letter.container) // 2
            letter.container = letter.container[:at] + bytes([letter.container[at] ^ 1]) + letter.container[at + 1 :]
            letter.due = (400, 401)
        else:
            said = {"to": (AUT, MDA), "case": header.id, "parent": None, "content": content(payload)}
            self._history.say("sent", by=GEO, id=header.id, digest=letter.digest, **said)
        return letter

    def _header(self) -> Header:
        now = datetime.now(UTC).replace(microsecond=0)
        members = registry.header_members(registry.example("doc.alert") | inputs.doc_alert(TODAY, b""))
        return Header(
            id=str(uuid_utils.uuid7()),
            source=GEO,
            kind=members.kind,
            case_handle=os.urandom(16).hex(),
            time=now,
            dataschema=members.dataschema,
            recipients=tuple(
                Recipient(partner, key.key_id) for partner, key in zip((AUT, MDA), self._kem, strict=True)
            ),
            ed25519_id=self._pair.public.ed25519_id,
            mldsa65_id=self._pair.public.mldsa65_id,
            expires=now + LIFETIME,
            directory_version=self._directory.version,
            log=LogHead(self._directory.hub.log.origin, 0, EMPTY_ROOT.hex()),
            agreement="TEST-DOCFRAUD-3",
            basis=BASIS,
            purpose=members.purpose,
            role="DOC",
            step=members.step,
            facts=members.facts,
            test=True,
        )
