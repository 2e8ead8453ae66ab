"""What a table costs: 2,000 tables of 10 rows from PostgreSQL to local disk, beside the floor, one COPY per table by psql
in one session. The time that the disk takes for fsync is printed beside it (a run under strace, whose count and
seconds these are; two tables are written at once, so that half of it is waited for).
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from contest import cell, measure  # noqa: E402
from server import Server, default_directory, program  # noqa: E402

# Tables at once, lakexpress' default.
JOBS = 2


def load(server, tables):
    """The database with this many tables, made once."""

    def fill(database):
        for first in range(0, tables, 200):  # one transaction holds a lock per table
            server.query(database, " ".join(
                f"CREATE TABLE t{n:05} (id int PRIMARY KEY, name text, amount numeric(12,2), at timestamptz);"
                f"INSERT INTO t{n:05} SELECT g, 'name ' || g, g * 1.25, now() FROM generate_series(1, 10) g;"
                for n in range(first, min(tables, first + 200))
            ))  # fmt: skip
        server.query(database, "VACUUM (FREEZE, ANALYZE)")

    return server.made_once(f"many_{tables}", fill)


def fsyncs(command, log):
    """How often the program calls fsync, and the seconds that takes in all its threads together."""
    # Of all calls strace counts the wall time with -w.
    subprocess.run(["strace", "-f", "-c", "-w", "-o", log, "-e", "trace=fsync,fdatasync", *command], check=True)
    with open(log, encoding="utf-8") as file:
        rows = re.findall(r"^\s*[\d.]+\s+([\d.]+)\s+\d+\s+(\d+)\s.*sync$", file.read(), re.MULTILINE)
    return sum(int(calls) for _, calls in rows), sum(float(seconds) for seconds, _ in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the lakexpress binary")
    parser.add_argument("--tables", type=int, default=2000, help="tables of 10 rows (2000)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each (5)")
    parser.add_argument("--dir", default=default_directory(), help="where server and output are kept")
    options = parser.parse_args()
    os.makedirs(options.dir, exist_ok=True)
    out, log = os.path.join(options.dir, "out"), os.path.join(options.dir, "last.log")
    script = os.path.join(options.dir, "floor.sql")
    with open(script, "w", encoding="utf-8") as file:
        file.write("BEGIN ISOLATION LEVEL REPEATABLE READ;\n")
        for n in range(options.tables):
            file.write(f"\\copy (SELECT * FROM t{n:05}) TO '/dev/null' (FORMAT binary)\n")
        file.write("COMMIT;\n")
    with Server(options.dir) as server:
        url = server.url(load(server, options.tables))
        floor = [program("psql"), "-X", "-q", "-d", url, "-f", script]
        ours = [options.program, "export", "--source", url, "--output-dir", out, "--n-jobs", str(JOBS), "--quiet"]
        seconds = {"psql": [], "lakexpress": []}
        for _ in range(options.rounds):
            for name, command in (("psql", floor), ("lakexpress", ours)):
                shutil.rmtree(out, ignore_errors=True)
                seconds[name].append(measure([command], log)["wall_s"])
        written = sum(file.endswith(".parquet") for _, _, files in os.walk(out) for file in files)
        if written != options.tables:
            raise SystemExit(f"{written} files, not {options.tables}")
        shutil.rmtree(out)
        calls, synced = fsyncs(ours, log)
        shutil.rmtree(out)
    psql, lakexpress = statistics.median(seconds["psql"]), statistics.median(seconds["lakexpress"])
    each = 1000 / options.tables
    print(f"{options.tables} tables of 10 rows, {options.rounds} rounds")
    print("| | seconds | ms a table |")
    print("|---|---|---|")
    print(f"| psql, to nowhere | {cell(seconds['psql'], 2)} | {psql * each:.2f} |")
    print(f"| lakexpress, {JOBS} at once | {cell(seconds['lakexpress'], 2)} | {lakexpress * each:.2f} |")
    print(f"| fsync, {calls} calls, {JOBS} at once | {synced:.2f} | {synced * each:.2f} |")
    over = (lakexpress - psql) * each
    print(f"over the floor: {over:.2f} ms a table with fsync, {over - synced / JOBS * each:.2f} ms without")


if __name__ == "__main__":
    main()
