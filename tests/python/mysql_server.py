"""Asks MySQL or MariaDB through the `mariadb` program, and brings each value to a form that all readers can have.

Every value comes as ASCII: text by the server's own conversion to UTF-8, in hexadecimal; bytes in hexadecimal; numbers and
moments as the server casts them to text. A float is made a double first, since its text is rounded to six digits.

    integers, bit, year     int                     date            days since 1970
    decimal                 Decimal, digits kept    datetime, timestamp     microseconds since 1970, in UTC
    float, double           the bits of a double    time            microseconds
    blob, binary            bytes                   geometry        its WKB, longitude first, without the SRID
    vector                  bits of its numbers     uuid, inet4, inet6      the server's text
    char, text, enum, set, json                     text

What Parquet has no value for (zero and partial dates, times outside of a day, text that is none) is an `Odd`: no reader can
find it, so a table that has it is right only if it was refused.
"""

import decimal
import os
import re
import struct
import subprocess

TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set", "json"}
BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint", "year"}
GEOMETRIES = {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon",
              "geometrycollection", "geomcollection"}
SETTINGS = "SET SESSION time_zone = '+00:00', sql_mode = ''; SET NAMES utf8mb4;"

# What a double of that size is multiplied by, as a power of two, before its digits are written.
SCALES = ((">= 1e200", -700), (">= 1e90", -350), ("< 1e-250", 1000), ("< 1e-90", 600))

DAY = re.compile(r"(\d{4})-(\d\d)-(\d\d)$")
CLOCK = re.compile(r"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?$")


class Odd(str):
    """The server's text of a value that no Parquet type holds."""


class Server:
    """A database that is reached by its socket."""

    def __init__(self, socket, database):
        self.command = [os.environ.get("MARIADB", "mariadb"), "--no-defaults", "--socket", socket, "-u", "root",
                        "-N", "-B", "--raw", "--quick", "--default-character-set=utf8mb4", "-D", database]  # fmt: skip
        self.database = database

    def rows(self, sql):
        """The rows as lists of text; values hold neither tabs nor newlines."""
        done = subprocess.run(self.command, input=(SETTINGS + sql).encode(), capture_output=True, check=False)
        if done.returncode:
            raise SystemExit(f"{sql[:500]}\n{done.stderr.decode()}")
        return [line.split("\t") for line in done.stdout.decode("ascii").split("\n")[:-1]]

    def tables(self):
        query = "SELECT HEX(CONVERT(table_name USING utf8mb4)) FROM information_schema.tables"
        query += f" WHERE table_schema = {literal(self.database)} AND table_type <> 'SEQUENCE' ORDER BY 1"
        return [unhex(name) for (name,) in self.rows(query)]

    def columns(self, table):
        """Name, type, and full type of every column, invisible ones too."""
        query = "SELECT HEX(CONVERT(column_name USING utf8mb4)), data_type, HEX(CONVERT(column_type USING utf8mb4)),"
        query += " coalesce(character_set_name, '') FROM information_schema.columns"
        query += f" WHERE table_schema = {literal(self.database)} AND table_name = {literal(table)}"
        query += " ORDER BY ordinal_position"
        return [(unhex(name), kind.lower(), unhex(full), charset) for name, kind, full, charset in self.rows(query)]

    def values(self, table, columns, where=""):
        """The rows of a table, each a tuple of values."""
        select = ", ".join(expression(name, kind) for name, kind, *_ in columns)
        condition = f" WHERE {where}" if where else ""
        found = self.rows(f"SELECT {select} FROM {identifier(table)}{condition}")
        kinds = [kind for _, kind, *_ in columns]
        return [tuple(value(text, kind) for text, kind in zip(row, kinds, strict=True)) for row in found]


def identifier(name):
    return "`" + name.replace("`", "``") + "`"


def literal(text):
    return f"_utf8mb4 X'{text.encode().hex()}'"


def unhex(text):
    return bytes.fromhex(text).decode()


def expression(name, kind):
    """SQL for a value as ASCII."""
    name = identifier(name)
    if kind in TEXTS:
        # A character that UTF-8 does not have becomes a question mark: their number tells.
        text = f"CONVERT({name} USING utf8mb4)"
        marks = f"char_length({text}) - char_length(replace({text}, _utf8mb4 X'3F', ''))"
        own = f"char_length({name}) - char_length(replace({name}, '?', ''))"
        # MySQL has NULL, or nothing, for what it cannot convert.
        wrong = f"{marks} <> {own} OR char_length({text}) <> char_length({name})"
        return f"IF({name} IS NULL, NULL, COALESCE(CONCAT(HEX({text}), IF({wrong}, '!', '')), '!'))"
    if kind in BYTES or kind in GEOMETRIES or kind == "vector":
        return f"HEX({name})"
    if kind == "bit":
        return f"CAST({name} + 0 AS CHAR)"
    if kind in ("float", "double"):
        # MySQL rounds what is longer than 22 characters: a sign of its own, and exponents of two digits at most.
        scale = " ".join(f"WHEN ABS({name} * 1e0) {when} THEN {power}" for when, power in SCALES)
        power = f"CASE WHEN {name} = 0 THEN 0 {scale} ELSE 0 END"
        sign = f"IF(CAST({name} * 1e0 AS CHAR) LIKE '-%', '-', '')"
        return f"CONCAT({sign}, CAST(ABS({name} * 1e0) * POW(2e0, {power}) AS CHAR), 'p', {power})"
    return f"CAST({name} AS CHAR)"


def value(text, kind):
    """The form of a value that `expression` gave. NULL and a hexadecimal cannot be taken for each other."""
    if text == "NULL":
        return None
    if kind in TEXTS:
        try:
            return Odd(text) if text.endswith("!") else bytes.fromhex(text).decode("utf-8")
        except UnicodeDecodeError:
            return Odd(text)
    if kind in BYTES:
        return bytes.fromhex(text)
    if kind in GEOMETRIES:
        return bytes.fromhex(text)[4:]
    if kind == "vector":
        numbers = bytes.fromhex(text)
        return tuple(bits(number) for (number,) in struct.iter_unpack("<f", numbers))
    if kind in INTEGERS or kind == "bit":
        return int(text)
    if kind == "decimal":
        return decimal.Decimal(text)
    if kind in ("float", "double"):
        number, power = text.split("p")
        # Powers of two change no digit.
        return bits(float(number) * 2.0 ** -int(power))
    if kind == "date":
        return days(text)
    if kind in ("datetime", "timestamp"):
        day, clock = text.split(" ")
        whole = days(day)
        return Odd(text) if isinstance(whole, Odd) else whole * 86_400_000_000 + time(clock)
    if kind == "time":
        return time(text)
    return text


def bits(number):
    return "nan" if number != number else struct.pack(">d", number).hex()


def days(text):
    """Days since 1970 of a day that exists. Python's own dates begin with the year 1."""
    year, month, day = (int(part) for part in DAY.match(text).groups())
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    if not 1 <= month <= 12 or not 1 <= day <= lengths[month - 1]:
        return Odd(text)
    years = year - (month <= 2)
    era, of_era = divmod(years, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + day_of_year - 719468


def time(text):
    sign, hours, minutes, seconds, fraction = CLOCK.match(text).groups()
    if sign or int(hours) > 23:
        return Odd(text)
    whole = (int(hours) * 60 + int(minutes)) * 60 + int(seconds)
    return whole * 1_000_000 + int((fraction or "").ljust(6, "0"))
