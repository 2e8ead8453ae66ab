"""Reads exports: the committed files of each table, by its manifest."""

import builtins
import difflib
import json
import os
import posixpath
import urllib.parse
from typing import (
    TYPE_CHECKING,
    Any,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    TypeVar,
    Union,
)

from . import _schema
from ._types import Column, Document, Snapshot, Source

if TYPE_CHECKING:  # pragma: no cover
    import duckdb
    import polars
    import pyarrow
    import pyarrow.dataset

_MANIFEST = "_manifest.json"
_RUNS = "_lakexpress"
#: The newest format of manifests that is understood.
_FORMAT = 2


class _HasName(Protocol):
    @property
    def full_name(self) -> str: ...
    @property
    def name(self) -> Optional[str]: ...


_Table = TypeVar("_Table", bound=_HasName)


def open(path: Union[str, "os.PathLike[str]"], *, filesystem: Any = None) -> "Lake":
    """Opens what an export wrote: the tables whose manifests lie in `path` or below it.

    Only what the manifests name is read, never what else lies there: files of a run that is under way, or that was
    killed, are no part of a table. Manifests are read once, here; open again to see later runs.

    Args:
        path: a directory, or a URL (s3://, gs://, abfss:// ...). URLs need pyarrow, or fsspec for the schemes that
            pyarrow does not know.
        filesystem: a filesystem of pyarrow or fsspec that has credentials or another endpoint; `path` is then a URL,
            or a path of that filesystem.

    Raises:
        FileNotFoundError: the directory is not there.
        ImportError: a URL, and neither pyarrow nor fsspec knows its scheme.
        ValueError: a manifest that cannot be understood: damaged, or of a newer version of lakexpress.
    """
    place = _place(os.fspath(path), filesystem)
    names = place.names()
    tables: List[Table] = []
    withdrawn: List[str] = []
    for directory in sorted(posixpath.dirname(name) for name in names if posixpath.basename(name) == _MANIFEST):
        document = _manifest(place, posixpath.join(directory, _MANIFEST))
        if document is None:
            withdrawn.append(directory)
        else:
            tables.append(Table(place, directory, document))
    committed = {table.directory for table in tables}
    others = set(withdrawn)
    for name in names:
        directory = posixpath.dirname(name)
        if name.endswith(".parquet") and not any(above in committed for above in _and_above(directory)):
            others.add(directory)
    return Lake(place.shown, tuple(tables), tuple(sorted(others)))


def _and_above(directory: str) -> Iterable[str]:
    while directory:
        yield directory
        directory = posixpath.dirname(directory)
    yield ""


def _manifest(place: "_Place", name: str) -> Optional[Document]:
    """A manifest; None of one that is withdrawn: its table is being replaced, or a run died while it was."""
    try:
        document = json.loads(place.read(name).decode("utf-8"))
        if not isinstance(document, dict):
            raise ValueError("no object")
        if document.get("withdrawn") is True:
            return None
        version = int(document["format_version"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{place.join(name)} is no manifest of lakexpress: {error}") from error
    if version > _FORMAT:
        raise ValueError(f"{place.join(name)} has format version {version}, this package knows {_FORMAT}: update it")
    return document


class Lake:
    """The committed tables of an export."""

    def __init__(self, path: str, tables: Tuple["Table", ...], uncommitted: Tuple[str, ...]) -> None:
        #: Where it lies.
        self.path = path
        #: Its tables, by their directories.
        self.tables = tables
        #: Directories with files that no manifest names as a table: not committed.
        self.uncommitted = uncommitted

    def table(self, name: str) -> "Table":
        """The table of this name: `schema.name`, the name alone if one schema has it, or its directory below the path.
        The result of a query is `query.<name>`.

        Raises:
            KeyError: it is not there or not committed (what is there is named), or several tables have the name.
        """
        for table in self.tables:
            if table.directory == name.strip("/"):
                return table
        for directory in self.uncommitted:
            schema, _, last = directory.rpartition("/")
            if name in (directory, last, f"{posixpath.basename(schema)}.{last}") and not _find(name, self.tables):
                raise KeyError(f"{name} is not committed: {directory} has no manifest that is valid")
        return named(name, self.tables)

    def __getitem__(self, name: str) -> "Table":
        return self.table(name)

    def __iter__(self) -> Iterator["Table"]:
        return iter(self.tables)

    def __len__(self) -> int:
        return len(self.tables)

    def __repr__(self) -> str:
        return f"<Lake {self.path}: {', '.join(table.full_name for table in self.tables) or 'no tables'}>"


def _find(name: str, tables: Sequence[_Table]) -> List[_Table]:
    full = [table for table in tables if table.full_name == name]
    return full or [table for table in tables if table.name == name]


def named(name: str, tables: Sequence[_Table]) -> _Table:
    """The table of a name.

    Raises:
        KeyError: none, or several.
    """
    found = _find(name, tables)
    if len(found) == 1:
        return found[0]
    if found:
        places = ", ".join(str(getattr(table, "directory", table.full_name)) for table in found)
        raise KeyError(f"{name} is the name of several tables: {places}; give one of these directories")
    names = [table.full_name for table in tables]
    near = difflib.get_close_matches(name, names + [str(table.name) for table in tables], n=1, cutoff=0.6)
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    advice = f"did you mean {near[0]}? " if near else ""
    raise KeyError(f"no table {name}: {advice}There are {shown}" if names else f"no table {name}: there are none")


class Table:
    """A committed table. The files are those of the manifest, and nothing else is ever read."""

    def __init__(self, place: "_Place", directory: str, manifest: Document) -> None:
        self._place = place
        #: Directory below the path that was opened.
        self.directory = directory
        #: The whole manifest.
        self.manifest = manifest
        self.schema_name: str = manifest["table"]["schema"]
        self.name: str = manifest["table"]["name"]
        #: All rows of all files.
        self.rows: int = manifest["rows"]
        #: The run that committed it last.
        self.run_id: str = manifest["run_id"]
        #: When it was committed, RFC 3339 in UTC.
        self.committed_at: str = manifest["committed_at"]
        #: The point in time.
        self.snapshot = Snapshot.of(manifest["snapshot"])
        #: The database.
        self.source = Source.of(manifest["source"])
        #: Its columns, in the order of the files.
        self.columns = tuple(Column.of(column) for column in manifest["columns"])
        own = [file for file in manifest["files"] if not file.get("leftover")]
        self._names = [posixpath.join(directory, file["name"]) for file in own]
        #: Size of its files together.
        self.bytes: int = sum(file["bytes"] for file in own)

    @property
    def full_name(self) -> str:
        """`schema.name`."""
        return f"{self.schema_name}.{self.name}"

    @property
    def files(self) -> List[str]:
        """Absolute paths or URLs of exactly the committed files."""
        return [self._place.join(name) for name in self._names]

    @property
    def schema(self) -> "pyarrow.Schema":
        """The Arrow schema: of the first file, or of the manifest when there is none. Needs pyarrow.

        Raises:
            ValueError: there is no file, and a type of the manifest is not understood.
        """
        if not self._names:
            return _schema.of_columns(self.full_name, self.columns)
        import pyarrow.parquet

        filesystem, paths = self._place.arrow(self._names[:1])
        with filesystem.open_input_file(paths[0]) as file:
            return pyarrow.parquet.read_schema(file)

    def dataset(self) -> "pyarrow.dataset.Dataset":
        """A dataset of pyarrow over exactly the committed files. Without files (`empty_tables="skip"`) it is empty and
        has the schema of the manifest. Needs pyarrow.
        """
        _needs("pyarrow", "pyarrow")
        import pyarrow.dataset

        if not self._names:
            return pyarrow.dataset.dataset(self.schema.empty_table())
        filesystem, paths = self._place.arrow(self._names)
        return pyarrow.dataset.dataset(paths, schema=self.schema, format="parquet", filesystem=filesystem)

    def arrow(self) -> "pyarrow.Table":
        """All rows, in memory. Needs pyarrow."""
        return self.dataset().to_table()

    def polars(self, **options: Any) -> "polars.LazyFrame":
        """`polars.scan_parquet` of exactly the committed files. `options` go to it (`storage_options` for URLs). Without
        files it needs pyarrow too.
        """
        module = _needs("polars", "polars")
        if not self._names:
            empty: "polars.LazyFrame" = module.from_arrow(self.schema.empty_table()).lazy()
            return empty
        options = {"glob": False, "hive_partitioning": False, **options}
        scanned: "polars.LazyFrame" = module.scan_parquet(self.files, **options)
        return scanned

    def duckdb(self, connection: "Optional[duckdb.DuckDBPyConnection]" = None) -> "duckdb.DuckDBPyRelation":
        """A relation of DuckDB over exactly the committed files, on `connection` or the default one. URLs need the
        extension and the secrets that DuckDB wants. Without files it needs pyarrow too.
        """
        module = _needs("duckdb", "duckdb")
        to = module if connection is None else connection
        if not self._names:
            return to.from_arrow(self.schema.empty_table())
        return to.read_parquet([_as_glob(file) for file in self.files], hive_partitioning=False)

    def __repr__(self) -> str:
        return f"<Table {self.full_name}: {self.rows} rows in {len(self._names)} files>"


def _as_glob(file: str) -> str:
    """A path for DuckDB, which takes every path for a pattern."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in file)


def _needs(module: str, extra: str) -> Any:
    try:
        return __import__(module)
    except ImportError as error:
        raise ImportError(f"this needs {module}: pip install 'lakexpress[{extra}]'") from error


class _Place(NamedTuple):
    """Where tables lie. `root` is the path in `filesystem`; that is None for a directory of this machine."""

    shown: str
    root: str
    filesystem: Any

    def join(self, name: str) -> str:
        """The absolute path or URL of a name below."""
        if self.filesystem is None:
            return os.path.join(self.root, *name.split("/"))
        return f"{self.shown.partition('?')[0].rstrip('/')}/{name}"

    def names(self) -> List[str]:
        """All files below, but those about runs."""
        if self.filesystem is None:
            return list(_walk(self.root))
        import pyarrow.fs

        found = self.filesystem.get_file_info(pyarrow.fs.FileSelector(self.root, recursive=True))
        base = self.root.rstrip("/") + "/"
        files = [info.path for info in found if info.type == pyarrow.fs.FileType.File]
        below = [path[len(base) :] for path in files if path.startswith(base)]
        return [name for name in below if _RUNS not in name.split("/")]

    def read(self, name: str) -> bytes:
        """The content of a file."""
        if self.filesystem is None:
            with builtins.open(self.join(name), "rb") as file:
                return bytes(file.read())
        with self.filesystem.open_input_stream(f"{self.root.rstrip('/')}/{name}") as stream:
            return bytes(stream.read())

    def arrow(self, names: Sequence[str]) -> Tuple[Any, List[str]]:
        """The filesystem of pyarrow, and the paths of files in it."""
        if self.filesystem is None:
            import pyarrow.fs

            return pyarrow.fs.LocalFileSystem(), [self.join(name) for name in names]
        return self.filesystem, [f"{self.root.rstrip('/')}/{name}" for name in names]


def _walk(root: str) -> Iterable[str]:
    for at, directories, files in os.walk(root):
        directories[:] = sorted(name for name in directories if name != _RUNS)
        below = os.path.relpath(at, root).replace(os.sep, "/")
        for name in files:
            yield name if below == "." else f"{below}/{name}"


def _place(path: str, filesystem: Any) -> _Place:
    scheme = path.split("://", 1)[0] if "://" in path else ""
    if filesystem is None and scheme in ("", "file"):
        root = os.path.abspath(urllib.parse.unquote(urllib.parse.urlsplit(path).path) if scheme else path)
        if not os.path.isdir(root):
            raise FileNotFoundError(f"{root} is no directory")
        return _Place(root, root, None)
    fs = _needs("pyarrow.fs", "pyarrow").fs
    if filesystem is not None:
        inner = filesystem if isinstance(filesystem, fs.FileSystem) else fs.PyFileSystem(fs.FSSpecHandler(filesystem))
        return _Place(path, path.split("://", 1)[-1].rstrip("/"), inner)
    try:
        inner, root = fs.FileSystem.from_uri(path)
    except (ValueError, NotImplementedError) as error:
        try:
            import fsspec
        except ImportError:
            raise ImportError(f"pyarrow does not know {scheme}:// ({error}); fsspec may: pip install fsspec") from error
        of_fsspec, root = fsspec.core.url_to_fs(path)
        inner = fs.PyFileSystem(fs.FSSpecHandler(of_fsspec))
    return _Place(path, root, inner)
