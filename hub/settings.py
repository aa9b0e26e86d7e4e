"""Every limit and address of the hub. Set in `hub.toml` of its data directory, or `LIAISON_HUB_...` in the environment.

A limit's name ends in its unit. No secret stands here: keys lie in `keyring`, opened by the passphrase file `secrets`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from hub.broker.contract import GROUP_MAX
from keys.container import MESSAGE_BYTES_MAX, PART_BYTES_MAX
from service.settings import ProgramSettings, settings_config

Count = Annotated[int, Field(ge=1)]
Seconds = Annotated[float, Field(gt=0)]
Principal = Annotated[str, Field(pattern=r"^User:[^*\s].{0,300}$")]

SETTINGS_FILE = "hub.toml"
ONE_AT_A_TIME = ("relay", "deliver", "clock")
"""Roles that one process has at a time (`hub.leases`)."""
ROLES = ("api", *ONE_AT_A_TIME)
_ROLE = f"({'|'.join(ROLES)})"


class HubSettings(ProgramSettings):
    """See the module."""

    model_config = settings_config("LIAISON_HUB_")

    folder: Path
    """The data directory, mode 0700."""
    name: str = Field(default="hub.liaison.example", pattern=r"^[a-z0-9.-]{1,100}$")
    """The log's origin is `<name>/audit/<year>`."""
    year: Annotated[int, Field(ge=2020, le=9999)] = 2026
    """Of the log; a log is opened for a year and keeps its name."""
    url: str = Field(default="http://127.0.0.1:8440", pattern=r"^https?://[!-~]{1,300}$")
    """Where partners reach the hub; requests are signed for this address."""
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8440
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    passphrase_file: Path | None = None
    """Default: `secrets` in the data directory. Better on another volume."""

    database_url: str = ""
    """`postgresql://user@host:port/name`, without a password: the server that several hub processes share.

    Empty: the file `hub.db` in the data directory.
    """
    database_password_file: Path | None = None
    database_seconds_max: Seconds = 10.0
    """For the database's lock, a statement, or an answer of its server."""
    database_start_seconds_max: Annotated[float, Field(ge=0)] = 30.0
    """How long a hub that starts waits for a server that does not answer yet."""
    kafka_bootstrap: str = ""
    """`host:port,host:port` of Apache Kafka. Empty: the broker is tables of the database."""
    kafka_tls_authorities: Path | None = None
    """PEM files of mutual TLS with Kafka; all three or none. Any address but loopback needs them."""
    kafka_tls_certificate: Path | None = None
    kafka_tls_key: Path | None = None
    kafka_plaintext: bool = False
    """Reach Kafka on another host without TLS: on a network that is the hub's own alone."""
    kafka_request_seconds: Seconds = 5.0
    """For one answer of one broker."""
    kafka_publish_seconds: Seconds = 30.0
    """For a group of messages; longer than Kafka takes to notice that a broker is gone."""
    kafka_partitions: Count = 12
    """Of the topic of messages. More of them later: every key may move, so the topic is rebuilt."""
    kafka_replicas: Count = 3
    kafka_in_sync_min: Count = 2
    """Brokers that must have a message before it counts as published."""
    kafka_principal: Principal | Literal[""] = ""
    """What the hub's certificate makes it for Kafka (`User:CN=hub`). Set: topics are the hub's alone, and checked."""
    kafka_inboxes: dict[Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")], Principal] = Field(default_factory=dict)
    """Partner -> its principal: it reads what is addressed to it from its own topic `hub.v1.inbox.<partner>`."""
    roles: str = Field(default=",".join(ROLES), pattern=rf"^{_ROLE}(,{_ROLE})*$")
    """What this process does: answer requests; publish to the broker; push to partners; keep clocks and tidy up.

    Any number of processes may have the last three: one at a time does each, another takes over when it ends.
    """
    lease_seconds: Annotated[float, Field(ge=1)] = 5.0
    """How long after a process's last word another may take over what it did."""
    log_look_seconds: Annotated[float, Field(ge=0.01)] = 0.1
    """How soon what another process appended is noticed, where several share the database."""
    case_key_seconds_max: Seconds = 60.0
    """How long a process remembers a case's key at most, and so also one that another process has destroyed."""
    high_water_seconds: Seconds = 10.0
    """How often the data directory takes note of the newest checkpoint; a log behind it is refused at a start."""
    processes: Count = 1
    """How many answer for this hub on this host (`--workers`); each has its part of the limits of partners."""
    worker_pause_seconds: Seconds = 0.2
    """After a worker died, until it is started again; doubled each time it dies before it ran well."""
    worker_pause_seconds_max: Seconds = 60.0
    worker_well_seconds: Seconds = 60.0
    """So long after it was ready a worker has run well: if it dies then, the pauses begin anew."""

    entries_open: bool = False
    """Serve entry bundles, which say who wrote to whom, to anyone who can reach the hub; hash tiles always are."""
    log_level: str = Field(default="info", pattern=r"^(debug|info|warning|error)$")

    otlp_endpoint: str = ""
    """Where traces go: a collector's `https://host:port/v1/traces`. Empty: none are made."""
    trace_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Of traces, which are recorded."""

    requests_at_once_max: Count = 1024
    body_seconds: Seconds = 30.0
    """For a request's body to arrive."""
    drain_seconds: Count = 5
    """For requests under way, once told to end."""
    linger_seconds: Annotated[float, Field(ge=0)] = 1.0
    """For connections on which nobody asks anything, once a worker among others is told to end."""
    failures_per_minute: Count = 120
    """Of one address: submissions refused before their signatures verified; then 429."""
    messages_per_second: Seconds = 5000.0
    """Of one partner, in the long run."""
    messages_burst: Count = 20_000
    """Of one partner, at once."""

    part_bytes_max: Annotated[int, Field(ge=1, le=PART_BYTES_MAX)] = PART_BYTES_MAX
    parts_quota_bytes: Annotated[int, Field(ge=MESSAGE_BYTES_MAX)] = 2 * 1024**3
    """Of one partner, detached parts lying here together, whichever processes took them."""
    part_seconds: Seconds = 300.0
    """For a part to arrive."""
    unnamed_part_hours: Count = 24
    retention_days: Annotated[int, Field(ge=0)] = 7
    """How long a container and its parts stay after every hand-over, and at most after the message's expiry."""
    retention_every_seconds: Seconds = 3600.0
    disk_free_bytes_min: Annotated[int, Field(ge=0)] = 64 * 1024**2
    """Below this the hub says it is not ready."""

    commit_failed_seconds: Seconds = 10.0
    """After a batch that could not be written the hub says for so long that it is not ready, unless one was since."""

    directory_look_seconds: Annotated[float, Field(ge=0)] = 1.0
    """The directory on disk is looked at no more often than this."""
    directory_renew_seconds: Seconds = 6 * 3600.0
    clock_behind_seconds_max: Seconds = 300.0
    """How far the clock may be behind the newest leaf before the hub says it is not ready."""

    relay_group_max: Annotated[int, Field(ge=1, le=GROUP_MAX)] = GROUP_MAX
    """Messages published to the broker at a time."""
    relay_linger_seconds: Annotated[float, Field(ge=0)] = 0.005
    """How long the relay lets messages gather once there is one."""
    relay_idle_seconds: Seconds = 1.0
    """How often relay and delivery look by themselves while nothing happens."""

    push_authorities: Path | None = None
    """PEM file of the certification authorities that partners' addresses are trusted by; default: the system's."""
    push_timeout_seconds: Seconds = 30.0
    push_items_max: Count = 50
    push_bytes_max: Count = 4 * 1024**2
    push_at_once_max: Count = 32
    """Calls at a time over all partners."""
    push_sick_at_once_max: Count = 8
    """Calls at a time to partners whose last call failed."""
    push_backoff_seconds: Seconds = 2.0
    """The longest delay after the first failure; doubled by each further one."""
    push_backoff_seconds_max: Seconds = 300.0
    push_retry_after_seconds_max: Seconds = 3600.0
    """What a partner asks for beyond this is not granted."""
    push_refusals_max: Count = 20
    """Items a partner may refuse one after the other before its lane stops for a while."""
    parked_max: Count = 1000
    """Refused messages parked over all partners; past it a lane that meets another one stops and waits instead."""
    push_look_seconds: Seconds = 5.0
    """How soon a new delivery URL, or what an operator drove again, is noticed."""

    requests_per_second: Seconds = 500.0
    """Signed requests of one partner (inbox, leaves, parts), in the long run."""
    requests_burst: Count = 5000
    polls_max: Count = 8
    """Long polls of one partner at a time, on one host."""
    leaves_max: Annotated[int, Field(ge=1, le=512)] = 512
    inbox_wait_seconds_max: Seconds = 30.0
    inbox_items_max: Annotated[int, Field(ge=1, le=512)] = 100
    inbox_bytes_max: Count = 8 * 1024**2
    handover_deadline_hours: Count = 24
    """For a recipient's word what became of a message; later it is shown as an alarm. Urgent kinds have less."""

    metrics_partners: bool = False
    """Name partners and agreements in `/metrics`, which anyone who can reach the hub may read; else the worst of all
    stands for them."""
    gauge_look_seconds: Annotated[float, Field(ge=0)] = 10.0
    """`/metrics` looks up ages, lags and expiries no more often than this."""

    clock_look_seconds: Seconds = 60.0
    """How often the clock keeper looks for times of agreements that run out."""
    clock_warn_ahead_hours: Annotated[int, Field(ge=0, le=24 * 60)] = 72
    """How long before such a time ends the log says so; 0: only that it has ended."""

    clock_ahead_hours_max: Annotated[int, Field(ge=0, le=24 * 365)] = 24
    """How far our clock may be ahead of what partners have signed before no time of an agreement ends by it; 0: any."""

    sign_in_link_minutes: Count = 10
    session_idle_minutes: Count = 30
    session_hours_max: Count = 8
    page_rows_max: Annotated[int, Field(ge=1, le=200)] = 25
    """Of a list on the console's pages."""

    @field_validator("kafka_inboxes")
    @classmethod
    def _of_its_own(cls, inboxes: dict[str, str], others: ValidationInfo) -> dict[str, str]:
        principals = [*inboxes.values(), others.data.get("kafka_principal", ""), "User:ANONYMOUS"]
        if len(set(principals)) < len(principals):
            raise ValueError("a principal that is not one partner's alone would read another's messages")
        return inboxes

    @property
    def shared(self) -> bool:
        """Whether other processes answer for this hub too."""
        return bool(self.database_url) or self.processes > 1

    @property
    def polls_here_max(self) -> int:
        """Long polls of one partner at a time in this process: its part, rounded up."""
        return -(-self.polls_max // self.processes)

    @property
    def database(self) -> Path:
        """The hub's one database file, where no server is named."""
        return self.folder / "hub.db"

    @property
    def directory_folder(self) -> Path:
        """The key directory as published: `metadata/` and `targets/`."""
        return self.folder / "directory"

    @property
    def directory_cache(self) -> Path:
        """What the hub, as a reader, trusts of it."""
        return self.folder / "directory-cache"

    @property
    def parts_folder(self) -> Path:
        """Detached parts, by digest."""
        return self.folder / "parts"

    @property
    def keyring(self) -> Path:
        """The key file."""
        return self.folder / "keyring"

    @property
    def secrets(self) -> Path:
        """The passphrase file."""
        return self.passphrase_file or self.folder / "secrets"

    @property
    def origin(self) -> str:
        """The log's name."""
        return f"{self.name}/audit/{self.year}"


def load_settings(folder: Path, **given: object) -> HubSettings:
    """The settings of the hub whose data directory this is; `given` comes from the command line."""
    file = folder / SETTINGS_FILE
    return HubSettings.load(file if file.exists() else None, folder=folder, **given)
