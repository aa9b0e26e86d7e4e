"""Whether hub and edge count the times of a case by the same text: each pins a profile of its own release.

Guarantees that what the hub says of its pin is what its log commits to in the leaf that opened the case, whose receipt
lies here; anything else is an alarm. A difference is no fault of anybody (one of both was updated later): it is shown
beside each message of the case, and the edge goes on counting by its own.
"""

import asyncio
import hmac

from adapters.edge.wiring import Edge
from keys.proofs.leaf import Leaf, commitment
from keys.proofs.receipt import verify_receipt
from schemas.errors import Rejected, Unavailable
from service.logs import log

AT_ONCE = 100

_UNKNOWN = """
SELECT s.case_handle, s.pin FROM case_start s WHERE s.hub_pin IS NULL AND (
    EXISTS (SELECT 1 FROM outbox o WHERE o.case_handle = s.case_handle AND o.state = 'accepted')
    OR EXISTS (SELECT 1 FROM inbox i WHERE i.case_handle = s.case_handle AND i.state IN ('ready', 'handed_over'))
) ORDER BY random() LIMIT ?
"""
_OPENING = """
SELECT idx, receipt FROM outbox WHERE case_handle = ? AND state = 'accepted' AND plan ->> '$.reference' IS NULL
UNION ALL
SELECT idx, receipt FROM inbox WHERE case_handle = ? AND in_reply_to IS NULL AND state IN ('ready', 'handed_over')
ORDER BY idx LIMIT 1
"""


async def run(edge: Edge) -> None:
    """Look now and then until cancelled."""
    while True:
        try:
            await look(edge)
        except (Unavailable, Rejected) as error:
            log.warning("pins.waits", code=error.code)
        await asyncio.sleep(edge.settings.alarm_look_seconds)


async def look(edge: Edge) -> None:
    """Ask for the pins of some cases that began since.

    Raises:
        Unavailable: try again later.
        Rejected: there is no directory to judge by.
    """
    public = edge.directories.current.hub.log
    for handle, pin in edge.connection.execute(_UNKNOWN, (AT_ONCE,)).fetchall():
        opening = edge.connection.execute(_OPENING, (handle, handle)).fetchone()
        if opening is None:
            continue
        index, receipt = opening
        leaf = verify_receipt(receipt, public, edge.directories.checkpoints).leaf
        try:
            told = "" if "value" not in leaf.c else await _told(edge, index, leaf, handle)
        except Rejected as refusal:
            if refusal.code == "PROOF_INVALID":
                edge.alarms.sound("PIN_INVALID", str(index), receipt)
            continue  # erased there, or a hub that tells no pins yet
        edge.connection.execute("UPDATE case_start SET hub_pin = ? WHERE case_handle = ?", (told, handle))
        if told != (pin or ""):
            log.warning("edge.pin_differs", idx=index)


async def _told(edge: Edge, index: int, leaf: Leaf, handle: str) -> str:
    """The hub's pin. Raises Rejected(PROOF_INVALID) unless its leaf commits to it under the salt told."""
    pin, salt = await edge.hub.pin(index)
    for name, value in (("case", handle), ("value", pin)):
        if not hmac.compare_digest(commitment(salt, value), leaf.c.get(name, "")):
            raise Rejected("PROOF_INVALID")
    return pin
