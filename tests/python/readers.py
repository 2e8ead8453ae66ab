"""Filters in the words of PostgreSQL and of four readers of Parquet, and how many rows each of them finds."""

import functools
import operator

import chdb.session
import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

import database
from edges import ORDER, TABLE


class Sql:
    """Filters as SQL."""

    def filter(self, one):
        kind, *rest = one
        if kind in ("and", "or"):
            return f"(({self.filter(rest[0])}) {kind.upper()} ({self.filter(rest[1])}))"
        if kind == "not":
            return f"NOT ({self.filter(rest[0])})"
        column, *rest = rest
        name = self.name(column)
        if kind == "null":
            return f"{name} IS NULL"
        if kind == "nan":
            return f"isNaN({name})"
        if kind in ("in", "not in"):
            return f"{name} {kind.upper()} ({', '.join(self.value(column, value) for value in rest[0])})"
        if kind == "between":
            return f"{name} BETWEEN {self.value(column, rest[0])} AND {self.value(column, rest[1])}"
        if kind == "any":
            return self.any(name, f"x {rest[0]} {self.value(column, rest[1])}")
        return f"{name} {rest[0]} {self.value(column, rest[1])}"

    def name(self, column):
        return column.name


class Server(Sql):
    """PostgreSQL."""

    def name(self, column):
        return column.server

    def value(self, column, value):
        return f"'{value}'::double precision" if column.kind == "list" else column.literal(value)

    def any(self, name, condition):
        return f"EXISTS (SELECT FROM unnest({name}) x WHERE {condition})"

    def counts(self, url, filters):
        found = []
        for at in range(0, len(filters), 500):
            counts = ", ".join(f"count(*) FILTER (WHERE {self.filter(one)})" for one in filters[at : at + 500])
            found += map(int, database.rows(url, f"SELECT {counts} FROM {TABLE}")[0])
        return found


class Duck(Sql):
    title = f"DuckDB {duckdb.__version__}"
    # NaN is the largest number and equal to itself, as in PostgreSQL.
    nan_is_a_number = True

    def __init__(self, files):
        self.connection, self.files = duckdb.connect(), files
        self.connection.execute("SET TimeZone = 'UTC'")
        # Of NaNs with and without a sign it shows the one that it met first.
        self.connection.execute("SET threads = 1")

    def value(self, column, value):
        kind = column.kind
        if kind in ("float", "list"):
            return f"'{value}'::{'FLOAT' if column.declared == 'real' else 'DOUBLE'}"
        if kind == "decimal":
            return f"'{value}'::{'DOUBLE' if column.name == 'n76' else column.declared.replace('numeric', 'DECIMAL')}"
        if kind == "date":
            return f"(DATE '1970-01-01' + ({value}))"
        if kind in ("timestamp", "instant"):
            return f"make_timestamp{'tz' if kind == 'instant' else ''}({value})"
        if kind == "time":
            return f"(TIME '00:00:00' + to_microseconds({value}))"
        if kind == "bytes":
            return f"unhex('{value.hex()}')"
        if kind == "uuid":
            return f"'{value.hex()}'::UUID"
        return database.literal(value) if kind == "text" else str(value)

    def any(self, name, condition):
        return f"len(list_filter({name}, x -> {condition})) > 0"

    def ask(self, what, where="true"):
        return self.connection.execute(f"SELECT {what} FROM '{self.files}/*.parquet' WHERE {where}").fetchone()

    def count(self, one):
        return self.ask("count(*)", self.filter(one))[0]

    def extremes(self, column):
        name = self.name(column)
        return self.ask(f"min({name})::VARCHAR, max({name})::VARCHAR, count({name})")


class House(Sql):
    """ClickHouse."""

    # Not equal to anything, neither smaller nor larger.
    nan_is_a_number = False

    def __init__(self, files):
        self.connection, self.files = chdb.session.Session(), files
        self.title = f"ClickHouse {self.connection.query('SELECT version()', 'TSV')}".strip()

    def value(self, column, value):
        kind = column.kind
        if kind in ("float", "list"):
            return f"toFloat{32 if column.declared == 'real' else 64}('{value}')"
        if kind == "decimal":
            scale = column.declared.rstrip(")").split(",")[1]
            return f"toDecimal{256 if column.name == 'n76' else 128}('{value:f}', {scale})"
        if kind == "date":
            return f"addDays(toDate32('1970-01-01'), {value})"
        if kind in ("timestamp", "instant", "time"):
            return f"fromUnixTimestamp64Micro({value}, 'UTC')"
        if kind in ("bytes", "text"):
            return f"unhex('{(value if kind == 'bytes' else value.encode()).hex()}')"
        return f"toUUID('{value.hex()}')" if kind == "uuid" else str(value)

    def any(self, name, condition):
        return f"arrayExists(x -> ifNull({condition}, false), {name})"

    def ask(self, what, where="1"):
        query = f"SELECT {what} FROM file('{self.files}/*.parquet', Parquet) WHERE {where}"
        return str(self.connection.query(query, "TSV")).rstrip("\n").split("\t")

    def count(self, one):
        return int(self.ask("count()", self.filter(one))[0])

    def extremes(self, column):
        name = self.name(column)
        shown = "hex" if column.kind in ("text", "bytes") else "toString"
        return self.ask(f"{shown}(min({name})), {shown}(max({name})), count({name})")


class Objects:
    """Filters as objects of Python."""

    def filter(self, one):
        kind, *rest = one
        if kind == "and":
            return self.filter(rest[0]) & self.filter(rest[1])
        if kind == "or":
            return self.filter(rest[0]) | self.filter(rest[1])
        if kind == "not":
            return ~self.filter(rest[0])
        column, *rest = rest
        name = self.name(column)
        if kind == "null":
            return name.is_null()
        if kind == "nan":
            return self.is_nan(name)
        if kind == "in":
            return self.is_in(name, column, rest[0])
        if kind == "not in":
            return ~self.filter(("null", column)) & ~self.is_in(name, column, rest[0])
        if kind == "between":
            low, high = (self.value(column, value) for value in rest)
            return (name >= low) & (name <= high)
        if kind == "any":
            return self.any(name, ORDER[rest[0]], self.value(column, rest[1]))
        return ORDER[rest[0]](name, self.value(column, rest[1]))


class Arrow(Objects):
    """pyarrow.dataset."""

    title = f"pyarrow {pa.__version__}"
    nan_is_a_number = False

    def __init__(self, files):
        self.dataset = ds.dataset(files, format="parquet")

    def name(self, column):
        return ds.field(*column.path)

    def type(self, column):
        return functools.reduce(lambda kind, name: kind.field(name).type, column.path[1:],
                                self.dataset.schema.field(column.path[0]).type)

    def value(self, column, value):
        return pa.scalar(plain(column, value), self.type(column))

    def is_nan(self, name):
        return pc.is_nan(name)

    def is_in(self, name, column, values):
        return name.isin(pa.array([plain(column, value) for value in values], self.type(column)))

    def count(self, one):
        return self.dataset.count_rows(filter=self.filter(one))


class Polars(Objects):
    title = f"Polars {pl.__version__}"
    nan_is_a_number = True

    def __init__(self, files):
        self.files = f"{files}/*.parquet"
        self.schema = pl.scan_parquet(self.files).collect_schema()

    def name(self, column):
        found = pl.col(column.path[0])
        return found.struct.field(column.path[1]) if len(column.path) > 1 else found

    def type(self, column):
        kind = functools.reduce(lambda kind, name: kind.to_schema()[name], column.path[1:], self.schema[column.path[0]])
        return kind.inner if column.kind == "list" else kind

    def series(self, column, values):
        values = [plain(column, value) for value in values]
        if column.kind in ("date", "timestamp", "instant", "time"):
            # Python has no dates of some years. Times are nanoseconds here.
            numbers = [value * 1000 for value in values] if column.kind == "time" else values
            return pl.Series(numbers).cast(self.type(column))
        return pl.Series(values, dtype=self.type(column))

    def value(self, column, value):
        value = plain(column, value)
        if column.kind in ("date", "timestamp", "instant"):
            return pl.lit(value).cast(self.type(column))
        if column.kind == "time":
            return pl.lit(value * 1000).cast(self.type(column))
        return pl.lit(value, dtype=self.type(column))

    def is_in(self, name, column, values):
        return name.is_in(self.series(column, values).implode())

    def any(self, name, compare, value):
        return name.list.eval(compare(pl.element(), value)).list.any()

    def count(self, one):
        return pl.scan_parquet(self.files).filter(self.filter(one)).select(pl.len()).collect().item()

    def extremes(self, column):
        name = self.name(column)
        found = {"min": name.min(), "max": name.max(), "count": name.count()}
        rows = pl.scan_parquet(self.files).select(**found).collect()
        return [str(one.to_physical().to_list()) for one in rows.get_columns()]


READERS = [Duck, Arrow, Polars, House]


def plain(column, value):
    """The value as Python has it."""
    return float(value) if column.kind in ("float", "list") else value


def as_ieee(one):
    """The filter with what PostgreSQL means by NaN (the largest number, equal to itself) and by zeros (equal), in words
    for readers to which NaN is not comparable and whose sets keep the zeros apart."""
    kind, *rest = one
    if kind in ("and", "or", "not"):
        return (kind, *map(as_ieee, rest))
    column = rest[0]
    if column.kind != "float" or kind == "null":
        return one
    nan = ("nan", column)
    if kind == "compare":
        _, compare, value = rest
        if value == "NaN":
            return {"=": nan, ">=": nan, "<>": ("not", nan), "<": ("not", nan), "<=": ("or", nan, ("not", nan)),
                    ">": ("and", nan, ("not", nan))}[compare]
        return ("or", one, nan) if compare in (">", ">=") else one
    if kind == "between":
        return as_ieee(("compare", column, ">=", rest[1])) if rest[2] == "NaN" else one
    values = [value for value in rest[1] if value != "NaN"]
    if {"0", "-0"} & set(values):
        values = [*(set(values) - {"0", "-0"}), "0", "-0"]
    found = (kind, column, sorted(values))
    if "NaN" not in rest[1]:
        return found
    if kind == "in":
        return ("or", found, nan) if values else nan
    return ("and", found, ("not", nan))
