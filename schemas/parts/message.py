"""What every payload has beside the fields of its kind (domain.md 11.6, "In the payload").

The signed header repeats what the hub needs of it; the recipient's edge compares both. `case_ref` is the sender's own
file number and never reaches the hub.
"""

from typing import Annotated

from pydantic import WithJsonSchema

from schemas.codes.lists import ordered
from schemas.parts.block import Block, matching, text_of
from schemas.parts.coded import closed, listed
from schemas.parts.safeguards import Safeguards

PURPOSES = ordered("purpose")

CLASSIFICATIONS = ("UNCLASSIFIED", "SENSITIVE-NON-CLASSIFIED")
"""What may travel here; anything else is refused as CLASSIFIED, whatever it is."""

Purpose = Annotated[str, closed("purpose")]
Handling = Annotated[str, closed("handling")]
TrafficLight = Annotated[str, listed("CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED")]
MessageId = Annotated[str, matching("^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]


class Evaluation(Block):
    """How good the source and the information are (Europol regulation art. 29)."""

    source: Annotated[str, closed("evaluation_source")]
    info: Annotated[str, closed("evaluation_info")]


class Message(Block):
    """A payload without a person."""

    purpose_code: Purpose | None = None
    case_ref: Annotated[str, text_of(60)] | None = None
    handling: Handling | None = None
    handling_text: Annotated[str, text_of(200)] | None = None
    evaluation: Evaluation | None = None
    tlp: TrafficLight | None = None
    classification: (
        Annotated[str, text_of(60), WithJsonSchema({"type": "string", "enum": list(CLASSIFICATIONS)})] | None
    ) = None


class PersonalMessage(Message):
    """A payload that carries or refers to a person."""

    safeguards: Safeguards | None = None


class Reply(PersonalMessage):
    """A payload that answers another; `in_reply_to` is that message's id."""

    in_reply_to: MessageId | None = None


class Answer(Message):
    """A payload without a person that answers another."""

    in_reply_to: MessageId | None = None
