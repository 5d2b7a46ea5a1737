"""Tables in memory as files: what a version has stored, written once and read by later tests."""

import base64
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.support.memory import MemoryTable

FOLDER = Path(__file__).parent / "stored_rows"
Json = dict[str, Any]


def versions(folder: Path) -> list[str]:
    """Return the versions of which a folder has a file."""
    return sorted(file.stem for file in folder.glob("*.json"))


def read_tables(file: Path) -> dict[str, Any]:
    """Return the tables of a file."""
    found: dict[str, Any] = {}
    for name, rows in json.loads(file.read_text(encoding="utf-8")).items():
        table = MemoryTable(name)
        for row in rows:
            entity = {key: base64.b64decode(value["b64"]) if isinstance(value, dict) else value for key, value in row.items()}
            table.rows[str(entity["PartitionKey"]), str(entity["RowKey"])] = (entity, "stored")
        found[name] = table
    return found


def write_tables(file: Path, tables: Iterable[Any]) -> int:
    """Write tables to a file, and return its length."""
    stored = {table.name: [_plain(row) for row, _ in table.rows.values()] for table in tables}
    text = json.dumps(stored, indent=0, sort_keys=True, default=str) + "\n"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return len(text)


def _plain(row: Json) -> Json:
    return {key: {"b64": base64.b64encode(value).decode()} if isinstance(value, bytes) else value for key, value in row.items()}
