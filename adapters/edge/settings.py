"""Every limit and address of an edge. Set in `edge.toml` of its data directory, or `LIAISON_EDGE_...`.

A limit's name ends in its unit. No secret stands here: keys lie in `keyring`, opened by the file `passphrase`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from adapters.contract import Direction
from keys.container import MESSAGE_BYTES_MAX
from service.batch import ITEMS_MAX
from service.settings import ProgramSettings, settings_config

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]

SETTINGS_FILE = "edge.toml"


class ChannelSettings(BaseModel):
    """One channel: the table `[channels.NAME]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: str = Field(pattern=r"^[a-z][a-z0-9_.]{0,80}$")
    """The module: `folder` is `adapters.channels.folder`; a name with a dot is taken as it stands."""
    directions: tuple[Direction, ...] = ("in", "out")
    kinds: tuple[str, ...] = ()
    """Kinds handed over here. The one channel out that names none takes every other kind."""
    options: Mapping[str, Any] = Field(default_factory=dict)
    """The channel's own settings."""


class EdgeSettings(ProgramSettings):
    """See the module."""

    model_config = settings_config("LIAISON_EDGE_")

    folder: Path
    """The data directory, mode 0700."""
    partner: str = Field(pattern=r"^[a-z0-9-]{1,40}$")
    hub: str = Field(pattern=r"^https?://[!-~]{1,300}$")
    """Where the hub is reached; requests are signed for this address."""
    url: str = Field(default="http://127.0.0.1:8450", pattern=r"^https?://[!-~]{1,300}$")
    """Where the hub reaches this edge; pushes are signed for `<url>/v1/deliveries`."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8450
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    authorities: Path | None = None
    """PEM file of the certification authorities to trust for the hub; default: the system's."""
    passphrase_file: Path | None = None
    """Default: `passphrase` in the data directory. Better on another volume."""
    channels: Mapping[str, ChannelSettings] = Field(default_factory=dict)
    log_level: str = Field(default="info", pattern=r"^(debug|info|warning|error)$")

    otlp_endpoint: str = ""
    """Where traces go: a collector's `https://host:port/v1/traces`. Empty: none are made."""
    trace_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of traces, which are recorded."""

    pull: bool = True
    """Ask for the inbox. Off only where the hub calls, and nothing pushed was ever parked."""
    wait_seconds: Annotated[int, Field(ge=0, le=30)] = 25
    """How long the hub may hold an answer back until there is something new."""
    look_seconds: Seconds = 0.5
    """How often the database is looked at for what another process (`liaison edge send`) wrote."""
    request_seconds: Seconds = 60.0
    part_seconds: Seconds = 300.0
    retry_first_seconds: Seconds = 0.5
    retry_max_seconds: Seconds = 300.0
    """Between two tries; each wait is about twice the one before, with a random part."""

    group_max: Annotated[int, Field(ge=1, le=ITEMS_MAX)] = 256
    """Messages that share a transaction, a POST or a round of hand-overs."""
    batch_bytes_max: Annotated[int, Field(ge=1024**2)] = 4 * 1024**2
    waiting_max: Count = 50_000
    """Messages in the outbox not yet accepted; past it channels wait."""
    attachment_bytes_max: Annotated[int, Field(ge=1, le=MESSAGE_BYTES_MAX)] = MESSAGE_BYTES_MAX
    push_bytes_max: Annotated[int, Field(ge=1024**2)] = 16 * 1024**2
    body_seconds: Seconds = 30.0
    requests_at_once_max: Count = 256
    drain_seconds: Count = 5
    disk_free_bytes_min: Annotated[int, Field(ge=0)] = 64 * 1024**2

    lifetime_days: Annotated[int, Field(ge=1, le=30)] = 30
    """From a message's time to its expiry."""
    handover_deadline_hours: Count = 24
    """An acceptance without the recipient's signed word after so long is an alarm."""
    urgent_deadline_hours: Count = 2
    """The same for a message of urgency A."""
    delivery_deadline_seconds: Seconds = 900.0
    """A message accepted for us that is not here so long after its leaf was seen is an alarm."""
    parent_wait_hours: Annotated[float, Field(ge=0)] = 24.0
    """A reply whose question was never handed over waits so long; then it is handed over and flagged."""

    held_max: Annotated[int, Field(ge=0)] = 1000
    """Submissions held for an officer; past it, or with 0, one that would be held is refused."""
    hold_alarm_hours: Annotated[float, Field(gt=0)] = 24.0
    """A submission held longer than that is said to be overdue."""
    release_by_two: bool = False
    """A held submission goes only once two different people have released it."""

    directory_refresh_seconds: Seconds = 60.0
    checkpoint_seconds: Seconds = 60.0
    """How often the log's newest checkpoint is asked for when nothing else brings one."""
    retention_days: Literal[0] | Annotated[int, Field(ge=31)] = 365
    """How long after its last message a case that has ended stays in the database; 0: for ever. At least 31: as long
    as a message may be on its way, and a national system's folder is to keep names."""
    tidy_seconds: Seconds = 3600.0
    """How often files that nothing needs any more are removed, and how old they are at least."""
    alarm_look_seconds: Seconds = 30.0
    """How often deadlines are looked at."""

    @property
    def database(self) -> Path:
        """The edge's one database file."""
        return self.folder / "edge.db"

    @property
    def keyring(self) -> Path:
        """The key file."""
        return self.folder / "keyring"

    @property
    def passphrase(self) -> Path:
        """The passphrase file."""
        return self.passphrase_file or self.folder / "passphrase"

    @property
    def root(self) -> Path:
        """The directory's first root, handed over at enrolment."""
        return self.folder / "root.json"

    @property
    def directory_cache(self) -> Path:
        """What is trusted of the key directory."""
        return self.folder / "directory-cache"

    @property
    def spool(self) -> Path:
        """Sealed parts on their way, in and out, by digest."""
        return self.folder / "spool"

    @property
    def attachments(self) -> Path:
        """Files in the clear, by digest."""
        return self.folder / "attachments"


def load_settings(folder: Path, **given: object) -> EdgeSettings:
    """The settings of the edge whose data directory this is; `given` comes from the command line."""
    file = folder / SETTINGS_FILE
    return EdgeSettings.load(file if file.exists() else None, folder=folder, **given)
