"""Errors, by the exit code of the program."""

import re
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Type

_CODE = re.compile(r"^\s*(?:error )?code: (LX\d+)", re.MULTILINE)


class Error(Exception):
    """The program failed, or could not be run.

    Attributes:
        message: what failed, without hints.
        hints: what to change.
        exit_code: that of the program; negative after a signal that ended it at once (-9), None when it did not run.
        code: the stable code of the error (`LX0302`), None when the program names none.
        kind: usage, config, unavailable, denied, data, internal, output, interrupted; None when not known.
        context: where it failed: table, part, column, path, run and so on.
        causes: what caused it, the nearest first.
        result: what was done all the same (a `RunResult`, for example); None when the program printed no such document.
        raw: the document that the program printed; None when there was none.
    """

    def __init__(
        self,
        message: str,
        *,
        hints: Iterable[str] = (),
        exit_code: Optional[int] = None,
        code: Optional[str] = None,
        kind: Optional[str] = None,
        context: Optional[Mapping[str, str]] = None,
        causes: Iterable[str] = (),
        result: Any = None,
        raw: Optional[Dict[str, Any]] = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hints: Tuple[str, ...] = tuple(hints)
        self.exit_code = exit_code
        self.code = code
        self.kind = kind
        self.context: Dict[str, str] = dict(context or {})
        self.causes: Tuple[str, ...] = tuple(causes)
        self.result = result
        self.raw = raw

    def __str__(self) -> str:
        lines = [self.message if self.code is None else f"{self.message} ({self.code})"]
        lines += [f"  {key}: {value}" for key, value in self.context.items()]
        lines += [f"  caused by: {cause}" for cause in self.causes]
        lines += [f"hint: {hint}" for hint in self.hints]
        return "\n".join(lines)


class PartialError(Error):
    """Exit code 1: the run came to its end, and some tables failed. `result` says which."""


class UsageError(Error):
    """Exit code 2: the flags are wrong."""


class DataError(Error):
    """Exit code 65: a value cannot be written exactly, or what lies at the destination contradicts itself."""


class InternalError(Error):
    """Exit code 70: a defect in the program."""


class OutputError(Error):
    """Exit code 74: the result could not be printed."""


class UnavailableError(Error):
    """Exit code 75: a server, network or disk is not usable now. The only error that is worth another attempt."""


class DeniedError(Error):
    """Exit code 77: credentials or rights are missing."""


class ConfigError(Error):
    """Exit code 78: a configuration file or entry is wrong."""


class Interrupted(Error):
    """Exit codes 129, 130, 143: a signal ended the program. `resume_command` finishes the run, where one began."""

    @property
    def resume_command(self) -> Optional[str]:
        """The command line that finishes the run; None when nothing was recorded of it."""
        command = ((self.raw or {}).get("error") or {}).get("resume")
        return command if isinstance(command, str) else None


_CLASSES: Dict[int, Type[Error]] = {
    1: PartialError,
    2: UsageError,
    65: DataError,
    70: InternalError,
    74: OutputError,
    75: UnavailableError,
    77: DeniedError,
    78: ConfigError,
    129: Interrupted,
    130: Interrupted,
    143: Interrupted,
}


def class_of(exit_code: int) -> Type[Error]:
    """The class of an exit code."""
    return _CLASSES.get(exit_code, Error)


def of_document(exit_code: int, document: Dict[str, Any], said: Sequence[str], result: Any = None) -> Error:
    """The error of a document of `--json`; `said` are lines of standard error."""
    error = document.get("error")
    if isinstance(error, dict):
        return class_of(exit_code)(
            str(error.get("message", "")).strip(),
            hints=error.get("hints") or (),
            exit_code=exit_code,
            code=error.get("error_code") or code_in(said),
            kind=error.get("kind"),
            context=error.get("context"),
            causes=error.get("causes") or (),
            result=result,
            raw=document,
        )
    message, hints, code, kind = _of_parts(document)
    return class_of(exit_code)(
        message or f"lakexpress ended with exit code {exit_code}",
        hints=hints,
        exit_code=exit_code,
        code=document.get("error_code") or code or code_in(said),
        kind=kind,
        result=result,
        raw=document,
    )


def _of_parts(document: Dict[str, Any]) -> Tuple[str, List[str], Optional[str], Optional[str]]:
    """What failed by the tables, checks and failures of a document: message, hints, code, kind."""
    failed: List[Tuple[str, Dict[str, Any]]] = []
    for table in document.get("tables") or ():
        error = table.get("error")
        if isinstance(error, dict):
            schema = table.get("schema")
            name = f"{schema}.{table.get('name')}" if schema else table.get("directory", "")
            failed.append((name, error))
    for check in document.get("checks") or ():
        if not check.get("ok"):
            error = {**check, "message": check.get("error")}
            failed.append((f"{check.get('area')}, {check.get('check')}", error))
    for table in document.get("failed") or ():
        failed.append((f"{table['schema']}.{table['name']}", table["error"]))
    metadata = (document.get("metadata") or {}).get("error")
    if metadata:
        failed.append(("metadata", metadata if isinstance(metadata, dict) else {"message": metadata}))
    shown = [f"{name}: {error.get('message')}" for name, error in failed[:5]]
    if len(failed) > 5:
        shown.append(f"and {len(failed) - 5} more")
    hints = list(document.get("hints") or ())
    for _, error in failed:
        hints += [hint for hint in error.get("hints") or () if hint not in hints]
    if document.get("resume"):
        hints.append(f"to finish: {document['resume']}")
    codes = [error["error_code"] for _, error in failed if error.get("error_code")]
    kinds = {error.get("kind") for _, error in failed}
    number = len(document.get("tables") or ())
    head = f"{len(failed)} of {number} tables failed: " if failed and document.get("tables") else ""
    return head + "; ".join(shown), hints, codes[0] if codes else None, kinds.pop() if len(kinds) == 1 else None


def of_text(exit_code: int, said: Sequence[str]) -> Error:
    """The error of a program that printed no document; `said` are lines of its standard error, log lines left out.

    ::

        error: cannot read the table
          table: public.orders
          caused by: permission denied
        hint: grant the right to read it
    """
    lines = list(said)
    begins = [at for at, line in enumerate(lines) if line.startswith("error: ")]
    if not begins:
        what = f"was ended by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"
        tail = "; ".join(line.strip() for line in lines[-3:] if line.strip())
        message = f"lakexpress {what} without a word" if not tail else f"lakexpress {what}: {tail}"
        return class_of(exit_code)(message, exit_code=exit_code)
    lines = lines[begins[-1] :]
    text: List[str] = [lines[0][len("error: ") :]]
    context: Dict[str, str] = {}
    causes: List[str] = []
    hints: List[str] = []
    for line in lines[1:]:
        if line.startswith("  caused by: "):
            causes.append(line[len("  caused by: ") :])
        elif line.startswith("hint: "):
            hints.append(line[len("hint: ") :])
        elif re.match(r"  [a-z][a-z -]*: ", line) and not line.startswith("  tip: "):
            key, value = line.strip().split(": ", 1)
            context[key] = value
        elif not _CODE.match(line) and not line.startswith("to finish "):
            text.append(line)
    return class_of(exit_code)(
        "\n".join(text).strip(),
        hints=hints,
        exit_code=exit_code,
        code=code_in(said),
        context=context,
        causes=causes,
    )


def code_in(said: Sequence[str]) -> Optional[str]:
    """The error code that standard error names."""
    found = _CODE.search("\n".join(said))
    return found.group(1) if found else None
