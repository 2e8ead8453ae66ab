"""Proves value by value that files hold what a PostgreSQL table holds, for columns of any type.

Reads the server's own text of every value, ordered by `--id`, and the files twice, with pyarrow and with
DuckDB, and brings all three to one form chosen by the column's type:

    integers, oid, xid, cid int                     date            days since 1970, proleptic, BC too
    numeric, money          Decimal, digits kept    timestamp[tz]   microseconds since 1970
    real, double precision  the bits of the value   time            microseconds
    bytea, geometry         bytes                   uuid            its text
    arrays                  lists                   composites      lists of their fields
    vector, halfvec         lists of the bits of numbers
    everything else         the server's text

DuckDB 1.5 has no decimals of more than 38 digits: it gives doubles, many of them wrong, so these columns are read
by pyarrow alone. The largest 64-bit timestamp is its infinity.

Prints one line of JSON; exit 1 names the reader, the column, the row's id, and both values.
"""

import argparse
import decimal
import json
import re
import struct
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import database
from compare import check_files
from database import identifier

INTEGERS = {"int2", "int4", "int8", "oid", "xid", "cid"}
VECTORS = {"vector", "halfvec"}
SPECIAL = re.compile(r"-?(nan|infinity|inf)$", re.IGNORECASE)
CLOCK = re.compile(r"(\d+):(\d+):(\d+)(?:\.(\d{1,6}))?")
DAY = re.compile(r"(\d+)-(\d\d)-(\d\d)")


class Types:
    """What the catalog says about a type, asked once."""

    def __init__(self, url):
        self.url, self.known = url, {}

    def get(self, oid):
        """(name, kind, element type or "0", base type, fields, delimiter) of a type."""
        if oid not in self.known:
            # int2vector and oidvector count as arrays, but their text is not an array's.
            name, kind, element, base, relation, delimiter = database.rows(
                self.url,
                "SELECT t.typname, t.typtype,"
                " CASE WHEN t.typcategory = 'A' AND t.typname NOT IN ('int2vector', 'oidvector') THEN t.typelem ELSE 0 END,"
                " t.typbasetype, t.typrelid, coalesce(e.typdelim, t.typdelim)"
                f" FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem WHERE t.oid = {oid}",
            )[0]
            fields = []
            if kind == "c":
                query = "SELECT atttypid, attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
                fields = database.rows(self.url, f"{query} AND attrelid = {relation} ORDER BY attnum")
            self.known[oid] = (name, kind, element, base, fields, delimiter)
        return self.known[oid]

    def base(self, oid):
        """The name of a type, of the type below if it is a domain."""
        name, kind, _, base, _, _ = self.get(oid)
        return self.base(base) if kind == "d" else name


# --- the server's text ------------------------------------------------------------------------------


def from_text(text, oid, types):
    """The common form of a value in the server's text."""
    if text is None:
        return None
    name, kind, element, base, fields, delimiter = types.get(oid)
    if kind == "d":
        return from_text(text, base, types)
    if element != "0":
        return list_of(parse_array(text, delimiter), element, types)
    if kind == "c" and fields:
        values = parse_row(text)
        return [from_text(value, field, types) for value, (field, _) in zip(values, fields, strict=True)]
    return scalar_of_text(text, name)


def scalar_of_text(text, name):
    if name == "bool":
        return text in ("t", "true")
    if name in INTEGERS:
        return int(text)
    if name == "numeric":
        return text.lower() if SPECIAL.match(text) else decimal.Decimal(text)
    if name == "money":
        return decimal.Decimal(text.replace("$", "").replace(",", ""))
    if name in ("float4", "float8"):
        return bits(float(text), name)
    if name in ("bytea", "geometry", "geography"):
        return bytes.fromhex(text.removeprefix("\\x"))
    if name in ("date", "timestamp", "timestamptz"):
        return text if SPECIAL.match(text) else moment(text, name)
    if name == "time":
        return clock(text)
    if name == "bpchar":
        # Inside arrays and composites the server shows the padding that its cast to text takes away.
        return text.rstrip(" ")
    if name in VECTORS:
        # Half precision as numbers of 32 bits, which hold it.
        numbers = [float(v) for v in text[1:-1].split(",")]
        if name == "halfvec":
            numbers = [struct.unpack("e", struct.pack("e", v))[0] for v in numbers]
        return [bits(v, "float4") for v in numbers]
    if name == "inet" and "/" not in text:
        return f"{text}/{128 if ':' in text else 32}"
    return text


def bits(value, name):
    return "nan" if value != value else struct.pack(">f" if name == "float4" else ">d", value).hex()


def moment(text, name):
    """Days, or microseconds, since 1970. Python's own dates end at the years 1 and 9999."""
    year, month, day = (int(part) for part in DAY.match(text).groups())
    if text.endswith(" BC"):
        year = 1 - year
    years = year - (month <= 2)
    era, of_era = divmod(years, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - 719468
    return days if name == "date" else days * 86_400_000_000 + clock(text.split(" ")[1])


def clock(text):
    hours, minutes, seconds, fraction = CLOCK.match(text).groups()
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 1_000_000 + int((fraction or "").ljust(6, "0"))


def parse_array(text, delimiter):
    """Nested lists of text and None. Bounds such as `[2:3]={...}` are skipped."""
    stack, at, item, quoted = [], text.index("{"), [], False
    result = None

    def close():
        nonlocal item, quoted
        word = "".join(item)
        if word or quoted:
            stack[-1].append(None if word == "NULL" and not quoted else word)
        item, quoted = [], False

    while at < len(text):
        char = text[at]
        if char == "{":
            stack.append([])
        elif char == "}":
            close()
            result = stack.pop()
            if stack:
                stack[-1].append(result)
        elif char == delimiter:
            close()
        elif char == '"':
            quoted = True
            at += 1
            while text[at] != '"':
                at += text[at] == "\\"
                item.append(text[at])
                at += 1
        else:
            at += char == "\\"
            item.append(text[at])
        at += 1
    return result


def list_of(values, element, types):
    return [list_of(v, element, types) if isinstance(v, list) else from_text(v, element, types) for v in values]


def parse_row(text):
    """The fields of a composite's text."""
    fields, item, quoted, at = [], [], False, 1
    while at < len(text):
        char = text[at]
        if char == "," or char == ")" and at == len(text) - 1:
            fields.append("".join(item) if item or quoted else None)
            item, quoted = [], False
        elif char == '"':
            quoted = True
            at += 1
            while True:
                if text[at] == '"' and text[at + 1] == '"' or text[at] == "\\":
                    at += 1
                elif text[at] == '"':
                    break
                item.append(text[at])
                at += 1
        else:
            at += char == "\\"
            item.append(text[at])
        at += 1
    return fields


# --- what lies in the files -------------------------------------------------------------------------


def plain(array):
    """Moments as integers, so that every year has a Python value; structs as tuples; extensions unpacked."""
    kind = array.type
    if isinstance(array, pa.ChunkedArray):
        return [value for chunk in array.chunks for value in plain(chunk)]
    if isinstance(kind, pa.BaseExtensionType):
        return plain(array.storage)
    if pa.types.is_dictionary(kind):
        return plain(array.dictionary_decode())
    if pa.types.is_date32(kind):
        return array.view(pa.int32()).to_pylist()
    if pa.types.is_timestamp(kind) or pa.types.is_time64(kind):
        if kind.unit != "us":
            raise SystemExit(f"{kind}: expected microseconds")
        return array.view(pa.int64()).to_pylist()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        values, offsets, valid = plain(array.values), array.offsets.to_pylist(), array.is_valid().to_pylist()
        return [values[offsets[i] : offsets[i + 1]] if valid[i] else None for i in range(len(array))]
    if pa.types.is_struct(kind):
        fields, valid = [plain(array.field(i)) for i in range(kind.num_fields)], array.is_valid().to_pylist()
        return [tuple(field[i] for field in fields) if valid[i] else None for i in range(len(array))]
    return array.to_pylist()


class Duck:
    """The files as DuckDB reads them, in the forms of `plain`."""

    def __init__(self, paths, schema):
        self.schema = schema
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        self.files = "[" + ", ".join(database.literal(path) for path in paths) + "]"

    def can_read(self, name):
        """Whether DuckDB has the type of a column, and of what is in it."""
        kinds = [self.schema.field(name).type]
        while kinds:
            kind = kinds.pop()
            if pa.types.is_decimal256(kind):
                return False
            if pa.types.is_nested(kind):
                kinds += [kind.field(i).type for i in range(kind.num_fields)]
        return True

    def column(self, name):
        """The values of a column, in the order of files and rows."""
        kind = self.schema.field(name).type
        expression = self.expression(identifier(name), kind, 0)
        # One thread's order is the order of the files.
        query = f"SELECT {expression} FROM read_parquet({self.files}, hive_partitioning=false)"
        rows = self.connection.execute("SET threads = 1; " + query).fetchall()
        return [unpacked(value, kind) for (value,) in rows]

    def expression(self, value, kind, depth):
        """SQL that gives what Python can hold: integers for moments, text for decimals."""
        if isinstance(kind, pa.BaseExtensionType):
            return self.expression(value, kind.storage_type, depth)
        if pa.types.is_date32(kind):
            return f"({value} - DATE '1970-01-01')"
        if pa.types.is_timestamp(kind):
            return f"CASE WHEN isinf({value}) THEN 9223372036854775807 ELSE epoch_us({value}) END"
        if pa.types.is_time64(kind):
            return f"date_diff('us', TIME '00:00', {value})"
        if pa.types.is_decimal128(kind):
            return f"{value}::VARCHAR"
        if pa.types.is_list(kind):
            inner = self.expression(f"v{depth}", kind.value_type, depth + 1)
            return value if inner == f"v{depth}" else f"list_transform({value}, lambda v{depth}: {inner})"
        if pa.types.is_struct(kind):
            fields = [
                self.expression(f"({value}).{identifier(field.name)}", field.type, depth)
                for field in (kind.field(i) for i in range(kind.num_fields))
            ]
            return f"CASE WHEN {value} IS NULL THEN NULL ELSE row({', '.join(fields)}) END"
        return value


def unpacked(value, kind):
    """What DuckDB gave, in the form of `plain`."""
    if value is None:
        return None
    if isinstance(kind, pa.BaseExtensionType):
        return unpacked(value, kind.storage_type)
    if pa.types.is_list(kind):
        return [unpacked(v, kind.value_type) for v in value]
    if pa.types.is_struct(kind):
        values = value.values() if isinstance(value, dict) else value
        return tuple(unpacked(v, kind.field(i).type) for i, v in enumerate(values))
    if pa.types.is_decimal128(kind):
        return decimal.Decimal(value)
    if pa.types.is_fixed_size_binary(kind) and not isinstance(value, bytes):
        return value.bytes
    return value


def from_arrow(value, oid, types):
    """The common form of a value in a file."""
    if value is None:
        return None
    name, kind, element, base, fields, _ = types.get(oid)
    if kind == "d":
        return from_arrow(value, base, types)
    if name in VECTORS and isinstance(value, list):
        return [bits(v, "float4") for v in value]
    if element != "0" and types.base(element) in VECTORS and isinstance(value, list):
        # A list of lists of numbers has one dimension.
        deeper = any(isinstance(v, list) and v and (v[0] is None or isinstance(v[0], list)) for v in value)
        return [from_arrow(v, oid if deeper else element, types) for v in value]
    if element != "0" and isinstance(value, list):
        # A list inside a list is a further dimension; a composite is a tuple.
        return [from_arrow(v, oid if isinstance(v, list) else element, types) for v in value]
    if kind == "c" and isinstance(value, tuple):
        return [from_arrow(v, field, types) for v, (field, _) in zip(value, fields, strict=True)]
    if name in ("float4", "float8") and isinstance(value, float):
        return bits(value, name)
    if name == "uuid" and isinstance(value, bytes):
        hexes = value.hex()
        return "-".join((hexes[:8], hexes[8:12], hexes[12:16], hexes[16:20], hexes[20:]))
    if isinstance(value, str):
        # Kept as text: numeric without precision, or whatever --cast names. An array's own text stays.
        return from_text(value, oid, types)
    return value


def same(expected, found):
    """Equal, type for type; decimals digit for digit."""
    if isinstance(expected, decimal.Decimal):
        if isinstance(found, float):
            return float(expected) == found
        if not isinstance(found, (decimal.Decimal, int)):
            return False
        found = decimal.Decimal(found)
        return expected == found and (expected.as_tuple().exponent == found.as_tuple().exponent)
    if isinstance(expected, list):
        return isinstance(found, list) and len(expected) == len(found) and all(map(same, expected, found))
    return type(expected) is type(found) and expected == found


def without_specials(value, oid, types):
    """The value as `--special-values null` has it: inside arrays too."""
    name, kind, element, base, fields, _ = types.get(oid)
    if base != "0":
        return without_specials(value, base, types)
    if isinstance(value, list) and element != "0":
        inner = [v if isinstance(v, list) else without_specials(v, element, types) for v in value]
        return [without_specials(v, oid, types) if isinstance(v, list) else v for v in inner]
    if kind == "c" and isinstance(value, list):
        return [without_specials(v, field, types) for v, (field, _) in zip(value, fields, strict=True)]
    special = name in ("numeric", "date", "timestamp", "timestamptz") and isinstance(value, str)
    return None if special or (name == "time" and value == 86_400_000_000) else value


def compare(options):
    problems = []
    _, paths = check_files(options.dir, problems)
    if problems:
        return 0, (0, 0), problems
    types = Types(options.url)
    columns = [c for c in database.columns(options.url, options.table) if c[0] not in options.skip.split(",")]
    where = f" WHERE {options.where}" if options.where else ""
    # By the server's casts: money loses its sign of currency, elements come as a cast to text gives them.
    casts = {"money": "::numeric", "_bpchar": "::text[]", "_inet": "::text[]"}
    texts = ", ".join(f"t.{identifier(n)}{casts.get(k, '')}::text" for n, k, _, _ in columns)
    rows = database.rows(
        options.url,
        # Qualified, or ORDER BY would mean the text that is selected.
        f"SELECT t.{identifier(options.id)}::text, {texts} FROM {database.regclass(options.table)} t{where}"
        f" ORDER BY t.{identifier(options.id)}",
    )
    tables = [pq.read_table(path, partitioning=None) for path in paths]
    duck = Duck(paths, tables[0].schema)
    ids = [value for table in tables for value in plain(table.column(options.id))]
    order = sorted(range(len(ids)), key=ids.__getitem__)
    if [str(ids[at]) for at in order] != [row[0] for row in rows]:
        return len(rows), (0, 0), [f"the server has {len(rows)} rows, the files {len(ids)}, or their ids differ"]
    if duck.column(options.id) != ids:
        return len(rows), (0, 0), ["DuckDB and pyarrow give the rows in another order"]
    values, twice = 0, 0
    for at, (name, kind, full, oid) in enumerate(columns):
        readers = [("pyarrow", [value for table in tables for value in plain(table.column(name))])]
        if duck.can_read(name):
            readers.append(("DuckDB", duck.column(name)))
        for row, place in zip(rows, order):
            expected = from_text(row[at + 1], oid, types)
            if options.special == "null":
                expected = without_specials(expected, oid, types)
            if expected is not None and name != options.id:
                values += 1
                twice += len(readers) == 2
            for reader, read in readers:
                found = from_arrow(read[place], oid, types)
                if not same(expected, found):
                    problems.append(
                        f"{reader}: column {name} ({full}), {options.id} {row[0]}: server {expected!r}, file {found!r}"
                    )
    return len(rows), (values, twice), problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="PostgreSQL URL")
    parser.add_argument("--table", required=True, help="schema.table")
    parser.add_argument("--dir", required=True, help="the table's directory")
    parser.add_argument("--id", default="id", help="a unique integer column that matches rows")
    parser.add_argument("--where", default="", help="PostgreSQL condition: compare these rows only")
    parser.add_argument("--skip", default="", help="columns to leave out, separated by commas")
    parser.add_argument("--special", choices=["error", "null"], default="error", help="as --special-values")
    options = parser.parse_args()
    # Names in values (regclass) come qualified, whatever the role's search_path.
    database.SETTINGS["search_path"] = "pg_catalog"
    rows, (values, twice), problems = compare(options)
    verdict = {"table": options.table, "ok": not problems, "rows": rows, "values": values, "by_two_readers": twice}
    verdict["problems"] = problems[:20]
    print(json.dumps(verdict, ensure_ascii=False))
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
