"""Partial dates: the four forms, their spans of days, and everything else refused."""

import calendar
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import Rejected
from schemas.partial_date import parse


@pytest.mark.parametrize(
    ("value", "earliest", "latest"),
    [
        ("1984-02-29", date(1984, 2, 29), date(1984, 2, 29)),
        ("1984-02", date(1984, 2, 1), date(1984, 2, 29)),
        ("1983-02", date(1983, 2, 1), date(1983, 2, 28)),
        ("1984-12", date(1984, 12, 1), date(1984, 12, 31)),
        ("1984", date(1984, 1, 1), date(1984, 12, 31)),
        ("1900", date(1900, 1, 1), date(1900, 12, 31)),
        ("1900-01-02", date(1900, 1, 2), date(1900, 1, 2)),
        ("9999-12", date(9999, 12, 1), date(9999, 12, 31)),
        ("XXXX-XX-XX", None, None),
    ],
)
def test_what_a_partial_date_can_be(value: str, earliest: date | None, latest: date | None) -> None:
    found = parse(value)
    assert (found.value, found.earliest, found.latest) == (value, earliest, latest)
    assert found.exact is (earliest is not None and len(value) == 10)


@pytest.mark.parametrize(
    "value", ["1900-01-01", "1984-00-00", "1984-00", "1984-05-00", "1984-00-05", "0000", "0000-01-01"]
)
def test_placeholders(value: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse(value)
    assert refused.value.code == "DATE_PLACEHOLDER"


@pytest.mark.parametrize(
    "value",
    [
        "",
        " ",
        "84",
        "1984-2-29",
        "1984-02-30",
        "1983-02-29",
        "1984-13",
        "1984-01-32",
        "29.02.1984",
        "1984/02/29",
        "19840229",
        "1984-02-29T00:00:00Z",
        "1984-02-29\n",
        " 1984",
        "1984-XX",
        "1984-02-XX",
        "1984-XX-29",
        "XXXX",
        "XXXX-XX",
        "XXXX-02-29",
        "xxxx-xx-xx",
        "198X",
        "1984?",
        "1984~",
        "1984-02-29/1984-03-01",
        "-1984",
        "+1984",
        "10000",
        "１９８４",
        "1984-02-29 ",
    ],
)
def test_what_is_no_partial_date(value: str) -> None:
    with pytest.raises(Rejected) as refused:
        parse(value)
    assert refused.value.code == "FIELD_PATTERN"


@settings(deadline=None)
@given(st.text(max_size=12))
def test_no_text_does_anything_but_pass_or_be_refused(value: str) -> None:
    code: str | None = None
    try:
        assert parse(value).value == value
    except Rejected as refused:
        code = refused.code
    assert code in {None, "FIELD_PATTERN", "DATE_PLACEHOLDER"}


@settings(deadline=None)
@given(st.dates(date(1, 1, 1), date(9999, 12, 31)).filter(lambda day: day != date(1900, 1, 1)))
def test_less_known_is_a_wider_span(day: date) -> None:
    whole, month, year = (parse(day.isoformat()[:length]) for length in (10, 7, 4))
    for found in (whole, month, year):
        assert found.earliest is not None
        assert found.latest is not None
        assert found.earliest <= day <= found.latest
    assert month.latest == date(day.year, day.month, calendar.monthrange(day.year, day.month)[1])
    assert year.latest == date(day.year, 12, 31)


def test_a_date_does_not_show_itself() -> None:
    assert "1984" not in repr(parse("1984-02-29"))
