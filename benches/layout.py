"""TPC-H lineitem from PostgreSQL in Hive partitions, beside DuckDB's PARTITION_BY; and sorted, with what readers then skip.

Partitions: by month of l_shipdate and by l_suppkey, under a memory limit of 256 MB. Programs take turns in every round;
the table shows medians. What lakexpress wrote is compared with the same table written as it comes, by DuckDB and pyarrow
(tests/python/layout.py). Order: files by `--sort-by l_shipdate` beside files as they come; what `explain-layout` says of
one month, and how long DuckDB takes to read it from either. Ends with 1 when a bar is missed.
"""

import json
import os
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from contest import about, arguments, interleave, measure_export, median, output, refusals, table  # noqa: E402
from server import Server  # noqa: E402

TABLE = "public.lineitem"
# By name: the keys of lakexpress, and those of DuckDB.
KEYS = {
    "month": ("CAST(date_trunc('month', l_shipdate) AS date) AS m", "m: date_trunc('month', l_shipdate)::DATE"),
    "l_suppkey": ("l_suppkey", "l_suppkey: l_suppkey"),
}
MONTH = ("l_shipdate >= DATE '1995-03-01'", "l_shipdate < DATE '1995-04-01'")
MEMORY = "256MB"
LOOK = """
import json, sys, time, duckdb
files, condition, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
connection = duckdb.connect()
connection.execute("SET threads = 2")
times = []
for _ in range(rounds + 1):
    began = time.monotonic()
    found = connection.execute(f"SELECT count(*), sum(l_extendedprice), max(l_comment) FROM '{files}' WHERE {condition}").fetchone()
    times.append(time.monotonic() - began)
print(json.dumps({"s": sorted(times[1:])[rounds // 2], "found": [str(value) for value in found]}))
"""
WITNESSES = """
import json, sys
import pyarrow.compute as pc, pyarrow.dataset as ds, datetime
rows = ds.dataset(sys.argv[1], format="parquet", exclude_invalid_files=True)
field = pc.field("l_shipdate")
wanted = (field >= datetime.date(1995, 3, 1)) & (field < datetime.date(1995, 4, 1))
found = rows.to_table(columns=["l_extendedprice"], filter=wanted)
print(json.dumps([str(found.num_rows), str(pc.sum(found["l_extendedprice"]).as_py())]))
"""


class Bars:
    """Figures beside their bars."""

    def __init__(self):
        self.missed = False

    def at_most(self, what, found, bar):
        self.said(what, found, bar, found <= bar, "at most")

    def at_least(self, what, found, bar):
        self.said(what, found, bar, found >= bar, "at least")

    def said(self, what, found, bar, met, word):
        self.missed |= not met
        print(f"{what}: {found:.3g}, {'within' if met else 'MISSED'} the bar of {word} {bar:g}")


def ours(options, url, out, more):
    command = [options.program, "export", "--source", url, "--output-dir", out, "-i", TABLE, "-p", "2"]
    return [*command, "--compression", options.codec, "--no-progress", *more]


def python(script, *args):
    found = subprocess.run([sys.executable, "-c", script, *args], check=True, stdout=subprocess.PIPE)
    return json.loads(found.stdout)


def partitions(options, url, bars):
    """Both programs, key by key."""
    plain = os.path.join(options.dir, "plain")
    shutil.rmtree(plain, ignore_errors=True)
    subprocess.run(ours(options, url, plain, ["--quiet"]), check=True, stdout=subprocess.DEVNULL)

    def once(name, key):
        mine, theirs = KEYS[key]
        out = output(options)
        if name == "duckdb":
            script = os.path.join(HERE, "duckdb_export.py")
            there = os.path.join(out, "duck")
            commands = [[sys.executable, script, "postgres", url, TABLE, there, "2", options.codec, theirs]]
            return measure_export(commands, options)
        more = ["--partition-by", f"{TABLE}: {mine}", "--memory-limit", MEMORY]
        look = os.path.join(HERE, "..", "tests", "python", "layout.py")

        def compare(out):
            command = [sys.executable, look, os.path.join(plain, "public/lineitem"), os.path.join(out, "public/lineitem")]
            subprocess.run([*command, "--keys", theirs], check=True, stdout=subprocess.DEVNULL)

        compared = key in checked
        checked.add(key)
        return measure_export([ours(options, url, out, more)], options, None if compared else compare)

    checked = set()
    samples, refused = interleave(options.rounds, [(name, key) for key in KEYS for name in ("duckdb", "lakexpress")], once)
    table(samples, ["program", "partitions by"])
    refusals(refused)
    wall = {turn: median(results, "wall_s") for turn, results in samples.items()}
    bars.at_most("by month, wall beside DuckDB", wall["lakexpress", "month"] / wall["duckdb", "month"], 0.8)
    if ("duckdb", "l_suppkey") in wall:
        ratio = wall["lakexpress", "l_suppkey"] / wall["duckdb", "l_suppkey"]
        print(f"by l_suppkey, wall beside DuckDB: {ratio:.2f}")
    for key in KEYS:
        peak = max(result["peak_rss_mb"] for result in samples["lakexpress", key])
        bars.at_most(f"by {key}, peak MB under --memory-limit {MEMORY}", peak, 256)
    shutil.rmtree(plain, ignore_errors=True)


def order(options, url, bars):
    """What is skipped of sorted files, and how long that takes."""
    places = {}
    for name, more in (("plain", []), ("sorted", ["--sort-by", f"{TABLE}: l_shipdate", "--memory-limit", MEMORY])):
        out = os.path.join(options.dir, "order_" + name)
        shutil.rmtree(out, ignore_errors=True)
        began = time.monotonic()
        subprocess.run([*ours(options, url, out, more), "--quiet"], check=True, stdout=subprocess.DEVNULL)
        print(f"{name} files: written in {time.monotonic() - began:.1f} s")
        places[name] = os.path.join(out, "public/lineitem")
    command = [options.program, "explain-layout", places["sorted"], "--where", " AND ".join(MONTH), "--json"]
    said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    for what, bar in (("row_groups", 95), ("pages", 98)):
        total, skipped = said[what]["total"], said[what]["skipped"]
        bars.at_least(f"{what} skipped, percent of {total}", 100 * skipped / total, bar)
    found = {name: python(LOOK, f"{place}/*.parquet", " AND ".join(MONTH), str(options.rounds)) for name, place in places.items()}
    print(f"DuckDB reads the month in {found['sorted']['s'] * 1000:.1f} ms, of unsorted files in {found['plain']['s'] * 1000:.1f} ms")
    bars.at_most("DuckDB's time for the month, sorted beside unsorted", found["sorted"]["s"] / found["plain"]["s"], 0.2)
    witness = {name: python(WITNESSES, place) for name, place in places.items()}
    if found["sorted"]["found"] != found["plain"]["found"] or any(found["sorted"]["found"][:2] != w for w in witness.values()):
        raise SystemExit(f"readers disagree: {found} {witness}")
    for place in places.values():
        shutil.rmtree(os.path.dirname(os.path.dirname(place)))


def main():
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--scale", default="1", help="TPC-H scale factor, 1 = 6 million rows (1)")
    options = parser.parse_args()
    if not options.program:
        parser.error("--program is needed")
    os.makedirs(options.dir, exist_ok=True)
    bars = Bars()
    with Server(options.dir) as server:
        database = server.lineitem(options.scale)
        url = server.url(database)
        server.query(database, f"SELECT count(*) FROM {TABLE}")
        print(about(options, server, ["duckdb"]) + f", scale {options.scale}")
        partitions(options, url, bars)
        order(options, url, bars)
    sys.exit(1 if bars.missed else 0)


if __name__ == "__main__":
    main()
