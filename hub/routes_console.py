"""The pages for officers and auditors (docs/console.md). They work without JavaScript and load nothing from elsewhere.

Guarantees that an officer sees the own partner's cases and nothing of others', not even that there is something; that a
case's page is sent only once its viewing is a leaf; that an auditor sees every leaf and no case; that each sees an
unknown address where the other's pages are; that a link's token is spent by a press of a button, never by a preview;
that no form is taken that another site sent; and that no answer repeats what was asked.
"""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeAlias
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from hub.cases.reading import Cursor, agreed_clocks, case_of, cases_of, fold, next_clock, not_handed_over
from hub.cases.suspension import suspended, turns
from hub.console import accounts, chart, words
from hub.console.accounts import Viewer
from hub.console.log_entries import counts, newest
from hub.console.pages import Show
from hub.console.rendering import PAGE_HEADERS, STATIC_PATH, render, static_files
from hub.console.views import record_view
from hub.wiring import Hub
from keys.proofs.checkpoint import read_checkpoint
from keys.proofs.leaf import EVENTS
from keys.proofs.merkle import leaf_hash
from keys.proofs.receipt import RECEIPT_TYPE, parse_receipt
from schemas.errors import CODES, Fault, LiaisonError, Rejected, Unavailable
from schemas.lifecycles import PROCEDURES
from service.logs import log

HOME, CASES, LOG, SIGN_IN = "/console/", "/console/cases", "/console/log", "/console/sign-in"
FORM_BYTES_MAX = 4096
_IMMUTABLE = "public, max-age=31536000, immutable"
_NUMBER = re.compile(r"[0-9]{1,15}", re.ASCII)
_PARTNER = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_CURSOR = re.compile(r"([0-9]{1,15})(?:-([0-9]{1,15}))?", re.ASCII)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_PERIODS = {"hour": (48, 1), "day": (30, 24)}

Page: TypeAlias = Callable[[Request], Awaitable[Response]]

_UNUSABLE = "This sign-in link cannot be used"
_TITLES = {
    400: "The request could not be understood",
    401: "You are not signed in",
    403: "This was not allowed",
    404: "There is nothing here",
    405: "This address cannot be used like that",
    429: "Too many attempts",
    503: "The hub cannot show this just now",
}


def routes(hub: Hub) -> list[BaseRoute]:
    """The routes."""
    console = Console(hub)
    pages: list[tuple[str, Page, str]] = [
        ("/", console.root, "GET"),
        (HOME, console.home, "GET"),
        (SIGN_IN, console.ask, "GET"),
        (SIGN_IN, console.sign_in, "POST"),
        ("/console/sign-out", console.sign_out, "POST"),
        (CASES, console.cases, "GET"),
        (f"{CASES}/{{row}}", console.case, "GET"),
        (LOG, console.log, "GET"),
        (f"{LOG}/{{index}}", console.entry, "GET"),
        (f"{LOG}/{{index}}/receipt", console.receipt, "GET"),
        (f"{STATIC_PATH}/{{name:path}}", console.static, "GET"),
    ]
    return [
        *(Route(path, console.answering(page), methods=[method]) for path, page, method in pages),
        Route("/console", _Elsewhere(console)),
        Route("/console/{rest:path}", _Elsewhere(console)),
    ]


class Console:
    """All pages of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        secure = hub.settings.url.startswith("https://")
        self._secure = secure
        self._cookie = "__Host-liaison" if secure else "liaison"

    # -- for both

    async def root(self, _: Request) -> Response:
        """The bare address leads to the pages."""
        return _to(HOME)

    async def home(self, request: Request) -> Response:
        """Where a viewer begins; without a session, how to get one."""
        viewer = await self._viewer(request)
        if viewer is None:
            return self._page("home.html", None, status=200)
        return _to(LOG if viewer.account.auditor else CASES)

    async def ask(self, request: Request) -> Response:
        """The page with the button. Opening it, as previews of links do, spends nothing."""
        token = _token(_one(request.query_params.multi_items(), "token"))
        self._hub.failures.check(_address(request), self._hub.monotonic())
        try:
            partner, account = accounts.linked_account(self._hub.reader, token, self._hub.clock())
        except Rejected:
            self._hub.failures.take(_address(request), self._hub.monotonic())
            raise
        return self._page("sign_in.html", None, token=token, partner=partner, account=account)

    async def sign_in(self, request: Request) -> Response:
        """The button was pressed: the link is spent, a session begins."""
        _same_site(request.headers)
        self._hub.failures.check(_address(request), self._hub.monotonic())
        try:
            session = await accounts.sign_in(self._hub, _token(await _form(request)))
        except Rejected:
            self._hub.failures.take(_address(request), self._hub.monotonic())
            raise
        answer = _to(HOME)
        self._set_cookie(answer, session, self._hub.settings.session_hours_max * 3600)
        return answer

    async def sign_out(self, request: Request) -> Response:
        """The session has ended, here and in the browser."""
        _same_site(request.headers)
        viewer = await self._viewer(request)
        if viewer is not None:
            await accounts.sign_out(self._hub, request.cookies[self._cookie], viewer)
        answer = _to(HOME)
        self._set_cookie(answer, "", 0)
        return answer

    async def static(self, request: Request) -> Response:
        """A static file; its address holds its digest, so it may be kept for ever."""
        found = static_files().get(request.path_params["name"])
        if found is None:
            raise Rejected("NOT_FOUND")
        headers = {"ETag": found.etag, "Cache-Control": _IMMUTABLE, "X-Content-Type-Options": "nosniff"}
        if request.headers.get("if-none-match") == found.etag:
            return Response(status_code=304, headers=headers)
        return Response(found.body, media_type=found.media_type, headers=headers)

    # -- officers

    async def cases(self, request: Request) -> Response:
        """The viewer's partner's cases: what is due first, or the newest first."""
        viewer = await self._officer(request)
        hub, query = self._hub, request.query_params
        order = "due" if query.get("order") == "due" else "newest"
        state = query.get("state") if query.get("state") in _STATES else None
        partner = query.get("partner") if _PARTNER.fullmatch(query.get("partner", "")) else None
        page = cases_of(
            hub.reader,
            viewer.partner,
            limit=hub.settings.page_rows_max,
            order="due" if order == "due" else "newest",
            begin=_cursor(query.get("after")),
            state=state,
            partner=partner,
        )
        show = self._show(viewer)
        waiting = not_handed_over(hub.reader, [row.row for row in page.rows])
        agreed = agreed_clocks(hub.reader, [row.row for row in page.rows])
        held = suspended(hub.reader, [row.row for row in page.rows])
        chosen = {"order": order, "state": state or "", "partner": partner or ""}
        following = None
        if page.after is not None:
            after = f"{page.after.row}" + ("" if page.after.due_at is None else f"-{page.after.due_at}")
            following = f"{CASES}?{urlencode({**chosen, 'after': after})}"
        return self._page(
            "cases.html",
            viewer,
            cases=[
                show.listed(
                    row,
                    fold(hub.reader, row.row) if row.row in waiting else None,
                    next_clock(row, agreed[row.row]),
                    suspended=row.row in held,
                )
                for row in page.rows
            ],
            chosen=chosen,
            states=_STATES,
            partners=[party for party in show.parties(sorted(hub.directories.current.partners)) if not party.you],
            you=show.party(viewer.partner),
            following=following,
            first=query.get("after") is None,
            live=f"{CASES}?{urlencode({**chosen, 'live': '1'})}",
            now=show.time(hub.clock()),
        )

    async def case(self, request: Request) -> Response:
        """One case: where it stands, what is due, and everything that became of its messages."""
        viewer = await self._officer(request)
        hub = self._hub
        row = _number(request.path_params["row"])
        found, handle = case_of(hub.reader, viewer.partner, row)
        await record_view(hub, viewer, row, handle)
        return self._page("case.html", viewer, case=self._show(viewer).case(found, turns(hub.reader, row)))

    # -- auditors

    async def log(self, request: Request) -> Response:
        """The log's leaves, newest first, and how many came when."""
        viewer = await self._auditor(request)
        hub, query = self._hub, request.query_params
        event = query.get("event") if query.get("event") in EVENTS else None
        partner = query.get("partner") if _PARTNER.fullmatch(query.get("partner", "")) else None
        index = query.get("index", "")
        below = int(index) + 1 if _NUMBER.fullmatch(index) else None
        found = newest(hub.reader, limit=hub.settings.page_rows_max, below=below, event=event, partner=partner)
        chosen = {"event": event or "", "partner": partner or "", "by": "day" if query.get("by") == "day" else "hour"}
        periods, hours = _PERIODS[chosen["by"]]
        now, show = hub.clock(), self._show(viewer)
        size, text = hub.reader.checkpoint()
        _, _, root = read_checkpoint(text)
        following = None if found.below is None else f"{LOG}?{urlencode({**chosen, 'index': str(found.below - 1)})}"
        return self._page(
            "log.html",
            viewer,
            leaves=[show.leaf(leaf) for leaf in found.leaves],
            chosen={**chosen, "index": str(below - 1) if below is not None else ""},
            events=words.EVENTS,
            partners=sorted(hub.directories.current.partners),
            following=following,
            first=below is None,
            live=f"{LOG}?{urlencode({**chosen, 'live': '1'})}",
            size=size,
            root=root.hex(),
            origin=hub.settings.origin,
            signed=show.time(hub.reader.leaf(size - 1).leaf.at),
            chart=chart.draw(counts(hub.reader, now - timedelta(hours=periods * hours), now), now, periods, hours),
            groups=words.GROUPS,
            other=f"{LOG}?{urlencode({**chosen, 'by': 'hour' if hours > 1 else 'day'})}",
        )

    async def entry(self, request: Request) -> Response:
        """One leaf with the proof that it stands in the signed log."""
        viewer = await self._auditor(request)
        hub, index = self._hub, _number(request.path_params["index"])
        stored = hub.reader.leaf(index)
        receipt = parse_receipt(hub.reader.receipt(index))
        _, size, root = read_checkpoint(receipt.checkpoint)
        statement = stored.leaf.statement
        refused = stored.leaf.event == "SubmissionRejection"  # a refused statement is not kept
        shown = self._show(viewer).entry(
            stored,
            receipt=receipt,
            hash_=leaf_hash(stored.raw),
            size=size,
            root=root,
            statement=None if statement is None or refused else hub.reader.statement(bytes.fromhex(statement)),
        )
        return self._page("entry.html", viewer, entry=shown, origin=hub.settings.origin)

    async def receipt(self, request: Request) -> Response:
        """The receipt of one leaf, to be checked anywhere."""
        await self._auditor(request)
        index = _number(request.path_params["index"])
        return Response(
            self._hub.reader.receipt(index),
            media_type=RECEIPT_TYPE,
            headers={"Content-Disposition": f'attachment; filename="receipt-{index}.txt"', "Cache-Control": "no-store"},
        )

    # -- what all do

    def answering(self, page: Page) -> Page:
        """The page, with errors as pages too."""

        async def answer(request: Request) -> Response:
            try:
                return await page(request)
            except Rejected as error:
                return self.problem(error, request.headers)
            except LiaisonError as error:
                log.error("page.failed", error)
                return self.problem(error, request.headers)
            except Exception as error:  # noqa: BLE001 - a person reads this answer too
                log.error("unforeseen", error)
                return self.problem(Fault("a page could not be made"), request.headers)

        return answer

    def problem(self, error: LiaisonError, headers: Headers) -> Response:
        """The page for an error: fixed words, and when to come again."""
        code = error.code if isinstance(error, Rejected | Unavailable) else "INTERNAL"
        status = CODES[code].status
        answer = self._page(
            "problem.html",
            None,
            status=status,
            title=_UNUSABLE if code == "SIGN_IN_INVALID" else _TITLES.get(status, "Something failed"),
            code=code,
            link=code == "SIGN_IN_INVALID",
        )
        if isinstance(error, Unavailable):
            answer.headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
        if status == 401 and "hx-request" in headers:
            answer.headers["HX-Redirect"] = HOME  # a page that refreshes itself, and whose session has ended
        return answer

    async def _viewer(self, request: Request) -> Viewer | None:
        active = "live" not in request.query_params
        return await accounts.signed_in(self._hub, request.cookies.get(self._cookie), active=active)

    async def _officer(self, request: Request) -> Viewer:
        viewer = await self._viewer(request)
        if viewer is None:
            raise Rejected("REQUEST_UNSIGNED")
        if viewer.account.auditor:
            raise Rejected("NOT_FOUND")
        return viewer

    async def _auditor(self, request: Request) -> Viewer:
        viewer = await self._viewer(request)
        if viewer is None:
            raise Rejected("REQUEST_UNSIGNED")
        if not viewer.account.auditor:
            raise Rejected("NOT_FOUND")
        return viewer

    def _show(self, viewer: Viewer) -> Show:
        hub = self._hub
        deadline = timedelta(hours=hub.settings.handover_deadline_hours)
        return Show(hub.directories.current, viewer.partner, hub.clock(), deadline)

    def _page(self, template: str, viewer: Viewer | None, *, status: int = 200, **context: object) -> Response:
        settings = self._hub.settings
        ahead = settings.test_clock_ahead_seconds
        html = render(template, viewer=viewer, hub_name=settings.name, clock_ahead=ahead, **context)
        return HTMLResponse(html, status, headers=dict(PAGE_HEADERS))

    def _set_cookie(self, answer: Response, value: str, seconds: int) -> None:
        answer.set_cookie(
            self._cookie, value, max_age=seconds, path="/", secure=self._secure, httponly=True, samesite="lax"
        )
        answer.headers["Cache-Control"] = "no-store"


class _Elsewhere:
    """Below the console's address, but no page of it, or not by this method."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = Rejected("NOT_FOUND" if scope["method"] in {"GET", "HEAD"} else "METHOD_NOT_ALLOWED")
        await self._console.problem(error, Headers(scope=scope))(scope, receive, send)


_STATES = {name: words.state(procedure.name, name) for procedure in PROCEDURES.values() for name in procedure.states}


def _same_site(headers: Headers) -> None:
    """A page of ours sent this form, by what the browser says of itself; else Rejected(CROSS_SITE)."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None:
        if site == "same-origin":
            return
    elif origin is not None and urlsplit(origin).netloc == headers.get("host"):
        return
    raise Rejected("CROSS_SITE")


async def _form(request: Request) -> str | None:
    """The one field of the sign-in form."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_BYTES_MAX:
            raise Rejected("CONTAINER_LIMIT")
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=4)
    except ValueError as error:
        raise Rejected("REQUEST_INVALID") from error
    found = fields.get("token", [])
    return found[0] if len(found) == 1 else None


def _one(items: list[tuple[str, str]], name: str) -> str | None:
    found = [value for key, value in items if key == name]
    return found[0] if len(found) == 1 else None


def _token(text: str | None) -> str:
    if text is None or _TOKEN.fullmatch(text) is None:
        raise Rejected("SIGN_IN_INVALID")
    return text


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise Rejected("NOT_FOUND")
    return int(text)


def _cursor(text: str | None) -> Cursor | None:
    found = _CURSOR.fullmatch(text or "")
    if found is None:
        return None
    return Cursor(int(found[1]), None if found[2] is None else int(found[2]))


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _to(path: str) -> Response:
    return RedirectResponse(path, 303, headers={"Cache-Control": "no-store"})
