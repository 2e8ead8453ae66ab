"""Runs a command while a PostgreSQL server is there: DIST_SOURCE is the address of a database with two tables."""

import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "benches"))
import server  # noqa: E402

ORDERS, CUSTOMERS = 200_000, 1_000
TABLES = f"""
CREATE TABLE customers AS SELECT id, 'customer ' || id AS name FROM generate_series(1, {CUSTOMERS}) AS id;
CREATE TABLE orders AS
    SELECT id, id % {CUSTOMERS} + 1 AS customer, (id * 1.25)::numeric(12, 2) AS amount,
        timestamptz '2026-01-01 00:00:00Z' + id * interval '1 second' AS placed
    FROM generate_series(1, {ORDERS}) AS id;
ALTER TABLE customers ADD PRIMARY KEY (id);
ALTER TABLE orders ADD PRIMARY KEY (id);
"""

# Root's own temporary directory is closed to the user that the server runs as.
with tempfile.TemporaryDirectory(prefix="lakexpress-dist-", dir="/var/tmp") as directory:
    os.chmod(directory, 0o755)
    with server.Server(directory) as running:
        url = running.url("postgres")
        load = [server.program("psql"), "-q", "-X", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", TABLES]
        subprocess.run(load, check=True, stdin=subprocess.DEVNULL)
        expected = f"orders={ORDERS} customers={CUSTOMERS}"
        environment = {**os.environ, "DIST_SOURCE": url, "DIST_EXPECTED": expected}
        status = subprocess.run(sys.argv[1:], env=environment, check=False).returncode
sys.exit(status)
