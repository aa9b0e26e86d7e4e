"""Problem documents (RFC 9457): every answer that is not a success, of hub and edge alike.

Guarantees that nothing a caller sent is ever repeated: a document is made of the code's fixed words, a pointer that the
schema knows, and where a refusal became a leaf the proof of it. `install` replaces all of FastAPI's and Starlette's own
error answers; what nobody foresaw becomes INTERNAL, with its type and place in the log.
"""

import json
import math
from collections.abc import Sequence

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schemas.errors import CODES, Fault, Finding, Rejected, Unavailable
from service.logs import log

PROBLEM_TYPE = "application/problem+json"
CODE_PAGES = "https://docs.liaison.example/codes/"

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer that does not set its own."""

UNTRACED: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI would tell any collector of the environment addresses with their query, and errors in full: never."""

_FOR_STATUS = {
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "CONTAINER_LIMIT",
    415: "MEDIA_TYPE",
    429: "RATE_LIMITED",
}


def problem_bytes(
    code: str, path: str | None = None, receipt: bytes | None = None, findings: Sequence[Finding] = ()
) -> bytes:
    """The document itself; `receipt` is the proof of the refusal's leaf, as text in the member `receipt`."""
    row = CODES[code]
    members: dict[str, object] = {
        "type": f"{CODE_PAGES}{code}",
        "title": row.words,
        "status": row.status,
        "code": code,
    }
    if path is not None:
        members["path"] = path
    if receipt is not None:
        members["receipt"] = receipt.decode()
    if findings:
        members["findings"] = [finding.as_json() for finding in findings]
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


def problem(
    code: str,
    path: str | None = None,
    *,
    receipt: bytes | None = None,
    findings: Sequence[Finding] = (),
    retry_after_seconds: float | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """The answer for a code of `schemas.errors.CODES`."""
    extra = dict(headers or {})
    if retry_after_seconds is not None:
        extra["Retry-After"] = str(max(1, math.ceil(retry_after_seconds)))
    return Response(
        problem_bytes(code, path, receipt, findings),
        status_code=CODES[code].status,
        media_type=PROBLEM_TYPE,
        headers=extra,
    )


def problem_for(error: Exception) -> Response:
    """The answer for an error: ours by its code, anything else INTERNAL and a log event."""
    match error:
        case Rejected():
            return problem(error.code, error.path)
        case Unavailable():
            return problem(error.code, retry_after_seconds=error.retry_after_seconds)
        case HTTPException():
            allow = (error.headers or {}).get("Allow")
            code = _FOR_STATUS.get(error.status_code, "REQUEST_INVALID" if error.status_code < 500 else "INTERNAL")
            return problem(code, headers={"Allow": allow} if allow else None)
        case RequestValidationError():
            return problem("REQUEST_INVALID")  # its places and inputs are the caller's text
    log.error("fault" if isinstance(error, Fault) else "unforeseen", error)
    return problem("INTERNAL")


def install(app: FastAPI) -> None:
    """Make every answer of `app` that is not a success a problem document, and give every answer safe headers."""

    async def answer(_request: Request, error: Exception) -> Response:
        return problem_for(error)

    for kind in (Rejected, Unavailable, Fault, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)
    app.add_middleware(_Shell)


class _Shell:
    """Outermost of ours: adds headers, and turns what nobody caught into INTERNAL without echoing it anywhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = [(name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(pair for pair in self._headers if pair[0] not in present),
                ]
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception as error:  # the last place: nothing may go on to the server
            response = problem_for(error)
            if started:
                raise Fault("an answer broke off") from error
            await response(scope, receive, guarded)
