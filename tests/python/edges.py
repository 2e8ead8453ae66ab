"""A table of values at the edges of their types, and filters over it.

Every column is a list of kinds of blocks, so that some row groups hold nothing but one kind: NaN alone, NaN beside
numbers, one of the zeros, NULL, texts that are equal where bounds are cut, the largest and the smallest of a type.
"""

import itertools
import operator
from decimal import Decimal, getcontext

import database

TABLE = "edges"
# Rows that are like each other; the exported row groups are half as long, so that each block has one to itself.
BLOCK = 128
BLOCKS = 28
DAY = 86_400_000_000
ORDER = {"=": operator.eq, "<>": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
getcontext().prec = 100


class Column:
    """A column: its type, the kinds of blocks it has, and the values that filters compare it with."""

    def __init__(self, name, kind, declared, blocks, edges, server=None):
        self.name, self.kind, self.declared, self.blocks, self.edges = name, kind, declared, blocks, edges
        # A field of a composite type, or the column.
        self.path = name.split(".")
        # What the server is asked instead, where the files have another value.
        self.server = server or (f"({self.path[0]}).{self.path[1]}" if len(self.path) > 1 else name)

    def literal(self, value):
        """The value in the words of PostgreSQL."""
        return "NULL" if value is None else LITERALS[self.kind](value, self.declared)


def moment(value, epoch):
    days, rest = divmod(value, DAY)
    return f"({epoch} + interval '{days} days' + interval '{rest} microseconds')"


LITERALS = {
    "bool": lambda value, _: str(value).lower(),
    "int": lambda value, declared: f"({value})::{declared}",
    "float": lambda value, declared: f"'{value}'::{declared}",
    "decimal": lambda value, declared: f"'{value:f}'::{declared}",
    "date": lambda value, _: f"'{value}'::date" if isinstance(value, str) else f"(date '1970-01-01' + ({value}))",
    "timestamp": lambda value, _: moment(value, "timestamp '1970-01-01'"),
    "instant": lambda value, _: moment(value, "timestamptz '1970-01-01 00:00+00'"),
    "time": lambda value, _: f"(time '00:00' + interval '{value} microseconds')",
    "text": lambda value, _: database.literal(value),
    "bytes": lambda value, _: f"'\\x{value.hex()}'::bytea",
    "uuid": lambda value, _: f"'{value.hex()}'::uuid",
}

FLOATS = [
    ["1", "2.5", "NaN"],
    ["NaN"],
    ["1", "5", "9"],
    ["0"],
    ["-0"],
    ["0", "-0", None],
    ["NaN", "-NaN", None],
    [None],
    ["-Infinity", "-1", "NaN"],
    ["Infinity", "1e30"],
    ["-Infinity", "Infinity", "NaN", None],
    ["1e-45", "-1e-45", "3"],
    ["-7", "-3", "-0"],
    ["200", "300", "300"],
]
FLOAT_EDGES = ["-Infinity", "-3", "-1e-45", "-0", "0", "1", "5", "100", "300", "1e30", "Infinity", "NaN"]
PREFIX = "p" * 64
LONG = "ü" * 31 + "x"
TEXTS = [
    ["", "a", "b"],
    [PREFIX + "a", PREFIX + "z"],
    [PREFIX],
    [PREFIX + "m", None],
    # The 64th byte is in the middle of a character.
    ["y" + "ü" * 40, "y" + "ü" * 31 + "ý"],
    [LONG, LONG + "ü" * 9],
    [None],
    # The next character above is longer, or there is none.
    ["\x7f" * 70, "\u07ff" * 40, "\ud7ff" * 30, "\uffff" * 30],
    ["\U0010ffff" * 20, "\U0010ffff"],
    ["𝄞" * 20, "é", "e\u0301"],
    ["Z", "z", "ß", None],
]
TEXT_EDGES = ["", "b", PREFIX, PREFIX + "a", PREFIX + "m", PREFIX[:-1] + "q", "y" + "ü" * 31, "y" + "ü" * 40, LONG,
              "\ud7ff" * 30, "\uffff" * 30, "\U0010ffff" * 20, "\U0010ffff" * 16, "é"]
BYTES = [
    [b"", b"\x00", b"\x00\x00"],
    [b"\xff" * 70, b"\xff" * 64],
    [b"\x7f", b"\x80"],
    [b"\x01" * 63 + b"\xff\xff" + b"\x02", b"\x01" * 63 + b"\xff\xff"],
    [None],
    [b"\x80" * 80, None],
    [b"\x00" * 64 + b"a", b"\x00" * 65],
]
BYTE_EDGES = [b"", b"\x00", b"\x7f", b"\x80", b"\x00" * 64, b"\x00" * 65, b"\x01" * 63 + b"\xff\xff", b"\x80" * 80,
              b"\xff" * 64, b"\xff" * 70]
UUIDS = [
    [b"\x00" * 16, b"\x00" * 15 + b"\x01"],
    [b"\x7f" * 16, b"\x80" * 16],
    [b"\xff" * 16, b"\xff" * 8 + b"\x00" * 8],
    [b"\x00" * 8 + b"\xff" * 8, b"\x01" + b"\x00" * 15],
    [None],
    [b"\x80" + b"\x00" * 15, None],
]
UUID_EDGES = [b"\x00" * 16, b"\x00" * 8 + b"\xff" * 8, b"\x01" + b"\x00" * 15, b"\x7f" * 16, b"\x80" + b"\x00" * 15,
              b"\x80" * 16, b"\xff" * 16]
# Year 0, 1582, 1900, around 1970, 2299 and 9999; and what some readers do not have: 4713 BC and 5874897 AD.
DAYS = [[-719_528, -719_527], [-141_428, -141_427], [-1, 0, 1], [None], [-25_567, 120_529], [120_530, 2_932_896],
        [19_000, None], ["infinity", 3], ["-infinity", "infinity"]]
DAY_EDGES = [-719_528, -141_427, -25_568, -1, 0, 1, 19_000, 120_529, 120_530, 2_932_896]
FAR_DAYS = DAYS + [[-2_440_550, -719_529], [2_932_897, 100_000_000]]
FAR_DAY_EDGES = [-2_440_550, *DAY_EDGES, 100_000_000]
TOP = 2**63 - 2
MOMENTS = [[-210_866_803_200_000_000, -62_135_596_800_000_000], [-1, 0, 1], [None], [1_709_210_096_123_456, None],
           [-2_208_988_800_000_000, 10_413_791_999_999_999], [9_223_372_036_854_775, 253_402_300_799_999_999],
           [TOP, TOP - 1], [TOP, None]]
MOMENT_EDGES = [-210_866_803_200_000_000, -62_135_596_800_000_000, -2_208_988_800_000_001, -1, 0, 1,
                1_709_210_096_123_456, 9_223_372_036_854_776, 253_402_300_800_000_000, TOP - 1, TOP]


def decimals(precision, scale):
    """Blocks and edges: the largest, the smallest, both signs, zero, and where the bytes get one more."""
    top, one = Decimal((0, (9,) * precision, -scale)), Decimal((0, (1,), -scale))
    zero = Decimal(0)
    blocks = [[top, -top], [top], [-top], [one, -one], [zero], [255 * one, 256 * one], [None], [-128 * one, -129 * one],
              [127 * one, -one, None], [-one, None]]
    return blocks, [-top, -129 * one, -128 * one, -one, zero, one, 255 * one, 256 * one, top]


def integers(bits):
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    blocks = [[low, high], [low], [high], [-1, 0, 1], [0], [None], [5, None], [high - 1, high]]
    return blocks, [low, low + 1, -1, 0, 1, 5, high - 1, high]


OIDS = [[0, 2**32 - 1], [2**31, 2**31 - 1], [None], [7]]
BOOLS = [[True], [False], [True, False, None], [None], [True, None]]
TIMES = [[0, 1], [DAY - 1], [None], [DAY // 2, None]]
NAN = [Decimal("NaN"), Decimal(1)]
# Exported with --special-values null.
FINITE = "CASE WHEN isfinite({0}) THEN {0} END"

COLUMNS = [
    Column("f", "float", "double precision", FLOATS, FLOAT_EDGES),
    Column("r", "float", "real", FLOATS[3:] + FLOATS[:3], FLOAT_EDGES),
    Column("i2", "int", "smallint", *integers(16)),
    Column("i4", "int", "integer", *integers(32)),
    Column("i8", "int", "bigint", *integers(64)),
    Column("o", "int", "oid", OIDS, [0, 7, 2**31 - 1, 2**31, 2**32 - 1]),
    Column("b", "bool", "boolean", BOOLS, [True, False]),
    Column("n9", "decimal", "numeric(9,2)", *decimals(9, 2)),
    Column("n18", "decimal", "numeric(18,4)", *decimals(18, 4)),
    Column("n19", "decimal", "numeric(19,2)", *decimals(19, 2)),
    Column("n38", "decimal", "numeric(38,10)", [NAN, *decimals(38, 10)[0]], decimals(38, 10)[1],
           "CASE WHEN n38 <> 'NaN' THEN n38 END"),
    Column("n76", "decimal", "numeric(76,20)", *decimals(76, 20)),
    Column("d", "date", "date", DAYS, DAY_EDGES, FINITE.format("d")),
    Column("far", "date", "date", FAR_DAYS, FAR_DAY_EDGES, FINITE.format("far")),
    Column("ts", "timestamp", "timestamp", MOMENTS, MOMENT_EDGES),
    Column("tz", "instant", "timestamptz", MOMENTS[2:] + MOMENTS[:2], MOMENT_EDGES),
    Column("tm", "time", "time", TIMES, [0, 1, DAY // 2, DAY - 1]),
    Column("t", "text", 'text COLLATE "C"', TEXTS, TEXT_EDGES),
    Column("a", "bytes", "bytea", BYTES, BYTE_EDGES),
    Column("u", "uuid", "uuid", UUIDS, UUID_EDGES),
]
FIELDS = [
    Column("s.x", "float", "double precision", FLOATS, FLOAT_EDGES),
    Column("s.y", "text", 'text COLLATE "C"', TEXTS, TEXT_EDGES),
    Column("s.n", "decimal", "numeric(38,10)", *decimals(38, 10)),
]
LIST = Column("l", "list", "double precision[]", [], FLOAT_EDGES)
# A row whose fields are all NULL is one to PostgreSQL's IS NULL.
ROW = Column("s", "row", "edge_fields", [], [], "(s IS DISTINCT FROM NULL OR NULL)")


def table_sql():
    """The statements that make the table."""
    fields = ", ".join(f"{column.path[1]} {column.declared}" for column in FIELDS)
    columns = ", ".join(f"{column.name} {column.declared}" for column in [*COLUMNS, ROW, LIST])
    yield f"CREATE TYPE edge_fields AS ({fields});"
    yield f"CREATE TABLE {TABLE} (id integer, {columns});"
    for block in range(BLOCKS):
        rows = ",\n".join(row_sql(block, at) for at in range(BLOCK))
        yield f"INSERT INTO {TABLE} VALUES {rows};"


def row_sql(block, at):
    def pick(column):
        values = column.blocks[block % len(column.blocks)]
        return column.literal(values[at % len(values)])

    values = [str(block * BLOCK + at), *map(pick, COLUMNS)]
    # A composite value that is NULL, and lists that are NULL or have no elements: other levels than a NULL in them.
    values.append("NULL" if at % 9 == 8 else f"ROW({', '.join(map(pick, FIELDS))})")
    numbers = FLOATS[block % len(FLOATS)]
    elements = [COLUMNS[0].literal(value) for value in numbers[: at % (len(numbers) + 1)]]
    values.append("NULL" if at % 9 == 7 else f"ARRAY[{', '.join(elements)}]::double precision[]")
    return f"({', '.join(values)})"


# A filter is (kind, column, ...) or ("and" | "or" | "not", filter, ...).


def filters_of(column):
    """Every operator with every edge, and edges together."""
    edges = column.edges
    found = [("null", column), ("not", ("null", column))]
    if column is LIST:
        return found + [("any", column, compare, edge) for compare in ORDER for edge in edges]
    found += [("compare", column, compare, edge) for compare in ORDER for edge in edges]
    found += [("between", column, low, high) for low, high in itertools.pairwise(edges)]
    if edges:
        found += [("in", column, edges[::3]), ("not in", column, edges[1::3]), ("in", column, edges[-1:])]
    return found


def mixed(chance, filters):
    """Two filters as one, or the opposite."""
    one = (chance.choice(["and", "or"]), chance.choice(filters), chance.choice(filters))
    return ("not", one) if chance.random() < 0.3 else one


def columns_of(one):
    if one[0] in ("and", "or", "not"):
        return [column for inner in one[1:] for column in columns_of(inner)]
    return [one[1]]
