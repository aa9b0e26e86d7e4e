"""Check digits by themselves: the published example, fillers, and the one field whose digit may be left out."""

import pytest

from schemas.mrz.digits import check_digit, holds


@pytest.mark.parametrize(("text", "digit"), [("520727", "3"), ("AB2134<<<", "5"), ("", "0"), ("<<<<", "0"), ("Z", "5")])
def test_the_examples_of_doc_9303_hold(text: str, digit: str) -> None:
    assert check_digit(text) == digit
    assert holds(text, digit)
    assert not holds(text, str((int(digit) + 1) % 10))


@pytest.mark.parametrize("text", ["", "<<<<"])
def test_a_filler_stands_for_the_digit_of_an_empty_field_only_where_it_may(text: str) -> None:
    assert holds(text, "<", empty=True)
    assert not holds(text, "<")


@pytest.mark.parametrize("text", ["X", "X<<X", "<<1<<", "0"])
def test_a_filler_never_stands_for_the_digit_of_a_field_that_says_something(text: str) -> None:
    assert not holds(text, "<", empty=True)


@pytest.mark.parametrize("text", ["a", " ", "Ä", "1.2"])
def test_a_sign_that_no_zone_has_is_no_digit(text: str) -> None:
    with pytest.raises(KeyError):
        check_digit(text)
