"""Rules for every text of a payload, whatever the kind: control characters, blank texts, the specimen state."""

from schemas import names
from schemas.codes import states
from schemas.parts.context import CheckContext
from schemas.parts.node import Findings, Node


def check_texts(message: Node, context: CheckContext) -> Findings:
    """NAME_CONTROL_CHAR for control, direction and private-use characters; FIELD_LENGTH for blanks alone.

    In live operation also CODE_UNKNOWN where UTO stands as a state, and at a machine-readable line that names it.
    """
    for node in message.walk():
        text = node.text
        if text is None:
            continue
        if not (text.isascii() and text.isprintable() and text.strip()):
            code = names.check_text(text)
            if code is not None:
                yield node.finding(code)
            elif text and not text.strip():
                yield node.finding("FIELD_LENGTH")
        if context.live and names_specimen(node, text):
            yield node.finding("CODE_UNKNOWN")


def names_specimen(node: Node, text: str) -> bool:
    """Whether a code, or a machine-readable line's issuer or nationality, is the specimen state."""
    if node.name == "lines":
        return states.SPECIMEN in {text[2:5], text[10:13], text[15:18]}
    return text == states.SPECIMEN
