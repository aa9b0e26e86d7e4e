"""What tests of several folders share: a world of their own (`tests/world.py`); and which run first."""

from pathlib import Path

import pytest

from tests.world import World, make_world

LONGEST = (
    "tests/boxes/test_podman.py",
    "tests/faults/",
    "tests/on_kafka/",
    "tests/processes/",
    "tests/demo/",
    "tests/console/test_browser",
)
"""Those whose tests wait for processes: begun last, one of them would be what all others wait for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest come first; else the order stays as it was drawn."""
    items.sort(key=lambda item: _rank(item.nodeid))


def _rank(name: str) -> int:
    return next((rank for rank, begin in enumerate(LONGEST) if name.startswith(begin)), len(LONGEST))


@pytest.fixture
def hub_world(tmp_path: Path) -> World:
    """One hub's data directory and three partners, no hub opened yet; SQLite, unless `engine` says otherwise."""
    return make_world(tmp_path / "world")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest) -> str:
    """Each of the hub's databases."""
    name: str = request.param
    return name
