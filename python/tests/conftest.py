"""The tests run the real program, named by LAKEXPRESS_BINARY, over SQLite databases that they make."""

import os
import sqlite3
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

import lakexpress  # noqa: E402


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch):
    """No settings of the user's, and a run log of the test's own."""
    for name in list(os.environ):
        if name.startswith("LAKEXPRESS_") and name != "LAKEXPRESS_BINARY":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture(scope="session", autouse=True)
def program():
    """The program under test; one that is missing is a failure."""
    path = os.environ.get("LAKEXPRESS_BINARY", "")
    assert os.access(path, os.X_OK), "set LAKEXPRESS_BINARY to the program under test"
    return path


class Database:
    """A SQLite file."""

    def __init__(self, path):
        self.path = path
        self.url = f"sqlite://{path}"

    def run(self, script):
        """Runs statements."""
        connection = sqlite3.connect(self.path)
        connection.executescript(script)
        connection.commit()
        connection.close()
        return self


SHOP = """
    CREATE TABLE orders (id INTEGER PRIMARY KEY, at TIMESTAMP, total DECIMAL(10,2), note TEXT);
    INSERT INTO orders VALUES (1, '2026-01-02 03:04:05', 9.99, 'a'), (2, NULL, NULL, NULL), (3, '2026-01-03 00:00:00', 5, 'ü');
    CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);
    INSERT INTO customers VALUES (7, 'Ada');
    CREATE TABLE empty (id INTEGER NOT NULL, d DATE, b BLOB, f DOUBLE, n DECIMAL(12,3), t TIMESTAMP, x TEXT);
"""


@pytest.fixture
def empty(tmp_path):
    """A database without tables."""
    return Database(tmp_path / "data.db")


@pytest.fixture
def shop(empty):
    """Orders, customers and a table without rows."""
    return empty.run(SHOP)


@pytest.fixture
def lake(shop, tmp_path):
    """An export of the shop: its directory."""
    lakexpress.export(source=shop.url, output_dir=tmp_path / "lake")
    return tmp_path / "lake"
