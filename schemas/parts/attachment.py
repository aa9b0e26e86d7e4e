"""Attachments: what a payload says about a file that travels beside it as a sealed part of its own.

Guarantees type, size and form of the reference. That the bytes have this digest is checked where the part is opened
(`ATTACH_HASH`), never here. Limits: domain.md 5.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from schemas.parts.block import Block, many, matching, refuse, text_of
from schemas.parts.coded import listed
from schemas.parts.node import Findings, Node

ATTACHMENT_BYTES_MAX = 8 * 1024 * 1024
MESSAGE_ATTACHMENT_BYTES_MAX = 25 * 1024 * 1024

IMAGES = ("image/jpeg", "image/jp2")
FINGERPRINTS = ("application/vnd.ansi-nist-itl", "image/x-wsq")
MEDIA_TYPES = (*IMAGES, *FINGERPRINTS, "application/pdf")


def _media_type(value: str) -> str:
    if value not in MEDIA_TYPES:
        raise refuse("ATTACH_TYPE")
    return value


def _size(value: int) -> int:
    if value > ATTACHMENT_BYTES_MAX:
        raise refuse("ATTACH_SIZE")
    return value


class Attachment(Block):
    """A file: its name in the message, type, bytes, SHA-256 of the plaintext, what it shows, what is masked."""

    id: Annotated[str, matching("^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
    media_type: Annotated[
        str, AfterValidator(_media_type), WithJsonSchema({"type": "string", "enum": list(MEDIA_TYPES)})
    ]
    size: Annotated[
        int,
        Field(ge=1),
        AfterValidator(_size),
        WithJsonSchema({"type": "integer", "minimum": 1, "maximum": ATTACHMENT_BYTES_MAX}),
    ]
    sha256: Annotated[str, matching("^[0-9a-f]{64}$")]
    role: Annotated[str, text_of(40)]
    masked: (
        Annotated[
            list[
                Annotated[
                    str,
                    listed(
                        "portrait",
                        "name",
                        "number",
                        "signature",
                        "birth_date",
                        "personal_number",
                        "mrz",
                        "address",
                        "other",
                    ),
                ]
            ],
            many(longest=9),
        ]
        | None
    ) = None


def is_attachment(node: Node) -> bool:
    """Whether a block is a reference to a file: no other block has a `sha256`."""
    return isinstance(node.value, dict) and "sha256" in node.value


def check_attachments(message: Node, *, fingerprints: bool) -> Findings:
    """ATTACH_TYPE for what may not travel here, ATTACH_SIZE at the file with which the message grows too large.

    Args:
        message: the payload.
        fingerprints: the kind is one of identification or readmission (domain.md 5).
    """
    total = 0
    for node in message.walk():
        if not is_attachment(node):
            continue
        media_type = node["media_type"]
        if (media_type.text in FINGERPRINTS and not fingerprints) or (
            node.name == "photo" and media_type.text in MEDIA_TYPES and media_type.text not in IMAGES
        ):
            yield media_type.finding("ATTACH_TYPE")
        size = node["size"].number
        if size is not None and 0 < size <= ATTACHMENT_BYTES_MAX:
            total += size
            if total > MESSAGE_ATTACHMENT_BYTES_MAX:
                yield node["size"].finding("ATTACH_SIZE")
                return
