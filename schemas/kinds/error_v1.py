"""What was wrong with a message, version 1 (domain.md 11.4, kind 59): a code and a place, never a value.

A refusal by a safeguard stays with the authority that found it: the other side could infer from it what the safeguard
protects. So no code of SG1 to SG14, and no held text, may be reported.
"""

from typing import Annotated, Literal

from schemas.errors import CODES
from schemas.kinds.kind import Kind, always
from schemas.parts.block import matching
from schemas.parts.context import CheckContext
from schemas.parts.message import Answer, MessageId
from schemas.parts.node import Findings, Node

LOCAL = frozenset(code for code in CODES if code.startswith("SG")) | {"FREETEXT_HOLD"}
"""Codes that are told to the sender's own officers alone (domain.md 7)."""


class ErrorReport(Answer):
    """Says that a message could not be used."""

    kind: Literal["error.report"]
    code: Annotated[str, matching("^[A-Z][A-Z0-9_]{1,39}$")]
    path: Annotated[str, matching("^(/[A-Za-z0-9_.-]{1,64}){0,16}$")] | None = None
    message_id: MessageId


def check_error_report(message: Node, context: CheckContext) -> Findings:
    """A code that is known, that may be told, about the message referred to."""
    code, about, referred = message["code"], message["message_id"], message["in_reply_to"]
    if code.text in LOCAL:
        yield code.finding("SG1")
    elif code.text is not None and code.text not in CODES:
        yield code.finding("CODE_UNKNOWN", "warning" if context.reading else "error")
    if about.text is not None and referred.text is not None and about.text != referred.text:
        yield about.finding("WRONG_CASE")


KINDS = (Kind("error.report", ErrorReport, check_error_report, always("error_reported")),)
