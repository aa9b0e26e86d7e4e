"""Secrecy at rest in the hub's database: what names a case is sealed under that case's own key (formats.md E).

Guarantees that a stored row opens only where it was written (table, row, case and version are bound as associated
data), that a case key is useless without the at-rest key, and that destroying the wrapped case key makes every row of
the case unreadable for good. Look-ups go by `lookup`, an HMAC under a key of its own: the database alone cannot tell
whether it holds a given handle or message id.

A case key seals few rows, so random 96-bit nonces are far from their limit; the one key that wraps them all is used
with AES-256-GCM-SIV, where a nonce that repeats does little harm.
"""

import hashlib
import hmac
import os
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV

from schemas.errors import Fault

VERSION = 1
KEY_BYTES = 32
LOOKUP_BYTES = 32
_NONCE_BYTES = 12
_LENGTH = Struct(">I")
_ROW = Struct(">BQ")


class CaseKey:
    """The key of one case's rows. Its `repr` shows nothing of it."""

    __slots__ = ("_cipher", "_raw")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._cipher = AESGCM(raw)

    def seal(self, plain: bytes, table: str, row: int, lookup: bytes) -> bytes:
        """`plain` for this row alone. `lookup` is the case's, 32 bytes."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, _bound(table, row, lookup))

    def open(self, sealed: bytes, table: str, row: int, lookup: bytes) -> bytes:
        """What `seal` was given. Raises Fault when the row is not as it was written."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], _bound(table, row, lookup))
        except (InvalidTag, ValueError) as error:
            raise Fault("a stored row does not open") from error

    def __repr__(self) -> str:
        return "CaseKey()"


class AtRest:
    """The hub's two keys for its database: `at_rest` wraps case keys, `index` makes look-ups. Both 32 bytes."""

    def __init__(self, at_rest: bytes, index: bytes) -> None:
        if len(at_rest) != KEY_BYTES or len(index) != KEY_BYTES:
            raise Fault("an at-rest key has the wrong length")
        self._wrapper = AESGCMSIV(at_rest)
        self._loose = CaseKey(hmac.digest(at_rest, b"hub/v1/loose-rows", "sha256"))
        self._index = hmac.new(index, digestmod=hashlib.sha256)

    def lookup(self, label: str, *values: str) -> bytes:
        """HMAC-SHA-256 over the label and the values, each with its length: 32 bytes, the same for the same values."""
        mac = self._index.copy()
        for value in (label, *values):
            encoded = value.encode()
            mac.update(_LENGTH.pack(len(encoded)) + encoded)
        return mac.digest()

    def new_case_key(self, row: int, lookup: bytes) -> tuple[CaseKey, bytes]:
        """A fresh case key, and its wrapped form for the row of `case_key` with this id and look-up."""
        raw, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE_BYTES)
        return CaseKey(raw), nonce + self._wrapper.encrypt(nonce, raw, _bound("case_key", row, lookup))

    def unwrap(self, wrapped: bytes, row: int, lookup: bytes) -> CaseKey:
        """The case key of a row of `case_key`. Raises Fault when the row is not as it was written."""
        try:
            raw = self._wrapper.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _bound("case_key", row, lookup))
        except (InvalidTag, ValueError) as error:
            raise Fault("a stored case key does not open") from error
        return CaseKey(raw)

    @property
    def loose(self) -> CaseKey:
        """For rows that belong to no case; their look-up is `NO_CASE`."""
        return self._loose

    def __repr__(self) -> str:
        return "AtRest()"


NO_CASE = bytes(LOOKUP_BYTES)


def _bound(table: str, row: int, lookup: bytes) -> bytes:
    return _ROW.pack(VERSION, row) + lookup + table.encode("ascii")
