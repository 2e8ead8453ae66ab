"""From keyword arguments to the command line and the environment of the program."""

import difflib
import os
from typing import Any, Dict, List, Mapping, NamedTuple, Optional

from ._binary import VARIABLE, find
from ._flags import COMMANDS, Flag

#: Parameters of functions that are no flags, for suggestions.
_OWN = ("check", "progress")


class Command(NamedTuple):
    """What is run."""

    argv: List[str]
    env: Dict[str, str]


def command(
    function: str,
    given: Mapping[str, Any],
    *,
    words: Optional[List[str]] = None,
    fixed: Optional[List[str]] = None,
) -> Command:
    """The command of a function. `words` are positional, `fixed` are arguments that go before the flags.

    Values that may hold secrets (`source`, `notify`) go into the environment: other users of the machine can see
    command lines.

    Raises:
        TypeError: an argument that no flag has, or of another type than its flag.
        ValueError: an empty list, without which more would be exported.
    """
    flags = {flag.name: flag for flag in COMMANDS[function]}
    env = {name: value for name, value in os.environ.items() if name != VARIABLE}
    argv = [find(), "query" if function == "stream" else function] + (fixed or [])
    for name, value in given.items():
        flag = flags.get(name)
        if flag is None:
            raise TypeError(_unknown(function, name, list(flags)))
        if value is None:
            continue
        variable = f"LAKEXPRESS_{name.upper()}"
        long = f"--{name.replace('_', '-')}"
        if flag.secret:
            env[variable] = _text(function, flag, value)
        elif value is False and flag.type in ("bool", "share"):
            env.pop(variable, None)
        else:
            argv += _arguments(function, flag, long, value)
    if words:
        argv += ["--", *words]
    return Command(argv, env)


def _unknown(function: str, name: str, names: List[str]) -> str:
    known = names + [own for own in _OWN if function != "stream"]
    bare = name.replace("-", "_").lower()
    near = difflib.get_close_matches(bare, known, n=1, cutoff=0.6)
    longer = [one for one in known if one.startswith(bare + "_") or one.endswith("_" + bare)]
    meant = near or (longer if len(longer) == 1 else [])
    advice = f"; did you mean {meant[0]!r}?" if meant else ""
    return f"{function}() got an unexpected keyword argument {name!r}{advice}"


def _arguments(function: str, flag: Flag, long: str, value: Any) -> List[str]:
    if flag.type == "bool":
        if value is not True:
            raise TypeError(f"{function}({flag.name}=...) takes True or False, not {value!r}")
        return [long]
    if flag.type == "share" and value is True:
        return [long]
    if flag.type == "list":
        values = [value] if isinstance(value, (str, os.PathLike)) else list(value)
        if not values:
            raise ValueError(f"{function}({flag.name}=[]): the list is empty; leave the argument out, or give None")
        return [f"{long}={_text(function, flag, one)}" for one in values]
    return [f"{long}={_text(function, flag, value)}"]


def _text(function: str, flag: Flag, value: Any) -> str:
    if isinstance(value, str):
        return value
    numbers = {"int": (int,), "size": (int,), "float": (int, float), "share": (int, float)}
    allowed = numbers.get(flag.type, ())
    if allowed and isinstance(value, allowed) and not isinstance(value, bool):
        return str(value)
    if not allowed and isinstance(value, os.PathLike):
        return os.fsdecode(value)
    kinds = {"list": "str or a list of str", "path": "str or a path", "size": "int or str", "share": "bool or a number"}
    raise TypeError(f"{function}({flag.name}=...) takes {kinds.get(flag.type, flag.type)}, not {type(value).__name__}")
