"""Proves that a table's directory holds exactly the rows of a table of a SQLite file.

Python's sqlite3 reads the file, pyarrow reads what was exported; neither is the exporter. Every value is
compared, rows as a multiset, so that their order does not matter. Prints the number of rows; exit 1 and the
differing rows if anything differs.
"""

import argparse
import datetime
import decimal
import glob
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


def from_sqlite(value, kind):
    """A value of the database in the form in which both are compared; by the type that was exported."""
    if value is None:
        return None
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", required=True)
    parser.add_argument("--table", required=True, help="as SQL writes it")
    parser.add_argument("--dir", required=True)
    options = parser.parse_args()
    files = sorted(glob.glob(os.path.join(glob.escape(options.dir), "*.parquet")))
    exported = pa.concat_tables([pq.ParquetFile(f).read() for f in files])
    kinds = [k.storage_type if isinstance(k, pa.BaseExtensionType) else k for k in exported.schema.types]
    columns = [
        [from_arrow(v.as_py(), k) for v in column] for column, k in zip(exported.columns, kinds)
    ]
    theirs = Counter(zip(*columns)) if columns else Counter()
    connection = sqlite3.connect(f"file:{options.file}?mode=ro", uri=True)
    cursor = connection.execute(f"SELECT * FROM {options.table}")
    names = [c[0] for c in cursor.description]
    if names != exported.schema.names:
        sys.exit(f"columns differ: {names} and {exported.schema.names}")
    ours = Counter(tuple(from_sqlite(v, k) for v, k in zip(row, kinds)) for row in cursor)
    if ours != theirs:
        sys.exit(f"only in the database: {list((ours - theirs).items())[:5]}\nonly in the files: {list((theirs - ours).items())[:5]}")
    print(sum(ours.values()))


main()
