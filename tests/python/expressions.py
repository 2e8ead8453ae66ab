"""Compares exported files with what PostgreSQL answered (in a file).

ids DIR FILE     lines "table<TAB>id,id,...<TAB>condition"
values DIR FILE  rows of `\\x02`-separated texts, the first being the id; `\\x01` is NULL
"""
import datetime
import decimal
import math
import pathlib
import sys

import pyarrow.parquet as parquet


def read(directory):
    files = sorted(pathlib.Path(directory).glob("*.parquet"))
    tables = [parquet.ParquetFile(f).read() for f in files]
    if not tables:
        sys.exit(f"no files in {directory}")
    rows = []
    for table in tables:
        rows.extend(table.to_pylist())
    return rows


def compare_ids(directory, answers):
    wrong = 0
    count = 0
    for line in answers.splitlines():
        table, ids, condition = line.split("\t")
        wanted = ids.split(",") if ids else []
        got = sorted((row["id"] for row in read(pathlib.Path(directory) / "public" / table)))
        if [str(i) for i in got] != wanted:
            print(f"{table}: {condition}: PostgreSQL {wanted}, here {got}")
            wrong += 1
        count += 1
    print(f"{count} conditions, {wrong} wrong")
    sys.exit(1 if wrong or not count else 0)


def same(text, value):
    if text == "\x01":
        return value is None
    if value is None:
        return False
    if isinstance(value, bool):
        return text == ("true" if value else "false")
    if isinstance(value, (int, decimal.Decimal)):
        return decimal.Decimal(text) == value
    if isinstance(value, float):
        return float(text) == value or (math.isnan(value) and text == "NaN")
    if isinstance(value, datetime.datetime):
        return datetime.datetime.fromisoformat(text) == value
    if isinstance(value, datetime.date):
        return datetime.date.fromisoformat(text) == value
    return text == str(value)


def compare_values(directory, answers):
    rows = {row["id"]: row for row in read(directory)}
    wrong = 0
    lines = [line for line in answers.split("\n") if line]
    if len(lines) != len(rows) or not lines:
        sys.exit(f"{len(lines)} rows in PostgreSQL, {len(rows)} here")
    for line in lines:
        texts = line.split("\x02")
        row = rows[int(texts[0])]
        for number, text in enumerate(texts[1:]):
            if not same(text, row[f"e{number}"]):
                print(f"id {texts[0]}, expression {number}: PostgreSQL {text!r}, here {row[f'e{number}']!r}")
                wrong += 1
    print(f"{len(lines)} rows, {wrong} wrong values")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    {"ids": compare_ids, "values": compare_values}[sys.argv[1]](
        sys.argv[2], pathlib.Path(sys.argv[3]).read_text(encoding="utf-8")
    )
