"""Ends with 0 when a program of ours in this container says it is ready, with 1 when not: what health checks run.

    python healthy.py https://localhost:8440/readyz

Standard library alone: it runs every few seconds, and importing ours would cost more than the question. The certificate
is checked against the authorities in the file that `LIAISON_HEALTH_AUTHORITIES` names, else the system's.
"""

import os
import ssl
import sys
from urllib.error import URLError
from urllib.request import urlopen

SECONDS = 4


def main(url: str) -> int:
    """Ask once."""
    authorities = os.environ.get("LIAISON_HEALTH_AUTHORITIES")
    context = ssl.create_default_context(cafile=authorities) if url.startswith("https:") else None
    try:
        with urlopen(url, timeout=SECONDS, context=context) as answer:  # noqa: S310 - the caller's own health check
            return 0 if answer.status == 200 else 1
    except (URLError, OSError) as error:
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
