"""Counts the rows of every version of a Delta table, as delta-rs reads them. Prints a JSON list."""

import json
import sys

import deltalake
import pyarrow as pa

newest = deltalake.DeltaTable(sys.argv[1]).version()
counts = []
for version in range(newest + 1):
    table = deltalake.DeltaTable(sys.argv[1], version=version)
    rows = deltalake.QueryBuilder().register("t", table).execute("SELECT count(*) AS n FROM t").read_all()
    counts.append(pa.table(rows)["n"][0].as_py())
print(json.dumps(counts))
