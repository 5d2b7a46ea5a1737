"""The audit for secrets: looks for values in everything that an app keeps, sends and answers (docs/design/secrets.md).

    secrets = Marked()
    reply = caller.put(path, {"user": {"password": {"value": secrets.new()}}})
    audit(secrets.values, storage=stack.storage, texts={"answer": str(reply), "log": caplog.text, **simulated(stack)})

A value is looked for as it is, in base64, URL-encoded and as JSON escapes, also within columns that are compressed.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from tests.support.accounts import contents_of, messages_of, table_names, table_of

_LEAST = 12


@dataclass
class Marked:
    """Makes values that nothing else contains; each fits the rules of a password."""

    values: list[str] = field(default_factory=list)

    def new(self) -> str:
        """Return a new value."""
        value = f'Hid"den/{uuid4().hex}+Aa1é'
        self.values.append(value)
        return value


def audit(values: Sequence[str], *, storage: str, texts: Mapping[str, str]) -> None:
    """Raise `AssertionError` naming each place where a value is found: in tables, queues and blobs of an account, and in texts by name."""
    found = [place for place, content in (*texts.items(), *stored(storage)) if shows(content, values)]
    assert found == [], f"secrets in {found}"


def shows(content: str, values: Sequence[str]) -> bool:
    """Return whether a text contains one of the values, in any of their forms."""
    return any(form in content for value in values for form in forms_of(value))


def forms_of(value: str) -> tuple[str, ...]:
    """Return the forms in which a value may be written; of base64 the parts that do not depend on what is before it."""
    assert len(value) >= _LEAST, "a short value is found by chance"
    raw = value.encode()
    encoded = tuple(base64.b64encode(raw[start : len(raw) - (len(raw) - start) % 3]).decode().rstrip("=") for start in range(3))
    url = (quote(value), quote(value, safe=""))
    return tuple(dict.fromkeys((value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1], *url, *encoded)))


def stored(storage: str) -> Iterator[tuple[str, str]]:
    """Yield each row, message and blob of an account, with its place."""
    for table in table_names(storage):
        with table_of(storage, table) as rows:
            for entity in rows.list_entities():
                yield f"table {table} {entity['PartitionKey']} {entity['RowKey']}", "\n".join(map(_text, entity.values()))
    for queue, content in messages_of(storage):
        yield f"queue {queue}", content
    for place, blob in contents_of(storage).items():
        yield f"blob {place}", _text(blob)


def simulated(stack: Any) -> dict[str, str]:  # a `Running`, in whatever form
    """Return what the simulated Azure shows of requests, effects and secrets."""
    return {
        f"/_simulation/{name}": json.dumps(stack.control("GET", name), ensure_ascii=False) for name in ("requests", "effects", "secrets")
    }


def _text(value: object) -> str:
    """Return a value of a row as a text; bytes also as they are once they are unpacked."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        unpacked = zlib.decompress(value)
    except zlib.error:
        unpacked = b""
    return f"{value.decode('utf-8', 'replace')}\n{unpacked.decode('utf-8', 'replace')}"
