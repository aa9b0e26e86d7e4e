"""Deliveries that are posted: one POST a message, `Idempotency-Key` is its digest (why which status: docs/adr/0056).

    2xx, 409        the national system has it (409: it had it before)
    400, 406, 410,  it can never use it: rejected for good
    411, 413-417, 422
    anything else   not now. 401, 403, 404, 405, 407, 421, 451 and redirects are our settings' fault, or somebody's
                    between: a message is not lost for that

Guarantees that what was answered is remembered before the edge is told, so that it is not posted again, and that plain
HTTP goes to loopback alone. An answer that is lost means one more POST with the same key.
"""

from contextlib import AsyncExitStack
from email.utils import parsedate_to_datetime

from adapters.channels.rest.journal import Journal, Word
from adapters.channels.rest.offers import answer, as_message
from adapters.channels.rest.options import RestOptions
from adapters.contract import Delivery, HandOver, RetryAfter
from keys.custody import read_passphrase
from schemas.errors import Rejected, Unavailable
from service.client import Session, call, open_session
from service.clock import utc_now
from service.logs import log

HAS_IT = 409
NEVER = frozenset({400, 406, 410, 411, 413, 414, 415, 416, 417, 422})


class Webhook:
    """The other side of the POSTs."""

    def __init__(self, url: str, options: RestOptions, journal: Journal) -> None:
        self._url = url
        self._options = options
        self._journal = journal
        self._session: Session | None = None
        self._stack = AsyncExitStack()
        self._headers: dict[str, str] = {}

    async def open(self) -> None:
        """Ready to post. Raises Unavailable when the token or the authorities cannot be read."""
        await self.close()
        try:
            self._headers = {"Content-Type": "application/json"}
            if self._options.webhook_token_file is not None:
                token = read_passphrase(self._options.webhook_token_file).decode("ascii")
                self._headers["Authorization"] = f"Bearer {token}"
            self._session = await self._stack.enter_async_context(
                open_session(
                    authorities=self._options.webhook_authorities,
                    connections_max=self._options.deliveries_at_once,
                )
            )
        except Rejected as error:
            raise Unavailable(error.code, self._options.retry_seconds) from error
        except (OSError, ValueError) as error:  # no such file, no certificate in it, no ASCII
            raise Unavailable("KEY_FILE_INVALID", self._options.retry_seconds) from error

    async def close(self) -> None:
        """Connections are closed; may be called twice."""
        self._session = None
        await self._stack.aclose()

    async def hand_over(self, delivery: Delivery) -> HandOver:
        """What the national system answered."""
        word = self._journal.word(delivery.digest)
        if word is not None and word.state != "offered":
            return answer(word)
        if self._session is None:
            return RetryAfter(self._options.retry_seconds)
        try:
            got = await call(
                self._session,
                "POST",
                self._url,
                headers={**self._headers, "Idempotency-Key": delivery.digest},
                body=as_message(delivery),
                bytes_max=self._options.answer_bytes_max,
                seconds=self._options.webhook_seconds,
            )
        except (Unavailable, Rejected) as error:
            log.warning("channel.rest.webhook", code=error.code)
            return RetryAfter(self._options.retry_seconds)
        if 200 <= got.status < 300 or got.status == HAS_IT:
            return answer(self._journal.settle(delivery.digest, Word("accepted")))
        if got.status in NEVER:
            return answer(self._journal.settle(delivery.digest, Word("rejected", "CHANNEL_REJECTED")))
        log.warning("channel.rest.webhook", status=got.status)
        return RetryAfter(self._seconds(got.headers.get("retry-after", "")))

    def _seconds(self, header: str) -> float:
        """What `Retry-After` asks for (RFC 9110 section 10.2.3), within bounds; ours when it asks for nothing."""
        longest = self._options.retry_after_seconds_max
        if header.isascii() and header.isdigit():
            return min(float(header[:9]), longest)
        try:
            at = parsedate_to_datetime(header)
        except ValueError:
            return self._options.retry_seconds
        if at.tzinfo is None:
            return self._options.retry_seconds
        return min(max((at - utc_now()).total_seconds(), 0.0), longest)
