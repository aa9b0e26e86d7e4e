"""`python -m liaison`: the same as the `liaison` command."""

import sys

from liaison.cli import main

if __name__ == "__main__":
    sys.exit(main())
