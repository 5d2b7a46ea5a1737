"""Everything that the app has stored, and the Azure that it was stored beside, as one JSON file that a person can read.

Bytes are written as what they hold: `{"json": …}` and `{"spaced": …}` are JSON in UTF-8, without and with white space, `{"deflated": …}`
is compressed JSON, `{"text": …}` UTF-8, `{"bytes": …}` base64; `{"int64": …}` is Edm.Int64. The codec is this file's own and not the
app's: what was stored stays what it was, whatever becomes of the app.
"""

import base64
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.data.tables import EdmType, EntityProperty, TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

Json = dict[str, Any]
FOLDER = Path(__file__).with_name("stored")
VERSIONS = sorted(file.stem for file in FOLDER.glob("*.json"))


@dataclass(frozen=True, slots=True)
class Stored:
    """What was stored: rows by table, messages by queue, blobs by container; `names` are the operations by what became of each."""

    now: str
    names: dict[str, str]
    estate: Json
    tables: dict[str, list[Json]] = field(default_factory=dict)
    queues: dict[str, list[str]] = field(default_factory=dict)
    blobs: dict[str, dict[str, str]] = field(default_factory=dict)


def read(version: str) -> Stored:
    """Read what a version stored."""
    return Stored(**json.loads((FOLDER / f"{version}.json").read_text(encoding="utf-8")))


def write(version: str, stored: Stored) -> None:
    """Write the file of a version: a line for each row, message, blob and thing of the estate, so that a difference is a line."""
    parts = {
        "now": json.dumps(stored.now),
        "names": _lines(stored.names),
        **{name: _nested(getattr(stored, name)) for name in ("tables", "queues", "blobs", "estate")},
    }
    text = ",\n".join(f'"{name}": {part}' for name, part in parts.items())
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{version}.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8")


def dump(connection: str) -> tuple[dict[str, list[Json]], dict[str, list[str]], dict[str, dict[str, str]]]:
    """Return what storage holds: tables, messages that show (those of `…-poison` too), blobs."""
    with TableServiceClient.from_connection_string(connection) as tables:
        rows = {
            table.name: [
                {name: _plain(value) for name, value in row.items()} for row in tables.get_table_client(table.name).list_entities()
            ]
            for table in tables.list_tables()
        }
    with QueueServiceClient.from_connection_string(connection) as queues:
        messages = {
            queue.name: [str(message.content) for message in queues.get_queue_client(queue.name).peek_messages(max_messages=32)]
            for queue in queues.list_queues()
        }
    with BlobServiceClient.from_connection_string(connection) as service:
        blobs = {
            container.name: {
                str(name): service.get_blob_client(container.name, name).download_blob().readall().decode()
                for name in service.get_container_client(container.name).list_blob_names()
            }
            for container in service.list_containers()
        }
    return rows, {name: found for name, found in messages.items() if found}, {name: found for name, found in blobs.items() if found}


def load(stored: Stored, connection: str) -> None:
    """Put everything into an empty storage account."""
    with TableServiceClient.from_connection_string(connection) as tables:
        for name, rows in stored.tables.items():
            table = tables.create_table(name)
            for row in rows:
                table.create_entity({column: _stored(value) for column, value in row.items()})
    with QueueServiceClient.from_connection_string(connection) as queues:
        for name, messages in stored.queues.items():
            queue = queues.create_queue(name)
            for message in messages:
                queue.send_message(message, time_to_live=-1)
    with BlobServiceClient.from_connection_string(connection) as service:
        for name, blobs in stored.blobs.items():
            container = service.create_container(name)
            for blob, text in blobs.items():
                container.upload_blob(blob, text.encode())


def _plain(value: Any) -> Any:
    if isinstance(value, EntityProperty):
        assert value.edm_type is EdmType.INT64, value
        return {"int64": value.value}
    if not isinstance(value, bytes):
        assert isinstance(value, str | bool | int | float), value
        return value
    for kind, (decode, encode) in _CODECS.items():
        try:
            body = decode(value)
        except (zlib.error, ValueError):
            continue
        if encode(body) == value:
            return {kind: body}
    raise AssertionError(f"base64 takes any bytes, these too: {value!r}")


def _stored(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((kind, body),) = value.items()
    return EntityProperty(body, EdmType.INT64) if kind == "int64" else _CODECS[kind][1](body)


def _compact(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


#: How bytes are read and written, the first that gives the same bytes again.
_CODECS: dict[str, tuple[Callable[[bytes], Any], Callable[[Any], bytes]]] = {
    "deflated": (
        lambda value: json.loads(zlib.decompress(value)),
        lambda body: zlib.compress(json.dumps(body, separators=(",", ":")).encode()),
    ),
    "json": (json.loads, _compact),
    "spaced": (json.loads, lambda body: json.dumps(body, ensure_ascii=False).encode()),
    "text": (bytes.decode, str.encode),
    "bytes": (lambda value: base64.b64encode(value).decode(), base64.b64decode),
}


def _nested(parts: Mapping[str, Any]) -> str:
    return "{\n" + ",\n".join(f"{json.dumps(name)}: {_lines(part)}" for name, part in parts.items()) + "\n}"


def _lines(part: Any) -> str:
    if isinstance(part, dict) and part:
        return "{\n" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in part.items()) + "\n}"
    if isinstance(part, list) and part:
        return "[\n" + ",\n".join(_broken(item) for item in part) + "\n]"
    return json.dumps(part, ensure_ascii=False)


def _broken(item: Any) -> str:
    """Write a thing on one line; a vault, which holds many, a line for each of those."""
    large = isinstance(item, dict) and any(
        isinstance(value, list) and len(value) > 1 and isinstance(value[0], dict) for value in item.values()
    )
    return _nested(item) if large else json.dumps(item, ensure_ascii=False)
