"""Check digits (Doc 9303 part 3, 4.9): weights 7, 3, 1; letters count from 10, fillers 0; the sum modulo 10."""

_VALUES = {sign: value for value, sign in enumerate("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")} | {"<": 0}

_WEIGHTS = (7, 3, 1)


def check_digit(text: str) -> str:
    """The check digit over a text. Raises KeyError for a character that no zone has."""
    return str(sum(_VALUES[sign] * _WEIGHTS[index % 3] for index, sign in enumerate(text)) % 10)


def holds(text: str, digit: str, *, empty: bool = False) -> bool:
    """Whether a check digit is the right one. With `empty`, a filler stands for the digit of a field of fillers."""
    if digit == "<":
        return empty and not text.strip("<")
    return digit == check_digit(text)
