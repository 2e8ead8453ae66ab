"""Compares an Arrow IPC stream with the Parquet files of the same query.

Read by pyarrow and by Polars, whose readers of streams and of files have no code in common. Rows are compared as sets
with their numbers, by DuckDB; with --ordered, in their order. `--whole no` says that the stream must have no end marker.
Prints one line of JSON; exit 1 if anything differs.
"""

import argparse
import glob
import json
import os
import sys

import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

END = b"\xff\xff\xff\xff\x00\x00\x00\x00"


def has_end(path):
    """Whether the stream ends with its end marker."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - len(END)))
        return file.read() == END


def differences(left, right):
    """Rows that one of two Arrow tables has more often than the other."""
    con = duckdb.connect()
    con.register("a", left)
    con.register("b", right)
    one = con.execute("SELECT count(*) FROM (SELECT * FROM a EXCEPT ALL SELECT * FROM b)").fetchone()[0]
    return one + con.execute("SELECT count(*) FROM (SELECT * FROM b EXCEPT ALL SELECT * FROM a)").fetchone()[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("stream")
    parser.add_argument("directory", nargs="?", help="of the files of the same query")
    parser.add_argument("--ordered", action="store_true")
    parser.add_argument("--whole", choices=["yes", "no"], default="yes")
    options = parser.parse_args()
    wrong = []
    if has_end(options.stream) != (options.whole == "yes"):
        wrong.append(f"end marker: {has_end(options.stream)}")
    result = {"wrong": wrong}
    if options.directory:
        with pa.OSFile(options.stream) as file, pa.ipc.open_stream(file) as reader:
            streamed = reader.read_all()
        files = sorted(glob.glob(os.path.join(options.directory, "*.parquet")))
        written = pa.concat_tables([pq.read_table(path) for path in files])
        result |= {"rows": streamed.num_rows, "columns": streamed.num_columns, "snapshot": None}
        snapshot = (streamed.schema.metadata or {}).get(b"lakexpress:snapshot")
        result["snapshot"] = json.loads(snapshot) if snapshot else None
        if streamed.schema.remove_metadata() != written.schema.remove_metadata():
            wrong.append(f"pyarrow: types\n{streamed.schema}\n{written.schema}")
        elif options.ordered and not streamed.equals(written):
            wrong.append("pyarrow: rows in their order")
        elif streamed.num_rows != written.num_rows or differences(streamed, written):
            wrong.append(f"DuckDB: {differences(streamed, written)} rows differ")
        theirs = polars.read_ipc_stream(options.stream)
        stored = polars.concat([polars.read_parquet(path) for path in files])
        if options.ordered and not theirs.equals(stored):
            wrong.append("Polars: rows in their order")
        elif theirs.schema != stored.schema or theirs.height != stored.height:
            wrong.append(f"Polars: {theirs.schema}, {theirs.height} rows; {stored.schema}, {stored.height} rows")
        elif differences(theirs.to_arrow(), stored.to_arrow()):
            wrong.append("Polars: rows differ")
    print(json.dumps(result))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
