"""The canary: invented names, numbers, a file number and an image go through everything, and are looked for everywhere.

They may lie in the folders of the edges and national systems that sent or received them, and nowhere else: not at the
hub, not in a log, a metric, a page, an address, a refusal, or on the terminal.
"""

import base64
import contextlib
import gzip
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from html import unescape
from pathlib import Path
from typing import Any, cast
from urllib.parse import parse_qs, quote, urlsplit

from fastapi import FastAPI
from starlette.routing import BaseRoute

from adapters.channels.rest.routes import Addresses, Desk
from adapters.edge import routes as edge_routes
from adapters.edge.wiring import Edge
from hub.app import create_app
from hub.settings import load_settings
from hub.wiring import open_hub
from keys.signing import CONTAINER_TYPE, STATEMENT_TYPE
from liaison.demo import inputs
from liaison.demo.commands import command
from liaison.demo.image import masked_image
from liaison.demo.world import BASIS
from service import batch
from tests.faults.between import watched
from tests.faults.cluster import AUT, GEO, MDA, TODAY, Cluster, alert
from tests.faults.national import Files, call
from tests.faults.traces import Traces, files_below

IMAGE = os.urandom(170_000)
ASKED = {"surname": "QUVENTHIR", "given": "ZELMIRAX", "case_ref": "AT-RET-QZ-93317"}
LISTED = {"listed surname": "WOBRESKAJ", "listed number": "88XQ77431", "listed case_ref": "AT-MIG-QZ-55102"}
CHECKED = {"number": "55PX90872", "theirs": "MD-DOC-QZ-11873"}
FEATURE = "glued by Xanthorpe"
WARNED: Mapping[str, str | bytes] = {"feature": FEATURE, "image": IMAGE}
REFUSED = {"refused surname": "HRYMBULDT", "refused number": "31VK66209"}
BROKEN = {"broken": "Oskvarnigel", "file name": "fjordquint"}
CANARIES: Mapping[str, str | bytes] = {**ASKED, **LISTED, **CHECKED, **WARNED, **REFUSED, **BROKEN}
HOLDERS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys((*ASKED, *CHECKED, *WARNED), frozenset({AUT, MDA})),
    **dict.fromkeys(LISTED, frozenset({AUT, GEO})),
    **dict.fromkeys((*REFUSED, *BROKEN), frozenset({AUT, MDA})),
}
PAGES_MAX = 150


def test_the_search_finds_every_form() -> None:
    traces = Traces({"text": "QUVENTHIR", "bytes": IMAGE})
    text = b"QUVENTHIR"
    escaped = b"\\u0051\\u0055\\u0056\\u0045\\u004e\\u0054\\u0048\\u0049\\u0052"
    wide, packed = "QUVENTHIR".encode("utf-16-le"), gzip.compress(b"said of QUVENTHIR")
    for form in (text, text.lower(), text.hex().encode(), wide, escaped, packed):
        assert traces.found(b"\x00ab" + form + b"c") == {"text"}
    for shift in range(3):
        for after in range(3):
            raw = b"x" * shift + text + b"y" * after
            assert traces.found(base64.b64encode(raw)) == {"text"}
    assert traces.found(IMAGE[80_000:90_000]) == {"bytes"}
    assert traces.found(os.urandom(10_000)) == set()


def test_nothing_of_a_message_is_anywhere_else(tmp_path: Path) -> None:
    traces = Traces(CANARIES)
    hub_settings = {"LIAISON_HUB_FAILURES_PER_MINUTE": "100000", "LIAISON_HUB_LOG_LEVEL": "debug"}
    loud = {"LIAISON_EDGE_LOG_LEVEL": "debug"}
    with watched(tmp_path / "world", hub=hub_settings, test_aut=loud, test_mda=loud, test_geo=loud) as (found, hub):
        world = found.world
        addresses = [(f"http://127.0.0.1:{hub.port}", path) for path in hub_paths(world.hub)]
        addresses += [(world.edge_urls[one], path) for one in (AUT, MDA) for path in edge_paths(one)]
        found.start("hub", AUT, MDA, GEO)
        found.ready("hub", AUT, MDA, GEO)
        handles = exchange(found)
        answers = [one for url, path in addresses for one in garbage(url, path)]
        assert len(answers) > 500
        answers += [get(f"{url}/metrics") for url in (world.url, *world.edge_urls.values())]
        pages = {account: list(visit(found, account)) for account in ("officer-1", "auditor-1")}
        assert len(pages["officer-1"]) > 5
        assert len(pages["auditor-1"]) > 20
        found.stop(AUT, MDA, GEO, "hub")
        for name, answer in (*answers, *(page for seen in pages.values() for page in seen)):
            assert traces.found(answer) == set(), name
        for one in hub.everything():
            said = repr((one.target, sorted(one.headers.items()))).encode() + one.answer
            assert traces.found(said) == set(), one.target
        passed = [path for path in files_below(world.folder) if _owner(world.folder, path) is None]
        assert {path.name for path in passed} >= {"hub.db", "hub.log", "test-aut.log", "test-mda.log", "test-geo.log"}
        assert traces.in_files(passed) == set()
        handle = Traces(handles)
        for name, answer in (*answers, *(page for seen in pages.values() for page in seen)):
            assert handle.found(name.encode() + answer) == set(), name
        assert not [one.target for one in hub.everything() if handle.found(one.target.encode())]
        assert handle.in_files(files_below(world.folder / "logs")) == set()
        held = _held(found, traces)
    assert {name: held[name] for name in CANARIES} == {
        name: holders if name not in {*REFUSED, *BROKEN} else held[name] & holders for name, holders in HOLDERS.items()
    }
    assert all(AUT in held[name] for name in (*REFUSED, *BROKEN))


def test_the_demonstration_shows_nothing_of_its_messages(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    words = [sys.executable, "-m", "liaison", "demo", "--once", "--json", "--folder", str(folder)]
    done = subprocess.run(words, capture_output=True, check=False, timeout=180)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    names = ("TESTARU", "CHISINAU", "AT-RET-TEST-0001", "MD-DOC-TEST-0042", "12TS34567", "stitched hinge", "TESTADZE",
             "PROBASHVILI", "SPECIMENIA", "MUSTERIDZE", "77TS10000", "77TS10009", "AT-MIG-TEST-0009")  # fmt: skip
    traces = Traces({**{name: name for name in names}, "image": masked_image()})
    assert traces.found(done.stdout + done.stderr) == set()
    assert traces.in_files(files_below(folder / "hub", folder / "logs", folder / "ceremony")) == set()
    held = {name for name, _ in traces.in_files(files_below(*folder.glob("test-*")))}
    assert held == {*names, "image"}


# -- what is sent


def exchange(found: Cluster) -> dict[str, str]:
    """Everything that bears a canary goes in by its door; the case handles, by message id."""
    files, calls, georgia = found.files, found.calls, Files(GEO, found.world.national(GEO))
    files.submit("question", (MDA,), asked())
    warning = alert("AT", IMAGE)
    warning["detection_points"][0]["false"] = FEATURE
    files.submit("alert", (MDA,), warning, IMAGE)
    files.drop("overstay-report.csv", inputs.overstay_table(TODAY, GEO).replace(b"TESTADZE", b"WOBRESKAJ").replace(
        b"77TS10000", b"88XQ77431").replace(b"AT-MIG-TEST-0000", b"AT-MIG-QZ-55102"))  # fmt: skip
    check = inputs.doc_verify_request() | {"case_ref": CHECKED["theirs"]}
    check["document"] |= {"issuer": "AUT", "number": CHECKED["number"]}
    calls.submit("check", (AUT,), check)
    refused(found)
    question = found.until("the question", lambda: of_kind(calls.seen.got, "ident.request"))
    calls.submit("answer", (AUT,), inputs.ident_reply(question["payload"], question["id"]))

    def all_there() -> bool | None:
        georgia.work()
        return True if len(georgia.seen.got) == inputs.OVERSTAYS - 1 else None

    found.until("the table", all_there)
    found.until("the refusal at the hub", lambda: state(files, "not-agreed.json") == "refused" or None)
    for name in ("unlawful.json", "broken.json", "fjordquint.json", "wrong-head.csv"):
        found.until(name, lambda name=name: files.reason(name))  # type: ignore[misc]
    found.settle(4, 4)
    got = [*files.seen.got, *calls.seen.got, *georgia.seen.got]
    return {one.message["id"]: one.message["case_handle"] for one in got}


def asked() -> dict[str, Any]:
    payload = inputs.ident_request(TODAY) | {"case_ref": ASKED["case_ref"]}
    payload["person"]["identities"][0]["parts"] = names(ASKED["surname"], ASKED["given"])
    return payload


def names(surname: str, given: str) -> list[dict[str, str]]:
    return [
        {"kind": kind, "value": value, "script": "Latn", "as_on": "statement"}
        for kind, value in (("surname", surname), ("given", given))
    ]


def refused(found: Cluster) -> None:
    """By the edge, by the hub, by both readers, and by the REST channel."""
    files, calls = found.files, found.calls
    surname, number, broken = REFUSED["refused surname"], REFUSED["refused number"], BROKEN["broken"]
    unlawful = inputs.unlawful_notice(TODAY)
    unlawful["person"]["identities"][0]["parts"] = names(surname, surname)
    unlawful["document"]["number"] = number
    files.drop("unlawful.json", json.dumps({"to": [GEO], "payload": unlawful}).encode())
    agreed = {"agreement": "TEST-AUT-MDA", "basis": BASIS, "role": "RET"}
    question = asked() | {"presumed_nationality": "GEO"}
    question["person"]["identities"][0]["parts"] = names(surname, surname)
    files.drop("not-agreed.json", json.dumps({"to": [GEO], "payload": question, **agreed}).encode())
    files.drop("broken.json", b'{"payload": {"surname": "%s"' % broken.encode())
    files.drop("fjordquint.json", json.dumps({"to": [MDA], broken: broken, "payload": {broken: broken}}).encode())
    files.drop("overstay-wrong.csv", f"{broken};case_ref\r\n{surname};{number}\r\n".encode())
    files.drop("wrong-head.csv", f"{broken};case_ref\r\n{surname};{number}\r\n".encode())
    for body in (b'{"payload": "%s' % broken.encode(), json.dumps({"to": [AUT], "payload": unlawful}).encode()):
        answer = calls.ask("POST", "/v1/submissions", body, Idempotency_Key="refused-one")
        assert answer is not None
        assert answer[0] in {400, 403, 422}
        assert Traces(CANARIES).found(answer[2]) == set()


def state(files: Files, name: str) -> str | None:
    path = files.base / "out" / "state" / name
    return json.loads(path.read_text(encoding="utf-8"))["state"] if path.exists() else None


def of_kind(got: list[Any], kind: str) -> Any:
    return next((one.message for one in got if one.message["kind"] == kind), None)


# -- garbage to every address


def hub_paths(folder: Path) -> list[str]:
    """Every path of the hub's application, from its routes."""
    hub = open_hub(load_settings(folder))
    with contextlib.closing(hub):
        app = create_app(hub)
        inner = next(value for value in vars_of(app).values() if isinstance(value, FastAPI))
        return sorted({"/v1/messages", "/nowhere/{rest}", *paths_of(inner.routes)})


def edge_paths(partner: str) -> list[str]:
    """Every path of an edge: its own, and its REST channel's."""
    paths = list(paths_of(edge_routes.router(cast("Edge", None)).routes))
    if partner == MDA:
        paths += [f"/channels/rest{path}" for path in paths_of(Addresses(cast("Desk", None)).routes())]
    return sorted({"/nowhere/{rest}", *paths})


def paths_of(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """Their paths, also of routers included among them."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is not None:
            yield from paths_of(inner.routes)
        else:
            yield str(route.path)  # type: ignore[attr-defined]


def vars_of(thing: object) -> Mapping[str, object]:
    names = [*getattr(thing, "__dict__", {}), *getattr(type(thing), "__slots__", ())]
    return {name: getattr(thing, name) for name in names}


def garbage(url: str, path: str) -> Iterator[tuple[str, bytes]]:
    """What an address answers to a canary in its path, its query, its headers and its body."""
    surname, number = ASKED["surname"], CHECKED["number"]
    filled = re.sub(r"\{[^}]*\}", quote(f"{surname} {number}"), path)
    plain = re.sub(r"\{[^}]*\}", "7", path)
    query = f"?after={surname}&wait={number}&token={surname}&sizes={number}&{surname}={number}"
    body = json.dumps({"payload": {"surname": surname, surname: [number]}, "to": [surname], surname: 1}).encode()
    twice = b'{"%s": 1, "%s": 2}' % (surname.encode(), surname.encode())
    headers = {
        "Authorization": f"Bearer {surname}", "Idempotency-Key": surname, "Signature": f"sig1=:{number}:",
        "Signature-Input": f'sig1=("@method");keyid="{surname}";nonce="{number}"', "Content-Digest": surname,
        "Cookie": f"__Host-liaison={surname}; liaison={number}", "Range": f"bytes={surname}", "Origin": f"http://{surname}",
    }  # fmt: skip
    for target in (filled, plain, plain + query, filled + query):
        for method in ("GET", "POST", "PUT", "DELETE", surname):
            answer = call(method, url + target, body if method != "GET" else None, headers)
            assert answer is not None, (method, path)
            yield f"{method} {path}", _whole(answer)
    for media_type in (
        CONTAINER_TYPE,
        STATEMENT_TYPE,
        batch.BATCH_TYPE,
        "application/json",
        "multipart/mixed",
        surname,
    ):
        for raw in (body, twice, b"IXM1" + body, body[:-9], IMAGE[:500]):
            for method in ("POST", "PUT"):
                answer = call(method, url + plain, raw, {"Content-Type": media_type})
                assert answer is not None, (method, path)
                yield f"{method} {path} {media_type}", _whole(answer)


def get(url: str) -> tuple[str, bytes]:
    answer = call("GET", url)
    assert answer is not None
    assert answer[0] == 200
    return url, _whole(answer)


def _whole(answer: tuple[int, Mapping[str, str], bytes]) -> bytes:
    return repr(sorted(answer[1].items())).encode() + answer[2]


# -- pages


def visit(found: Cluster, account: str) -> Iterator[tuple[str, bytes]]:
    """Sign in, and every page and file that a viewer can reach by following links."""
    link = command("hub", "link", found.world.hub, AUT, account)["url"]
    parts = urlsplit(link)
    token = parse_qs(parts.query)["token"][0]
    same = {"Origin": found.world.url, "Sec-Fetch-Site": "same-origin",
            "Content-Type": "application/x-www-form-urlencoded"}  # fmt: skip
    entered = call("POST", f"{found.world.url}{parts.path}", f"token={quote(token)}".encode(), same)
    assert entered is not None
    cookie = {"Cookie": entered[1]["set-cookie"].partition(";")[0]}
    waiting, seen = ["/"], set[str]()
    while waiting and len(seen) < PAGES_MAX:
        target = waiting.pop(0)
        if target in seen or target == "/console/sign-out":  # a form's address
            continue
        seen.add(target)
        answer = call("GET", f"{found.world.url}{target}", None, cookie)
        assert answer is not None
        assert answer[0] in {200, 302, 303, 307}, target
        yield target, _whole(answer)
        links = re.findall(rb'(?:href|src|action|hx-get)="(/[^"#]*)', answer[2])
        waiting += [unescape(link.decode()) for link in links]
        waiting += [answer[1]["location"]] if "location" in answer[1] else []


# -- where things lie


def _owner(folder: Path, path: Path) -> str | None:
    """Whose folder a file lies in; None for the hub's, the logs and whatever passes between."""
    top = path.relative_to(folder).parts[0]
    return next((one for one in (AUT, MDA, GEO) if top in {one, f"{one}-national"}), None)


def _held(found: Cluster, traces: Traces) -> dict[str, frozenset[str]]:
    """Which authorities' folders hold which canary."""
    folder = found.world.folder
    owned = [(path, _owner(folder, path)) for path in files_below(folder)]
    held: dict[str, set[str]] = {name: set() for name in CANARIES}
    for partner in (AUT, MDA, GEO):
        for name, _ in traces.in_files(path for path, owner in owned if owner == partner):
            held[name].add(partner)
    return {name: frozenset(partners) for name, partners in held.items()}
