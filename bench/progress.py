"""What a bench says of itself: where it is, on standard error, and what machine it ran on."""

import os
import platform
import sqlite3
import sys
import time


def say(words: str) -> None:
    """Progress, for whoever looks on."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stderr.flush()


def machine() -> dict[str, object]:
    """What the figures were measured on; the load is that of before the bench began."""
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
        "load_before": [round(one, 2) for one in os.getloadavg()],
    }
