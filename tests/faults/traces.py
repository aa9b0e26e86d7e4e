"""Looks for known texts and bytes in anything, in every form they could have been written down in.

Plain in any case, UTF-16, hexadecimal, Base64 at each of its three alignments in both alphabets, JSON's and URL's
escapes; also inside whatever zlib or gzip stream lies there.
"""

import base64
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

INFLATED_BYTES_MAX = 4 * 1024**2
CHUNK_BYTES = 32
_STREAM = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08", re.DOTALL)


class Traces:
    """Canaries by name: a text, or bytes of which any piece counts."""

    def __init__(self, canaries: Mapping[str, str | bytes]) -> None:
        self._forms: dict[str, list[bytes]] = {}
        self._plain: dict[str, list[bytes]] = {}
        for name, canary in canaries.items():
            if isinstance(canary, str):
                self._plain[name] = [canary.lower().encode()]
                self._forms[name] = sorted(set(_written(canary.encode())) | set(_spelled(canary)))
            else:
                places = (0, len(canary) // 2, len(canary) - CHUNK_BYTES)
                chunks = [canary[at : at + CHUNK_BYTES] for at in places]
                self._forms[name] = [form for chunk in chunks for form in (chunk, *_written(chunk))]

    def found(self, data: bytes) -> set[str]:
        """The names of canaries that are in there."""
        found = self._found(data)
        for stream in _streams(data):
            found |= self._found(stream)
        return found

    def in_files(self, paths: Iterable[Path]) -> set[tuple[str, str]]:
        """Name and file of every canary in these files' bytes or names."""
        return {
            (name, str(path))
            for path in paths
            for name in self.found(path.read_bytes()) | self.found(path.name.encode())
        }

    def _found(self, data: bytes) -> set[str]:
        lower = data.lower()
        found = {name for name, forms in self._forms.items() if any(form in data for form in forms)}
        return found | {name for name, forms in self._plain.items() if any(form in lower for form in forms)}


def files_below(*folders: Path) -> Iterator[Path]:
    """All files there."""
    for folder in folders:
        yield from (path for path in sorted(folder.rglob("*")) if path.is_file())


def _written(raw: bytes) -> Iterator[bytes]:
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw)
        inner = whole[-(-shift * 8 // 6) :].rstrip(b"=")
        inner = inner[: len(raw) * 8 // 6 - 1]  # what depends on these bytes alone
        yield inner
        yield inner.replace(b"+", b"-").replace(b"/", b"_")


def _spelled(text: str) -> Iterator[bytes]:
    for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
        yield text.encode(encoding)
    yield json.dumps(text).strip('"').encode()
    yield "".join(f"\\u{ord(letter):04x}" for letter in text).encode()
    yield quote(text).encode()


def _streams(data: bytes) -> Iterator[bytes]:
    for start in _STREAM.finditer(data):
        try:
            yield zlib.decompressobj(47).decompress(data[start.start() :], INFLATED_BYTES_MAX)
        except zlib.error:
            continue
