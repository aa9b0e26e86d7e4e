"""Questions and their answers: one for each question asked, none extra, and never what the right value would be.

Each kind names its own questions: a model with one member a question, all optional, holds the answers.
"""

from collections.abc import Mapping
from typing import Annotated, Final, TypeAlias

from schemas.parts.coded import listed
from schemas.parts.node import Findings, Node

NOT_SAID: Final = frozenset({"CANNOT_SAY", "REFUSED"})
DISAGREES: Final = frozenset({"NO", "PARTIAL"})

Answered: TypeAlias = Annotated[str, listed("YES", "NO", "PARTIAL", "CANNOT_SAY", "REFUSED")]


def check_answers(answers: Node, parent: Mapping[str, object] | None, questions: tuple[str, ...]) -> Findings:
    """FIELD_MISSING for a question without its answer, FIELD_UNKNOWN for an answer without its question.

    Args:
        answers: the block.
        parent: the payload with the `questions`; None when it is not at hand.
        questions: the kind's.
    """
    given = [answer.name for answer in answers.members]
    if isinstance(answers.value, dict) and not given:
        yield answers.finding("FIELD_LENGTH")
    if parent is None or not answers.present:
        return
    asked = Node(parent)["questions"].texts
    for question in dict.fromkeys(asked):
        if question in questions and question not in given:
            yield answers[question].finding("FIELD_MISSING")
    for answer in answers.members:
        if answer.name in questions and answer.name not in asked:
            yield answer.finding("FIELD_UNKNOWN")


def disagrees(answers: Node, *questions: str) -> bool:
    """Whether one of these questions was answered with a difference."""
    return any(answers[question].text in DISAGREES for question in questions)


def answered_or_not(message: Node) -> str:
    """The step of an answer: `cannot_say` when none of the questions is answered."""
    answers = {answer.text for answer in message["answers"].members}
    return "cannot_say" if answers and answers <= NOT_SAID else "answered"
