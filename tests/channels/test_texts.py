"""What the integrator's pages show works: settings are settings, the example channel is one, every member is named."""

import json
import re
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

from adapters.channels.folder import open_channel as open_folder
from adapters.channels.mapping import Column, Mapping
from adapters.channels.rest import open_channel as open_rest
from adapters.channels.submissions import outline
from adapters.contract import Accepted, Channel, Place
from adapters.kit import a_delivery
from schemas.errors import CODES

ROOT = Path(__file__).parents[2]
CONNECT = (ROOT / "docs" / "connect-a-partner.md").read_text(encoding="utf-8")
README = (ROOT / "adapters" / "README.md").read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


@pytest.mark.parametrize("text", blocks(CONNECT, "toml"))
def test_the_settings_shown_are_settings(text: str, tmp_path: Path) -> None:
    for name, wanted in tomllib.loads(text)["channels"].items():
        place = Place(name, tmp_path, wanted.get("options", {}))
        channel: Channel = open_folder(place) if wanted["use"] == "folder" else open_rest(place)
        assert channel.manifest.id == wanted["use"]


def test_the_submissions_shown_are_submissions() -> None:
    shown = [text for text in blocks(CONNECT, "json") if "payload" in text]
    assert shown
    for text in shown:
        assert outline(text.encode()).to == ("test-mda",)
        json.loads(text)


def test_the_codes_named_are_codes() -> None:
    named = set(re.findall(r"`([A-Z]{2,}_[A-Z_]+)`", CONNECT + README)) - {"PYTHON_VERSION"}
    assert named
    assert named <= CODES.keys()


def test_the_mapping_table_names_every_member() -> None:
    documented = README[README.index("## Mappings") :]
    for name in (*Mapping.model_fields, *Column.model_fields):
        assert f"`{name}`" in documented or f"[{name}]" in documented or f"[{name}." in documented, name


async def test_the_channel_shown_is_one(tmp_path: Path) -> None:
    module = ModuleType("lines")
    [source] = [text for text in blocks(README, "python") if "open_channel" in text]
    exec(compile(source, "lines.py", "exec"), module.__dict__)  # noqa: S102 - our own text
    channel: Channel = module.open_channel(Place("lines", tmp_path))
    await channel.connect()
    for number in (1, 2, 1):
        assert await channel.deliver(a_delivery(tmp_path / "spool-of-the-edge", number)) == Accepted()
    assert {check.state for check in await channel.probe()} == {"ok"}
    await channel.close()
    assert len((tmp_path / "spool").read_bytes().splitlines()) == 2
