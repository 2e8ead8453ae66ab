"""Joins two tables of a DuckLake catalog again and again, each time in one statement, until its standard input ends.

    ducklake_join.py CATALOG

Prints, as JSON, how often it looked, which moments it saw, and how often one answer had two of them.
"""

import json
import os
import select
import sys
import sysconfig
import time

import duckdb


def loaded(duck, extension):
    folder = f"duckdb_extension_{extension}/extensions/v{duckdb.__version__}/{extension}.duckdb_extension"
    duck.execute(f"LOAD '{os.path.join(sysconfig.get_path('purelib'), folder)}'")


catalog = sys.argv[1]
duck = duckdb.connect()
loaded(duck, "ducklake")
loaded(duck, "sqlite_scanner" if catalog.startswith("sqlite:") else "postgres_scanner")
duck.execute(f"ATTACH 'ducklake:{catalog}' AS lake (READ_ONLY)")
looks, mixed, moments = 0, 0, set()
while not select.select([sys.stdin], [], [], 0.1)[0]:
    answer = duck.execute(
        "SELECT a.n, b.n FROM (SELECT max(n) AS n FROM lake.public.a) a, (SELECT max(n) AS n FROM lake.public.b) b"
    ).fetchone()
    looks += 1
    mixed += answer[0] != answer[1]
    moments.add(answer[0])
    time.sleep(0)
print(json.dumps({"looks": looks, "mixed": mixed, "moments": sorted(moments)}))
