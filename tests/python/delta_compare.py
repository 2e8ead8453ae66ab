"""Compares a Delta table, as DuckDB, delta-rs and Polars read it, with the Parquet files that a manifest names.

    delta_compare.py DIRECTORY                      the newest version
    delta_compare.py DIRECTORY --version 0 --manifest COPY    an earlier one, by the manifest that it had

The files of the manifest are read by DuckDB as files, so that what is compared is the table and not the Parquet: rows as a
multiset, value by value, columns by name. Partitions are compared as text, which is what directories have.

Prints one line of JSON: rows, columns, and the readers that agree; of those that cannot read the table, what they say. Exit 1 if
one of them differs.
"""

import argparse
import glob
import json
import os
import sys
import sysconfig

import deltalake
import duckdb
import polars
import pyarrow as pa
import pyarrow.parquet as pq

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("directory")
parser.add_argument("--version", type=int)
parser.add_argument("--manifest", help="a copy of the manifest of that version")
options = parser.parse_args()

with open(options.manifest or os.path.join(options.directory, "_manifest.json"), encoding="utf-8") as file:
    manifest = json.load(file)
version = manifest["table_version"]["version"] if options.version is None else options.version
paths = [os.path.join(options.directory, entry["name"]) for entry in manifest["files"]]
partitions = [column["name"] for column in manifest.get("partition_by", [])]
columns = [column["name"] for column in manifest["columns"]]

extension = os.path.join(
    sysconfig.get_path("purelib"), f"duckdb_extension_delta/extensions/v{duckdb.__version__}/delta.duckdb_extension"
)
if not glob.glob(extension):
    sys.exit("DuckDB's extension for Delta is missing: make test-deps")
duck = duckdb.connect()
duck.execute(f"LOAD '{extension}'")


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def text(path):
    return "'" + path.replace("'", "''") + "'"


def selected(relation):
    # Text of a timestamp has its zone or not, by its type.
    values = [quoted(name) for name in columns] + [f"CAST({quoted(name)} AS VARCHAR) AS {quoted(name)}" for name in partitions]
    return f"SELECT {', '.join(values)} FROM {relation}"


def differences(relation):
    """Rows that only one of the two has, as many times as it has them."""
    one, other = selected("files"), selected(relation)
    found = duck.execute(
        f"(SELECT 'only in files' AS side, * FROM ({one} EXCEPT ALL {other}) LIMIT 3) UNION ALL "
        f"(SELECT 'only in table', * FROM ({other} EXCEPT ALL {one}) LIMIT 3)"
    )
    return [str(row) for row in found.fetchall()]


# Directories are texts, whatever their types would be; files without rows lie in none.
files = ", ".join(text(path) for path, entry in zip(paths, manifest["files"], strict=True) if entry["rows"] or not partitions)
hive = ", hive_partitioning=true, hive_types_autocast=false" if partitions else ", hive_partitioning=false"
if files:
    duck.execute(f"CREATE VIEW files AS SELECT * FROM read_parquet([{files}]{hive})")
else:
    names = ", ".join(f"NULL AS {quoted(name)}" for name in columns + partitions)
    duck.execute(f"CREATE VIEW files AS SELECT {names} WHERE false")


def by_duckdb():
    duck.execute(f"CREATE VIEW duckdb_table AS FROM delta_scan({text(options.directory)}, version={version})")
    return "duckdb_table"


def by_delta_rs():
    table = deltalake.DeltaTable(options.directory, version=version)
    if table.version() != version:
        raise ValueError(f"version {table.version()}")
    rows = pa.table(deltalake.QueryBuilder().register("t", table).execute("SELECT * FROM t").read_all())
    duck.register("delta_rs_table", rows)
    return "delta_rs_table"


def by_polars():
    rows = polars.scan_delta(options.directory, version=version).collect()
    duck.register("polars_table", rows.to_arrow())
    return "polars_table"




def mapped():
    """Columns whose names are mapped, each with the id that it has in every file: some readers find it by that."""
    metadata = None
    for number in range(version + 1):
        with open(os.path.join(options.directory, f"_delta_log/{number:020}.json"), encoding="utf-8") as document:
            for line in map(json.loads, document):
                metadata = line.get("metaData", metadata)
    wanted = {}
    ids_of(json.loads(metadata["schemaString"]), (), wanted)
    for path in paths:
        found = {}
        file_ids(pq.read_schema(path), (), found)
        for name, number in wanted.items():
            if name[0] not in partitions and found.get(name) != number:
                sys.exit(f"{path}: column {name} has the id {found.get(name)} in the file, {number} in the log")
    return sum(len(name) == 1 for name in wanted)


def ids_of(kind, above, wanted):
    if not isinstance(kind, dict):
        return
    for field in kind.get("fields", []):
        if "delta.columnMapping.id" in field["metadata"]:
            wanted[(*above, field["name"])] = field["metadata"]["delta.columnMapping.id"]
        ids_of(field["type"], (*above, field["name"]), wanted)
    ids_of(kind.get("elementType"), above, wanted)
    ids_of(kind.get("valueType"), above, wanted)


def file_ids(fields, above, found):
    for field in fields:
        found[(*above, field.name)] = int((field.metadata or {}).get(b"PARQUET:field_id", b"-1"))
        kind = field.type
        while pa.types.is_list(kind):
            kind = kind.value_type
        if pa.types.is_struct(kind):
            file_ids(kind, (*above, field.name), found)


said = {"version": version, "rows": duck.execute("SELECT count(*) FROM files").fetchone()[0], "readers": [], "cannot": {}}
said["mapped"] = mapped()
said["columns"] = len(columns) + len(partitions)
wrong = {}
for name, reader in (("DuckDB", by_duckdb), ("delta-rs", by_delta_rs), ("Polars", by_polars)):
    try:
        relation = reader()
    except Exception as error:  # Whatever a reader throws is its answer.
        said["cannot"][name] = str(error).splitlines()[0][:200]
        continue
    if found := differences(relation):
        wrong[name] = found
    else:
        said["readers"].append(name)
said["wrong"] = wrong
print(json.dumps(said, ensure_ascii=False))
sys.exit(1 if wrong else 0)
