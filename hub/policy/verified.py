"""The steps before a decision, as types: what was received, and what both signatures were verified of.

A step cannot be left out, for the next one's argument cannot be made without it: only `verify` makes a `Verified`.
"""

from dataclasses import dataclass
from datetime import datetime

from keys.container import Container, verify_container
from keys.directory.directory import Directory
from keys.statements import SignedStatement, verify_statement
from schemas.errors import Rejected


@dataclass(frozen=True, slots=True)
class Verified:
    """A container whose both signatures are by its source's pair, as the directory `version` has it."""

    container: Container
    version: int


@dataclass(frozen=True, slots=True)
class VerifiedStatement:
    """A statement whose both signatures are by its source's pair, as the directory `version` has it."""

    signed: SignedStatement
    version: int


def verify(container: Container, directory: Directory, at: datetime) -> Verified:
    """The container is signed by who it says, with a pair valid at `at`.

    Raises:
        Rejected: KEY_UNKNOWN, KEY_INACTIVE, SIGNATURE_INVALID. None of them is proof that the source had any part in
            it: these become no leaf.
    """
    header = container.header
    if not directory.knows(header.source):
        raise Rejected("KEY_UNKNOWN", "/source")
    public = directory.signing_public(header.source, header.ed25519_id, header.mldsa65_id, at)
    verify_container(container, public)
    return Verified(container, directory.version)


def verify_signed(signed: SignedStatement, directory: Directory, at: datetime) -> VerifiedStatement:
    """The statement is signed by who it says, with a pair valid at `at`. Raises as `verify`."""
    source = signed.statement.source
    if not directory.knows(source):
        raise Rejected("KEY_UNKNOWN", "/source")
    verify_statement(signed, directory.signing_public(source, signed.ed25519_id, signed.mldsa65_id, at))
    return VerifiedStatement(signed, directory.version)
