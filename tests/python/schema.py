"""Prints the schema of one Parquet file as JSON: its Arrow fields, and its Parquet leaves."""

import json
import sys

import pyarrow.parquet as pq


def field(arrow):
    """Name, type, nullability and metadata of a field, and of those inside it."""
    kind = arrow.type
    return {
        "name": arrow.name,
        "type": str(kind),
        "nullable": arrow.nullable,
        "metadata": {k.decode(): v.decode() for k, v in (arrow.metadata or {}).items()},
        "children": [field(kind.field(i)) for i in range(kind.num_fields)] if kind.num_fields else [],
    }


file = pq.ParquetFile(sys.argv[1])
leaves = {}
for at in range(len(file.schema)):
    leaf = file.schema.column(at)
    leaves[leaf.path] = {
        "physical": leaf.physical_type,
        "logical": json.loads(leaf.logical_type.to_json()),
        "required": leaf.max_definition_level == 0,
    }
encodings = {}
for group in range(file.metadata.num_row_groups):
    for at in range(file.metadata.num_columns):
        chunk = file.metadata.row_group(group).column(at)
        encodings.setdefault(chunk.path_in_schema, set()).update(chunk.encodings)
encodings = {path: sorted(names) for path, names in encodings.items()}
metadata = {key.decode(): value.decode() for key, value in (file.metadata.metadata or {}).items()}
print(json.dumps({"fields": [field(f) for f in file.schema_arrow], "leaves": leaves, "metadata": metadata, "encodings": encodings}))
