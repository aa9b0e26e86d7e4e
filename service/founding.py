"""How a program's data directory comes to be: whole or not at all, and nothing is ever overwritten.

It is filled under another name beside its place, its settings file last, and then gets its name. A crash leaves a
folder that ends in `.unfinished`, which no program takes for one of its own; the command that made it repairs it
(docs/adr/0034).
"""

import os
from collections.abc import Mapping
from pathlib import Path

_UNFINISHED = ".unfinished"


def beside(folder: Path) -> Path:
    """Where a folder is filled before it gets its name."""
    return folder.with_name(folder.name + _UNFINISHED)


def holds_something(folder: Path) -> bool:
    """Whether something lies at this place; an empty folder is as good as none."""
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))


def give_name(made: Path, name: Path) -> None:
    """The folder that was filled has its name, durable. Raises OSError when something lies there."""
    if name.exists():
        name.rmdir()  # only an empty folder lets itself be removed
    made.rename(name)
    parent = os.open(name.parent, os.O_RDONLY)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


def settings_text(given: Mapping[str, object], explained: str) -> str:
    """A settings file of these texts, numbers and flags; its first line says where all settings are explained."""
    lines = [f"# Every setting, its default and its unit: {explained}"]
    for name, value in given.items():
        if isinstance(value, bool | int | float):
            text = str(value).lower() if isinstance(value, bool) else repr(value)
        else:
            text = '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'
        lines.append(f"{name} = {text}")
    return "\n".join(lines) + "\n"
