"""Proves that a table in Hive partitions, or sorted, holds the rows of the same table written as they come.

    layout.py PLAIN LAID_OUT [--keys "y: year(o_orderdate), s: o_orderstatus"] [--sorted "a, b DESC"] [--apart]

PLAIN and LAID_OUT are directories of tables. `--keys` has each partition with what DuckDB makes of the plain rows.
Three witnesses: DuckDB compares all rows and keys (both ways), pyarrow counts rows per directory with its own
partitioning, and the files of the directories are those of `_manifest.json`. `--sorted`: the rows of every file are in
that order, and its footer says so. `--apart`: no two files have overlapping ranges of the first sorted column.
Prints one line of JSON; exit 1 if anything differs.
"""

import argparse
import json
import sys
from pathlib import Path
from urllib.parse import unquote

import duckdb
import pyarrow.dataset as ds
import pyarrow.parquet as pq

NULL = "__HIVE_DEFAULT_PARTITION__"


def name(text):
    return '"' + text.replace('"', '""') + '"'


def rows_differ(connection, plain, laid, keys):
    """Rows of one side that the other has not, as often."""
    columns = [row[0] for row in connection.sql(f"DESCRIBE SELECT * FROM read_parquet('{plain}')").fetchall()]
    dropped = {key for key, expression in keys if expression == key}
    kept = ", ".join(name(column) for column in columns if column not in dropped)
    made = "".join(f", CAST({expression} AS VARCHAR) AS {name(key)}" for key, expression in keys)
    read = "".join(f", CAST({name(key)} AS VARCHAR) AS {name(key)}" for key, _ in keys)
    left = f"SELECT {kept}{made} FROM read_parquet('{plain}')"
    options = "hive_partitioning=true, hive_types_autocast=false" if keys else "hive_partitioning=false"
    right = f"SELECT {kept}{read} FROM read_parquet('{laid}', {options})"
    return [
        connection.sql(f"SELECT count(*) FROM ({a} EXCEPT ALL {b})").fetchone()[0]
        for a, b in ((left, right), (right, left))
    ]


def by_directory(directory, keys):
    """Rows per directory, by pyarrow's partitioning and by the manifest."""
    import pyarrow as pa

    manifest = json.loads((directory / "_manifest.json").read_text())
    schema = pa.schema([(key, pa.string()) for key, _ in keys])
    dataset = ds.dataset(directory, partitioning=ds.partitioning(schema, flavor="hive"), format="parquet")
    counted = {}
    table = dataset.to_table(columns=[key for key, _ in keys])
    for row in table.group_by([key for key, _ in keys]).aggregate([([], "count_all")]).to_pylist():
        counted[tuple(row[key] for key, _ in keys)] = row["count_all"]
    listed = {}
    for file in manifest["files"]:
        levels = [level.split("=", 1) for level in file["name"].split("/")[:-1]]
        values = tuple(None if value == NULL else unquote(value) for _, value in levels)
        assert [key for key, _ in levels] == [key for key, _ in keys], file["name"]
        listed[values] = listed.get(values, 0) + file["rows"]
    return counted, listed


def out_of_order(file, columns):
    """Rows of a file that are before the one before them."""
    connection = duckdb.connect()
    connection.sql("SET threads = 1; SET preserve_insertion_order = true")
    order = ", ".join(f"{name(c)} {'DESC NULLS FIRST' if down else 'ASC NULLS LAST'}" for c, down in columns)
    numbered = f"SELECT *, row_number() OVER () AS at_ FROM read_parquet('{file}', hive_partitioning=false)"
    ranked = f"SELECT at_, rank() OVER (ORDER BY {order}) AS r FROM ({numbered})"
    late = f"SELECT r < lag(r) OVER (ORDER BY at_) AS late FROM ({ranked})"
    return connection.sql(f"SELECT count(*) FROM ({late}) WHERE late").fetchone()[0]


def declared(file, columns):
    """Whether every row group says that it is sorted by the columns."""
    metadata = pq.ParquetFile(file).metadata
    names = [metadata.schema.column(at).name for at in range(metadata.num_columns)]
    wanted = [(names.index(column), down, down) for column, down in columns]
    for group in range(metadata.num_row_groups):
        said = [(s.column_index, s.descending, s.nulls_first) for s in metadata.row_group(group).sorting_columns]
        if said[: len(wanted)] != wanted:
            return False
    return True


def overlapping(files, column, down):
    """Pairs of files whose ranges overlap."""
    ranges = []
    for file in files:
        low, high = duckdb.sql(
            f"SELECT min({name(column)}), max({name(column)}) FROM read_parquet('{file}', hive_partitioning=false)"
        ).fetchone()
        if low is not None:
            ranges.append((low, high))
    ranges.sort()
    return sum(1 for (_, high), (low, _) in zip(ranges, ranges[1:]) if low <= high and low != high)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plain", type=Path)
    parser.add_argument("laid_out", type=Path)
    parser.add_argument("--keys", default="")
    parser.add_argument("--sorted", default="")
    parser.add_argument("--apart", action="store_true")
    args = parser.parse_args()
    keys = [tuple(part.strip() for part in key.split(":", 1)) for key in args.keys.split(";") if key.strip()]
    connection = duckdb.connect()
    found = {"differ": rows_differ(connection, f"{args.plain}/**/*.parquet", f"{args.laid_out}/**/*.parquet", keys)}
    problems = ["rows differ"] if any(found["differ"]) else []
    if keys:
        counted, listed = by_directory(args.laid_out, keys)
        found["directories"] = len(listed)
        if counted != listed:
            problems.append(f"pyarrow counts {counted}, the manifest {listed}")
    files = sorted(args.laid_out.rglob("*.parquet"))
    found["files"] = len(files)
    if args.sorted:
        columns = [(part.split()[0], part.lower().endswith(" desc")) for part in args.sorted.split(",")]
        for file in files:
            if late := out_of_order(file, columns):
                problems.append(f"{file.name}: {late} rows out of order")
            if not declared(file, columns):
                problems.append(f"{file.name}: its footer does not say how it is sorted")
        if args.apart and (pairs := overlapping(files, *columns[0])):
            problems.append(f"{pairs} pairs of files overlap")
    found["problems"] = problems
    print(json.dumps(found))
    sys.exit(1 if problems else 0)


main()
