"""What commands say, as typed objects. Each has the whole document in `raw`.

Sizes are bytes, durations seconds, times RFC 3339 in UTC. What is not recorded is None.
"""

from dataclasses import dataclass, field
from typing import Any, List, Optional, Tuple

from . import _lake
from ._types import Column, Document, Named, Snapshot, Source, TableError, Totals


def _raw() -> Any:
    return field(repr=False, compare=False, default_factory=dict)


@dataclass(frozen=True)
class TableResult(Named):
    """What became of a table. `directory` is below the destination, `kept` says that it was done before a resume."""

    schema: str
    name: str
    directory: str
    status: str
    rows: int
    files: int
    bytes: int
    seconds: float
    retries: int
    kept: bool
    error: Optional[TableError]
    verification: Optional[Document]
    raw: Document = _raw()

    @classmethod
    def of(cls, document: Document) -> "TableResult":
        """From the document."""
        return cls(
            schema=document["schema"],
            name=document["name"],
            directory=document["directory"],
            status=document["status"],
            rows=document.get("rows") or 0,
            files=document.get("files") or 0,
            bytes=document.get("bytes") or 0,
            seconds=document.get("seconds") or 0.0,
            retries=document.get("retries") or 0,
            kept=bool(document.get("kept")),
            error=TableError.of(document.get("error")),
            verification=document.get("verification"),
            raw=document,
        )


@dataclass(frozen=True)
class RunResult:
    """A run that came to its end: `export`, `query`, `resume`.

    Attributes:
        status: completed or failed.
        exit_code: of the program; 0 when all is done.
        seconds: how long it took.
        destination: the base; `location`: the base with the sub path.
        resume: the command line that finishes the run; None when all is done.
    """

    run_id: str
    status: str
    exit_code: int
    started_at: str
    seconds: float
    source: Source
    destination: str
    location: str
    sub_path: str
    snapshot: Snapshot
    tables: Tuple[TableResult, ...]
    totals: Totals
    hints: Tuple[str, ...]
    resume: Optional[str]
    resumed: bool
    raw: Document = _raw()

    @property
    def ok(self) -> bool:
        """Whether all is done."""
        return self.exit_code == 0

    @property
    def failed(self) -> Tuple[TableResult, ...]:
        """The tables that failed."""
        return tuple(table for table in self.tables if table.error is not None)

    def table(self, name: str) -> TableResult:
        """The table of this name, `schema.name` or the name alone.

        Raises:
            KeyError: none, or several.
        """
        return _lake.named(name, self.tables)

    def lake(self) -> "_lake.Lake":
        """What lies at the destination now, as `lakexpress.open` gives it."""
        return _lake.open(self.location)

    @classmethod
    def of(cls, document: Document, exit_code: int) -> "RunResult":
        """From the document."""
        return cls(
            run_id=document["run_id"],
            status=document["status"],
            exit_code=exit_code,
            started_at=document["started_at"],
            seconds=document["seconds"],
            source=Source.of(document["source"]),
            destination=document["destination"],
            location=document["location"],
            sub_path=document.get("sub_path") or "",
            snapshot=Snapshot.of(document["snapshot"]),
            tables=tuple(TableResult.of(table) for table in document["tables"]),
            totals=Totals.of(document["totals"]),
            hints=tuple(document.get("hints") or ()),
            resume=document.get("resume"),
            resumed=bool(document.get("resumed")),
            raw=document,
        )


@dataclass(frozen=True)
class PlannedTable(Named):
    """How a table would be read. `parts` is the number of its slices, `readers` how many of them at once."""

    schema: str
    name: str
    directory: str
    kind: str
    est_rows: Optional[int]
    est_bytes: Optional[int]
    method: str
    method_reason: str
    readers: int
    parts: int
    columns: Tuple[Column, ...]
    raw: Document = _raw()

    @classmethod
    def of(cls, document: Document) -> "PlannedTable":
        """From the document."""
        info = document["info"]
        return cls(
            schema=info["table"]["schema"],
            name=info["table"]["name"],
            directory=document["directory"],
            kind=_word(info.get("kind")),
            est_rows=info.get("est_rows"),
            est_bytes=info.get("est_bytes"),
            method=document.get("source_method") or _word(document["method"]),
            method_reason=document["method_reason"],
            readers=document["readers"],
            parts=len(document["parts"]),
            columns=tuple(Column.of(column) for column in document["columns"]),
            raw=document,
        )


@dataclass(frozen=True)
class PlanResult:
    """What an export would do. `failures` are tables that cannot be exported, each with its reason."""

    exit_code: int
    source: Source
    destination: Optional[str]
    tables: Tuple[PlannedTable, ...]
    failures: Tuple[Tuple[str, str], ...]
    raw: Document = _raw()

    @classmethod
    def of(cls, document: Document, exit_code: int) -> "PlanResult":
        """From the document."""
        return cls(
            exit_code=exit_code,
            source=Source.of(document["source"]),
            destination=document.get("destination"),
            tables=tuple(PlannedTable.of(table) for table in document["tables"]),
            failures=_failures(document),
            raw=document,
        )


@dataclass(frozen=True)
class InspectedTable(Named):
    """A table of the source."""

    schema: str
    name: str
    kind: str
    est_rows: Optional[int]
    est_bytes: Optional[int]
    columns: Tuple[Column, ...]
    raw: Document = _raw()


@dataclass(frozen=True)
class InspectResult:
    """Tables and columns of the source. `failures` are tables that cannot be read, each with its reason."""

    exit_code: int
    source: Source
    tables: Tuple[InspectedTable, ...]
    failures: Tuple[Tuple[str, str], ...]
    raw: Document = _raw()

    @classmethod
    def of(cls, document: Document, exit_code: int) -> "InspectResult":
        """From the document."""
        tables: List[InspectedTable] = []
        for table in document["tables"]:
            columns = tuple(Column.of(column) for column in table["columns"])
            figures = (table.get("est_rows"), table.get("est_bytes"))
            tables.append(
                InspectedTable(table["schema"], table["name"], _word(table["kind"]), *figures, columns, table)
            )
        source = Source.of(document["source"])
        return cls(exit_code, source, tuple(tables), _failures(document), document)


@dataclass(frozen=True)
class Check:
    """One thing that was tried. `found` when it is as it should be; `warning` says what exports do without."""

    area: str
    check: str
    ok: bool
    found: Optional[str]
    kind: Optional[str]
    error: Optional[str]
    hints: Tuple[str, ...]
    warning: Optional[str]

    @classmethod
    def of(cls, document: Document) -> "Check":
        """From the document."""
        return cls(
            area=document["area"],
            check=document["check"],
            ok=document["ok"],
            found=document.get("found"),
            kind=document.get("kind"),
            error=document.get("error"),
            hints=tuple(document.get("hints") or ()),
            warning=document.get("warning"),
        )


@dataclass(frozen=True)
class CheckResult:
    """Whether source and destination are ready."""

    ok: bool
    exit_code: int
    checks: Tuple[Check, ...]
    raw: Document = _raw()

    @classmethod
    def of(cls, document: Document, exit_code: int) -> "CheckResult":
        """From the document."""
        return cls(document["ok"], exit_code, tuple(Check.of(check) for check in document["checks"]), document)


@dataclass(frozen=True)
class Problem:
    """What is not as the manifest says. `problem` is a word of docs/verification.md; `file` None: the whole table."""

    file: Optional[str]
    problem: str
    detail: str


@dataclass(frozen=True)
class VerifiedTable(Named):
    """A table at the destination. Schema and name are None where no manifest could be read."""

    schema: Optional[str]
    name: Optional[str]
    directory: str
    status: str
    rows: Optional[int]
    files: Optional[int]
    bytes: Optional[int]
    run_id: Optional[str]
    problems: Tuple[Problem, ...]
    error: Optional[TableError]
    raw: Document = _raw()

    @classmethod
    def of(cls, document: Document) -> "VerifiedTable":
        """From the document."""
        names = ("schema", "name", "directory", "status", "rows", "files", "bytes", "run_id")
        problems = tuple(Problem(one.get("file"), one["problem"], one["detail"]) for one in document["problems"])
        return cls(
            **{name: document.get(name) for name in names},  # type: ignore[arg-type]
            problems=problems,
            error=TableError.of(document.get("error")),
            raw=document,
        )


@dataclass(frozen=True)
class VerifyResult:
    """Whether what lies at a destination is what its manifests say.

    `read_percent` is the share of files whose content was read; None when none was.
    """

    ok: bool
    exit_code: int
    destination: str
    location: str
    read_percent: Optional[float]
    tables: Tuple[VerifiedTable, ...]
    totals: Totals
    raw: Document = _raw()

    @classmethod
    def of(cls, document: Document, exit_code: int) -> "VerifyResult":
        """From the document."""
        return cls(
            ok=document["ok"],
            exit_code=exit_code,
            destination=document["destination"],
            location=document["location"],
            read_percent=document.get("read_percent"),
            tables=tuple(VerifiedTable.of(table) for table in document["tables"]),
            totals=Totals.of(document["totals"]),
            raw=document,
        )


def _failures(document: Document) -> Tuple[Tuple[str, str], ...]:
    return tuple((table, reason) for table, reason in document.get("failures") or ())


def _word(value: Any) -> str:
    """A word that may have details: `"table"`, `{"view": {...}}`."""
    return next(iter(value)) if isinstance(value, dict) and value else str(value)
