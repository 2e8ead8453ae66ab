"""Compares what an export holds with the MySQL or MariaDB database that it came from, table by table, value by value.

The rows of a table are compared as a multiset, as pyarrow and as DuckDB read them, with the server's own answer
(`mysql_server.py`). No word of the exporter's is believed but the names of the files in the manifest.

Prints one line of JSON: relations, columns, rows and values that are the same, and by how many readers; relations that the
export does not have; values that no Parquet type holds; problems. Exit 1 if there is a problem.
"""

import argparse
import decimal
import json
import os
import sys
import time
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

from compare import check_files
from matrix import Duck, plain
from mysql_server import GEOMETRIES, INTEGERS, Odd, Server, bits, days, time


def found(value, kind):
    """A value of a file in the form that the server's has."""
    if value is None:
        return None
    if isinstance(value, str):
        # Types that some readers do not have, and whatever --cast names, are text.
        return of_text(value, kind)
    if kind in ("float", "double") and isinstance(value, (float, int)):
        return bits(float(value))
    if kind == "vector" and isinstance(value, (list, tuple)):
        return tuple(bits(float(number)) for number in value)
    if kind == "uuid" and isinstance(value, bytes):
        text = value.hex()
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    if isinstance(value, decimal.Decimal) and (kind in INTEGERS or kind == "bit"):
        return int(value) if value == value.to_integral_value() else value
    if kind == "decimal" and isinstance(value, int):
        return decimal.Decimal(value)
    return value


def of_text(text, kind):
    if kind in INTEGERS or kind == "bit":
        return int(text)
    if kind == "decimal":
        return decimal.Decimal(text)
    if kind in ("float", "double"):
        return bits(float(text))
    if kind == "time":
        return time(text)
    if kind == "date":
        return days(text)
    if kind in ("datetime", "timestamp"):
        day, clock = text.replace("T", " ").split(" ")
        whole = days(day)
        return Odd(text) if isinstance(whole, Odd) else whole * 86_400_000_000 + time(clock)
    return text


def keyed(value):
    """Decimals digit for digit; everything with its type, so that 1 is not 1.0 and text is not bytes."""
    if isinstance(value, decimal.Decimal):
        return ("Decimal", str(value.as_tuple()))
    return (type(value).__name__, value)


def row_of(values):
    return tuple(map(keyed, values))


class Table:
    """A table's files and the server's rows."""

    def __init__(self, server, name, directory, options):
        self.server, self.name, self.directory, self.options = server, name, directory, options
        self.problems, self.values, self.twice, self.rows, self.odd = [], 0, 0, 0, 0

    def compare(self):
        _, paths = check_files(self.directory, self.problems)
        if self.problems:
            return self
        schema = pq.ParquetFile(paths[0]).schema_arrow
        listed = self.listed()
        wanted = [name for name in schema.names if name not in self.options.skip.split(",")]
        absent = [name for name in wanted if name not in listed]
        lost = [] if self.options.some else [name for name in listed if name not in schema.names]
        if absent or lost:
            self.problems.append(f"{self.name}: columns differ: only in files {absent}, only on the server {lost}")
            return self
        self.columns = [listed[name] for name in wanted]
        rows = self.server.values(self.name, self.columns, self.options.where)
        self.rows = len(rows)
        self.odd = sum(isinstance(value, Odd) for row in rows for value in row)
        self.values = sum(value is not None for row in rows for value in row)
        expected = Counter(map(row_of, rows))
        tables = [pq.read_table(path, partitioning=None) for path in paths]
        read = [[value for table in tables for value in plain(table.column(name))] for name in wanted]
        self.against(expected, "pyarrow", read, self.columns)
        duck = Duck(paths, schema)
        able = [column for column in self.columns if duck.can_read(column[0])]
        if able:
            at = [self.columns.index(column) for column in able]
            of_these = Counter(tuple(row[place] for place in at) for row in map(row_of, rows))
            self.against(of_these, "DuckDB", [duck.column(column[0]) for column in able], able)
            self.twice = sum(row[place] is not None for row in rows for place in at)
        return self

    def listed(self):
        """Columns by name. While another session's backup flushes tables, the catalog leaves some out for a moment."""
        for _ in range(20):
            if columns := self.server.columns(self.name):
                break
            time.sleep(0.1)
        return {column[0]: column for column in columns}

    def against(self, expected, reader, columns, described):
        kinds = [kind for _, kind, *_ in described]
        columns = [[found(value, kind) for value in values] for values, kind in zip(columns, kinds, strict=True)]
        got = Counter(map(row_of, zip(*columns, strict=True)))
        if got == expected:
            return
        names = [f"{name} ({full})" for name, _, full, *_ in described]
        lost, more = list((expected - got).items())[:3], list((got - expected).items())[:3]
        self.problems.append(f"{reader}: {self.name} {names}: only on the server {lost}, only in files {more}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--socket", required=True, help="of the server")
    parser.add_argument("--database", required=True)
    parser.add_argument("--dir", required=True, help="the directory of the export")
    parser.add_argument("--table", help="this one only, which must be there")
    parser.add_argument("--where", default="", help="the server's condition: compare these rows only")
    parser.add_argument("--skip", default="", help="columns to leave out, separated by commas")
    parser.add_argument("--some", action="store_true", help="the files may lack columns")
    options = parser.parse_args()
    server = Server(options.socket, options.database)
    said = dict.fromkeys(("relations", "columns", "rows", "values", "by_two_readers", "odd"), 0)
    said.update(absent=[], problems=[])
    for name in [options.table] if options.table else server.tables():
        directory = os.path.join(options.dir, options.database, name)
        if not os.path.exists(os.path.join(directory, "_manifest.json")):
            said["absent"].append(name)
            continue
        table = Table(server, name, directory, options).compare()
        said["problems"] += table.problems
        if table.problems:
            continue
        said["relations"] += 1
        said["columns"] += len(table.columns)
        for key, count in (("rows", table.rows), ("values", table.values), ("by_two_readers", table.twice),
                           ("odd", table.odd)):  # fmt: skip
            said[key] += count
    if options.table and said["absent"]:
        said["problems"].append(f"{options.table} was not exported")
    # Each as it is, so that a caller can say which table it is about.
    print(json.dumps(said, ensure_ascii=False))
    sys.exit(1 if said["problems"] else 0)


if __name__ == "__main__":
    main()
