"""End to end: TPC-H lineitem from PostgreSQL or SQLite to Parquet on local disk, beside DuckDB doing the same; or
from PostgreSQL to local disk and to an S3 server on the same machine (`--source storage`).

Programs take turns in every round, so that what the machine does meanwhile meets all alike; the table shows
medians. CPU and memory are the client's own (user + system time and peak resident size by wait4), not the
server's. PostgreSQL's floor is psql copying the same rows in binary to nowhere: nothing can be faster.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from server import Server, default_directory, program  # noqa: E402
from store import Store  # noqa: E402

TABLE = "public.lineitem"


def load(server, scale):
    """The database with lineitem at this scale, loaded once."""
    database = "tpch_" + scale.replace(".", "_")
    if server.query("postgres", f"SELECT count(*) FROM pg_database WHERE datname = '{database}'") == "1":
        return database
    print(f"loading lineitem at scale {scale} (once)", file=sys.stderr)
    loading = database + "_loading"
    server.query("postgres", f"DROP DATABASE IF EXISTS {loading}")
    server.query("postgres", f"CREATE DATABASE {loading}")
    loader = os.path.join(HERE, "..", "tests", "python", "load_tpch.py")
    command = [sys.executable, loader, "--url", server.url(loading), "--scale", scale, "--tables", "lineitem"]
    subprocess.run(command, check=True, env={**os.environ, "PSQL": program("psql")})
    server.query(loading, f"VACUUM (FREEZE, ANALYZE) {TABLE}")
    server.query(loading, "CHECKPOINT")
    # The name says that all of it is there.
    server.query("postgres", f"ALTER DATABASE {loading} RENAME TO {database}")
    return database


def measure(commands, log):
    """Runs commands side by side; wall and CPU seconds and peak memory of all together."""
    usages = []

    def run(command):
        with open(log, "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        usages.append((process.returncode, usage))

    began = time.monotonic()
    threads = [threading.Thread(target=run, args=(command,)) for command in commands]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - began
    if any(code != 0 for code, _ in usages):
        with open(log, encoding="utf-8", errors="replace") as out:
            raise SystemExit(f"failed: {commands[0][:3]}\n{out.read()}")
    return {
        "wall_s": wall,
        "cpu_s": sum(usage.ru_utime + usage.ru_stime for _, usage in usages),
        "peak_rss_mb": sum(usage.ru_maxrss for _, usage in usages) / 1024,
    }


def bytes_below(path):
    """Bytes of all Parquet files at or below a path."""
    if os.path.isfile(path):
        return os.path.getsize(path)
    return sum(
        os.path.getsize(os.path.join(folder, name))
        for folder, _, names in os.walk(path)
        for name in names
        if name.endswith(".parquet")
    )


class Contest:
    """The programs, and what they are told."""

    TABLE, KIND, PEERS = "", "", []

    def __init__(self, options):
        self.options, self.url = options, ""
        self.out = os.path.join(options.dir, "out")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def commands(self, name, readers):
        """What runs at once for one measurement."""
        if name == "duckdb":
            script = os.path.join(HERE, "duckdb_export.py")
            file = os.path.join(self.out, "lineitem.parquet")
            where = self.url.removeprefix("sqlite://")
            return [[sys.executable, script, self.KIND, where, self.TABLE, file, str(readers), self.options.codec]]
        command = [self.options.program, "export", "--source", self.url, "--output-dir", self.out]
        command += ["-i", self.TABLE, "-p", str(readers), "--compression", self.options.codec, "--no-progress"]
        return [command]

    def once(self, name, readers):
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)
        result = measure(self.commands(name, readers), os.path.join(self.options.dir, "last.log"))
        result["mb"] = bytes_below(self.out) / 1e6
        shutil.rmtree(self.out, ignore_errors=True)
        return result


class Postgres(Contest):
    """From a server that is kept between runs."""

    TABLE, KIND, PEERS = TABLE, "postgres", ["psql", "duckdb"]

    def __enter__(self):
        self.server = Server(self.options.dir).__enter__()
        database = load(self.server, self.options.scale)
        self.url = self.server.url(database)
        self.pages = int(self.server.query(database, f"SELECT pg_relation_size('{TABLE}') / 8192"))
        self.once("psql", 1)  # warms the server's cache
        return self

    def __exit__(self, *failure):
        self.server.__exit__(*failure)

    def commands(self, name, readers):
        if name == "psql":
            return [self.floor(at, readers) for at in range(readers)]
        return super().commands(name, readers)

    def floor(self, at, readers):
        first, last = self.pages * at // readers, self.pages * (at + 1) // readers
        rows = f"SELECT * FROM {TABLE} WHERE ctid >= '({first},0)'"
        if at + 1 < readers:
            rows += f" AND ctid < '({last},0)'"
        sql = f"\\copy ({rows}) TO '/dev/null' (FORMAT binary)"
        return [program("psql"), "-X", "-q", "-d", self.url, "-c", sql]


class Sqlite(Contest):
    """From the file that `lakexpress demo` makes, kept between runs."""

    TABLE, KIND, PEERS = "main.lineitem", "sqlite", ["duckdb"]

    def __enter__(self):
        if not self.options.program:
            raise SystemExit("--source sqlite needs --program, which makes the database")
        folder = os.path.join(self.options.dir, "sqlite_" + self.options.scale.replace(".", "_"))
        if not os.path.exists(folder):
            print(f"making TPC-H at scale {self.options.scale} in SQLite (once)", file=sys.stderr)
            making = folder + "_making"
            shutil.rmtree(making, ignore_errors=True)
            command = [self.options.program, "demo", "--scale", self.options.scale, "--dir", making, "--quiet"]
            subprocess.run(command, check=True)
            shutil.rmtree(os.path.join(making, "lake"))
            # The name says that all of it is there.
            os.rename(making, folder)
        file = os.path.join(folder, "tpch.sqlite")
        with open(file, "rb") as database:  # warms the system's cache
            while database.read(1 << 24):
                pass
        self.url = "sqlite://" + file
        return self


class Storage(Postgres):
    """Lakexpress to local disk and to SeaweedFS on this machine, which shares its cores with everything else."""

    PEERS = ["local disk", "S3"]

    def __enter__(self):
        if not self.options.program:
            raise SystemExit("--source storage needs --program")
        super().__enter__()
        self.store = Store(self.options.dir).__enter__()
        self.auth = os.path.join(self.options.dir, "auth.json")
        with open(self.auth, "w", encoding="utf-8") as file:
            json.dump({"bench_s3": self.store.entry()}, file)
        os.chmod(self.auth, 0o600)
        for name in self.PEERS:  # warms both
            super().once(name, 1)
        return self

    def __exit__(self, *failure):
        self.store.__exit__(*failure)
        super().__exit__(*failure)

    def commands(self, name, readers):
        if name == "psql":
            return super().commands(name, readers)
        command = super().commands("lakexpress", readers)[0]
        if name == "S3":
            at = command.index("--output-dir")
            command[at : at + 2] = ["-a", self.auth, "--target-storage-id", "bench_s3"]
        return [command]

    def once(self, name, readers):
        self.store_is_empty()
        result = super().once(name, readers)
        if name == "S3":
            result["mb"] = self.store.megabytes()
            self.store_is_empty()
        return result

    def store_is_empty(self):
        if hasattr(self, "store"):
            self.store.empty()


def ratios(rows):
    """What S3 costs beside local disk, by the medians of each number of readers."""
    for readers in sorted({row["readers"] for row in rows}):
        local, s3 = (
            next(r for r in rows if r["readers"] == readers and r["program"] == name) for name in Storage.PEERS
        )
        for key, what, bar in (("wall_s", "wall time", 1.4), ("peak_rss_mb", "peak memory", 1.25)):
            ratio = s3[key] / local[key]
            word = "within" if ratio <= bar else "OVER"
            print(f"-p {readers}: {what} to S3 is {ratio:.2f} times that to local disk, {word} the bar of {bar}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the lakexpress binary; without it only the peers run")
    parser.add_argument("--source", default="postgres", choices=["postgres", "sqlite", "storage"],
                        help="from where (postgres); storage: from PostgreSQL to local disk and to S3")
    parser.add_argument("--scale", default="1", help="TPC-H scale factor, 1 = 6 million rows (1)")
    parser.add_argument("--readers", default="1,2", help="numbers of readers, separated by commas (1,2)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements per program and number of readers (5)")
    parser.add_argument("--codec", default="snappy", choices=["snappy", "zstd"], help="compression (snappy)")
    parser.add_argument("--dir", default=default_directory(), help="where server and output are kept")
    parser.add_argument("--json", help="write all measurements to this file")
    options = parser.parse_args()
    kind = {"postgres": Postgres, "sqlite": Sqlite, "storage": Storage}[options.source]
    names = kind.PEERS + (["lakexpress"] if options.program and kind is not Storage else [])
    os.makedirs(options.dir, exist_ok=True)
    samples = {}
    with kind(options) as contest:
        for at in range(options.rounds):
            for readers in map(int, options.readers.split(",")):
                for name in names:
                    result = contest.once(name, readers)
                    samples.setdefault((name, readers), []).append(result)
                    print(f"round {at + 1}: {name} -p {readers}: {result['wall_s']:.2f} s", file=sys.stderr)
    rows = [
        {"program": name, "readers": readers, **{k: round(statistics.median(r[k] for r in results), 2) for k in results[0]}}
        for (name, readers), results in sorted(samples.items(), key=lambda item: item[0][::-1])
    ]
    print("| program | readers | wall s | client CPU s | peak RSS MB | written MB |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print("| {program} | {readers} | {wall_s:.2f} | {cpu_s:.2f} | {peak_rss_mb:.0f} | {mb:.0f} |".format(**row))
    if kind is Storage:
        ratios(rows)
    report = {
        "source": options.source, "scale": options.scale, "codec": options.codec, "rounds": options.rounds,
        "machine": f"{os.cpu_count()} x {platform.processor() or platform.machine()}", "medians": rows,
        "samples": [{"program": n, "readers": r, "runs": results} for (n, r), results in samples.items()],
    }  # fmt: skip
    print(json.dumps({key: report[key] for key in ("source", "scale", "codec", "rounds", "machine", "medians")}))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
