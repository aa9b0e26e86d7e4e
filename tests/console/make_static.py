"""Makes what is vendored in hub/console/static from the two npm packages, and the manifest a test holds it to.

    npm pack govuk-frontend@6.3.0 htmx.org@4.0.1
    python tests/console/make_static.py govuk-frontend-6.3.0.tgz htmx.org-4.0.1.tgz

htmx is taken as it is. Of GOV.UK Frontend the stylesheet alone is taken, without what only that government may use: its
font, crown and crest. The licence texts are the packages' own; GOV.UK Frontend's package has none, so LICENCE_GOVUK,
from its repository, lies beside the script's output and is kept.
"""

import hashlib
import json
import re
import sys
import tarfile
from pathlib import Path

STATIC = Path(__file__).resolve().parents[2] / "hub" / "console" / "static"
FONTS = 'system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif'


def adapted(css: str) -> str:
    css = re.sub(r"@font-face\{[^}]*\}", "", css)
    css = css.replace("GDS Transport,arial,sans-serif", FONTS)
    css = re.sub(r"[^{}]*\{[^{}]*(?:govuk-crest|/assets/)[^{}]*\}", "", css)
    css = re.sub(r"\.govuk-footer__crown\{[^{}]*\}", "", css)
    return re.sub(r"\s*/\*# sourceMappingURL=.*?\*/\s*", "\n", css)


def member(package: tarfile.TarFile, name: str) -> bytes:
    file = package.extractfile(f"package/{name}")
    assert file is not None
    return file.read()


def entry(name: str, package: str, version: str, licence: str, source: bytes, *, changed: str = "") -> dict[str, str]:
    made = {
        "file": name,
        "package": package,
        "version": version,
        "licence": licence,
        "sha256": hashlib.sha256((STATIC / name).read_bytes()).hexdigest(),
    }
    return made | ({"changed": changed, "sha256_before": hashlib.sha256(source).hexdigest()} if changed else {})


def main(govuk: str, htmx: str) -> None:
    with tarfile.open(govuk) as package:
        css = member(package, "dist/govuk/govuk-frontend.min.css")
    with tarfile.open(htmx) as package:
        script, licence = member(package, "dist/htmx.min.js"), member(package, "LICENSE")
    (STATIC / "govuk-frontend.min.css").write_text(adapted(css.decode()), encoding="utf-8")
    (STATIC / "htmx.min.js").write_bytes(script)
    (STATIC / "LICENCE_HTMX").write_bytes(licence)
    changed = "without the GDS Transport font, crown and crest; with the system's fonts"
    manifest = [
        entry("govuk-frontend.min.css", "govuk-frontend", "6.3.0", "MIT (LICENCE_GOVUK)", css, changed=changed),
        entry("htmx.min.js", "htmx.org", "4.0.1", "0BSD (LICENCE_HTMX)", script),
    ]
    (STATIC / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
