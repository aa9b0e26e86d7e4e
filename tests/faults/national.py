"""Two national systems that never forget: what each was ever given, and how often.

They keep the contract of adapters/README.md and no more: move, never delete; acknowledge until that is answered. An
edge that is down is no failure of theirs; they come again.
"""

import hashlib
import http.client
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CALL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A submission that was acknowledged: by which system, under which name, for whom; what the edge called it."""

    system: str
    name: str
    to: tuple[str, ...]
    payload: Mapping[str, Any]
    id: str


@dataclass(frozen=True, slots=True)
class Got:
    """A delivery as it came, with the bytes of its files."""

    system: str
    message: Mapping[str, Any]
    files: tuple[bytes, ...]

    @property
    def digest(self) -> str:
        return str(self.message["digest"])


@dataclass(slots=True)
class Seen:
    """What one system sent and got. `given` counts hand-overs a digest; more than one is the fault we look for."""

    sent: list[Sent] = field(default_factory=list)
    got: list[Got] = field(default_factory=list)
    given: Counter[str] = field(default_factory=Counter)


def call(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    *,
    seconds: float = CALL_SECONDS,
) -> tuple[int, Mapping[str, str], bytes] | None:
    """Status, headers (names in lower case) and body of a whole answer; None when there was none."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=seconds)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target, body, dict(headers or {}))
        answer = connection.getresponse()
        raw = answer.read()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, raw


class Files:
    """A system that exchanges files in one base folder."""

    def __init__(self, partner: str, base: Path) -> None:
        self.partner = partner
        self.base = base
        self.seen = Seen()
        self._waiting: dict[str, tuple[tuple[str, ...], Mapping[str, Any]]] = {}

    def drop(self, name: str, raw: bytes) -> None:
        """The file lies whole in `out/`."""
        temporary = self.base / "out" / f"{name}.part"
        temporary.write_bytes(raw)
        temporary.rename(self.base / "out" / name)

    def submit(self, name: str, to: tuple[str, ...], payload: Mapping[str, Any], *attachments: bytes) -> None:
        """A submission with its files, which lie there first."""
        names = []
        for at, raw in enumerate(attachments):
            names.append(f"{name}-{at}.jpg")
            self.drop(names[-1], raw)
        body: dict[str, Any] = {"to": to, "payload": payload}
        self.drop(f"{name}.json", json.dumps(body | ({"attachments": names} if names else {})).encode())
        self._waiting[name] = (to, payload)

    def reason(self, name: str) -> Any:
        """Why a file was refused, once it was."""
        path = self.base / "out" / "refused" / f"{name}.reason.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def work(self) -> None:
        """Look what was acknowledged; read what came and move it to `done/`."""
        for name, (to, payload) in list(self._waiting.items()):
            taken = self.base / "out" / "done" / f"{name}.json.taken.json"
            moved = self.base / "out" / "done" / f"{name}.json"
            if taken.exists() and moved.exists():
                said = json.loads(taken.read_text(encoding="utf-8"))
                self.seen.sent.append(Sent(self.partner, name, to, payload, said["id"]))
                del self._waiting[name]
        for path in self._came():
            message = json.loads(path.read_text(encoding="utf-8"))
            files = tuple((path.parent / one["at"]).read_bytes() for one in message["files"])
            assert path.stem == message["digest"], "a delivery's name is its digest"
            self.seen.given[path.stem] += 1
            self.seen.got.append(Got(self.partner, message, files))
            path.rename(self.base / "done" / path.name)

    def _came(self) -> list[Path]:
        """In the order they came.

        Where there are hundreds of names (folders of attachments stay there), the kernel lists them in portions, and
        one may show a name that came while an earlier one missed a name from before it: the next listing has both.
        """
        newest = max(self._listed().values(), default=0)
        found = self._listed()
        return sorted((path for path, at in found.items() if at <= newest), key=found.__getitem__)

    def _listed(self) -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in (self.base / "in").glob("*.json")}

    @property
    def idle(self) -> bool:
        """Whether everything it sent was acknowledged."""
        return not self._waiting


class Calls:
    """A system that calls its edge's REST channel."""

    def __init__(self, partner: str, url: str, token: str) -> None:
        self.partner = partner
        self.url = url
        self.seen = Seen()
        self.acknowledged: set[str] = set()
        self.statuses: Counter[int] = Counter()
        self._token = token
        self._waiting: dict[str, tuple[tuple[str, ...], Mapping[str, Any], tuple[bytes, ...]]] = {}
        self._unacknowledged: set[str] = set()

    def submit(self, name: str, to: tuple[str, ...], payload: Mapping[str, Any], *attachments: bytes) -> None:
        """A submission with its files; `work` sends it until it is acknowledged."""
        self._waiting[name] = (to, payload, attachments)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, Mapping[str, str], bytes] | None:
        """One call with our token; `headers` with underscores for dashes."""
        known = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = call(method, f"{self.url}{path}", body, known | named)
        if answer is not None:
            self.statuses[answer[0]] += 1
        return answer

    def work(self) -> None:
        """Send what is not acknowledged, acknowledge what was given, ask for more; whatever fails is done again."""
        for name, (to, payload, attachments) in list(self._waiting.items()):
            if not all(self._upload(raw) for raw in attachments):
                return
            body = json.dumps({"to": to, "payload": payload}).encode()
            answer = self.ask("POST", "/v1/submissions", body, Idempotency_Key=name)
            if answer is None or answer[0] == 503:
                return
            assert answer[0] == 202, answer
            self.seen.sent.append(Sent(self.partner, name, to, payload, json.loads(answer[2])["id"]))
            del self._waiting[name]
        for digest in list(self._unacknowledged):
            self._acknowledge(digest)
        answer = self.ask("GET", "/v1/deliveries?wait=0&max=20")
        if answer is None or answer[0] != 200:
            return
        for message in json.loads(answer[2])["deliveries"]:
            self._take(message)

    @property
    def idle(self) -> bool:
        """Whether everything it sent was acknowledged, and everything it got, by it."""
        return not self._waiting and not self._unacknowledged

    def _upload(self, raw: bytes) -> bool:
        target = f"/v1/attachments/{hashlib.sha256(raw).hexdigest()}"
        answer = self.ask("PUT", target, raw, Content_Type="application/octet-stream")
        assert answer is None or answer[0] in {200, 201, 503}, answer
        return answer is not None and answer[0] != 503

    def _take(self, message: Mapping[str, Any]) -> None:
        digest = message["digest"]
        if digest in self.acknowledged:
            self.seen.given[digest] += 1  # it was told that we have it, and gives it again
            return
        files = []
        for one in message["files"]:
            answer = self.ask("GET", f"/{one['at']}")
            if answer is None or answer[0] != 200:
                return
            files.append(answer[2])
        if digest not in self._unacknowledged:  # else it comes again because our word was lost: known by its digest
            self.seen.given[digest] += 1
            self.seen.got.append(Got(self.partner, message, tuple(files)))
            self._unacknowledged.add(digest)
        self._acknowledge(digest)

    def _acknowledge(self, digest: str) -> None:
        answer = self.ask("POST", f"/v1/deliveries/{digest}/ack")
        if answer is not None and answer[0] == 204:
            self._unacknowledged.discard(digest)
            self.acknowledged.add(digest)
