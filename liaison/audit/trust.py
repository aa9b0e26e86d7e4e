"""Which keys an auditor measures a log against.

The keys come from a file of the auditor's: two verifier keys (signed-note), one a line, or a C2SP tlog-policy whose
`log` lines name them. Without one the file `log.vkey` beside the source is read, and the result says so: whoever can
forge a log can also forge a file beside it. Witness quorums of a policy are not judged yet, and a policy that demands
one is refused rather than taken for met.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from keys.directory.client import DirectoryClient, folder_fetch
from keys.directory.directory import Directory
from keys.proofs.checkpoint import LogPublic
from schemas.errors import Rejected

POLICY_BYTES_MAX = 64 * 1024
KEY_FILE = "log.vkey"


@dataclass(frozen=True, slots=True)
class TrustedKeys:
    """The log's keys and whether they merely lay beside the log."""

    public: LogPublic
    beside_source: bool

    def as_json(self) -> dict[str, object]:
        """The keys' ids, to compare with published ones, and where they came from."""
        return {
            "origin": self.public.origin,
            "ed25519": self.public.ed25519_id.hex(),
            "mldsa44": self.public.mldsa44_id.hex(),
            "beside_source": self.beside_source,
        }


def log_keys(file: Path | None, source: str) -> TrustedKeys:
    """The keys of a policy file, or of the one beside the source.

    Raises:
        Rejected: KEY_UNKNOWN when there is no such file or it does not name one log's two keys.
    """
    beside = Path(source) / KEY_FILE if Path(source).is_dir() else Path(source).parent / KEY_FILE
    path = beside if file is None else file
    try:
        with path.open("rb") as opened:
            text = opened.read(POLICY_BYTES_MAX + 1).decode("utf-8")
    except (OSError, ValueError) as error:
        raise Rejected("KEY_UNKNOWN") from error
    return TrustedKeys(LogPublic.from_vkeys(_verifier_keys(text)), file is None)


def _verifier_keys(text: str) -> list[str]:
    if len(text) > POLICY_BYTES_MAX:
        raise Rejected("KEY_UNKNOWN")
    keys = []
    for line in text.splitlines():
        words = line.split()
        match words:
            case []:
                continue
            case ["quorum", "none"]:
                continue
            case ["log", key, *_]:
                keys.append(key)
            case [key] if not key.startswith("#"):
                keys.append(key)
            case [word, *_] if word.startswith("#"):
                continue
            case _:
                raise Rejected("KEY_UNKNOWN")  # witness, group or another quorum: not judged yet, so not accepted
    return keys


def directory_at(folder: Path, at: datetime) -> Directory:
    """The key directory in a folder, its whole chain verified from the folder's own first root, as it held then.

    Raises:
        Rejected: NOT_FOUND when there is none, DIRECTORY_INVALID when it did not hold at this instant.
    """
    try:
        root = (folder / "metadata" / "1.root.json").read_bytes()
        return DirectoryClient(root, None, folder_fetch(folder)).refresh(at)
    except OSError as error:
        raise Rejected("NOT_FOUND") from error
