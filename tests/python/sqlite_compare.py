"""Proves that a table's directory holds exactly the rows of a table of a SQLite file.

Python's sqlite3 reads the file, pyarrow reads what was exported; neither is the exporter. Every value is
compared, rows as a multiset, so that their order does not matter; of more than a million rows as a sum of
hashes of whole rows. Prints the number of rows; exit 1 and the differing rows if anything differs.
"""

import argparse
import datetime
import decimal
import glob
import hashlib
import os
import sqlite3
import sys
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq

decimal.getcontext().prec = 60


def number(value):
    """A number, or a text of one, as the decimal that its shortest text says."""
    return decimal.Decimal(repr(value) if isinstance(value, float) else str(value)).normalize() + 0


def instant(text, zone):
    moment = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if zone:
        return moment.astimezone(datetime.timezone.utc).isoformat(timespec="microseconds")
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds")


def time_text(value):
    """A time as the files have it where they have no type for it."""
    text = datetime.time.fromisoformat(value).isoformat(timespec="microseconds")
    return text.rstrip("0").rstrip(".") if text.endswith("0") else text


def from_sqlite(value, kind, declared):
    """A value of the database in the form in which both are compared; by the type that was exported."""
    if value is None:
        return None
    if pa.types.is_string(kind) and declared.upper() == "TIME":
        return time_text(value)
    if pa.types.is_decimal(kind):
        return number(value)
    if pa.types.is_date(kind):
        return datetime.date.fromisoformat(value).isoformat()
    if pa.types.is_time(kind):
        return datetime.time.fromisoformat(value).isoformat(timespec="microseconds")
    if pa.types.is_timestamp(kind):
        return instant(value, kind.tz is not None)
    if pa.types.is_boolean(kind):
        return {0: False, 1: True}[value]
    if pa.types.is_floating(kind):
        return float(value).hex()
    if pa.types.is_string(kind) and isinstance(value, bytes):
        return f"X'{value.hex().upper()}'"
    if pa.types.is_string(kind) and not isinstance(value, str):
        return str(value)
    return value


def from_arrow(value, kind):
    if value is None:
        return None
    if pa.types.is_decimal(kind):
        return value.normalize() + 0
    if pa.types.is_date(kind):
        return value.isoformat()
    if pa.types.is_time(kind) or pa.types.is_timestamp(kind):
        return value.isoformat(timespec="microseconds")
    if pa.types.is_floating(kind):
        return value.hex()
    return value


def exported_rows(files, kinds):
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches(65536):
            columns = [
                column.to_pylist() if plain(kind) else [from_arrow(v, kind) for v in column.to_pylist()]
                for column, kind in zip(batch.columns, kinds)
            ]
            yield from zip(*columns)


def plain(kind):
    return pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_binary(kind)


class Hashes:
    """The sum of hashes of rows: the same for the same multiset, in any order."""

    def __init__(self, rows):
        self.count = self.sum = 0
        for row in rows:
            self.count += 1
            self.sum += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest(), "big")

    def __eq__(self, other):
        return (self.count, self.sum) == (other.count, other.sum)


def bare(name):
    """A name without its quotes."""
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", required=True)
    parser.add_argument("--table", required=True, help="as SQL writes it")
    parser.add_argument("--dir", required=True)
    options = parser.parse_args()
    files = sorted(glob.glob(os.path.join(glob.escape(options.dir), "*.parquet")))
    schema = pq.ParquetFile(files[0]).schema_arrow
    kinds = [k.storage_type if isinstance(k, pa.BaseExtensionType) else k for k in schema.types]
    connection = sqlite3.connect(f"file:{options.file}?mode=ro", uri=True)
    cursor = connection.execute(f"SELECT * FROM {options.table}")
    names = [c[0] for c in cursor.description]
    if names != schema.names:
        sys.exit(f"columns differ: {names} and {schema.names}")
    declared = [row[0] for row in connection.execute("SELECT type FROM pragma_table_xinfo(?)", [bare(options.table)])]
    declared += [""] * (len(kinds) - len(declared))
    ours = (tuple(from_sqlite(v, k, d) for v, k, d in zip(row, kinds, declared)) for row in cursor)
    theirs = exported_rows(files, kinds)
    if sum(pq.ParquetFile(f).metadata.num_rows for f in files) > 1_000_000:
        ours, theirs = Hashes(ours), Hashes(theirs)
        if ours != theirs:
            sys.exit(f"the hashes of {ours.count} rows in the database and {theirs.count} in the files differ")
        print(ours.count)
        return
    ours, theirs = Counter(ours), Counter(theirs)
    if ours != theirs:
        sys.exit(f"only in the database: {list((ours - theirs).items())[:5]}\nonly in the files: {list((theirs - ours).items())[:5]}")
    print(sum(ours.values()))


main()
