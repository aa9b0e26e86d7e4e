"""The committed containers, read by us and by a reader in another language; most are to be refused."""

import base64
import fcntl
import hashlib
import io
import json
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from keys.container import parse_container, verify_container
from keys.sealing import open_container
from keys.suite import KemPrivate, SigningPublic
from schemas.errors import CODES, Rejected
from tests.keys.conftest import Parties

TESTS = Path(__file__).resolve().parents[1]
READER = TESTS / "reader_node"


@cache
def _file() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TESTS / "vectors" / "containers.json").read_text(encoding="utf-8"))
    return found


def _vectors() -> dict[str, dict[str, Any]]:
    """By name; spliced ones with their bytes."""
    named: dict[str, dict[str, Any]] = {vector["name"]: vector for vector in _file()["vectors"]}
    for vector in named.values():
        if "from" in vector:
            at, remove, insert = vector["splice"]
            base = base64.b64decode(named[vector["from"]]["container"])
            changed = base[:at] + bytes.fromhex(insert) + base[at + remove :]
            vector["container"] = base64.b64encode(changed).decode()
    return named


VECTORS = _vectors()


def _read(vector: dict[str, Any]) -> dict[str, Any]:
    keys = _file()["keys"]
    public = SigningPublic(bytes.fromhex(keys["ed25519"]), bytes.fromhex(keys["mldsa65"]))
    kem = KemPrivate.from_seed(bytes.fromhex(keys["seeds"][vector["partner"]]))
    try:
        container = parse_container(base64.b64decode(vector["container"]))
        verify_container(container, public)
        opened = open_container(container, {kem.public.key_id: kem}, vector["partner"])
        parts = []
        for index, entry in enumerate(container.parts):
            ciphertext = (
                base64.b64decode(vector["detached"][entry.sha256.hex()])
                if entry.detached
                else bytes(container.inline(index))
            )
            parts.append(opened.part(index, io.BytesIO(ciphertext), io.BytesIO()))
    except Rejected as refusal:
        return {"refused": refusal.code}
    return {"digest": container.digest.hex(), "body": opened.body.decode(), "parts": parts[1:]}


def test_vectors_are_many_and_mostly_refusals() -> None:
    expected = [vector["expect"] for vector in VECTORS.values()]
    assert len(VECTORS) == len(_file()["vectors"]) >= 40
    assert expected.count("accepted") == 3
    assert set(expected) - {"accepted"} <= set(CODES)


@pytest.mark.parametrize("name", VECTORS)
def test_a_vector_is_read_as_it_says(name: str) -> None:
    vector, result = VECTORS[name], _read(VECTORS[name])
    if vector["expect"] == "accepted":
        assert (result["body"], result["parts"]) == (vector["body"], vector["parts"])
    else:
        assert result == {"refused": vector["expect"]}


# -- the second reader


@pytest.fixture(scope="session")
def node() -> Path:
    """The reader's script, its three libraries installed as the lock file says; two workers do not install at once."""
    assert shutil.which("node"), "Node is missing; packages.txt names what the tests need"
    assert shutil.which("npm"), "npm is missing; packages.txt names what the tests need"
    lock = READER / "package-lock.json"
    stamp = READER / "node_modules" / ".installed"
    with lock.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        wanted = hashlib.sha256(file.read()).hexdigest()
        if not stamp.is_file() or stamp.read_text(encoding="ascii") != wanted:
            words = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            subprocess.run(words, cwd=READER, check=True, capture_output=True, timeout=200)
            stamp.write_text(wanted, encoding="ascii")
    return READER / "reader.mjs"


def _node(script: Path, jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["node", str(script)], input=json.dumps(jobs), capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _job(container: bytes, public: SigningPublic, kem: KemPrivate, partner: str, **more: Any) -> dict[str, Any]:
    keys = {"ed25519": _b64(public.ed25519), "mldsa65": _b64(public.mldsa65), "seed": _b64(kem.seed)}
    return {"container": _b64(container), "partner": partner, "detached": {}} | keys | more


@pytest.mark.real
def test_another_reader_agrees_on_every_vector(node: Path) -> None:
    keys = _file()["keys"]
    public = SigningPublic(bytes.fromhex(keys["ed25519"]), bytes.fromhex(keys["mldsa65"]))
    jobs = [
        _job(
            base64.b64decode(vector["container"]),
            public,
            KemPrivate.from_seed(bytes.fromhex(keys["seeds"][vector["partner"]])),
            vector["partner"],
            detached=vector.get("detached", {}),
        )
        for vector in VECTORS.values()
    ]
    for vector, result in zip(VECTORS.values(), _node(node, jobs), strict=True):
        if vector["expect"] == "accepted":
            assert (result["body"], result["parts"]) == (vector["body"], vector["parts"]), vector["name"]
            assert result["digest"] == _read(vector)["digest"]
        else:
            assert result == {"refused": vector["expect"]}, vector["name"]


@pytest.mark.real
def test_another_reader_opens_what_we_seal_now(node: Path, parties: Parties, tmp_path: Path) -> None:
    texts = {"note": b"a note", "empty": b"", "chunk": bytes(16_384), "scan": bytes(range(256)) * 2000}
    paths = []
    for name, text in texts.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(text)
    body = '{"kind":"ident.request","name":"Ægir ელენე"}'.encode()
    sealed = parties.seal(body, paths, to=("test-geo", "test-mda"))
    detached = {part.sha256: _b64(part.path.read_bytes()) for part in sealed.detached}
    assert len(detached) == 1
    public = parties.pair.public
    jobs = [_job(sealed.container, public, parties.kems[to], to, detached=detached) for to in ("test-mda", "test-geo")]
    for result in _node(node, jobs):
        assert result["digest"] == sealed.digest.hex()
        assert result["body"].encode() == body
        assert result["parts"] == [hashlib.sha256(text).hexdigest() for text in texts.values()]
        assert result["header"]["source"] == "test-utopia"
    without = _job(sealed.container, public, parties.kems["test-mda"], "test-mda")
    wrong_key = _job(sealed.container, public, parties.kems["test-aut"], "test-mda", detached=detached)
    assert _node(node, [without, wrong_key]) == [{"refused": "PART_DIGEST"}, {"refused": "OPEN_FAILED"}]


@pytest.mark.real
def test_another_reader_refuses_every_changed_byte(node: Path, parties: Parties, small: bytes) -> None:
    """Every byte outside the signatures and ciphertexts, and a sample of those: Node takes longer."""
    manifest = int.from_bytes(small[4:8], "big")
    header = int.from_bytes(small[8:12], "big")
    positions = [*range(12 + header + 40), *range(8 + manifest - 50, 8 + manifest + 4), *range(0, len(small), 97)]
    jobs = []
    for at in positions:
        changed = bytearray(small)
        changed[at] ^= 1 << at % 8
        jobs.append(_job(bytes(changed), parties.pair.public, parties.kems["test-mda"], "test-mda"))
    assert all("refused" in result for result in _node(node, jobs))
