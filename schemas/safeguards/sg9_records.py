"""SG9: what a payload relies on is on record: a transfer its consent, a claim by silence the receipt it counts from.

The record of each sending and receipt itself is the hub's log. Judged by what the case holds so far; where nobody knows
that, nothing is found here.
"""

from schemas.parts import case
from schemas.parts.node import Findings, Node
from schemas.safeguards.transfer import Transfer

LAW = "Benelux-Kazakhstan agreement art. 13(6), (7), (9) and the same clause in readmission agreements"

CONSENTS = {"decision": "readm.decision", "tacit_claim": "readm.tacit.claim", "communication": "readm.communication"}
"""Member of `consent_ref` -> the kind of the message it names."""


def check(transfer: Transfer) -> Findings:
    """SG9 at a reference to what the case does not hold, and at a receipt that nothing proves."""
    if not transfer.context.earlier:
        return
    message = transfer.message
    if transfer.kind == "transfer.notice":
        for name, kind in CONSENTS.items():
            yield from _on_record(message["consent_ref"][name], kind, transfer)
    if transfer.kind == "readm.tacit.claim":
        yield from _on_record(message["application_ref"], "readm.application", transfer)
        if case.received(transfer.context) is None:
            yield message["received_at"].finding("SG9")


def _on_record(reference: Node, kind: str, transfer: Transfer) -> Findings:
    """A refusal is no consent; a message without an id, as a file at hand has none, is taken for the one named."""
    if reference.text is None:
        return
    for earlier in transfer.context.earlier:
        payload = Node(earlier.payload)
        named = payload["kind"].text == kind and earlier.id in {None, reference.text}
        if named and payload["outcome"].text != "REFUSED":
            return
    yield reference.finding("SG9")
