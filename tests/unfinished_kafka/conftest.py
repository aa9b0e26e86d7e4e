"""Everything here holds on each of the hub's databases."""

from pathlib import Path

import pytest

from tests.postgres import database
from tests.world import World, make_world


@pytest.fixture
def hub_world(tmp_path: Path, engine: str) -> World:
    """One hub's data directory and three partners, no hub opened yet."""
    world = make_world(tmp_path / "world")
    if engine == "postgres":
        world.use(database())
    return world
