"""A statement says what it was signed to say, by the pair it names, and nothing else can be put in."""

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keys.signing import CONTAINER_CONTEXT, CONTAINER_TYPE, STATEMENT_CONTEXT, STATEMENT_TYPE, sign
from keys.statements import (
    ENTRIES_MAX,
    STATEMENT_BYTES_MAX,
    Entry,
    Statement,
    parse_statement,
    runs,
    sign_statement,
    verify_statement,
)
from keys.suite import Signatures, SigningPair
from schemas.errors import Rejected
from tests.keys.conftest import Parties

NOW = datetime(2026, 11, 24, 9, 30, 1, tzinfo=UTC)
GOOD = Statement(
    "0192f0a0-0000-7000-8000-00000000000a",
    "test-mda",
    NOW,
    "ContentHandover",
    (Entry("ab" * 32, 7), Entry("cd" * 32, 8)),
)
FAILED = replace(GOOD, event="ContentHandoverFailure", entries=(Entry("ab" * 32, 7, "HEADER_MISMATCH"),))


def _payload(**changes: Any) -> dict[str, Any]:
    payload = {
        "id": GOOD.id,
        "source": GOOD.source,
        "time": "2026-11-24T09:30:01Z",
        "event": GOOD.event,
        "list": [{"digest": "ab" * 32, "index": 7}],
    }
    return {name: value for name, value in (payload | changes).items() if value is not None}


def _envelope(pair: SigningPair, payload: bytes, signatures: Signatures | None = None) -> dict[str, Any]:
    made = signatures or sign(pair, STATEMENT_TYPE, payload, STATEMENT_CONTEXT)
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": STATEMENT_TYPE,
        "signatures": [
            {"keyid": pair.public.ed25519_id, "sig": base64.b64encode(made.ed25519).decode()},
            {"keyid": pair.public.mldsa65_id, "sig": base64.b64encode(made.mldsa65).decode()},
        ],
    }


def _code(raw: bytes) -> str:
    with pytest.raises(Rejected) as refusal:
        parse_statement(raw)
    return refusal.value.code


@pytest.mark.parametrize("statement", [GOOD, FAILED, replace(GOOD, event="ContentAccessTracking")])
def test_a_statement_reads_back(parties: Parties, statement: Statement) -> None:
    raw = sign_statement(parties.pair, statement)
    signed = parse_statement(raw)
    verify_statement(signed, parties.pair.public)
    assert (signed.statement, signed.raw) == (statement, raw)
    assert signed.digest == hashlib.sha256(signed.payload).digest()
    assert (signed.ed25519_id, signed.mldsa65_id) == (parties.pair.public.ed25519_id, parties.pair.public.mldsa65_id)


def test_every_byte_counts(parties: Parties) -> None:
    raw = sign_statement(parties.pair, FAILED)
    for at in range(len(raw)):
        for mask in (0x01, 0x20, 0x80):
            changed = bytearray(raw)
            changed[at] ^= mask
            with pytest.raises(Rejected):
                verify_statement(parse_statement(bytes(changed)), parties.pair.public)


def test_no_shorter_one_is_well_formed(parties: Parties) -> None:
    raw = sign_statement(parties.pair, GOOD)
    for length in range(len(raw)):
        assert _code(raw[:length]) == "CONTAINER_MALFORMED"


_NAMES = st.sampled_from(["payload", "payloadType", "signatures", "keyid", "sig"])
_JSON = st.recursive(st.none() | st.booleans() | st.text(), lambda some: st.lists(some) | st.dictionaries(_NAMES, some))


@settings(max_examples=200)
@given(raw=st.binary(max_size=300) | _JSON.map(lambda value: json.dumps(value).encode()))
def test_no_bytes_at_all_end_otherwise(raw: bytes) -> None:
    with pytest.raises(Rejected):
        parse_statement(raw)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"note": "free text"}, "CONTAINER_MALFORMED"),
        ({"id": None}, "CONTAINER_MALFORMED"),
        ({"id": "0192f0a0-0000-4000-8000-00000000000a"}, "CONTAINER_MALFORMED"),
        ({"source": "Test-MDA"}, "CONTAINER_MALFORMED"),
        ({"source": "test-mda\n"}, "CONTAINER_MALFORMED"),
        ({"time": "2026-11-24T09:30:01+00:00"}, "CONTAINER_MALFORMED"),
        ({"time": "2026-11-24T9:30:01Z"}, "CONTAINER_MALFORMED"),
        ({"time": "2026-11-31T09:30:01Z"}, "CONTAINER_MALFORMED"),
        ({"time": 1795512601}, "CONTAINER_MALFORMED"),
        ({"event": "ContentConsignment"}, "CONTAINER_MALFORMED"),
        ({"event": "SubmissionAcceptance"}, "CONTAINER_MALFORMED"),
        ({"event": ["ContentHandover"]}, "CONTAINER_MALFORMED"),
        ({"list": []}, "CONTAINER_LIMIT"),
        ({"list": {}}, "CONTAINER_MALFORMED"),
        ({"list": [[]]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 32}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "AB" * 32, "index": 7}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 31, "index": 7}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 32, "index": -1}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 32, "index": True}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 32, "index": 7.0}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 32, "index": "7"}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 32, "index": 2**53}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 32, "index": 7, "code": "OPEN_FAILED"}]}, "CONTAINER_MALFORMED"),
        ({"list": [{"digest": "ab" * 32, "index": 7}, {"digest": "ab" * 32, "index": 8}]}, "CONTAINER_MALFORMED"),
        ({"event": "ContentHandoverFailure"}, "CONTAINER_MALFORMED"),
        (
            {
                "event": "ContentHandoverFailure",
                "list": [{"digest": "ab" * 32, "index": 7, "code": "Mr Prefect is ill"}],
            },
            "CONTAINER_MALFORMED",
        ),
        ({"list": [{"digest": f"{n:064x}", "index": n} for n in range(ENTRIES_MAX + 1)]}, "CONTAINER_LIMIT"),
    ],
)
def test_the_payload_is_closed(parties: Parties, changes: dict[str, Any], code: str) -> None:
    payload = json.dumps(_payload(**changes)).encode()
    assert _code(json.dumps(_envelope(parties.pair, payload)).encode()) == code


def test_a_member_twice_is_refused(parties: Parties) -> None:
    payload = json.dumps(_payload()).replace('"source"', '"source": "test-aut", "source"').encode()
    assert _code(json.dumps(_envelope(parties.pair, payload)).encode()) == "CONTAINER_MALFORMED"
    twice = json.dumps(_envelope(parties.pair, json.dumps(_payload()).encode()))
    assert _code(twice.replace('"payloadType"', '"payloadType": "x", "payloadType"').encode()) == "CONTAINER_MALFORMED"


def _drop(name: str) -> Callable[[dict[str, Any]], None]:
    def change(envelope: dict[str, Any]) -> None:
        del envelope[name]

    return change


def _put(*way: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(envelope: dict[str, Any]) -> None:
        place: Any = envelope
        for step in way[:-1]:
            place = place[step]
        place[way[-1]] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _drop("payload"),
        _drop("payloadType"),
        _drop("signatures"),
        _put("more", value=1),
        _put("payload", value=7),
        _put("payload", value="e30"),
        _put("payload", value="e30=\n"),
        _put("payloadType", value=CONTAINER_TYPE),
        _put("signatures", value=[]),
        _put("signatures", 1, value={"keyid": "ab" * 32}),
        _put("signatures", 0, "sig", value="AAAA"),
        _put("signatures", 1, "sig", value=base64.b64encode(bytes(3308)).decode()),
        _put("signatures", 0, "keyid", value="ab" * 16),
        _put("signatures", 0, "keyid", value=None),
        _put("signatures", 0, "more", value=""),
    ],
)
def test_the_envelope_is_closed(parties: Parties, change: Callable[[dict[str, Any]], None]) -> None:
    envelope = _envelope(parties.pair, json.dumps(_payload()).encode())
    parse_statement(json.dumps(envelope).encode())
    change(envelope)
    assert _code(json.dumps(envelope).encode()) == "CONTAINER_MALFORMED"


def test_three_signatures_are_one_too_many(parties: Parties) -> None:
    envelope = _envelope(parties.pair, json.dumps(_payload()).encode())
    envelope["signatures"] += envelope["signatures"][:1]
    assert _code(json.dumps(envelope).encode()) == "CONTAINER_MALFORMED"


def test_only_both_signatures_of_the_named_pair_count(parties: Parties) -> None:
    other, payload = SigningPair.generate(), json.dumps(_payload()).encode()
    ours = sign(parties.pair, STATEMENT_TYPE, payload, STATEMENT_CONTEXT)
    theirs = sign(other, STATEMENT_TYPE, payload, STATEMENT_CONTEXT)
    as_container = sign(parties.pair, CONTAINER_TYPE, payload, CONTAINER_CONTEXT)
    for signatures in (
        theirs,
        Signatures(ours.ed25519, theirs.mldsa65),
        Signatures(theirs.ed25519, ours.mldsa65),
        as_container,
    ):
        signed = parse_statement(json.dumps(_envelope(parties.pair, payload, signatures)).encode())
        with pytest.raises(Rejected, match="SIGNATURE_INVALID"):
            verify_statement(signed, parties.pair.public)
    renamed = _envelope(parties.pair, payload, ours)
    renamed["signatures"][1]["keyid"] = other.public.mldsa65_id
    with pytest.raises(Rejected, match="SIGNATURE_INVALID"):
        verify_statement(parse_statement(json.dumps(renamed).encode()), parties.pair.public)


def test_too_long_a_statement_is_not_read() -> None:
    assert _code(b" " * (STATEMENT_BYTES_MAX + 1)) == "CONTAINER_LIMIT"
    assert _code(b" " * STATEMENT_BYTES_MAX) == "CONTAINER_MALFORMED"
    assert _code(b"[" * 10_000) == "CONTAINER_MALFORMED"


def test_what_nobody_would_read_is_not_signed(parties: Parties) -> None:
    for wrong in (
        replace(GOOD, entries=()),
        replace(GOOD, source="TEST"),
        replace(GOOD, event="Anything"),
        replace(GOOD, entries=GOOD.entries * 2),
        replace(GOOD, entries=(Entry("ab" * 32, 7, "OPEN_FAILED"),)),
        replace(FAILED, entries=(Entry("ab" * 32, 7),)),
    ):
        with pytest.raises(Rejected):
            sign_statement(parties.pair, wrong)


def test_many_entries_are_cut_into_runs(parties: Parties) -> None:
    entries = [Entry(f"{n:064x}", n) for n in range(2 * ENTRIES_MAX + 1)]
    cut = runs(entries)
    assert [len(run) for run in cut] == [ENTRIES_MAX, ENTRIES_MAX, 1]
    assert [entry for run in cut for entry in run] == entries
    raw = sign_statement(parties.pair, replace(GOOD, entries=cut[0]))
    assert len(raw) < STATEMENT_BYTES_MAX
    assert parse_statement(raw).statement.entries == cut[0]
    assert runs([]) == []


def test_a_repr_shows_no_bytes(parties: Parties) -> None:
    signed = parse_statement(sign_statement(parties.pair, GOOD))
    assert "payload" not in repr(signed)
    assert "mldsa65=b" not in repr(signed)
