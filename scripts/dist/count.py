"""Counts the rows of exported tables with pyarrow: count.py DIRECTORY orders=200000 customers=1000."""

import glob
import sys

import pyarrow.compute
import pyarrow.parquet

directory, *wanted = sys.argv[1:]
for name, rows in (pair.split("=") for pair in wanted):
    files = sorted(glob.glob(f"{directory}/**/{name}/part-*.parquet", recursive=True))
    ids = [pyarrow.parquet.read_table(file, columns=["id"]).column("id") for file in files]
    found = sum(len(column) for column in ids)
    last = max((pyarrow.compute.max(column).as_py() for column in ids if len(column)), default=None)
    if (found, last) != (int(rows), int(rows)):
        sys.exit(f"{name}: {found} rows up to {last} in {len(files)} files, expected {rows}")
