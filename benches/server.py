"""A PostgreSQL server for the benchmark, kept between runs: loading takes longer than measuring."""

import glob
import os
import shutil
import socket
import subprocess
import sys
import time

SERVER_USER = "postgres"


def program(name):
    """The newest installed PostgreSQL's program."""
    found = glob.glob(f"/usr/lib/postgresql/*/bin/{name}")
    found.sort(key=lambda path: int(path.split("/")[4]) if path.split("/")[4].isdigit() else 0)
    path = found[-1] if found else shutil.which(name)
    if path is None:
        raise SystemExit(f"{name} is missing: apt-get install -y postgresql postgresql-contrib, or make test-deps")
    return path


def as_server_user():
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return []
    return ["setpriv", "--reuid", SERVER_USER, "--regid", SERVER_USER, "--clear-groups"]


def default_directory():
    """Where the cluster is kept. Root's home is closed to the user that the server runs as."""
    if "LAKEXPRESS_BENCH_DIR" in os.environ:
        return os.path.abspath(os.environ["LAKEXPRESS_BENCH_DIR"])
    if os.getuid() == 0:
        return "/var/tmp/lakexpress-bench"
    return os.path.expanduser("~/.cache/lakexpress-bench")


class Server:
    """A cluster in a directory; runs while the `with` block does."""

    def __init__(self, directory):
        self.directory, self.data = directory, os.path.join(directory, "pg")
        self.process = self.port = None

    def __enter__(self):
        if not os.path.exists(os.path.join(self.data, "PG_VERSION")):
            os.makedirs(self.data, exist_ok=True)
            if os.getuid() == 0:
                shutil.chown(self.data, SERVER_USER)
            initdb = [program("initdb"), "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
            command = [*as_server_user(), *initdb, "--locale=C.UTF-8"]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.data,
            "shared_buffers": "1GB",
            "max_wal_size": "4GB",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "fsync": "off",
            "synchronous_commit": "off",
            # The same work in every run: nothing in the background.
            "autovacuum": "off",
            "jit": "off",
        }
        command = [*as_server_user(), program("postgres"), "-D", self.data]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        with open(os.path.join(self.directory, "server.log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        for _ in range(600):
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended; see {self.directory}/server.log")
            ready = [program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
            if subprocess.run(ready, check=False).returncode == 0:
                return self
            time.sleep(0.1)
        raise SystemExit("the server does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(3)
            self.process.wait()

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}?sslmode=disable"

    def made_once(self, database, fill):
        """The name of a database that `fill(name)` fills while it has another one: its name says that all is there."""
        if self.query("postgres", f"SELECT count(*) FROM pg_database WHERE datname = '{database}'") == "1":
            return database
        print(f"making the database {database} (once)", file=sys.stderr)
        making = database + "_making"
        self.query("postgres", f"DROP DATABASE IF EXISTS {making}")
        self.query("postgres", f"CREATE DATABASE {making}")
        fill(making)
        self.query("postgres", "CHECKPOINT")
        self.query("postgres", f"ALTER DATABASE {making} RENAME TO {database}")
        return database

    def load_tpch(self, database, scale, *more):
        """Fills a database with tables of TPC-H; the rows are never in a file."""
        loader = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "python", "load_tpch.py")
        command = [sys.executable, loader, "--url", self.url(database), "--scale", scale, *more]
        subprocess.run(command, check=True, env={**os.environ, "PSQL": program("psql")})
        self.query(database, "VACUUM (FREEZE, ANALYZE)")

    def lineitem(self, scale):
        """The database with lineitem of TPC-H at this scale, loaded once."""
        return self.made_once(
            "tpch_" + scale.replace(".", "_"), lambda database: self.load_tpch(database, scale, "--tables", "lineitem")
        )

    def query(self, database, sql):
        """The first value of a query as text."""
        command = [program("psql"), "-X", "-A", "-t", "-q", "-d", self.url(database), "-c", sql]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
