"""A real Apache Kafka for tests: its released Java artifacts, started here on free loopback ports, with no container.

    bootstrap = server().bootstrap            # one node a test process, shared; tests are apart by their topics' names
    with Cluster(3) as cluster: ...           # three nodes of one's own, to be killed, stopped and started again

`libraries()` has Maven fetch what `kafka_libraries/pom.xml` names, into the ignored folder `var/`, and takes no jar
that `kafka_libraries/SHA256SUMS` does not know; `bootstrap.py test` calls it beforehand (`python -m tests.kafka`).
`LIAISON_TEST_KAFKA` (`host:port,...`) points at a server that is there already; then what stops it fails with these
words. Clusters of one's own are started all the same.
"""

import atexit
import base64
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[1]
NAMED = Path(__file__).resolve().parent / "kafka_libraries"
FOLDER = ROOT / "var" / "kafka-4.3.1"
START_SECONDS = 120.0
_JAVA = (
    "java", "-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:ActiveProcessorCount=2",
    "-Xshare:auto",
)  # fmt: skip
_DOWNLOADED = re.compile(r"Downloaded from \S+ \S*/(\S+\.jar)")
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 1, -1)
"""The first thing a client asks: length, key 18, version 0, correlation 1, no client id."""

_SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.num.partitions": "3",
    "group.initial.rebalance.delay.ms": "0",
    "log.cleaner.dedupe.buffer.size": "8388608",
    "num.network.threads": "2",
    "num.io.threads": "2",
    "broker.session.timeout.ms": "6000",
    "replica.lag.time.max.ms": "5000",
}
_REPLICATED = (
    "offsets.topic.replication.factor", "transaction.state.log.replication.factor",
    "share.coordinator.state.topic.replication.factor", "default.replication.factor",
)  # fmt: skip
_IN_SYNC = ("transaction.state.log.min.isr", "share.coordinator.state.topic.min.isr", "min.insync.replicas")


class Node:
    """One broker and controller of a cluster, with its data."""

    def __init__(self, number: int, folder: Path, port: int, controller_port: int) -> None:
        self.number = number
        self.folder = folder
        self.port = port
        self.controller_port = controller_port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """Of the program; it was started."""
        assert self._process is not None
        return self._process

    @property
    def runs(self) -> bool:
        """Whether its program was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def format(self, cluster_id: str, settings: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Its folder is being made ready; wait for the process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "server.properties").write_text(
            "".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8"
        )
        words = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(self.folder / "server.properties")]
        return self._java(words)

    def start(self) -> None:
        """It is being started; `ready` says when it answers."""
        self._process = self._java(["kafka.Kafka", str(self.folder / "server.properties")])

    def ready(self, until: float) -> None:
        """It answers a client."""
        while True:
            if self.process.poll() is not None:
                raise AssertionError("Kafka ended:\n" + (self.folder / "out").read_text(errors="replace")[-2000:])
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5) as probe:
                    probe.sendall(_API_VERSIONS)
                    if probe.recv(4):
                        return
            except ConnectionResetError:
                return  # it demands TLS, and says so
            except OSError:
                pass
            assert time.monotonic() < until, "Kafka does not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL; it is gone when this returns."""
        self.process.kill()
        self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """To its process."""
        self.process.send_signal(number)

    def _java(self, words: Sequence[str]) -> "subprocess.Popen[bytes]":
        home = f"-Dkafka.logs.dir={self.folder}"
        with (self.folder / "out").open("ab") as out:
            return subprocess.Popen(
                [*_JAVA, home, "-cp", f"{libraries()}/*", *words], stdout=out, stderr=out, cwd=self.folder
            )


class _Answer:
    """The members of an answer, in their order; numbers are signed and as long as they are."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def number(self, length: int) -> int:
        self.skip(length)
        return int.from_bytes(self._raw[self._at - length : self._at], "big", signed=True)

    def text(self) -> str:
        length = max(self.number(2), 0)
        self.skip(length)
        return self._raw[self._at - length : self._at].decode()

    def skip(self, length: int) -> None:
        self._at += length


class Cluster:
    """So many nodes, running. `more` are settings of each; `protocol` is SSL where they set up certificates.

    `told` says at which port others, nodes too, reach the one at which a node listens: the same, or a proxy's.
    """

    def __init__(
        self,
        count: int = 1,
        more: Mapping[str, str] | None = None,
        protocol: str = "PLAINTEXT",
        told: Callable[[int, int], int] = lambda _, port: port,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="liaison-kafka-"))
        ports = free_ports(2 * count)
        self.nodes = {
            number: Node(number, self._folder / str(number), ports[2 * number - 2], ports[2 * number - 1])
            for number in range(1, count + 1)
        }
        self._more = dict(more or {})
        self._protocol = protocol
        self._told = {
            port: told(node.number, port) for node in self.nodes.values() for port in (node.port, node.controller_port)
        }
        atexit.register(self.end)
        self._make()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.end()

    @property
    def bootstrap(self) -> str:
        """The addresses of all nodes."""
        return ",".join(f"127.0.0.1:{self._told[node.port]}" for node in self.nodes.values())

    def leaders_of(self, topic: str, without: int = 0) -> dict[int, int]:
        """The node that leads each partition, -1 where there is none, as the first node but one says that answers."""
        name = topic.encode()
        answer = self._ask(struct.pack(">hhih", 3, 1, 0, -1) + struct.pack(">ih", 1, len(name)) + name, without)
        for _ in range(answer.number(4)):
            answer.number(4), answer.text(), answer.number(4), answer.text()
        answer.number(4)  # said to be the controller, and is any node
        assert (answer.number(4), answer.number(2), answer.text(), answer.number(1)) == (1, 0, topic, 0)
        leaders = {}
        for _ in range(answer.number(4)):
            answer.number(2)
            number = answer.number(4)
            leaders[number] = answer.number(4)
            for _list in ("replicas", "in sync"):
                answer.skip(4 * answer.number(4))
        return leaders

    def controller(self) -> int:
        """The node that leads the controllers."""
        name = b"__cluster_metadata"
        body = bytes([2, len(name) + 1]) + name + bytes([2]) + struct.pack(">i", 0) + bytes(3)
        answer = self._ask(struct.pack(">hhihB", 55, 0, 0, -1, 0) + body)
        answer.skip(1 + 2 + 1 + 1 + len(name) + 1 + 4)  # tags, error, one topic with its name, one partition
        assert answer.number(2) == 0
        return answer.number(4)

    def _ask(self, request: bytes, without: int = 0) -> "_Answer":
        """What the first node but one says that answers."""
        for node in (node for node in self.nodes.values() if node.number != without):
            try:
                with (
                    socket.create_connection(("127.0.0.1", node.port), timeout=5) as asked,
                    asked.makefile("rb") as said,
                ):
                    asked.sendall(struct.pack(">i", len(request)) + request)
                    raw = said.read(struct.unpack(">i", said.read(4))[0])
            except (OSError, struct.error):
                continue
            return _Answer(raw[4:])
        raise AssertionError("no node of Kafka answers")

    def kill(self, number: int) -> None:
        """SIGKILL to a node."""
        self.nodes[number].kill()

    def stop(self, number: int) -> None:
        """SIGSTOP: the node hangs, its connections stay."""
        self.nodes[number].signal(signal.SIGSTOP)

    def cont(self, number: int) -> None:
        """SIGCONT: it goes on where it hung."""
        self.nodes[number].signal(signal.SIGCONT)

    def restart(self, *numbers: int) -> None:
        """Nodes that were killed answer again, with their data."""
        for number in numbers:
            self.nodes[number].start()
        self._ready(numbers)

    def wipe(self) -> None:
        """Everything is lost: the same addresses, another cluster."""
        for node in self.nodes.values():
            node.kill()
            shutil.rmtree(node.folder)
        self._make()

    def end(self) -> None:
        """All nodes are gone, with their data."""
        for node in self.nodes.values():
            if node._process is not None:
                node.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make(self) -> None:
        cluster_id = base64.urlsafe_b64encode(b"\x01" + uuid.uuid4().bytes[1:]).decode().rstrip("=")
        formatting = [node.format(cluster_id, self._settings(node)) for node in self.nodes.values()]
        assert not any(process.wait(START_SECONDS) for process in formatting), "a node's folder could not be formatted"
        for node in self.nodes.values():
            node.start()
        self._ready(self.nodes)

    def _ready(self, numbers: Sequence[int] | Mapping[int, Node]) -> None:
        until = time.monotonic() + START_SECONDS
        for number in numbers:
            self.nodes[number].ready(until)

    def _settings(self, node: Node) -> dict[str, str]:
        count, name = len(self.nodes), self._protocol
        told = self._told
        voters = ",".join(f"{one.number}@127.0.0.1:{told[one.controller_port]}" for one in self.nodes.values())
        return {
            **_SETTINGS,
            **dict.fromkeys(_REPLICATED, str(count)),
            **dict.fromkeys(_IN_SYNC, str(min(count, 2))),
            "node.id": str(node.number),
            "controller.quorum.voters": voters,
            "listeners": f"{name}://127.0.0.1:{node.port},CONTROLLER://127.0.0.1:{node.controller_port}",
            "advertised.listeners": f"{name}://127.0.0.1:{told[node.port]}",
            "inter.broker.listener.name": name,
            "listener.security.protocol.map": f"CONTROLLER:{name},{name}:{name}",
            "log.dirs": str(node.folder / "data"),
            **self._more,
        }


class Elsewhere:
    """A server that somebody else started."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def stop(self, number: int) -> None:
        """Not ours to stop."""
        raise AssertionError(f"this test stops node {number} of Kafka: unset LIAISON_TEST_KAFKA")

    cont = stop


@cache
def server() -> Cluster | Elsewhere:
    """The process's one server; started when first asked for."""
    given = os.environ.get("LIAISON_TEST_KAFKA")
    return Elsewhere(given) if given else Cluster()


@cache
def libraries() -> Path:
    """The folder of the broker's jars, each checked; fetched when they are not there."""
    for program, package in (("java", "default-jre-headless"), ("mvn", "maven")):
        assert shutil.which(program), f"Kafka for tests needs {program}: apt-get install {package}"
    FOLDER.parent.mkdir(exist_ok=True)
    with FOLDER.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test process may be fetching them
        if _differing():
            shutil.rmtree(FOLDER, ignore_errors=True)
            _fetch()
            differing = _differing()
            assert not differing, f"fetched jars are not those of SHA256SUMS: {', '.join(differing)}"
    return FOLDER


def _fetch() -> None:
    """Maven has copied the jars; meanwhile a terminal sees what comes."""
    sys.stderr.write(f"Fetching Kafka's {len(_wanted())} jars with Maven ...\n")
    goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={FOLDER}")
    words = ["mvn", "-B", "-f", str(NAMED / "pom.xml"), *goal]
    fetched, last = 0, ""
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as maven:
        assert maven.stdout is not None
        for line in maven.stdout:
            last += line if line.startswith("[ERROR]") else ""
            if name := _DOWNLOADED.search(line):
                fetched += 1
                if sys.stderr.isatty():
                    sys.stderr.write(f"\r\x1b[K  fetched {fetched}: {name[1]}")
                    sys.stderr.flush()
    if fetched and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
    assert maven.returncode == 0, f"{last}Maven could not fetch Kafka's jars; its settings name the repository to use"


def _differing() -> list[str]:
    """The names that are missing, too many or other than SHA256SUMS says."""
    wanted = _wanted()
    there = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in FOLDER.glob("*.jar")}
    return sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))


def _wanted() -> Mapping[str, str]:
    lines = (NAMED / "SHA256SUMS").read_text(encoding="utf-8").split("\n")
    return {name: digest for digest, name in (line.split() for line in lines if line)}


if __name__ == "__main__":
    try:
        libraries()
    except AssertionError as missing:
        sys.exit(str(missing))
