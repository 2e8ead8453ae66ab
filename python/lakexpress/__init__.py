"""Exports PostgreSQL, MySQL, MariaDB and SQLite databases to Parquet files, exactly and at one point in time.

The functions run the program `lakexpress`; their arguments are the flags of its command line. Log lines of the program
go to the logger `lakexpress` of Python's logging.

    import lakexpress
    run = lakexpress.export(source="postgres://me@db/shop", output_dir="lake", include=["orders", "customers"])
    orders = lakexpress.open("lake").table("public.orders").polars()
"""

from ._api import check, export, inspect, plan, query, resume, stream, verify
from ._binary import BinaryNotFoundError
from ._errors import (
    ConfigError,
    DataError,
    DeniedError,
    Error,
    InternalError,
    Interrupted,
    OutputError,
    PartialError,
    UnavailableError,
    UsageError,
)
from ._lake import Lake, Table, open
from ._progress import Progress
from ._results import (
    Check,
    CheckResult,
    InspectedTable,
    InspectResult,
    PlannedTable,
    PlanResult,
    Problem,
    RunResult,
    TableResult,
    VerifiedTable,
    VerifyResult,
)
from ._stream import Stream
from ._types import Column, Snapshot, Source, TableError, Totals

__all__ = [
    "BinaryNotFoundError",
    "Check",
    "CheckResult",
    "Column",
    "ConfigError",
    "DataError",
    "DeniedError",
    "Error",
    "InspectResult",
    "InspectedTable",
    "InternalError",
    "Interrupted",
    "Lake",
    "OutputError",
    "PartialError",
    "PlanResult",
    "PlannedTable",
    "Problem",
    "Progress",
    "RunResult",
    "Snapshot",
    "Source",
    "Stream",
    "Table",
    "TableError",
    "TableResult",
    "Totals",
    "UnavailableError",
    "UsageError",
    "VerifiedTable",
    "VerifyResult",
    "check",
    "export",
    "inspect",
    "open",
    "plan",
    "query",
    "resume",
    "stream",
    "verify",
]
