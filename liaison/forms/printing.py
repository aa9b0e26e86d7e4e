"""HTML to PDF: the one place that knows WeasyPrint (docs/adr/0083).

Guarantees that nothing is fetched, neither from a network nor from a disk; that the same page, on the same machine,
gives the same bytes, for the file names no time; that a text is printed in full or not at all: signs for which no
font is there are a refusal that says which package brings one, never empty boxes. WeasyPrint's own log, which repeats
texts, is not let through.
"""

import logging
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from schemas.errors import Fault

if TYPE_CHECKING:
    from weasyprint.document import Document
    from weasyprint.urls import URLFetcher, URLFetcherResponse

LIBRARIES: Final = ("libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0")
"""Debian packages with the libraries WeasyPrint loads."""

FONTS: Final = "fonts-dejavu-core"
"""Debian package with the fonts the forms are set in: Latin, Cyrillic, Greek, Georgian, Armenian letters."""

MORE_FONTS: Final = "fonts-noto-core"
"""For scripts that the first has no signs of."""

_WITH_DEJAVU = ("LATIN", "CYRILLIC", "GREEK", "GEORGIAN", "ARMENIAN")


@dataclass(frozen=True, slots=True)
class Printed:
    """A PDF and how many pages it has."""

    pdf: bytes
    pages: int


def pdf(page: str, identifier: bytes) -> Printed:
    """Print a page.

    Args:
        page: HTML that needs nothing from outside.
        identifier: becomes the file's identifier; the same for the same content.

    Raises:
        Fault: a library or a font is missing; the text names the package.
    """
    with _silence():
        try:
            from weasyprint import HTML  # noqa: PLC0415 - half a second that no other command pays
            from weasyprint.text.ffi import harfbuzz_subset  # noqa: PLC0415
        except OSError:
            raise Fault(missing_libraries()) from None
        if harfbuzz_subset is None:
            raise Fault(missing_libraries())
        document = HTML(string=page, url_fetcher=_refusing()).render()
        printed = document.write_pdf(pdf_identifier=identifier)
        unprintable = _missing(document)
    if unprintable:
        raise Fault(missing_fonts(unprintable))
    if printed is None:  # only with a target to write to
        raise Fault("WeasyPrint gave no file")
    return Printed(printed, len(document.pages))


def missing_libraries() -> str:
    """What to install when a library cannot be loaded."""
    return f"printing needs Pango and HarfBuzz; on Debian: apt-get install {' '.join(LIBRARIES)}"


def missing_fonts(signs: Iterable[int]) -> str:
    """What to install for these code points; says scripts, for the signs themselves are somebody's name."""
    scripts = sorted({unicodedata.name(chr(sign), "UNKNOWN").partition(" ")[0] for sign in signs})
    package = FONTS if set(scripts) & set(_WITH_DEJAVU) else MORE_FONTS
    return f"no font here has signs of {', '.join(scripts)}; on Debian: apt-get install {package}"


def _missing(document: "Document") -> list[int]:
    """Code points that no font had a sign for, as WeasyPrint counted them while drawing."""
    return sorted({point for font in document.fonts.values() for point in font.missing})


def _refusing() -> "URLFetcher":
    """A fetcher that fetches nothing, and makes trying a failure."""
    from weasyprint.urls import FatalURLFetchingError, URLFetcher  # noqa: PLC0415 - see `pdf`

    class Refusing(URLFetcher):  # type: ignore[misc] # published without types
        """A page that asks for anything from outside is not printed."""

        def fetch(self, url: str, headers: object = None) -> "URLFetcherResponse":  # noqa: ARG002
            raise FatalURLFetchingError("a form fetches nothing")

    return Refusing()


@contextmanager
def _silence() -> Iterator[None]:
    """No line of WeasyPrint's or fontTools' log reaches anybody: it quotes what is printed."""
    loggers = [logging.getLogger(name) for name in ("weasyprint", "weasyprint.progress", "fontTools")]
    before = [logger.disabled for logger in loggers]
    for logger in loggers:
        logger.disabled = True
    try:
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled
