"""The REST channel's options."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from adapters.channels.options import Count, Options, Seconds
from schemas.parts.attachment import ATTACHMENT_BYTES_MAX
from service.server import is_loopback

TOKEN_FILE = "channel-token"  # noqa: S105 - a file's name


class RestOptions(Options):
    """`[channels.NAME.options]`."""

    token_file: Path | None = None
    """What the national system shows us, mode 0600. Default: `channel-token` in the edge's data directory, where
    `liaison edge init` made one."""
    webhook_url: Annotated[str, Field(pattern=r"^https?://[!-~]{1,500}$")] | None = None
    """Where deliveries are posted; without it they are asked for. `http` on loopback alone."""
    webhook_token_file: Path | None = None
    """What we show the webhook, mode 0600. Default: no token."""
    webhook_authorities: Path | None = None
    """PEM file of the certification authorities trusted for the webhook; default: the system's."""
    webhook_seconds: Seconds = 30.0
    """For one POST, until its whole answer."""
    retry_seconds: Seconds = 5.0
    """After a failure that named no time."""
    retry_after_seconds_max: Seconds = 3600.0
    """The longest `Retry-After` that is obeyed."""
    answer_bytes_max: Count = 64 * 1024

    submission_bytes_max: Count = 1024**2
    waiting_max: Count = 64
    """Submissions at a time that the edge has not settled; more are answered 503."""
    settle_seconds: Seconds = 30.0
    """How long a POST waits for the edge; then 503, and the same again gives the answer."""
    body_seconds: Seconds = 60.0
    attachment_bytes_max: Count = ATTACHMENT_BYTES_MAX
    staged_bytes_max: Count = 512 * 1024**2
    """Uploaded attachments together, until they are swept."""
    staged_hours: Count = 24

    lease_seconds: Seconds = 60.0
    """So long a delivery that was given out is given to nobody else; then it is, unless it was acknowledged."""
    offer_seconds: Seconds = 3600.0
    """How long one hand-over waits for somebody to ask before the edge begins it anew."""
    deliveries_at_once: Annotated[int, Field(ge=1, le=1000)] = 32
    pull_bytes_max: Count = 8 * 1024**2
    journal_days: Annotated[int, Field(ge=31)] = 60
    """How long is remembered what was acknowledged: longer than any message lives."""

    @model_validator(mode="after")
    def _plain_http_is_for_loopback(self) -> Self:
        if self.webhook_url is not None:
            parts = urlsplit(self.webhook_url)
            if not parts.hostname or parts.username or parts.password:
                raise ValueError
            if parts.scheme == "http" and not is_loopback(parts.hostname):
                raise ValueError
        return self
