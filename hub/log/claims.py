"""What partners say they have seen of the log, in the headers they sign: nobody can have seen more than there is.

A claim that is ahead of the log means that the log here was set back (an older backup, an older disk), or that the
partner errs or lies. The hub cannot tell which, so it takes no such message, forgets nothing and says that it is not
ready, until an operator has judged (ADR 104). The first claim is kept; nothing else of the hub stops.
"""

import json
from dataclasses import asdict, dataclass
from typing import NoReturn

from hub.log.batch import Answer, Batch, Draft, Sealed, Work
from hub.store.engine import Connection, guarded
from schemas.errors import Rejected, Unavailable
from service.logs import log

RETRY_AFTER_SECONDS = 300.0
_NAME = "log_behind"
_KEEP = "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING"
_GET = "SELECT value FROM meta WHERE name = ?"
_FORGET = "DELETE FROM meta WHERE name = ?"


@dataclass(frozen=True, slots=True)
class Claim:
    """`partner` signed, in the message with this digest, that it had seen `size` leaves with this root.

    `had` is how many there were here.
    """

    partner: str
    digest: str
    size: int
    root: str
    had: int


def ahead(batch: Batch, claim: Claim) -> Answer[NoReturn]:
    """The claim is kept, and its message answered with Unavailable(LOG_BEHIND): it may come again."""
    batch.write(_KEEP, (_NAME, json.dumps(asdict(claim), separators=(",", ":")).encode()))
    log.error("log.behind", partner=claim.partner, digest=claim.digest, size=claim.size, code="LOG_BEHIND")
    return _behind


def standing(connection: Connection) -> Claim | None:
    """The claim that nobody has judged yet."""
    with guarded():
        row = connection.execute(_GET, (_NAME,)).fetchone()
    return None if row is None else Claim(**json.loads(bytes(row[0])))


def dismissed(actor: str) -> Work[int]:
    """Work: the standing claim is judged wrong, and the log says so. Rejected(NOT_FOUND) without one."""

    def work(batch: Batch) -> Answer[int]:
        claim = standing(batch.connection)
        if claim is None:
            raise Rejected("NOT_FOUND")
        index = batch.add(
            Draft("ClaimDismissed", digest=claim.digest, source=claim.partner, committed={"actor": actor})
        )
        batch.write(_FORGET, (_NAME,))
        return lambda _: index

    return work


def _behind(_: Sealed) -> NoReturn:
    raise Unavailable("LOG_BEHIND", RETRY_AFTER_SECONDS)
