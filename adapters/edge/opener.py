"""Opens what was received: signatures, keys, payload, attachments, order; what holds is ready to be handed over.

Guarantees that a payload reaches a channel only when both signatures are by a pair of the source's that was valid when
the hub accepted it, header and payload agree, the payload passes its kind's rules and the safeguards, and every
attachment is there with its digest; that a message failing any of this is answered by a signed failure with the code;
that a reply whose question was not yet handed over waits, and goes on flagged once it has waited long enough.
"""

import asyncio
import io
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from adapters.edge.attachments import placing
from adapters.edge.inbox import File, Received
from adapters.edge.submission import HOLD, Start
from adapters.edge.wiring import Edge
from keys.container import Container, PartEntry, parse_container, verify_container
from keys.directory.directory import Directory
from keys.sealing import Opened, open_container
from schemas import registry
from schemas.agreements.pinned import PROCEDURES, pin, pinned
from schemas.errors import Fault, Rejected, Unavailable
from schemas.lifecycles import RULES
from schemas.parts.context import Earlier
from schemas.registry import AttachmentRef, CheckContext
from service.failpoints import reach
from service.logs import log
from service.sqlite import transaction

_A_TURN = 8


@dataclass(frozen=True, slots=True)
class _Found:
    """What became of one row: `code` for a failure, `waits` for one to look at later, else ready."""

    row: Received
    code: str | None = None
    waits: bool = False
    awaits: bytes | None = None
    container: Container | None = None
    payload: bytes = field(default=b"", repr=False)
    files: tuple[File, ...] = ()
    channel: str = ""
    out_of_order: bool = False
    pin: str | None = None

    def begins(self, case_handle: str) -> bool:
        """Whether it opens this case."""
        if self.container is None:
            return False
        header = self.container.header
        return header.reference is None and header.case_handle == case_handle


async def run(edge: Edge) -> None:
    """Open until cancelled."""
    while True:
        try:
            if await open_some(edge):
                continue
        except (Unavailable, Rejected) as error:
            log.warning("opener.waits", code=error.code)
        await edge.bells.inbox.heard(edge.settings.look_seconds)


async def open_some(edge: Edge) -> int:
    """Open the next group; returns how many were looked at.

    Raises:
        Unavailable, Rejected: there is no directory to judge by, or the disk is full; all of it stays as it was.
    """
    rows = edge.inbox.to_open(edge.seconds(), edge.settings.group_max)
    if not rows:
        return 0
    _ = edge.directories.current
    done: list[_Found] = []
    for at, row in enumerate(rows):
        if at % _A_TURN == _A_TURN - 1:
            await asyncio.sleep(0)
        done.append(await _open(edge, row, done))
    reach("edge.opener.before_commit")
    with transaction(edge.connection):
        for found in done:
            _write(edge, found)
    reach("edge.opener.committed")
    for name in {found.channel for found in done}:
        edge.bells.ready_for(name).ring()
    edge.bells.evidence.ring()
    return len(rows)


async def _open(edge: Edge, row: Received, earlier: list[_Found]) -> _Found:
    try:
        return await _opened(edge, row, earlier)
    except Rejected as refusal:
        return _Found(row, code=refusal.code)
    except Unavailable as error:
        log.info("opener.part_unavailable", code=error.code, idx=row.idx)
        return _Found(row, waits=True)
    except Fault:
        raise
    except Exception as error:  # noqa: BLE001 - no message may stop the edge, or be opened again for ever
        log.error("opener.unforeseen", error, idx=row.idx)
        return _Found(row, code="INTERNAL")


async def _opened(edge: Edge, row: Received, earlier: list[_Found]) -> _Found:
    """The row, opened. Raises Rejected with the failure's code, Unavailable when something cannot be had now."""
    if row.container is None:
        raise Rejected("EXPIRED")
    container = parse_container(row.container)
    header = container.header
    at = datetime.fromtimestamp(row.at, UTC)
    directory = edge.directories.at(row.version)
    # 1. who says it, by the keys of that time
    verify_container(container, directory.signing_public(row.source, header.ed25519_id, header.mldsa65_id, at))
    if edge.inbox.other_of(row.source, header.id, row.idx) or any(
        (one.row.source, one.container and one.container.header.id) == (row.source, header.id) for one in earlier
    ):
        raise Rejected("DUPLICATE_DIFFERS")
    # 2. what it says
    opened = open_container(container, edge.kems, edge.partner)
    payload = registry.load(opened.body)
    findings = registry.header_findings(header, payload)
    if findings:
        raise Rejected(findings[0].code)
    # 3. what it answers
    parent, waits = _parent(edge, container, earlier)
    overdue = row.came_at + edge.settings.parent_wait_hours * 3600 <= edge.seconds()
    if waits and not overdue and header.reference is not None:
        return _Found(row, waits=True, awaits=bytes.fromhex(header.reference.digest))
    # 4. whether it may be said to us
    sender, recipients = directory.partner(row.source), [directory.partner(one) for one in header.recipient_ids]
    if header.test != sender.test:
        raise Rejected("TEST_NOT_ALLOWED")
    if edge.settings.test_clock and not header.test:
        raise Unavailable("BUSY")  # it waits until the clock is the machine's again
    start = _start(edge, container, directory, earlier, at)
    context = CheckContext(
        at=at,
        sender_state=sender.state,
        recipient_states=tuple(one.state for one in recipients),
        purpose=header.purpose,
        agreement=header.agreement,
        parent=parent,
        earlier=_earlier(edge, header.case_handle, earlier),
        refused=edge.cases.refused(payload, directory.of_state(sender.state), ours=False),
        received_at=start.received_at,
        profile=start.profile,
        live=edge.settings.live,
        reading=True,
    )
    findings = registry.check(payload, context)
    for finding in findings:
        if finding.severity == "error" and not (waits and finding.code == "UNKNOWN_PARENT"):
            raise Rejected(finding.code)
    if any(finding.code == HOLD for finding in findings):
        edge.metrics.released_there.inc()  # by the sender's officer; the rules only warn a reader (docs/adr/0088)
    # 5. its attachments, and where it goes
    files = await _files(edge, container, opened, registry.attachments(payload))
    return _Found(
        row,
        container=container,
        payload=opened.body,
        files=files,
        channel=channel_for(edge, header.kind),
        out_of_order=waits,
        pin=start.pin,
    )


def _start(edge: Edge, container: Container, directory: Directory, opened: list[_Found], at: datetime) -> Start:
    """What the case's clocks are counted by: as it began, or, of one that begins now, by the agreement it names."""
    header = container.header
    known = edge.cases.start(header.case_handle)
    if known.pin is not None or RULES[header.kind].procedure not in PROCEDURES:
        return known
    if header.reference is None:
        try:
            profile = directory.agreement(header.agreement).profile
        except Rejected:
            return known  # suspended or gone since; the hub judged it when it came
        text = pin(profile, directory.partner(header.recipient_ids[0]).state, at.date(), test=header.test)
    else:
        text = next((one.pin for one in opened if one.begins(header.case_handle)), None)
    return replace(known, pin=text, profile=pinned(text))


def _parent(edge: Edge, container: Container, earlier: list[_Found]) -> tuple[dict[str, Any] | None, bool]:
    """The payload answered where we have it, and whether the question must be handed over first."""
    reference = container.header.reference
    rule = RULES.get(container.header.kind)
    if reference is None or rule is None or not rule.replies_to:
        return None, False
    digest = bytes.fromhex(reference.digest)
    if reference.source == edge.partner:
        row = edge.connection.execute(
            "SELECT o.id, o.case_handle, o.payload FROM sent s JOIN outbox o ON o.seq = s.seq WHERE s.digest = ?",
            (digest,),
        ).fetchone()
        if row is None or (row[0], row[1]) != (reference.id, container.header.case_handle):
            raise Rejected("UNKNOWN_PARENT")
        return registry.load(row[2]), False
    known = edge.inbox.known(digest)
    if known is None or known[0] == "received":
        here = next((one for one in earlier if one.row.digest == digest and one.payload), None)
        return (registry.load(here.payload), True) if here is not None else (None, True)
    state, payload = known
    return payload, state == "ready"


def _earlier(edge: Edge, case_handle: str, opened: list[_Found]) -> tuple[Earlier, ...]:
    """What the case holds: what lies here, and what was opened with this message and is not written yet."""
    beside = (one for one in opened if one.container is not None and one.container.header.case_handle == case_handle)
    return edge.cases.earlier(case_handle) + tuple(
        Earlier(id=one.container.header.id, payload=registry.load(one.payload))
        for one in beside
        if one.container is not None and one.payload
    )


async def _files(edge: Edge, container: Container, opened: Opened, named: list[AttachmentRef]) -> tuple[File, ...]:
    """Every part is an attachment the payload names, and every one it names is there; they lie in `attachments`."""
    wanted = {one.sha256: one for one in named}
    files = []
    for index, entry in enumerate(container.parts[1:], start=1):
        sha256 = await _part(edge, container, opened, index, entry)
        about = wanted.pop(sha256, None)
        if about is None or (edge.settings.attachments / sha256).stat().st_size != about.size:
            raise Rejected("ATTACH_HASH")
        files.append(File(sha256, about.media_type, about.size))
    if wanted:
        raise Rejected("ATTACH_HASH")
    return tuple(files)


async def _part(edge: Edge, container: Container, opened: Opened, index: int, entry: PartEntry) -> str:
    """Open one part into `attachments`; the SHA-256 of its plaintext, which names it."""
    folder = edge.settings.attachments
    sealed = edge.settings.spool / f"in-{entry.sha256.hex()}"
    temporary = f"{container.digest.hex()}-{index}"
    try:
        if not entry.detached:
            with placing(folder, temporary) as sink:
                sha256 = opened.part(index, io.BytesIO(container.inline(index)), sink)
        else:
            if not sealed.exists():  # one that was fetched and not opened: its digest is checked below all the same
                with placing(edge.settings.spool, sealed.name, durable=False) as sink:
                    await edge.hub.get_part(entry.sha256.hex(), sink, entry.length)
            with sealed.open("rb") as source, placing(folder, temporary) as sink:
                sha256 = opened.part(index, source, sink)
        (folder / temporary).rename(folder / sha256)
    except OSError as error:
        raise Unavailable("STORE_UNAVAILABLE") from error
    except Rejected as refusal:
        sealed.unlink(missing_ok=True)
        if refusal.code in ("NOT_FOUND", "CONTAINER_LIMIT"):
            raise Rejected("PART_MISSING" if refusal.code == "NOT_FOUND" else "PART_DIGEST") from refusal
        raise
    sealed.unlink(missing_ok=True)
    return sha256


def channel_for(edge: Edge, kind: str) -> str:
    """The channel that takes messages of this kind out, empty for none: then they wait for one."""
    out = {name: one for name, one in edge.settings.channels.items() if "out" in one.directions}
    for name, one in out.items():
        if kind in one.kinds:
            return name
    return next((name for name, one in out.items() if not one.kinds), "")


def _write(edge: Edge, found: _Found) -> None:
    row = found.row
    if found.waits:
        edge.inbox.later(row.idx, edge.retry_at(row.attempts), found.awaits)
    elif found.code is not None:
        edge.metrics.failed.inc()
        edge.metrics.refusal(found.code)
        log.warning("edge.failed", code=found.code, idx=row.idx)
        edge.inbox.ended(row.idx, row.digest, found.code)
    elif found.container is not None:
        header = found.container.header
        if found.begins(header.case_handle) and RULES[header.kind].procedure in PROCEDURES:
            edge.cases.begin(header.case_handle, found.pin, found.payload)
        values = (
            header.id,
            header.case_handle,
            header.agreement,
            header.purpose,
            header.reference.id if header.reference is not None else None,
            found.payload,
            found.channel,
            int(found.out_of_order),
        )
        edge.inbox.ready(row.idx, values, list(found.files))
