"""How time and memory grow with the table: TPC-H lineitem at several scale factors, from PostgreSQL to local disk.

Ends with an error when the peak resident memory of lakexpress grows by more than 10 % from scale 1 to the largest.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from contest import (  # noqa: E402
    about, arguments, export, interleave, measure_export, median, output, parquet, report, table,
)  # fmt: skip
from server import Server  # noqa: E402

TABLE = "public.lineitem"
BAR = 10  # per cent


def main():
    parser = arguments(__doc__, rounds=3)
    parser.add_argument("--scales", default="0.1,1,10", help="TPC-H scale factors, 1 = 6 million rows (0.1,1,10)")
    parser.add_argument("--readers", type=int, default=2, help="readers, and threads of DuckDB (2)")
    parser.add_argument("--duckdb", action="store_true", help="DuckDB too, in turns")
    options = parser.parse_args()
    if not options.program:
        parser.error("--program is needed")
    names = ["lakexpress"] + ["duckdb"] * options.duckdb
    scales = sorted(options.scales.split(","), key=float)
    os.makedirs(options.dir, exist_ok=True)
    groups = {}
    with Server(options.dir) as server:
        urls, rows = {}, {}
        for scale in scales:
            database = server.lineitem(scale)
            urls[scale] = server.url(database)
            rows[scale] = int(server.query(database, f"SELECT count(*) FROM {TABLE}"))  # warms the system's cache

        def once(name, scale):
            def look(out):
                if (name, scale) not in groups:
                    found = groups[name, scale] = parquet(out)
                    if found["rows"] != rows[scale]:
                        raise SystemExit(f"{name}, scale {scale}: {found['rows']} rows, not {rows[scale]}")

            command = export(name, options, urls[scale], TABLE, options.readers, output(options))
            return measure_export([command], options, look)

        order = [(name, scale) for scale in scales for name in names]
        samples, _ = interleave(options.rounds, order, once)
        print(about(options, server, names) + f", {options.readers} readers")
    headings = ["program", "scale"]
    table(samples, headings)
    report(options, samples, headings, readers=options.readers)
    for (name, scale), found in groups.items():
        sizes = f"{found['least']} to {found['most']} rows (the last of a file aside)"
        print(f"{name}, scale {scale}: {rows[scale]} rows in {found['row_groups']} row groups of {sizes}")
    if "1" in scales and scales[-1] != "1" and growth(samples, names, scales[-1]) > BAR:
        sys.exit(f"more than {BAR} %")


def growth(samples, names, largest):
    """Prints by how many per cent peak memory grows from scale 1 to the largest; returns lakexpress'."""
    found = {}
    for name in names:
        small, large = (median(samples[name, scale], "peak_rss_mb") for scale in ("1", largest))
        found[name] = (large / small - 1) * 100
        print(f"{name}: peak memory {large:.1f} MB at scale {largest}, {small:.1f} at scale 1: {found[name]:+.1f} %")
    return found["lakexpress"]


if __name__ == "__main__":
    main()
