"""The rows of claims: read by key or by range, taken in one transaction, released one by one (docs/design/tenants.md, "Storage")."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from shared.access.records.claims import Claim, ClaimKey, caller_flags
from shared.access.records.rows import CLAIMS
from shared.clock import Clock, from_text, to_text
from shared.storage.tables import Change, Conflict, Found, Table

_SIDE_BY_SIDE = 16
_TRIES = 10
_MOST_CONTESTING = 20
META = "meta"
META_ROW = "claims"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Take:
    """A claim to be taken: over the row as it was read, or inserted where there is none."""

    key: ClaimKey
    row: Claim | None


class ClaimRows:
    """Reads and writes claims. Errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table, clock: Clock) -> None:
        self._table = table
        self._clock = clock

    async def get(self, key: ClaimKey) -> Claim | None:
        """Return the row of a claim, or None."""
        found = await self._table.get(CLAIMS, key.row_key)
        return _read(found) if found is not None else None

    async def all(self, keys: Iterable[ClaimKey]) -> dict[ClaimKey, Claim | None]:
        """Return the rows of claims, read side by side."""
        wanted = list(dict.fromkeys(keys))
        return dict(zip(wanted, await side_by_side([self.get(key) for key in wanted]), strict=True))

    async def within(self, prefix: str, limit: int | None = None) -> AsyncIterator[Claim]:
        """Return the claims of a range that tenants hold."""
        filters = "PartitionKey eq @partition and RowKey gt @first and RowKey lt @last and releasedAt eq ''"
        parameters = {"partition": CLAIMS, "first": prefix, "last": f"{prefix[:-1]}}}"}
        async for found in self._table.range(filters, parameters=parameters, limit=limit):
            yield _read(found)

    async def take(self, tenant: str, takes: Iterable[Take], nonce: str, entra: Mapping[ClaimKey, Claim | None]) -> None:
        """Take claims for a tenant, all or none, in one transaction; raises `Conflict` where a row has changed.

        `entra` are the rows of the Entra tenants of which apps or groups are claimed, as they were read.
        """
        entities: dict[ClaimKey, dict[str, Any]] = {}
        rows: dict[ClaimKey, Claim | None] = {}
        now = to_text(self._clock.wall())
        for take in takes:
            held = {"tenant": tenant, "nonce": nonce, "takenAt": now, "releasedAt": ""}
            entities[take.key], rows[take.key] = _entity(take.key) | held, take.row
        for key, columns in caller_flags(dict.fromkeys(entities, "")).items():
            row = rows.setdefault(key, entra.get(key))
            missing = {column: 1 for column in columns if row is None or not getattr(row, column)}
            if missing:
                entities[key] = entities.get(key, _entity(key) | ({"tenant": "", "releasedAt": ""} if row is None else {})) | missing
        if entities:
            await self._table.transact([_change(entity, rows[key]) for key, entity in entities.items()])

    async def contest(self, key: ClaimKey, tenants: Sequence[str]) -> None:
        """Note that several tenants list what none of them can claim; a claim that one of them holds stays."""
        for _ in range(_TRIES):
            row = await self.get(key)
            noted = _entity(key) | {"contested": " ".join(sorted(tenants)[:_MOST_CONTESTING])}
            free = {"tenant": "", "releasedAt": ""} if row is None else {}
            try:
                await self._table.transact([_change(noted | free, row)])
            except Conflict:
                continue
            return

    async def release(self, key: ClaimKey, tenant: str, nonce: str) -> None:
        """Release a claim that a tenant took by a write; one that was taken again since stays."""
        while True:
            row = await self.get(key)
            if row is None or not row.held or (row.tenant, row.nonce) != (tenant, nonce):
                return
            if await self._merge(key, row, {"releasedAt": to_text(self._clock.wall())}):
                return

    async def take_back(self, key: ClaimKey, tenant: str) -> None:
        """Undo the release of a claim that is still the tenant's last."""
        while True:
            row = await self.get(key)
            if row is None or row.held or row.tenant != tenant:
                return
            if await self._merge(key, row, {"releasedAt": ""}):
                return

    async def all_claimed(self) -> bool:
        """Return whether the rows of earlier versions have been claimed."""
        return await self._table.get(META, META_ROW) is not None

    async def note_all_claimed(self) -> None:
        """Write that the rows of earlier versions have been claimed."""
        await self._table.upsert({"PartitionKey": META, "RowKey": META_ROW, "v": 1, "at": to_text(self._clock.wall())})

    async def _merge(self, key: ClaimKey, row: Claim, columns: dict[str, Any]) -> bool:
        try:
            await self._table.merge(_entity(key) | columns, row.etag)
        except Conflict:
            return False
        return True


def _entity(key: ClaimKey) -> dict[str, Any]:
    return {"PartitionKey": CLAIMS, "RowKey": key.row_key, "v": 1, "kind": str(key.kind), "value": key.value}


def _change(entity: Mapping[str, Any], row: Claim | None) -> Change:
    return Change("insert", entity) if row is None else Change("merge", entity, row.etag)


def _read(found: Found) -> Claim:
    entity = found.entity
    return Claim(
        row_key=str(entity["RowKey"]),
        tenant=str(entity.get("tenant") or ""),
        nonce=str(entity.get("nonce") or ""),
        taken_at=_moment(entity.get("takenAt")),
        released_at=_moment(entity.get("releasedAt")),
        apps=bool(entity.get("apps")),
        groups=bool(entity.get("groups")),
        etag=found.etag,
        contested=tuple(str(entity.get("contested") or "").split()),
        value=str(entity.get("value") or ""),
    )


def _moment(value: object) -> datetime | None:
    return from_text(value) if isinstance(value, str) and value else None


async def side_by_side(calls: Sequence[Awaitable[T]]) -> list[T]:
    """Return what some reads return, in their order; at most 16 run at one time."""
    gate = asyncio.Semaphore(_SIDE_BY_SIDE)

    async def one(call: Awaitable[T]) -> T:
        async with gate:
            return await call

    return list(await asyncio.gather(*(one(call) for call in calls)))
