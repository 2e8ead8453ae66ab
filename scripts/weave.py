"""Many mutants in one build: a function with mutants has a body for each and the one that it had."""

import collections
import contextlib
import json
import os
import re
import subprocess

# Rounds of the compiler: each takes out the mutants that do not compile.
ROUNDS = 12

MODULE = """//! Which mutant this process is.

use std::sync::OnceLock;

/// Whether it is this one.
pub fn is(number: u32) -> bool {
    static CHOSEN: OnceLock<u32> = OnceLock::new();
    *CHOSEN.get_or_init(|| std::fs::read_to_string(FILE).ok().and_then(|text| text.parse().ok()).unwrap_or(0)) == number
}

const FILE: &str = "%s";
"""


class Function:
    """Where a function lies in its file: lines from 0, and what its body is with each mutant."""

    def __init__(self, lines, span):
        self.first, self.last = span["start"]["line"] - 1, span["end"]["line"] - 1
        self.signature, self.body = split(lines[self.first : self.last + 1])
        self.mutants = []

    def is_alone(self):
        """A constant function cannot ask; a value without a name has another type in each body."""
        return re.search(r"\bconst\s+(async\s+|unsafe\s+)*fn\b|->[^{]*\bimpl\b", self.signature) is not None

    def text(self, numbers):
        """With the mutants of these numbers; and the line, from 0 in the text, where each one's body begins."""
        text, begins = self.signature + "{ if !(", {}
        text += " || ".join(f"crate::mutant::is({number})" for number, _ in numbers) + ") " + self.body
        for at, (number, body) in enumerate(numbers):
            text += " else " + (f"if crate::mutant::is({number}) " if at + 1 < len(numbers) else "")
            begins[number] = text.count("\n")
            text += body
        return text + " }", begins


def split(lines):
    """Signature and body of a function that the lines hold and nothing else."""
    head = 0
    while not re.search(r"\bfn\b", lines[head]) or lines[head].lstrip().startswith(("//", "#")):
        head += 1
    before = "".join(line + "\n" for line in lines[:head])
    rest = "\n".join(lines[head:])
    at = rest.index("{")
    return before + rest[:at], rest[at:]


class Woven:
    """`mutants` are in the build; `unviable` do not compile; `alone` cannot be woven."""

    def __init__(self, tree, mutants):
        self.tree, self.file = tree, os.path.join(os.path.dirname(tree), "mutant")
        self.numbers = {mutant["name"]: number for number, mutant in enumerate(mutants, 1)}
        self.mutants, self.unviable, self.alone = list(mutants), [], []
        self.whole = {name: self.read(name) for name in {mutant["file"] for mutant in mutants}}
        self.functions = {}
        for mutant in mutants:
            self.place(mutant)
        self.declare()
        for _ in range(ROUNDS):
            begins = self.write()
            wrong, elsewhere = self.compile(begins)
            if not wrong and not elsewhere:
                return
            if not wrong:
                raise SystemExit(f"the woven copy does not compile:\n{elsewhere}")
            self.unviable += [mutant for mutant in self.mutants if self.numbers[mutant["name"]] in wrong]
            self.mutants = [mutant for mutant in self.mutants if mutant not in self.unviable]
        raise SystemExit(f"the woven copy does not compile after {ROUNDS} rounds")

    def read(self, name):
        with open(os.path.join(self.tree, name), encoding="utf-8") as file:
            return file.read()

    def place(self, mutant):
        """Finds the mutant's function and the body that it has there."""
        if not mutant["function"]:
            # A constant, which has no body.
            self.mutants.remove(mutant)
            self.alone.append(mutant)
            return
        lines = self.whole[mutant["file"]].split("\n")
        span = mutant["function"]["span"]
        key = mutant["file"], span["start"]["line"]
        function = self.functions.get(key) or Function(lines, span)
        if function.is_alone() or self.overlaps(key, function):
            self.mutants.remove(mutant)
            self.alone.append(mutant)
            return
        broken = self.patched(mutant).split("\n")
        _, body = split(broken[function.first : function.last + 1 + len(broken) - len(lines)])
        function.mutants.append((self.numbers[mutant["name"]], body))
        self.functions[key] = function

    def overlaps(self, key, function):
        return any(
            name == key[0] and (name, line) != key and other.first <= function.last and function.first <= other.last
            for (name, line), other in self.functions.items()
        )

    def patched(self, mutant):
        patch = ["patch", "--quiet", "--output=-", os.path.join(self.tree, mutant["file"])]
        done = subprocess.run(patch, input=mutant["diff"], check=True, capture_output=True, text=True)
        return done.stdout

    def declare(self):
        with open(os.path.join(self.tree, "src", "mutant.rs"), "w", encoding="utf-8") as file:
            file.write(MODULE % self.file)
        root = self.read("src/lib.rs")
        self.whole.setdefault("src/lib.rs", root)
        at = re.search(r"^(pub )?mod ", root, re.MULTILINE).start()
        # Attributes of the first module stay with it.
        before = root[:at].rstrip().split("\n")
        while before and before[-1].startswith("#["):
            at -= len(before.pop()) + 1
        self.whole["src/lib.rs"] = root[:at] + "/// See scripts/weave.py.\npub mod mutant;\n" + root[at:]

    def write(self):
        """Writes each file with the mutants that are left; where each one's body begins: file, first line, last line."""
        left, begins = {self.numbers[mutant["name"]] for mutant in self.mutants}, {}
        by_file = collections.defaultdict(list)
        for (name, _), function in self.functions.items():
            by_file[name].append(function)
        for name, whole in self.whole.items():
            lines, shift = whole.split("\n"), 0
            for function in sorted(by_file[name], key=lambda function: function.first):
                numbers = [row for row in function.mutants if row[0] in left]
                if not numbers:
                    continue
                text, starts = function.text(numbers)
                first, last = function.first + shift, function.last + shift
                new = text.split("\n")
                lines[first : last + 1] = new
                shift += len(new) - (last + 1 - first)
                for number, body in numbers:
                    start = first + starts[number]
                    begins[number] = name, start + 1, start + 1 + body.count("\n")
            path = os.path.join(self.tree, name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("\n".join(lines))
        return begins

    def compile(self, begins):
        """Numbers of the mutants that do not compile, and what else does not."""
        command = ["cargo", "check", "--locked", "--lib", "--message-format=json"]
        done = subprocess.run(command, cwd=self.tree, capture_output=True, text=True)
        wrong, elsewhere = set(), ""
        for line in done.stdout.splitlines():
            message = json.loads(line).get("message") or {}
            if message.get("level") != "error" or not message.get("spans"):
                continue
            found = {number for span in message["spans"] for number in self.at(begins, span)}
            primary = [span for span in message["spans"] if span["is_primary"]]
            named = {number for span in primary for number in self.at(begins, span)}
            wrong |= named or found
            if not found:
                elsewhere += message.get("rendered") or ""
        if done.returncode != 0 and not wrong:
            elsewhere = elsewhere or done.stderr
        return wrong, elsewhere if not wrong else ""

    @staticmethod
    def at(begins, span):
        return [
            number
            for number, (name, first, last) in begins.items()
            if span["file_name"] == name and first <= span["line_start"] <= last
        ]

    @contextlib.contextmanager
    def chosen(self, mutant):
        """Every process that begins meanwhile is this mutant."""
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(str(self.numbers[mutant["name"]]))
        try:
            yield
        finally:
            os.remove(self.file)
