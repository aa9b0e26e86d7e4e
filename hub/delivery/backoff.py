"""How long a sick partner is left alone: exponential, with full jitter, capped. Pure."""


def delay(
    failures: int, chance: float, *, base_seconds: float, max_seconds: float, asked_seconds: float = 0.0
) -> float:
    """Seconds until the next try.

    Args:
        failures: in a row, this one included; from 1.
        chance: evenly distributed between 0 and 1: many senders that failed together do not come back together.
        base_seconds: the longest delay after the first failure.
        max_seconds: the longest delay of all.
        asked_seconds: what the other side asked for (Retry-After, already capped); never come back before.
    """
    doublings = min(failures - 1, 32)  # a float holds it, and every cap is far below
    return max(chance * min(max_seconds, base_seconds * 2.0**doublings), asked_seconds)
