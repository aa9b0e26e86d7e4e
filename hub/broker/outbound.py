"""A record of the topic of messages: what the relay tells delivery of an accepted message.

Guarantees that it names no case and no person: an index of the log, partners, and where traces are on a random number.
"""

import json
from dataclasses import dataclass

from hub.broker.contract import Record


@dataclass(frozen=True, slots=True)
class Outbound:
    """One record of the topic: the index of an acceptance, and for whom it is still on its way.

    `trace` is the publication's context, random numbers alone; empty, and not in the record, while nothing is traced.
    """

    index: int
    recipients: tuple[str, ...]
    trace: str = ""

    def encode(self, case: int) -> Record:
        """The record, keyed by its case's row."""
        members: dict[str, object] = {"v": 1, "idx": self.index, "to": self.recipients}
        if self.trace:
            members["t"] = self.trace
        return Record(case.to_bytes(8, "big"), json.dumps(members, separators=(",", ":")).encode())


def decode(record: Record) -> Outbound:
    """What `Outbound.encode` made. Raises ValueError or KeyError for another form: our own mistake."""
    members = json.loads(record.value)
    return Outbound(int(members["idx"]), tuple(members["to"]), str(members.get("t", "")))
