"""What all benchmarks share: programs that export one table, measured in turns; medians, spreads and tables of them."""

import argparse
import glob
import importlib.metadata
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import threading
import time

from server import default_directory

HERE = os.path.dirname(os.path.abspath(__file__))

# What is measured, its heading, and the digits that are shown.
MEASURES = [
    ("wall_s", "wall s", 2), ("cpu_s", "client CPU s", 2), ("peak_rss_mb", "peak RSS MB", 0), ("mb", "written MB", 0),
]  # fmt: skip
# Programs of Python packages (benches/requirements.txt).
PEERS = ["duckdb", "connectorx", "adbc"]


class Failed(SystemExit):
    """A program that ended with an error; what it said last."""


def arguments(about, readers=None, rounds=5):
    """A parser with the arguments that every benchmark has."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="the lakexpress binary; without it only the peers run")
    if readers:
        parser.add_argument("--readers", default=readers, help=f"numbers of readers, separated by commas ({readers})")
    parser.add_argument("--rounds", type=int, default=rounds, help=f"measurements of each ({rounds})")
    parser.add_argument("--codec", default="snappy", choices=["snappy", "zstd"], help="compression (snappy)")
    parser.add_argument("--dir", default=default_directory(), help="where server and output are kept")
    parser.add_argument("--json", help="write all measurements to this file")
    return parser


def export(name, options, url, table, readers, out, key="", kind="postgres"):
    """The command by which a program writes `table` to Parquet below the directory `out`.

    `key` is an integer column without NULL, by which ConnectorX cuts; `kind` is DuckDB's word for the database. Behind
    the name of lakexpress may stand the value of --readers; "before" is an earlier build of it.
    """
    if name not in PEERS:
        binary = options.before if name.startswith("before") else options.program
        command = [binary, "export", "--source", url, "--output-dir", out]
        command += ["--readers", name.partition(" ")[2] or "any"]
        return [*command, "-i", table, "-p", str(readers), "--compression", options.codec, "--no-progress"]
    file = os.path.join(out, table + ".parquet")
    if name == "duckdb":
        script, more = "duckdb_export.py", [kind, url, table, file, str(readers), options.codec]
    else:
        script, more = "arrow_export.py", [name, url, table, file, str(readers), options.codec, key]
    return [sys.executable, os.path.join(HERE, script), *more]


def turns(names, readers):
    """Names and numbers of readers of one round. ADBC's driver has one reader only."""
    return [(name, count) for count in readers for name in names if name != "adbc" or count == min(readers)]


def measure(commands, log):
    """Runs commands side by side; wall and CPU seconds and peak memory of all together.

    The peak that wait4 tells is never under that of the process that starts the program, so this one stays small: it
    must not import pyarrow, for example.
    """
    usages = []
    # A run log beside the benchmark's server: the user's own is left alone, and its size changes nothing.
    environment = {**os.environ, "XDG_STATE_HOME": os.path.join(os.path.dirname(log), "state")}

    def run(command):
        with open(log, "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment)
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
    for code, _ in usages:
        if code != 0:
            with open(log, encoding="utf-8", errors="replace") as out:
                raise Failed(f"{' '.join(commands[0][:3])} ended with {code}\n{out.read()}")
    return {
        "wall_s": wall,
        "cpu_s": sum(usage.ru_utime + usage.ru_stime for _, usage in usages),
        "peak_rss_mb": sum(usage.ru_maxrss for _, usage in usages) / 1024,
    }


def measure_export(commands, options, look=None):
    """`measure` with an empty directory to write to, and the megabytes in it then; `look` sees it before it goes."""
    out = output(options)
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    try:
        result = measure(commands, os.path.join(options.dir, "last.log"))
        result["mb"] = bytes_below(out) / 1e6
        if look:
            look(out)
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return result


def output(options):
    return os.path.join(options.dir, "out")


def files_below(path):
    """All Parquet files at or below a path."""
    return [path] if os.path.isfile(path) else glob.glob(os.path.join(path, "**", "*.parquet"), recursive=True)


def bytes_below(path):
    return sum(map(os.path.getsize, files_below(path)))


def parquet(path):
    """What the Parquet files below a path say of themselves: rows, rows of the row groups, types of the columns."""
    script = os.path.join(HERE, "parquet_look.py")
    found = subprocess.run([sys.executable, script, *files_below(path)], check=True, stdout=subprocess.PIPE)
    return json.loads(found.stdout)


def interleave(rounds, order, once):
    """Calls `once` for all of `order`, round by round, so that what the machine does meanwhile meets all alike.

    `order` has tuples whose first is the program's name. A peer that fails is not asked again. Returns lists of
    measurements and the peers' last words, both by tuple.
    """
    samples, refused = {}, {}
    for at in range(rounds):
        for turn in order:
            if turn in refused:
                continue
            try:
                result = once(*turn)
            except Failed as failure:
                if turn[0] not in PEERS:
                    raise
                samples.pop(turn, None)
                refused[turn] = last_words(str(failure))
                print(f"round {at + 1}: {words(turn)}: refused: {refused[turn]}", file=sys.stderr)
                continue
            samples.setdefault(turn, []).append(result)
            print(f"round {at + 1}: {words(turn)}: {result['wall_s']:.2f} s", file=sys.stderr)
    return samples, refused


def words(turn):
    return " ".join(map(str, turn))


def last_words(log):
    """The line of a log that says most: the last that is not empty, shortened, without paths."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    line = re.sub(r"(/[\w.+-]+){2,}/", "", lines[-1])
    return line if len(line) <= 300 else line[:300] + " ..."


def median(results, measure_name):
    return statistics.median(result[measure_name] for result in results)


def cell(values, digits):
    """The median, and the smallest and largest in brackets where they differ."""
    least, middle, most = (f"{f(values):.{digits}f}" for f in (min, statistics.median, max))
    return middle if least == most else f"{middle} ({least} to {most})"


def table(samples, headings):
    """Prints a Markdown table: the tuples of `samples` in columns named `headings`, then all measures."""
    names = [*headings, *(heading for _, heading, _ in MEASURES)]
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for turn, results in samples.items():
        cells = [cell([result[name] for result in results], digits) for name, _, digits in MEASURES]
        print("| " + " | ".join([*map(str, turn), *cells]) + " |")


def about(options, server, names):
    """Machine and versions, in a line."""
    packages = {
        "duckdb": ["duckdb"], "connectorx": ["connectorx", "pyarrow"], "adbc": ["adbc-driver-postgresql", "pyarrow"],
    }  # fmt: skip
    found = [f"{os.cpu_count()} x {platform.processor() or platform.machine()}"]
    if server:
        found.append("PostgreSQL " + server.query("postgres", "SHOW server_version").split()[0])
    if options.program:
        version = subprocess.run([options.program, "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout
        found.append(version.splitlines()[0])
    wanted = dict.fromkeys(package for name in names for package in packages.get(name, []))
    found += [f"{package} {importlib.metadata.version(package)}" for package in wanted]
    return ", ".join([*found, options.codec])


def refusals(refused):
    """Prints which peers could not, and what they said."""
    for turn, said in refused.items():
        print(f"\n{words(turn)}: refused: {said}")


def report(options, samples, headings, **more):
    """Writes all measurements as JSON, where --json says."""
    if not options.json:
        return
    found = {
        **more, "codec": options.codec, "rounds": options.rounds,
        "machine": f"{os.cpu_count()} x {platform.processor() or platform.machine()}",
        "samples": [{**dict(zip(headings, turn)), "runs": results} for turn, results in samples.items()],
    }  # fmt: skip
    with open(options.json, "w", encoding="utf-8") as file:
        json.dump(found, file, indent=1)
