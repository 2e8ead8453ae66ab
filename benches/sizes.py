"""How large the files are: the eight tables of TPC-H from PostgreSQL with zstd, beside DuckDB's of the same tables.

All write what their defaults give: DuckDB zstd at level 3, lakexpress the same under `--readers any`, and level 1 under
`--readers modern`. Ends with an error when the files are larger than BARS allow.
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

# By --readers: how many times DuckDB's bytes all tables may take in sum, and each table.
BARS = {"any": (1.01, 1.03), "modern": (0.95, None)}


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
        for readers in BARS:
            command = [options.program, "export", "--source", url, "--output-dir", os.path.join(out, readers)]
            command += ["--readers", readers, "-p", options.readers, "--compression", "zstd", "--quiet"]
            subprocess.run(command, check=True)
        for table in TABLES:
            script = os.path.join(HERE, "duckdb_export.py")
            file = os.path.join(out, "duckdb", table + ".parquet")
            command = [sys.executable, script, "postgres", url, "public." + table, file, options.readers, "zstd"]
            subprocess.run(command, check=True)
    print("| table | DuckDB bytes | any bytes | ratio | modern bytes | ratio |")
    print("|---|---|---|---|---|---|")
    sums, over = dict.fromkeys(["duckdb", *BARS], 0), []
    for table in TABLES:
        theirs = bytes_below(os.path.join(out, "duckdb", table + ".parquet"))
        sums["duckdb"] += theirs
        cells = [table, theirs]
        for readers, (_, each) in BARS.items():
            ours = bytes_below(os.path.join(out, readers, "public", table))
            sums[readers] += ours
            cells += [ours, f"{ours / theirs:.3f}"]
            if each and ours > theirs * each:
                over.append(f"{table} under {readers}")
        print("| " + " | ".join(map(str, cells)) + " |")
    cells = ["all", sums["duckdb"]]
    for readers, (in_sum, _) in BARS.items():
        cells += [sums[readers], f"{sums[readers] / sums['duckdb']:.3f}"]
        if sums[readers] > sums["duckdb"] * in_sum:
            over.append(f"all tables under {readers}")
    print("| " + " | ".join(map(str, cells)) + " |")
    shutil.rmtree(out)
    if over:
        sys.exit("too large beside DuckDB's: " + ", ".join(over))


if __name__ == "__main__":
    main()
