"""A hub on the two servers of production: a real PostgreSQL and a real Apache Kafka."""

import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.kafka import Cluster
from tests.postgres import database
from tests.world import World, make_world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What every test here is.

    aiokafka may leave a connection to the collector, which closes it, where its server went while it was being opened
    (it is in nobody's list then); that is all that is let pass.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.real)
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Such connections are collected here, not in whichever test comes next."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One node of the module's own, which a test may wipe."""
    with Cluster() as found:
        yield found


@pytest.fixture
async def kafka(cluster: Cluster) -> AsyncIterator[Cluster]:
    """The node without any topic of a hub."""
    yield cluster
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.bootstrap)
    await admin.start()
    topics = [name for name in await admin.list_topics() if name.startswith("hub.v1.")]
    if topics:
        await admin.delete_topics(topics)
    while any(name.startswith("hub.v1.") for name in await admin.list_topics()):
        pass  # each asks the node again
    await admin.close()


@pytest.fixture
def hub_world(tmp_path: Path) -> World:
    """One hub's data directory and three partners, no hub opened yet."""
    world = make_world(tmp_path / "world")
    world.use(database())
    return world
