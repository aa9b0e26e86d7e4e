"""Tables and their mappings: one demo table through the shipped mapping, and everything that is refused."""

from datetime import date
from pathlib import Path

import pytest

from adapters.channels.mapping import Mapping, apply, mapping_for, read_mapping
from adapters.channels.options import load
from adapters.channels.tables import Row, rows
from liaison.demo import inputs
from schemas.errors import Rejected

SHIPPED = Path(__file__).parents[2] / "adapters" / "partners" / "test-aut" / "overstay.toml"
TODAY = date(2026, 11, 25)
CANARY = "Zyxomma-4711"


def a_mapping(**columns: object) -> Mapping:
    return load(Mapping, {"kind": "doc.alert", "to": ["test-geo"], "columns": columns or {"a": {"at": "/a"}}})


def table(data: bytes, mapping: Mapping | None = None, rows_max: int = 10, cell_max: int = 20) -> tuple[Row, ...]:
    return rows(data, mapping or a_mapping(), rows_max=rows_max, cell_characters_max=cell_max)


def test_the_demo_table_becomes_the_demo_payloads() -> None:
    mapping = read_mapping(SHIPPED)
    found = rows(inputs.overstay_table(TODAY, "test-geo"), mapping, rows_max=100, cell_characters_max=100)
    mapped = [apply(mapping, row.cells) for row in found]
    assert [one.payload for one in mapped] == list(inputs.overstay_notices(TODAY))
    assert {one.to for one in mapped} == {"test-geo"}
    assert [row.number for row in found] == list(range(2, inputs.OVERSTAYS + 2))


@pytest.mark.parametrize(
    "data",
    [
        b"a;b\n1;2\n",
        b"\xef\xbb\xbfa;b\r\n1;2\r\n",
        b'"a","b"\n"1","2"',
        b" a ; b \n1;2\n\n;\n",
        b"b,a\n2,1\n",
    ],
)
def test_a_table_in_each_of_its_forms(data: bytes) -> None:
    mapping = a_mapping(a={"at": "/a"}, b={"at": "/b"})
    assert [row.cells for row in table(data, mapping)] == [{"a": "1", "b": "2"}]


def test_rows_are_numbered_as_a_spreadsheet_does() -> None:
    assert [row.number for row in table(b'a\none\n\n"two\nlines"\nthree\n')] == [2, 4, 5]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "TABLE_MALFORMED"),
        (b'a\n"open', "TABLE_MALFORMED"),
        (b'a\n"x"y\n', "TABLE_MALFORMED"),
        (b'"a";"b', "TABLE_MALFORMED"),
        (b"a\n1;2\n", "TABLE_MALFORMED"),
        (b"a\n1\n2;\n", "TABLE_MALFORMED"),
        (b"A\n1\n", "TABLE_COLUMNS"),
        (b"a;a\n1;1\n", "TABLE_COLUMNS"),
        (b"a;secret\n1;1\n", "TABLE_COLUMNS"),
        (b"a\n\xff\n", "INPUT_ENCODING"),
        ("a\nü\n".encode("utf-16"), "INPUT_ENCODING"),
        (b"a\n" + b"1\n" * 11, "INPUT_LIMIT"),
        (b"a\n" + b"1" * 21, "INPUT_LIMIT"),
        (b"a\n" + b"1" * 200_000, "TABLE_MALFORMED"),
    ],
)
def test_a_table_that_is_none_is_refused_whole(data: bytes, code: str) -> None:
    with pytest.raises(Rejected) as refused:
        table(data)
    assert refused.value.code == code


def test_a_column_that_must_be_there() -> None:
    with pytest.raises(Rejected, match="TABLE_COLUMNS"):
        table(b"b\n1\n", a_mapping(a={"at": "/a", "required": True}, b={"at": "/b"}))


def test_a_formula_is_a_text() -> None:
    cell = "=cmd|' /C calc'!A0"
    assert apply(a_mapping(), {"a": cell}).payload == {"kind": "doc.alert", "a": cell}


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ({"type": "int"}, " 7 ", 7),
        ({"type": "int"}, "-0", 0),
        ({"type": "bool"}, "Yes", True),
        ({"type": "bool"}, "0", False),
        ({"type": "date"}, "2026-02-28", "2026-02-28"),
        ({"type": "date", "format": "%d.%m.%Y"}, "28.2.2026", "2026-02-28"),
        ({"type": "list"}, "a| b ||c", ["a", "b", "c"]),
        ({"type": "list", "separator": "/", "codes": {"x": "X", "y": "Y"}}, "x/y", ["X", "Y"]),
        ({"codes": {"male": "M"}}, "male", "M"),
        ({}, "  გიორგი ", "გიორგი"),
    ],
)
def test_a_cell_becomes_a_value(column: dict[str, object], cell: str, value: object) -> None:
    mapped = apply(a_mapping(a={"at": "/x/0", **column}), {"a": cell})
    assert mapped.payload == {"kind": "doc.alert", "x": [value]}
    assert not mapped.findings


@pytest.mark.parametrize(
    ("column", "cell", "code"),
    [
        ({"type": "int"}, "=1+1", "FIELD_TYPE"),
        ({"type": "int"}, "1.0", "FIELD_TYPE"),
        ({"type": "int"}, "٣", "FIELD_TYPE"),
        ({"type": "int"}, "1" * 16, "FIELD_TYPE"),
        ({"type": "bool"}, "maybe", "FIELD_TYPE"),
        ({"type": "date"}, "2026-02-30", "FIELD_PATTERN"),
        ({"type": "date"}, "28.02.2026", "FIELD_PATTERN"),
        ({"codes": {"male": "M"}}, "MALE", "CODE_UNKNOWN"),
        ({"type": "list", "codes": {"x": "X"}}, "x|z", "CODE_UNKNOWN"),
        ({"required": True}, "  ", "FIELD_MISSING"),
        ({}, "a\x00b", "NAME_CONTROL_CHAR"),
        ({}, "a\u202eb", "NAME_CONTROL_CHAR"),
    ],
)
def test_a_bad_cell_is_found_at_its_place(column: dict[str, object], cell: str, code: str) -> None:
    mapped = apply(a_mapping(a={"at": "/x/0", **column}), {"a": cell})
    assert [(finding.code, finding.path) for finding in mapped.findings] == [(code, "/x/0")]


def test_an_empty_cell_leaves_its_member_out_and_the_list_closes_up() -> None:
    mapping = a_mapping(a={"at": "/x/0/n"}, b={"at": "/x/1/n"}, c={"at": "/y"})
    assert apply(mapping, {"a": "", "b": "2"}).payload == {"kind": "doc.alert", "x": [{"n": "2"}]}


def test_what_a_row_became_shows_nothing_of_it() -> None:
    mapped = apply(a_mapping(), {"a": CANARY})
    assert CANARY not in repr(mapped)
    assert CANARY not in repr(Row(2, {"a": CANARY}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "kind = ",
        'kind = "doc.alert"',
        'kind = "Doc"\n[columns.a]\nat = "/a"',
        'kind = "doc.alert"\npriority = 1\n[columns.a]\nat = "/a"',
        'kind = "doc.alert"\nto = ["Test"]\n[columns.a]\nat = "/a"',
        'kind = "doc.alert"\n[columns.a]\nat = "a"',
        'kind = "doc.alert"\n[columns.a]\nat = ""',
        'kind = "doc.alert"\n[columns.a]\nat = "/a/100"',
        'kind = "doc.alert"\n[columns.a]\nat = "/kind"',
        'kind = "doc.alert"\n[columns.a]\nat = "/a"\ntype = "eval"',
        'kind = "doc.alert"\n[columns.a]\nat = "/a"\n[columns.b]\nat = "/a"',
        'kind = "doc.alert"\n[columns.a]\nat = "/a"\n[columns.b]\nat = "/a/b"',
        'kind = "doc.alert"\n[columns.a]\nat = "/a/0"\n[columns.b]\nat = "/a/b"',
        'kind = "doc.alert"\n[constants]\n"/a" = 2026-01-01\n[columns.b]\nat = "/b"',
        'kind = "doc.alert"\n[constants]\n"/a~2" = 1\n[columns.b]\nat = "/b"',
        'kind = "doc.alert"\n[columns.a]\nat = "/a"\n#' + "x" * 300_000,
    ],
)
def test_a_mapping_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "m.toml"
    file.write_text(text)
    with pytest.raises(Rejected, match="MAPPING_INVALID"):
        read_mapping(file)


def test_a_mapping_is_a_file_and_no_link(tmp_path: Path) -> None:
    (tmp_path / "m.toml").symlink_to(SHIPPED)
    with pytest.raises(Rejected, match="MAPPING_INVALID"):
        read_mapping(tmp_path / "m.toml")


def test_the_longest_prefix_names_the_mapping(tmp_path: Path) -> None:
    for name in ("overstay", "overstay-geo", "over"):
        (tmp_path / f"{name}.toml").touch()
    assert mapping_for(tmp_path, "overstay").stem == "overstay"
    assert mapping_for(tmp_path, "overstay_2026").stem == "overstay"
    assert mapping_for(tmp_path, "overstay-geo-11").stem == "overstay-geo"
    for stem in ("overstays", "stay", "", "x-over"):
        with pytest.raises(Rejected, match="MAPPING_INVALID"):
            mapping_for(tmp_path, stem)
    with pytest.raises(Rejected, match="MAPPING_INVALID"):
        mapping_for(tmp_path / "gone", "overstay")
