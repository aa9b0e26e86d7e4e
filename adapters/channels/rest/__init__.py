"""The REST channel: plain JSON in; out by long poll with lease and acknowledgement, or by webhook.

| request | answer |
|---|---|
| `POST /v1/submissions`, `Idempotency-Key: NAME` | 202 `{"id", "case_handle"}`, `state` when held; again, the same |
| `GET /v1/submissions/{id}` | `state`: held, queued, accepted, refused; a state and code a recipient; the receipt |
| `PUT /v1/attachments/{sha256}` | 201, or 200 when it lies here; before the submission that names it |
| `GET /v1/deliveries?wait=SECONDS&max=N` | `{"lease_seconds", "deliveries": [...]}` |
| `POST /v1/deliveries/{digest}/ack`, `/reject` | 204; reject takes `{"code": CODE}` |
| `GET /v1/deliveries/{digest}/files/{sha256}` | its attachments, until it is acknowledged |

Guarantees exactly-once hand-over by contract: a delivery is named by its digest in every form, what was acknowledged
is never given out again, and a national system that dies in between recognises the digest (settled.md, Delivery).
There is no default token: without the file, nobody is let in. TLS is the server's (`service.server`).
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from starlette.routing import BaseRoute

from adapters.channels.options import load
from adapters.channels.rest.journal import Journal
from adapters.channels.rest.offers import Offers
from adapters.channels.rest.options import TOKEN_FILE, RestOptions
from adapters.channels.rest.posted import PostedSubmissions
from adapters.channels.rest.routes import Addresses
from adapters.channels.rest.staging import Staging
from adapters.channels.rest.webhook import Webhook
from adapters.contract import Check, Delivery, HandOver, Inbound, Manifest, Place, Progress, RetryAfter, Unreadable
from keys.custody import read_passphrase
from schemas.errors import Rejected, Unavailable


class RestChannel:
    """See the module."""

    def __init__(self, options: RestOptions, place: Place) -> None:
        self.options = options
        self.token_digest: bytes | None = None
        self._folder = place.folder
        self.journal = Journal(place.folder / "rest.db", days=options.journal_days)
        self.staging = Staging(
            place.folder / "attachments", bytes_max=options.staged_bytes_max, hours=options.staged_hours
        )
        self.posted = PostedSubmissions(
            self.journal, waiting_max=options.waiting_max, settle_seconds=options.settle_seconds
        )
        self.offers = Offers(
            self.journal,
            offer_seconds=options.offer_seconds,
            lease_seconds=options.lease_seconds,
            bytes_max=options.pull_bytes_max,
        )
        self._webhook = Webhook(options.webhook_url, options, self.journal) if options.webhook_url else None

    def __repr__(self) -> str:
        return f"RestChannel({'webhook' if self._webhook else 'pull'})"

    @property
    def manifest(self) -> Manifest:
        """What it is; its secrets by the option that says where each lies."""
        return Manifest(
            "rest",
            "1",
            frozenset({"in", "out"}),
            secrets=("token_file", "webhook_token_file") if self._webhook else ("token_file",),
            deliveries_at_once=self.options.deliveries_at_once,
        )

    def routes(self) -> Sequence[BaseRoute]:
        """The addresses of the module's table."""
        return Addresses(self).routes()

    async def connect(self) -> None:
        """Open to whoever shows the token. Raises Unavailable: SECRET_EXPOSED, KEY_FILE_INVALID, STORE_UNAVAILABLE."""
        self.token_digest = None
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable("STORE_UNAVAILABLE", self.options.retry_seconds) from error
        try:
            token = read_passphrase(self._token_file)
        except Rejected as error:
            raise Unavailable(error.code, self.options.retry_seconds) from error
        self.journal.open()
        self.staging.open()
        if self._webhook is not None:
            await self._webhook.open()
        self.token_digest = hashlib.sha256(token).digest()
        self.offers.open()
        self.posted.open()

    async def receive(self) -> Inbound | Unreadable:
        """The next submission posted; what cannot be read was answered at the door."""
        return await self.posted.next()

    async def deliver(self, delivery: Delivery) -> HandOver:
        """Somebody asked for it and answered, or the webhook did; or it was answered before."""
        try:
            if self._webhook is None:
                return await self.offers.hand_over(delivery)
            with self.offers.showing(delivery):
                return await self._webhook.hand_over(delivery)
        except Unavailable as error:
            return RetryAfter(error.retry_after_seconds)

    async def report(self, progress: Progress) -> None:
        """`GET /v1/submissions/{id}` says so. Raises Unavailable."""
        self.journal.progress(progress)

    async def probe(self) -> Sequence[Check]:
        """Each secret's file, our own folder, and whether the webhook's authorities can be read."""
        checks = [_secret("token_file", self._token_file)]
        if self._webhook is not None and self.options.webhook_token_file is not None:
            checks.append(_secret("webhook_token_file", self.options.webhook_token_file))
        authorities = self.options.webhook_authorities
        if authorities is not None:
            checks.append(Check("webhook_authorities", "ok" if os.access(authorities, os.R_OK) else "KEY_FILE_INVALID"))
        usable = self._folder.is_dir() and os.access(self._folder, os.R_OK | os.W_OK | os.X_OK)
        checks.append(Check("folder", "ok" if usable else "STORE_UNAVAILABLE"))
        return checks

    async def drain(self) -> None:
        """Submissions are answered 503; deliveries under way may still be acknowledged."""
        self.posted.shut()

    async def close(self) -> None:
        """Nobody is let in; what waits is told to come again."""
        self.token_digest = None
        self.posted.end()
        self.offers.end()
        if self._webhook is not None:
            await self._webhook.close()
        self.journal.close()

    @property
    def _token_file(self) -> Path:
        return self.options.token_file or self._folder.parent.parent / TOKEN_FILE  # DATA/channels/NAME


def open_channel(place: Place) -> RestChannel:
    """The channel of a place. Raises Rejected for an option that is not one."""
    return RestChannel(load(RestOptions, place.options), place)


def _secret(name: str, path: Path) -> Check:
    try:
        read_passphrase(path)
    except Rejected as error:
        return Check(name, error.code)
    return Check(name, "ok")
