"""What a run says while it goes on, from its log lines."""

import json
import re
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

_UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50}
_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ \| (ERROR|WARNING|INFO|DEBUG|TRACE) \| (.*)$")
_COUNT = r"([\d,]+)"
_RUN = re.compile(r"^starting export run: (\S+)$")
_TABLES = re.compile(rf"^{_COUNT} tables? from .* to .*$")
_STARTED = re.compile(rf"^(.+): started, about {_COUNT} rows?, method .+, {_COUNT} parts?$")
_DONE = re.compile(rf"^(.+): done, {_COUNT} rows? in {_COUNT} files?, ([\d.,]+) ([KMGTP]?i?B), .+$")
_FAILED = re.compile(r"^(.+?): failed after [\d.]+ \w+(?: [\d.]+ \w+)*: (.*)$")


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    It is made from the log lines of the program, which come when a table starts, is committed, or failed: between them
    nothing is said, however long a table takes. `bytes` is rounded as in the log lines (three digits or so) until
    `event` is `finished`, when all figures are those of the document.

    Attributes:
        event: `run`, `table_started`, `table_done`, `table_failed`, `finished`.
        table: `schema.name` of the table that the event is about; None for the others.
        error: of `table_failed`: one line.
        run_id: the run; None before it is known.
        tables: number of tables of the run; 0 before it is known.
        tables_done, tables_failed: so far.
        rows, files, bytes: of the tables that are done.
    """

    event: str
    table: Optional[str] = None
    error: Optional[str] = None
    run_id: Optional[str] = None
    tables: int = 0
    tables_done: int = 0
    tables_failed: int = 0
    rows: int = 0
    files: int = 0
    bytes: int = 0


def parsed(line: str) -> Optional[Tuple[str, str]]:
    """Level and message of a log line in either form; None of any other line."""
    found = _LINE.match(line)
    if found:
        return found.group(1), found.group(2)
    if line.startswith('{"timestamp"'):
        try:
            event = json.loads(line)
        except ValueError:
            return None
        if isinstance(event, dict):
            level = str(event.get("level", "INFO"))
            return ("WARNING" if level == "WARN" else level), str(event.get("message", ""))
    return None


class Counter:
    """Log lines to events."""

    def __init__(self) -> None:
        self._at: Dict[str, Any] = {
            "run_id": None,
            "tables": 0,
            "tables_done": 0,
            "tables_failed": 0,
            "rows": 0,
            "files": 0,
            "bytes": 0,
        }

    def line(self, level: str, message: str) -> Optional[Progress]:
        """The event of a log line, if it is one."""
        at = self._at
        if level == "ERROR":
            found = _FAILED.match(message)
            if found:
                at["tables_failed"] += 1
                return Progress("table_failed", found.group(1), found.group(2), **at)
            return None
        found = _RUN.match(message)
        if found:
            at["run_id"] = found.group(1)
            return None
        found = _TABLES.match(message)
        if found and at["run_id"] and not at["tables"]:
            at["tables"] = _number(found.group(1))
            return Progress("run", **at)
        found = _STARTED.match(message)
        if found:
            return Progress("table_started", found.group(1), **at)
        found = _DONE.match(message)
        if found:
            at["tables_done"] += 1
            at["rows"] += _number(found.group(2))
            at["files"] += _number(found.group(3))
            at["bytes"] += round(float(found.group(4).replace(",", "")) * _UNITS.get(found.group(5), 1))
            return Progress("table_done", found.group(1), **at)
        return None

    def finished(self, document: Dict[str, Any]) -> Progress:
        """The last event, by the document of the run."""
        totals = document.get("totals") or {}
        names = ("tables", "completed", "failed", "rows", "files", "bytes")
        return Progress("finished", None, None, document.get("run_id"), *(int(totals.get(name) or 0) for name in names))


def _number(text: str) -> int:
    return int(text.replace(",", ""))
