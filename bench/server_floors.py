"""The floors of PostgreSQL and Kafka: the bare drivers over the same bytes, in groups as the hub's writer makes them.

Each drivers' rates are of one session that waits for each commit; `client_cpu_us` is its own processor time a row.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import psycopg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from hub.broker.outbound import Outbound
from tests.postgres import Server

_TABLE = "CREATE TABLE IF NOT EXISTS floor (idx bigserial PRIMARY KEY, bytes bytea NOT NULL)"
_ROW = "INSERT INTO floor (bytes) VALUES ({})"
_ROWS = "INSERT INTO floor (bytes) SELECT unnest({}::bytea[])"
PARTITIONS = 12


def postgres(server: Server, containers: Sequence[bytes], group: int) -> dict[str, dict[str, float]]:
    """Rows of these bytes per second, `synchronous_commit` on, `group` rows a commit, by driver and way."""
    url = server.database().replace("liaison_test@", "owner@")
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute(_TABLE)
    return {
        "asyncpg_executemany": asyncio.run(_asyncpg(url, containers, group, _many)),
        "psycopg_executemany": _psycopg(url, containers, group, unnest=False),
        "asyncpg_unnest": asyncio.run(_asyncpg(url, containers, group, _unnest)),
        "psycopg_unnest": _psycopg(url, containers, group, unnest=True),
    }


async def _asyncpg(
    url: str, containers: Sequence[bytes], group: int, write: Callable[[Any, Sequence[bytes]], Awaitable[Any]]
) -> dict[str, float]:
    session = await asyncpg.connect(url, server_settings={"synchronous_commit": "on"})
    try:
        clock = _Clock()
        for some in _groups(containers, group):
            async with session.transaction():
                await write(session, some)
        return clock.seen(len(containers))
    finally:
        await session.close()


async def _many(session: Any, some: Sequence[bytes]) -> None:
    await session.executemany(_ROW.format("$1"), [(raw,) for raw in some])


async def _unnest(session: Any, some: Sequence[bytes]) -> None:
    await session.execute(_ROWS.format("$1"), list(some))


def _psycopg(url: str, containers: Sequence[bytes], group: int, *, unnest: bool) -> dict[str, float]:
    with psycopg.connect(url, autocommit=True, options="-c synchronous_commit=on") as session:
        clock = _Clock()
        for some in _groups(containers, group):
            with session.transaction(), session.cursor() as cursor:
                if unnest:
                    cursor.execute(_ROWS.format("%b"), (list(some),))
                else:
                    cursor.executemany(_ROW.format("%b"), [(raw,) for raw in some])
        return clock.seen(len(containers))


def kafka(bootstrap: str, containers: Sequence[bytes], group: int, replicas: int) -> dict[str, dict[str, float]]:
    """Records per second, idempotent, acks=all, each group acknowledged before the next: these bytes, and our own."""
    records = [Outbound(at, ("test-mda",)).encode(at) for at in range(len(containers))]
    return {
        "containers": asyncio.run(
            _kafka(
                bootstrap,
                "floor-containers",
                [(record.key, raw) for record, raw in zip(records, containers, strict=True)],
                group,
                replicas,
            )
        ),
        "relay_records": asyncio.run(
            _kafka(bootstrap, "floor-records", [(record.key, record.value) for record in records], group, replicas)
        ),
    }


async def _kafka(
    bootstrap: str, topic: str, records: Sequence[tuple[bytes, bytes]], group: int, replicas: int
) -> dict[str, float]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, replicas)])
    finally:
        await admin.close()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", linger_ms=2, max_batch_size=256 * 1024
    )
    await producer.start()
    try:
        await producer.send_and_wait(topic, b"first", b"first")
        clock = _Clock()
        for some in _groups(records, group):
            sent = [await producer.send(topic, value, key) for key, value in some]
            await asyncio.gather(*sent)
        return clock.seen(len(records))
    finally:
        await producer.stop()


class _Clock:
    """The time, and this process's own."""

    def __init__(self) -> None:
        self._begun, self._cpu = time.perf_counter(), time.process_time()

    def seen(self, count: int) -> dict[str, float]:
        elapsed, cpu = time.perf_counter() - self._begun, time.process_time() - self._cpu
        return {"per_second": round(count / elapsed, 1), "client_cpu_us": round(1e6 * cpu / count, 1)}


def _groups(rows: Sequence[Any], group: int) -> Iterator[Sequence[Any]]:
    for first in range(0, len(rows), group):
        yield rows[first : first + group]
