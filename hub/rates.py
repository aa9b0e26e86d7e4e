"""Token buckets: who asks too much waits, and nobody else does. In memory and bounded; a restart forgets."""

import math
from collections import OrderedDict
from dataclasses import dataclass

from schemas.errors import Unavailable

KEYS_MAX = 10_000


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """One bucket a key, which fills at `per_second` up to `burst`.

    The least recently used key is forgotten past `KEYS_MAX`, and so starts full again: an attacker with that many
    addresses is beyond what counting them can stop.
    """

    def __init__(self, per_second: float, burst: float) -> None:
        self._per_second = per_second
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def check(self, key: str, now: float) -> None:
        """There is something left for the key, or Unavailable(RATE_LIMITED). Takes nothing."""
        bucket = self._buckets.get(key)
        if bucket is not None and self._filled(bucket, now) < 1:
            raise Unavailable("RATE_LIMITED", math.ceil((1 - bucket.tokens) / self._per_second))

    def take(self, key: str, now: float, tokens: float = 1) -> None:
        """Take tokens, also below zero. `now` is a monotonic time in seconds."""
        bucket = self._buckets.get(key)
        if bucket is None:
            if len(self._buckets) >= KEYS_MAX:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = _Bucket(self._burst, now)
        else:
            self._buckets.move_to_end(key)
            self._filled(bucket, now)
        bucket.tokens = max(bucket.tokens - tokens, -self._burst)

    def spend(self, key: str, now: float, tokens: float = 1) -> None:
        """`check`, then `take`."""
        self.check(key, now)
        self.take(key, now, tokens)

    def _filled(self, bucket: _Bucket, now: float) -> float:
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        return bucket.tokens
