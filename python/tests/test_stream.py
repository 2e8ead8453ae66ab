"""The wrapper of streams, with a stand-in for the program that fails in every way."""

import gc
import os
import sys
import threading
import time
from pathlib import Path

import pytest

import lakexpress

STAND_IN = Path(__file__).parent / "stand_in.py"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Has the stand-in behave in one way."""
    program = tmp_path / "program"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STAND_IN}" "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("LAKEXPRESS_BINARY", str(program))
    monkeypatch.setenv("STAND_IN_COUNT", str(tmp_path / "count"))

    def behave(how):
        monkeypatch.setenv("STAND_IN", how)

    return behave


def count(tmp_path):
    """Process and number of batches written."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            pid, number = (tmp_path / "count").read_text().split()
            return int(pid), int(number)
        except (FileNotFoundError, ValueError):
            time.sleep(0.01)
    raise AssertionError("nothing was written")


def is_gone(pid):
    """Whether a process ends soon."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False


def test_a_whole_stream_is_read(stand_in):
    stand_in("whole")
    with lakexpress.stream("SELECT 1", source="postgres://u:pw@h/d") as stream:
        assert stream.schema.names == ["id", "text"]
        table = stream.read_all()
    assert table.num_rows == 10000 and stream.error is None
    assert table["id"].to_pylist() == [number for number in range(10) for _ in range(1000)]


def test_the_command_line_of_a_stream(stand_in):
    stand_in("echo")
    with pytest.raises(lakexpress.UsageError) as caught:
        lakexpress.stream("SELECT 1", source="postgres://u:pw@h/d", retries=2)
    assert caught.value.message == str(["query", "--format=arrow", "--output-dir=-", "--retries=2", "--", "SELECT 1"])
    with pytest.raises(TypeError, match="unexpected keyword argument 'output_dir'"):
        lakexpress.stream("SELECT 1", output_dir="x")


def test_duckdb_and_polars_read_it(stand_in):
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    stand_in("whole")
    with lakexpress.stream("SELECT 1") as stream:
        relation = duckdb.from_arrow(stream.reader)
        assert relation.aggregate("count(*) AS n, sum(id) AS s").fetchall() == [(10000, 45000)]
    with lakexpress.stream("SELECT 1") as stream:
        assert polars.from_arrow(stream.reader).height == 10000


@pytest.mark.parametrize("how", ["cut", "after_the_end", "middle"])
def test_a_program_that_fails_later_is_its_error(stand_in, how):
    stand_in(how)
    stream = lakexpress.stream("SELECT 1")
    with pytest.raises(lakexpress.UnavailableError) as caught:
        stream.read_all()
    error = caught.value
    assert error.exit_code == 75 and error.code == "LX0302" and error is stream.error
    assert error.message == "cannot connect to the server"
    assert error.context == {"server": "db.example.com:5432"} and error.hints == ("try again later",)
    assert error.causes == ("connection reset by peer",)


def test_rows_before_the_cut_are_read_and_the_next_batch_raises(stand_in):
    stand_in("cut")
    got = 0
    with pytest.raises(lakexpress.UnavailableError):
        for batch in lakexpress.stream("SELECT 1"):
            got += batch.num_rows
    assert got == 6000


@pytest.mark.parametrize(
    "how, part",
    [
        ("no_marker", "cut off before its end marker"),
        ("middle_quietly", "cut off|damaged"),
        ("garbage", "damaged"),
        ("more", "bytes after the end"),
    ],
)
def test_a_stream_that_is_not_whole_is_an_error_whatever_the_exit_code(stand_in, how, part):
    stand_in(how)
    with pytest.raises(lakexpress.InternalError, match=part):
        lakexpress.stream("SELECT 1").read_all()


def test_a_killed_program_is_an_error(stand_in):
    stand_in("killed")
    with pytest.raises(lakexpress.Error, match="ended by signal 9") as caught:
        lakexpress.stream("SELECT 1").read_all()
    assert caught.value.exit_code == -9


def test_what_fails_before_the_first_row_is_raised_at_once(stand_in):
    stand_in("early")
    with pytest.raises(lakexpress.UsageError, match="cannot connect"):
        lakexpress.stream("SELECT 1")


def test_an_engine_never_sees_a_cut_stream_as_whole(stand_in):
    duckdb, polars = pytest.importorskip("duckdb"), pytest.importorskip("polars")
    for read in (
        lambda stream: duckdb.from_arrow(stream.reader).aggregate("count(*)").fetchall(),
        lambda stream: duckdb.sql("SELECT count(*) FROM stream").fetchall(),
        lambda stream: polars.from_arrow(stream.reader),
        lambda stream: __import__("pyarrow").table(stream),
    ):
        stand_in("cut")
        with pytest.raises(lakexpress.UnavailableError, match="cannot connect"):
            with lakexpress.stream("SELECT 1") as stream:
                read(stream)


def test_standard_error_blocks_nothing(stand_in, caplog):
    stand_in("noisy")
    with caplog.at_level("ERROR", logger="lakexpress"):
        assert lakexpress.stream("SELECT 1").read_all().num_rows == 10000


def test_a_stream_is_not_read_ahead(stand_in, tmp_path):
    stand_in("endless")
    with lakexpress.stream("SELECT 1") as stream:
        for _ in range(3):
            stream.reader.read_next_batch()
        time.sleep(0.5)
        pid, number = count(tmp_path)
        assert number < 6
    assert is_gone(pid) and stream.error is None


def test_what_was_closed_early_does_not_look_complete(stand_in):
    stand_in("endless")
    with lakexpress.stream("SELECT 1") as stream:
        next(iter(stream))
    with pytest.raises(Exception, match="closed before its end"):
        stream.reader.read_all()
    stand_in("whole")
    with lakexpress.stream("SELECT 1") as stream:
        stream.read_all()
    assert list(stream) == []


def test_the_program_ends_when_nobody_reads(stand_in, tmp_path, caplog):
    for way in ("close", "collect", "reader", "untouched"):
        (tmp_path / "count").unlink(missing_ok=True)
        stand_in("endless")
        stream = lakexpress.stream("SELECT 1")
        if way == "untouched":
            pid, _ = count(tmp_path)
            del stream
        else:
            kept = stream.reader
            kept.read_next_batch()
            pid, _ = count(tmp_path)
            if way == "close":
                stream.close()
                stream.close()
            elif way == "collect":
                del stream, kept
            else:
                # The reader alone goes on.
                del stream
                gc.collect()
                assert kept.read_next_batch().num_rows == 1000
                del kept
        gc.collect()
        assert is_gone(pid), way
        stream = kept = None
    assert [record for record in caplog.records if record.name == "lakexpress"] == []


def test_a_reader_that_waits_is_released_by_close(stand_in, tmp_path):
    stand_in("endless")
    stream = lakexpress.stream("SELECT 1")
    pid, _ = count(tmp_path)
    os.kill(pid, 19)
    reading = threading.Thread(target=lambda: pytest.raises(Exception, stream.read_all), daemon=True)
    reading.start()
    time.sleep(0.3)
    os.kill(pid, 18)
    stream.close()
    reading.join(10)
    assert not reading.is_alive() and is_gone(pid)


def test_threads_do_not_pile_up(stand_in):
    stand_in("whole")
    before = threading.active_count()
    for _ in range(5):
        lakexpress.stream("SELECT 1").read_all()
    assert threading.active_count() <= before + 1
