"""How long one message's validation takes: form, rules between fields and safeguards, of every kind's golden example.

    python -m bench.validation [--rounds 15]

Prints one JSON object: microseconds of this process's own time a message, the best of the rounds, reading the bytes
beside checking the payload; the largest payloads first. Each is checked as an EU sender's to a third country, for then
every safeguard has something to do.
"""

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from schemas import registry

BUDGET_MICROSECONDS = 1000
"""What one typical message may take."""

EACH = 20


def best(work: Callable[[], object], rounds: int) -> float:
    """Microseconds for one call, of the best round."""
    found = float("inf")
    for _ in range(rounds):
        begun = time.process_time()
        for _ in range(EACH):
            work()
        found = min(found, (time.process_time() - begun) / EACH)
    return found * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    context = registry.CheckContext(
        at=datetime(2026, 4, 1, 12, tzinfo=UTC), sender_state="AUT", recipient_states=("MDA",)
    )
    rows: list[dict[str, str | int]] = []
    slowest = 0
    for name in registry.KINDS:
        raw = registry.dump(registry.example(name))
        payload = registry.load(raw)
        registry.check(payload, context)
        read, check = (
            round(best(work, rounds))
            for work in (partial(registry.load, raw), partial(registry.check, payload, context))
        )
        rows.append({"kind": name, "bytes": len(raw), "read_us": read, "check_us": check})
        slowest = max(slowest, check)
    rows.sort(key=lambda row: -int(row["bytes"]))
    print(json.dumps({"budget_us": BUDGET_MICROSECONDS, "slowest_us": slowest, "kinds": rows}, indent=1))


if __name__ == "__main__":
    main()
