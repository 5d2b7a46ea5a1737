"""Puts many operations into an emulator fast: the same rows as the app writes, in transactions of 100, without the SDK's cost.

The SDK takes 0.6 ms of CPU for each row of a transaction, three times what Azurite takes to write it.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import formatdate
from itertools import islice

import aiohttp

from benchmarks.traffic import KEPT_SECONDS
from shared.clock import from_text, to_text
from shared.operations.model import due, listing, rows
from shared.operations.model.identity import body_hash, operation_id
from shared.operations.model.models import Actor, JsonObject, NewOperation, Status
from shared.operations.model.rows import Active, Entity
from shared.storage.pieces import pieces

KIND = "restorePointCopy"
STEP_QUEUE = "restore-point-copy-steps"
_MAX_BATCH = 100
_SIDE_BY_SIDE = 2
"""Azurite closes connections where many transactions wait for it; two keep it at work."""
_TRIES = 6
_ACCEPTED, _CONFLICT = 202, 409


@dataclass(frozen=True, slots=True)
class Shape:
    """How operations are spread: half of all belong to `tenants[0]`, the rest to the others in turn; every fifth waits for a step."""

    tenants: tuple[str, ...]

    def tenant(self, number: int) -> str:
        """The tenant of the operation of that number."""
        return self.tenants[0] if number % 2 else self.tenants[1 + (number // 2) % (len(self.tenants) - 1)]


_SUBSCRIPTIONS = 4


def group_of(tenant: str, number: int = 0) -> str:
    """Return what the check of a tenant's operation of that number is batched by: a tenant has four subscriptions.

    Azure's budget counts by subscription, and the tick never spends more than Farshore's share of a full bucket at once.
    """
    return f"{uuid.uuid5(uuid.NAMESPACE_DNS, f'{tenant}-{number // 2 % _SUBSCRIPTIONS}')}/read"


def active_operation(shape: Shape, number: int, created: datetime, next_at: datetime) -> Active:
    """Return an operation that runs: a copy that is being followed or, each fifth, one that waits for its turn."""
    tenant, waits = shape.tenant(number), number % 5 == 0
    return Active(
        id=operation_id(tenant, KIND, f"active-{number}"),
        kind=KIND,
        tenant=tenant,
        created_at=to_text(created + timedelta(milliseconds=number)),
        updated_at=to_text(created),
        status=Status.RUNNING,
        step="waitingForTurn" if waits else "copying",
        next_at=to_text(next_at),
        dispatched=False,
        group="" if waits else group_of(tenant, number),
        started=not waits,
        has_detail=True,
        percent=0 if waits else 40,
        data={
            "source": _point(tenant, number),
            "target": _point(tenant, number).replace("production", "recovery"),
            "disks": 3,
            "startedAt": to_text(created),
            "progressAt": to_text(created),
            "shown": 40,
            "checks": 12,
        },
        trace="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        stamp=str(uuid.UUID(int=number)),
    )


def entities_of(row: Active, *, ended: bool) -> list[Entity]:
    """Return the rows of an operation as the app leaves them: six while it runs, three once its end has been announced."""
    new = NewOperation(
        kind=KIND,
        tenant=row.tenant,
        key=row.id,
        body=_body(row),
        actor=Actor("app", str(uuid.UUID(int=7)), "runbook"),
        first_step="preparing",
        filters={"region": "northeurope", "virtualMachineId": str(row.data["source"]).lower()},
    )
    request = rows.request_entity(row, new, body_hash(new.body), row.stamp)
    listed = listing.list_entities(row, new)
    if ended:
        final = rows.final_document(row, _detail(row), None)
        return [request | pieces("final", final), *(entity | listing.final_columns(final) for entity in listed)]
    running = tuple(entity | listing.shown_columns(row, {"detail": _detail(row)}) for entity in listed)
    detail = {"PartitionKey": row.partition, "RowKey": f"d|{row.id}", "v": rows.VERSION, **pieces("detail", _detail(row))}
    scheduled, entry = due.scheduled(row, from_text(row.next_at), timedelta())
    needing = [{**running[1], "RowKey": rows.attention_key(row)}] if row.attention_listed else []
    return [rows.active_entity(scheduled), *(dict(change.entity) for change in entry), request, *running, *needing, detail]


def ended_operation(shape: Shape, number: int, created: datetime) -> list[Entity]:
    """Return the rows of an operation that succeeded a while ago."""
    row = active_operation(shape, number, created, created)
    ended = replace(row, id=operation_id(row.tenant, KIND, f"ended-{number}"), status=Status.SUCCEEDED, step="done", group="", percent=100)
    return entities_of(ended, ended=True)


class Bulk:
    """Inserts rows into a table of an Azurite by its connection string."""

    def __init__(self, connection_string: str, table: str) -> None:
        parts = dict(part.split("=", 1) for part in connection_string.strip(";").split(";"))
        self._account, self._key, self._url = (
            parts["AccountName"],
            base64.b64decode(parts["AccountKey"]),
            parts["TableEndpoint"].rstrip("/"),
        )
        self._table = table

    async def insert(self, entities: Iterable[Entity]) -> int:
        """Insert rows, in transactions per partition, and return how many there were; raises `RuntimeError` where one is refused."""
        partitions: dict[object, list[Entity]] = {}
        for entity in entities:
            partitions.setdefault(entity["PartitionKey"], []).append(entity)
        batches = (batch for listed in partitions.values() for batch in _batched(listed))
        turn = asyncio.Lock()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(keepalive_timeout=KEPT_SECONDS)) as session:

            async def some() -> None:
                while True:
                    async with turn:
                        batch = next(batches, None)
                    if batch is None:
                        return
                    await self._insert(session, batch)

            await asyncio.gather(*(some() for _ in range(_SIDE_BY_SIDE)))
        return sum(map(len, partitions.values()))

    async def _insert(self, session: aiohttp.ClientSession, batch: list[Entity]) -> None:
        """Insert a batch, again where the answer was lost: rows that are there by then are those of the try before."""
        for number in range(_TRIES):
            try:
                status, text = await self._transact(session, batch)
            except (aiohttp.ClientError, TimeoutError):
                if number == _TRIES - 1:
                    raise
                await asyncio.sleep(2**number)
                continue
            if status == _ACCEPTED and text.count("HTTP/1.1 204") == len(batch):
                return
            if number and (status == _CONFLICT or "EntityAlreadyExists" in text):
                return
            raise RuntimeError(f"{status}: {text[:500]}")

    async def _transact(self, session: aiohttp.ClientSession, batch: list[Entity]) -> tuple[int, str]:
        date = formatdate(usegmt=True)
        signed = f"{date}\n/{self._account}/{self._account}/$batch".encode()
        signature = base64.b64encode(hmac.new(self._key, signed, hashlib.sha256).digest()).decode()
        headers = {
            "Authorization": f"SharedKeyLite {self._account}:{signature}",
            "x-ms-date": date,
            "x-ms-version": "2019-02-02",
            "DataServiceVersion": "3.0",
            "Content-Type": "multipart/mixed; boundary=batch_1",
        }
        async with session.post(f"{self._url}/$batch", data=self._document(batch), headers=headers) as answer:
            return answer.status, await answer.text()

    def _document(self, batch: list[Entity]) -> bytes:
        head = (
            "--changeset_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            f"POST {self._url}/{self._table} HTTP/1.1\r\nContent-Type: application/json;odata=nometadata\r\n"
            "Accept: application/json;odata=minimalmetadata\r\nPrefer: return-no-content\r\nDataServiceVersion: 3.0\r\n\r\n"
        )
        changes = "".join(f"{head}{_json(entity)}\r\n" for entity in batch)
        return (
            f"--batch_1\r\nContent-Type: multipart/mixed; boundary=changeset_1\r\n\r\n{changes}--changeset_1--\r\n--batch_1--\r\n"
        ).encode()


def _batched(listed: list[Entity]) -> Iterable[list[Entity]]:
    items = iter(listed)
    while batch := list(islice(items, _MAX_BATCH)):
        yield batch


def _json(entity: Mapping[str, object]) -> str:
    written: dict[str, object] = {}
    for name, value in entity.items():
        if isinstance(value, bytes):
            written |= {name: base64.b64encode(value).decode(), f"{name}@odata.type": "Edm.Binary"}
        else:
            written[name] = value
    return json.dumps(written)


def _point(tenant: str, number: int) -> str:
    scope = f"/subscriptions/{group_of(tenant, number).partition('/')[0]}/resourceGroups/production/providers/Microsoft.Compute"
    return f"{scope}/restorePointCollections/vm{number % 500:05d}-points/restorePoints/{number:026d}"


def _body(row: Active) -> JsonObject:
    return {"source": {"restorePointId": row.data["source"]}, "target": {"region": "northeurope", "resourceGroup": "recovery"}}


def _detail(row: Active) -> JsonObject:
    disks = [
        {"id": f"{row.data['target']}/diskRestorePoints/disk-{number}", "state": "Replicating", "percentComplete": 40}
        for number in range(3)
    ]
    return {"source": row.data["source"], "target": {"restorePointId": row.data["target"]}, "disks": disks}
