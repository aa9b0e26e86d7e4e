"""Templates and static files: HTML with everything escaped, and files under names that say what is in them.

Guarantees that no page has an inline script or style, that a page may load nothing but this hub's own static files and
may not be framed (`PAGE_HEADERS`), and that a static file's address holds its digest, so that it may be kept for ever.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hub.console import words

FOLDER = Path(__file__).parent
STATIC_PATH = "/console/static"

PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Content-Security-Policy": (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    }
)
"""On every page."""

_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as served."""

    body: bytes
    media_type: str
    etag: str


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Every file that pages use, by its name with its digest: `<16 hex>/<name>`. Read once."""
    found = {}
    for path in sorted((FOLDER / "static").iterdir()):
        if path.suffix in _TYPES:
            body = path.read_bytes()
            digest = hashlib.sha256(body).hexdigest()
            found[f"{digest[:16]}/{path.name}"] = StaticFile(body, _TYPES[path.suffix], f'"{digest}"')
    return MappingProxyType(found)


def render(template: str, **context: object) -> str:
    """A page's HTML."""
    return _environment().get_template(template).render(context)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    addresses = {key.partition("/")[2]: f"{STATIC_PATH}/{key}" for key in static_files()}
    environment.globals.update(static=addresses, words=words)
    return environment
