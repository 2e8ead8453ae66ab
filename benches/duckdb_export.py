"""One DuckDB export in a process of its own: a table to one Parquet file, by its postgres or sqlite extension; or, with a
key such as `m: date_trunc('month', d)`, to a directory with Hive partitions."""

import glob
import os
import sys
import sysconfig

import duckdb

kind, where, table, file, threads, codec = sys.argv[1:7]
key, _, expression = (sys.argv[7] if len(sys.argv) > 7 else "").partition(": ")

# The extension comes as a Python package; DuckDB refuses to load one that is not signed by its makers.
packages = sysconfig.get_path("purelib")
found = glob.glob(
    os.path.join(packages, f"duckdb_extension_{kind}*/extensions/v{duckdb.__version__}/*.duckdb_extension")
)
if not found:
    sys.exit(f"the {kind} extension is missing: pip install -r benches/requirements.txt")

connection = duckdb.connect()
connection.execute(f"SET threads = {int(threads)}")
connection.execute(f"LOAD '{found[0]}'")
connection.execute(f"ATTACH '{where}' AS source (TYPE {kind}, READ_ONLY)")
columns = f"*, {expression} AS {key}" if key not in ("", expression) else "*"
options = f"FORMAT parquet, CODEC {codec}" + (f", PARTITION_BY ({key})" if key else "")
connection.execute(f"COPY (SELECT {columns} FROM source.{table}) TO '{file}' ({options})")
