"""A Kafka cluster asked questions: which topics there are, with which settings, who may do what; and told to make them.

With `hub.broker.kafka` the owner of aiokafka: its errors become ours here. Guarantees that every wait ends, that nodes
which do not answer are asked last, and that a topic is known by Kafka's own id, which no other topic of that name ever
has (aiokafka asks for no metadata newer than version 5, which lacks it; version 12 is written down here).
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
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
ANY, PREFIXED, LITERAL = 1, 4, 3
TOPIC_RESOURCE, CLUSTER_RESOURCE, BROKER_RESOURCE = 2, 4, 4
ALLOW = 3
OPERATIONS: Mapping[str, int] = {"read": 3, "write": 4, "describe": 8, "idempotent_write": 12}
_UNKNOWN_TOPIC, _TOPIC_EXISTS, _NO_AUTHORISER = 3, 36, 54
_FOR_THE_OPERATOR = (
    kafka_errors.UnknownTopicOrPartitionError,
    kafka_errors.TopicAuthorizationFailedError,
    kafka_errors.ClusterAuthorizationFailedError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.InvalidTopicError,
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where Kafka is and how long it may take. With a certificate: mutual TLS, against these authorities alone.

    `publish_seconds` holds for a whole group, brokers that fail meanwhile included; `request_seconds` for one answer.
    """

    bootstrap: str
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    request_seconds: float = 5.0
    publish_seconds: float = 30.0

    def connecting(self) -> dict[str, Any]:
        """What every client of aiokafka is told. Raises Rejected(TLS_REQUIRED) for a file that cannot be used."""
        context = None
        if self.certificate is not None:
            try:
                context = ssl.create_default_context(cafile=self.authorities)
                context.minimum_version = ssl.TLSVersion.TLSv1_3
                context.load_cert_chain(self.certificate, self.key)
            except (OSError, ssl.SSLError) as error:
                raise Rejected("TLS_REQUIRED", "/kafka_tls_certificate") from error
        return {
            "bootstrap_servers": self.bootstrap.split(","),
            "client_id": CLIENT,
            "request_timeout_ms": int(self.request_seconds * 1000),
            "security_protocol": "PLAINTEXT" if context is None else "SSL",
            "ssl_context": context,
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
    """Who may do what with a topic, or all whose names begin so; `topic` is empty for the cluster itself."""

    principal: str
    operation: str
    topic: str
    prefix: bool = False


@asynccontextmanager
async def bounded(seconds: float) -> AsyncIterator[None]:
    """What is inside ends within this time, with no error but ours.

    Raises:
        Unavailable: UNREACHABLE, or BROKER_TOPIC and BROKER_POSITION, which an operator has to see to.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except kafka_errors.OffsetOutOfRangeError as error:
        raise Unavailable(POSITION_CODE, OPERATOR_SECONDS) from error
    except _FOR_THE_OPERATOR as error:
        raise Unavailable(TOPIC_CODE, OPERATOR_SECONDS) from error
    except (kafka_errors.KafkaError, OSError) as error:
        raise Unavailable("UNREACHABLE") from error
    except asyncio.CancelledError as error:
        if uncalled_for():
            raise Unavailable("UNREACHABLE") from error  # a client that lost its connection cancels what waits for it
        raise


class Cluster:
    """One connection for questions. Used by one event loop; made anew by itself after whatever failed."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client: AIOKafkaClient | None = None
        self._connecting = asyncio.Lock()
        self._last: object = None

    async def topic(self, name: str) -> Topic | None:
        """The topic of this name, None when there is none, or none that we may see."""
        answer = await self._ask(_Metadata(name))
        error, _, raw, _, partitions, *_ = answer.topics[0]
        if error == _UNKNOWN_TOPIC:
            return None
        if error:
            raise Unavailable("UNREACHABLE")
        replicas = min((len(one[4]) for one in partitions), default=0)
        return Topic(name, base64.urlsafe_b64encode(raw).decode().rstrip("="), len(partitions), replicas)

    async def create(self, name: str, partitions: int, replicas: int, settings: Mapping[str, str]) -> None:
        """The topic is there; one that was there already stays as it is."""
        request = CreateTopicsRequest(
            [(name, partitions, replicas, [], list(settings.items()))],
            timeout=int(self._address.request_seconds * 1000),
            validate_only=False,
        )
        async with bounded(self._address.publish_seconds):
            while True:
                answer = await self._ask(request, controller=True)
                error = answer.topic_errors[0][1]
                if error in {0, _TOPIC_EXISTS}:
                    break
                if not kafka_errors.for_code(error).retriable:
                    raise kafka_errors.for_code(error)
                await asyncio.sleep(0.1)  # a cluster that has just begun has too few brokers for the replicas
            while True:
                if await self.topic(name) is not None:
                    return  # the node that is asked knows it too
                await asyncio.sleep(0.1)

    async def settings(self, topic: str) -> dict[str, str]:
        """What holds for a topic, by the names that Kafka gives."""
        answer = await self._ask(DescribeConfigsRequest([(TOPIC_RESOURCE, topic, None)], include_synonyms=False))
        return _settings(answer)

    async def broker_settings(self) -> dict[int, dict[str, str]]:
        """What holds for each broker that the cluster names; all must answer."""
        nodes = await self._nodes()
        found = {}
        for node in nodes:
            request = DescribeConfigsRequest([(BROKER_RESOURCE, str(node), None)], include_synonyms=False)
            found[node] = _settings(await self._ask(request, node=node))
        return found

    async def grants(self) -> list[Grant] | None:
        """Who may do what with topics and with the cluster; None where nothing is asked of anybody (no authoriser)."""
        found = set()
        for resource in (TOPIC_RESOURCE, CLUSTER_RESOURCE):
            request = DescribeAclsRequest(resource, None, ANY, None, None, ANY, ANY)
            answer = await self._ask(request)
            if answer.error_code == _NO_AUTHORISER:
                return None
            if answer.error_code:
                raise Unavailable(TOPIC_CODE, OPERATOR_SECONDS)
            names = {number: name for name, number in OPERATIONS.items()}
            for kind, name, pattern, entries in answer.resources:
                topic = name if kind == TOPIC_RESOURCE else ""
                for principal, _, operation, permission in entries:
                    if permission == ALLOW:
                        said = names.get(operation, f"operation {operation}")
                        found.add(Grant(principal, said, topic, prefix=pattern == PREFIXED))
        return sorted(found)

    async def allow(self, grant: Grant) -> None:
        """The grant is in force."""
        request = CreateAclsRequest(
            TOPIC_RESOURCE if grant.topic else CLUSTER_RESOURCE,
            grant.topic or "kafka-cluster",
            PREFIXED if grant.prefix else LITERAL,
            grant.principal,
            "*",
            OPERATIONS[grant.operation],
            ALLOW,
        )
        answer = await self._ask(request, controller=True)
        if any(error for error, _ in answer.creations):
            raise Unavailable(TOPIC_CODE, OPERATOR_SECONDS)

    async def ends(self, topic: Topic) -> dict[int, int]:
        """Partition -> the offset that its next record will have."""
        async with bounded(self._address.publish_seconds):
            consumer = AIOKafkaConsumer(**self._address.connecting())
            try:
                await consumer.start()
                places = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
                found = await consumer.end_offsets(places)
            finally:
                await consumer.stop()
        return {place.partition: offset for place, offset in found.items()}

    async def close(self) -> None:
        """The connection is closed."""
        client, self._client = self._client, None
        if client is not None:
            async with bounded(self._address.request_seconds):
                await client.close()

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
                    await client.close()
                    raise
                self._client = client
            return self._client

    async def _ask(self, request: Any, *, node: int | None = None, controller: bool = False) -> Any:
        """The answer of one node: of this one, of the controller, or of the first that gives one."""
        try:
            async with bounded(self._address.publish_seconds):
                client = await self._connected()
                if controller:
                    await client.force_metadata_update()
                    node = client.cluster.controller.nodeId
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


def _settings(answer: Any) -> dict[str, str]:
    error, _, _, _, entries = answer.resources[0]
    if error:
        raise kafka_errors.for_code(error)
    return {entry[0]: entry[1] for entry in entries}


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
