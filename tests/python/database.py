"""Asks PostgreSQL through psql, and reads the rows exactly, NULLs and control characters included."""

import os
import subprocess

# One spelling for every value, whatever the server's settings are.
SETTINGS = {
    "datestyle": "ISO",
    "intervalstyle": "iso_8601",
    "timezone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    "statement_timeout": "0",
    "client_min_messages": "warning",
}

_ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def psql(url, *args, **options):
    """Runs psql; its errors end the program."""
    environment = dict(os.environ)
    environment["PGOPTIONS"] = " ".join(f"-c {key}={value}" for key, value in SETTINGS.items())
    environment["PGCLIENTENCODING"] = "UTF8"
    command = [os.environ.get("PSQL", "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", url, *args]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, **options).stdout


def rows(url, query):
    """The rows of a query as lists of text, None for NULL."""
    out = psql(url, "-c", f"COPY ({query}) TO STDOUT").decode("utf-8")
    # splitlines() would also cut at other characters that are lines to Unicode.
    return [[_field(text) for text in line.split("\t")] for line in out.split("\n")[:-1]]


def _field(text):
    if text == "\\N":
        return None
    if "\\" not in text:
        return text
    out, at = [], 0
    while at < len(text):
        if text[at] == "\\":
            at += 1
            out.append(_ESCAPES.get(text[at], text[at]))
        else:
            out.append(text[at])
        at += 1
    return "".join(out)


def identifier(name):
    """A name quoted for PostgreSQL and DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    """Text quoted for PostgreSQL and DuckDB."""
    return "'" + text.replace("'", "''") + "'"


def regclass(table):
    """`schema.table` as a quoted name."""
    schema, name = table.split(".", 1)
    return f"{identifier(schema)}.{identifier(name)}"


def columns(url, table):
    """Name, type and typmod-qualified type of every column, domains replaced by what they stand for."""
    return rows(
        url,
        f"""
        WITH RECURSIVE base AS (
            SELECT a.attnum, a.attname, a.atttypid AS typid, a.atttypmod AS typmod
            FROM pg_attribute a
            WHERE a.attrelid = {literal(regclass(table))}::regclass AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL
            SELECT b.attnum, b.attname, t.typbasetype,
                   CASE WHEN t.typtypmod = -1 THEN b.typmod ELSE t.typtypmod END
            FROM base b JOIN pg_type t ON t.oid = b.typid WHERE t.typtype = 'd')
        SELECT b.attname, t.typname, format_type(b.typid, b.typmod), b.typid
        FROM base b JOIN pg_type t ON t.oid = b.typid
        WHERE t.typtype <> 'd' ORDER BY b.attnum""",
    )
