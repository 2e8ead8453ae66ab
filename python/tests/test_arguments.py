"""From keyword arguments to the command line."""

import inspect
import json
import os
import stat
import sys
from pathlib import Path

import pytest

import lakexpress
from lakexpress import _api, _binary, _flags


@pytest.fixture
def echo(tmp_path, monkeypatch):
    """A program that says how it was called, in place of the real one."""
    path = tmp_path / "echo"
    path.write_text(
        f"#!{sys.executable}\nimport json, os, sys\n"
        "env = {k: v for k, v in os.environ.items() if k.startswith('LAKEXPRESS')}\n"
        "print(json.dumps({'error': {'message': json.dumps([sys.argv[1:], env])}}))\nsys.exit(2)\n"
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("LAKEXPRESS_BINARY", str(path))

    def called(function, *args, **flags):
        with pytest.raises(lakexpress.UsageError) as caught:
            getattr(lakexpress, function)(*args, **flags)
        return json.loads(caught.value.message)

    return called


def test_secrets_are_not_in_the_command_line(echo):
    argv, env = echo("export", source="postgres://u:pw@h/d", notify="https://h/token", output_dir=Path("/x"))
    assert argv == ["export", "--json", "--output-dir=/x"]
    assert env == {"LAKEXPRESS_SOURCE": "postgres://u:pw@h/d", "LAKEXPRESS_NOTIFY": "https://h/token"}
    secrets = {flag.name for flags in _flags.COMMANDS.values() for flag in flags if flag.secret}
    assert secrets >= {"source", "notify"}


def test_values_become_arguments(echo):
    argv, _ = echo("query", "-- c\nSELECT 1", name="n", parallel=-4, part_bytes=5, hide_values=True, cast=["a", "b"])
    assert argv == [
        "query",
        "--json",
        "--format=plain",
        "--name=n",
        "--parallel=-4",
        "--part-bytes=5",
        "--hide-values",
        "--cast=a",
        "--cast=b",
        "--",
        "-- c\nSELECT 1",
    ]
    assert echo("verify", "-x", read_data=10)[0] == ["verify", "--json", "--read-data=10", "--", "-x"]
    assert echo("verify", read_data=True, target_storage_id=None)[0] == ["verify", "--json", "--read-data"]
    assert echo("resume", "0199")[0] == ["resume", "--json", "--", "0199"]
    assert echo("export", include=iter(["a", "b"]))[0][2:] == ["--include=a", "--include=b"]


@pytest.mark.parametrize(
    "flags, error, part",
    [
        ({"sorce": "x"}, TypeError, "export() got an unexpected keyword argument 'sorce'; did you mean 'source'?"),
        ({"output-dir": "x"}, TypeError, "did you mean 'output_dir'?"),
        ({"jobs": 1}, TypeError, "did you mean 'n_jobs'?"),
        ({"chek": False}, TypeError, "did you mean 'check'?"),
        ({"zzz": 1}, TypeError, "export() got an unexpected keyword argument 'zzz'"),
        ({"n_jobs": "two", "views": "yes"}, TypeError, "export(views=...) takes True or False, not 'yes'"),
        ({"n_jobs": 1.5}, TypeError, "takes int, not float"),
        ({"n_jobs": True}, TypeError, "takes int, not bool"),
        ({"include": []}, ValueError, "the list is empty"),
        ({"compression": 3}, TypeError, "takes str, not int"),
    ],
)
def test_wrong_arguments_are_said(flags, error, part):
    with pytest.raises(error) as caught:
        lakexpress.export(**flags)
    assert part in str(caught.value)


def test_every_function_has_the_signature_of_its_flags():
    for name, flags in _flags.COMMANDS.items():
        function = getattr(_api, name)
        parameters = inspect.signature(function).parameters
        assert all(flag.name in parameters for flag in flags), name
        assert all(f"    {flag.name} (" in function.__doc__ for flag in flags)
    assert "output_dir" not in inspect.signature(_api.stream).parameters
    stubs = Path(_api.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    assert all(f"def {name}(" in stubs for name in _flags.COMMANDS)


def test_the_program_is_found(tmp_path, monkeypatch):
    here = tmp_path / "lakexpress"
    here.write_text("")
    monkeypatch.setenv("LAKEXPRESS_BINARY", str(here))
    with pytest.raises(lakexpress.BinaryNotFoundError, match="which is no program"):
        lakexpress.plan()
    here.chmod(0o755)
    with pytest.raises(lakexpress.BinaryNotFoundError, match="cannot be run"):
        lakexpress.plan()
    monkeypatch.delenv("LAKEXPRESS_BINARY")
    monkeypatch.setattr(_binary, "_scripts", lambda: [str(tmp_path / "scripts")])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _binary.find() == str(here)
    (tmp_path / "scripts").mkdir()
    here.rename(tmp_path / "scripts/lakexpress")
    assert _binary.find() == str(tmp_path / "scripts/lakexpress")
    monkeypatch.setattr(_binary, "_scripts", lambda: ["/nowhere"])
    with pytest.raises(lakexpress.BinaryNotFoundError, match="not in /nowhere"):
        lakexpress.plan()
    assert os.environ["PATH"] == str(tmp_path)
