"""Parts of documents that results and manifests share."""

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple

Document = Dict[str, Any]


@dataclass(frozen=True)
class TableError:
    """Why a table failed. `kind` as of `Error.kind`; `code` is the stable code, None where there is none."""

    kind: Optional[str]
    message: str
    hints: Tuple[str, ...] = ()
    code: Optional[str] = None

    @classmethod
    def of(cls, document: Optional[Document]) -> "Optional[TableError]":
        """From the document."""
        if not document:
            return None
        hints = tuple(document.get("hints") or ())
        return cls(document.get("kind"), document.get("message", ""), hints, document.get("error_code"))


@dataclass(frozen=True)
class Source:
    """The database."""

    kind: str
    version: str
    server: str
    database: str
    user: str
    identifier: Optional[str] = None

    @classmethod
    def of(cls, document: Document) -> "Source":
        """From the document."""
        kind, version, server, database, user = (
            str(document.get(name) or "") for name in ("kind", "version", "server", "database", "user")
        )
        return cls(kind, version, server, database, user, document.get("identifier"))


@dataclass(frozen=True)
class Snapshot:
    """A point in time: consistency `level` (run, table, none), the database's own `id` and log `position`."""

    level: str
    taken_at: str
    id: Optional[str] = None
    position: Optional[str] = None

    @classmethod
    def of(cls, document: Document) -> "Snapshot":
        """From the document."""
        return cls(document["level"], document["taken_at"], document.get("id"), document.get("position"))


@dataclass(frozen=True)
class Totals:
    """Sums; rows, files and bytes are those of the completed tables."""

    tables: int
    completed: int
    failed: int
    rows: int
    files: int
    bytes: int

    @classmethod
    def of(cls, document: Document) -> "Totals":
        """From the document."""
        names = ("tables", "completed", "failed", "rows", "files", "bytes")
        return cls(*(int(document.get(name) or 0) for name in names))


@dataclass(frozen=True)
class Column:
    """A column as it is written. `verdict` says how its values travel: exact, text and so on."""

    name: str
    arrow_type: str
    nullable: bool
    source_type: Optional[str] = None
    verdict: Optional[str] = None
    note: Optional[str] = None

    @classmethod
    def of(cls, document: Document) -> "Column":
        """From the document."""
        note = document.get("note") or document.get("form")
        nullable = bool(document.get("nullable", True))
        texts = (document.get("source_type"), document.get("verdict"), note)
        return cls(document["name"], document["arrow_type"], nullable, *texts)


class Named:
    schema: Optional[str]
    name: Optional[str]

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema}.{self.name}" if self.schema else str(self.name)
