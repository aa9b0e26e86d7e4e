"""Who is signed in: one-time links, sessions, and the leaves they leave (settled.md, Accounts).

Guarantees that a link works once and for minutes only, that neither its token nor a session's is stored (SHA-256 alone:
both are 256 random bits), that a session ends by itself, and that it is worth no more than its account in the
directory's current version: what the registrar takes back ends at once. Making a link, signing in and signing out are
leaves, in the transaction of what they do; who it was stands in the leaf as a commitment.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from hub.log.batch import Answer, Batch, Draft, Sealed, Work
from hub.store.engine import Connection, guarded, transaction
from hub.store.reading import Reader
from hub.wiring import Hub
from keys.directory.directory import Directory
from keys.directory.records import Account
from schemas.errors import Rejected
from service.failpoints import reach

TOKEN_BYTES = 32
SECONDS_A_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at a page."""

    partner: str
    account: Account

    @property
    def actor(self) -> str:
        """As leaves commit to it."""
        return f"{self.partner}/{self.account.id}"


def account_of(directory: Directory, partner: str, account: str) -> Account:
    """The account, or Rejected(NOT_FOUND)."""
    found = directory.partner(partner).account(account) if directory.knows(partner) else None
    if found is None:
        raise Rejected("NOT_FOUND")
    return found


def new_token() -> str:
    """A fresh token: 256 random bits, as text for a URL or a cookie."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def linked(partner: str, account: Account, token: str, until: datetime) -> Work[int]:
    """Work: the token signs this account in until then; gives the leaf's index."""

    def work(batch: Batch) -> Answer[int]:
        _sweep(batch)
        batch.connection.execute(
            "INSERT INTO sign_in (digest, partner, account, until) VALUES (?, ?, ?, ?)",
            (_digest(token), partner, account.id, int(until.timestamp())),
        )
        index = batch.add(_draft("SignInLinked", Viewer(partner, account)))
        reach("hub.accounts.linked")
        return _gives(index)

    return work


def linked_account(reader: Reader, token: str, now: datetime) -> tuple[str, str]:
    """Partner and account of a link that still works, or Rejected(SIGN_IN_INVALID). Looks, and spends nothing."""
    with guarded():
        row = reader.connection.execute(
            "SELECT partner, account FROM sign_in WHERE digest = ? AND until > ?",
            (_digest(token), int(now.timestamp())),
        ).fetchone()
    if row is None:
        raise Rejected("SIGN_IN_INVALID")
    return row[0], row[1]


async def sign_in(hub: Hub, token: str) -> str:
    """The link is spent and a session begun; returns the session's token.

    Raises:
        Rejected: SIGN_IN_INVALID for a link that is unknown, spent or over, or whose account is gone.
        Unavailable: nothing happened, the link still works.
    """
    directory = await hub.directories.fresh()
    session = new_token()
    lifetime = timedelta(hours=hub.settings.session_hours_max)

    def work(batch: Batch) -> Answer[str]:
        _sweep(batch)
        row = batch.connection.execute(
            "SELECT partner, account FROM sign_in WHERE digest = ?", (_digest(token),)
        ).fetchone()
        if row is None:
            raise Rejected("SIGN_IN_INVALID")
        batch.connection.execute("DELETE FROM sign_in WHERE digest = ?", (_digest(token),))
        try:
            viewer = Viewer(row[0], account_of(directory, *row))
        except Rejected as refusal:
            raise Rejected("SIGN_IN_INVALID") from refusal
        batch.connection.execute(
            "INSERT INTO session (digest, partner, account, until, seen_at) VALUES (?, ?, ?, ?, ?)",
            (_digest(session), *row, batch.seconds + int(lifetime.total_seconds()), batch.seconds),
        )
        batch.add(_draft("SignedIn", viewer))
        reach("hub.accounts.signed_in")
        return _gives(session)

    return await hub.writer.submit(work)


async def signed_in(hub: Hub, session: str | None, *, active: bool) -> Viewer | None:
    """Who this session's token belongs to; None once it has ended, or when there is none.

    Args:
        hub: the hub.
        session: from the cookie.
        active: somebody asked, not a page by itself: the session does not count as idle from now.

    Raises:
        Unavailable: the directory may not be relied on just now.
    """
    if session is None:
        return None
    digest, now = _digest(session), int(hub.clock().timestamp())
    idle = hub.settings.session_idle_minutes * SECONDS_A_MINUTE
    with guarded():
        row = hub.connection.execute(
            "SELECT partner, account, seen_at FROM session WHERE digest = ? AND until > ? AND seen_at > ?",
            (digest, now, now - idle),
        ).fetchone()
    if row is None:
        return None
    directory = await hub.directories.fresh()
    try:
        viewer = Viewer(row[0], account_of(directory, row[0], row[1]))
    except Rejected:
        return None
    if active and now - row[2] >= SECONDS_A_MINUTE:
        _seen(hub.connection, digest, now)
    return viewer


async def sign_out(hub: Hub, session: str, viewer: Viewer) -> None:
    """The session has ended. Raises Unavailable when it could not be ended."""

    def work(batch: Batch) -> Answer[None]:
        gone = batch.connection.execute("DELETE FROM session WHERE digest = ?", (_digest(session),))
        if gone.rowcount:
            batch.add(_draft("SignedOut", viewer))
        return _gives_nothing

    await hub.writer.submit(work)


def _seen(connection: Connection, digest: bytes, now: int) -> None:
    with transaction(connection):
        connection.execute("UPDATE session SET seen_at = ? WHERE digest = ?", (now, digest))


def _sweep(batch: Batch) -> None:
    batch.connection.execute("DELETE FROM sign_in WHERE until <= ?", (batch.seconds,))
    batch.connection.execute("DELETE FROM session WHERE until <= ?", (batch.seconds,))


def _draft(event: str, viewer: Viewer) -> Draft:
    return Draft(event, source=viewer.partner, committed={"actor": viewer.actor})


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _gives(value: "int | str") -> Answer:  # type: ignore[type-arg]
    return lambda _: value


def _gives_nothing(_: Sealed) -> None:
    return None
