"""Custody of secrets: key files under a passphrase, passphrase files, and a process that leaves no traces of either.

Guarantees that a key file is written whole or not at all, that nobody but its owner can read it, that any changed byte
(also of the scrypt cost) keeps it shut, and that no `repr` shows a secret. Who may read the passphrase file can read
the keys: keeping it on another volume is the operator's business, as is destroying old copies. Python cannot wipe
`bytes`; what can be done instead is `harden_process` (formats.md D.5; why this format: docs/adr/0014).

Key file, all integers big endian: "LKR1" | 1 byte log2 N | 16 salt | 12 nonce | AES-256-GCM of a JSON object
{name: base64 of 32 bytes} under scrypt(passphrase, salt, N, r=8, p=1), with everything before it as associated data.
"""

import ctypes
import hashlib
import json
import os
import re
import resource
import secrets as randomness
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.directory.durable_file import write_durably
from keys.suite import SEED_BYTES
from schemas import strict_base64, strict_json
from schemas.errors import Rejected

KEYRING_BYTES_MAX = 64 * 1024
SECRETS_MAX = 256
LOG2_N_DEFAULT = 17  # 128 MiB and about a quarter of a second
LOG2_N_MAX = 20  # 1 GiB: a file may not make us ask for more
PASSPHRASE_BYTES_MIN, PASSPHRASE_BYTES_MAX = 12, 1024

_MAGIC = b"LKR1"
_HEAD = Struct(">4sB16s12s")
_R, _P = 8, 1
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_PR_SET_DUMPABLE = 4  # linux/prctl.h
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Keyring(dict[str, bytes]):
    """Seeds by name, 32 bytes each. Its `repr` shows the names alone."""

    def __repr__(self) -> str:
        return f"Keyring({', '.join(sorted(self))})"


def write_keyring(path: Path, secrets: Mapping[str, bytes], passphrase: bytes, *, log2_n: int = LOG2_N_DEFAULT) -> None:
    """`path` holds these secrets, mode 0600, durable; a crash leaves the old file or the new one.

    Args:
        path: replaced if it is there.
        secrets: up to 256 names (`a-z 0-9 . _ -`), each 32 bytes.
        passphrase: not empty.
        log2_n: scrypt's cost: memory is 2^(log2_n + 10) bytes. Less than 17 is for tests.

    Raises:
        ValueError: a secret, name, passphrase or cost that is not of this form.
        Unavailable: STORE_UNAVAILABLE.
    """
    if not passphrase or not 1 <= log2_n <= LOG2_N_MAX or len(secrets) > SECRETS_MAX:
        raise ValueError("a key file needs a passphrase, a cost within bounds and not too many secrets")
    if any(_NAME.fullmatch(name) is None or len(secret) != SEED_BYTES for name, secret in secrets.items()):
        raise ValueError("a key file holds named secrets of 32 bytes")
    salt, nonce = os.urandom(16), os.urandom(12)
    head = _HEAD.pack(_MAGIC, log2_n, salt, nonce)
    plain = json.dumps({name: strict_base64.encode(secret) for name, secret in secrets.items()}).encode()
    sealed = AESGCM(_derive(passphrase, salt, log2_n)).encrypt(nonce, plain, head)
    write_durably(path, head + sealed, 0o600)


def read_keyring(path: Path, passphrase: bytes) -> Keyring:
    """The secrets of a key file.

    Raises:
        Rejected: SECRET_EXPOSED when others may read the file, KEY_FILE_INVALID when it is missing, damaged or does
            not open with this passphrase; which of the three is not told apart.
    """
    raw = _read_secret(path, KEYRING_BYTES_MAX)
    if len(raw) < _HEAD.size:
        raise Rejected("KEY_FILE_INVALID")
    head = raw[: _HEAD.size]
    magic, log2_n, salt, nonce = _HEAD.unpack(head)
    if magic != _MAGIC or not 1 <= log2_n <= LOG2_N_MAX or not passphrase:
        raise Rejected("KEY_FILE_INVALID")
    try:
        plain = AESGCM(_derive(passphrase, salt, log2_n)).decrypt(nonce, raw[_HEAD.size :], head)
    except (InvalidTag, ValueError) as error:
        raise Rejected("KEY_FILE_INVALID") from error
    return _secrets(plain)


def make_passphrase(path: Path) -> bytes:
    """Write a fresh random passphrase of 256 bits to a file of mode 0600, and return it.

    Raises:
        Unavailable: STORE_UNAVAILABLE.
    """
    passphrase = randomness.token_urlsafe(32).encode()
    write_durably(path, passphrase + b"\n", 0o600)
    return passphrase


def read_passphrase(path: Path) -> bytes:
    """The passphrase in a file: its one line, without the line's end.

    Raises:
        Rejected: SECRET_EXPOSED when others may read the file, KEY_FILE_INVALID when it is missing, shorter than 12
            bytes or longer than 1024.
    """
    raw = _read_secret(path, PASSPHRASE_BYTES_MAX)
    passphrase = raw.removesuffix(b"\n").removesuffix(b"\r")
    if len(passphrase) < PASSPHRASE_BYTES_MIN or b"\n" in passphrase:
        raise Rejected("KEY_FILE_INVALID")
    return passphrase


def harden_process() -> None:
    """No core dump of this process is written, and no other process of its user may read its memory.

    What the system does not offer is left out: swap, and an administrator, are beyond this (docs/threat-model.md).
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        prctl = getattr(ctypes.CDLL(None), "prctl", None)
        if prctl is not None:
            prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def _derive(passphrase: bytes, salt: bytes, log2_n: int) -> bytes:
    n = 1 << log2_n
    memory = 128 * _R * (n + _P + 2)
    return hashlib.scrypt(passphrase, salt=salt, n=n, r=_R, p=_P, maxmem=memory + 1024 * 1024, dklen=32)


def _secrets(plain: bytes) -> Keyring:
    found = strict_json.loads(plain, code="KEY_FILE_INVALID", depth_max=1)
    if not isinstance(found, dict) or len(found) > SECRETS_MAX:
        raise Rejected("KEY_FILE_INVALID")
    keyring = Keyring()
    for name, text in found.items():
        secret = strict_base64.decode(text if isinstance(text, str) else "", code="KEY_FILE_INVALID")
        if _NAME.fullmatch(name) is None or len(secret) != SEED_BYTES:
            raise Rejected("KEY_FILE_INVALID")
        keyring[name] = secret
    return keyring


def _read_secret(path: Path, bytes_max: int) -> bytes:
    """The bytes of a regular file that is ours alone. Judged and read through one descriptor: no swap in between."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise Rejected("KEY_FILE_INVALID")
            if about.st_mode & _OTHERS or about.st_uid not in (os.geteuid(), 0):
                raise Rejected("SECRET_EXPOSED")
            raw = file.read(bytes_max + 1)
    except OSError as error:
        raise Rejected("KEY_FILE_INVALID") from error
    if len(raw) > bytes_max:
        raise Rejected("KEY_FILE_INVALID")
    return raw
