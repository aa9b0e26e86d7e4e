"""Every point at which a program can be killed is explained, and the hub's are all killed at."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("keys", "service", "hub", "adapters", "liaison")


def _reached() -> list[str]:
    return [
        name
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        for name in re.findall(r'\breach\("([^"]+)"\)', path.read_text(encoding="utf-8"))
    ]


def test_every_point_is_explained_and_no_other() -> None:
    page = (ROOT / "docs" / "failpoints.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `([a-z_.]+)` \| .+ \|$", page, re.MULTILINE)
    assert sorted(explained) == sorted(set(_reached()))
    assert len(explained) == len(set(explained))


def test_a_name_is_one_place() -> None:
    names = _reached()
    assert len(names) == len(set(names))


def test_the_hub_is_killed_at_every_point_of_a_messages_way() -> None:
    story = (ROOT / "tests" / "hub" / "test_kill.py").read_text(encoding="utf-8")
    tried = {name.partition(":")[0] for name in re.findall(r'^    "(hub\.[a-z_.:0-9]+)",$', story, re.MULTILINE)}
    elsewhere = (
        "hub.ceremony.",
        "hub.accounts.",
        "hub.backup.",
        "hub.restore.",
        "hub.views.",
        "hub.cases.",
        "hub.clockkeeper.",
        "hub.rebuilding.",
        "hub.lease.",
        "hub.highwater.",
    )  # their own tests, or one transaction
    assert tried == {name for name in _reached() if name.startswith("hub.") and not name.startswith(elsewhere)}
