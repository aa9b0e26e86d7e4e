"""The three national systems: programs of an authority's own, which know files and plain HTTP and nothing of Liaison.

They do what adapters/README.md asks of one: write `.part` and rename, move a delivery out of `in/` once taken, ask
for deliveries and acknowledge each. Loopback only.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Message = dict[str, Any]
CALL_SECONDS = 30


class FolderSystem:
    """A system that exchanges files in one base folder."""

    def __init__(self, base: Path) -> None:
        self._base = base

    def drop(self, name: str, data: bytes) -> None:
        """The file `name` lies whole in `out/`."""
        temporary = self._base / "out" / f"{name}.part"
        temporary.write_bytes(data)
        temporary.rename(temporary.with_suffix(""))

    def drop_message(self, name: str, to: list[str], payload: Mapping[str, Any], **members: object) -> None:
        """A submission as one JSON file."""
        self.drop(name, json.dumps({"to": to, "payload": payload, **members}, ensure_ascii=False).encode())

    def taken(self, name: str) -> bool | None:
        """True once the edge has taken the file, else None."""
        return True if (self._base / "out" / "done" / name).exists() else None

    def reasons(self, name: str) -> Any:
        """Why the edge refused the file, or rows of it, once it has; codes and places only."""
        return _read(self._base / "out" / "refused" / f"{name}.reason.json")

    def refused_by_hub(self, name: str) -> Any:
        """What the edge wrote about the file once the hub had refused it, else None."""
        state = _read(self._base / "out" / "state" / name)
        return state if state and state["state"] == "refused" else None

    def handed_over(self, name: str, partner: str) -> bool | None:
        """True once the edge has the recipient's signed word that it handed the file's message over, else None."""
        state = _read(self._base / "out" / "state" / name)
        return True if state and state["recipients"].get(partner) == {"state": "handed_over"} else None

    def collect(self, kind: str, at_least: int = 1) -> list[Message] | None:
        """Deliveries of a kind, once so many lie there; they are moved to `done/`."""
        found = []
        for path in sorted((self._base / "in").glob("*.json")):
            message = json.loads(path.read_text(encoding="utf-8"))
            if message["kind"] == kind:
                found.append((path, message))
        if len(found) < at_least:
            return None
        for path, _ in found:
            path.rename(self._base / "done" / path.name)
        return [message for _, message in found]


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


class RestSystem:
    """A system that calls its edge's REST channel."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def submit(self, name: str, to: list[str], payload: Mapping[str, Any], **members: object) -> Message:
        """A submission; gives its id and case handle."""
        body = {"to": to, "payload": payload, **members}
        found: Message = self._call("POST", "/v1/submissions", body, {"Idempotency-Key": name})
        return found

    def collect(self, kind: str) -> Message | None:
        """The next delivery of a kind, acknowledged; None when there is none yet."""
        found = self._call("GET", "/v1/deliveries?wait=1&max=10").get("deliveries", [])
        for message in found:
            self._call("POST", f"/v1/deliveries/{message['digest']}/ack")
        return next((message for message in found if message["kind"] == kind), None)

    def _call(self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
        data = None if body is None else json.dumps(body, ensure_ascii=False).encode()
        request = urllib.request.Request(  # noqa: S310 - an address on loopback that we made
            self._url + path,
            data,
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json", **(headers or {})},
            method=method,
        )
        try:
            with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310 - likewise
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            return {"refused": json.loads(error.read()), "status": error.code}
