"""Opens files with one program, and says of each column whether it holds what it must.

    open_files.py READER DESCRIPTION

DESCRIPTION is what describe_files.py prints. Prints a line of JSON for each table, {"reader", "table", "file": "equal"
or what the program says of the whole file}, and one for each column, {"reader", "table", "column", "traits", "is":
"equal", "refused" or "differs", "says"}. A file that is refused is read again column by column, each with `id` only.
"""

import decimal
import json
import sys
import time

import matrix
from openers import OPENERS

KEY = "id"


def expected(leaf, kind):
    """The common form of a value of the description."""
    if leaf is None:
        return None
    if isinstance(kind, dict) and "list" in kind:
        return [expected(one, kind["list"]) for one in leaf]
    if isinstance(kind, dict):
        return [expected(one, inner) for one, (_, inner) in zip(leaf, kind["struct"], strict=True)]
    if leaf.startswith("@") and kind in ("date", "timestamp", "timestamptz", "time"):
        return int(leaf[1:])
    name = kind[0] if isinstance(kind, list) else kind
    return matrix.scalar_of_text(leaf, {"json": "text", "uuid": "text"}.get(name, name))


def same(wanted, found):
    """Equal in type and value, decimals digit for digit."""
    if isinstance(wanted, list):
        return isinstance(found, list) and len(wanted) == len(found) and all(map(same, wanted, found))
    if type(wanted) is not type(found) or wanted != found:
        return False
    return not isinstance(wanted, decimal.Decimal) or wanted.as_tuple().exponent == found.as_tuple().exponent


def short(value):
    text = repr(value)
    return text if len(text) < 120 else f"{text[:100]}... ({len(text)} characters)"


def message(error):
    """What a program says, without its stack and without what it says around it."""
    text = str(error) or repr(error)
    return f"{type(error).__name__}: {' '.join(text.split())[:1500]}"


class Judge:
    def __init__(self, reader, name):
        self.reader, self.name = reader, name

    def try_read(self, files, columns, whole):
        try:
            return self.reader.read(files, columns, whole), None
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a panic of a program in Rust is no Exception
            return None, message(error)

    def table(self, table):
        start = time.monotonic()
        columns = [(column["name"], column["kind"]) for column in table["columns"]]
        read, refused = self.try_read(table["files"], columns, True)
        verdicts = []
        key = next(at for at, (name, _) in enumerate(columns) if name == KEY)
        for at, column in enumerate(table["columns"]):
            found, says = read, None
            if refused:
                both = [columns[key]] if at == key else [columns[key], columns[at]]
                found, says = self.try_read(table["files"], both, False)
            verdict = {"reader": self.name, "table": table["name"], "column": column["name"],
                       "traits": column["traits"]}
            if found is None:
                verdict |= {"is": "refused", "says": says}
            else:
                says = self.column(table["rows"], at, key, found[column["name"]], found[KEY], column["kind"])
                verdict |= {"is": "differs", "says": says} if says else {"is": "equal"}
            verdicts.append(verdict)
        self.say({"reader": self.name, "version": self.reader.title, "table": table["name"], "file": refused or "equal",
                  "rows": len(table["rows"]), "seconds": round(time.monotonic() - start, 2)})
        for verdict in verdicts:
            self.say(verdict)

    def column(self, rows, at, key, values, keys, kind):
        """What is different, or nothing."""
        if len(values) != len(rows) or len(keys) != len(rows):
            return f"{len(values)} rows, {len(rows)} were written"
        order = sorted(range(len(keys)), key=keys.__getitem__)
        if [keys[place] for place in order] != [int(row[key]) for row in rows]:
            return "other ids"
        for row, place in zip(rows, order):
            wanted = expected(row[at], kind)
            if not same(wanted, values[place]):
                return f"id {row[key]}: {short(wanted)} was written, {short(values[place])} read"
        return None

    def say(self, line):
        print(json.dumps(line, ensure_ascii=False), flush=True)


def main():
    name, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        tables = json.load(file)
    judge = Judge(OPENERS[name](), name)
    for table in tables:
        if table["only"] in (None, name):
            judge.table(table)


if __name__ == "__main__":
    main()
