"""End to end: TPC-H lineitem from PostgreSQL, MariaDB or SQLite to Parquet on local disk, beside DuckDB doing the same; or
from PostgreSQL to local disk and to an S3 server on the same machine (`--source storage`).

Programs take turns in every round, so that what the machine does meanwhile meets all alike; the table shows
medians. CPU and memory are the client's own (user + system time and peak resident size by wait4), not the
server's. PostgreSQL's floor is psql copying the same rows in binary to nowhere: nothing can be faster. MariaDB's is
`mariadb --quick` selecting them to nowhere.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from contest import (  # noqa: E402
    about, arguments, export, interleave, measure_export, median, output, refusals, report, table, turns,
)  # fmt: skip
from mariadb import MariaServer  # noqa: E402
from server import Server, program  # noqa: E402
from store import Store  # noqa: E402

TABLE, KEY = "public.lineitem", "l_orderkey"


class Contest:
    """The programs, and what they are told."""

    TABLE, KIND, PEERS = "", "", []

    def __init__(self, options):
        self.options, self.url, self.server = options, "", None

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        pass

    def commands(self, name, readers):
        """What runs at once for one measurement."""
        out, url = output(self.options), self.url
        if name == "duckdb":
            url = url.removeprefix("sqlite://")
        return [export(name, self.options, url, self.TABLE, readers, out, KEY, self.KIND)]

    def once(self, name, readers):
        return measure_export(self.commands(name, readers), self.options)


class Postgres(Contest):
    """From a server that is kept between runs."""

    TABLE, KIND, PEERS = TABLE, "postgres", ["psql", "duckdb"]

    def __enter__(self):
        self.server = Server(self.options.dir).__enter__()
        database = self.server.lineitem(self.options.scale)
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


class Maria(Contest):
    """From a MariaDB server that is kept between runs."""

    TABLE, KIND, PEERS = "lineitem", "mysql", ["mariadb", "duckdb", "connectorx"]

    def __enter__(self):
        self.maria = MariaServer(self.options.dir).__enter__()
        self.database = self.maria.lineitem(self.options.scale)
        self.url = self.maria.url(self.database)
        self.last = int(self.maria.query(self.database, "SELECT max(l_orderkey) FROM lineitem"))
        self.once("mariadb", 1)  # warms the server's cache
        return self

    def __exit__(self, *failure):
        self.maria.__exit__(*failure)

    def commands(self, name, readers):
        if name == "mariadb":
            return [self.floor(at, readers) for at in range(readers)]
        command = super().commands(name, readers)[0]
        if name == "duckdb":
            # Its words for an address; the database is its schema.
            where = f"host=127.0.0.1 port={self.maria.port} user=bench database={self.database}"
            command[command.index(self.url)] = where
        return [command]

    def floor(self, at, readers):
        first, last = self.last * at // readers, self.last * (at + 1) // readers
        sql = f"SELECT * FROM lineitem WHERE l_orderkey > {first} AND l_orderkey <= {last}"
        # The rows are made text and not kept.
        return ["sh", "-c", 'exec "$@" >/dev/null', "sh", *self.maria.client("--quick", "-D", self.database, "-e", sql)]


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


def ratios(samples):
    """What S3 costs beside local disk, by the medians of each number of readers."""
    for readers in sorted({readers for _, readers in samples}):
        for measure, what, bar in (("wall_s", "wall time", 1.4), ("peak_rss_mb", "peak memory", 1.25)):
            local, s3 = (median(samples[name, readers], measure) for name in Storage.PEERS)
            ratio = s3 / local
            word = "within" if ratio <= bar else "OVER"
            print(f"-p {readers}: {what} to S3 is {ratio:.2f} times that to local disk, {word} the bar of {bar}")


def peers(samples):
    """How many times the rows per second of the peers, and the peak memory, by medians."""
    ours = [key for key in samples if key[0].startswith("lakexpress")]
    for name, readers in ours:
        # The bars are for two readers.
        bars = (4.0, 1.5) if readers > 1 else (0, 0)
        for peer, bar in (("duckdb", bars[0]), ("connectorx", bars[1]), ("mariadb", 0)):
            if (peer, readers) not in samples:
                continue
            ratio = median(samples[peer, readers], "wall_s") / median(samples[name, readers], "wall_s")
            word = f", {'at least' if ratio >= bar else 'UNDER'} the bar of {bar}" if bar else ""
            print(f"-p {readers}: {name} reads {ratio:.2f} times the rows per second of {peer}{word}")
        peak = median(samples[name, readers], "peak_rss_mb")
        print(f"-p {readers}: {name} takes {peak:.0f} MB, {'within' if peak <= 100 else 'OVER'} the bar of 100 MB")


def changes(samples):
    """What this build costs beside an earlier one: medians of the ratios, round by round."""
    for readers in sorted({readers for _, readers in samples}):
        pairs = list(zip(samples["lakexpress any", readers], samples["before any", readers]))
        for measure, what in (("cpu_s", "client CPU"), ("peak_rss_mb", "peak memory")):
            ratio = statistics.median(now[measure] / before[measure] for now, before in pairs)
            word = "within" if ratio <= 1.03 else "OVER"
            print(f"-p {readers}: {what} is {ratio:.3f} times that of the build before, {word} the bar of 1.03")


def main():
    parser = arguments(__doc__, readers="1,2")
    parser.add_argument("--source", default="postgres", choices=["postgres", "mariadb", "sqlite", "storage"],
                        help="from where (postgres); storage: from PostgreSQL to local disk and to S3")
    parser.add_argument("--scale", default="1", help="TPC-H scale factor, 1 = 6 million rows (1)")
    parser.add_argument("--peers", help="beside which programs, of psql, duckdb, connectorx, adbc (psql,duckdb)")
    parser.add_argument("--before", help="an earlier build, beside which alone this one runs")
    options = parser.parse_args()
    kind = {"postgres": Postgres, "mariadb": Maria, "sqlite": Sqlite, "storage": Storage}[options.source]
    if options.peers and options.source != "postgres":
        parser.error("--peers is for --source postgres")
    names = options.peers.split(",") if options.peers else kind.PEERS
    names = names + (["lakexpress any", "lakexpress modern"] if options.program and kind is not Storage else [])
    if options.before:
        names = ["before any", "lakexpress any"]
    os.makedirs(options.dir, exist_ok=True)
    readers = list(map(int, options.readers.split(",")))
    with kind(options) as contest:
        samples, refused = interleave(options.rounds, turns(names, readers), contest.once)
        server = f", MariaDB {contest.maria.query('mysql', 'SELECT version()')}" if kind is Maria else ""
        print(about(options, contest.server, names) + f"{server}, scale {options.scale}")
    headings = ["program", "readers"]
    table(samples, headings)
    refusals(refused)
    if kind is Storage:
        ratios(samples)
    if kind is Maria:
        peers(samples)
    if options.before:
        changes(samples)
    report(options, samples, headings, source=options.source, scale=options.scale)


if __name__ == "__main__":
    main()
