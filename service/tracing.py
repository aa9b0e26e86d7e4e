"""Traces: what a program did with a message and how long it took, for a collector (OTLP over HTTP). Off by default.

Every span is the root of its own trace and *links* to what it follows from: a message rests in a log, a broker and a
database between two programs, and authorities do not choose each other's trace ids (docs/adr/0099). Guarantees that
no span has an attribute which is not listed, that an error is a flag and never its words, that nothing of a trace is
stored in a database, and that while it is off nothing is imported, allocated or sent.
"""

import re
from collections import OrderedDict
from collections.abc import Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypeAlias, cast
from urllib.parse import urlsplit

from schemas.errors import Rejected
from service.server import is_loopback

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.id_generator import IdGenerator
    from opentelemetry.trace import Link, SpanContext
    from opentelemetry.trace import Span as OtelSpan

Value: TypeAlias = str | int | tuple[int, ...]
Kind: TypeAlias = Literal["internal", "server", "client", "producer", "consumer"]

HEADER = "traceparent"
ATTRIBUTES = frozenset({"index", "kind", "partner", "count", "code"})
"""Every attribute a span may have, below `liaison.`; none is filled with anything a partner wrote freely."""

INDICES_MAX, LINKS_MAX, REMEMBERED_MAX = 64, 64, 4096
EXPORT_SECONDS, FLUSH_MILLISECONDS = 5, 2000
_TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}", re.ASCII)


class Span:
    """A span under way; of tracing that is off, one that does nothing. Ends with its `with` block."""

    __slots__ = ("_span",)

    def __init__(self, span: "OtelSpan | None") -> None:
        self._span = span

    @property
    def context(self) -> str:
        """What others link to, as the header's value; empty while tracing is off."""
        if self._span is None:
            return ""
        found = self._span.get_span_context()
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"

    def set(self, **attributes: Value) -> None:
        """More attributes."""
        if self._span is not None:
            for name, value in _listed(attributes).items():
                self._span.set_attribute(name, value)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._span is None:
            return
        if kind is not None:
            from opentelemetry.trace import StatusCode  # noqa: PLC0415 - as in `open_tracing`

            self._span.set_status(StatusCode.ERROR)
        self._span.end()


_NOTHING = Span(None)


class Tracing:
    """The spans of one program. Used by one event loop."""

    def __init__(self, provider: "TracerProvider | None" = None, ids: "_Ids | None" = None) -> None:
        self._provider = provider
        self._ids = ids
        self._tracer = None if provider is None else provider.get_tracer("liaison")
        self._remembered: OrderedDict[object, str] = OrderedDict()

    @property
    def on(self) -> bool:
        """Whether anything is recorded; for callers whose arguments would cost something."""
        return self._tracer is not None

    def span(self, name: str, role: Kind = "internal", links: Iterable[str] = (), /, **attributes: Value) -> Span:
        """A span from now to the end of its `with` block.

        Args:
            name: fixed words with a dot.
            role: OpenTelemetry's kind of span.
            links: contexts of what it follows from; any that is none is left out, and all past `LINKS_MAX`.
            attributes: of `ATTRIBUTES`.
        """
        if self._tracer is None:
            return _NOTHING
        from opentelemetry.context import Context  # noqa: PLC0415 - as in `open_tracing`
        from opentelemetry.trace import SpanKind  # noqa: PLC0415

        return Span(
            self._tracer.start_span(
                name,
                Context(),  # a root, whatever else runs here
                SpanKind[role.upper()],
                attributes=_listed(attributes),
                links=_links(links),
            )
        )

    def mark(self, name: str, context: str, links: Iterable[str] = (), /, **attributes: Value) -> None:
        """A span that is over at once, under ids that others can work out for themselves (`derived`)."""
        found = _TRACEPARENT.fullmatch(context)
        if self._ids is None or found is None:
            return
        self._ids.given = (int(found[1], 16), int(found[2], 16))
        with self.span(name, "internal", links, **attributes):
            pass

    def remember(self, key: object, context: str) -> None:
        """Keep a context in memory for a later step of this process, among the last `REMEMBERED_MAX`."""
        if context:
            self._remembered[key] = context
            if len(self._remembered) > REMEMBERED_MAX:
                self._remembered.popitem(last=False)

    def recall(self, key: object) -> str:
        """What was kept; empty when nothing is."""
        return self._remembered.get(key, "")

    def close(self) -> None:
        """What is recorded is sent, or given up after a short while."""
        if self._provider is not None:
            self._provider.force_flush(FLUSH_MILLISECONDS)
            self._provider.shutdown()


def open_tracing(program: str, endpoint: str, share: float = 1.0) -> Tracing:
    """Tracing that sends to this collector; off without one.

    Args:
        program: the service's name.
        endpoint: `https://host:port/v1/traces`; plain HTTP on loopback alone. Empty: off.
        share: of traces that are recorded, 0 to 1; by trace id, so that all processes of a hub choose the same.

    Raises:
        Rejected: TLS_REQUIRED; NOT_FOUND when the parts of the extra `otel` are not installed.
    """
    if not endpoint:
        return Tracing()
    address = urlsplit(endpoint)
    if address.scheme != "https" and (address.scheme != "http" or not is_loopback(address.hostname or "")):
        raise Rejected("TLS_REQUIRED", "/otlp_endpoint")
    try:
        import requests  # noqa: PLC0415 - only where traces are sent; brought by the exporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.sdk.trace.sampling import TraceIdRatioBased  # noqa: PLC0415
    except ImportError as error:
        raise Rejected("NOT_FOUND", "/otlp_endpoint") from error
    session = requests.Session()
    session.trust_env = False  # no proxy of the environment, as everywhere here
    ids = _Ids()
    provider = TracerProvider(
        sampler=TraceIdRatioBased(share),
        resource=Resource.create({"service.name": program}),
        shutdown_on_exit=False,
        id_generator=cast("IdGenerator", ids),
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS, session=session)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider, ids)


def derived(secret: bytes) -> str:
    """The context whose ids are the first 24 bytes of a keyed digest: whoever holds the key can link to it."""
    return f"00-{secret[:16].hex()}-{secret[16:24].hex()}-01"


class _Ids:
    """Random ids, unless the next span's were given."""

    def __init__(self) -> None:
        from opentelemetry.sdk.trace.id_generator import RandomIdGenerator  # noqa: PLC0415 - as in `open_tracing`

        self._random = RandomIdGenerator()
        self.given: tuple[int, int] | None = None

    def generate_trace_id(self) -> int:
        """As OpenTelemetry asks for it, before the span's."""
        return self._random.generate_trace_id() if self.given is None else self.given[0]

    def generate_span_id(self) -> int:
        """As OpenTelemetry asks for it, last."""
        given, self.given = self.given, None
        return self._random.generate_span_id() if given is None else given[1]

    def is_trace_id_random(self) -> bool:
        """Whether a trace id's last bits are random; a keyed digest's are as good."""
        return True


def _links(contexts: Iterable[str]) -> "list[Link]":
    from opentelemetry.trace import Link  # noqa: PLC0415 - as in `open_tracing`

    found = [_context(context) for context in dict.fromkeys(contexts)]
    return [Link(context) for context in found if context is not None][:LINKS_MAX]


def _context(text: str) -> "SpanContext | None":
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415 - as in `open_tracing`

    found = _TRACEPARENT.fullmatch(text)
    if found is None:
        return None
    return SpanContext(int(found[1], 16), int(found[2], 16), is_remote=True, trace_flags=TraceFlags(1))


def _listed(attributes: dict[str, Value]) -> dict[str, Value]:
    if attributes.keys() - ATTRIBUTES:
        raise ValueError("a span has an attribute that is not listed")
    return {
        f"liaison.{name}": value[:INDICES_MAX] if isinstance(value, tuple) else value
        for name, value in attributes.items()
    }
