"""The free-text guard holds what it was measured to hold, and lets pass what it was measured to let pass.

A list that loses a word, or gains one that means something else somewhere, fails here before an officer meets it.
"""

import json
import re
import unicodedata

import pytest

from tests.guard.measure import CORPUS, PAGE, PARTS, TOPICS, Line, corpus, innocent, page, plain, share

RECALL_MIN_PERCENT = {
    "en": 92, "fr": 93, "ru": 92, "uk": 93, "ro": 93, "sr": 91, "tr": 93, "sq": 91, "ka": 93, "hy": 94, "el": 91,
}  # fmt: skip
"""As measured, of lines that tell something in the subject's own words."""

TOPIC_MIN_PERCENT = {"asylum": 96, "health": 91, "trafficking": 85, "classified": 94}

FALSE_HOLDS_MAX = {"en": 1, "fr": 1, "sr": 1, "tr": 1}
"""Streets that are called Asylum; no other innocent line is held."""

SCRIPTS = {"ru": "CYRILLIC", "uk": "CYRILLIC", "ka": "GEORGIAN", "hy": "ARMENIAN", "el": "GREEK"}


def _percent(lines: list[Line]) -> float:
    caught, number = share(lines)
    return 100 * caught / number


@pytest.mark.parametrize("language", RECALL_MIN_PERCENT)
def test_recall_of_a_language(language: str) -> None:
    assert _percent(plain(line for line in corpus() if line.language == language)) >= RECALL_MIN_PERCENT[language]


@pytest.mark.parametrize("topic", TOPICS)
def test_recall_of_a_topic(topic: str) -> None:
    assert _percent(plain(line for line in corpus() if line.topic == topic)) >= TOPIC_MIN_PERCENT[topic]


@pytest.mark.parametrize("language", RECALL_MIN_PERCENT)
def test_false_holds_of_a_language(language: str) -> None:
    lines = innocent(line for line in corpus() if line.language == language)
    assert share(lines)[0] <= FALSE_HOLDS_MAX.get(language, 0)


def test_the_page_shows_what_is_measured() -> None:
    """Fails after a change of a list or the corpus: run `python tests/guard/measure.py --write`."""
    text = PAGE.read_text(encoding="utf-8")
    assert page(text) == text


# -- the corpus


def test_the_corpus_covers_every_language_script_and_topic() -> None:
    assert len(corpus()) >= 500
    assert {line.language for line in corpus()} == set(RECALL_MIN_PERCENT)
    for language in RECALL_MIN_PERCENT:
        lines = [line for line in corpus() if line.language == language]
        assert {line.topic for line in lines} == {*TOPICS, "innocent"}
        assert len(innocent(lines)) >= 15
        assert len(plain(lines)) >= 30
    serbian = " ".join(line.text for line in corpus() if line.language == "sr")
    assert re.search("[a-z]", serbian)
    assert re.search("[а-я]", serbian)


@pytest.mark.parametrize("language", SCRIPTS)
def test_a_line_is_in_its_languages_script(language: str) -> None:
    for line in corpus():
        if line.language == language:
            assert any(unicodedata.name(sign, "").startswith(SCRIPTS[language]) for sign in line.text), line.text


def test_no_line_stands_twice_or_is_both() -> None:
    assert len({line.text for line in corpus()}) == len(corpus())


def test_lines_are_well_formed() -> None:
    for line in corpus():
        assert line.part in PARTS
        assert not (line.innocent and line.oblique)
        assert line.text == line.text.strip()
        assert unicodedata.is_normalized("NFC", line.text)
    for text in CORPUS.read_text(encoding="utf-8").splitlines():
        assert list(json.loads(text)) == ["language", "topic", "oblique", "part", "text"]
