"""Named points at which a test may kill this process, as a power cut would (docs/failpoints.md).

`LIAISON_FAILPOINT=name` ends the process with SIGKILL when the point is first reached, `name:3` the third time. Without
the variable a point costs one comparison. There is no way to reach a point from outside the process.
"""

import os
import signal
from collections import Counter

_armed: dict[str, int] = {}
_reached: Counter[str] = Counter()


def arm(spec: str) -> None:
    """Arm the points of a comma-joined list of `name` or `name:N`; an empty text arms none."""
    _armed.clear()
    _reached.clear()
    for entry in filter(None, spec.split(",")):
        name, _, times = entry.partition(":")
        _armed[name] = int(times or "1")


def reach(name: str) -> None:
    """This point is reached; returns, unless a test armed it."""
    if _armed:
        _hit(name)


def _hit(name: str) -> None:
    if name not in _armed:
        return
    _reached[name] += 1
    if _reached[name] == _armed[name]:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("LIAISON_FAILPOINT", ""))
