"""Proves that a table's directory holds exactly the rows of a PostgreSQL table.

Three witnesses, none of them the exporter:

* the files against `_manifest.json`: all there, no others, right size, CRC-32 and number of rows;
* pyarrow against the server, per column: NULLs, sum, smallest and largest value;
* DuckDB against the server, all rows: every value as text, a row as its values with their lengths,
  its MD5 cut into two 60-bit numbers, both summed. The order of rows does not matter, a lost, doubled or
  changed row does. If the sums differ, the same per column names the column.

Prints one line of JSON; exit 1 if anything differs.
"""

import argparse
import json
import os
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import database
from database import identifier

TEXTS = {"text", "varchar", "bpchar", "name", "json", "jsonb", "xml", "interval", "timetz", "bit", "varbit",
         "inet", "cidr", "macaddr", "tsvector"}
INTEGERS = {"int2", "int4", "int8", "oid"}


def pg_text(column, kind):
    """SQL that renders a column as canonical text in PostgreSQL."""
    name = identifier(column)
    if kind in ("timestamp", "timestamptz"):
        return f"to_char({name}, 'YYYY-MM-DD HH24:MI:SS.US')"
    if kind == "bytea":
        return f"encode({name}, 'hex')"
    return f"{name}::text"


def duck_text(column, kind):
    """SQL that renders a column as the same text in DuckDB."""
    name = identifier(column)
    if kind == "timestamptz":
        return f"strftime({name} AT TIME ZONE 'UTC', '%Y-%m-%d %H:%M:%S.%f')"
    if kind == "timestamp":
        return f"strftime({name}, '%Y-%m-%d %H:%M:%S.%f')"
    if kind == "bytea":
        return f"lower(hex({name}))"
    return f"{name}::VARCHAR"


def measured(kind):
    """Whether sums are taken of this type."""
    return kind in INTEGERS or kind == "numeric"


def ordered(kind):
    """Whether the smallest and the largest value of this type are taken."""
    return kind in INTEGERS or kind in ("text", "varchar", "bpchar", "date")


def hash_sums(texts, octets, number, wide):
    """Two aggregate expressions over rows whose values have these texts."""
    row = " || ".join(f"coalesce({octets}({t})::VARCHAR || ':' || {t}, 'N')" for t in texts) or "''"
    return [f"sum({number(f'substr(md5({row}), {start}, 15)')}::{wide})" for start in (1, 16)]


def pg_hash(texts):
    return hash_sums(texts, "octet_length", lambda hexes: f"('x0' || {hexes})::bit(64)::int8", "numeric")


def duck_hash(texts):
    return hash_sums(texts, "strlen", lambda hexes: f"('0x' || {hexes})::BIGINT", "HUGEINT")


def check_files(directory, problems):
    """Compares the directory with its manifest; returns the manifest and the paths of its files."""
    with open(os.path.join(directory, "_manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    listed = [entry["name"] for entry in manifest["files"]]
    # A table with a log has files of earlier versions too.
    for name in sorted(os.listdir(directory)) if "table_version" not in manifest else []:
        if name.endswith(".parquet") and not name.startswith((".", "_")) and name not in listed:
            problems.append(f"{name} is not in the manifest")
    if len(set(listed)) != len(listed):
        problems.append("the manifest names a file twice")
    if sum(entry["rows"] for entry in manifest["files"]) != manifest["rows"]:
        problems.append("rows of files do not add up to the manifest's rows")
    paths = []
    for entry in manifest["files"]:
        path = os.path.join(directory, entry["name"])
        if not os.path.exists(path):
            problems.append(f"{entry['name']} is missing")
            continue
        size, crc = 0, 0
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                size, crc = size + len(block), zlib.crc32(block, crc)
        if size != entry["bytes"]:
            problems.append(f"{entry['name']} has {size} bytes, the manifest says {entry['bytes']}")
        if f"{crc:08x}" != entry["crc32"].lower():
            problems.append(f"{entry['name']} has CRC {crc:08x}, the manifest says {entry['crc32']}")
        try:
            found = pq.ParquetFile(path)
        except (pa.ArrowInvalid, OSError) as error:
            problems.append(f"{entry['name']} is not a Parquet file: {error}")
            continue
        if found.metadata.num_rows != entry["rows"]:
            problems.append(f"{entry['name']} has {found.metadata.num_rows} rows, manifest {entry['rows']}")
        paths.append(path)
    return manifest, paths


def arrow_facts(paths, columns):
    """Rows, and per column NULLs, sum, min and max as text, by pyarrow, one row group at a time."""
    rows, facts = 0, {name: {"nulls": 0} for name, _, _, _ in columns}
    for path in paths:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            rows += table.num_rows
            for name, kind, _, _ in columns:
                add_facts(facts[name], table.column(name), kind)
    return rows, facts


def add_facts(fact, values, kind):
    """Adds the facts of one row group. A numeric that was kept as text has none but its NULLs."""
    fact["nulls"] += values.null_count
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if measured(kind) and not pa.types.is_string(values.type):
        # A sum of 64-bit integers would wrap.
        wide = values.cast(pa.decimal128(20, 0)) if pa.types.is_integer(values.type) else values
        merge(fact, "sum", pc.sum(wide).as_py(), lambda a, b: a + b)
    if ordered(kind):
        both = pc.min_max(values).as_py()
        merge(fact, "min", both["min"], min)
        merge(fact, "max", both["max"], max)


def merge(fact, key, value, choose):
    old = fact.get(key)
    fact[key] = value if old is None else old if value is None else choose(old, value)


def pg_facts(url, table, columns):
    """The same from the server, with the hash sums of all rows."""
    wanted = ["count(*)", *pg_hash([pg_text(name, kind) for name, kind, _, _ in columns])]
    for name, kind, _, _ in columns:
        column = identifier(name)
        # By code points, as Python compares text.
        key = f'{column}::text COLLATE "C"' if kind in ("text", "varchar", "bpchar") else column
        wanted += [f"count(*) - count({column})", f"sum({column}::numeric)" if measured(kind) else "NULL"]
        wanted += [f"min({key})", f"max({key})"] if ordered(kind) else ["NULL", "NULL"]
    found = database.rows(url, f"SELECT {', '.join(wanted)} FROM {database.regclass(table)}")[0]
    facts = {}
    for at, (name, _, _, _) in enumerate(columns):
        facts[name] = dict(zip(("nulls", "sum", "min", "max"), found[3 + 4 * at : 7 + 4 * at]))
    return int(found[0]), found[1:3], facts


def duck_facts(paths, columns):
    """Rows and hash sums by DuckDB."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    wanted = ", ".join(["count(*)", *duck_hash([duck_text(name, kind) for name, kind, _, _ in columns])])
    found = connection.execute(f"SELECT {wanted} FROM read_parquet(?)", [paths]).fetchone()
    return found[0], [None if value is None else str(value) for value in found[1:3]]


def name_columns(url, table, paths, columns):
    """Which columns have other values, each taken alone."""
    different = []
    for column in columns:
        name, kind, _, _ = column
        query = f"SELECT {', '.join(pg_hash([pg_text(name, kind)]))} FROM {database.regclass(table)}"
        if database.rows(url, query)[0] != duck_facts(paths, [column])[1]:
            different.append(name)
    return different or ["none alone: values are paired with those of other rows"]


def compare(url, table, directory):
    problems = []
    manifest, paths = check_files(directory, problems)
    columns = database.columns(url, table)
    if problems:
        return manifest["rows"], len(paths), problems
    written = [column["name"] for column in manifest["columns"]]
    if written != [name for name, _, _, _ in columns]:
        return manifest["rows"], len(paths), [f"columns are {written}"]
    if not paths:
        rows = int(database.rows(url, f"SELECT count(*) FROM {database.regclass(table)}")[0][0])
        return rows, 0, [] if rows == 0 else [f"no files, but the table has {rows} rows"]
    supported = TEXTS | INTEGERS | {"numeric", "date", "bool", "uuid", "bytea", "timestamp", "timestamptz"}
    for name, kind, full, _ in columns:
        if kind not in supported:
            problems.append(f"column {name}: this script does not compare {full}, matrix.py does")
    if problems:
        return manifest["rows"], len(paths), problems
    with ThreadPoolExecutor(2) as pool:  # the server works while we do
        server = pool.submit(pg_facts, url, table, columns)
        duck_rows, duck_sums = duck_facts(paths, columns)
        arrow_rows, arrow = arrow_facts(paths, columns)
        rows, sums, facts = server.result()
    for reader, found in (("manifest", manifest["rows"]), ("DuckDB", duck_rows), ("pyarrow", arrow_rows)):
        if found != rows:
            problems.append(f"{reader} says {found} rows, the server {rows}")
    for name, _, _, _ in columns:
        for key, value in arrow[name].items():
            found, expected = None if value is None else str(value), facts[name][key]
            if found != expected:
                problems.append(f"column {name}: {key} is {found}, the server says {expected}")
    if sums != duck_sums:
        names = ", ".join(name_columns(url, table, paths, columns))
        problems.append(f"values differ in: {names}")
    return rows, len(paths), problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="PostgreSQL URL")
    parser.add_argument("--table", required=True, help="schema.table")
    parser.add_argument("--dir", required=True, help="the table's directory")
    parser.add_argument("--files-only", action="store_true", help="compare the files with the manifest only")
    options = parser.parse_args()
    began = time.monotonic()
    if options.files_only:
        problems = []
        manifest, paths = check_files(options.dir, problems)
        rows, files = manifest["rows"], len(paths)
    else:
        rows, files, problems = compare(options.url, options.table, options.dir)
    verdict = {"table": options.table, "ok": not problems, "rows": rows, "files": files,
               "seconds": round(time.monotonic() - began, 1), "problems": problems}
    print(json.dumps(verdict, ensure_ascii=False))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
