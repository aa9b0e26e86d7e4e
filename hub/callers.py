"""Who calls: the partner behind a signed request, and that neither an address nor a partner asks too much."""

from starlette.requests import Request

from hub.wiring import Hub
from schemas.errors import Rejected


async def caller(hub: Hub, request: Request, body_sha256: bytes | None = None) -> str:
    """The partner that signed the request.

    Args:
        hub: the open hub.
        request: as received.
        body_sha256: of the body that is to come; None without one.

    Raises:
        Rejected: REQUEST_UNSIGNED, KEY_UNKNOWN, KEY_INACTIVE; counted against the address.
        Unavailable: RATE_LIMITED, of the address or of the partner.
    """
    address, now = request.client.host if request.client else "", hub.monotonic()
    hub.failures.check(address, now)
    await hub.directories.fresh()
    try:
        partner = hub.caller(request.method, target(request), request.headers, body_sha256)
    except Rejected as refusal:
        hub.failures.take(address, now)
        hub.metrics.turned_away.inc()
        hub.metrics.refusal(refusal.code)
        raise
    hub.requests.spend(partner, now)
    return partner


def target(request: Request) -> str:
    """Path and query of a request as received: what its signature covers, behind our own address."""
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")
