"""A CSV table, read whole before any of its rows is sent.

Guarantees that all rows have as many cells as the header, that the header is what its mapping expects, and that no
more rows, bytes or characters a cell than the limits are held. Half a table is never sent because of its form: a
quotation mark that is never closed makes every row after it doubtful. Rows are numbered as a spreadsheet shows them:
the header is row 1. A form feed, a NUL or a direction mark in a cell is for the row to answer for, not for the table.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, field

from adapters.channels.mapping import Mapping
from adapters.channels.submissions import decoded
from schemas.errors import Rejected

DELIMITERS = (";", ",")


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its number in the table, and column -> cell."""

    number: int
    cells: dict[str, str] = field(repr=False)


def rows(data: bytes, mapping: Mapping, *, rows_max: int, cell_characters_max: int) -> tuple[Row, ...]:
    """The rows below the header; empty ones are left out, but counted.

    Args:
        data: UTF-8, a byte order mark allowed; `;` or `,` between cells, `"` around them.
        mapping: names the columns.
        rows_max: header not counted.
        cell_characters_max: of one cell.

    Raises:
        Rejected: INPUT_ENCODING, TABLE_MALFORMED, TABLE_COLUMNS or INPUT_LIMIT.
    """
    text = decoded(data)
    malformed = True
    for delimiter in DELIMITERS:
        lines = _lines(text, delimiter)
        try:
            header = next(lines, None)
        except Rejected:
            continue  # `"a","b"` is no line of cells between `;`
        if header is None:
            break
        malformed = False
        names = [name.strip() for name in header]
        if set(names) <= mapping.names() and mapping.needed() <= set(names) and len(set(names)) == len(names):
            return tuple(_rows(lines, names, rows_max, cell_characters_max))
    raise Rejected("TABLE_MALFORMED" if malformed else "TABLE_COLUMNS")


def _rows(lines: Iterator[list[str]], names: list[str], rows_max: int, cell_characters_max: int) -> Iterator[Row]:
    for number, cells in enumerate(lines, 2):
        if number - 1 > rows_max:
            raise Rejected("INPUT_LIMIT")
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            raise Rejected("TABLE_MALFORMED")
        if any(len(cell) > cell_characters_max for cell in cells):
            raise Rejected("INPUT_LIMIT")
        yield Row(number, dict(zip(names, cells, strict=True)))


def _lines(text: str, delimiter: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    except csv.Error as error:  # a quotation mark out of place or never closed, or a cell past the reader's own limit
        raise Rejected("TABLE_MALFORMED") from error
