"""Compares tables of millions of rows with the MySQL or MariaDB server by hashes of their rows.

For integers, decimals, dates and text. A row is its values as text with their lengths; its SHA-256, cut into two 60-bit
numbers, both summed, by the server over its own rows and by DuckDB over the files. The order of rows does not matter; a
lost, doubled or changed row does. Rows are counted by pyarrow too.

Prints one line of JSON; exit 1 if anything differs.
"""

import argparse
import json
import os
import sys

import duckdb
import pyarrow.parquet as pq

import database
from compare import check_files
from mysql_server import TEXTS, Server, identifier


def of_server(server, table, columns):
    parts = []
    for name, kind, *_ in columns:
        text = identifier(name) if kind in TEXTS else f"CAST({identifier(name)} AS CHAR)"
        text = f"CONVERT({text} USING utf8mb4)"
        parts.append(f"COALESCE(CONCAT(OCTET_LENGTH({text}), ':', {text}), 'N')")
    hashed = f"SHA2(CONCAT({', '.join(parts)}), 256)"
    sums = [f"SUM(CAST(CONV(SUBSTRING({hashed}, {start}, 15), 16, 10) AS DECIMAL(40)))" for start in (1, 16)]
    return server.rows(f"SELECT COUNT(*), {', '.join(sums)} FROM {identifier(table)}")[0]


def of_files(paths, columns):
    parts = []
    for name, *_ in columns:
        text = f"{database.identifier(name)}::VARCHAR"
        parts.append(f"coalesce(strlen({text})::VARCHAR || ':' || {text}, 'N')")
    hashed = f"sha256({' || '.join(parts)})"
    sums = [f"sum(('0x' || substr({hashed}, {start}, 15))::BIGINT::HUGEINT)" for start in (1, 16)]
    files = "[" + ", ".join(map(database.literal, paths)) + "]"
    select = f"SELECT count(*), {', '.join(sums)} FROM read_parquet({files}, hive_partitioning=false)"
    return [str(value) for value in duckdb.sql(select).fetchone()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--socket", required=True, help="of the server")
    parser.add_argument("--database", required=True)
    parser.add_argument("--dir", required=True, help="the directory of the export")
    parser.add_argument("--table", required=True)
    options = parser.parse_args()
    server, problems = Server(options.socket, options.database), []
    _, paths = check_files(os.path.join(options.dir, options.database, options.table), problems)
    columns = server.columns(options.table)
    rows = 0
    if not problems:
        names = pq.ParquetFile(paths[0]).schema_arrow.names
        if names != [name for name, *_ in columns]:
            problems.append(f"columns differ: {names}")
        expected, found = of_server(server, options.table, columns), of_files(paths, columns)
        if expected != found:
            problems.append(f"server {expected}, files {found}")
        rows = sum(pq.ParquetFile(path).metadata.num_rows for path in paths)
        if str(rows) != expected[0]:
            problems.append(f"the server has {expected[0]} rows, the files {rows}")
    print(json.dumps({"table": options.table, "rows": rows, "problems": problems}))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
