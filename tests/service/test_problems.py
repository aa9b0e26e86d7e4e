"""Every error answer is a problem document, and none repeats what was sent."""

import json

import pytest
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from schemas.errors import CODES, Fault, Rejected, Unavailable
from service.problems import PROBLEM_TYPE, SECURITY_HEADERS, install, problem_bytes

CANARY = "Zyxomma-4711"


@pytest.fixture
def client() -> TestClient:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    install(app)

    async def fail(request: Request) -> Response:
        raise {
            "rejected": Rejected("HEADER_INVALID", "/ixmexp"),
            "unavailable": Unavailable("BUSY", 2.5),
            "fault": Fault(CANARY),
            "unforeseen": KeyError(CANARY),
        }[request.path_params["what"]]

    @app.get("/typed")
    def typed(count: int) -> int:
        return count

    app.router.routes.append(Route("/fail/{what}", fail))
    return TestClient(app)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/fail/rejected", "HEADER_INVALID"),
        ("GET", "/fail/unavailable", "BUSY"),
        ("GET", "/fail/fault", "INTERNAL"),
        ("GET", "/fail/unforeseen", "INTERNAL"),
        ("GET", f"/{CANARY}", "NOT_FOUND"),
        ("POST", "/typed", "METHOD_NOT_ALLOWED"),
        ("GET", f"/typed?count={CANARY}", "REQUEST_INVALID"),
        ("GET", f"/typed?{CANARY}=1", "REQUEST_INVALID"),
    ],
)
def test_an_error_is_a_document(
    client: TestClient, capsys: pytest.CaptureFixture[str], method: str, path: str, code: str
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == CODES[code].status
    assert answer.headers["content-type"] == PROBLEM_TYPE
    document = json.loads(answer.content)
    assert document["code"] == code
    assert document["status"] == answer.status_code
    assert document["type"].endswith(f"/{code}")
    assert CANARY not in answer.text + str(answer.headers)
    written = capsys.readouterr()
    assert CANARY not in written.out + written.err
    for name in SECURITY_HEADERS:
        assert name in answer.headers


def test_retry_after_is_whole_seconds(client: TestClient) -> None:
    assert client.get("/fail/unavailable").headers["retry-after"] == "3"


def test_a_methods_refusal_names_those_allowed(client: TestClient) -> None:
    assert client.post("/typed").headers["allow"] == "GET"


def test_a_receipt_travels_as_text() -> None:
    assert json.loads(problem_bytes("NO_AGREEMENT", None, "\u2014 x\n".encode()))["receipt"] == "\u2014 x\n"


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_document(code: str) -> None:
    assert json.loads(problem_bytes(code))["title"] == CODES[code].words
