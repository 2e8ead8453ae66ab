"""The Python package against a real server: `stream` into DuckDB and Polars, compared with exported files.

    python_stream.py same URL TABLE DIRECTORY    the rows of both are those of the files
    python_stream.py cut URL TABLE               the server dies meanwhile: an error is raised by each reader
"""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))

import duckdb
import polars

import lakexpress


def differences(connection, left, right):
    """Rows that one relation has more often than the other."""
    one = f"SELECT count(*) FROM (SELECT * FROM {left} EXCEPT ALL SELECT * FROM {right})"
    other = f"SELECT count(*) FROM (SELECT * FROM {right} EXCEPT ALL SELECT * FROM {left})"
    return sum(connection.execute(sql).fetchone()[0] for sql in (one, other))


def same(url, table, directory):
    """Compares both ways to have a table."""
    run = lakexpress.export(source=url, output_dir=directory, include=table)
    files = lakexpress.open(directory).table(run.tables[0].full_name)
    connection = duckdb.connect(os.path.join(directory, "compared.duckdb"))
    stored = files.duckdb(connection)
    stored.create_view("stored")
    with lakexpress.stream(f"SELECT * FROM {table}", source=url) as stream:
        reader = stream.reader
        connection.execute("CREATE TABLE streamed AS SELECT * FROM reader")
    wrong = {"duckdb": differences(connection, "streamed", "stored")}
    # Polars reads the stream once more, and the files by its own reader.
    with lakexpress.stream(f"SELECT * FROM {table}", source=url) as stream:
        frame = polars.from_arrow(stream.reader)
    columns = frame.columns
    theirs = files.polars().collect().sort(columns)
    wrong["polars"] = 0 if frame.sort(columns).equals(theirs) else 1
    rows = connection.execute("SELECT count(*) FROM streamed").fetchone()[0]
    print(json.dumps({"rows": rows, "frame": frame.height, "exported": run.totals.rows, "wrong": wrong}))
    return 1 if any(wrong.values()) or not rows == frame.height == run.totals.rows else 0


def cut(url, table):
    """Reads until the server dies. The first line of output says that it has begun."""
    raised = []
    stream = lakexpress.stream(f"SELECT * FROM {table}", source=url, max_rate="4MiB", retries=0)
    rows = 0
    try:
        for batch in stream:
            if rows == 0:
                print("begun", flush=True)
            rows += batch.num_rows
    except lakexpress.UnavailableError as error:
        raised.append(error.exit_code)
    print(json.dumps({"rows": rows, "raised": raised}))
    return 0 if raised == [75] else 1


if __name__ == "__main__":
    sys.exit({"same": same, "cut": cut}[sys.argv[1]](*sys.argv[2:]))
