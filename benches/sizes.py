"""How large the files are: the eight tables of TPC-H from PostgreSQL with zstd, beside DuckDB's of the same tables.

Both write what their defaults give: lakexpress zstd at level 1, DuckDB its own level. Ends with an error when a table
of lakexpress' is larger than DuckDB's.
"""

import argparse
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from contest import bytes_below  # noqa: E402
from server import Server, default_directory  # noqa: E402

TABLES = ["customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the lakexpress binary")
    parser.add_argument("--scale", default="1", help="TPC-H scale factor (1)")
    parser.add_argument("--readers", default="2", help="readers, and threads of DuckDB (2)")
    parser.add_argument("--dir", default=default_directory(), help="where server and output are kept")
    options = parser.parse_args()
    os.makedirs(options.dir, exist_ok=True)
    out = os.path.join(options.dir, "sizes")
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(os.path.join(out, "duckdb"))
    with Server(options.dir) as server:
        url = server.url(server.made_once(
            "tpch_all_" + options.scale.replace(".", "_"), lambda database: server.load_tpch(database, options.scale)
        ))  # fmt: skip
        command = [options.program, "export", "--source", url, "--output-dir", os.path.join(out, "lakexpress")]
        subprocess.run([*command, "-p", options.readers, "--compression", "zstd", "--quiet"], check=True)
        for table in TABLES:
            script = os.path.join(HERE, "duckdb_export.py")
            file = os.path.join(out, "duckdb", table + ".parquet")
            command = [sys.executable, script, "postgres", url, "public." + table, file, options.readers, "zstd"]
            subprocess.run(command, check=True)
    print("| table | lakexpress zstd(1) bytes | DuckDB zstd bytes | ratio |")
    print("|---|---|---|---|")
    larger = []
    for table in TABLES:
        ours = bytes_below(os.path.join(out, "lakexpress", "public", table))
        theirs = bytes_below(os.path.join(out, "duckdb", table + ".parquet"))
        print(f"| {table} | {ours} | {theirs} | {ours / theirs:.3f} |")
        if ours > theirs:
            larger.append(table)
    shutil.rmtree(out)
    if larger:
        sys.exit("larger than DuckDB's: " + ", ".join(larger))


if __name__ == "__main__":
    main()
