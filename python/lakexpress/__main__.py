"""`python -m lakexpress` is the program `lakexpress`."""

import os
import subprocess
import sys

from ._binary import VARIABLE, find
from ._errors import Error


def main() -> int:
    """Runs the program in place of this process, with its arguments."""
    try:
        program = find()
    except Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 127
    env = {name: value for name, value in os.environ.items() if name != VARIABLE}
    arguments = [program, *sys.argv[1:]]
    if os.name == "nt":
        return subprocess.call(arguments, env=env)
    os.execve(program, arguments, env)


if __name__ == "__main__":
    sys.exit(main())
