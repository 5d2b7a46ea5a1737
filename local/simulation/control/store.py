"""What survives a kill: an SQLite file, written before the answer is sent.

A write is some tens of microseconds into the page cache (`synchronous=OFF`): it outlives the process, though not the machine's power.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.simulation.arm.tables import Json, JsonValue

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS effects (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL);
"""


class Store:
    """Rows as JSON by kind and key, in the order in which they first came, and the log of effects."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=OFF")
        self._db.executescript(_SCHEMA)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the writes inside all or nothing."""
        self._db.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def put(self, kind: str, key: str, body: JsonValue) -> None:
        """Write a row; None removes it."""
        if body is None:
            self._db.execute("DELETE FROM rows WHERE kind = ? AND key = ?", (kind, key))
            return
        self._db.execute(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body", (kind, key, json.dumps(body))
        )

    def get(self, kind: str, key: str) -> JsonValue:
        """Return a row, or None."""
        found = self._db.execute("SELECT body FROM rows WHERE kind = ? AND key = ?", (kind, key)).fetchone()
        return None if found is None else json.loads(found[0])

    def rows(self, kind: str) -> Iterator[tuple[str, JsonValue]]:
        """Return the rows of a kind."""
        for key, body in self._db.execute("SELECT key, body FROM rows WHERE kind = ? ORDER BY rowid", (kind,)):
            yield str(key), json.loads(body)

    def clear(self, kind: str) -> None:
        """Remove the rows of a kind."""
        self._db.execute("DELETE FROM rows WHERE kind = ?", (kind,))

    def add_effect(self, effect: Json) -> None:
        """Add to the log of effects."""
        self._db.execute("INSERT INTO effects VALUES (?, ?)", (effect["sequence"], json.dumps(effect)))

    def effects(self) -> list[Json]:
        """Return the log of effects, in order."""
        return [json.loads(body) for (body,) in self._db.execute("SELECT body FROM effects ORDER BY sequence")]

    def clear_effects(self) -> None:
        """Empty the log of effects."""
        self._db.execute("DELETE FROM effects")

    def close(self) -> None:
        """Close the file."""
        self._db.close()
