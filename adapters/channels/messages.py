"""What a national system gets: one JSON object a message, the same in a file, a pull and a webhook.

Guarantees that the payload's bytes stand in it exactly as they were sealed: they are put in, not written anew.
"""

import json
from collections.abc import Callable

from adapters.contract import Delivery, ReceivedFile

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/jp2": "jp2",
    "application/pdf": "pdf",
    "application/vnd.ansi-nist-itl": "nist",
    "image/x-wsq": "wsq",
}
"""Of the media types of `schemas.parts.attachment`; any other gets `bin`."""


def message(delivery: Delivery, *, at: Callable[[ReceivedFile], str]) -> bytes:
    """The object.

    Args:
        delivery: what is handed over.
        at: where a file of it is to be had, relative to the message.
    """
    facts = {
        "digest": delivery.digest,
        "id": delivery.id,
        "from": delivery.source,
        "kind": delivery.kind,
        "case_handle": delivery.case_handle,
        "agreement": delivery.agreement,
        "purpose": delivery.purpose,
        "accepted_at": delivery.accepted_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "index": delivery.index,
        "in_reply_to": delivery.in_reply_to,
        "out_of_order": delivery.out_of_order,
        "files": [
            {"sha256": file.sha256, "media_type": file.media_type, "size": file.size, "at": at(file)}
            for file in delivery.files
        ],
        "receipt": delivery.receipt.decode("utf-8"),
    }
    head = json.dumps(facts, ensure_ascii=False, separators=(",", ":")).encode()
    return head[:-1] + b',"payload":' + delivery.payload.strip() + b"}"


def file_name(file: ReceivedFile) -> str:
    """`<sha256>.<ext>`: no name a sender chose becomes a file's name."""
    return f"{file.sha256}.{EXTENSIONS.get(file.media_type, 'bin')}"
