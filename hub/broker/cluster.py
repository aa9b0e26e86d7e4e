"""A Kafka cluster asked questions: which topics there are, with which settings, who may do what; and told to make them.

With `hub.broker.kafka` the owner of aiokafka: its errors become ours here. Guarantees that every wait ends, that nodes
which do not answer are asked last, that no connection stays open whichever way a client ends, and that a topic is known
by Kafka's own id, which no other topic of that name ever has (aiokafka asks for no metadata newer than version 5, which
lacks it; version 12 is written down here).
"""

# ruff: noqa: SLF001 - what has to be done to a client that hangs, no method of it does

import asyncio
import base64
import ssl
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.admin import (
    CreateAclsRequest,
    CreateTopicsRequest,
    DescribeAclsRequest,
    DescribeConfigsRequest,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from hub.broker.contract import OPERATOR_SECONDS, POSITION_CODE, TOPIC_CODE
from schemas.errors import Fault, Rejected, Unavailable
from service.tasks import uncalled_for

CLIENT = "liaison-hub"
RIGHTS_CODE = "BROKER_RIGHTS"
RESOURCES: Mapping[str, int] = {"topic": 2, "group": 3, "cluster": 4}
"""What rights are about; the cluster has one name, `CLUSTER`."""
OPERATIONS: Mapping[str, int] = {
    "all": 2, "read": 3, "write": 4, "create": 5, "delete": 6, "alter": 7, "describe": 8, "cluster_action": 9,
    "describe_configs": 10, "alter_configs": 11, "idempotent_write": 12,
}  # fmt: skip
CLUSTER = "kafka-cluster"
_ANY, _LITERAL, _PREFIXED = 1, 3, 4
_TOPIC_SETTINGS, _BROKER_SETTINGS = 2, 4
_DENY, _ALLOW = 2, 3
_UNKNOWN_TOPIC, _TOPIC_EXISTS, _TOO_FEW_BROKERS, _NO_AUTHORISER = 3, 36, 38, 54
_UNGRANTED = (
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.GroupAuthorizationFailedError,
)
_FOR_THE_OPERATOR = (
    kafka_errors.UnknownTopicOrPartitionError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.InvalidTopicError,
)


def tls_of(authorities: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    """Mutual TLS by these PEM files, with servers whom these authorities certified and no others.

    Read once, so that files being replaced under a running program cannot stop it.

    Raises:
        Rejected: TLS_REQUIRED for a file that cannot be used; a key with a passphrase is one.
    """
    path = "/kafka_tls_authorities"
    try:
        context = ssl.create_default_context(cafile=authorities)
        path = "/kafka_tls_certificate"
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(certificate, key, password=lambda: "")  # never asks a terminal
    except (OSError, ssl.SSLError) as error:
        raise Rejected("TLS_REQUIRED", path) from error
    return context


@dataclass(frozen=True, slots=True)
class Address:
    """Where Kafka is, who we are to it (`tls_of`), and how long it may take.

    `publish_seconds` holds for a whole group, brokers that fail meanwhile included; `request_seconds` for one answer.
    """

    bootstrap: str
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    request_seconds: float = 5.0
    publish_seconds: float = 30.0

    def connecting(self) -> dict[str, Any]:
        """What every client of aiokafka is told."""
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "client_id": CLIENT,
            "request_timeout_ms": int(self.request_seconds * 1000),
            "security_protocol": "PLAINTEXT" if self.tls is None else "SSL",
            "ssl_context": self.tls,
        }


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is. `id` is its own alone; `replicas` the smallest number a partition has."""

    name: str
    id: str
    partitions: int
    replicas: int


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """Who may do what with a topic, a group of readers (or all whose names begin so), or the cluster itself.

    `denied`: who may not, whatever else is granted. From which hosts is left out: fewer are the operator's affair.
    """

    principal: str
    operation: str
    resource: str
    name: str
    prefix: bool = False
    denied: bool = False


@asynccontextmanager
async def bounded(seconds: float) -> AsyncIterator[None]:
    """What is inside ends within this time, with no error but ours.

    Raises:
        Unavailable: UNREACHABLE, or BROKER_RIGHTS, BROKER_TOPIC and BROKER_POSITION, which an operator has to see to.
    """
    try:
        async with asyncio.timeout(seconds):
            try:
                yield
            except asyncio.CancelledError as error:
                _cut_forgotten(error)
                raise
    except kafka_errors.OffsetOutOfRangeError as error:
        raise Unavailable(POSITION_CODE, OPERATOR_SECONDS) from error
    except _UNGRANTED as error:
        raise Unavailable(RIGHTS_CODE, OPERATOR_SECONDS) from error
    except _FOR_THE_OPERATOR as error:
        raise Unavailable(TOPIC_CODE, OPERATOR_SECONDS) from error
    except (kafka_errors.KafkaError, OSError) as error:
        raise Unavailable("UNREACHABLE") from error
    except asyncio.CancelledError as error:
        if uncalled_for():
            raise Unavailable("UNREACHABLE") from error  # a client that lost its connection cancels what waits for it
        raise


async def end(client: AIOKafkaClient, seconds: float, stop: Callable[[], Awaitable[object]] | None = None) -> None:
    """The client's connections are closed; one that does not end in this time (TLS waits for the other side) is cut.

    `stop` ends who uses the client; an error of it, or of the closing, is left out.
    """
    writers = [one._writer for one in client._conns.values() if one._writer is not None]
    try:
        for ending in (stop, client.close):
            if ending is not None:
                await _ended(ending, seconds)
    finally:
        for writer in writers:
            writer.transport.abort()


async def _ended(ending: Callable[[], Awaitable[object]], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await ending()
    except asyncio.CancelledError:
        if not uncalled_for():  # aiokafka's `stop` awaits tasks that it has cancelled itself
            raise
    except Exception:  # noqa: BLE001, S110 - whatever it is, the connections are cut
        pass


def _cut_forgotten(interruption: BaseException) -> None:
    """The first connection of a client interrupted in its `bootstrap` is cut: only that frame still knows of it."""
    for frame, _ in traceback.walk_tb(interruption.__traceback__):
        forgotten = frame.f_locals.get("bootstrap_conn") if frame.f_code is AIOKafkaClient.bootstrap.__code__ else None
        if forgotten is not None:
            writer = forgotten._writer
            forgotten.close()
            if writer is not None:
                writer.transport.abort()


class Cluster:
    """One connection for questions. Used by one event loop; made anew by itself after whatever failed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client: AIOKafkaClient | None = None
        self._connecting = asyncio.Lock()
        self._last: object = None

    async def topic(self, name: str) -> Topic | None:
        """The topic of this name, None when there is none. Raises Unavailable(BROKER_RIGHTS) where we may not know."""
        answer = await self._ask(_Metadata(name))
        error, _, raw, _, partitions, *_ = answer.topics[0]
        if error == _UNKNOWN_TOPIC:
            return None
        if kafka_errors.for_code(error) in _UNGRANTED:
            raise Unavailable(RIGHTS_CODE, OPERATOR_SECONDS)
        if error:
            raise Unavailable("UNREACHABLE")
        replicas = min((len(one[4]) for one in partitions), default=0)
        return Topic(name, base64.urlsafe_b64encode(raw).decode().rstrip("="), len(partitions), replicas)

    async def create(self, name: str, partitions: int, replicas: int, settings: Mapping[str, str]) -> None:
        """The topic is there; one that was there already stays as it is.

        Raises:
            Unavailable: BROKER_RIGHTS; BROKER_TOPIC when there are not as many brokers as replicas; UNREACHABLE.
        """
        request = CreateTopicsRequest(
            [(name, partitions, replicas, [], list(settings.items()))],
            timeout=int(self._address.request_seconds * 1000),
            validate_only=False,
        )
        error = 0
        try:
            async with bounded(self._address.publish_seconds):
                while True:
                    error = (await self._ask(request)).topic_errors[0][1]
                    if error == _TOPIC_EXISTS or (error != _TOO_FEW_BROKERS and _done(error)):
                        break
                    await asyncio.sleep(0.1)  # a cluster that has just begun has too few brokers, or no controller
                while True:
                    if await self.topic(name) is not None:
                        return  # the node that is asked knows it too
                    await asyncio.sleep(0.1)
        except Unavailable as unavailable:
            if error == _TOO_FEW_BROKERS:
                raise Unavailable(TOPIC_CODE, OPERATOR_SECONDS) from unavailable
            raise

    async def settings(self, topic: str) -> dict[str, str]:
        """What holds for a topic, by the names that Kafka gives."""
        return await self._settings(_TOPIC_SETTINGS, topic)

    async def broker_settings(self) -> dict[int, dict[str, str]]:
        """What holds for each broker that the cluster names; all must answer. A value that Kafka hides is empty."""
        return {node: await self._settings(_BROKER_SETTINGS, str(node), node=node) for node in await self._nodes()}

    async def grants(self) -> list[Grant] | None:
        """Every right that was given or denied; None where nothing is asked of anybody (no authoriser).

        Raises:
            Unavailable: BROKER_RIGHTS when we may not know; UNREACHABLE.
        """
        operations = {number: name for name, number in OPERATIONS.items()}
        found = set()
        for resource, kind in RESOURCES.items():
            answer = await self._ask(DescribeAclsRequest(kind, None, _ANY, None, None, _ANY, _ANY))
            if answer.error_code == _NO_AUTHORISER:
                return None
            async with bounded(self._address.request_seconds):
                _none(answer.error_code)
            for _, name, pattern, entries in answer.resources:
                for principal, _, operation, permission in entries:
                    said = operations.get(operation, f"operation {operation}")
                    prefix, denied = pattern == _PREFIXED, permission == _DENY
                    found.add(Grant(principal, said, resource, name, prefix=prefix, denied=denied))
        return sorted(found)

    async def allow(self, grant: Grant) -> None:
        """The grant is in force. Raises Unavailable(BROKER_RIGHTS) when it is not ours to give."""
        request = CreateAclsRequest(
            RESOURCES[grant.resource],
            grant.name,
            _PREFIXED if grant.prefix else _LITERAL,
            grant.principal,
            "*",
            OPERATIONS[grant.operation],
            _DENY if grant.denied else _ALLOW,
        )
        async with bounded(self._address.publish_seconds):
            while True:
                answer = await self._ask(request)
                if _done(answer.creation_responses[0][0]):
                    break
                await asyncio.sleep(0.1)  # no controller yet
            while True:
                if grant in (await self.grants() or ()):
                    return  # the node that is asked knows it too
                await asyncio.sleep(0.1)

    async def ends(self, topic: Topic) -> dict[int, int]:
        """Partition -> the offset that its next record will have."""
        async with bounded(self._address.publish_seconds):
            consumer = AIOKafkaConsumer(**self._address.connecting())
            try:
                await consumer.start()
                places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
                found = await consumer.end_offsets(places)
            finally:
                await end(consumer._client, self._address.request_seconds, consumer.stop)
        return {place.partition: offset for place, offset in found.items()}

    async def close(self) -> None:
        """The connection is closed."""
        client, self._client = self._client, None
        if client is not None:
            await end(client, self._address.request_seconds)

    async def _nodes(self) -> list[int]:
        client = await self._connected()
        async with bounded(self._address.request_seconds):
            await client.force_metadata_update()
        return sorted(broker.nodeId for broker in client.cluster.brokers())

    async def _connected(self) -> AIOKafkaClient:
        async with self._connecting:
            if self._client is None:
                client = AIOKafkaClient(**self._address.connecting())
                try:
                    async with bounded(self._address.publish_seconds):
                        await client.bootstrap()
                except BaseException:
                    await end(client, self._address.request_seconds)
                    raise
                self._client = client
            return self._client

    async def _settings(self, kind: int, name: str, *, node: int | None = None) -> dict[str, str]:
        answer = await self._ask(DescribeConfigsRequest([(kind, name, None)], include_synonyms=False), node=node)
        error, _, _, _, entries = answer.resources[0]
        async with bounded(self._address.request_seconds):
            _none(error)
        return {entry[0]: entry[1] or "" for entry in entries}

    async def _ask(self, request: Any, *, node: int | None = None) -> Any:
        """The answer of one node: of this one, or of the first that gives one, also for what the controller does."""
        try:
            async with bounded(self._address.publish_seconds):
                client = await self._connected()
                if node is not None:
                    return await client.send(node, request)
                return await self._any(client, request)
        except Unavailable:
            await self.close()
            raise

    async def _any(self, client: AIOKafkaClient, request: Any) -> Any:
        nodes = sorted((one.nodeId for one in client.cluster.brokers()), key=lambda one: one != self._last)
        for node in nodes:
            try:
                answer = await client.send(node, request)
            except (kafka_errors.KafkaError, OSError):
                continue
            self._last = node
            return answer
        raise kafka_errors.KafkaConnectionError("no node answers")


def _none(error: int) -> None:
    """Kafka's answer says that nothing is wrong. Call inside `bounded`."""
    if error:
        raise kafka_errors.for_code(error)


def _done(error: int) -> bool:
    """Whether it was done; False: ask again. Call inside `bounded`."""
    if kafka_errors.for_code(error).retriable:
        return False
    _none(error)
    return True


class _Uuid(AbstractType):  # type: ignore[misc]  # aiokafka has no types
    """Sixteen bytes, as they are."""

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        """The bytes."""
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        """The bytes."""
        return data.read(16)

    @classmethod
    def repr(cls, value: bytes) -> str:
        """For aiokafka's own log."""
        return value.hex()


class _MetadataResponse(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString()),
                ("port", Int32),
                ("rack", CompactString()),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString()),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString()),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition_index", Int32),
                        ("leader_id", Int32),
                        ("leader_epoch", Int32),
                        ("replica_nodes", CompactArray(Int32)),
                        ("isr_nodes", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("topic_authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _MetadataStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 12
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _MetadataResponse
    SCHEMA = Schema(
        ("topics", CompactArray(("topic_id", _Uuid), ("name", CompactString()), ("tags", TaggedFields))),
        ("allow_auto_topic_creation", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Metadata(Request[_MetadataStruct]):  # type: ignore[misc]
    """Asks for one topic, and makes none."""

    API_KEY = 3

    def __init__(self, topic: str) -> None:
        self._topic = topic

    def build(self, request_struct_class: Any) -> Any:
        """As aiokafka wants it."""
        return request_struct_class([(bytes(16), self._topic, {})], *(False, False), {})  # makes none, asks no rights


def existing(topic: Topic | None) -> Topic:
    """The topic, or Unavailable(BROKER_TOPIC) when there is none."""
    if topic is None:
        raise Unavailable(TOPIC_CODE, OPERATOR_SECONDS)
    if topic.partitions < 1:
        raise Fault("a topic without partitions")
    return topic
