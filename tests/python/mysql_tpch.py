"""Loads the TPC-H tables into a MySQL or MariaDB database: tpchgen-cli streams CSV into the client, no files between."""

import argparse
import os
import subprocess
import sys

from load_tpch import TABLES
from mysql_server import Server


def load(server, table, scale):
    """Creates and fills one table, replacing it."""
    definition, key = TABLES[table]
    server.rows(f"DROP TABLE IF EXISTS {table}; CREATE TABLE {table} ({definition}, PRIMARY KEY ({key}))")
    generator = os.path.join(os.path.dirname(sys.executable), "tpchgen-cli")
    rows = subprocess.Popen([generator, "csv", "-s", str(scale), "--stdout", "-T", table], stdout=subprocess.PIPE)
    # The client reads the file; a transaction of all rows is checked once.
    sql = f"SET unique_checks = 0; LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE {table}"
    sql += " FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' IGNORE 1 LINES"
    subprocess.run([*server.command, "--local-infile=1", "-e", sql], stdin=rows.stdout, check=True)
    if rows.wait() != 0:
        sys.exit(f"tpchgen-cli failed for {table}")
    server.rows(f"ANALYZE TABLE {table}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--socket", required=True, help="of the server")
    parser.add_argument("--database", required=True)
    parser.add_argument("--scale", default="0.01", help="scale factor: 1 is 6 million rows of lineitem")
    parser.add_argument("--tables", default=",".join(TABLES), help="which tables, separated by commas")
    options = parser.parse_args()
    server = Server(options.socket, options.database)
    server.rows("SET GLOBAL local_infile = 1")
    for table in options.tables.split(","):
        load(server, table, options.scale)


if __name__ == "__main__":
    main()
