"""Exports as they are opened: the committed files and nothing else."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lakexpress
from lakexpress import _schema
from lakexpress._types import Column


def test_tables_are_opened_by_every_engine(lake):
    opened = lakexpress.open(lake)
    assert [table.full_name for table in opened.tables] == ["main.customers", "main.empty", "main.orders"]
    orders = opened.table("main.orders")
    assert orders.files == [str(lake / "main/orders/part-00000.parquet")]
    assert (orders.rows, orders.snapshot.level, orders.source.kind, orders.schema_name) == (3, "run", "sqlite", "main")
    assert orders.schema.names == ["id", "at", "total", "note"] and orders.bytes > 0
    assert orders.arrow().column("note").to_pylist() == ["a", None, "ü"]
    assert orders.dataset().count_rows() == 3
    assert orders.polars().collect()["note"].to_list() == ["a", None, "ü"]
    assert orders.duckdb().filter("id = 3").project("note").fetchall() == [("ü",)]
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect() as connection:
        assert orders.duckdb(connection).aggregate("count(*)").fetchall() == [(3,)]
    assert opened["orders"] is orders is opened.table("main/orders") and len(opened) == 3
    assert lakexpress.open(lake / "main/orders").table("orders").files == orders.files


def test_what_no_manifest_names_is_not_read(lake):
    place = lake / "main/orders"
    for name in ("part-00000.parquet.tmp", "part-00001.parquet", "run2-part-00000.parquet"):
        shutil.copy(place / "part-00000.parquet", place / name)
    (lake / "main/half").mkdir()
    shutil.copy(place / "part-00000.parquet", lake / "main/half")
    opened = lakexpress.open(lake)
    orders = opened.table("orders")
    assert orders.arrow().num_rows == orders.polars().collect().height == 3
    assert orders.duckdb().aggregate("count(*)").fetchall() == [(3,)]
    assert opened.uncommitted == ("main/half",)
    for name in ("main.half", "half", "main/half"):
        with pytest.raises(KeyError, match="not committed"):
            opened.table(name)


def test_a_manifest_that_is_withdrawn_or_newer_or_damaged(lake):
    manifest = lake / "main/orders/_manifest.json"
    whole = manifest.read_text()
    manifest.write_text('{"withdrawn": true}')
    opened = lakexpress.open(lake)
    with pytest.raises(KeyError, match="not committed"):
        opened.table("main.orders")
    assert opened.table("customers").rows == 1
    for text, part in [
        (json.dumps({**json.loads(whole), "format_version": 3}), "update it"),
        ("{}", "no manifest"),
        (whole[:50], "no manifest"),
        ("[]", "no manifest"),
    ]:
        manifest.write_text(text)
        with pytest.raises(ValueError, match=part):
            lakexpress.open(lake)


def test_leftover_files_are_no_part_of_a_table(lake):
    manifest = lake / "main/orders/_manifest.json"
    document = json.loads(manifest.read_text())
    document["files"].append({**document["files"][0], "name": "old.parquet", "leftover": True, "rows": 0})
    manifest.write_text(json.dumps(document))
    assert [file.rsplit("/", 1)[-1] for file in lakexpress.open(lake).table("orders").files] == ["part-00000.parquet"]


def test_names_that_are_not_there(lake):
    opened = lakexpress.open(lake)
    with pytest.raises(KeyError, match=r"did you mean main\.orders\? There are main\.customers"):
        opened.table("main.order")
    with pytest.raises(KeyError, match="did you mean orders"):
        opened.table("ordres")
    with pytest.raises(FileNotFoundError):
        lakexpress.open(lake / "nowhere")
    with pytest.raises(KeyError, match="there are none"):
        lakexpress.open(lake / "_lakexpress").table("x")


NAMES = [
    "a.b",
    "Größe 1",
    "with 'quotes' \"",
    "50% [x]*?",
    "a/b",
    "..",
    "year=2024",
    "_lock",
    "日本",
    "x&y#z;+~",
    "{a,b}",
]


def test_names_of_every_kind(empty, tmp_path):
    for number, name in enumerate(NAMES):
        quoted = name.replace('"', '""')
        empty.run(f'CREATE TABLE "{quoted}" (i INTEGER); INSERT INTO "{quoted}" VALUES ({number})')
    place = tmp_path / "a [b]*{c} 50%"
    run = lakexpress.export(source=empty.url, output_dir=place)
    assert {table.name for table in run.tables} == set(NAMES)
    opened = lakexpress.open(place)
    for number, name in enumerate(NAMES):
        table = opened.table(f"main.{name}")
        assert table is opened.table(name)
        assert table.arrow().to_pydict() == {"i": [number]}, name
        assert table.polars().collect()["i"].to_list() == [number], name
        assert table.duckdb().fetchall() == [(number,)], name


def test_tables_of_one_name(empty, tmp_path):
    empty.run("CREATE TABLE t (i); INSERT INTO t VALUES (1)")
    for day in ("2026-01-01", "2026-01-02"):
        lakexpress.export(source=empty.url, output_dir=tmp_path / "lake", sub_path=day)
    opened = lakexpress.open(tmp_path / "lake")
    with pytest.raises(KeyError, match="2026-01-01/main/t, 2026-01-02/main/t"):
        opened.table("main.t")
    assert opened.table("2026-01-02/main/t").rows == 1
    assert lakexpress.open(tmp_path / "lake/2026-01-02").table("main.t").rows == 1


def test_tables_that_were_added_to_or_replaced(shop, tmp_path):
    def export(**flags):
        return lakexpress.export(source=shop.url, output_dir=tmp_path / "lake", include="orders", **flags)

    export()
    export(if_exists="append")
    twice = lakexpress.open(tmp_path / "lake").table("orders")
    assert len(twice.files) == 2 and twice.rows == 6 == twice.arrow().num_rows == twice.polars().collect().height
    assert twice.duckdb().aggregate("count(*)").fetchall() == [(6,)]
    export(where="orders: id = 1")
    once = lakexpress.open(tmp_path / "lake").table("orders")
    assert once.arrow().to_pydict()["id"] == [1]


def test_the_newest_version_of_a_delta_table(shop, tmp_path):
    def export(**flags):
        return lakexpress.export(source=shop.url, output_dir=tmp_path / "lake", include="orders", format="delta", **flags)

    export()
    export(where="orders: id = 1")
    newest = lakexpress.open(tmp_path / "lake").table("orders")
    assert newest.arrow().to_pydict()["id"] == [1]
    assert len(list((tmp_path / "lake/main/orders").glob("*.parquet"))) == 2
    with pytest.raises(lakexpress.Error):
        lakexpress.export(source=shop.url, output_dir=tmp_path / "lake", include="orders")


def test_parts_in_directories_of_their_periods_have_no_more_columns(lake):
    """As the method Timepartition lays them, which SQLite does not have."""
    place = lake / "main/orders"
    (place / "year=2026/month=01").mkdir(parents=True)
    (place / "part-00000.parquet").rename(place / "year=2026/month=01/part-00000.parquet")
    document = json.loads((place / "_manifest.json").read_text())
    document["files"][0]["name"] = "year=2026/month=01/part-00000.parquet"
    (place / "_manifest.json").write_text(json.dumps(document))
    opened = lakexpress.open(lake)
    orders = opened.table("orders")
    assert opened.uncommitted == () and orders.files == [str(place / "year=2026/month=01/part-00000.parquet")]
    names = ["id", "at", "total", "note"]
    assert orders.arrow().column_names == orders.polars().collect().columns == orders.duckdb().columns == names


def test_a_table_without_files_is_empty_and_has_its_schema(shop, tmp_path):
    lakexpress.export(source=shop.url, output_dir=tmp_path / "with", include="empty")
    lakexpress.export(source=shop.url, output_dir=tmp_path / "without", include="empty", empty_tables="skip")
    written = lakexpress.open(tmp_path / "with").table("empty")
    skipped = lakexpress.open(tmp_path / "without").table("empty")
    assert len(written.files) == 1 and skipped.files == []
    assert skipped.schema == written.schema.remove_metadata(), (skipped.schema, written.schema)
    assert skipped.dataset().count_rows() == skipped.arrow().num_rows == 0
    assert skipped.polars().collect().schema == written.polars().collect().schema
    assert skipped.duckdb().fetchall() == [] and skipped.duckdb().columns == written.duckdb().columns


def test_types_of_manifests_are_read():
    item = pa.field("item", pa.int32(), nullable=False)
    for text, wanted in [
        ("Int32", pa.int32()),
        ("Decimal128(38, -2)", pa.decimal128(38, -2)),
        ("Decimal256(50, 10)", pa.decimal256(50, 10)),
        ("Timestamp(µs)", pa.timestamp("us")),
        ('Timestamp(µs, "UTC")', pa.timestamp("us", "UTC")),
        ('Timestamp(ns, "+00:00")', pa.timestamp("ns", "+00:00")),
        ("Time64(µs)", pa.time64("us")),
        ("FixedSizeBinary(16)", pa.binary(16)),
        ("List(non-null Int32)", pa.list_(item)),
        ("List(Utf8, field: 'element')", pa.list_(pa.field("element", pa.string()))),
        (
            'Struct("a, \\"b": Int32, "c": non-null List(Utf8, metadata: {"k": "v", "l": "}"}))',
            pa.struct(
                [
                    ('a, "b', pa.int32()),
                    pa.field("c", pa.list_(pa.field("item", pa.string())), nullable=False),
                ]
            ),
        ),
        ("Struct()", pa.struct([])),
    ]:
        assert _schema.of_columns("t", [Column("c", text, True)]).field("c").type == wanted, text
    for text in ("Nonsense", "Int32 and more", "List(", "Struct(a: Int32)", "Decimal128(x, 1)", "Timestamp(h)"):
        with pytest.raises(ValueError, match="s.t has no files, and its schema is not known here: column c"):
            _schema.of_columns("s.t", [Column("c", text, True)])


def test_urls_are_read_by_a_filesystem(lake):
    from pyarrow import fs

    inner = fs.SubTreeFileSystem(str(lake.parent), fs.LocalFileSystem())
    opened = lakexpress.open("bucket://lake", filesystem=inner)
    orders = opened.table("main.orders")
    assert orders.files == ["bucket://lake/main/orders/part-00000.parquet"]
    assert orders.arrow().num_rows == orders.dataset().count_rows() == 3
    assert lakexpress.open(lake.as_uri()).table("orders").arrow().num_rows == 3
    assert opened.path == "bucket://lake" and [table.name for table in opened] == ["customers", "empty", "orders"]


def test_a_file_that_is_gone_is_an_error(lake):
    orders = lakexpress.open(lake).table("orders")
    (lake / "main/orders/part-00000.parquet").unlink()
    for read in (orders.arrow, lambda: orders.polars().collect(), lambda: orders.duckdb().fetchall()):
        with pytest.raises(Exception):
            read()


def test_a_missing_package_is_named(lake, monkeypatch):
    import sys

    orders = lakexpress.open(lake).table("orders")
    for name, read in (("pyarrow", orders.arrow), ("polars", orders.polars), ("duckdb", orders.duckdb)):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, name, None)
            with pytest.raises(ImportError, match=rf"pip install 'lakexpress\[{name}\]'"):
                read()


def test_the_manifest_agrees_with_the_footers(lake):
    for table in lakexpress.open(lake).tables:
        assert sum(pq.read_metadata(file).num_rows for file in table.files) == table.rows
        written = table.schema.remove_metadata()
        of_manifest = _schema.of_columns(table.full_name, table.columns)
        assert of_manifest == written, (of_manifest, written)
