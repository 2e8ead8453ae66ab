"""Runs one DuckDB query and prints its rows: columns separated by |, NULL as an empty field."""

import sys

import duckdb

connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
for row in connection.execute(sys.argv[1]).fetchall():
    print("|".join("" if value is None else str(value) for value in row))
