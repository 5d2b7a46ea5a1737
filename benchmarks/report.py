"""What every benchmark ends with: a table on stdout, and the same figures as JSON in benchmarks/results/."""

import json
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).parent / "results"

Cell = str | int | float | None


def report(name: str, title: str, rows: Sequence[Mapping[str, Cell]], **facts: object) -> Path:
    """Print the rows as a table and write them, with `facts`, to results/{name}.json; return that file's path.

    All rows have the keys of the first, which head the columns.
    """
    print(f"\n{title}\n")
    print(table(rows))
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    machine = {"python": platform.python_version(), "machine": platform.machine(), "at": datetime.now(UTC).isoformat()}
    path.write_text(json.dumps({"title": title, **machine, **facts, "rows": list(rows)}, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    return path


def table(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Return the rows as text in columns, figures to the right."""
    heads = list(rows[0])
    cells = [heads, *([_text(row[head]) for head in heads] for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(heads))]
    figures = [all(isinstance(row[head], int | float | None) for row in rows) for head in heads]
    lines = [
        "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in zip(line, widths, figures, strict=True))
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def verdict(promise: str, *, holds: bool) -> None:
    """Print whether a target is met; a benchmark does not fail."""
    print(f"{'holds' if holds else 'DOES NOT HOLD':14}{promise}")


def _text(value: Cell) -> str:
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
