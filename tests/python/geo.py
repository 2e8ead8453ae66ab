"""Prints the metadata `geo` of Parquet files as one line of JSON each; `null` where there is none.

Fails when it breaks a rule of GeoParquet 1.1, as its JSON schema and its text have them, or when a file's values do not
keep what it says of them.
"""

import json
import re
import struct
import sys

import pyarrow as pa
import pyarrow.parquet as pq

KINDS = ["Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection"]
TYPE = re.compile(r"(GeometryCollection|(Multi)?(Point|LineString|Polygon))( Z)?$")


def kind(wkb):
    """The kind of a value; fails for what GeoParquet does not have."""
    (word,) = struct.unpack_from("<I" if wkb[0] else ">I", wkb, 1)
    plain, dimensions = word % 1000, word // 1000
    assert 1 <= plain <= 7 and dimensions in (0, 1), f"kind {word}"
    return KINDS[plain - 1] + (" Z" if dimensions else "")


def check(document, table):
    assert re.fullmatch(r"1\.1\.\d+", document["version"]), document["version"]
    columns = document["columns"]
    assert columns and document["primary_column"] in columns, document
    for name, column in columns.items():
        field = table.schema.field(name)
        assert name and field.type == pa.binary(), field
        assert column["encoding"] == "WKB", column
        types = column["geometry_types"]
        assert len(set(types)) == len(types) and all(TYPE.match(one) for one in types), types
        assert column.get("edges", "planar") in ("planar", "spherical"), column
        assert "crs" not in column or column["crs"] is None, "a CRS is PROJJSON or null"
        assert set(column) <= {"encoding", "geometry_types", "crs", "edges"}, column
        # `geoarrow.wkb` is what an Arrow reader looks for.
        assert field.metadata[b"ARROW:extension:name"] == b"geoarrow.wkb", field.metadata
        found = {kind(value) for value in table.column(name).to_pylist() if value is not None}
        assert not types or found <= set(types), f"{found} in a column of {types}"


for path in sys.argv[1:]:
    table = pq.read_table(path, partitioning=None)
    text = (pq.read_metadata(path).metadata or {}).get(b"geo")
    if text:
        check(json.loads(text), table)
    print((text or b"null").decode())
