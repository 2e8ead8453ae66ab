"""Compares tables of a DuckLake catalog, as DuckDB and polars-ducklake read them, with the Parquet files that manifests name.

    ducklake_compare.py CATALOG SCHEMA.TABLE=DIRECTORY...                      the newest snapshot
    ducklake_compare.py CATALOG SCHEMA.TABLE=DIRECTORY... --snapshot 1 --manifests DIR    an earlier one, by copies of the manifests
                                                                               that it had, SCHEMA.TABLE.json

CATALOG is what follows `ducklake:` in DuckDB's ATTACH. The files of a manifest are read by DuckDB as files, so that what is
compared is the catalog and not the Parquet: rows as a multiset, value by value, columns by name. With --conditions also the rows of
conditions over each column, for which readers leave out files by the catalog's statistics.

Prints one line of JSON: by table its rows, how many conditions were tried, and the readers that agree; of those that cannot read
the table, what they say. Exit 1 if one of them differs.
"""

import argparse
import json
import os
import sys
import sysconfig

import duckdb
import polars_ducklake

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("catalog")
parser.add_argument("tables", nargs="+", metavar="SCHEMA.TABLE=DIRECTORY")
parser.add_argument("--snapshot", type=int)
parser.add_argument("--manifests", help="a directory with copies of the manifests of that snapshot")
parser.add_argument("--conditions", action="store_true")
parser.add_argument("--s3", nargs=3, metavar=("ENDPOINT", "KEY", "SECRET"), help="where the catalog's files are")
options = parser.parse_args()


def loaded(extension):
    folder = f"duckdb_extension_{extension}/extensions/v{duckdb.__version__}/{extension}.duckdb_extension"
    path = os.path.join(sysconfig.get_path("purelib"), folder)
    if not os.path.exists(path):
        sys.exit(f"DuckDB's extension {extension} is missing: make test-deps")
    duck.execute(f"LOAD '{path}'")


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def literal(text):
    return "'" + text.replace("'", "''") + "'"


duck = duckdb.connect()
duck.execute("SET TimeZone = 'UTC'")
for extension in ("ducklake", "sqlite_scanner" if options.catalog.startswith("sqlite:") else "postgres_scanner"):
    loaded(extension)
if options.s3:
    loaded("httpfs")
    endpoint, key, secret = options.s3
    duck.execute(
        f"CREATE SECRET (TYPE s3, KEY_ID {literal(key)}, SECRET {literal(secret)}, ENDPOINT {literal(endpoint)}, "
        "URL_STYLE 'path', USE_SSL false, REGION 'us-east-1')"
    )
duck.execute(f"ATTACH {literal('ducklake:' + options.catalog)} AS lake (READ_ONLY)")


class Table:
    """A table of the catalog, and the files that a manifest names."""

    def __init__(self, given):
        self.table, directory = given.split("=", 1)
        self.schema, self.name = self.table.split(".", 1)
        copy = options.manifests and os.path.join(options.manifests, self.table + ".json")
        with open(copy or os.path.join(directory, "_manifest.json"), encoding="utf-8") as file:
            manifest = json.load(file)
        self.partitions = [column["name"] for column in manifest.get("partition_by", [])]
        self.columns = [column["name"] for column in manifest["columns"]] + self.partitions
        # Files without rows lie in no directory of partitions.
        named = [entry["name"] for entry in manifest["files"] if entry["rows"] or not self.partitions]
        files = ", ".join(literal(os.path.join(directory, name)) for name in named)
        hive = "hive_partitioning=true, hive_types_autocast=false" if self.partitions else "hive_partitioning=false"
        if files:
            duck.execute(f"CREATE OR REPLACE VIEW files AS SELECT * FROM read_parquet([{files}], {hive})")
        else:
            nothing = ", ".join(f"NULL AS {quoted(column)}" for column in self.columns)
            duck.execute(f"CREATE OR REPLACE VIEW files AS SELECT {nothing} WHERE false")

    def selected(self, relation):
        # Directories are texts, whatever their types would be.
        text = "CAST({0} AS VARCHAR) AS {0}"
        values = [text.format(quoted(column)) if column in self.partitions else quoted(column) for column in self.columns]
        return f"SELECT {', '.join(values)} FROM {relation}"

    def differences(self, relation):
        """Rows that only one of the two has, as many times as it has them."""
        one, other = self.selected("files"), self.selected(relation)
        found = duck.execute(
            f"(SELECT 'only in files' AS side, * FROM ({one} EXCEPT ALL {other}) LIMIT 3) UNION ALL "
            f"(SELECT 'only in table', * FROM ({other} EXCEPT ALL {one}) LIMIT 3)"
        )
        return [str(row) for row in found.fetchall()]

    def conditions(self, relation):
        """How many conditions were tried, and those whose rows are others where nothing is known of files: in a copy."""
        duck.execute(f"CREATE OR REPLACE TEMP TABLE copy AS FROM {relation}")
        tried, wrong = 0, []
        for column in map(quoted, self.columns):
            kind = str(duck.execute(f"SELECT {column} FROM copy LIMIT 0").description[0][1])
            tests = [f"{column} IS NULL", f"{column} IS NOT NULL"]
            if not kind.startswith(("STRUCT", "MAP", "list", "BLOB", "BINARY")) and "[" not in kind:
                values = duck.execute(
                    f"SELECT CAST(v AS VARCHAR) FROM (SELECT min({column}) AS v FROM copy UNION ALL SELECT max({column}) FROM copy "
                    f"UNION ALL SELECT * FROM (SELECT {column} FROM copy ORDER BY hash({column}) LIMIT 2)) WHERE v IS NOT NULL"
                )
                for (value,) in values.fetchall():
                    tests += [f"{column} {sign} CAST({literal(value)} AS {kind})" for sign in ("=", "<", ">=")]
            for test in tests:
                tried += 1
                places = ("copy", relation)
                counts = [duck.execute(f"SELECT count(*) FROM {place} WHERE {test}").fetchone()[0] for place in places]
                if counts[0] != counts[1]:
                    wrong.append(f"{test}: {counts}")
        return tried, wrong

    def by_duckdb(self):
        at = "" if options.snapshot is None else f" AT (VERSION => {options.snapshot})"
        # A view, so that each condition reads the catalog.
        duck.execute(f"CREATE OR REPLACE VIEW duckdb_table AS FROM lake.{quoted(self.schema)}.{quoted(self.name)}{at}")
        return "duckdb_table"

    def by_polars(self):
        storage = {}
        if options.s3:
            endpoint, key, secret = options.s3
            storage = {
                "aws_endpoint_url": f"http://{endpoint}",
                "aws_access_key_id": key,
                "aws_secret_access_key": secret,
                "aws_region": "us-east-1",
            }
        rows = polars_ducklake.scan_ducklake(
            "ducklake:" + options.catalog, self.name, schema=self.schema, snapshot_id=options.snapshot, storage_options=storage
        )
        duck.register("polars_table", rows.collect().to_arrow())
        return "polars_table"

    def compared(self):
        rows = duck.execute("SELECT count(*) FROM files").fetchone()[0]
        said = {"rows": rows, "readers": [], "cannot": {}, "conditions": 0, "wrong": {}}
        for reader, read in (("DuckDB", self.by_duckdb), ("Polars", self.by_polars)):
            try:
                relation = read()
                found = self.differences(relation)
            except Exception as error:  # Whatever a reader throws is its answer.
                said["cannot"][reader] = str(error).splitlines()[0][:200]
                continue
            if reader == "DuckDB" and options.conditions and not found:
                said["conditions"], found = self.conditions(relation)
            if found:
                said["wrong"][reader] = found
            else:
                said["readers"].append(reader)
        return said


answers = {}
for given in options.tables:
    table = Table(given)
    answers[table.table] = table.compared()
print(json.dumps(answers, ensure_ascii=False))
sys.exit(1 if any(said["wrong"] for said in answers.values()) else 0)
