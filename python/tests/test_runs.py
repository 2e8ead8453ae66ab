"""Runs, their results and their errors, by the real program."""

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import lakexpress

PACKAGE = Path(__file__).parent.parent


def test_an_export_gives_a_typed_result(shop, tmp_path):
    run = lakexpress.export(source=shop.url, output_dir=tmp_path / "lake", n_jobs=1, verify="hash")
    assert run.ok and run.status == "completed" and run.exit_code == 0 and run.failed == ()
    assert {table.full_name: table.rows for table in run.tables} == {
        "main.orders": 3,
        "main.customers": 1,
        "main.empty": 0,
    }
    orders = run.table("orders")
    assert orders == run.table("main.orders")
    assert (orders.files, orders.directory, orders.error, orders.kept) == (1, "main/orders", None, False)
    assert orders.bytes == (tmp_path / "lake/main/orders/part-00000.parquet").stat().st_size
    assert orders.verification == {"source_rows": 3, "hash": "equal"}
    assert (run.totals.tables, run.totals.rows, run.totals.files) == (3, 4, 3)
    assert run.location == str(tmp_path / "lake") and run.source.kind == "sqlite" and run.snapshot.level == "run"
    assert run.raw["run_id"] == run.run_id and run.resume is None and run.seconds > 0
    assert run.lake().table("orders").run_id == run.run_id


def test_flags_select_and_switch(shop, tmp_path):
    run = lakexpress.export(
        source=shop.url,
        output_dir=str(tmp_path / "lake"),
        include=["orders", "empty"],
        exclude="empty",
        where=["orders: id > 1"],
        columns="orders: id, note",
        compression="snappy",
        parallel=-1,
        row_group_bytes="1MiB",
        part_bytes=1 << 20,
        sub_path="day=2026-01-01",
        views=True,
    )
    assert [(table.name, table.rows, table.directory) for table in run.tables] == [
        ("orders", 2, "day=2026-01-01/main/orders")
    ]
    assert [column.name for column in lakexpress.open(run.location).table("orders").columns] == ["id", "note"]


def test_a_switch_of_the_environment_is_cleared_by_false(empty, tmp_path, monkeypatch):
    empty.run("CREATE TABLE t (i); CREATE VIEW v AS SELECT 1 AS one")
    monkeypatch.setenv("LAKEXPRESS_VIEWS", "1")
    monkeypatch.setenv("LAKEXPRESS_SOURCE", empty.url)
    assert len(lakexpress.plan().tables) == 2
    assert len(lakexpress.plan(views=False).tables) == 1


def test_a_query_lies_in_its_directory_and_may_begin_with_a_comment(shop, tmp_path):
    sql = "-- the sum\nSELECT count(*) AS n, sum(id) AS s FROM orders"
    run = lakexpress.query(sql, source=shop.url, output_dir=tmp_path / "lake", name="totals")
    assert run.table("query.totals").directory == "query/totals"
    assert run.lake().table("query.totals").arrow().to_pydict()["n"] == [3]
    with pytest.raises(ValueError, match="stream"):
        lakexpress.query(sql, source=shop.url, output_dir="-")


def test_plan_inspect_and_check(shop, tmp_path):
    plan = lakexpress.plan(source=shop.url, output_dir=tmp_path / "lake")
    orders = next(table for table in plan.tables if table.name == "orders")
    assert (orders.full_name, orders.kind, orders.parts, orders.readers) == ("main.orders", "table", 1, 1)
    assert [column.name for column in orders.columns] == ["id", "at", "total", "note"]
    assert plan.destination == str(tmp_path / "lake") and plan.failures == () and not (tmp_path / "lake").exists()
    found = lakexpress.inspect(source=shop.url, include="customers")
    assert [(table.name, [c.arrow_type for c in table.columns]) for table in found.tables] == [
        ("customers", ["Int64", "Utf8"])
    ]
    ready = lakexpress.check(source=shop.url, output_dir=tmp_path / "lake")
    assert ready.ok and {check.area for check in ready.checks} and all(check.ok for check in ready.checks)


def test_verify_finds_what_was_changed(lake):
    assert lakexpress.verify(lake, read_data=True).ok
    part = lake / "main/orders/part-00000.parquet"
    content = bytearray(part.read_bytes())
    content[10] ^= 1
    part.write_bytes(content)
    assert lakexpress.verify(str(lake)).ok
    with pytest.raises(lakexpress.DataError) as caught:
        lakexpress.verify(lake, read_data=100)
    result = caught.value.result
    assert caught.value.exit_code == 65 and not result.ok and result.read_percent == 100
    bad = [table for table in result.tables if table.problems]
    assert [table.full_name for table in bad] == ["main.orders"]
    assert bad[0].problems[0].file == "part-00000.parquet"
    assert lakexpress.verify(lake, read_data=True, check=False).raw == result.raw


def broken(empty):
    return empty.run("CREATE TABLE good (i INTEGER); CREATE TABLE bad (d DATE); INSERT INTO bad VALUES ('soon')")


def test_a_table_that_fails_is_an_error_with_the_result(empty, tmp_path):
    broken(empty)
    with pytest.raises(lakexpress.PartialError) as caught:
        lakexpress.export(source=empty.url, output_dir=tmp_path / "lake")
    error = caught.value
    assert error.exit_code == 1 and isinstance(error, lakexpress.Error)
    assert error.message.startswith("1 of 2 tables failed: main.bad: TEXT 'soon' is not a date")
    assert any("--cast" in hint for hint in error.hints)
    assert any(f"lakexpress resume {error.result.run_id}" in hint for hint in error.hints)
    assert [table.name for table in error.result.failed] == ["bad"]
    failed = error.result.table("bad").error
    assert failed.kind == "data" and "main.bad" in failed.message and failed.hints
    run = lakexpress.export(source=empty.url, output_dir=tmp_path / "lake", check=False)
    assert not run.ok and run.exit_code == 1 and run.resume
    with pytest.raises(KeyError, match="bad is not|no table bad"):
        run.lake().table("bad")


def test_a_run_is_resumed(empty, tmp_path):
    broken(empty)
    run = lakexpress.export(source=empty.url, output_dir=tmp_path / "lake", check=False)
    empty.run("UPDATE bad SET d = '2026-01-01'")
    done = lakexpress.resume(run.run_id)
    assert done.ok and done.resumed and done.run_id == run.run_id
    assert {table.name: table.kept for table in done.tables} == {"good": True, "bad": False}


@pytest.mark.parametrize(
    "flags, kind, code, part",
    [
        ({"source": "postgres://me:pa55word@127.0.0.1:1/x", "retries": 0}, "UnavailableError", 75, "connect"),
        ({"source": "sqlite:///nowhere/x.db"}, None, None, "x.db"),
        ({"source": "oracle://me:pa55word@h/x"}, "UsageError", 2, "oracle"),
        ({"source": "sqlite:///x.db", "compression": "zip"}, "UsageError", 2, "unknown codec"),
        ({"auth": "/nowhere/auth.json", "source_db_auth_id": "x"}, "ConfigError", 78, "auth.json"),
        ({"source": "sqlite:///x.db", "if_exists": "apend"}, "UsageError", 2, "append"),
        ({"source": "sqlite:///x.db", "where": "no colon"}, "UsageError", 2, "--where"),
    ],
)
def test_errors_are_classes_by_exit_code(flags, kind, code, part, tmp_path):
    with pytest.raises(lakexpress.Error) as caught:
        lakexpress.export(output_dir=tmp_path / "lake", **flags)
    error = caught.value
    assert part in str(error) and "pa55word" not in f"{error} {error!r} {error.raw}"
    if kind:
        assert type(error).__name__ == kind and error.exit_code == code and error.result is None
    assert error.raw["error"]["message"].strip() == error.message


def test_check_false_does_not_hide_what_has_no_result(tmp_path):
    with pytest.raises(lakexpress.UnavailableError):
        lakexpress.export(source="postgres://h@127.0.0.1:1/x", output_dir=tmp_path, retries=0, check=False)


def test_a_check_that_fails_names_it(shop, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(lakexpress.Error) as caught:
        lakexpress.check(source=shop.url, output_dir=tmp_path / "file/below")
    failed = [check for check in caught.value.result.checks if not check.ok]
    assert failed and failed[0].error in caught.value.message and not caught.value.result.ok
    assert lakexpress.check(source=shop.url, output_dir=tmp_path / "file/below", check=False) == caught.value.result


def test_progress_counts_tables(empty, tmp_path):
    broken(empty).run('INSERT INTO good VALUES (1), (2); CREATE TABLE "a: done, 1 row in" (i)')
    events = []
    run = lakexpress.export(
        source=empty.url, output_dir=tmp_path / "lake", n_jobs=1, progress=events.append, check=False
    )
    assert events[0].event == "run" and events[0].tables == 3 and events[0].run_id == run.run_id
    assert sum(event.event == "table_started" for event in events) == 3
    done = [event for event in events if event.event == "table_done"]
    assert {event.table for event in done} == {"main.good", "main.a: done, 1 row in"}
    failed = [event for event in events if event.event == "table_failed"]
    assert [event.table for event in failed] == ["main.bad"] and "soon" in failed[0].error
    last = events[-1]
    assert (last.event, last.tables_done, last.tables_failed, last.rows, last.bytes) == (
        "finished",
        2,
        1,
        2,
        run.totals.bytes,
    )


def test_progress_is_there_in_both_forms_of_log_lines_and_needs_them(shop, tmp_path, monkeypatch):
    monkeypatch.setenv("LAKEXPRESS_QUIET", "1")
    for form in ("text", "json"):
        events = []
        lakexpress.export(source=shop.url, output_dir=tmp_path / form, progress=events.append, log_format=form)
        assert [event.event for event in events].count("table_done") == 3
        assert events[-2].rows == events[-1].rows == 4
    with pytest.raises(TypeError, match="log lines"):
        lakexpress.export(source=shop.url, output_dir=tmp_path, progress=print, quiet=True)


def test_an_error_of_the_callback_stops_the_run(shop, tmp_path):
    def refuse(event):
        raise LookupError(event.event)

    with pytest.raises(LookupError, match="run"):
        lakexpress.export(source=shop.url, output_dir=tmp_path / "lake", progress=refuse)


def test_log_lines_go_to_logging(shop, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="lakexpress"):
        lakexpress.export(source=shop.url, output_dir=tmp_path / "lake")
    said = [record.getMessage() for record in caplog.records if record.name == "lakexpress"]
    assert any(line.startswith("starting export run: ") for line in said)
    assert not any("LAKEXPRESS_" in line for line in said), said


SLOW = """
import sys, lakexpress
sys.path.insert(0, "")
def tell(event):
    print(event.event, flush=True)
lakexpress.export(source=sys.argv[1], output_dir=sys.argv[2], max_rate="50KiB", progress=tell)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("whole_group", [False, True])
def test_ctrl_c_stops_the_program_and_is_raised(empty, tmp_path, whole_group):
    empty.run(
        "CREATE TABLE big (t TEXT);"
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
        "INSERT INTO big SELECT hex(randomblob(1000)) FROM n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", SLOW, empty.url, str(tmp_path / "lake")],
        env={**os.environ, "PYTHONPATH": str(PACKAGE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while child.stdout.readline().strip() != "table_started":
        assert child.poll() is None, child.stderr.read()
    began = time.monotonic()
    (os.killpg if whole_group else os.kill)(child.pid, signal.SIGINT)
    _, said = child.communicate(timeout=30)
    assert time.monotonic() - began < 12
    assert "KeyboardInterrupt" in said and child.returncode != 0
    assert "the run was stopped; to finish it: lakexpress resume" in said
    # Nobody of the group is left.
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)
    left = [path for path in (tmp_path / "lake").rglob("*") if path.is_file()]
    assert not [path for path in left if path.name == "_manifest.json"], left


def test_the_demo_is_opened(program, tmp_path):
    subprocess.run([program, "demo", "--scale", "0.01", "--dir", tmp_path / "demo"], check=True, capture_output=True)
    lake = lakexpress.open(tmp_path / "demo/lake")
    assert len(lake.tables) == 8 and sum(table.rows for table in lake.tables) == 86805
    for table in lake.tables:
        assert table.dataset().count_rows() == table.rows
    assert lakexpress.verify(tmp_path / "demo/lake", read_data=True).totals.rows == 86805


def test_python_m_is_the_program(program):
    def said(*command):
        env = {**os.environ, "PYTHONPATH": str(PACKAGE)}
        return subprocess.run(command, capture_output=True, text=True, env=env)

    ours = said(sys.executable, "-m", "lakexpress", "--version")
    assert ours.stdout == said(program, "--version").stdout != ""
    assert said(sys.executable, "-m", "lakexpress", "export", "--nope").returncode == 2
