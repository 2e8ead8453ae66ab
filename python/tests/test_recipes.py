"""The recipes: they are Python, those without a scheduler work, and those with one are loaded where it is installed."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import lakexpress

RECIPES = Path(__file__).parent.parent / "recipes"
SCHEDULERS = {"airflow_task": "airflow.sdk", "dagster_asset": "dagster", "prefect_flow": "prefect"}


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.py")), ids=lambda path: path.stem)
def test_a_recipe_uses_what_there_is(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "lakexpress":
            assert node.attr in lakexpress.__all__, node.attr
    assert path.name in (RECIPES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(SCHEDULERS))
def test_a_recipe_is_loaded_by_its_scheduler(name, monkeypatch):
    pytest.importorskip(SCHEDULERS[name])
    monkeypatch.syspath_prepend(str(RECIPES))
    assert importlib.import_module(name)


def run(recipe, tmp_path, source, *arguments, **env):
    env = {
        **os.environ,
        "PYTHONPATH": str(RECIPES.parent),
        "LAKEXPRESS_SOURCE": source,
        "LAKEXPRESS_OUTPUT_DIR": str(tmp_path / "lake"),
        **env,
    }
    command = [sys.executable, str(RECIPES / recipe), *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_the_nightly_script(shop, tmp_path):
    done = run("nightly.py", tmp_path, shop.url)
    assert done.returncode == 0 and "4 rows of 3 tables" in done.stdout, done
    refused = run("nightly.py", tmp_path, "postgres://me@127.0.0.1:1/x", LAKEXPRESS_RETRIES="0")
    assert refused.returncode == 75 and "error: cannot connect" in refused.stderr, refused
    shop.run("CREATE TABLE bad (d DATE); INSERT INTO bad VALUES ('soon')")
    assert run("nightly.py", tmp_path, shop.url).returncode in (1, 65)


def test_dbt_gets_the_committed_files(shop, tmp_path):
    dbt = tmp_path / "bin/dbt"
    dbt.parent.mkdir()
    dbt.write_text('#!/bin/sh\necho "$@"\n')
    dbt.chmod(0o755)
    done = run("dbt_run.py", tmp_path, shop.url, "--select", "x", PATH=f"{dbt.parent}:{os.environ['PATH']}")
    assert done.returncode == 0 and "main/orders/part-00000.parquet" in done.stdout, done
    assert done.stdout.startswith("run --vars ") and done.stdout.endswith("--select x\n")
