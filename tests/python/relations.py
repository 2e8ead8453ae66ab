"""Compares everything that an export holds with the database it came from, relation by relation, value by value.

For schemas that nobody here wrote: no column is known to be a key, so the rows of a relation are compared as a
multiset. Each row is its values in the forms of `matrix.py`, read by pyarrow and by DuckDB, against the server's own
text.

Prints one line of JSON: relations, columns, rows and values that are the same, by how many readers; relations that
the export does not have; problems. Exit 1 if there is a problem.
"""

import argparse
import json
import os
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq

import database
from compare import check_files
from database import identifier, regclass
from matrix import Duck, Types, from_arrow, from_text, plain, unpacked

# The relations a user could mean, as in the program's own list.
RELATIONS = """
    SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't' AND NOT c.relispartition
      AND n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname !~ '^pg_(toast|temp_)'
    ORDER BY 1, 2"""

# By the server's casts: money loses its sign of currency, elements come as a cast to text gives them.
CASTS = {"money": "::numeric", "_bpchar": "::text[]", "_inet": "::text[]"}


class AllTypes(Types):
    """All types of a database at once: there are too many to ask for each."""

    def __init__(self, url):
        super().__init__(url)
        fields = {}
        query = "SELECT attrelid, atttypid, attname FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
        query += " WHERE c.relkind = 'c' AND attnum > 0 AND NOT attisdropped ORDER BY attrelid, attnum"
        for relation, kind, name in database.rows(url, query):
            fields.setdefault(relation, []).append([kind, name])
        query = """
            SELECT t.oid, t.typname, t.typtype,
              CASE WHEN t.typcategory = 'A' AND t.typname NOT IN ('int2vector', 'oidvector') THEN t.typelem ELSE 0 END,
              t.typbasetype, t.typrelid, coalesce(e.typdelim, t.typdelim)
            FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem"""
        for oid, name, kind, element, base, relation, delimiter in database.rows(url, query):
            if kind != "c" or relation in fields:
                self.known[oid] = (name, kind, element, base, fields.get(relation, []), delimiter)


def all_columns(url):
    """Name, type and its oid of every column, by relation, domains replaced by what they stand for."""
    found = {}
    query = """
        WITH RECURSIVE base AS (
            SELECT a.attrelid, a.attnum, a.attname, a.atttypid AS typid
            FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
            SELECT b.attrelid, b.attnum, b.attname, t.typbasetype
            FROM base b JOIN pg_type t ON t.oid = b.typid WHERE t.typtype = 'd')
        SELECT n.nspname || '.' || c.relname, b.attname, t.typname, b.typid
        FROM base b JOIN pg_type t ON t.oid = b.typid JOIN pg_class c ON c.oid = b.attrelid
        JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE t.typtype <> 'd' ORDER BY b.attrelid, b.attnum"""
    for relation, name, kind, oid in database.rows(url, query):
        found.setdefault(relation, []).append((name, kind, oid))
    return found


def counted(columns):
    """How often each row occurs, and each value of each column."""
    return Counter(zip(*columns)), [Counter(column) for column in columns]


def forms(values, oid, types, read):
    """The values of a column as text that is the same for the same values only; equal values are read once."""
    known = {}

    def form(value):
        key = value if isinstance(value, (str, bytes, int, type(None))) and not isinstance(value, bool) else None
        if key is None:
            return repr(read(value, oid, types))
        if key not in known:
            known[key] = repr(read(value, oid, types))
        return known[key]

    return [form(value) for value in values]


def duck_columns(duck, names):
    """The values of some columns as DuckDB reads them, in one query."""
    kinds = [duck.schema.field(name).type for name in names]
    wanted = [duck.expression(identifier(name), kind, 0) for name, kind in zip(names, kinds)]
    query = f"SELECT {', '.join(wanted)} FROM read_parquet({duck.files}, hive_partitioning=false)"
    rows = duck.connection.execute("SET threads = 1; " + query).fetchall()
    return [[unpacked(row[at], kind) for row in rows] for at, kind in enumerate(kinds)]


def different(columns, expected, found, reader):
    """What to say about a column, or about rows whose columns are the same each by itself."""
    for (name, kind, _), want, have in zip(columns, expected, found):
        if want != have:
            lost, new = list((want - have).elements())[:2], list((have - want).elements())[:2]
            return f"{reader}: column {name} ({kind}): the server has {lost}, the files {new}"[:600]
    return f"{reader}: the values of all columns are there, but in other rows"


def compare(url, relation, directory, columns, types):
    """Rows, values, values seen by both readers, and problems of one relation."""
    problems = []
    manifest, paths = check_files(directory, problems)
    written = [column["name"] for column in manifest["columns"]]
    if written != [name for name, _, _ in columns]:
        problems.append(f"columns are {written}")
    if problems:
        return 0, 0, 0, problems
    texts = ", ".join(f"{identifier(name)}{CASTS.get(kind, '')}::text" for name, kind, _ in columns)
    rows = database.rows(url, f"SELECT {texts} FROM {regclass(relation)}")
    if not columns:
        return len(rows), 0, 0, [] if manifest["rows"] == len(rows) else ["other numbers of rows"]
    tables = [pq.read_table(path, partitioning=None) for path in paths]
    if not rows or not tables:
        found = sum(table.num_rows for table in tables)
        return len(rows), 0, 0, [] if found == len(rows) else [f"the server has {len(rows)} rows, the files {found}"]
    server = [forms(values, columns[at][2], types, from_text) for at, values in enumerate(zip(*rows))]
    by_arrow = [
        forms([value for table in tables for value in plain(table.column(name))], oid, types, from_arrow)
        for name, _, oid in columns
    ]
    duck = Duck(paths, tables[0].schema)
    readable = [at for at, (name, _, _) in enumerate(columns) if duck.can_read(name)]
    by_duck = [
        forms(values, columns[at][2], types, from_arrow)
        for at, values in zip(readable, duck_columns(duck, [columns[at][0] for at in readable]))
    ]
    all_rows, each = counted(server)
    found_rows, found_each = counted(by_arrow)
    if all_rows != found_rows:
        problems.append(different(columns, each, found_each, "pyarrow"))
    # Columns that DuckDB has no type for are pyarrow's alone.
    some_rows, some_each = counted([server[at] for at in readable])
    found_rows, found_each = counted(by_duck)
    if some_rows != found_rows:
        problems.append(different([columns[at] for at in readable], some_each, found_each, "DuckDB"))
    values = sum(sum(count for form, count in column.items() if form != "None") for column in each)
    twice = sum(sum(count for form, count in column.items() if form != "None") for column in some_each)
    return len(rows), values, twice, problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="PostgreSQL URL")
    parser.add_argument("--dir", required=True, help="what was given to --output-dir")
    options = parser.parse_args()
    # Names in values (regclass) come qualified, whatever the role's search_path.
    database.SETTINGS["search_path"] = "pg_catalog"
    # As pg_dump does: types of extensions take it for the number of digits that make a text exact.
    database.SETTINGS["extra_float_digits"] = "3"
    types, columns = AllTypes(options.url), all_columns(options.url)
    total = {"relations": 0, "columns": 0, "rows": 0, "values": 0, "by_two_readers": 0, "absent": [], "problems": []}
    present = []
    for schema, name, kind in database.rows(options.url, RELATIONS):
        directory = os.path.join(options.dir, schema, name)
        if os.path.exists(os.path.join(directory, "_manifest.json")):
            present.append((f"{schema}.{name}", directory, kind == "v"))
        else:
            total["absent"].append(f"{schema}.{name}")

    def one(relation, directory):
        return compare(options.url, relation, directory, columns.get(relation, []), types)

    def all_of(views):
        with ThreadPoolExecutor(2) as pool:  # the server works while we do
            of_kind = [(relation, directory) for relation, directory, view in present if view == views]
            pending = [(relation, pool.submit(one, relation, directory)) for relation, directory in of_kind]
            return [(relation, answer.result()) for relation, answer in pending]

    answers = all_of(False)
    # A view is what its users see.
    del database.SETTINGS["search_path"]
    for relation, (rows, values, twice, problems) in answers + all_of(True):
        total["problems"] += [f"{relation}: {problem}" for problem in problems]
        if not problems:
            total["relations"] += 1
            total["columns"] += len(columns.get(relation, []))
            total["rows"] += rows
            total["values"] += values
            total["by_two_readers"] += twice
    print(json.dumps(total, ensure_ascii=False))
    sys.exit(1 if total["problems"] else 0)


if __name__ == "__main__":
    main()
