"""Nonces of signed requests where several processes answer for one hub: what one has seen, none takes again.

Kept in a table that survives a process and need not survive the database's crash: a request is then good for the few
minutes of `keys.requests` once more, as after a restart of a hub that remembers them itself.
"""

import hashlib
from datetime import datetime

from hub.store.engine import Connection, guarded
from keys.requests import NONCE_KEPT

_SPEND = "INSERT INTO nonce (key, until) VALUES (?, ?) ON CONFLICT DO NOTHING"
FORGET = "DELETE FROM nonce WHERE key IN (SELECT key FROM nonce WHERE until <= ? LIMIT ?)"


class SharedNonces:
    """As `keys.requests.NonceStore`. How many a caller may use is bounded by its rate of requests."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def spend(self, key_id: str, nonce: str, now: datetime) -> bool:
        """Whether the nonce was new; from now on it is not. Raises Unavailable(STORE_UNAVAILABLE)."""
        key = hashlib.sha256(f"{key_id}/{nonce}".encode()).digest()
        with guarded():
            return self._connection.execute(_SPEND, (key, int((now + NONCE_KEPT).timestamp()))).rowcount == 1
