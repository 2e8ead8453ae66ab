"""One export by a program that hands over Arrow, in a process of its own: a PostgreSQL table to one Parquet file.

connectorx: reads all of the table, over as many connections as readers, then pyarrow writes it.
adbc: one stream, which pyarrow writes as it comes.
"""

import sys

import pyarrow.parquet


def connectorx(url, table, file, readers, codec, key):
    import connectorx

    cut = {"partition_on": key, "partition_num": readers} if readers > 1 else {}
    rows = connectorx.read_sql(url, f"SELECT * FROM {table}", return_type="arrow", protocol="binary", **cut)
    pyarrow.parquet.write_table(rows, file, compression=codec)


def adbc(url, table, file, _readers, codec, _key):
    import adbc_driver_postgresql.dbapi

    with adbc_driver_postgresql.dbapi.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        rows = cursor.fetch_record_batch()
        with pyarrow.parquet.ParquetWriter(file, rows.schema, compression=codec) as writer:
            for batch in rows:
                writer.write_batch(batch)


name, url, table, file, readers, codec, key = sys.argv[1:8]
{"connectorx": connectorx, "adbc": adbc}[name](url, table, file, int(readers), codec, key)
