"""Changes rules, clocks and zone readers a little, one change at a time, and counts which changes no test notices.

    python bench/mutation.py                every fourth mutant, by the digest of its name
    python bench/mutation.py --one-in 1     all of them
    python bench/mutation.py --again        those that survived, after tests were added

Needs requirements/mutation.txt beside the development requirements (docs/mutation.md). `mutants/` holds the mutated
copy and the results; the sample is the same wherever the code is.
"""

import argparse
import hashlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MUTANTS = ROOT / "mutants"
FEWEST = "schemas.mrz.digits*"
"""A first run over a handful writes the mutants of every module."""
WORDS = {0: "survived", 1: "killed", 33: "no tests", None: "not tried"}


def results() -> Iterator[tuple[str, int | None]]:
    """Every mutant's name and how its tests ended."""
    for file in sorted(MUTANTS.rglob("*.meta")):
        yield from json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"].items()


def sampled(name: str, one_in: int) -> bool:
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % one_in == 0


def mutmut(*names: str, processes: int) -> None:
    words = [sys.executable, "-m", "mutmut", "run", "--max-children", str(processes), *names]
    subprocess.run(words, cwd=ROOT, check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one-in", type=int, default=4)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    if not asked.again:
        mutmut(FEWEST, processes=asked.processes)
    names = [name for name, ended in results() if sampled(name, asked.one_in) and (not asked.again or ended in {0, 33})]
    (MUTANTS / "mutmut-stats.json").unlink(missing_ok=True)  # which test runs which function: tests may be new
    mutmut(*names, processes=asked.processes)
    tried = {name: ended for name, ended in results() if sampled(name, asked.one_in)}
    counted = Counter(WORDS.get(ended, "ended otherwise") for ended in tried.values())
    survivors = sorted(name for name, ended in tried.items() if WORDS.get(ended) in {"survived", "no tests"})
    print(json.dumps({"mutants": len(tried), **counted, "survivors": survivors}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
