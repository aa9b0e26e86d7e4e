"""The commands an operator types, run in this process: what the demonstration sets up, anybody can set up by hand.

Each command is exactly `liaison WORDS --json`; only the cost of starting a process for each is saved.
"""

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from liaison.cli import main
from schemas.errors import Fault


def command(*words: str | Path, expected: int = 0) -> Any:
    """What `liaison WORDS --json` prints, decoded.

    Args:
        words: group, command, arguments and options.
        expected: the exit code it must end with.

    Raises:
        Fault: it ended otherwise; its last words on standard error are in the text, which never hold a value.
    """
    out, said = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(said):
        code = main([*map(str, words), "--json"])
    if code != expected:
        raise Fault(f"'liaison {' '.join(map(str, words[:2]))}' ended with {code}: {said.getvalue().strip()[-400:]}")
    return json.loads(out.getvalue())
