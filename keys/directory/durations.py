"""How long each role's metadata is valid before it must be signed again."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """The time from signing to expiry, a role each.

    A short timestamp limits how long a reader can be kept on an old version (freeze); the hub renews it by itself. The
    offline roles are long, for each renewal is a ceremony. Agreements outlive several key sets; an expired agreement is
    left out, an expired suspension holds on.
    """

    root: timedelta = timedelta(days=365)
    registrar: timedelta = timedelta(days=365)
    partner: timedelta = timedelta(days=397)
    agreement: timedelta = timedelta(days=5 * 365)
    suspension: timedelta = timedelta(days=10 * 365)
    snapshot: timedelta = timedelta(days=14)
    timestamp: timedelta = timedelta(days=1)
