"""What all parts of the bench share: sizes, a folder, PostgreSQL, and messages sealed beforehand."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from bench.founding import Founded, found
from bench.messages import seal_file
from bench.progress import say
from bench.site import SQLITE, Site, site
from liaison.demo.world import LOOPBACK, free_ports
from tests.postgres import Server


def size(normal: Any, quick: Any, words: str) -> Any:
    """A size: what it is, what it is with --quick, and what it means."""
    return field(default=normal, metadata={"quick": quick, "help": words})


@dataclass(frozen=True)
class Sizes:
    """How much of everything. Each is an option of the command line."""

    rounds: int = size(3, 1, "of each measurement; medians are given")
    messages: int = size(2000, 300, "a round")
    payload_bytes: int = size(1024, 1024, "of a message, before it is padded to its class")
    connections: int = size(32, 32, "of the generator, one message a request")
    batch: int = size(64, 64, "messages a request, where they are posted in batches")
    batch_connections: int = size(16, 16, "of the generator then")
    workers: int = size(2, 2, "hub processes where latency, memory and takeovers are measured")
    open_messages: int = size(6000, 400, "of an open loop")
    growth: tuple[int, ...] = size((10_000, 100_000, 1_000_000), (2_000, 6_000), "entries of the log, rising")
    growth_engine: str = size("postgres_kafka", "postgres_kafka", "postgres_kafka or sqlite")
    partners: tuple[int, ...] = size((3, 300), (3, 20), "in the directory")
    backlog: int = size(100_000, 2_000, "messages that wait for a dead partner")
    soak_seconds: int = size(120, 8, "of load at half speed")
    takeovers: int = size(3, 1, "of each kind")
    takeover_rate: int = size(50, 50, "messages a second meanwhile")


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """The options."""
    for one in fields(Sizes):
        assert one.default is not MISSING
        many = isinstance(one.default, tuple)
        kind = str if isinstance(one.default, str) else int
        parser.add_argument(
            f"--{one.name.replace('_', '-')}",
            type=kind,
            nargs="+" if many else None,
            help=f"{one.metadata['help']} ({one.default}; quick: {one.metadata['quick']})",
        )


def sizes_of(options: argparse.Namespace, *, quick: bool) -> Sizes:
    """Those given, else the quick or the normal ones."""
    chosen: dict[str, Any] = {}
    for one in fields(Sizes):
        given = getattr(options, one.name)
        if given is not None:
            chosen[one.name] = tuple(given) if isinstance(given, list) else given
        elif quick:
            chosen[one.name] = one.metadata["quick"]
    return Sizes(**chosen)


@dataclass(frozen=True)
class Pool:
    """A file of sealed messages and, in its order, their digests."""

    file: Path
    digests: Sequence[str]


class Bed:
    """See the module. PostgreSQL is started when first asked for."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        self.folder = folder
        self.sizes = sizes
        self.recipients = f"http://{LOOPBACK}:{free_ports(1)[0]}"
        self._pools: dict[tuple[str, ...], Pool] = {}
        self._names = iter(range(1_000_000))

    @cached_property
    def server(self) -> Server:
        """The one PostgreSQL; each site has a database of its own."""
        say("PostgreSQL")
        made = Server()
        self.ending.append(made)
        return made

    @cached_property
    def ending(self) -> list[Server]:
        """What has to be ended."""
        return []

    def end(self) -> None:
        """Everything has ended."""
        for one in self.ending:
            one.end()

    @cached_property
    def quiet(self) -> Founded:
        """Three partners; whoever is written to asks for it, and nobody does."""
        return found(self.folder / "quiet", 3)

    @cached_property
    def called(self) -> Founded:
        """Three partners; the recipient is called."""
        return found(self.folder / "called", 3, self.recipients)

    def found(self, count: int) -> Founded:
        """So many partners; recipients are called."""
        say(f"{count} partners")
        return found(self.folder / f"found{next(self._names)}", count, self.recipients)

    def pool(self, founded: Founded, count: int, routes: Sequence[tuple[str, str]] | None = None) -> Pool:
        """At least so many messages of these partners: each is new once to every site."""
        routes = routes or [("test-aut", "test-mda")]
        key = (str(founded.folder), *map("/".join, routes))
        found_ = self._pools.get(key)
        if found_ is None or len(found_.digests) < count:
            say(f"sealing {count} messages")
            file = self.folder / f"messages{next(self._names)}"
            if found_ is not None:
                found_.file.unlink()
            found_ = Pool(file, seal_file(file, founded.mill, routes, self.sizes.payload_bytes, count))
            self._pools[key] = found_
        return found_

    @contextmanager
    def site(
        self, founded: Founded, engine: str, *, received: bool = False, replies: dict[str, str] | None = None
    ) -> Iterator[Site]:
        """A new site of these partners; `received`: the recipients' program runs beside it."""
        server = None if engine == SQLITE else self.server
        name = self.folder / f"site{next(self._names)}"
        with site(name, founded, server, recipients=self.recipients if received else "", replies=replies) as made:
            yield made
