"""Validates JSON documents with the schemas of docs/schemas: `json_schemas.py SCHEMAS NAME FILE [NAME FILE ...]`.

The published schemas allow keys that they do not name: documents may grow. Here none may be missing in them, so that
objects with described properties take no others.
"""

import json
import pathlib
import sys

import jsonschema
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

schemas = pathlib.Path(sys.argv[1])


def closed(schema, inside=False):
    """The schema without undescribed keys; `inside` is one that another one adds keys to."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            value = {name: closed(each, inside=key == "$defs" and name == "run") for name, each in value.items()}
        elif key == "items":
            value = closed(value)
        out[key] = value
    if "properties" in out and not inside:
        out["unevaluatedProperties"] = False
    return out


loaded = {}
for path in schemas.glob("*.json"):
    schema = json.loads(path.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    # Tables and runs are described once, and documents add keys of their own.
    loaded[path.name] = closed(schema, inside=path.name == "table.schema.json")
registry = Registry().with_resources(
    (name, Resource.from_contents(schema, default_specification=DRAFT202012)) for name, schema in loaded.items()
)
wrong = 0
for name, path in zip(sys.argv[2::2], sys.argv[3::2]):
    document = json.loads(pathlib.Path(path).read_text())
    validator = jsonschema.Draft202012Validator(
        loaded[f"{name}.schema.json"],
        registry=registry,
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER,
    )
    for error in validator.iter_errors(document):
        wrong += 1
        print(f"{path} as {name}: {error.json_path}: {error.message[:300]}")
print(f"{len(sys.argv[2::2])} documents, {wrong} problems")
sys.exit(1 if wrong else 0)
