#!/usr/bin/env python3
"""Breaks the program in many small ways, one at a time, and counts how often the tests notice.

cargo-mutants lists the ways; this chooses some of them by a seed and runs, for each, the tests that tests/mutants.toml
names for its file: unit tests first, integration tests where those see nothing. It works in a copy of the checkout with a
build directory of its own. There nearly all mutants are compiled at once: a function with mutants has a body for each, and
takes the one whose number stands in a file (scripts/weave.py). Those that cannot be woven so are built one by one.

Ends with an error when less than BAR of the mutants that compile are noticed.
"""

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import tomllib

from weave import Woven

BAR = 0.92
# So many more are drawn, since some do not compile.
SPARE = 1.3
# Tests of a mutant that take that much longer than without it hang.
PATIENCE, LEAST_SECONDS = 4, 120
BUILD_SECONDS = 1800
FAILED = re.compile(r"test .* \.\.\. FAILED")

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def copied(tree):
    """Brings the copy up to date without touching what has not changed: cargo compares times."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True
    )
    names = {name for name in listed.stdout.decode().split("\0") if os.path.isfile(os.path.join(ROOT, name))}
    for directory, _, files in os.walk(tree):
        for file in files:
            path = os.path.join(directory, file)
            if os.path.relpath(path, tree) not in names:
                os.remove(path)
    for name in names:
        source, target = os.path.join(ROOT, name), os.path.join(tree, name)
        if os.path.exists(target) and read(source) == read(target):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)


def read(path):
    with open(path, "rb") as file:
        return file.read()


class Table:
    """tests/mutants.toml."""

    def __init__(self):
        table = tomllib.loads(read(os.path.join(ROOT, "tests", "mutants.toml")).decode())
        self.tests = table["tests"]
        self.equivalent = table.get("equivalent", [])

    def files(self):
        return [name for row in self.tests for name in (row["path"], row["path"] + "*", row["path"] + "/**")]

    def row(self, file):
        rows = [row for row in self.tests if file.startswith(row["path"])]
        return max(rows, key=lambda row: len(row["path"]), default=None)

    def explained(self, mutant, line):
        return [
            row
            for row in self.equivalent
            if row["file"] == mutant["file"] and row["change"] == change(mutant) and row["line"] == line
        ]


def change(mutant):
    """The name of a mutant without its place, which moves."""
    return mutant["name"].split(": ", 1)[1]


def listed(mutants, tree, files):
    command = [mutants, "mutants", "--list", "--json", "--diff", "--colors=never"]
    for name in files:
        command += ["--file", name]
    found = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True)
    return sorted(json.loads(found.stdout), key=lambda mutant: mutant["name"])


def run(command, tree, seconds):
    """Exit code, or None when it took longer; and what it said. The first test that fails ends it: servers that tests
    began end by themselves."""
    with subprocess.Popen(
        command, cwd=tree, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True
    ) as process:
        late = threading.Event()

        def end():
            late.set()
            killed(process)

        timer = threading.Timer(seconds, end)
        timer.start()
        said = []
        for line in process.stdout:
            said.append(line)
            if FAILED.match(line):
                killed(process)
        code = process.wait()
        timer.cancel()
        return None if late.is_set() else code, "".join(said)


def killed(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


class Tests:
    """The tests of the copy: of the library alone, or the integration tests."""

    def __init__(self, tree, target):
        self.tree, self.target = tree, target
        self.usual = {}

    def build(self):
        return run(["cargo", "test", "--locked", *self.target, "--no-run"], self.tree, BUILD_SECONDS)

    def run(self, filters, limit):
        return run(["cargo", "test", "--locked", *self.target, "--", *filters], self.tree, limit)

    def measure(self, filters):
        """How long they take without a mutant. They have to pass, and there has to be one."""
        if filters in self.usual:
            return
        if not self.usual:
            code, said = self.build()
            if code != 0:
                sys.exit(f"without a mutant the tests do not compile:\n{said}")
        begun = time.monotonic()
        code, said = self.run(filters, BUILD_SECONDS)
        if code != 0:
            sys.exit(f"without a mutant the tests {' '.join(filters)} fail:\n{said}")
        if not any(int(passed) for passed in re.findall(r"test result: ok\. (\d+) passed", said)):
            sys.exit(f"no test is called {' '.join(filters)}")
        self.usual[filters] = time.monotonic() - begun

    def judge(self, calls):
        """What becomes of the mutant that the copy has now, and by which tests."""
        code, said = self.build()
        if code is None:
            return "timeout", "the build"
        if code != 0:
            return "unviable", next((line for line in said.splitlines() if line.startswith("error")), "")
        for filters in calls:
            code, _ = self.run(filters, max(LEAST_SECONDS, PATIENCE * self.usual[filters]))
            if code != 0:
                return ("timeout" if code is None else "found"), " ".join(filters)
        return "missed", ""


class Broken:
    """The copy with one mutant, which is to be built."""

    def __init__(self, tree, mutant):
        self.path = os.path.join(tree, mutant["file"])
        self.diff = mutant["diff"]

    def __enter__(self):
        self.whole = read(self.path)
        patch = ["patch", "--quiet", "--no-backup-if-mismatch", "--reject-file=-", self.path]
        subprocess.run(patch, input=self.diff.encode(), check=True, capture_output=True)

    def __exit__(self, *_):
        with open(self.path, "wb") as file:
            file.write(self.whole)


def source_line(tree, mutant):
    lines = read(os.path.join(tree, mutant["file"])).decode().split("\n")
    return lines[mutant["span"]["start"]["line"] - 1].strip()


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cargo-mutants", required=True, help="the program")
    parser.add_argument("--directory", required=True, help="for the copy and what is built of it; stays")
    parser.add_argument("--count", type=int, default=150, help="mutants that compile (150)")
    parser.add_argument("--seed", default="1", help="which are chosen (1)")
    parser.add_argument("--seconds", type=float, default=0, help="begin none after so long; 0 for no end (0)")
    parser.add_argument("--only", default="src", help="files that begin so, such as src/run (src)")
    return parser.parse_args()


def chosen(given, table, tree):
    """Mutants with their rows, and those of them that nobody can see."""
    everything = listed(given.cargo_mutants, tree, table.files())
    explained = [mutant for mutant in everything if table.explained(mutant, source_line(tree, mutant))]
    for row in table.equivalent:
        if not any(row in table.explained(mutant, source_line(tree, mutant)) for mutant in explained):
            sys.exit(f"tests/mutants.toml explains a mutant that there is not: {row['file']}, {row['change']}")
    of_interest = [mutant for mutant in everything if mutant["file"].startswith(given.only)]
    sample = random.Random(given.seed).sample(of_interest, min(int(given.count * SPARE), len(of_interest)))
    print(f"{len(everything)} mutants, {len(of_interest)} in {given.only}, {len(sample)} of them drawn by seed {given.seed}")
    return [mutant for mutant in sample if mutant not in explained], [m for m in sample if m in explained]


class Round:
    """One kind of tests over mutants, until the time is over. `broken` has the copy behave as one of them."""

    def __init__(self, broken, tests, calls):
        self.broken, self.tests, self.calls = broken, tests, calls

    def over(self, mutants, end):
        """Each mutant with what became of it; those that were not tried are left out."""
        for at, mutant in enumerate(mutants):
            if end and time.monotonic() > end:
                print(f"{len(mutants) - at} were not tried: the time is over")
                return
            since, calls = time.monotonic(), self.calls(mutant["file"])
            for filters in calls:
                self.tests.measure(filters)
            with self.broken(mutant):
                word, by = self.tests.judge(calls)
            print(f"{word:8} {time.monotonic() - since:5.0f} s  {mutant['name']}{'  by ' + by if by else ''}")
            yield mutant, word


def main():
    given = options()
    sys.stdout.reconfigure(line_buffering=True)
    tree = os.path.join(os.path.abspath(given.directory), "tree")
    os.environ["CARGO_TARGET_DIR"] = os.path.join(os.path.abspath(given.directory), "target")
    os.environ["CARGO_INCREMENTAL"] = "1"
    copied(tree)
    table, begun = Table(), time.monotonic()
    mutants, equivalent = chosen(given, table, tree)
    calls = (lambda file: [tuple(table.row(file)["unit"])], lambda file: [(name,) for name in table.row(file)["it"]])

    def judged(mutants, broken, parts):
        """Each mutant with what became of it, by unit tests and then, where those see nothing, by the others."""
        tests = Tests(tree, ["--lib"]), Tests(tree, ["--test", "it"])
        units, others = (Round(broken, *pair) for pair in zip(tests, calls))
        ends = [begun + given.seconds * part if given.seconds else None for part in parts]
        became = list(units.over(mutants, ends[0]))
        missed = [mutant for mutant, word in became if word == "missed"]
        print(f"{len(missed)} of {len(became)} are not noticed by unit tests")
        return [row for row in became if row[1] != "missed"] + list(others.over(missed, ends[1]))

    woven = Woven(tree, mutants)
    became = [(mutant, "unviable") for mutant in woven.unviable]
    alone, together = woven.alone[: given.count], woven.mutants[: given.count - len(woven.alone[: given.count])]
    print(f"{len(together)} compiled at once, {len(alone)} to be compiled one by one, {len(woven.unviable)} do not compile")
    became += judged(together, woven.chosen, (0.4, 0.8))
    if alone:
        copied(tree)
        became += judged(alone, lambda mutant: Broken(tree, mutant), (0.9, 1.0))
    counts = collections.Counter(word for _, word in became)
    for mutant, word in became:
        if word == "missed":
            print(f"\nmissed: {mutant['name']}\n{mutant['diff']}")
    noticed = counts["found"] + counts["timeout"]
    judged = noticed + counts["missed"]
    share = noticed / judged if judged else 1.0
    words = ", ".join(f"{counts[word]} {word}" for word in ("found", "timeout", "missed", "unviable"))
    print(f"{words}, {len(equivalent)} explained as equivalent: {share:.1%} of {judged} noticed")
    if share < BAR:
        sys.exit(f"less than {BAR:.0%} are noticed")


if __name__ == "__main__":
    main()
