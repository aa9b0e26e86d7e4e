"""An officer or auditor for `demo --once`: opens a sign-in link, presses the button, and sees that a page comes.

Uses what a browser sends and keeps, on loopback alone.
"""

import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

from schemas.errors import Fault

SECONDS = 10
PAGE_BYTES_MAX = 1024 * 1024


def visit(link: str) -> str:
    """The first page after signing in with this link, as HTML. Raises Fault when none comes."""
    parts = urllib.parse.urlsplit(link)
    origin = f"{parts.scheme}://{parts.netloc}"
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    form = urllib.parse.urlencode(urllib.parse.parse_qsl(parts.query)).encode()
    with browser.open(link, timeout=SECONDS) as asked:
        asked.read(PAGE_BYTES_MAX)
    request = urllib.request.Request(  # noqa: S310 - an address on loopback that we made
        f"{origin}{parts.path}", form, {"Origin": origin, "Sec-Fetch-Site": "same-origin"}, method="POST"
    )
    with browser.open(request, timeout=SECONDS) as answer:
        page: str = answer.read(PAGE_BYTES_MAX).decode()
    if "<table" not in page:
        raise Fault("signing in showed no page")
    return page
