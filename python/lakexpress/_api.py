"""The functions of the package. Their arguments are the flags of the command line: `_flags.py`."""

import inspect as _inspect
import os
from typing import Any, Callable, Dict, List, Optional, Type, TypeVar, Union

from . import _arguments, _errors, _process
from ._flags import COMMANDS
from ._progress import Progress
from ._results import CheckResult, InspectResult, PlanResult, RunResult, VerifyResult
from ._stream import Stream

_Result = TypeVar("_Result", RunResult, PlanResult, InspectResult, CheckResult, VerifyResult)
_Callback = Optional[Callable[[Progress], object]]
_StrPath = Union[str, "os.PathLike[str]"]


def _run(
    function: str,
    result: Type[_Result],
    flags: Dict[str, Any],
    check: bool,
    progress: _Callback,
    words: Optional[List[str]] = None,
    fixed: Optional[List[str]] = None,
) -> _Result:
    if progress is not None:
        if flags.get("quiet") or str(flags.get("log_level") or "info").lower() not in ("info", "debug"):
            raise TypeError("progress comes from the log lines, which quiet and log_level leave out")
        flags = {**flags, "quiet": False, "log_level": flags.get("log_level") or "info"}
    command = _arguments.command(function, flags, words=words, fixed=["--json", *(fixed or [])])
    ended = _process.run(command, progress)
    document, code = ended.document, ended.exit_code
    if document is None:
        if code == 0:
            raise _errors.InternalError("lakexpress printed no document", exit_code=code)
        raise _errors.of_text(code, ended.said)
    if "error" in document and "tables" not in document:
        raise _errors.of_document(code, document, ended.said)
    done = result.of(document, code)
    if code != 0 and check:
        raise _errors.of_document(code, document, ended.said, done)
    return done


def export(*, check: bool = True, progress: _Callback = None, **flags: Any) -> RunResult:
    """Exports tables to Parquet files: exactly, at one point in time, all or nothing for each table.

    Args:
        check: raise an error when a table failed; with False the result is returned. What fails before there is a
            result (no connection, wrong flags) raises in any case.
        progress: called with `Progress` when a table starts, is committed or failed, and at the end, in the calling
            thread. An error that it raises stops the run.
        flags: see below; None leaves a flag out, False clears a switch that the environment sets.

    Raises:
        TypeError, ValueError: an argument that no flag has, or of another type.
        Error: a class by the exit code: `PartialError`, `UnavailableError`, `DataError` and so on.
        KeyboardInterrupt: after Ctrl-C, when the program has stopped.
    """
    return _run("export", RunResult, flags, check, progress)


def plan(*, check: bool = True, progress: _Callback = None, **flags: Any) -> PlanResult:
    """Shows what an export would read and write, up to the first byte. Arguments and errors as of `export`."""
    return _run("plan", PlanResult, flags, check, progress)


def inspect(*, check: bool = True, progress: _Callback = None, **flags: Any) -> InspectResult:
    """Shows tables, columns and how exactly each type travels. Errors as of `export`."""
    return _run("inspect", InspectResult, flags, check, progress)


def check(*, check: bool = True, progress: _Callback = None, **flags: Any) -> CheckResult:
    """Checks that source and destination are ready for an export. Errors as of `export`, of the first check that
    failed; `check=False` gives the result with all of them.
    """
    return _run("check", CheckResult, flags, check, progress)


def query(sql: Optional[str] = None, *, check: bool = True, progress: _Callback = None, **flags: Any) -> RunResult:
    """Exports the result of SQL over the source's tables, to `query/<name>/` below the destination.

    Args:
        sql: the query, in the SQL of docs/query.md; or `script=` or `source_sql=` instead.
        check, progress, flags: as of `export`.

    Raises:
        Error: as of `export`.
    """
    if str(flags.get("output_dir")) == "-" or flags.get("format") == "arrow":
        raise ValueError("query() writes files; lakexpress.stream() reads the result")
    words = None if sql is None else [sql]
    # The environment may say what a stream is.
    fixed = [] if flags.get("format") else ["--format=plain"]
    return _run("query", RunResult, flags, check, progress, words, fixed=fixed)


def resume(run_id: str, *, check: bool = True, progress: _Callback = None, **flags: Any) -> RunResult:
    """Finishes what a run left undone. Tables that are finished are not read again (`kept`).

    Args:
        run_id: a unique beginning of the id is enough.
        check, progress, flags: as of `export`.

    Raises:
        Error: as of `export`.
    """
    return _run("resume", RunResult, flags, check, progress, [run_id])


def verify(
    target: Optional[_StrPath] = None, *, check: bool = True, progress: _Callback = None, **flags: Any
) -> VerifyResult:
    """Proves that what lies at a destination is what its manifests say.

    Args:
        target: directory, URL, or id of a run; or `target_storage_id=` instead.
        check: raise `DataError` when it is not so; with False the result says it.
        flags: see below. `read_data=True` reads all files, `read_data=10` ten percent of each table's.

    Raises:
        Error: as of `export`.
    """
    return _run("verify", VerifyResult, flags, check, progress, None if target is None else [os.fsdecode(target)])


def stream(sql: Optional[str] = None, **flags: Any) -> Stream:
    """Reads the result of SQL over the source's tables as Arrow record batches; nothing is written anywhere.

    Needs pyarrow. Batches are read as they come: memory is that of a batch or two. Use it as a context manager, or
    `close()` it: the program ends then, and otherwise when it is read to its end or collected.

    Args:
        sql: the query, in the SQL of docs/query.md; or `source_sql=` instead.
        flags: see below.

    Raises:
        Error: as of `export`; here when it fails before the first row, while batches are read when it fails later. A
            stream that was cut off never looks complete.
        ImportError: pyarrow is not there.
    """
    return Stream(
        _arguments.command(
            "stream", flags, words=None if sql is None else [sql], fixed=["--format=arrow", "--output-dir=-"]
        )
    )


def _describe(function: Callable[..., Any]) -> None:
    """Gives a function the signature of its flags, and their help."""
    name = function.__name__
    parameters = [one for one in _inspect.signature(function).parameters.values() if one.kind is not one.VAR_KEYWORD]
    kinds = {"list": "list of str", "path": "path", "size": "int or str", "share": "bool or percent"}
    texts = [_inspect.cleandoc(function.__doc__ or ""), "", "Flags:"]
    for flag in COMMANDS[name]:
        parameters.append(_inspect.Parameter(flag.name, _inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Any))
        kind = " | ".join(flag.choices) or kinds.get(flag.type, flag.type)
        texts.append(f"    {flag.name} ({kind}): {flag.help}")
    function.__signature__ = _inspect.signature(function).replace(parameters=parameters)  # type: ignore[attr-defined]
    function.__doc__ = "\n".join(texts)


for _function in (export, plan, inspect, check, query, resume, verify, stream):
    _describe(_function)
