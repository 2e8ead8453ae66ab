"""Puts what a benchmark prints into docs/benchmarks.md, between the marks of its section, and shows it.

    benches/lineitem.py ... | benches/record.py lineitem
"""

import argparse
import datetime
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "docs", "benchmarks.md")


def recorded(page, section, lines, commit, day):
    """The page with the section's measurements replaced."""
    begin, end = f"<!-- {section}: written by make -->\n", f"<!-- end of {section} -->\n"
    found = re.search(re.escape(begin) + ".*?" + re.escape(end), page, re.DOTALL)
    if not found:
        sys.exit(f"docs/benchmarks.md has no marks of a section {section}")
    stamp = f"Commit {commit}, {day}; medians, with the least and the most.\n\n"
    # A table needs an empty line before it, and what follows one too.
    text = "".join(
        ("\n" if at and line.startswith("|") != lines[at - 1].startswith("|") else "") + line
        for at, line in enumerate(lines)
    )
    return page[: found.start()] + begin + stamp + text + end + page[found.end() :]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("section", help="its name in the marks")
    parser.add_argument("--commit", help="of the program (that of the checkout)")
    options = parser.parse_args()
    lines = []
    for line in sys.stdin:
        print(line, end="", flush=True)
        lines.append(line)
    if not any(line.startswith("|") for line in lines):
        sys.exit("there is no table to record")
    git = ["git", "-C", HERE, "describe", "--always", "--dirty", "--abbrev=7"]
    commit = options.commit or subprocess.run(git, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    with open(PAGE, encoding="utf-8") as file:
        page = recorded(file.read(), options.section, lines, commit, datetime.date.today())
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(page)


if __name__ == "__main__":
    main()
