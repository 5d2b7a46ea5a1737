"""What a list row carries, so that a page of a list is read in ranges: the request, and the operation as readers see it.

Four binary columns of compressed JSON follow the columns that lists filter by: `request` (body and actor, written once), `shown` (the
active row as shown, or the final answer), `detail` (of steps) and `seen` (of checks). A row of version 0.1.0 has none of them, one that an
older version changed during a deployment has a `shown` of another status or attention, and a document may be too large for a list row: then
the operation is read by its id. Pure.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from shared.clock import from_text
from shared.errors import Problem
from shared.operations.model import rows
from shared.operations.model.identity import all_partitions
from shared.operations.model.models import Actor, Attention, JsonObject, NewOperation, Operation, Status
from shared.operations.model.rows import Active, Entity

COLUMNS = ("PartitionKey", "RowKey", "kind", "tenant", "status", "attention", "createdAt", "request", "shown", "detail", "seen")
"""The columns that a page is read with."""
_LARGEST = 16 * 1024
_TOO_LARGE = b"-"


@dataclass(frozen=True, slots=True)
class ListRow:
    """A row of a list: `key` is its list key (`inverted time|id`), `operation` None where it has to be read by its id."""

    key: str
    operation: Operation | None

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.key.rpartition("|")[2]


def list_entities(row: Active, new: NewOperation) -> tuple[Entity, Entity]:
    """Return the two list rows of an operation that is accepted, the tenant's and the provider's."""
    columns = request_columns(new.body, new.actor, row.created_at, new.action) | shown_columns(row, {"detail": {}, "seen": {}})
    tenants, providers = rows.list_entities(row, new.filters)
    return tenants | columns, providers | columns


def request_columns(body: JsonObject, actor: Actor, created_at: str, action: str | None = None) -> Entity:
    """Return the columns that are written once, at the acceptance."""
    shown = {} if action is None else {"action": action}
    return {"createdAt": created_at, "request": _pack({"body": body, "actor": actor.as_json(), **shown})}


def shown_columns(row: Active, documents: Mapping[str, JsonObject | None]) -> Entity:
    """Return the columns that change while the operation runs; a document that is None stays as it is."""
    columns: Entity = {"shown": _pack(_shown(row))}
    return columns | {name: _pack(document) for name, document in documents.items() if document is not None}


def final_columns(final: JsonObject) -> Entity:
    """Return the columns of an operation that has ended; `final` is its final answer."""
    return {"shown": _pack({"final": final, "status": final["status"]}), "detail": b"", "seen": b""}


def digest(document: object) -> str:
    """Return 8 hexadecimal digits that change when a document does."""
    return blake2b(json.dumps(document, sort_keys=True, default=str).encode(), digest_size=4).hexdigest()


def seen_as(detail: JsonObject, row: Active) -> str:
    """Return the digest of what a check saw of a row; of another one once anything but a check has changed the row."""
    return digest([detail, row.updated_at])


def shown_as(row: Active) -> str:
    """Return the digest of what a list shows of an active row."""
    return digest(_shown(row))


def read_listed(entity: Mapping[str, object]) -> Operation | None:
    """Read an operation from its list row; None where it has to be read by its id."""
    request, shown = _unpack(entity.get("request")), _unpack(entity.get("shown"))
    if request is None or shown is None or not _is_current(shown, entity):
        return None
    detail, seen = _unpack(entity.get("detail") or b""), _unpack(entity.get("seen") or b"")
    if detail is None or seen is None:
        return None
    final = shown.get("final")
    if isinstance(final, dict):
        return _operation(entity, request, final, _object(final.get("detail")), from_text(str(final["completedAt"])))
    return _operation(entity, request, shown, detail | seen, None)


def _shown(row: Active) -> JsonObject:
    return {
        "status": str(row.status),
        "step": row.step,
        "percent": row.percent,
        "cancelRequested": row.cancel_requested,
        "attention": row.attention.as_json() if row.attention else None,
        "updatedAt": row.updated_at,
        "data": row.data,
    }


def _is_current(shown: JsonObject, entity: Mapping[str, object]) -> bool:
    attention = shown.get("attention")
    code = str(attention.get("code", "")) if isinstance(attention, dict) else ""
    return shown.get("status") == entity.get("status") and code == (entity.get("attention") or "")


def _operation(
    entity: Mapping[str, object], request: JsonObject, shown: JsonObject, detail: JsonObject, completed: datetime | None
) -> Operation:
    attention, error, percent = shown.get("attention"), shown.get("error"), shown.get("percent")
    action, result = request.get("action"), shown.get("result")
    updated = completed or from_text(str(shown["updatedAt"]))
    return Operation(
        id=str(entity["RowKey"]).rpartition("|")[2],
        kind=str(entity["kind"]),
        tenant=str(entity["tenant"]),
        status=Status(str(shown["status"])),
        step=str(shown["step"]),
        percent_complete=percent if isinstance(percent, int) else 0,
        attention=Attention(*(str(attention.get(name, "")) for name in ("code", "message", "since")))
        if isinstance(attention, dict)
        else None,
        cancel_requested=bool(shown.get("cancelRequested")),
        created_at=from_text(str(entity["createdAt"])),
        last_updated_at=updated,
        completed_at=completed,
        actor=Actor.from_json(_object(request.get("actor"))),
        body=_object(request.get("body")),
        detail=detail,
        data={} if completed else _object(shown.get("data")),
        error=Problem.from_json(error) if isinstance(error, dict) else None,
        action=action if isinstance(action, str) else None,
        result=result if isinstance(result, dict) else None,
    )


def _object(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}


def _pack(document: JsonObject) -> bytes:
    # ASCII: a text from outside may hold what UTF-8 cannot
    packed = zlib.compress(json.dumps(document, separators=(",", ":")).encode("ascii"))
    return packed if len(packed) <= _LARGEST else _TOO_LARGE


def _unpack(packed: object) -> JsonObject | None:
    """Read what `_pack` wrote: empty where nothing was written, None where it is missing or was too large."""
    if not isinstance(packed, bytes) or packed == _TOO_LARGE:
        return None
    return _object(json.loads(zlib.decompress(packed))) if packed else {}


def read_row(prefix: str, entity: Mapping[str, Any]) -> ListRow:
    """Return a list row of a range."""
    return ListRow(str(entity["RowKey"]).removeprefix(prefix), read_listed(entity))


def ranges(tenant: str | None, partition: str | None) -> list[tuple[str, str]]:
    """Return the (prefix, partition) pairs to read: a tenant's one, or the provider's sixteen."""
    if tenant is not None and partition is not None:
        return [(f"t|{tenant}|", partition)]
    return [("p|", number) for number in all_partitions()]


def page_filter(prefix: str, partition: str, after: str | None, conditions: Mapping[str, Sequence[str]]) -> tuple[str, dict[str, str]]:
    """Return the filter of the rows of a range after a list key, and its parameters; `conditions` are columns with the values that fit."""
    parameters = {"partition": partition, "first": f"{prefix}{after or ''}", "last": f"{prefix[:-1]}}}"}
    filters = "PartitionKey eq @partition and RowKey gt @first and RowKey lt @last"
    for index, (column, values) in enumerate(sorted(conditions.items())):
        names = [f"c{index}x{number}" for number in range(len(values))]
        parameters |= dict(zip(names, values, strict=True))
        # the SDK puts parameters in token by token: brackets need spaces around them
        filters += " and ( " + " or ".join(f"{column} eq @{name}" for name in names) + " )"
    return filters, parameters
