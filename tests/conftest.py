"""What tests of several folders share: a world of their own (`tests/world.py`)."""

from pathlib import Path

import pytest

from tests.world import World, make_world


@pytest.fixture
def hub_world(tmp_path: Path) -> World:
    """One hub's data directory and three partners, no hub opened yet; SQLite, unless `engine` says otherwise."""
    return make_world(tmp_path / "world")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.real)])
def engine(request: pytest.FixtureRequest) -> str:
    """Each of the hub's databases."""
    name: str = request.param
    return name
