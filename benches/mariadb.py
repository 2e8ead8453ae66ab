"""A MariaDB server for the benchmark, kept between runs as the PostgreSQL one is."""

import os
import shutil
import socket
import subprocess
import sys
import time

SERVER_USER = "mysql"


def program(name):
    """A program of the system's MariaDB."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin")
    if path is None:
        raise SystemExit(f"{name} is missing: apt-get install -y mariadb-server, or make test-deps")
    return path


class MariaServer:
    """A data directory; the server runs while the `with` block does."""

    def __init__(self, directory):
        self.directory, self.data = directory, os.path.join(directory, "mariadb")
        self.socket, self.process, self.port = os.path.join(self.data, "socket"), None, None

    def __enter__(self):
        user = [f"--user={SERVER_USER}"] if os.getuid() == 0 else []
        if not os.path.exists(os.path.join(self.data, "mysql")):
            os.makedirs(self.data, exist_ok=True)
            if user:
                shutil.chown(self.data, SERVER_USER)
            install = [program("mariadb-install-db"), "--no-defaults", f"--datadir={self.data}", "--skip-test-db"]
            install += ["--auth-root-authentication-method=normal", *user]
            subprocess.run(install, check=True, stdout=subprocess.DEVNULL, cwd="/")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [program("mariadbd"), "--no-defaults", f"--datadir={self.data}", f"--socket={self.socket}"]
        command += [f"--port={self.port}", "--bind-address=127.0.0.1", "--skip-name-resolve", *user]
        # All of lineitem at scale 1 in memory, and nothing that the other programs do not need.
        command += ["--innodb-buffer-pool-size=2G", "--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"]
        with open(os.path.join(self.directory, "mariadb.log"), "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        for _ in range(600):
            if self.process.poll() is not None:
                raise SystemExit(f"the server ended; see {self.directory}/mariadb.log")
            ready = [*self.client(), "-e", "SELECT 1"]
            if subprocess.run(ready, check=False, capture_output=True).returncode == 0:
                self.query("mysql", "CREATE USER IF NOT EXISTS bench@'%'; GRANT ALL ON *.* TO bench@'%'")
                return self
            time.sleep(0.1)
        raise SystemExit("the server does not answer")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def client(self, *more):
        return [program("mariadb"), "--no-defaults", f"--socket={self.socket}", "-u", "root", "-N", "-B", *more]

    def query(self, database, sql):
        """The first value of a query as text."""
        command = self.client("-D", database, "-e", sql)
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def url(self, database):
        return f"mysql://bench@127.0.0.1:{self.port}/{database}"

    def lineitem(self, scale):
        """The database with lineitem of TPC-H at this scale, loaded once: its name says that all is there."""
        database = "tpch_" + scale.replace(".", "_")
        if self.query("mysql", f"SHOW DATABASES LIKE '{database}'"):
            if self.query("mysql", f"SHOW TABLES FROM {database} LIKE 'loaded'"):
                return database
            self.query("mysql", f"DROP DATABASE {database}")
        print(f"loading lineitem at scale {scale} into MariaDB (once)", file=sys.stderr)
        self.query("mysql", f"CREATE DATABASE {database}")
        loader = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "python", "mysql_tpch.py")
        command = [sys.executable, loader, "--socket", self.socket, "--database", database, "--scale", scale]
        subprocess.run([*command, "--tables", "lineitem"], check=True)
        self.query(database, "CREATE TABLE loaded (id int)")
        return database
