"""One Kafka node that speaks mutual TLS alone and keeps access rules, for all tests here; each finds it empty."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.admin import DeleteAclsRequest

from hub.broker.cluster import CLUSTER, RESOURCES, Address, Grant, tls_of
from hub.broker.cluster import Cluster as Questions
from hub.broker.topics import PREFIX
from liaison.cli import main
from tests.kafka import Cluster
from tests.kafka_rights.authority import Authority
from tests.world import World

ADMINISTRATOR, HUB = "User:CN=administrator", "User:CN=hub"
PARTNERS = ("test-geo", "test-mda")
AUTHORISER: Mapping[str, str] = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
}
SET = (
    "cleanup.policy", "retention.ms", "retention.bytes", "segment.ms", "min.insync.replicas", "max.message.bytes",
    "message.timestamp.type", "unclean.leader.election.enable",
)  # fmt: skip
"""What the hub sets of a topic: whoever alters a setting says all of them anew."""
_ANY = 1


@dataclass(frozen=True)
class Kafka:
    """The node, and what an administrator does to it. `files` gives certificate and key of a name."""

    bootstrap: str
    authority: Authority
    questions: Questions
    admin: AIOKafkaAdminClient

    def files(self, name: str) -> tuple[Path, Path]:
        return self.authority.certify(name)

    def address(self, name: str) -> Address:
        """As a program of ours with this certificate has it."""
        return Address(self.bootstrap, tls_of(self.authority.file, *self.files(name)))

    async def reset(self) -> None:
        """No topic of a hub's and no grant is left of another test."""
        names = [name for name in await self.admin.list_topics() if name.startswith(PREFIX)]
        await self.admin.delete_topics(names)
        for name in names:
            async with asyncio.timeout(60):
                while await self.questions.topic(name) is not None:
                    pass
        await self.revoke(None)

    async def revoke(self, grant: Grant | None) -> None:
        """This grant is gone, or all are."""
        about = (None, None) if grant is None else (grant.name, grant.principal)
        kind = _ANY if grant is None else RESOURCES[grant.resource]
        await self.admin._send_request(DeleteAclsRequest(kind, about[0], _ANY, about[1], None, _ANY, _ANY))
        async with asyncio.timeout(60):
            while any(grant in {None, one} for one in await self.questions.grants() or ()):
                pass

    async def configure(self, topic: str, settings: dict[str, str]) -> None:
        """The topic has these settings, and keeps its others."""
        there = await self.questions.settings(topic)
        whole = {name: there[name] for name in SET if there[name]} | settings
        [answer] = await self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, whole)])
        assert answer.resources[0][0] == 0, answer
        async with asyncio.timeout(60):
            while not settings.items() <= (await self.questions.settings(topic)).items():
                pass


def grant(principal: str, operation: str, resource: str, name: str = CLUSTER, **more: bool) -> Grant:
    """Shorter."""
    return Grant(principal, operation, resource, name, **more)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def node(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    store = tmp_path_factory.mktemp("node") / "keystore.pem"
    certificate, key = authority.certify("kafka")
    store.write_bytes(key.read_bytes() + certificate.read_bytes())
    more = {
        **AUTHORISER,
        "super.users": f"User:CN=kafka;{ADMINISTRATOR}",
        "ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.file),
    }
    with Cluster(1, more, "SSL") as found:
        yield found


@pytest.fixture
async def kafka(node: Cluster, authority: Authority) -> AsyncIterator[Kafka]:
    files = authority.certify("administrator")
    admin = AIOKafkaAdminClient(
        bootstrap_servers=node.bootstrap, security_protocol="SSL", ssl_context=authority.context(*files)
    )
    found = Kafka(node.bootstrap, authority, Questions(Address(node.bootstrap, tls_of(authority.file, *files))), admin)
    await admin.start()
    try:
        await found.reset()
        yield found
    finally:
        await found.questions.close()
        await admin.close()


@pytest.fixture
def world(hub_world: World, kafka: Kafka) -> World:
    """A hub whose settings name this node, its own certificate, and two partners that read it themselves."""
    certificate, key = kafka.files("hub")
    lines = [
        f'kafka_bootstrap = "{kafka.bootstrap}"',
        f'kafka_tls_authorities = "{kafka.authority.file}"',
        f'kafka_tls_certificate = "{certificate}"',
        f'kafka_tls_key = "{key}"',
        "kafka_replicas = 1",
        "kafka_in_sync_min = 1",
        "kafka_partitions = 2",
        "relay_idle_seconds = 0.05",
        f'kafka_principal = "{HUB}"',
        "[kafka_inboxes]",
        *(f'{partner} = "User:CN={partner}"' for partner in PARTNERS),
    ]
    with (hub_world.data / "hub.toml").open("a") as file:
        file.writelines(f"{line}\n" for line in lines)
    return hub_world


class Broker:
    """`liaison hub broker` as an operator types it. Who it is to Kafka, the environment says: another certificate."""

    def __init__(self, kafka: Kafka, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._kafka = kafka
        self._capsys = capsys
        self._monkeypatch = monkeypatch

    async def check(self, world: World, *words: str, by: str = "administrator") -> tuple[int, Any]:
        """Exit code and what was printed."""
        certificate, key = self._kafka.files(by)
        with self._monkeypatch.context() as environment:
            environment.setenv("LIAISON_HUB_KAFKA_TLS_CERTIFICATE", str(certificate))
            environment.setenv("LIAISON_HUB_KAFKA_TLS_KEY", str(key))
            self._capsys.readouterr()
            code = await asyncio.to_thread(main, ["hub", "broker", "check", str(world.data), *words, "--json"])
        return code, json.loads(self._capsys.readouterr().out)

    async def found(self, world: World, by: str = "administrator") -> set[tuple[str, ...]]:
        """The findings."""
        code, said = await self.check(world, by=by)
        assert code == (3 if said["findings"] else 0)
        return {(one["where"], one["what"], one["wanted"], one["found"]) for one in said["findings"]}


@pytest.fixture
def broker(kafka: Kafka, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Broker:
    return Broker(kafka, capsys, monkeypatch)


@pytest.fixture
async def made(world: World, broker: Broker) -> World:
    """The same, its topics made and its rights granted."""
    code, _ = await broker.check(world, "--create")
    assert code == 0
    return world
