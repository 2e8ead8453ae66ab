"""Prints id, length and MD5 of the text `t` and of the bytes `b` of every row below a directory, by id."""

import glob
import hashlib
import sys

import pyarrow.parquet as pq


def facts(value):
    """Length and MD5; -1 and nothing for NULL."""
    return "-1|" if value is None else f"{len(value)}|{hashlib.md5(value).hexdigest()}"


rows = []
for path in glob.glob(f"{sys.argv[1]}/*.parquet"):
    for batch in pq.ParquetFile(path).iter_batches(batch_size=1):
        text = batch.column("t")[0]
        text = memoryview(text.as_buffer()) if text.is_valid else None
        data = batch.column("b")[0]
        data = memoryview(data.as_buffer()) if data.is_valid else None
        rows.append((batch.column("id")[0].as_py(), f"{facts(text)}|{facts(data)}"))
for identity, row in sorted(rows):
    print(f"{identity}|{row}")
