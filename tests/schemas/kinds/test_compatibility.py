"""Within a version nothing may break an old sender or an old reader: broken schemas are caught, growth is not."""

import json
import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticCustomError

from schemas import publication, registry
from schemas.codes.lists import ordered
from schemas.compatibility import Break, breaks
from schemas.errors import Finding
from schemas.kinds.kind import Kind
from schemas.parts.coded import closed

Changed = Callable[..., dict[str, Any]]
Schema = dict[str, Any]

REQUEST = "doc.verify.request"


def _at(schema: Schema, pointer: str) -> Any:
    place: Any = schema
    for step in pointer.split("/")[1:]:
        place = place[int(step)] if isinstance(place, list) else place[step]
    return place


def test_nothing_that_was_released_is_broken() -> None:
    assert publication.broken(registry.KINDS.values()) == {}, "give the kind a new version, or undo the change"


def test_a_schema_breaks_nothing_of_itself(kind: str) -> None:
    schema = registry.json_schema(kind)
    assert breaks(schema, deepcopy(schema)) == []


# -- what is caught


def drop(name: str) -> Callable[[Any], None]:
    return lambda place: place.pop(name)


def put(**members: Any) -> Callable[[Any], None]:
    return lambda place: place.update({name.replace("_", "-"): value for name, value in members.items()})


CASES: list[tuple[str, Callable[[Any], None], Break]] = [
    ("/properties", drop("holder_as_printed"), Break("/properties/holder_as_printed", "senders", "removed")),
    ("", lambda schema: schema["required"].append("case_ref"), Break("/properties/case_ref", "senders", "required")),
    ("", lambda schema: schema["required"].remove("urgency"), Break("/properties/urgency", "readers", "optional")),
    ("", drop("additionalProperties"), Break("", "both", "additionalProperties")),
    ("/properties/case_ref", put(maxLength=59), Break("/properties/case_ref", "both", "maxLength")),
    ("/properties/case_ref", put(maxLength=61), Break("/properties/case_ref", "both", "maxLength")),
    ("/properties/case_ref", drop("minLength"), Break("/properties/case_ref", "both", "minLength")),
    ("/properties/case_ref", put(pattern="^[A-Z]+$"), Break("/properties/case_ref", "both", "pattern")),
    ("/properties/case_ref", put(type="integer"), Break("/properties/case_ref", "both", "type")),
    ("/properties/kind", put(const="doc.ask"), Break("/properties/kind", "both", "const")),
    ("/properties/questions", put(minItems=0), Break("/properties/questions", "both", "minItems")),
    ("/properties/questions", put(maxItems=7), Break("/properties/questions", "both", "maxItems")),
    ("/properties/questions", drop("items"), Break("/properties/questions", "both", "items")),
    ("/properties/urgency/enum", lambda codes: codes.append("D"), Break("/properties/urgency", "readers", "enum")),
    ("/properties/urgency/enum", lambda codes: codes.remove("C"), Break("/properties/urgency", "senders", "enum")),
    ("/properties/urgency", drop("enum"), Break("/properties/urgency", "senders", "enum")),
    ("/properties/case_ref", put(enum=["A"]), Break("/properties/case_ref", "senders", "enum")),
    (
        "/properties/questions/items/enum",
        lambda codes: codes.append("WHO"),
        Break("/properties/questions/items", "readers", "enum"),
    ),
    (
        "/$defs/TravelDocument/properties",
        drop("chip"),
        Break("/properties/document/properties/chip", "senders", "removed"),
    ),
    (
        "/$defs/TravelDocument",
        lambda block: block["required"].append("authority"),
        Break("/properties/document/properties/authority", "senders", "required"),
    ),
    (
        "/$defs/TravelDocument/properties/doc_type/enum",
        lambda codes: codes.remove("td.alien"),
        Break("/properties/document/properties/doc_type", "senders", "enum"),
    ),
    (
        "/$defs/TravelDocument/properties/doc_type",
        drop("x-code-lists"),
        Break("/properties/document/properties/doc_type", "readers", "x-code-lists"),
    ),
    (
        "/properties/urgency",
        lambda field: field.update({"x-code-lists": ["urgency"]}),
        Break("/properties/urgency", "readers", "x-code-lists"),
    ),
    (
        "/$defs/NamePart/properties/value",
        put(maxLength=60),
        Break("/properties/holder_as_printed/properties/parts/items/properties/value", "both", "maxLength"),
    ),
    (
        "/properties/document",
        put(**{"$ref": "#/$defs/Chip"}),
        Break("/properties/document/properties/number", "senders", "removed"),
    ),
]


@pytest.mark.parametrize(("place", "change", "found"), CASES, ids=[f"{found.path} {found.what}" for *_, found in CASES])
def test_a_change_that_breaks_somebody_is_caught(place: str, change: Callable[[Any], None], found: Break) -> None:
    old = registry.json_schema(REQUEST)
    new = deepcopy(old)
    change(_at(new, place))
    assert found in breaks(old, new)


def test_a_choice_may_not_change() -> None:
    old = registry.json_schema("visa.overstay.notice")
    place = "/properties/detected_at"
    assert "anyOf" in _at(old, place)
    fewer, other = deepcopy(old), deepcopy(old)
    _at(fewer, f"{place}/anyOf").pop()
    _at(other, f"{place}/anyOf/1").update(format="time")
    assert breaks(old, fewer) == [Break(place, "both", "anyOf")]
    assert breaks(old, other) == [Break(f"{place}/anyOf/1", "both", "format")]


# -- what is not


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("/properties", put(remark={"type": "string", "maxLength": 60})),
        ("/$defs/TravelDocument/properties", put(remark={"type": "string"})),
        ("/$defs/TravelDocument/properties/doc_type/enum", lambda codes: codes.append("passport.lunar")),
        ("", put(description="Said better.")),
        ("/$defs/Chip", put(description="Said better.", title="Microchip")),
        ("/$defs", lambda definitions: definitions.update(Unused={"type": "object"})),
    ],
)
def test_growth_breaks_nobody(place: str, change: Callable[[Any], None]) -> None:
    old = registry.json_schema(REQUEST)
    new = deepcopy(old)
    change(_at(new, place))
    assert breaks(old, new) == []


def test_a_definition_may_get_another_name() -> None:
    old = registry.json_schema(REQUEST)
    new = json.loads(json.dumps(old).replace("TravelDocument", "Paper"))
    assert breaks(old, new) == []


def test_a_block_that_holds_itself_ends() -> None:
    tree = {"properties": {"in": {"$ref": "#/$defs/T"}}, "$defs": {"T": {"properties": {"in": {"$ref": "#/$defs/T"}}}}}
    assert breaks(tree, deepcopy(tree)) == []


# -- the gate


@pytest.fixture
def released(tmp_path: Path) -> Callable[[Schema], Path]:
    def write(schema: Schema) -> Path:
        (tmp_path / f"{schema['title']}.v{schema['version']}.json").write_text(json.dumps(schema), encoding="utf-8")
        return tmp_path

    return write


def test_a_break_is_found_until_the_version_says_so(released: Callable[[Schema], Path]) -> None:
    old = registry.json_schema(REQUEST)
    old["properties"]["colour"] = {"type": "string"}
    folder = released(old)
    entry = registry.kind(REQUEST)
    assert publication.broken([entry], folder) == {
        "doc.verify.request.v1.json": [Break("/properties/colour", "senders", "removed")]
    }
    second = replace(entry, version=2)
    assert second.schema_id.endswith("/doc.verify.request/2")
    assert publication.broken([second], folder) == {}


def test_a_kind_is_never_withdrawn_nor_set_back(released: Callable[[Schema], Path]) -> None:
    entry: Kind = registry.kind(REQUEST)
    folder = released(publication.published(replace(entry, version=2)))
    withdrawn = {"doc.verify.request.v2.json": [Break("", "both", "withdrawn")]}
    assert publication.broken([], folder) == withdrawn
    assert publication.broken([entry], folder) == withdrawn
    assert publication.broken([], folder.parent / "nowhere") == {}


def test_a_release_adds_what_breaks_nothing_and_refuses_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = registry.kind(REQUEST)
    monkeypatch.setattr(publication, "FOLDER", tmp_path)
    monkeypatch.setattr(publication, "RELEASED", tmp_path / "released")
    monkeypatch.setattr(publication, "KINDS", {REQUEST: entry})
    assert publication.run([]) == 0
    assert [file.name for file in tmp_path.iterdir()] == [entry.file_name]
    assert publication.run(["--release"]) == 0
    assert publication.main(release=True) == 0, "the same again breaks nothing"
    released = tmp_path / "released" / entry.file_name
    assert released.read_text(encoding="utf-8") == publication.encoded(entry)
    stricter = json.loads(released.read_text(encoding="utf-8"))
    stricter["required"].remove("urgency")
    released.write_text(json.dumps(stricter), encoding="utf-8")
    capsys.readouterr()
    assert publication.main(release=True) == 1
    said = capsys.readouterr().out
    assert "doc.verify.request.v1.json: /properties/urgency breaks senders: required" in said
    assert json.loads(released.read_text(encoding="utf-8")) == stricter, "nothing was written over"
    monkeypatch.setattr(publication, "KINDS", {REQUEST: replace(entry, version=2)})
    assert publication.main(release=True) == 0
    assert {file.name for file in released.parent.iterdir()} == {
        "doc.verify.request.v1.json",
        "doc.verify.request.v2.json",
    }


# -- the tolerant reader, and the strict sender


def test_a_reader_is_warned_of_what_is_new_to_it(changed: Changed, findings: Callable[..., list[Finding]]) -> None:
    newer = changed(REQUEST, {"/remark": "x", "/document/remark": "x", "/document/doc_type": "passport.lunar"})
    new = {
        Finding("/document/doc_type", "CODE_UNKNOWN"),
        Finding("/document/remark", "FIELD_UNKNOWN"),
        Finding("/remark", "FIELD_UNKNOWN"),
    }
    assert set(findings(newer)) == new
    read = findings(newer, reading=True)
    assert set(read) == {replace(finding, severity="warning") for finding in new}
    assert registry.valid(read)


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("/urgency", "D", "CODE_UNKNOWN"),
        ("/questions/0", "WHO", "CODE_UNKNOWN"),
        ("/document/issuer", "uto", "CODE_UNKNOWN"),
        ("/document/number", "??", "FIELD_PATTERN"),
        ("/urgency", None, "FIELD_TYPE"),
        ("/document/authority", "x" * 121, "FIELD_LENGTH"),
        ("/document/mrz/lines", [], "FIELD_LENGTH"),
    ],
)
def test_a_reader_takes_nothing_else(  # noqa: PLR0917 - a table of cases
    path: str, value: object, code: str, changed: Changed, findings: Callable[..., list[Finding]], removed: object
) -> None:
    found = findings(changed(REQUEST, {path: value}), reading=True)
    assert Finding(path, code) in found
    assert not registry.valid(found)
    assert Finding("/document", "FIELD_MISSING") in findings(changed(REQUEST, {"/document": removed}), reading=True)


def test_a_new_state_is_new_to_a_reader(changed: Changed, findings: Callable[..., list[Finding]]) -> None:
    lunar = changed("ident.request", {"/presumed_nationality": "LUN"})
    assert findings(lunar) == [Finding("/presumed_nationality", "CODE_UNKNOWN")]
    assert findings(lunar, reading=True) == [Finding("/presumed_nationality", "CODE_UNKNOWN", "warning")]


def test_a_new_member_does_not_hide_a_held_word(changed: Changed, findings: Callable[..., list[Finding]]) -> None:
    newer = changed(REQUEST, {"/document/authority": "asylum office", "/remark": "x"})
    found = findings(newer, reading=True, recipient_states=("MDA",))
    assert Finding("/document/authority", "FREETEXT_HOLD", "warning") in found


def test_lists_that_may_grow_are_those_with_a_table(kind: str) -> None:
    text = json.dumps(registry.json_schema(kind))
    for name in set(re.findall(r'"x-code-lists": \["([a-z_]+)"', text)):
        assert (Path(registry.__file__).parent / "codes" / "tables" / f"{name}.json").is_file()


def test_a_closed_list_may_be_named_without_being_opened() -> None:
    """Where its codes are kept binds nobody; that a code was added still breaks whoever reads."""
    old = {"type": "string", "enum": ["H0", "H1"]}
    named = {**old, "x-code-table": "handling"}
    assert breaks(old, named) == breaks(named, old) == []
    assert breaks(named, {**named, "enum": ["H0", "H1", "H4"]}) == [Break("", "readers", "enum")]
    assert breaks(named, {**named, "enum": ["H0"]}) == [Break("", "senders", "enum")]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("purpose", "PURPOSE"), ("handling", "H4"), ("handling", "h0"), ("evaluation_source", "D"),
        ("evaluation_info", "5"), ("role", "ZZ"), ("bcp_kind", "AIR"), ("sex", "m"), ("assistance", ""),
    ],
)  # fmt: skip
def test_a_reader_is_as_strict_as_a_sender_with_a_closed_list(name: str, code: str) -> None:
    """It is no code that a newer program may have added, so it is never passed on with a warning."""
    with pytest.raises(PydanticCustomError) as refusal:
        closed(name).check(code)
    assert refusal.value.type == "CODE_UNKNOWN"
    assert [closed(name).check(known) for known in ordered(name)] == list(ordered(name))
