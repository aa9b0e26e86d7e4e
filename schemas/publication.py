"""JSON Schema 2020-12 of each kind, generated from its model; the files in `schemas/json` are this, written out.

The schema says the form alone, closed everywhere. Rules between fields, code tables with dates, and safeguards are
`liaison schema check`'s; a payload that fits the schema may still be refused. Run as a program it writes the files:

    python -m schemas.publication
    python -m schemas.publication --release

`schemas/json/released` holds each version as partners were given it, the older ones of a kind too. `--release` adds the
files of today, and refuses when one of them would break what was released under its version (docs/adr/0064). A test
compares both on every change, so that a break is found long before a release.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from schemas.compatibility import Break, breaks
from schemas.registry import KINDS, Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"

FOLDER = Path(__file__).parent / "json"

RELEASED = FOLDER / "released"


def published(entry: Kind) -> dict[str, Any]:
    """The schema of a kind: `$schema`, `$id`, `version`, then the form."""
    form = _tidy(entry.model.model_json_schema())
    about = form.pop("description", "")
    definitions = form.pop("$defs", {})
    return {
        "$schema": DIALECT,
        "$id": entry.schema_id,
        "title": entry.name,
        "description": about,
        "version": str(entry.version),
        **{name: value for name, value in form.items() if name != "title"},
        "properties": dict(sorted(form["properties"].items(), key=lambda member: member[0] != "kind")),
        "$defs": dict(sorted(definitions.items())),
    }


def encoded(entry: Kind) -> str:
    """The file's text."""
    return json.dumps(published(entry), ensure_ascii=False, indent=1) + "\n"


def broken(kinds: Iterable[Kind], released: Path = RELEASED) -> dict[str, list[Break]]:
    """What today's kinds would break of what was released: file name -> the breaks; empty when they break nothing.

    A kind that is gone, or has gone back to an older version, breaks everything. One of a newer version breaks nothing:
    partners of the older one find their schema unchanged, and messages name theirs.
    """
    today = {entry.name: entry for entry in kinds}
    found = {}
    for file in sorted(released.glob("*.json")):
        old = json.loads(file.read_text(encoding="utf-8"))
        entry = today.get(old["title"])
        if entry is None or entry.version < int(old["version"]):
            found[file.name] = [Break("", "both", "withdrawn")]
        elif entry.version == int(old["version"]) and (changes := breaks(old, published(entry))):
            found[file.name] = changes
    return found


def _tidy(value: Any) -> Any:
    """Without what is Python's: null stands for an absent member there, and its being the default goes with it."""
    if isinstance(value, list):
        return [_tidy(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    options = value.get("anyOf")
    if isinstance(options, list) and {"type": "null"} in options:
        left = [option for option in options if option != {"type": "null"}]
        rest = {name: inner for name, inner in value.items() if name not in {"anyOf", "default", "title"}}
        return _tidy({**left[0], **rest} if len(left) == 1 else {"anyOf": left, **rest})
    return {name: _tidy_member(name, inner) for name, inner in value.items() if not _is_pythons(name, inner, value)}


def _tidy_member(name: str, value: Any) -> Any:
    if name == "properties":  # here names are ours, not the schema language's
        return {inner: _tidy(schema) for inner, schema in value.items()}
    return _tidy(value)


def _is_pythons(name: str, value: Any, schema: dict[str, Any]) -> bool:
    return name == "title" and isinstance(value, str) and schema.get("type") != "object"


def main(*, release: bool) -> int:
    """Write the files; the exit code: 1 when a release would break what was released, 0 otherwise."""
    for known in KINDS.values():
        (FOLDER / known.file_name).write_text(encoded(known), encoding="utf-8")
    sys.stdout.write(f"{len(KINDS)} schemas written\n")
    if not release:
        return 0
    found = broken(KINDS.values(), RELEASED)
    for name, changes in found.items():
        sys.stdout.writelines(f"{name}: {one.path or '/'} breaks {one.whom}: {one.what}\n" for one in changes)
    if found:
        return 1
    RELEASED.mkdir(exist_ok=True)
    for known in KINDS.values():
        (RELEASED / known.file_name).write_text(encoded(known), encoding="utf-8")
    return 0


def run(arguments: list[str]) -> int:
    """Write the files as the command line asks. What is not understood writes nothing: 2."""
    if arguments not in ([], ["--release"]):
        sys.stderr.write("usage: python -m schemas.publication [--release]\n")
        return 2
    return main(release=bool(arguments))


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
