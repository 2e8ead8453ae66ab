"""Programs that open Parquet files, each with one method, `read(files, columns, whole)`: the values of the columns, in
the order of the files. `whole`: they are all that the files have; without it, some of a file that was refused.

Values come in the forms of matrix.py: integers for days and microseconds since 1970, Decimal, bits of floats, bytes,
lists, text. What a reader gives in any other form stays as it is, so that it is not equal to anything. Where objects
of Python cannot hold what a program has, it is asked for numbers.
"""

import datetime
import decimal
import glob
import json
import os
import struct
import subprocess
import tempfile
import uuid

import matrix
from database import identifier, literal

NUMBERS = ("int2", "int4", "int8")
MOMENTS = ("date", "timestamp", "timestamptz", "time")


class Moment:
    """Microseconds or days of an Arrow type, which other programs may have taken for one of another kind."""

    def __init__(self, family, value):
        self.family, self.value = family, value

    def __repr__(self):
        return f"{self.family} {self.value}"


def neutral(value, kind):
    """What a program gave, as an object of Python, in the common form of its kind."""
    if value is None:
        return None
    if isinstance(value, Moment):
        return value.value if isinstance(kind, str) and kind.removesuffix("tz") == value.family else value
    if isinstance(kind, dict):
        if isinstance(value, dict):
            value = list(value.values())
        if hasattr(value, "tolist"):
            value = value.tolist()
        if not isinstance(value, (list, tuple)):
            return value
        if "list" in kind:
            return [neutral(one, kind["list"]) for one in value]
        if len(value) != len(kind["struct"]):
            return value
        return [neutral(one, inner) for one, (_, inner) in zip(value, kind["struct"])]
    if hasattr(value, "item"):
        value = value.item()
    if kind in ("float4", "float8") and isinstance(value, float):
        return bits(value, kind)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, datetime.datetime) and value.tzinfo is None and kind in ("timestamp", "timestamptz"):
        return (value - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    return value


def bits(value, kind):
    """The bits of a number; of one that is more exact than its kind, the number."""
    if kind == "float4" and value == value and struct.unpack(">f", packed := struct.pack(">f", value))[0] != value:
        return f"{value!r}, not {packed.hex()}"
    return matrix.bits(value, kind)


def of_arrow(column, kind):
    """The values of a pyarrow array in the common form of their kind."""
    return [neutral(value, kind) for value in flat(column)]


def flat(array):
    """Like matrix.plain, for the types that other programs make: other lists, other units, views."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        return [value for chunk in array.chunks for value in flat(chunk)]
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name == "arrow.uuid":
            return array.to_pylist()
        return flat(array.storage)
    if pa.types.is_dictionary(kind):
        return flat(array.dictionary_decode())
    if pa.types.is_timestamp(kind) or pa.types.is_time(kind):
        wide = array.view(pa.int64() if kind.bit_width == 64 else pa.int32()).to_pylist()
        family = "timestamp" if pa.types.is_timestamp(kind) else "time"
        return [None if v is None else Moment(family, micros(v, kind.unit)) for v in wide]
    if pa.types.is_date32(kind):
        return [None if v is None else Moment("date", v) for v in array.view(pa.int32()).to_pylist()]
    if pa.types.is_fixed_size_list(kind):
        size, valid = kind.list_size, array.is_valid().to_pylist()
        values = flat(array.values.slice(array.offset * size, len(array) * size))
        return [values[i * size : (i + 1) * size] if valid[i] else None for i in range(len(array))]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values, offsets, valid = flat(array.values), array.offsets.to_pylist(), array.is_valid().to_pylist()
        return [values[offsets[i] : offsets[i + 1]] if valid[i] else None for i in range(len(array))]
    if pa.types.is_struct(kind):
        fields, valid = [flat(array.field(i)) for i in range(kind.num_fields)], array.is_valid().to_pylist()
        return [tuple(field[i] for field in fields) if valid[i] else None for i in range(len(array))]
    return array.to_pylist()


def micros(value, unit):
    if unit == "ns":
        return value // 1000 if value % 1000 == 0 else f"{value} ns"
    return value * {"us": 1, "ms": 1000, "s": 1_000_000}[unit]


def alone(path, columns, place, rows=None):
    """A copy of a file, by pyarrow, that has some of its columns only, with their logical types."""
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(path, arrow_extensions_enabled=True).read()
    table = table.select([table.schema.names.index(name) for name, _ in columns])
    copy = os.path.join(place, "copy.parquet")
    pyarrow.parquet.write_table(table if rows is None else table.slice(0, rows), copy, store_schema=False)
    return copy


class PyArrow:
    def __init__(self):
        import pyarrow.parquet

        self.parquet = pyarrow.parquet
        self.title = f"pyarrow {pyarrow.__version__}"

    def read(self, files, columns, whole):
        found = {name: [] for name, _ in columns}
        for path in files:
            table = self.parquet.ParquetFile(path).read(columns=None if whole else [name for name, _ in columns])
            for name, kind in columns:
                found[name] += of_arrow(table.column(table.schema.names.index(name)), kind)
        return found


class DuckDb:
    def __init__(self):
        import duckdb

        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'; SET threads = 1")
        self.title = f"DuckDB {duckdb.__version__}"

    def read(self, files, columns, whole):
        # Geometry is asked for as the bytes that were written.
        self.connection.execute("SET enable_geoparquet_conversion = false")
        listed = "[" + ", ".join(literal(path) for path in files) + "]"
        wanted = ", ".join(self.expression(identifier(name), kind, 0) for name, kind in columns)
        query = f"SELECT {wanted} FROM read_parquet({listed}, hive_partitioning=false)"
        rows = self.connection.execute(query).fetchall()
        found = list(zip(*rows)) or [()] * len(columns)
        return {name: [self.exact(v, kind) for v in values] for (name, kind), values in zip(columns, found)}

    def expression(self, value, kind, depth):
        """SQL that gives what Python can hold: integers for moments."""
        if kind == "date":
            return f"({value} - DATE '1970-01-01')"
        if kind in ("timestamp", "timestamptz"):
            return f"CASE WHEN isinf({value}) THEN 9223372036854775807 ELSE epoch_us({value}) END"
        if kind == "time":
            return f"date_diff('us', TIME '00:00', {value})"
        if isinstance(kind, dict) and "list" in kind:
            inner = self.expression(f"v{depth}", kind["list"], depth + 1)
            return value if inner == f"v{depth}" else f"list_transform({value}, lambda v{depth}: {inner})"
        if isinstance(kind, dict) and kind["struct"]:
            fields = [self.expression(f"({value}).{identifier(n)}", k, depth) for n, k in kind["struct"]]
            return f"CASE WHEN {value} IS NULL THEN NULL ELSE row({', '.join(fields)}) END"
        return value

    def exact(self, value, kind):
        return neutral(value, kind)


class Polars:
    def __init__(self):
        import polars

        self.polars = polars
        self.title = f"Polars {polars.__version__}"

    def read(self, files, columns, whole):
        scan = self.polars.scan_parquet(files, hive_partitioning=False, glob=False)
        # Not pl.col(name): names that begin with ^ are patterns there.
        frame = scan.select(self.polars.selectors.by_name(*[name for name, _ in columns])).collect()
        return {name: of_arrow(frame.get_column(name).to_arrow(), kind) for name, kind in columns}


class ClickHouse:
    # Its strings may be any bytes. Geometry is asked for as the bytes that were written.
    SETTINGS = "output_format_arrow_string_as_string = 0, input_format_parquet_allow_geoparquet_parser = 0"

    def __init__(self):
        import chdb.session

        self.session = chdb.session.Session()
        version = str(self.session.query("SELECT version()", "TSV")).strip()
        self.title = f"ClickHouse {version}"

    def read(self, files, columns, whole):
        import pyarrow as pa

        found = {name: [] for name, _ in columns}
        for path in files:
            wanted = ", ".join(f"{self.quoted(name)}" for name, _ in columns)
            path = path.replace("\\", "\\\\").replace("'", "\\'")
            query = f"SELECT {wanted} FROM file('{path}', Parquet) SETTINGS {self.SETTINGS}"
            try:
                answer = self.session.query(query, "ArrowStream")
            except Exception:
                # The query that follows a failed one would have no rows.
                self.session.query("SELECT 1", "TSV")
                raise
            with pa.ipc.open_stream(answer.bytes()) as stream:
                table = stream.read_all()
            for at, (name, kind) in enumerate(columns):
                found[name] += [self.text(v, kind) for v in of_arrow(table.column(at), kind)]
        return found

    @staticmethod
    def quoted(name):
        return "`" + name.replace("\\", "\\\\").replace("`", "\\`") + "`"

    def text(self, value, kind):
        if isinstance(kind, dict) and isinstance(value, list):
            kinds = [kind["list"]] * len(value) if "list" in kind else [k for _, k in kind["struct"]]
            return [self.text(v, k) for v, k in zip(value, kinds)]
        if kind in ("text", "json") and isinstance(value, bytes):
            return value.decode()
        if kind == "uuid" and isinstance(value, bytes) and len(value) == 16:
            return str(uuid.UUID(bytes=value))
        return value


class Spark:
    def __init__(self):
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        # Not another Spark that is installed on the machine, and a Java that both versions run on.
        os.environ.pop("SPARK_HOME", None)
        if java := sorted(glob.glob("/usr/lib/jvm/java-17-*/bin/java")):
            os.environ["JAVA_HOME"] = os.path.dirname(os.path.dirname(java[0]))
        import pyspark.sql

        settings = {"spark.ui.enabled": "false", "spark.driver.memory": "768m", "spark.sql.session.timeZone": "UTC",
                    "spark.sql.shuffle.partitions": "1", "spark.log.level": "OFF",
                    "spark.driver.bindAddress": "127.0.0.1", "spark.ui.showConsoleProgress": "false",
                    # Compiling takes longer than reading these few rows.
                    "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN",
                    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
        builder = pyspark.sql.SparkSession.builder.master("local[1]").appName("lakexpress")
        for key, value in settings.items():
            builder = builder.config(key, value)
        self.session = builder.getOrCreate()
        self.title = f"Spark {self.session.version}"

    def read(self, files, columns, whole):
        from py4j.protocol import Py4JJavaError

        try:
            reader = self.session.read
            if not whole:
                # Without the schema of these columns alone, Spark would refuse the file for its other columns.
                reader = reader.schema(self.schema(files[0], columns))
            frame = reader.parquet(*files)
            rows = frame.selectExpr(*[self.expression(self.quoted(n), k, 0) for n, k in columns]).collect()
        except Py4JJavaError as error:
            cause = error.java_exception
            while cause.getCause() is not None:
                cause = cause.getCause()
            raise RuntimeError(cause.toString()) from error
        found = list(zip(*rows)) or [()] * len(columns)
        return {name: [self.exact(v, kind) for v in values] for (name, kind), values in zip(columns, found)}

    def exact(self, value, kind):
        if isinstance(kind, list) and isinstance(value, str):
            return decimal.Decimal(value)
        if isinstance(kind, dict) and value is not None:
            kinds = [kind["list"]] * len(value) if "list" in kind else [inner for _, inner in kind["struct"]]
            return [self.exact(v, k) for v, k in zip(value, kinds, strict=True)]
        return neutral(value, kind)

    def schema(self, path, columns):
        """What Spark makes of these columns' types: of a file without rows that has no others."""
        with tempfile.TemporaryDirectory() as place:
            copy = alone(path, columns, place, rows=0)
            return self.session.read.parquet(copy).schema

    @staticmethod
    def quoted(name):
        return "`" + name.replace("`", "``") + "`"

    def expression(self, value, kind, depth):
        if kind == "date":
            return f"unix_date({value})"
        if kind in ("timestamp", "timestamptz"):
            return f"unix_micros(CAST({value} AS TIMESTAMP))"
        if isinstance(kind, list):
            # Its objects of Python have other digits: -1.0E-38 for -1E-38.
            return f"CAST({value} AS STRING)"
        if isinstance(kind, dict) and "list" in kind:
            inner = self.expression(f"v{depth}", kind["list"], depth + 1)
            return value if inner == f"v{depth}" else f"transform({value}, v{depth} -> {inner})"
        if isinstance(kind, dict) and kind["struct"]:
            fields = [self.expression(f"{value}.{self.quoted(n)}", k, depth) for n, k in kind["struct"]]
            named = ", ".join(f"{f} AS f{i}" for i, f in enumerate(fields))
            return f"IF({value} IS NULL, NULL, struct({named}))"
        return value


class Daft:
    def __init__(self):
        os.environ["DAFT_ANALYTICS_ENABLED"] = "0"
        os.environ["DO_NOT_TRACK"] = "true"
        os.environ.setdefault("DAFT_PROGRESS_BAR", "0")
        import daft

        self.daft = daft
        self.title = f"Daft {daft.__version__}"

    def read(self, files, columns, whole):
        found = {name: [] for name, _ in columns}
        for path in files:
            if whole:
                self.add(path, columns, found)
                continue
            with tempfile.TemporaryDirectory() as place:
                # Whatever is selected, Daft refuses a file for any of its columns.
                self.add(alone(path, columns, place), columns, found)
        return found

    def add(self, path, columns, found):
        frame = self.daft.read_parquet(path)
        # Geometry, which its own to_arrow() refuses, as the bytes that were written.
        binary = self.daft.DataType.binary()
        to_bytes = {name: self.daft.col(name).cast(binary) for name, kind in columns if kind == "bytea"}
        table = (frame.with_columns(to_bytes) if to_bytes else frame).to_arrow()
        for name, kind in columns:
            found[name] += of_arrow(table.column(table.schema.names.index(name)), kind)


class DataFusion:
    def __init__(self):
        import datafusion

        self.context = datafusion.SessionContext()
        self.title = f"DataFusion {datafusion.__version__}"

    def read(self, files, columns, whole):
        import pyarrow as pa

        found = {name: [] for name, _ in columns}
        for path in files:
            frame = self.context.read_parquet(path, file_extension=os.path.splitext(path)[1])
            frame = frame.select(*[identifier(name) for name, _ in columns])
            table = pa.table(frame)
            for at, (name, kind) in enumerate(columns):
                found[name] += of_arrow(table.column(at), kind)
        return found


class FastParquet:
    def __init__(self):
        import fastparquet
        import pandas

        self.library, self.pandas = fastparquet, pandas
        self.title = f"fastparquet {fastparquet.__version__}"

    def read(self, files, columns, whole):
        found = {name: [] for name, _ in columns}
        for path in files:
            wanted = [leaf for name, kind in columns for leaf, _ in self.leaves(name, kind)]
            frame = self.library.ParquetFile(path).to_pandas(columns=wanted, index=False)
            for name, kind in columns:
                found[name] += self.values(frame, name, kind)
        return found

    def leaves(self, name, kind):
        """The columns that it has for one: a struct's fields are columns."""
        if not isinstance(kind, dict) or "list" in kind:
            return [(name, kind)]
        return [leaf for field, inner in kind["struct"] for leaf in self.leaves(f"{name}.{field}", inner)]

    def values(self, frame, name, kind):
        if not isinstance(kind, dict) or "list" in kind:
            return self.plain(frame[name], kind)
        fields = [self.values(frame, f"{name}.{field}", inner) for field, inner in kind["struct"]]
        return [list(row) for row in zip(*fields)] if fields else [[]] * len(frame)

    def plain(self, series, kind):
        if series.dtype.kind in "mM":
            unit = self.pandas.Series(series).dt.unit
            numbers = series.astype("int64").tolist()
            missing = series.isna().tolist()
            whole = [None if m else micros(n, unit) for n, m in zip(numbers, missing)]
            return [v // 86_400_000_000 if kind == "date" and isinstance(v, int) else v for v in whole]
        return [None if self.is_missing(value, kind) else neutral(value, kind) for value in series.tolist()]

    def is_missing(self, value, kind):
        """NULL and NaN are one to pandas, which is no loss where the kind has no NaN."""
        if isinstance(value, float) and kind not in ("float4", "float8"):
            return value != value
        return value is self.pandas.NA or value is self.pandas.NaT


class HyParquet:
    def __init__(self):
        here = os.path.dirname(os.path.abspath(__file__))
        self.script = os.path.join(here, "../node/hyparquet/open_files.mjs")
        self.place = os.environ.get("LAKEXPRESS_HYPARQUET") or os.path.expanduser("~/.cache/lakexpress-hyparquet")
        with open(os.path.join(self.place, "node_modules/hyparquet/package.json"), encoding="utf-8") as file:
            self.title = f"hyparquet {json.load(file)['version']}"

    def read(self, files, columns, whole):
        wanted = json.dumps({"files": files, "columns": [name for name, _ in columns]})
        answer = subprocess.run(["node", self.script, self.place], input=wanted.encode(), stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, check=False)
        if answer.returncode:
            raise RuntimeError(answer.stderr.decode()[-400:])
        answer = json.loads(answer.stdout)
        if "refused" in answer:
            raise RuntimeError(answer["refused"])
        found = zip(columns, answer["columns"])
        return {name: [neutral(self.python(v, kind), kind) for v in values] for (name, kind), values in found}

    def python(self, value, kind):
        """The value behind the forms of open_files.mjs."""
        if isinstance(value, list):
            inner = kind["list"] if isinstance(kind, dict) and "list" in kind else None
            return [self.python(v, inner) for v in value]
        if not isinstance(value, dict):
            return value
        (form, text), = value.items()
        if form == "o":
            kinds = [k for _, k in kind["struct"]] if isinstance(kind, dict) and "struct" in kind else []
            kinds += [None] * (len(text) - len(kinds))
            return [self.python(v, k) for v, k in zip(text, kinds)]
        if form == "b":
            return bytes.fromhex(text)
        if form == "i":
            return int(text)
        whole = kind in NUMBERS + MOMENTS and text.lstrip("-").isdigit()
        return int(text) if whole else float(text)


OPENERS = {"pyarrow": PyArrow, "duckdb": DuckDb, "polars": Polars, "clickhouse": ClickHouse, "spark": Spark,
           "daft": Daft, "datafusion": DataFusion, "fastparquet": FastParquet, "hyparquet": HyParquet}
