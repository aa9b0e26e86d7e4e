"""A signed request is believed for this method, this address, this body, once, within five minutes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from http_message_signatures import HTTPMessageSigner, MappingKeyResolver
from http_message_signatures.algorithms import ED25519
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keys.requests import (
    FRESH,
    NONCE_KEPT,
    SIGNATURE_HEADER_BYTES_MAX,
    TAG,
    URL_BYTES_MAX,
    MemoryNonces,
    sign_request,
    verify_request,
)
from keys.suite import RequestKey
from schemas.errors import Rejected, Unavailable
from tests.keys.conftest import seed

URL = "https://hub.liaison.example/v1/inbox?after=2026/-1&wait=20"
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
BODY = b'{"id":"1"}'
EMPTY = hashlib.sha256(b"").digest()


@dataclass
class Hub:
    """A side that knows one caller's key."""

    key: RequestKey
    nonces: MemoryNonces = field(default_factory=MemoryNonces)

    def key_of(self, key_id: str) -> bytes:
        if key_id != self.key.key_id:
            raise Rejected("KEY_UNKNOWN")
        return self.key.public

    def take(
        self,
        headers: Mapping[str, str],
        *,
        method: str = "GET",
        url: str = URL,
        body: bytes | None = None,
        now: datetime = NOW,
    ) -> str:
        digest = None if body is None else hashlib.sha256(body).digest()
        return verify_request(method, url, headers, key_of=self.key_of, body_sha256=digest, now=now, nonces=self.nonces)


@pytest.fixture
def key() -> RequestKey:
    return RequestKey.from_seed(seed("request"))


@pytest.fixture
def hub(key: RequestKey) -> Hub:
    return Hub(key)


def _refused(hub: Hub, headers: Mapping[str, str], code: str = "REQUEST_UNSIGNED", **how: Any) -> None:
    with pytest.raises(Rejected) as refusal:
        hub.take(headers, **how)
    assert refusal.value.code == code


def test_a_request_is_its_callers(hub: Hub, key: RequestKey) -> None:
    assert hub.take(sign_request(key, "GET", URL, now=NOW)) == key.key_id
    assert hub.take(sign_request(key, "POST", URL, body=BODY, now=NOW), method="POST", body=BODY) == key.key_id


def test_header_names_have_no_case(hub: Hub, key: RequestKey) -> None:
    signed = sign_request(key, "POST", URL, body=BODY, now=NOW)
    others = {"Host": "hub.liaison.example", "Accept": "*/*"}
    lower = {name.lower(): value for name, value in (signed | others).items()}
    assert hub.take(lower, method="POST", body=BODY) == key.key_id


def test_a_streamed_body_is_signed_by_its_digest(hub: Hub, key: RequestKey) -> None:
    signed = sign_request(key, "PUT", URL, digest=hashlib.sha256(BODY).hexdigest(), now=NOW)
    assert hub.take(signed, method="PUT", body=BODY) == key.key_id


def test_an_empty_body_is_none(hub: Hub, key: RequestKey) -> None:
    signed = sign_request(key, "POST", URL, body=b"", now=NOW)
    assert "Content-Digest" not in signed
    assert hub.take(signed, method="POST") == key.key_id


@pytest.mark.parametrize(
    "how",
    [
        {"method": "POST"},
        {"method": "get"},
        {"url": URL.replace("wait=20", "wait=21")},
        {"url": URL + "&open=1"},
        {"url": URL.replace("/v1/inbox", "/v1/leaves")},
        {"url": URL.replace("hub.", "other.")},
        {"url": URL.replace("https", "http")},
        {"url": URL.replace(".example/", ".example:8443/")},
        {"url": "/v1/inbox"},
        {"url": "https://[::1/"},
        {"url": URL + "&x=" + "y" * URL_BYTES_MAX},
        {"body": BODY},
        {"body": b""},
    ],
)
def test_another_request_is_not_signed(hub: Hub, key: RequestKey, how: dict[str, Any]) -> None:
    _refused(hub, sign_request(key, "GET", URL, now=NOW), **how)


@pytest.mark.parametrize("body", [BODY + b" ", BODY[:-1], b"", None])
def test_another_body_is_not_signed(hub: Hub, key: RequestKey, body: bytes | None) -> None:
    _refused(hub, sign_request(key, "POST", URL, body=BODY, now=NOW), method="POST", body=body)


def test_a_digest_header_that_is_not_the_bodys_is_refused(hub: Hub, key: RequestKey) -> None:
    signed = sign_request(key, "POST", URL, body=BODY, now=NOW)
    other = sign_request(key, "POST", URL, body=b"other", now=NOW)["Content-Digest"]
    for digest in (other, "", "sha-512=:AAAA:", signed["Content-Digest"] + ", " + other, signed["Content-Digest"][:-1]):
        _refused(hub, signed | {"Content-Digest": digest}, method="POST", body=BODY)
        _refused(hub, signed | {"Content-Digest": digest}, method="POST", body=b"other")


@pytest.mark.parametrize("minutes", [-5, -1, 0, 1, 5])
def test_five_minutes_either_way_are_fresh(hub: Hub, key: RequestKey, minutes: int) -> None:
    assert hub.take(sign_request(key, "GET", URL, now=NOW + timedelta(minutes=minutes)))


@pytest.mark.parametrize("seconds", [-301, 301, -86400, 86400, 10**9])
def test_no_more_than_five_minutes(hub: Hub, key: RequestKey, seconds: int) -> None:
    _refused(hub, sign_request(key, "GET", URL, now=NOW + timedelta(seconds=seconds)))


def test_a_nonce_is_taken_once_for_as_long_as_it_is_fresh(hub: Hub, key: RequestKey) -> None:
    signed = sign_request(key, "GET", URL, now=NOW + FRESH)
    hub.take(signed)
    for seconds in range(0, int(2 * FRESH.total_seconds()) + 60, 30):
        _refused(hub, signed, now=NOW + timedelta(seconds=seconds))


def test_a_refused_request_spends_no_nonce(hub: Hub, key: RequestKey) -> None:
    signed = sign_request(key, "GET", URL, now=NOW)
    _refused(hub, signed, method="DELETE")
    assert hub.take(signed)


def test_an_unknown_key_says_so(hub: Hub) -> None:
    _refused(hub, sign_request(RequestKey.generate(), "GET", URL, now=NOW), code="KEY_UNKNOWN")


def test_another_key_under_a_known_id_is_refused(hub: Hub, key: RequestKey) -> None:
    thief = RequestKey.generate()
    thief.key_id = key.key_id
    _refused(hub, sign_request(thief, "GET", URL, now=NOW))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (f'tag="{TAG}"', 'tag="other"'),
        (f';tag="{TAG}"', ""),
        (';alg="ed25519"', ""),
        ('alg="ed25519"', 'alg="hmac-sha256"'),
        ("created=", "expires="),
        (";created=1795510800", ""),
        ("created=1795510800", "created=1795510801"),
        ("created=1795510800", 'created="1795510800"'),
        ("created=1795510800", "created=999999999999999"),
        ("created=1795510800", "created=-999999999999999"),
        ('nonce="', 'nonce="x'),
        ('nonce="', 'other="'),
        ('keyid="', 'keyid="0'),
        ("keyid=", "key="),
        ('("@method" "@target-uri")', '("@method")'),
        ('("@method" "@target-uri")', '("@target-uri" "@method")'),
        ('("@method" "@target-uri")', '("@method" "@path")'),
        ('("@method" "@target-uri")', '("@method" "@target-uri" "host")'),
        ('("@method" "@target-uri")', '("@method" "@method" "@target-uri")'),
        ('("@method" "@target-uri")', '("@method";req "@target-uri")'),
        ('("@method" "@target-uri")', '("@method" "@target-uri" "@status")'),
        ('("@method" "@target-uri")', "()"),
        ('("@method" "@target-uri")', '"@method"'),
        ("liaison=", "LIAISON="),
        ("liaison=(", "liaison=(("),
    ],
)
def test_no_parameter_can_be_changed(hub: Hub, key: RequestKey, old: str, new: str) -> None:
    signed = sign_request(key, "GET", URL, now=NOW)
    assert old in signed["Signature-Input"]
    _refused(hub, signed | {"Signature-Input": signed["Signature-Input"].replace(old, new)})


@pytest.mark.parametrize(
    "changes",
    [
        {"Signature": ""},
        {"Signature-Input": ""},
        {"Signature": "liaison=:AAAA:"},
        {"Signature": "other=:AAAA:"},
        {"Signature": "liaison=1"},
        {"Signature": "liaison=:%%%:"},
        {"Signature": "\u00e9"},
        {"Signature": "x" * (SIGNATURE_HEADER_BYTES_MAX + 1)},
        {"Signature-Input": "x" * (SIGNATURE_HEADER_BYTES_MAX + 1)},
    ],
)
def test_broken_headers_are_refused(hub: Hub, key: RequestKey, changes: dict[str, str]) -> None:
    _refused(hub, sign_request(key, "GET", URL, now=NOW) | changes)


def test_no_signature_is_refused(hub: Hub, key: RequestKey) -> None:
    _refused(hub, {})
    for name in ("Signature", "Signature-Input"):
        signed = sign_request(key, "GET", URL, now=NOW)
        del signed[name]
        _refused(hub, signed)


PROFILE: dict[str, Any] = {
    "created": NOW,
    "nonce": "n" * 24,
    "label": TAG,
    "tag": TAG,
    "covered_component_ids": ("@method", "@target-uri"),
}


def _signed_otherwise(key: RequestKey, **changes: Any) -> dict[str, str]:
    """Properly signed, but not by our profile."""
    message = SimpleNamespace(method="GET", url=URL, headers={"Host": "hub.liaison.example"})
    resolver = MappingKeyResolver(public_keys={}, private_keys={key.key_id: key.private})
    signer = HTTPMessageSigner(signature_algorithm=ED25519, key_resolver=resolver)
    signer.sign(message, key_id=key.key_id, **(PROFILE | changes))
    headers: dict[str, str] = message.headers
    return headers


@pytest.mark.parametrize(
    "changes",
    [
        {"include_alg": False},
        {"nonce": None},
        {"nonce": "short"},
        {"nonce": "n" * 65},
        {"nonce": "with spaces in between it"},
        {"tag": None},
        {"tag": "Liaison"},
        {"expires": NOW + timedelta(minutes=1)},
        {"covered_component_ids": ()},
        {"covered_component_ids": ("@method",)},
        {"covered_component_ids": ("@target-uri", "@method")},
        {"covered_component_ids": ("@method", "@authority", "@path", "@query")},
        {"covered_component_ids": ("@method", "@target-uri", "host")},
        {"covered_component_ids": ("@method", "@target-uri", '"@query-param";name="wait"')},
    ],
)
def test_a_good_signature_of_another_profile_is_refused(hub: Hub, key: RequestKey, changes: dict[str, Any]) -> None:
    _refused(hub, _signed_otherwise(key, **changes))


def test_any_label_will_do(hub: Hub, key: RequestKey) -> None:
    assert hub.take(_signed_otherwise(key, label="sig1")) == key.key_id


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("Signature", "==:", "=:"),
        ("Signature", "==:", ":"),
        ("Signature", "liaison=:", "liaison= :"),
        ("Signature", "==:", "==:;x"),
        ("Signature", "==:", "==:, other=:AAAA:"),
        ("Signature-Input", '" "', '"  "'),
        ("Signature-Input", ";keyid", "; keyid"),
        ("Signature-Input", "liaison=", "liaison= "),
    ],
)
def test_a_signature_has_one_spelling(hub: Hub, key: RequestKey, name: str, old: str, new: str) -> None:
    signed = sign_request(key, "GET", URL, now=NOW)
    assert old in signed[name]
    _refused(hub, signed | {name: signed[name].replace(old, new)})


def test_two_signatures_for_us_are_one_too_many(hub: Hub, key: RequestKey) -> None:
    one, two = (sign_request(key, "GET", URL, now=NOW) for _ in range(2))
    both = {
        "Signature-Input": one["Signature-Input"] + ", second" + two["Signature-Input"].removeprefix(TAG),
        "Signature": one["Signature"] + ", second" + two["Signature"].removeprefix(TAG),
    }
    _refused(hub, both)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_edited_is_refused_by_name(hub: Hub, key: RequestKey, data: st.DataObject) -> None:
    signed = sign_request(key, "GET", URL, now=NOW)
    name = data.draw(st.sampled_from(sorted(signed)))
    value = signed[name]
    at, cut = data.draw(st.integers(0, len(value))), data.draw(st.integers(0, 5))
    changed = value[:at] + data.draw(st.text(max_size=5)) + value[at + cut :]
    if changed != value:
        with pytest.raises(Rejected):
            hub.take(signed | {name: changed})


def test_nonces_are_bounded_for_each_key() -> None:
    nonces = MemoryNonces(per_key_max=3)
    for number in range(3):
        assert nonces.spend("a", f"nonce-{number}", NOW)
    with pytest.raises(Unavailable, match="RATE_LIMITED"):
        nonces.spend("a", "nonce-3", NOW)
    assert not nonces.spend("a", "nonce-0", NOW)
    assert nonces.spend("b", "nonce-0", NOW)
    later = NOW + NONCE_KEPT + timedelta(seconds=1)
    assert nonces.spend("a", "nonce-3", later)
    assert nonces.spend("a", "nonce-0", later)


def test_nonces_differ(key: RequestKey) -> None:
    signed = {sign_request(key, "GET", URL, now=NOW)["Signature-Input"] for _ in range(50)}
    assert len(signed) == 50
