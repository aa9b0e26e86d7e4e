"""What a published schema may become within its version (docs/adr/0064).

Senders are held to every letter of the schema they name. Readers are tolerant in two things: members, and codes of
growing lists, that they do not know are warned of (`CheckContext.reading`). Within a version a kind may gain optional
members and codes of such lists. Anything else breaks an old sender, whose payload a new reader refuses, or an old
reader, which refuses what a new sender writes, and needs a new version.

Pure: `breaks` compares two schemas as `schemas.publication` writes them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_ABOUT: Final = frozenset(
    {"title", "description", "$defs", "$schema", "properties", "required", "enum", "x-code-lists", "x-code-table"}
)
"""Parts of a schema that are compared by a rule of their own, or that bind nobody."""

_NESTED: Final = frozenset({"items", "anyOf", "oneOf"})


@dataclass(frozen=True, slots=True, order=True)
class Break:
    """One change that breaks somebody: where in the schema, whom, and what was changed."""

    path: str
    whom: str
    what: str


def breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Break]:
    """What breaks old senders or old readers when `new` takes the place of `old`; empty when nothing does.

    Args:
        old: the schema as released.
        new: the schema that is to be published under the same `$id`.
    """
    return sorted(set(_compare(old, new, _Pair(old, new), "")))


class _Pair:
    """The two documents, to look references up in; remembers which pairs of definitions were compared."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old = old.get("$defs", {})
        self._new = new.get("$defs", {})
        self._seen: set[tuple[str, str]] = set()

    def resolved(
        self, old: Mapping[str, Any], new: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
        """Both without `$ref`; None for a pair of references that is being compared already."""
        names = tuple(str(one.get("$ref", "")).removeprefix("#/$defs/") for one in (old, new))
        if all(names):
            if names in self._seen:
                return None
            self._seen.add((names[0], names[1]))
        return self._found(old, names[0], self._old), self._found(new, names[1], self._new)

    @staticmethod
    def _found(schema: Mapping[str, Any], name: str, definitions: Mapping[str, Any]) -> Mapping[str, Any]:
        if not name:
            return schema
        return {**definitions[name], **{key: value for key, value in schema.items() if key != "$ref"}}


def _compare(old: Mapping[str, Any], new: Mapping[str, Any], pair: _Pair, path: str) -> Iterator[Break]:
    both = pair.resolved(old, new)
    if both is None:
        return
    before, after = both
    yield from _members(before, after, pair, path)
    yield from _codes(before, after, path)
    yield from _choices(before, after, pair, path)
    if isinstance(before.get("items"), dict) and isinstance(after.get("items"), dict):
        yield from _compare(before["items"], after["items"], pair, f"{path}/items")
    for name in sorted((before.keys() | after.keys()) - _ABOUT - _NESTED):
        if before.get(name) != after.get(name):
            yield Break(path, "both", name)
    if ("items" in before) != ("items" in after):
        yield Break(path, "both", "items")


def _members(old: Mapping[str, Any], new: Mapping[str, Any], pair: _Pair, path: str) -> Iterator[Break]:
    before, after = old.get("properties", {}), new.get("properties", {})
    must, must_now = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(before.keys() - after.keys()):
        yield Break(f"{path}/properties/{name}", "senders", "removed")
    for name in sorted(must_now - must):
        yield Break(f"{path}/properties/{name}", "senders", "required")
    for name in sorted(must - must_now):
        yield Break(f"{path}/properties/{name}", "readers", "optional")
    for name in sorted(before.keys() & after.keys()):
        yield from _compare(before[name], after[name], pair, f"{path}/properties/{name}")


def _codes(old: Mapping[str, Any], new: Mapping[str, Any], path: str) -> Iterator[Break]:
    before, after = set(old.get("enum", ())), set(new.get("enum", ()))
    if ("enum" in old) != ("enum" in new) or before - after:
        yield Break(path, "senders", "enum")
    if after - before and not (old.get("x-code-lists") and new.get("x-code-lists")):
        yield Break(path, "readers", "enum")
    if bool(old.get("x-code-lists")) != bool(new.get("x-code-lists")):
        yield Break(path, "readers", "x-code-lists")


def _choices(old: Mapping[str, Any], new: Mapping[str, Any], pair: _Pair, path: str) -> Iterator[Break]:
    for name in ("anyOf", "oneOf"):
        before, after = old.get(name, []), new.get(name, [])
        if len(before) != len(after):
            yield Break(path, "both", name)
            continue
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _compare(one, other, pair, f"{path}/{name}/{number}")
