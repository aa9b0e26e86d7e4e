"""How the hub's spans find each other: the acceptance of a message has ids that any process of the hub can work out.

They are a keyed digest of its index, so nothing of a trace is kept with a message, in the database or in memory, and a
collector learns nothing from them that the index does not say (docs/adr/0099).
"""

from collections.abc import Iterable

from hub.wiring import Hub
from service.tracing import HEADER, Span, derived

_HEADER = HEADER.encode()


def sent(hub: Hub, headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, ...]:
    """The context a caller sent, as links; whatever it is, no more than a link."""
    if not hub.tracing.on:
        return ()
    return tuple(value.decode("latin-1") for name, value in headers if name == _HEADER)[:1]


def accepted(hub: Hub, index: int, span: Span) -> None:
    """The message of this index was appended, in the course of this span."""
    if hub.tracing.on:
        hub.tracing.mark("hub.append", _context(hub, index), [span.context], index=index)


def of(hub: Hub, indices: Iterable[int]) -> tuple[str, ...]:
    """What the acceptances of these messages are linked to by."""
    return tuple(_context(hub, index) for index in indices) if hub.tracing.on else ()


def _context(hub: Hub, index: int) -> str:
    return derived(hub.at_rest.lookup("trace", str(index)))
