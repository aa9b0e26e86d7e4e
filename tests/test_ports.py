"""No port of `tests/ports.py` is given twice, by one process or by two."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.ports import BLOCK, LOOPBACK, PORTS, Ports, free_ports

ROOT = Path(__file__).resolve().parents[1]
OTHER = "import sys; from tests.ports import Ports; print(Ports({}).free({}), flush=True); sys.stdin.read()"


def in_a_row(count: int) -> range:
    """So many ports that are this test's alone."""
    while True:
        given = free_ports(count)
        if given == [*range(given[0], given[0] + count)]:
            return range(given[0], given[0] + count)


@contextmanager
def another(ports: range, count: int) -> Iterator[set[int]]:
    """What another process, which lives meanwhile, was given of these ports."""
    words = [sys.executable, "-c", OTHER.format(ports, count)]
    with subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield {int(port) for port in process.stdout.readline().strip("[]\n").split(", ")}
        process.communicate()
    assert process.returncode == 0


def test_none_is_given_twice() -> None:
    given = free_ports(2 * BLOCK) + Ports().free(2 * BLOCK)
    assert len(given) == len(set(given)) == 4 * BLOCK
    assert set(given) <= set(PORTS)


def test_one_that_is_taken_is_passed_over() -> None:
    ports = in_a_row(4)
    with socket.create_server((LOOPBACK, ports[2])):
        assert Ports(ports).free(2) == [ports[1], ports[3]]


def test_processes_beside_each_other_have_none_in_common() -> None:
    with another(PORTS, BLOCK) as theirs, another(PORTS, BLOCK) as others:
        ours = set(free_ports(BLOCK))
    assert len(ours | theirs | others) == 3 * BLOCK


def test_a_block_is_had_until_its_process_ends() -> None:
    ports = in_a_row(3)
    with another(ports, 1) as theirs:
        assert theirs == {ports[1]}
        with pytest.raises(AssertionError, match="no port is left"):
            Ports(ports).free(1)
    assert Ports(ports).free(1) == [ports[1]]


def test_nothing_is_given_when_all_are() -> None:
    ports = Ports(in_a_row(3))
    ports.free(2)
    with pytest.raises(AssertionError, match="no port is left"):
        ports.free(1)
