"""Whether a Latin spelling could be a native name: under some candidate, and never more than could."""

import pytest

from schemas.transliteration.matching import agreeing


@pytest.mark.parametrize(
    ("latin", "native", "language"),
    [
        ("SHCHERBAKOV", "Щербаков", "ru"),
        ("SHCHERBAKOV<<<<", "Щербаков", "ru"),
        ("HRYHORENKO", "Григоренко", "uk"),
        ("GRYGORENKO", "Григоренко", "uk"),
        ("YURII", "Юрій", "uk"),
        ("IURII", "Юрій", "uk"),
        ("Iurii", "Юрій", "uk"),
        ("ĐURIĆ", "Ђурић", "sr"),
        ("DJURIC", "Ђурић", "sr"),
        ("KOSTOVSKI", "Костовски", "mk"),
        ("KJOSEV", "Ќосев", "mk"),
        ("GIORGI<BERIDZE", "გიორგი ბერიძე", "ka"),
        ("PAPADOPOULOU", "Παπαδοπούλου", "el"),
        ("MUELLER", "Müller", "de"),
        ("Müller", "Müller", "de"),
        ("MULLER", "Müller", "de"),
        ("IVANOV PETROV", "Иванов-Петров", "ru"),
    ],
)
def test_it_could_be(latin: str, native: str, language: str) -> None:
    assert agreeing(latin, native, language)


@pytest.mark.parametrize(
    ("latin", "native", "language"),
    [
        ("SCHERBAKOW", "Щербаков", "ru"),  # a German spelling is no candidate of a Russian name
        ("HRYGORENKO", "Григоренко", "uk"),  # one letter spelt two ways in one name
        ("YURII", "Юрій", "ru"),  # the national rule is Ukraine's
        ("IVANOV", "Иванов-Петров", "ru"),
        ("IVANOV<PETROV", "Иванов", "ru"),
        ("IVANO", "Иванов", "ru"),
        ("", "Иванов", "ru"),
        ("IVANOV", "", "ru"),
        ("<<<", "Иванов", "ru"),
        ("IVAN0V", "Иванов", "ru"),
        ("MOHAMMED", "محمد", "ar"),
    ],
)
def test_it_could_not(latin: str, native: str, language: str) -> None:
    assert agreeing(latin, native, language) == ()


def test_what_may_be_cut_may_be_a_beginning() -> None:
    assert agreeing("SHCHERB", "Щербаков", "ru", maybe_truncated=True)
    assert agreeing("IVANOV", "Иванов-Петров", "ru", maybe_truncated=True)
    assert not agreeing("IVANOV<PETROV", "Иванов", "ru", maybe_truncated=True)
    assert not agreeing("PETR", "Иванов-Петров", "ru", maybe_truncated=True)


def test_the_answer_says_under_which_system() -> None:
    assert [found.system for found in agreeing("YURII", "Юрій", "uk")] == ["ua-ukr-Cyrl-Latn-2010"]
    assert not any(found.verified for found in agreeing("YURII", "Юрій", "uk"))
