"""SG1 inside machine-readable lines: every place where a line can say refugee, and the places beside them."""

import pytest

from schemas.safeguards.sg1_asylum import betrays


@pytest.mark.parametrize("code", ["XXB", "XXC"])
@pytest.mark.parametrize("before", ["UT12345675", "8402297M3101159"], ids=["second of two", "second of three"])
def test_a_refugees_nationality_is_seen(code: str, before: str) -> None:
    assert betrays(before + code + "8402297M3101159<<<<")


def test_a_refugees_document_is_seen() -> None:
    assert betrays("PRUTOTESTOVYI<<IVAN")


@pytest.mark.parametrize(
    "line",
    [
        "P<UTOTESTOVYI<<IVAN",
        "PPUTOTESTOVYI<<IVAN",
        "UT12345675UTO8402297M3101159",
        "UT12345675XXA8402297M3101159",
        "8402297M3101159XXX<<<<<<<<<<6",
        "XXB<<<<<<<<<<<<<<<<<<<<<<<<<<",
        "UT1234567XXB",
        "UT123456750XXB",
        "UT12345675000<XXB",
        "<<PR",
        "",
    ],
)
def test_what_stands_elsewhere_says_nothing(line: str) -> None:
    assert not betrays(line)
