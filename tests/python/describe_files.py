"""Says what exported files must hold, for open_files.py.

    describe_files.py TABLES > DESCRIPTION

TABLES is JSON: a list of {"name", "dir", "url", "table"}, where the server's own text of every value is what is
expected, or without "url" and "table": then the values are pyarrow's, which others have compared with the source.
"where" is a condition of the server, "only" the one reader that is asked. Rows are matched by the column `id`.

A column has a kind: a name of a type of PostgreSQL (`int8`, `numeric`, `text` ...), {"list": kind} or
{"struct": [[name, kind], ...]}; its values are text, null, and lists of these. It also has the traits that a reader
may not take: logical types, encodings, codecs, and kinds of values.
"""

import functools
import json
import os
import sys

import pyarrow as pa
import pyarrow.parquet as pq

import database
import matrix
from relations import AllTypes

# Features by what the footer, or a kind, calls them.
TRAITS = {"DELTA_BINARY_PACKED": "DeltaIntegers", "DELTA_LENGTH_BYTE_ARRAY": "DeltaBytes",
          "DELTA_BYTE_ARRAY": "DeltaBytes", "LZ4": "Lz4", "LZ4_RAW": "Lz4", "BROTLI": "Brotli",
          "uuid": "Uuid", "time": "Time", "json": "Json"}


def kind_of(arrow, oid, types):
    """The kind of values of an Arrow type, which came from a type of the server (None: nobody knows)."""
    name, typtype, element, base, fields, _ = types.get(oid) if oid else ("", "", "0", "0", [], ",")
    if typtype == "d":
        return kind_of(arrow, base, types)
    if isinstance(arrow, pa.BaseExtensionType):
        extension = arrow.extension_name
        if extension in ("arrow.json", "arrow.uuid"):
            return extension.removeprefix("arrow.")
        return kind_of(arrow.storage_type, oid, types)
    if pa.types.is_list(arrow) or pa.types.is_large_list(arrow) or pa.types.is_fixed_size_list(arrow):
        inner = arrow.value_type
        if name in matrix.VECTORS or not oid:
            return {"list": kind_of(inner, None, types)}
        deeper = pa.types.is_list(inner) and types.base(element) not in matrix.VECTORS
        return {"list": kind_of(inner, oid if deeper and not is_array(element, types) else element, types)}
    if pa.types.is_struct(arrow):
        oids = [field for field, _ in fields] or [None] * arrow.num_fields
        names = [arrow.field(i).name for i in range(arrow.num_fields)]
        return {"struct": [[n, kind_of(arrow.field(i).type, o, types)] for i, (n, o) in enumerate(zip(names, oids))]}
    for test, kind in [
        (pa.types.is_string, "text"), (pa.types.is_large_string, "text"), (pa.types.is_boolean, "bool"),
        (pa.types.is_int16, "int2"), (pa.types.is_int32, "int4"), (pa.types.is_integer, "int8"),
        (pa.types.is_float32, "float4"), (pa.types.is_float64, "float8"), (pa.types.is_decimal, "numeric"),
        (pa.types.is_date, "date"), (pa.types.is_time, "time"), (pa.types.is_binary, "bytea"),
        (pa.types.is_large_binary, "bytea"),
    ]:
        if test(arrow):
            return [kind, arrow.precision, arrow.scale] if kind == "numeric" else kind
    if pa.types.is_timestamp(arrow):
        return "timestamp" if arrow.tz is None else "timestamptz"
    raise SystemExit(f"no kind for {arrow}")


def is_array(oid, types):
    """Whether a type is an array, or a domain over one."""
    _, typtype, element, base, _, _ = types.get(oid)
    return is_array(base, types) if typtype == "d" else element != "0"


def leaves(text, kind, oid, types):
    """The server's text of a value, taken apart as its kind is."""
    if text is None:
        return None
    name, typtype, element, base, fields, delimiter = types.get(oid)
    if typtype == "d":
        return leaves(text, kind, base, types)
    if isinstance(kind, dict) and "list" in kind:
        if name in matrix.VECTORS:
            # Half precision as numbers of 32 bits, which hold it.
            return text[1:-1].split(",")
        return of_array(matrix.parse_array(text, delimiter), kind["list"], element, types)
    if isinstance(kind, dict):
        values = matrix.parse_row(text) if fields else []
        return [leaves(v, k, o, types) for v, (_, k), (o, _) in zip(values, kind["struct"], fields, strict=True)]
    if name == "money":
        return text.replace("$", "").replace(",", "")
    if name == "bpchar":
        # Inside arrays and composites the server shows the padding that its cast to text takes away.
        return text.rstrip(" ")
    if name == "inet" and "/" not in text:
        return f"{text}/{128 if ':' in text else 32}"
    if name in ("geometry", "geography"):
        return "\\x" + matrix.iso_wkb(bytes.fromhex(text))[0].hex()
    if name == "bool" and kind == "text":
        return {"t": "true", "f": "false"}.get(text, text)
    return text


def of_array(values, kind, element, types):
    return [
        of_array(v, kind["list"], element, types) if isinstance(v, list) else leaves(v, kind, element, types)
        for v in values
    ]


@functools.cache
def types_of(url):
    return AllTypes(url)


def of_server(wanted, schema):
    """Columns, kinds and rows by the server."""
    url, table = wanted["url"], wanted["table"]
    types = types_of(url)
    columns = [column for column in database.columns(url, table) if column[0] in schema.names]
    kinds = [kind_of(schema.field(name).type, oid, types) for name, _, _, oid in columns]
    casts = {"money": "::numeric", "_bpchar": "::text[]", "_inet": "::text[]"}
    texts = ", ".join(f"t.{database.identifier(n)}{casts.get(k, '')}::text" for n, k, _, _ in columns)
    where = f" WHERE {wanted['where']}" if wanted.get("where") else ""
    rows = database.rows(url, f"SELECT {texts} FROM {database.regclass(table)} t{where} ORDER BY t.id")
    rows = [[leaves(t, k, c[3], types) for t, k, c in zip(row, kinds, columns)] for row in rows]
    return [name for name, _, _, _ in columns], kinds, rows


def of_files(files, schema):
    """The same by pyarrow."""
    kinds = [kind_of(field.type, None, None) for field in schema]
    table = pa.concat_tables([pq.read_table(path, partitioning=None) for path in files])
    columns = [[text_of(v, k) for v in matrix.plain(table.column(i))] for i, k in enumerate(kinds)]
    rows = [list(row) for row in zip(*columns)]
    return schema.names, kinds, sorted(rows, key=lambda row: int(row[schema.names.index("id")]))


def text_of(value, kind):
    """A value of `matrix.plain` as PostgreSQL would write it, or close to that: others read this text back."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(kind, dict) and "list" in kind:
        return [text_of(v, kind["list"]) for v in value]
    if isinstance(kind, dict):
        return [text_of(v, k) for v, (_, k) in zip(value, kind["struct"], strict=True)]
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, bool):
        return "t" if value else "f"
    if kind in ("date", "timestamp", "timestamptz", "time"):
        return f"@{value}"
    return str(value)


def traits_of(name, kind, rows, footers):
    """What about a column a reader may not take: names of `Feature` in src/readers, and of
    what every_reader.rs knows."""
    found = set()
    of_kind(kind, False, found)
    for value in rows:
        of_value(value, kind, found)
    for footer in footers:
        for group in range(footer.num_row_groups):
            for at in range(footer.num_columns):
                chunk = footer.row_group(group).column(at)
                # A dot may be part of the name, or come before a field's.
                if chunk.path_in_schema == name or chunk.path_in_schema.startswith(name + "."):
                    found |= {TRAITS[word] for word in (chunk.compression, *chunk.encodings) if word in TRAITS}
        # It says which calendar its dates are of.
        if b"org.apache.spark.version" in (footer.metadata or {}):
            found.discard("OldTimes")
    return sorted(found)


def of_kind(kind, in_list, found):
    if isinstance(kind, list):
        found.add("WideDecimal" if kind[1] > 38 else "Decimal")
    elif isinstance(kind, str):
        found |= {TRAITS[kind]} if kind in TRAITS else set()
    else:
        if in_list:
            found.add("DeepList")
        if "struct" in kind:
            found.add("Struct")
        elif kind["list"] in ("text", "json"):
            found.add("TextLists")
        for inner in [kind["list"]] if "list" in kind else [inner for _, inner in kind["struct"]]:
            of_kind(inner, "list" in kind, found)


def of_value(value, kind, found):
    if value is None:
        if isinstance(kind, dict):
            found.add("NullNested")
        elif kind in ("float4", "float8"):
            found.add("NullFloat")
    elif isinstance(kind, dict):
        inners = [kind["list"]] * len(value) if "list" in kind else [inner for _, inner in kind["struct"]]
        for one, inner in zip(value, inners):
            of_value(one, inner, found)
    elif kind in ("date", "timestamptz"):
        moment = int(value[1:]) if value[0] == "@" else matrix.scalar_of_text(value, kind)
        if kind == "timestamptz":
            found |= {"OldTimes"} if moment < -25_567 * 86_400_000_000 else set()
            return
        found |= {"OldTimes"} if moment < -141_427 else set()
        found |= {"FarDates"} if not -719_528 <= moment <= 2_932_896 else set()
        # The years 1677 to 2262, which nanoseconds reach.
        found |= {"DatesBeyondNanoseconds"} if not -106_751 <= moment <= 106_751 else set()


def describe(wanted):
    directory = wanted["dir"]
    with open(os.path.join(directory, "_manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    files = [os.path.join(directory, entry["name"]) for entry in manifest["files"]]
    footers = [pq.read_metadata(path) for path in files]
    # With the logical types UUID and JSON, which Arrow has as extensions.
    schema = pq.ParquetFile(files[0], arrow_extensions_enabled=True).schema_arrow
    names, kinds, rows = of_server(wanted, schema) if "url" in wanted else of_files(files, schema)
    columns = []
    for at, (name, kind) in enumerate(zip(names, kinds)):
        traits = traits_of(name, kind, [row[at] for row in rows], footers)
        if sum(other.lower() == name.lower() for other in names) > 1:
            traits.append("NamesAlike")
        columns.append({"name": name, "kind": kind, "traits": traits})
    return {"name": wanted["name"], "only": wanted.get("only"), "files": files, "columns": columns, "rows": rows}


def main():
    # Names in values (regclass) come qualified, whatever the role's search_path.
    database.SETTINGS["search_path"] = "pg_catalog"
    with open(sys.argv[1], encoding="utf-8") as file:
        json.dump([describe(wanted) for wanted in json.load(file)], sys.stdout)


if __name__ == "__main__":
    main()
