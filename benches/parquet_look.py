"""What Parquet files say of themselves, as JSON: rows, rows of the largest and the smallest row group but the last of
a file, and the type of each column. A process of its own, because pyarrow is large (see contest.measure)."""

import json
import sys

import pyarrow.parquet

found = {"rows": 0, "row_groups": 0, "least": None, "most": 0, "types": {}}
for path in sys.argv[1:]:
    with pyarrow.parquet.ParquetFile(path) as file:
        sizes = [file.metadata.row_group(at).num_rows for at in range(file.metadata.num_row_groups)]
        found["types"] = {field.name: str(field.type) for field in file.schema_arrow}
    found["rows"] += sum(sizes)
    found["row_groups"] += len(sizes)
    found["most"] = max([found["most"], *sizes])
    if sizes[:-1]:
        found["least"] = min(sizes[:-1] + ([found["least"]] if found["least"] else []))
found["least"] = found["least"] or found["most"]
print(json.dumps(found))
