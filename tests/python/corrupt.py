"""Rewrites one Parquet file with one thing wrong, as damage that a checksum of the source must show.

corrupt.py FILE KIND SEED: byte (one byte of one value), drop (one row), double (one row twice), swap (two values of one
column exchanged between rows). Prints what was done.
"""

import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

path, kind, seed = sys.argv[1], sys.argv[2], int(sys.argv[3])
chance = random.Random(seed)
table = pq.read_table(path, partitioning=None).combine_chunks()
rows = table.num_rows


def other(value):
    """The value with one byte changed."""
    if isinstance(value, str):
        at = chance.randrange(len(value))
        letter = chr(ord(value[at]) ^ 1)
        return value[:at] + letter + value[at + 1 :]
    if isinstance(value, int):
        return value ^ 1
    if hasattr(value, "as_tuple"):
        sign, digits, exponent = value.as_tuple()
        return type(value)((sign, digits[:-1] + (digits[-1] ^ 1,), exponent))
    import datetime

    return value + datetime.timedelta(days=1)


def replaced(column, values):
    field = table.schema.field(column)
    return table.set_column(column, field, pa.array(values, field.type))


if kind in ("byte", "swap"):
    while True:
        column = chance.randrange(table.num_columns)
        values = table.column(column).to_pylist()
        row, partner = chance.randrange(rows), chance.randrange(rows)
        if kind == "byte" and values[row] not in (None, ""):
            values[row] = other(values[row])
            break
        if kind == "swap" and values[row] != values[partner]:
            values[row], values[partner] = values[partner], values[row]
            break
    changed = replaced(column, values)
    place = f"column {table.schema.names[column]} row {row}"
else:
    row = chance.randrange(rows)
    order = list(range(rows))
    if kind == "drop":
        del order[row]
    else:
        order.insert(row, row)
    changed = table.take(pa.array(order, pa.int64()))
    place = f"row {row}"
assert not changed.equals(table)
pq.write_table(changed, path, compression="snappy")
print(kind, place)
