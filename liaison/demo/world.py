"""Sets up one hub and three authorities by command, with keys made on the spot, and starts each as a process.

Everything here is a command anybody can type; the settings files it writes are those an operator writes. The hub calls
Austria and Georgia; Moldova asks for its messages, as an authority behind a firewall must.
"""

import json
import shutil
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

from liaison.demo.commands import command
from liaison.demo.programs import Programs, answers
from liaison.demo.returns_inputs import PROFILE
from liaison.demo.systems import FolderSystem, RestSystem

LOOPBACK = "127.0.0.1"
SCRYPT_COST = "12"
"""Of key files that live for minutes, under passphrases of 256 random bits."""
BASIS = "Demonstration agreement, Art. 3"
CLOCK_SETTING = "test_clock_ahead_seconds"
NO_CLOCK = f"{CLOCK_SETTING} = 0"
WARN_AHEAD_HOURS = 14 * 24
"""So long before its end that any time the demonstration waits for is warned of at once."""
FOLDERS = ("out", "in", "done", "rejected", "mapping")
MAPPINGS = Path(__file__).resolve().parents[2] / "adapters" / "partners"
"""One folder an authority: how its tables become payloads."""


@dataclass(frozen=True, slots=True)
class Authority:
    """One of the three, invented. `accounts` are those of the hub's pages."""

    id: str
    state: str
    name: str
    roles: str
    channel: Literal["folder", "rest"]
    called: bool
    accounts: str = ""


AUTHORITIES = (
    Authority("test-aut", "AUT", "Test authority of Austria", "RET,MIG,DOC", "folder", called=True,
              accounts="officer-1:LO,auditor-1:AUDIT"),
    Authority("test-mda", "MDA", "Test authority of Moldova", "CON,DOC", "rest", called=False),
    Authority("test-geo", "GEO", "Test authority of Georgia", "MIG,DOC", "folder", called=True),
)  # fmt: skip

ASKING = (
    "readm.application", "readm.extension.answer", "readm.tacit.claim", "readm.td.request", "transfer.notice",
    "transfer.result",
)  # fmt: skip
ANSWERING = (
    "readm.ack", "readm.extension.request", "readm.interview.plan", "readm.interview.result", "readm.decision",
    "readm.td.issued", "transfer.ack",
)  # fmt: skip
"""What who asks for a person's return writes, and what who is asked."""

AGREEMENTS: Mapping[str, tuple[Sequence[str], Mapping[str, Sequence[Sequence[str]]], Sequence[str]]] = {
    "TEST-AUT-MDA": (
        ("AUT", "MDA"),
        {"ident.request": [["RET", "CON"]], "ident.reply": [["CON", "RET"]]},
        ("RETURN_ID",),
    ),
    "TEST-AUT-GEO": (
        ("AUT", "GEO"),
        {"visa.overstay.notice": [["MIG", "MIG"]], "visa.overstay.reply": [["MIG", "MIG"]]},
        ("RETURN_ID",),
    ),
    "TEST-DOCFRAUD-3": (
        ("AUT", "MDA", "GEO"),
        {kind: [["DOC", "DOC"]] for kind in ("doc.alert", "doc.verify.request", "doc.verify.reply")},
        ("DOCFRAUD",),
    ),
    "TEST-RETURN-AUT-MDA": (
        ("AUT", "MDA"),
        {kind: [["RET", "CON"]] for kind in ASKING} | {kind: [["CON", "RET"]] for kind in ANSWERING},
        ("READM",),
    ),
}
"""Id -> parties, kinds with the roles of sender and receiver, purposes."""

PROFILES: Mapping[str, str] = {"TEST-RETURN-AUT-MDA": PROFILE}
"""Id -> the clock profile it names; the other agreements name none."""


class World:
    """The folders of one demonstration, and what runs in them."""

    def __init__(self, folder: Path, programs: Programs) -> None:
        self.folder = folder
        self._programs = programs
        ports = free_ports(1 + len(AUTHORITIES))
        self.url = f"http://{LOOPBACK}:{ports[0]}"
        self.edge_urls = {one.id: f"http://{LOOPBACK}:{port}" for one, port in zip(AUTHORITIES, ports[1:], strict=True)}

    @property
    def hub(self) -> Path:
        """The hub's data directory."""
        return self.folder / "hub"

    @property
    def ceremony(self) -> Path:
        """Where the offline keys lie; a real hub's are put away."""
        return self.folder / "ceremony"

    @property
    def log_keys(self) -> Path:
        """The log's verifier keys, as handed to auditors."""
        return self.hub / "log.vkey"

    def edge(self, partner: str) -> Path:
        """An edge's data directory."""
        return self.folder / partner

    def national(self, partner: str) -> Path:
        """The folder that a national system shares with its edge."""
        return self.folder / f"{partner}-national"

    # -- by command

    def found(self) -> None:
        """A hub with its keys, its offline ceremony and an empty directory."""
        port = self.url.rpartition(":")[2]
        command(
            "hub", "init", self.hub, "--url", self.url, "--port", port, "--ceremony", self.ceremony,
            "--scrypt-cost", SCRYPT_COST,
        )  # fmt: skip
        with (self.hub / "hub.toml").open("a", encoding="utf-8") as file:
            file.write(f"{NO_CLOCK}\nclock_look_seconds = 0.2\nclock_warn_ahead_hours = {WARN_AHEAD_HOURS}\n")

    def join(self, one: Authority) -> None:
        """An authority makes its keys; the registrar compares the fingerprint and enrols it."""
        edge = self.edge(one.id)
        url = self.edge_urls[one.id]
        made = command(
            "edge", "init", edge, "--partner", one.id, "--hub", self.url, "--root", self.hub / "root.json",
            "--url", url, "--port", url.rpartition(":")[2], "--scrypt-cost", SCRYPT_COST,
        )  # fmt: skip
        words: list[str | Path] = [
            "keys", "enrol", made["enrolment"], "--directory", self.hub / "directory", "--ceremony", self.ceremony,
            "--state", one.state, "--authority", one.name, "--roles", one.roles, "--fingerprint", made["fingerprint"],
            "--test",
        ]  # fmt: skip
        if one.called:
            words += ["--delivery-url", f"{url}/v1/deliveries"]
        if one.accounts:
            words += ["--accounts", one.accounts]
        command(*words)
        self._connect(one)

    def agree(self, identifier: str, since: date) -> None:
        """All parties sign an agreement, and the registrar publishes it."""
        parties, kinds, purposes = AGREEMENTS[identifier]
        text = {
            "id": identifier,
            "version": 1,
            "parties": parties,
            "kinds": kinds,
            "purposes": purposes,
            "legal_bases": [BASIS],
            "status": "in_force",
            "in_force_on": since.isoformat(),
        }
        if identifier in PROFILES:
            text["profile"] = PROFILES[identifier]
        source, draft = self.folder / f"{identifier}.json", self.folder / f"{identifier}.draft.json"
        source.write_text(json.dumps(text, indent=2), encoding="utf-8")
        command("agreement", "propose", source, "--out", draft)
        for one in AUTHORITIES:
            if one.state in parties:
                command("agreement", "sign", draft, "--admin", self.edge(one.id) / "administrators" / "keyring")
        command("agreement", "publish", draft, "--directory", self.hub / "directory", "--ceremony", self.ceremony)

    def start(self, programs: Sequence[str] = (), *, at_once: bool = False) -> None:
        """Hub and edges run, each as a process of its own, and say that they are ready.

        Args:
            programs: `hub` and partner ids; all of them by default.
            at_once: edges that know their hub need not wait for it.
        """
        wanted = programs or ("hub", *(one.id for one in AUTHORITIES))
        for name in wanted:
            words = ["hub", "serve", str(self.hub)] if name == "hub" else ["edge", "serve", str(self.edge(name))]
            self._programs.start(name, words)
            if name == "hub" and not at_once:
                self._programs.wait_until("the hub", _ready(self.url))
        for name in wanted:
            self._programs.wait_until(name, _ready(self.url if name == "hub" else self.edge_urls[name]))

    def advance(self, seconds: int) -> None:
        """Hub and edges end, and start again with a clock that is so far ahead."""
        self._programs.end()
        for settings in (self.hub / "hub.toml", *(self.edge(one.id) / "edge.toml" for one in AUTHORITIES)):
            text = settings.read_text(encoding="utf-8")
            settings.write_text(text.replace(NO_CLOCK, f"{CLOCK_SETTING} = {seconds}"), encoding="utf-8")
        self.start(at_once=True)

    # -- national systems

    def folder_system(self, partner: str) -> FolderSystem:
        """The national system of an authority that exchanges files."""
        return FolderSystem(self.national(partner))

    def rest_system(self, partner: str) -> RestSystem:
        """The national system of an authority that calls its edge."""
        token = (self.edge(partner) / "channel-token").read_text(encoding="utf-8").strip()
        return RestSystem(f"{self.edge_urls[partner]}/channels/rest", token)

    def status(self, partner: str) -> Any:
        """What an edge has sent, received, handed over and noticed."""
        return command("edge", "status", self.edge(partner))

    def _connect(self, one: Authority) -> None:
        settings = self.edge(one.id) / "edge.toml"
        with settings.open("a", encoding="utf-8") as file:
            file.write(f'{NO_CLOCK}\n\n[channels.{one.channel}]\nuse = "{one.channel}"\n')
            if one.channel == "folder":
                base = self.national(one.id)
                for name in FOLDERS:
                    (base / name).mkdir(parents=True, exist_ok=True)
                for mapping in sorted((MAPPINGS / one.id).glob("*.toml")):
                    shutil.copy(mapping, base / "mapping" / mapping.name)
                file.write(f'\n[channels.folder.options]\nbase = "{base.as_posix()}"\npoll_seconds = 0.05\n')


def free_ports(count: int) -> list[int]:
    """Ports of loopback that are free now; all are held until the last is known, so that they differ."""
    holders = [socket.socket() for _ in range(count)]
    try:
        for holder in holders:
            holder.bind((LOOPBACK, 0))
        return [holder.getsockname()[1] for holder in holders]
    finally:
        for holder in holders:
            holder.close()


def _ready(url: str) -> Callable[[], bool | None]:
    return lambda: answers(f"{url}/readyz")
