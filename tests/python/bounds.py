"""Proves that readers which skip row groups by their bounds find the rows that PostgreSQL finds.

    bounds.py sql > FILE                           the statements that make the table
    bounds.py check --url U --dir D [--filters N]  N filters of each column, seeded (0: all there are)

Asks each filter of PostgreSQL and of DuckDB, pyarrow.dataset, Polars and ClickHouse. A reader that finds other rows is
asked again over a copy of the files without any statistics: if it finds others there, a bound is wrong; if not, the
reader is. Both fail. Where it means something else than PostgreSQL (OTHERWISE), only its two answers are compared; so
are the smallest and the largest values that it finds. Prints one line of JSON.
"""

import argparse
import glob
import json
import os
import random
import sys
import tempfile
import time

import pyarrow.parquet as pq

import edges
from edges import COLUMNS, FIELDS, LIST, ROW
from readers import READERS, Server, as_ieee

SEED = 25521
# Filters of two columns at once, beside those of one.
MIXED = 60
# Where a reader means something else than PostgreSQL, with these versions.
OTHERWISE = {
    ("DuckDB 1.5.5", "n76"): "reads decimals of more than 38 digits as doubles",
    ("ClickHouse 26.9.2.1", "u"): "orders UUIDs by their second halves first",
    ("ClickHouse 26.9.2.1", "s"): "has no composite value that is NULL",
    ("ClickHouse 26.9.2.1", "l"): "has no list that is NULL, and no larger NaN in it",
}
# What a reader does not read, with an error.
REFUSED = {
    ("pyarrow 26.0.1", "l"): "has no filters that look into lists",
    ("Polars 2.1.0", "n76"): "has no decimals of more than 38 digits",
    ("ClickHouse 26.9.2.1", "far"): "has no dates before the year 0 and after 9999",
}


def without_bounds(files, target):
    """The same rows in the same row groups, in files that have no statistics."""
    for path in sorted(glob.glob(f"{files}/*.parquet")):
        source = pq.ParquetFile(path)
        # Without pyarrow's own schema, which would make other types of some columns.
        options = {"write_statistics": False, "store_schema": False}
        with pq.ParquetWriter(os.path.join(target, os.path.basename(path)), source.schema_arrow, **options) as writer:
            for group in range(source.num_row_groups):
                writer.write_table(source.read_row_group(group))


def chosen_filters(chance, per_column):
    columns = [*COLUMNS, *FIELDS, ROW, LIST]
    of_columns = [edges.filters_of(column) for column in columns]
    if per_column:
        of_columns = [chance.sample(found, min(per_column, len(found))) for found in of_columns]
    found = [one for filters in of_columns for one in filters]
    # Readers of Python have no NULL in sets and lists, so that NOT means something else.
    plain = [one for one in found if one[0] in ("compare", "between")]
    return found + [edges.mixed(chance, plain) for _ in range(MIXED)]


def judge(bounded, bare, filters, expected, problems):
    """Asks one reader everything, and returns how many of its answers were PostgreSQL's."""
    asked = 0
    for one, count in zip(filters, expected, strict=True):
        columns = [(bounded.title, column.name) for column in edges.columns_of(one)]
        if any(column in REFUSED for column in columns):
            continue
        said = one if bounded.nan_is_a_number else as_ieee(one)
        found = bounded.count(said)
        otherwise = any(column in OTHERWISE for column in columns)
        if found != count or otherwise:
            without = bare.count(said)
            if found != without:
                problems.append(f"{bounded.title}: {found} rows, {without} without bounds, {count} right: {show(one)}")
            elif not otherwise:
                problems.append(f"{bounded.title}: {found} rows, with bounds or not, {count} right: {show(one)}")
        asked += not otherwise
        # As those say it who do not think of NaN. Sets are left out, in which zeros are not equal, but are to bounds.
        plain = one[0] not in ("in", "not in") and "'NaN'::" not in show(one)
        if said != one and plain and bounded.count(one) != bare.count(one):
            problems.append(f"{bounded.title}: other rows with bounds than without them: {show(one)}")
    return asked


def judge_extremes(bounded, bare, problems):
    """The smallest and largest values, which some readers take from the footer."""
    for column in [*COLUMNS, *FIELDS]:
        # Where NaN is not comparable, the extremes depend on the order of rows.
        if (bounded.title, column.name) in REFUSED or (column.kind == "float" and not bounded.nan_is_a_number):
            continue
        found, without = bounded.extremes(column), bare.extremes(column)
        if found != without:
            problems.append(f"{bounded.title}: extremes of {column.name} {found}, without bounds {without}")


def show(one):
    return Server().filter(one)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["sql", "check"])
    parser.add_argument("--url")
    parser.add_argument("--dir")
    parser.add_argument("--filters", type=int, default=8)
    args = parser.parse_args()
    if args.what == "sql":
        for statement in edges.table_sql():
            print(statement)
        return
    filters = chosen_filters(random.Random(SEED), args.filters)
    expected = Server().counts(args.url, filters)
    asked, seconds, problems = {}, {}, []
    with tempfile.TemporaryDirectory() as target:
        without_bounds(args.dir, target)
        for reader in READERS:
            start = time.monotonic()
            bounded, bare = reader(args.dir), reader(target)
            asked[bounded.title] = judge(bounded, bare, filters, expected, problems)
            if hasattr(reader, "extremes"):
                judge_extremes(bounded, bare, problems)
            seconds[bounded.title] = round(time.monotonic() - start, 1)
    print(json.dumps({"seed": SEED, "filters": len(filters), "asked": asked, "seconds": seconds}))
    if problems:
        shown = "\n".join(problems[:40])
        sys.exit(f"{len(problems)} wrong answers of {len(filters)} filters, seed {SEED}:\n{shown}")


if __name__ == "__main__":
    main()
