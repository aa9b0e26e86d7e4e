"""The hub as the edge calls it (docs/http.md): every address, signed where it must be, bounded in bytes and time.

Guarantees that an answer is of the form the contract names, or Rejected/Unavailable: 429 and 5xx are Unavailable with
the hub's Retry-After, other refusals of reading addresses are Rejected with the problem's code. What an answer proves
is for whoever asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from keys.container import CONTAINER_BYTES_MAX
from keys.proofs.checkpoint import CHECKPOINT_BYTES_MAX
from keys.proofs.leaf import LEAF_BYTES_MAX
from keys.proofs.receipt import RECEIPT_BYTES_MAX
from keys.requests import sign_request
from keys.signing import CONTAINER_TYPE, STATEMENT_TYPE
from keys.statements import STATEMENT_BYTES_MAX
from keys.suite import RequestKey
from schemas import strict_json
from schemas.errors import CODES, Rejected, Unavailable
from service import batch, client
from service.client import Answer, Session
from service.clock import Clock
from service.multipart import Part, read_multipart
from service.tracing import HEADER

INBOX_BYTES_MAX = 64 * 1024**2
LEAVES_BYTES_MAX = 512 * (2 * LEAF_BYTES_MAX + CHECKPOINT_BYTES_MAX)
PROOFS_BYTES_MAX = 1024**2
PROBLEM_BYTES_MAX = RECEIPT_BYTES_MAX + 64 * 1024
PIN_BYTES_MAX = 1024
SIZES_MAX = 64
"""Of one question for consistency."""

_TYPES = {batch.CONTAINER: CONTAINER_TYPE, batch.STATEMENT: STATEMENT_TYPE}
_LIMITS = {batch.CONTAINER: CONTAINER_BYTES_MAX, batch.STATEMENT: STATEMENT_BYTES_MAX}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one submission: HTTP status, body (a receipt or a problem), seconds to wait if told."""

    status: int
    body: bytes
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem document's members that count: code, pointer, and the proof of a logged refusal."""

    code: str
    path: str | None
    receipt: bytes | None


class HubClient:
    """One hub. `wait` seconds of long polls are added to the time a call may take."""

    def __init__(
        self,
        session: Session,
        url: str,
        key: RequestKey,
        clock: Clock,
        *,
        request_seconds: float,
        part_seconds: float,
    ) -> None:
        self._session = session
        self._url = url.rstrip("/")
        self._key = key
        self._clock = clock
        self._request_seconds = request_seconds
        self._part_seconds = part_seconds

    async def submit(self, items: Sequence[tuple[int, bytes]], trace: str = "") -> list[Result]:
        """Post containers and statements, as `service.batch` types; one result each.

        Args:
            items: what is posted.
            trace: the context sent with it, where there is one.

        Raises:
            Unavailable: whether they arrived is not known.
            Rejected: REQUEST_INVALID, an answer of another form; likewise not known.
        """
        if len(items) == 1:
            kind, raw = items[0]
            answer = await self._post(raw, _TYPES[kind], trace)
            return [Result(answer.status, answer.body, _retry_after(answer))]
        answer = await self._post(batch.encode_batch(items), batch.BATCH_TYPE, trace)
        if answer.status != 200 or answer.media_type != batch.RESULT_TYPE:
            raise _refusal(answer)
        results = [Result(status, body) for status, body in batch.decode_results(answer.body)]
        if len(results) != len(items):
            raise Rejected("REQUEST_INVALID")
        return results

    async def put_part(self, sha256: str, path: Path) -> None:
        """Upload a sealed part. Raises Unavailable, Rejected."""
        url = f"{self._url}/v1/parts/{sha256}"
        headers = sign_request(self._key, "PUT", url, digest=sha256, now=self._clock())
        answer = await client.upload(self._session, url, path, headers=headers, seconds=self._part_seconds)
        if answer.status not in (200, 201):
            raise _refusal(answer)

    async def get_part(self, sha256: str, sink: BinaryIO, length: int) -> None:
        """Download a sealed part into `sink`. Raises Unavailable, Rejected (NOT_FOUND, CONTAINER_LIMIT)."""
        url = f"{self._url}/v1/parts/{sha256}"
        headers = sign_request(self._key, "GET", url, now=self._clock())
        answer = await client.download(
            self._session, url, sink, headers=headers, bytes_max=length, seconds=self._part_seconds
        )
        if answer.status != 200:
            raise _refusal(answer)

    async def inbox(
        self, after: str | None, wait_seconds: int, traced: Callable[[str], object] = lambda _: None
    ) -> list[Part]:
        """The next items of the inbox: receipts, each followed by its container where that is still there.

        `traced` is told the context that the answer bears, where it does.
        """
        query = f"?after={after}&wait={wait_seconds}" if after is not None else f"?wait={wait_seconds}"
        return await self._multipart(f"/v1/inbox{query}", INBOX_BYTES_MAX, wait_seconds, traced)

    async def leaves(self, after: int | None, wait_seconds: int) -> list[Part]:
        """The next leaves that name us: receipts, each followed by its statement the first time."""
        query = f"?after={after}&wait={wait_seconds}" if after is not None else f"?wait={wait_seconds}"
        return await self._multipart(f"/v1/leaves{query}", LEAVES_BYTES_MAX, wait_seconds)

    async def consistency(self, sizes: Sequence[int]) -> list[list[bytes]]:
        """Proofs that each of the rising sizes continues the one before."""
        answer = await self._get(f"/v1/consistency?sizes={','.join(map(str, sizes))}", PROOFS_BYTES_MAX)
        found = strict_json.loads(answer.body, code="REQUEST_INVALID", depth_max=4)
        proofs = found.get("proofs") if isinstance(found, dict) else None
        if not isinstance(proofs, list) or len(proofs) != len(sizes) - 1:
            raise Rejected("REQUEST_INVALID")
        try:
            return [[bytes.fromhex(hash_) for hash_ in proof] for proof in proofs]
        except (TypeError, ValueError) as error:
            raise Rejected("REQUEST_INVALID") from error

    async def checkpoint(self, year: str) -> bytes:
        """The log's newest checkpoint, unverified."""
        return (await self._get(f"/audit/{year}/checkpoint", CHECKPOINT_BYTES_MAX)).body

    async def directory_file(self, path: str, bytes_max: int) -> bytes | None:
        """A file of the directory (`metadata/...`, `targets/...`); None when there is no such file."""
        try:
            return (await self._get(f"/tuf/{path}", bytes_max)).body
        except Rejected as refusal:
            if refusal.code == "NOT_FOUND":
                return None
            raise

    async def directory_proof(self, version: int) -> bytes:
        """The receipt of the leaf that logged this version. Raises Rejected(NOT_FOUND)."""
        return (await self._get(f"/tuf/proofs/{version}", RECEIPT_BYTES_MAX)).body

    async def pin(self, index: int) -> tuple[str, bytes]:
        """The hub's pin of the case that the acceptance at `index` opened, unverified, and the salt of that leaf.

        Raises:
            Rejected: NOT_FOUND when it tells none; PROOF_INVALID for an answer of another form.
            Unavailable: try again later.
        """
        answer = await self._get(f"/v1/pins/{index}", PIN_BYTES_MAX, signed=True)
        found = strict_json.loads(answer.body, code="PROOF_INVALID", depth_max=1)
        pin, salt = (found.get("pin"), found.get("salt")) if isinstance(found, dict) else (None, None)
        if not isinstance(pin, str) or not isinstance(salt, str):
            raise Rejected("PROOF_INVALID")
        try:
            return pin, bytes.fromhex(salt)
        except ValueError as error:
            raise Rejected("PROOF_INVALID") from error

    async def _post(self, body: bytes, media_type: str, trace: str) -> Answer:
        return await client.call(
            self._session,
            "POST",
            f"{self._url}/v1/messages",
            headers={"Content-Type": media_type} | ({HEADER: trace} if trace else {}),
            body=body,
            bytes_max=batch.RESULT_BYTES_MAX,
            seconds=self._request_seconds,
        )

    async def _get(self, target: str, bytes_max: int, *, signed: bool = False, wait_seconds: int = 0) -> Answer:
        url = self._url + target
        answer = await client.call(
            self._session,
            "GET",
            url,
            headers=sign_request(self._key, "GET", url, now=self._clock()) if signed else None,
            bytes_max=bytes_max,
            seconds=self._request_seconds + wait_seconds,
        )
        if answer.status != 200:
            raise _refusal(answer)
        return answer

    async def _multipart(
        self, target: str, bytes_max: int, wait_seconds: int, traced: Callable[[str], object] = lambda _: None
    ) -> list[Part]:
        answer = await self._get(target, bytes_max, signed=True, wait_seconds=wait_seconds)
        traced(answer.headers.get(HEADER, ""))
        return read_multipart(answer.media_type, answer.body)


def read_problem(status: int, body: bytes) -> Problem:
    """What a refusal says; a body of another form counts as the status alone."""
    try:
        found = strict_json.loads(body, code="REQUEST_INVALID", depth_max=3)
    except Rejected:
        found = None
    members = found if isinstance(found, dict) else {}
    code, path, receipt = (members.get(name) for name in ("code", "path", "receipt"))
    if not isinstance(code, str) or code not in CODES:
        code = "UNREACHABLE" if status >= 500 or status == 429 else "REQUEST_INVALID"
    return Problem(
        code,
        path if isinstance(path, str) and len(path) <= 200 else None,
        receipt.encode() if isinstance(receipt, str) else None,
    )


def transient(status: int) -> bool:
    """Whether the same bytes may simply be sent again later."""
    return status == 429 or status >= 500


def _refusal(answer: Answer) -> Rejected | Unavailable:
    code = read_problem(answer.status, answer.body).code
    if transient(answer.status):
        return Unavailable(code, _retry_after(answer) or 1.0)
    return Rejected(code)


def _retry_after(answer: Answer) -> float | None:
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
