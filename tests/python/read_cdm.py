"""Reads metadata of the Common Data Model with Microsoft's own reader and prints what it understood, as JSON.

    read_cdm.py --dir DIR --manifest NAME.manifest.cdm.json

Every warning and error of the reader is a failure, and so is a document that Microsoft's JSON schema refuses, a
partition that is not there, an entity that cannot be resolved, a relationship to something that is not there.
"""

import argparse
import asyncio
import json
import pathlib
import sys

import jsonschema
import pyarrow.parquet
from cdm.enums import CdmStatusLevel
from cdm.objectmodel import CdmCorpusDefinition
from cdm.storage import LocalAdapter
from cdm.utilities import ResolveOptions

problems = []


def check_documents(root):
    """By the schema that Microsoft publishes beside its definitions."""
    import commondatamodel_objectmodel_cdmstandards as standards

    path = pathlib.Path(standards.__path__[0]) / "schema_documents" / "schema.cdm.json"
    validator = jsonschema.Draft6Validator(json.loads(path.read_text(encoding="utf-8-sig")))
    documents = sorted(root.rglob("*.cdm.json"))
    for document in documents:
        for error in validator.iter_errors(json.loads(document.read_text(encoding="utf-8"))):
            problems.append(f"{document}: {error.message}")
    return len(documents)


async def read_entity(corpus, manifest, declaration):
    entity = await corpus.fetch_object_async(declaration.entity_path, manifest)
    if entity is None:
        problems.append(f"{declaration.entity_path} is not there")
        return None
    resolved = await entity.create_resolved_entity_async(
        f"resolved_{declaration.entity_name}", ResolveOptions(entity.in_document)
    )
    attributes = []
    for attribute in resolved.attributes:
        shaped = [t for t in attribute.applied_traits if t.named_reference == "is.dataFormat.numeric.shaped"]
        attributes.append(
            {
                "name": attribute.name,
                "format": attribute.data_format.value,
                "nullable": bool(attribute.is_nullable),
                "key": bool(attribute.is_primary_key),
                "length": attribute.maximum_length,
                "shape": {a.name: a.value for t in shaped for a in t.arguments} or None,
            }
        )
    partitions = []
    for partition in declaration.data_partitions:
        path = corpus.storage.create_absolute_corpus_path(partition.location, manifest)
        file = pathlib.Path(corpus.storage.corpus_path_to_adapter_path(path))
        traits = [trait.named_reference for trait in partition.exhibits_traits]
        if traits != ["is.partition.format.parquet"]:
            problems.append(f"{path}: {traits}")
        if not file.is_file():
            problems.append(f"{path} is not there")
            continue
        footer = pyarrow.parquet.ParquetFile(file)
        if footer.schema_arrow.names != [a["name"] for a in attributes]:
            problems.append(f"{path}: columns {footer.schema_arrow.names}")
        partitions.append({"rows": footer.metadata.num_rows, "arguments": partition.arguments})
    return {"attributes": attributes, "partitions": partitions}


async def read_manifest(corpus, path, above):
    manifest = await corpus.fetch_object_async(path, above)
    if manifest is None:
        problems.append(f"{path} is not there")
        return None
    entities = {}
    for declaration in manifest.entities:
        entities[declaration.entity_name] = await read_entity(corpus, manifest, declaration)
    relationships = []
    for relationship in manifest.relationships:
        ends = []
        for entity, attribute in (
            (relationship.from_entity, relationship.from_entity_attribute),
            (relationship.to_entity, relationship.to_entity_attribute),
        ):
            found = await corpus.fetch_object_async(entity, manifest)
            if found is None or attribute not in [a.name for a in found.attributes]:
                problems.append(f"{relationship.name}: {entity} has no {attribute}")
            ends.append(f"{entity.rsplit('/', 1)[-1]}.{attribute}")
        relationships.append([relationship.name, *ends])
    below = {}
    for declaration in manifest.sub_manifests:
        below[declaration.manifest_name] = await read_manifest(corpus, declaration.definition, manifest)
    return {
        "name": manifest.manifest_name,
        "entities": entities,
        "relationships": relationships,
        "below": below,
    }


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", type=pathlib.Path, required=True)
    parser.add_argument("--manifest", required=True)
    args = parser.parse_args()

    if check_documents(args.dir) == 0:
        problems.append(f"no documents in {args.dir}")
    corpus = CdmCorpusDefinition()
    corpus.set_event_callback(
        lambda level, message: problems.append(f"{level}: {message}"), CdmStatusLevel.WARNING
    )
    corpus.storage.mount("local", LocalAdapter(root=str(args.dir)))
    corpus.storage.default_namespace = "local"
    found = await read_manifest(corpus, f"local:/{args.manifest}", None)
    if found is not None:
        await corpus.calculate_entity_graph_async(await corpus.fetch_object_async(f"local:/{args.manifest}"))
    print(json.dumps(found, indent=1))
    if problems:
        print("\n".join(problems), file=sys.stderr)
        sys.exit(1)


asyncio.run(main())
