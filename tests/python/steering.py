"""Asks readers for single values of files with page indexes and Bloom filters.

    steering.py compare --with A --without B [--values N]  the same rows are found in both, by DuckDB, pyarrow and ClickHouse
    steering.py probe --dir D --column C [--looks N]       how many files a look-up opens by the filters of C

`compare` asks for NULL, for the least and the largest values of every column, and for N others, by equality and as a
bound. `probe` asks DuckDB's parquet_bloom_probe for N values that are there and for as many that are not. Both print one
line of JSON.
"""

import argparse
import glob
import json
import sys

import chdb.session
import duckdb
import pyarrow.dataset as ds

KEY = "id"
# Types that ClickHouse compares as DuckDB does, with a literal of DuckDB's text.
FOR_CLICKHOUSE = ("BIGINT", "INTEGER", "SMALLINT", "VARCHAR", "DATE", "DECIMAL")


class Duck:
    title = f"DuckDB {duckdb.__version__}"

    def __init__(self, files):
        self.connection, self.files = duckdb.connect(), f"read_parquet('{files}/*.parquet')"
        self.connection.execute("SET TimeZone = 'UTC'")

    def columns(self):
        return [row[:2] for row in self.connection.execute(f"DESCRIBE SELECT * FROM {self.files}").fetchall()]

    def values(self, name, count):
        """The least, the largest, and others, as DuckDB's text of them."""
        all_values = f'SELECT v::VARCHAR FROM (SELECT DISTINCT "{name}" AS v FROM {self.files}) WHERE v IS NOT NULL ORDER BY'
        found = []
        for order in ["v LIMIT 3", "v DESC LIMIT 3", f"hash(v) LIMIT {count}"]:
            found += [row[0] for row in self.connection.execute(f"{all_values} {order}").fetchall()]
        return list(dict.fromkeys(found))

    def found(self, name, kind, how, value):
        sql = f"SELECT count(*), sum({KEY}) FROM {self.files} WHERE "
        if value is None:
            return self.connection.execute(sql + f'"{name}" IS NULL').fetchone()
        return self.connection.execute(sql + f'"{name}" {how} CAST(? AS {kind})', [value]).fetchone()


class PyArrow:
    def __init__(self, files):
        self.set = ds.dataset(files, format="parquet", exclude_invalid_files=False, partitioning=None)

    def found(self, name, value):
        filter = ds.field(name).is_null() if value is None else ds.field(name) == value
        return self.set.count_rows(filter=filter)


class ClickHouse:
    def __init__(self, files):
        self.session, self.files = chdb.session.Session(), f"file('{files}/*.parquet', Parquet)"

    def found(self, name, how, value):
        if value is None:
            condition = f'"{name}" IS NULL'
        else:
            literal = "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
            condition = f'"{name}" {how} {literal}'
        sql = f"SELECT count(), sum({KEY}) FROM {self.files} WHERE {condition}"
        # The reader uses page indexes and filters where these are on.
        settings = " SETTINGS input_format_parquet_bloom_filter_push_down = 1, input_format_parquet_page_filter_push_down = 1"
        return str(self.session.query(sql + settings, "TSV")).strip()


def compare(args):
    filtered, bare = Duck(args.with_), Duck(args.without)
    arrow = PyArrow(args.with_), PyArrow(args.without)
    house = ClickHouse(args.with_), ClickHouse(args.without)
    asked, problems = {"DuckDB": 0, "pyarrow": 0, "ClickHouse": 0}, []

    def same(reader, what, found, expected):
        asked[reader] += 1
        if found != expected:
            problems.append(f"{reader}: {what}: {found} in place of {expected}")

    for name, kind in filtered.columns():
        for value in [None, *bare.values(name, args.values)]:
            for how in ["="] if value is None else ["=", "<=", ">"]:
                what = f"{name} {how} {value!r:.60}"
                expected = bare.found(name, kind, how, value)
                if value is not None and how == "=" and expected[0] == 0:
                    problems.append(f"{what}: no row in the files without filters")
                same("DuckDB", what, filtered.found(name, kind, how, value), expected)
                if kind.startswith(FOR_CLICKHOUSE):
                    same("ClickHouse", what, house[0].found(name, how, value), house[1].found(name, how, value))
    names = {name for name, _ in filtered.columns()}
    for name in sorted(names):
        values = arrow[1].set.to_table(columns=[name]).column(0).unique().slice(0, args.values)
        for value in values:
            value = value if value.is_valid else None
            same("pyarrow", f"{name} = {value}", arrow[0].found(name, value), arrow[1].found(name, value))
    print(json.dumps({"asked": asked}))
    if problems:
        sys.exit(f"{len(problems)} wrong answers:\n" + "\n".join(problems[:40]))


def probe(args):
    connection = duckdb.connect()
    files = sorted(glob.glob(f"{args.dir}/*.parquet"))[: args.files]
    column = args.column
    metadata = f"FROM parquet_metadata({files}) WHERE path_in_schema = '{column}'"
    groups, filters = connection.execute(f"SELECT count(*), count(bloom_filter_offset) {metadata}").fetchone()
    bytes_ = connection.execute(f"SELECT sum(bloom_filter_length), sum(num_values) {metadata}").fetchone()
    there = f"SELECT {column} FROM read_parquet({files}) ORDER BY hash({column}) LIMIT {args.looks}"
    there = [row[0] for row in connection.execute(there).fetchall()]
    found = {}
    for what, values in [("there", there), ("absent", [absent(value) for value in there])]:
        opened = 0
        for value in values:
            sql = f"SELECT count(DISTINCT file_name) FROM parquet_bloom_probe({files}, '{column}', {literal(value)})"
            opened += connection.execute(sql + " WHERE NOT bloom_filter_excludes").fetchone()[0]
        found[what] = round(opened / len(values), 4)
    answer = {"files": len(files), "row_groups": groups, "filters": filters, "looks": len(there), "opened": found}
    print(json.dumps({**answer, "bytes_for_a_value": round(bytes_[0] / bytes_[1], 2)}))


def absent(value):
    return -value - 1 if isinstance(value, int) else f"{value} "


def literal(value):
    return str(value) if isinstance(value, int) else "'" + value.replace("'", "''") + "'"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["compare", "probe"])
    parser.add_argument("--with", dest="with_")
    parser.add_argument("--without")
    parser.add_argument("--values", type=int, default=20)
    parser.add_argument("--dir")
    parser.add_argument("--column")
    parser.add_argument("--looks", type=int, default=100)
    parser.add_argument("--files", type=int, default=100)
    args = parser.parse_args()
    {"compare": compare, "probe": probe}[args.what](args)


if __name__ == "__main__":
    main()
