"""End to end: TPC-H lineitem from PostgreSQL to Parquet on local disk, beside DuckDB doing the same.

Programs take turns in every round, so that what the machine does meanwhile meets all alike; the table shows
medians. CPU and memory are the client's own (user + system time and peak resident size by wait4), not the
server's. The floor is psql copying the same rows in binary to nowhere: nothing can be faster.
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

    def __init__(self, options, server, database):
        self.options, self.server, self.url = options, server, server.url(database)
        self.pages = int(server.query(database, f"SELECT pg_relation_size('{TABLE}') / 8192"))
        self.out = os.path.join(options.dir, "out")

    def commands(self, name, readers):
        """What runs at once for one measurement."""
        if name == "psql":
            return [self.floor(at, readers) for at in range(readers)]
        if name == "duckdb":
            script = os.path.join(HERE, "duckdb_export.py")
            file = os.path.join(self.out, "lineitem.parquet")
            return [[sys.executable, script, self.url, TABLE, file, str(readers), self.options.codec]]
        command = [self.options.program, "export", "--source", self.url, "--output-dir", self.out]
        command += ["-i", TABLE, "-p", str(readers), "--compression", self.options.codec, "--no-progress"]
        return [command]

    def floor(self, at, readers):
        first, last = self.pages * at // readers, self.pages * (at + 1) // readers
        rows = f"SELECT * FROM {TABLE} WHERE ctid >= '({first},0)'"
        if at + 1 < readers:
            rows += f" AND ctid < '({last},0)'"
        sql = f"\\copy ({rows}) TO '/dev/null' (FORMAT binary)"
        return [program("psql"), "-X", "-q", "-d", self.url, "-c", sql]

    def once(self, name, readers):
        shutil.rmtree(self.out, ignore_errors=True)
        os.makedirs(self.out)
        result = measure(self.commands(name, readers), os.path.join(self.options.dir, "last.log"))
        result["mb"] = bytes_below(self.out) / 1e6
        shutil.rmtree(self.out, ignore_errors=True)
        return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the lakexpress binary; without it only the peers run")
    parser.add_argument("--scale", default="1", help="TPC-H scale factor, 1 = 6 million rows (1)")
    parser.add_argument("--readers", default="1,2", help="numbers of readers, separated by commas (1,2)")
    parser.add_argument("--rounds", type=int, default=5, help="measurements per program and number of readers (5)")
    parser.add_argument("--codec", default="snappy", choices=["snappy", "zstd"], help="compression (snappy)")
    parser.add_argument("--dir", default=default_directory(), help="where server and output are kept")
    parser.add_argument("--json", help="write all measurements to this file")
    options = parser.parse_args()
    names = ["psql", "duckdb"] + (["lakexpress"] if options.program else [])
    os.makedirs(options.dir, exist_ok=True)
    samples = {}
    with Server(options.dir) as server:
        contest = Contest(options, server, load(server, options.scale))
        contest.once("psql", 1)  # warms the server's cache
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
    report = {
        "scale": options.scale, "codec": options.codec, "rounds": options.rounds,
        "machine": f"{os.cpu_count()} x {platform.processor() or platform.machine()}", "medians": rows,
        "samples": [{"program": n, "readers": r, "runs": results} for (n, r), results in samples.items()],
    }  # fmt: skip
    print(json.dumps({key: report[key] for key in ("scale", "codec", "rounds", "machine", "medians")}))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)


if __name__ == "__main__":
    main()
