"""Where the program is."""

import os
import shutil
import sysconfig
from typing import List

from ._errors import Error

VARIABLE = "LAKEXPRESS_BINARY"
_NAME = "lakexpress.exe" if os.name == "nt" else "lakexpress"


class BinaryNotFoundError(Error):
    """The program `lakexpress` is not there, or is no program."""


def find() -> str:
    """The path of the program: `LAKEXPRESS_BINARY`, else the scripts directory of this Python, else `PATH`.

    Raises:
        BinaryNotFoundError: nothing is there.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if os.path.isfile(named) and os.access(named, os.X_OK):
            return named
        raise BinaryNotFoundError(f"{VARIABLE} is {named}, which is no program")
    directories = _scripts()
    for directory in directories:
        path = os.path.join(directory, _NAME)
        if os.path.isfile(path) and os.access(path, os.X_OK):
            return path
    found = shutil.which("lakexpress")
    if found:
        return found
    raise BinaryNotFoundError(
        f"the program {_NAME} is not in {' or '.join(directories)}, and not in PATH",
        hints=[f"pip install lakexpress, or set {VARIABLE} to the path of the program"],
    )


def _scripts() -> List[str]:
    directories = [sysconfig.get_path("scripts")]
    user = f"{os.name}_user"
    if user in sysconfig.get_scheme_names():
        directories.append(sysconfig.get_path("scripts", user))
    return directories
