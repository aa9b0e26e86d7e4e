"""The one command: `liaison GROUP COMMAND ...`.

Guarantees that a start imports the named group alone (`liaison.cli.<group>`, which holds `app: typer.Typer`), so that
`liaison schema check` does not pay for a web server. The list of groups below is therefore text, not imports. What a
command prints, and how errors become exit codes, is `liaison.cli.output`'s; design.md section 2 has the conventions.
"""

import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType

GROUPS: Mapping[str, str] = MappingProxyType(
    {
        "demo": "One hub and three authorities exchange real messages on this machine.",
        "hub": "Set up and run the hub.",
        "edge": "Set up and run one authority's edge; send, receive, show receipts.",
        "audit": "Verify a hub's log, or one entry of it; needs neither hub nor edge.",
        "keys": "Make key files, enrol a partner, list the key directory.",
        "agreement": "Propose, sign, publish or suspend an agreement; see when its clocks run out.",
        "schema": "List, show, check and print message kinds; name codes.",
        "mrz": "Check a machine-readable zone.",
        "stay": "Count days of stay (90 in any 180, visa days).",
        "doctor": "See whether this machine has what Liaison needs.",
    }
)
"""Name and one line for `liaison --help`; the module is `liaison.cli.<name>`."""

SINGLE = frozenset({"demo", "doctor"})
"""Groups that are themselves one command: `liaison demo --once`, not `liaison demo run`."""

_EXAMPLES = """\
Examples:
  liaison demo
  liaison schema check message.json --from AUT --to MDA --json
  liaison audit verify hub.db --log-key log.vkey
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit code (`liaison.cli.output.ExitCode`).

    Args:
        arguments: the words after `liaison`; the process's own when None.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words:
        sys.stderr.write(usage())
        return 2
    name = words[0]
    if name in {"-h", "--help"}:
        sys.stdout.write(usage())
        return 0
    if name == "--version":
        from importlib.metadata import PackageNotFoundError, version

        try:
            number = version("liaison")
        except PackageNotFoundError:
            number = "from the source tree"
        sys.stdout.write(f"liaison {number}\n")
        return 0
    if name not in GROUPS:
        sys.stderr.write(f"liaison: there is no group {name!r}.{did_you_mean(name)}\nTry 'liaison --help'.\n")
        return 2
    from liaison.cli import output

    return output.run(import_module(f"liaison.cli.{name}").app, words[1:], name=name, single=name in SINGLE)


def usage() -> str:
    """The help text: every group with its line."""
    width = max(map(len, GROUPS))
    lines = "".join(f"  {name:<{width}}  {line}\n" for name, line in GROUPS.items())
    return (
        "Usage: liaison GROUP [COMMAND] [OPTIONS]\n\n"
        "A secure message hub between national authorities.\n\n"
        f"Groups ('liaison GROUP --help' tells more):\n{lines}\n{_EXAMPLES}\n"
        "Data goes to standard output, messages to standard error; --json gives every result as JSON.\n"
        "Exit codes: 0 done, 1 failed, 2 usage, 3 not verified, 4 refused by a rule, 5 unreachable.\n"
    )


def did_you_mean(word: str) -> str:
    """` Did you mean 'x'?`, or nothing when no group is close."""
    matches = get_close_matches(word, GROUPS, n=2)
    return f" Did you mean {' or '.join(repr(match) for match in matches)}?" if matches else ""
