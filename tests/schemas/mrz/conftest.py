"""A second opinion on zones: a writer that shares no table and no arithmetic with the reader."""

from collections.abc import Callable

import pytest

Write = Callable[..., list[str]]


def digit(text: str) -> str:
    """Doc 9303 part 3, 4.9, written out."""
    total = 0
    for position, sign in enumerate(text):
        value = 0 if sign == "<" else int(sign, 36)
        total += value * (7 if position % 3 == 0 else 3 if position % 3 == 1 else 1)
    return str(total % 10)


def write_zone(  # noqa: PLR0917 - the fields of a zone
    format_: str,
    code: str = "P<",
    issuer: str = "UTO",
    number: str = "AB1234567",
    nationality: str = "UTO",
    birth: str = "840229",
    sex: str = "F",
    expiry: str = "310115",
    names: str = "TESTOVYI<<ANNA",
    optional: str = "",
    optional_2: str = "",
) -> list[str]:
    """The lines of a zone; a number of more than nine characters goes on in the optional data."""
    issuer, nationality = issuer.ljust(3, "<"), nationality.ljust(3, "<")
    first, second = number[:9].ljust(9, "<"), birth + digit(birth)
    checked = first + digit(first)
    if len(number) > 9:
        checked = first + "<"
        optional = number[9:] + digit(number) + "<" + optional
    third = expiry + digit(expiry)
    if format_ == "TD1":
        upper = code + issuer + checked + optional.ljust(15, "<")
        extra = optional_2.ljust(11, "<")
        lower = second + sex + third + nationality + extra
        return [upper, lower + digit(upper[5:] + second + third + extra), names.ljust(30, "<")]
    width = 44 if format_ in {"TD3", "MRVA"} else 36
    upper = (code + issuer + names).ljust(width, "<")
    lower = checked + nationality + second + sex + third
    if format_ == "TD3":
        personal = optional.ljust(14, "<")
        personal += digit(personal) if optional else "<"
        return [upper, lower + personal + digit(checked + second + third + personal)]
    if format_ == "TD2":
        extra = optional.ljust(7, "<")
        return [upper, lower + extra + digit(checked + second + third + extra)]
    return [upper, (lower + optional).ljust(width, "<")]


@pytest.fixture(scope="session")
def write() -> Write:
    """write(format, field=text ...) -> the lines."""
    return write_zone
