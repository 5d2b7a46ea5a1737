"""JSON documents in binary properties of a table row: a property holds 64 KiB, a document may be larger."""

import json
from collections.abc import Mapping

PIECE = 60 * 1024


def compact(body: object) -> str:
    """Write JSON without white space."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


def pieces(name: str, body: object) -> dict[str, object]:
    """Write a document as UTF-8 JSON in properties `name0`, `name1`, … of at most 60 KiB, with their number in `name`."""
    data = compact(body).encode("utf-8", "surrogatepass")
    parts = [data[start : start + PIECE] for start in range(0, len(data), PIECE)]
    return {f"{name}{index}": part for index, part in enumerate(parts)} | {name: len(parts)}


def from_pieces(name: str, entity: Mapping[str, object]) -> dict[str, object] | None:
    """Read a document that `pieces` wrote; None where the entity has none."""
    count = entity.get(name)
    if not isinstance(count, int):
        return None
    data = b"".join(part for part in (entity.get(f"{name}{index}") for index in range(count)) if isinstance(part, bytes))
    body = json.loads(data.decode("utf-8", "surrogatepass"))
    return body if isinstance(body, dict) else None
