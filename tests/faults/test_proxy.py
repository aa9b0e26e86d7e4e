"""The network of the fault tests does what it says: a test that cuts nothing would find nothing."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.faults.proxy import CUT, HOLD, PASS, Network, committed, network, produced
from tests.ports import free_ports

SECONDS = 20.0
PRODUCE = struct.pack(">ihh4s", 16, 0, 8, b"\0\0\0\7") + bytes(8)
FETCH = struct.pack(">ihh4s", 16, 1, 8, b"\0\0\0\7") + bytes(8)


class Ends:
    """A server that a test answers for by hand, and whoever connects to it through the network."""

    def __init__(self, net: Network, name: str = "server") -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        [self.public] = free_ports(1)
        net.through(name, self.server.getsockname()[1], self.public)

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """A connection's two ends."""
        client = socket.create_connection(("127.0.0.1", self.public), timeout=SECONDS)
        far, _ = self.server.accept()
        far.settimeout(SECONDS)
        return client, far


def ended(client: socket.socket) -> bool:
    """Whether the connection ends, however it is told."""
    try:
        return client.recv(9) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def net() -> Iterator[Network]:
    with network(lambda: {"me": os.getpid()}) as found:
        yield found


@pytest.fixture
def ends(net: Network) -> Iterator[Ends]:
    found = Ends(net)
    with closing(found.server):
        yield found


def test_what_passes_passes_both_ways(ends: Ends) -> None:
    client, far = ends.connect()
    with client, far:
        client.sendall(b"asked")
        assert far.recv(9) == b"asked"
        far.sendall(b"said")
        assert client.recv(9) == b"said"
        far.close()
        assert ended(client)


def test_who_is_held_hears_nothing_and_then_everything(net: Network, ends: Ends) -> None:
    client, far = ends.connect()
    with client, far:
        net.rule(lambda link: HOLD if (link.by, link.to) == ("me", "server") else PASS)
        client.sendall(b"asked")
        far.settimeout(0.1)
        with pytest.raises(TimeoutError):
            far.recv(9)
        far.settimeout(SECONDS)
        net.rule(lambda _: PASS)
        assert far.recv(9) == b"asked"


def test_who_is_cut_is_told_so_and_others_are_not(net: Network, ends: Ends) -> None:
    other = Ends(net, "other")
    with closing(other.server):
        client, far = ends.connect()
        spared, theirs = other.connect()
        with client, far, spared, theirs:
            net.rule(lambda link: CUT if link.to == "server" else PASS)
            assert ended(client)
            spared.sendall(b"asked")
            assert theirs.recv(9) == b"asked"
        with socket.create_connection(("127.0.0.1", ends.public), timeout=SECONDS) as again:
            assert ended(again)
        net.rule(lambda _: PASS)
        client, far = ends.connect()
        with client, far:
            client.sendall(b"asked")
            assert far.recv(9) == b"asked"


def test_an_answer_is_lost_after_the_server_had_what_was_asked(net: Network, ends: Ends) -> None:
    client, far = ends.connect()
    with client, far:
        net.lose(produced)
        client.sendall(FETCH)
        assert far.recv(99) == FETCH
        far.sendall(b"other\0\0\0\7")
        assert client.recv(99) == b"other\0\0\0\7"
        client.sendall(PRODUCE)
        assert far.recv(99) == PRODUCE
        far.sendall(b"first")
        assert client.recv(99) == b"first"
        far.sendall(b"done\0\0\0\7")
        assert ended(client)
        assert net.lost == 1
    client, far = ends.connect()
    with client, far:
        client.sendall(PRODUCE)
        far.sendall(b"done\0\0\0\7")
        assert client.recv(99) == b"done\0\0\0\7"


def test_an_answer_of_another_server_is_not_the_one(net: Network, ends: Ends) -> None:
    client, far = ends.connect()
    with client, far:
        net.lose(committed, "elsewhere")
        client.sendall(b"anything")
        assert far.recv(99) == b"anything"
        far.sendall(b"COMMIT\0")
        assert client.recv(99) == b"COMMIT\0"
        net.lose(committed, "server")
        client.sendall(b"anything")
        assert far.recv(99) == b"anything"
        far.sendall(b"COMMIT\0")
        assert ended(client)
