"""Key files open for their passphrase alone, are read from their owner's hands alone, and show nothing."""

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.custody import (
    KEYRING_BYTES_MAX,
    LOG2_N_MAX,
    Keyring,
    make_passphrase,
    read_keyring,
    read_passphrase,
    write_keyring,
)
from schemas.errors import Rejected, Unavailable
from tests.keys.conftest import seed

PASSPHRASE = b"heart of gold, improbably"
SECRETS = {"sign.ed25519": seed("a"), "sign.mldsa65": seed("b"), "kem.2026-11": seed("c"), "request": seed("d")}
QUICK = 4


@pytest.fixture
def ring(tmp_path: Path) -> Path:
    path = tmp_path / "keyring"
    write_keyring(path, SECRETS, PASSPHRASE, log2_n=QUICK)
    return path


def _code(path: Path, passphrase: bytes = PASSPHRASE) -> str:
    with pytest.raises(Rejected) as refusal:
        read_keyring(path, passphrase)
    return refusal.value.code


def test_secrets_read_back(ring: Path) -> None:
    assert read_keyring(ring, PASSPHRASE) == SECRETS
    write_keyring(ring, {}, PASSPHRASE, log2_n=QUICK)
    assert read_keyring(ring, PASSPHRASE) == {}


def test_the_usual_cost_is_128_mebibytes(tmp_path: Path) -> None:
    path = tmp_path / "keyring"
    write_keyring(path, SECRETS, PASSPHRASE)
    assert path.read_bytes()[4] == 17
    assert read_keyring(path, PASSPHRASE) == SECRETS


def test_two_files_of_the_same_secrets_have_nothing_in_common(ring: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_keyring(other, SECRETS, PASSPHRASE, log2_n=QUICK)
    assert ring.read_bytes()[5:33] != other.read_bytes()[5:33]
    assert ring.read_bytes()[33:] != other.read_bytes()[33:]


@pytest.mark.parametrize("passphrase", [b"", PASSPHRASE[:-1], PASSPHRASE + b"\n", PASSPHRASE.upper()])
def test_another_passphrase_does_not_open_it(ring: Path, passphrase: bytes) -> None:
    assert _code(ring, passphrase) == "KEY_FILE_INVALID"


def test_every_byte_counts(ring: Path) -> None:
    raw = ring.read_bytes()
    for at in range(len(raw)):
        changed = bytearray(raw)
        changed[at] ^= 1 if at != 4 else QUICK ^ (QUICK + 1)  # byte 4 is the cost: one more doubles it
        ring.write_bytes(changed)
        assert _code(ring) == "KEY_FILE_INVALID"


def test_no_shorter_or_longer_file_opens(ring: Path) -> None:
    raw = ring.read_bytes()
    for length in range(len(raw)):
        ring.write_bytes(raw[:length])
        assert _code(ring) == "KEY_FILE_INVALID"
    for tail in (b"\0", raw, bytes(KEYRING_BYTES_MAX)):
        ring.write_bytes(raw + tail)
        assert _code(ring) == "KEY_FILE_INVALID"


@pytest.mark.parametrize("log2_n", [0, LOG2_N_MAX + 1, 63, 255])
def test_a_file_cannot_ask_for_all_memory(ring: Path, log2_n: int) -> None:
    raw = ring.read_bytes()
    ring.write_bytes(raw[:4] + bytes([log2_n]) + raw[5:])
    assert _code(ring) == "KEY_FILE_INVALID"


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"a": 1}', b'{"a": "AAAA"}', b'{"a": {}}', b'{"A": "%s"}' % (b"A" * 43 + b"="),
     b'{"a": "%s", "a": "%s"}' % (b"A" * 43 + b"=", b"A" * 43 + b"="), b'{"a": "%s"}' % (b"A" * 42 + b"B="),
     b"{%s}" % b", ".join(b'"n%d": ""' % number for number in range(257))],
)  # fmt: skip
def test_a_file_sealed_by_something_else_is_read_as_strictly(ring: Path, content: bytes) -> None:
    head = b"LKR1" + bytes([QUICK]) + bytes(28)
    key = hashlib.scrypt(PASSPHRASE, salt=bytes(16), n=1 << QUICK, r=8, p=1, dklen=32)
    good = b'{"a": "%s"}' % (b"A" * 43 + b"=")
    ring.write_bytes(head + AESGCM(key).encrypt(bytes(12), good, head))
    assert read_keyring(ring, PASSPHRASE) == {"a": bytes(32)}
    ring.write_bytes(head + AESGCM(key).encrypt(bytes(12), content, head))
    assert _code(ring) == "KEY_FILE_INVALID"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o622, 0o610, 0o777])
def test_a_file_that_others_may_touch_is_refused(ring: Path, tmp_path: Path, mode: int) -> None:
    ring.chmod(mode)
    assert _code(ring) == "SECRET_EXPOSED"
    passphrase = tmp_path / "passphrase"
    make_passphrase(passphrase)
    passphrase.chmod(mode)
    with pytest.raises(Rejected, match="SECRET_EXPOSED"):
        read_passphrase(passphrase)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_refused(ring: Path) -> None:
    os.chown(ring, 65534, 65534)
    assert _code(ring) == "SECRET_EXPOSED"


def test_what_is_no_file_is_refused(ring: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for path in (tmp_path / "gone", tmp_path, pipe):
        assert _code(path) == "KEY_FILE_INVALID"
    (tmp_path / "link").symlink_to(ring)
    assert read_keyring(tmp_path / "link", PASSPHRASE) == SECRETS  # a service manager may hand it over so


def test_it_is_written_for_its_owner_alone(ring: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    ring.chmod(0o644)
    write_keyring(ring, SECRETS, PASSPHRASE, log2_n=QUICK)
    assert stat.S_IMODE(ring.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["keyring"]


def test_a_failed_write_leaves_the_old_file(ring: Path, tmp_path: Path) -> None:
    folder = tmp_path / "keyring"  # a file stands where a folder would be needed
    with pytest.raises(Unavailable, match="STORE_UNAVAILABLE"):
        write_keyring(folder / "below", SECRETS, PASSPHRASE, log2_n=QUICK)
    assert read_keyring(ring, PASSPHRASE) == SECRETS


@pytest.mark.parametrize(
    ("secrets", "passphrase", "log2_n"),
    [
        (SECRETS, b"", QUICK),
        (SECRETS, PASSPHRASE, 0),
        (SECRETS, PASSPHRASE, LOG2_N_MAX + 1),
        ({"short": bytes(31)}, PASSPHRASE, QUICK),
        ({"long": bytes(33)}, PASSPHRASE, QUICK),
        ({"": bytes(32)}, PASSPHRASE, QUICK),
        ({"Upper": bytes(32)}, PASSPHRASE, QUICK),
        ({"../path": bytes(32)}, PASSPHRASE, QUICK),
        ({f"n{number}": bytes(32) for number in range(257)}, PASSPHRASE, QUICK),
    ],
)
def test_what_could_not_be_read_is_not_written(
    tmp_path: Path, secrets: dict[str, bytes], passphrase: bytes, log2_n: int
) -> None:
    with pytest.raises(ValueError, match="key file"):
        write_keyring(tmp_path / "keyring", secrets, passphrase, log2_n=log2_n)
    assert not list(tmp_path.iterdir())


def test_no_repr_and_no_error_shows_a_secret(ring: Path) -> None:
    found = read_keyring(ring, PASSPHRASE)
    assert repr(found) == str(found) == "Keyring(kem.2026-11, request, sign.ed25519, sign.mldsa65)"
    with pytest.raises(Rejected) as refusal:
        read_keyring(ring, b"a passphrase that is wrong")
    assert "a passphrase" not in f"{refusal.value!r} {refusal.value} {refusal.value.__cause__!r}"
    assert isinstance(found, Keyring)


def test_a_passphrase_is_made_and_read(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    made = make_passphrase(path)
    assert read_passphrase(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(made) >= 43
    assert make_passphrase(path) != made


@pytest.mark.parametrize("raw", [b"", b"\n", b"too short\n", b"two lines of it\nare one too many\n", b"x" * 1025])
def test_a_passphrase_is_one_line_of_some_length(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "passphrase"
    path.touch(mode=0o600)
    path.write_bytes(raw)
    with pytest.raises(Rejected, match="KEY_FILE_INVALID"):
        read_passphrase(path)


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_lines_end_is_not_part_of_it(tmp_path: Path, end: bytes) -> None:
    path = tmp_path / "passphrase"
    path.touch(mode=0o600)
    path.write_bytes(PASSPHRASE + end)
    assert read_passphrase(path) == PASSPHRASE


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel")
def test_a_hardened_process_dumps_no_core() -> None:
    script = (
        "import ctypes, resource; from keys.custody import harden_process; harden_process();"
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"  # PR_GET_DUMPABLE
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "(0, 0) 0\n"
