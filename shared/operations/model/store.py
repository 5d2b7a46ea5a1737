"""The table of operations: acceptance, reads, conditional writes and the end, each a call or two.

Source: docs/design/core.md, "The operations table".

A conditional write that storage's SDK repeated can fail against itself: each write carries a stamp, and a lost race is conceded only
after the row was read again and the stamp is another's.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from shared.clock import Clock, Ids, to_text
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.crash_points import crash_point
from shared.operations.model import due, listing, rows
from shared.operations.model.due_rows import DueRows
from shared.operations.model.identity import all_partitions, body_hash, operation_id, partition_of, partition_of_tenant
from shared.operations.model.models import Accepted, JsonObject, NewOperation, Operation, Status
from shared.operations.model.rows import Active
from shared.operations.model.writing import Write, attention_keys, groups, in_one, list_entities
from shared.operations.timings import dispatch_hold
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import MAX_BATCH, Change, Conflict, Found, Table

TABLE = "operations"


class Store:
    """Reads and writes operations. Errors of storage are raised as they are; a lost race is `Conflict`."""

    def __init__(self, table: Table, clock: Clock, ids: Ids) -> None:
        self._table = table
        self._clock = clock
        self._ids = ids
        self.due_rows = DueRows(table, clock, ids)

    def id_for(self, new: NewOperation) -> str:
        """Return the id that the request has or, without a key, a new one."""
        return operation_id(new.tenant, new.kind, new.key if new.key is not None else f"random:{self._ids.new()}")

    async def insert(self, new: NewOperation, operation: str) -> Accepted:
        """Write a new operation under its id, or find the one that is there.

        Raises `Refused` (RepeatabilityKeyReused) when that one was asked for with another body.
        """
        now = to_text(self._clock.now())
        row = Active(
            id=operation,
            kind=new.kind,
            tenant=new.tenant,
            created_at=now,
            updated_at=now,
            status=Status.NOT_STARTED,
            step=new.first_step,
            next_at=to_text(self._clock.now() + dispatch_hold(self._clock.speed)),
            locks=new.locks,
            data=new.data,
            trace=new.trace or "",
            stamp=self._ids.new(),
        )
        row, entry = self._scheduled(replace(row, shown_as=listing.shown_as(row)))
        request = rows.request_entity(row, new, _hash_of(new), row.stamp)
        entities = (rows.active_entity(row), request, *listing.list_entities(row, new))
        try:
            await self._table.transact([*(Change("insert", entity) for entity in entities), *entry])
        except Conflict:
            found = await self._table.get(row.partition, f"o|{operation}")
            if found is None:
                raise
            if found.entity.get("nonce") != row.stamp:
                return Accepted(await self._known(new, found), created=False)
        crash_point("accept.written")
        return Accepted(rows.read_operation(row, request, None), created=True)

    async def find(self, new: NewOperation, operation: str) -> Operation | None:
        """Return the operation that this request became earlier, if any; raises `Refused` when its body was another."""
        found = await self._table.get(partition_of(operation), f"o|{operation}")
        return await self._known(new, found) if found else None

    async def _known(self, new: NewOperation, found: Found) -> Operation:
        if new.compare_body and found.entity.get("hash") != _hash_of(new):
            raise Refused(
                ErrorCode.REPEATABILITY_KEY_REUSED,
                "This repeatability key was used before with another body. Send a new key for a new request.",
                target="Repeatability-Request-ID",
            )
        known = await self.get(str(found.entity["RowKey"]).removeprefix("o|"))
        if known is None:
            raise LookupError("the operation's rows are incomplete")
        return known

    async def get(self, operation: str) -> Operation | None:
        """Return an operation as a reader sees it, or None."""
        partition = partition_of(operation)
        active, detail, request = await asyncio.gather(
            self._table.get(partition, f"a|{operation}"),
            self._table.get(partition, f"d|{operation}"),
            self._table.get(partition, f"o|{operation}"),
        )
        if request is None:
            return None
        if active is None and from_pieces("final", request.entity) is None:
            # it ended between the reads: what was not final a moment ago is now
            request = await self._table.get(partition, f"o|{operation}") or request
        row = rows.read_active(active.entity, active.etag) if active else None
        return rows.read_operation(row, request.entity, rows.read_detail(detail.entity) if detail else None)

    async def active(self, operation: str) -> Active | None:
        """Return the active row, or None once the end has been announced."""
        found = await self._table.get(partition_of(operation), rows.active_key(operation))
        return rows.read_active(found.entity, found.etag) if found else None

    async def documents(self, row: Active) -> tuple[Operation, JsonObject]:
        """Return what a step works with: the operation as accepted and the detail so far."""
        request, detail = await asyncio.gather(self._table.get(row.partition, f"o|{row.id}"), self._table.get(row.partition, f"d|{row.id}"))
        if request is None:
            raise LookupError(f"the request of operation {row.id} is missing")
        known = rows.read_detail(detail.entity) if detail else {}
        return rows.read_operation(row, request.entity, known), dict(known)

    async def save(
        self, row: Active, *, detail: JsonObject | None = None, listed: bool = False, filters: Mapping[str, str] | None = None
    ) -> Active:
        """Write the active row under its ETag, with the detail and the list rows' state where asked for, and return it as written.

        `filters` are values that lists filter by and that were not known before. Raises `Conflict` where another wrote it meanwhile.
        """
        write = await self._prepared(row, detail=detail, listed=listed, filters=filters)
        try:
            etags = await self._transact(write.changes())
        except Conflict:
            return await self._own_write(write.row)
        return replace(write.row, etag=etags[0])

    async def save_all(
        self, written: Sequence[tuple[Active, JsonObject | None, bool]], *, shared: bool = False, held: tuple[str, str] | None = None
    ) -> list[Active]:
        """Write rows of one partition under their ETags: (row, what a check saw, whether the list rows change), but those that lost a race.

        An error of a transaction names one bad row only: it is dropped and the rest repeated, a few times, then row by row. With `shared`
        the rows were held together: those that go on to await a check share their entries among the due again, and `held`, the entry that
        held them (partition, row key), is deleted. All of that is one transaction, where one suffices.
        """
        awaiting = [row for row, _, _ in written if shared and row.awaits_check and not row.dispatched]
        found, entries = self.due_rows.share(awaiting)
        marked = {row.id: row for row in found}
        writes = await asyncio.gather(
            *(self._prepared(marked.get(row.id, row), seen=seen, listed=listed, shares=row.id in marked) for row, seen, listed in written)
        )
        leaves = [Change("delete", {"PartitionKey": held[0], "RowKey": held[1]})] if held else []
        together = in_one(writes, [*entries, *leaves])
        if together is not None:
            return await self._save_group(together)
        for start in range(0, len(entries), MAX_BATCH):  # before the rows: without them no tick finds these
            await self._table.transact(entries[start : start + MAX_BATCH])
        done: list[Active] = []
        for group in groups(writes):
            done += await self._save_group(group)
        if held:
            await self.due_rows.delete([held])
        return done

    async def _prepared(
        self,
        row: Active,
        *,
        listed: bool,
        detail: JsonObject | None = None,
        seen: JsonObject | None = None,
        filters: Mapping[str, str] | None = None,
        shares: bool = False,
    ) -> Write:
        has_detail = row.has_detail or detail is not None or seen is not None
        stamped = replace(row, stamp=self._ids.new(), has_detail=has_detail, shown_as=listing.shown_as(row))
        stamped = replace(stamped, attention_listed=row.attention is not None)
        scheduled, entry = self._scheduled(stamped) if not shares else (stamped, [])
        enters = scheduled.attention_listed and not row.attention_listed
        return Write(
            scheduled,
            tuple(entry),
            detail,
            seen,
            listed or enters or stamped.shown_as != row.shown_as,
            filters,
            list_row=await self._list_columns(row) if enters else {},
            leaves_attention_list=row.attention_listed and not scheduled.attention_listed,
        )

    async def _list_columns(self, row: Active) -> Mapping[str, Any]:
        """Return what the provider's list row of an operation holds."""
        found = await self._table.get(row.partition, rows.list_keys(row.tenant, row.created_at, row.id)[1])
        return found.entity if found else {}

    def _scheduled(self, row: Active) -> tuple[Active, list[Change]]:
        return due.scheduled(row, self._clock.now(), dispatch_hold(self._clock.speed))

    async def _transact(self, changes: list[Change]) -> list[str]:
        """Make the changes of one row and return their ETags; what is not there counts as deleted."""
        if len(changes) == 1 and changes[0].etag is not None:
            return [await self._table.merge(changes[0].entity, changes[0].etag)]
        while True:
            try:
                return await self._table.transact(changes)
            except Conflict as conflict:
                if conflict.index is None or changes[conflict.index].kind != "delete":
                    raise
                del changes[conflict.index]

    async def _save_group(self, group: list[Write]) -> list[Active]:
        for _ in range(3):
            changes = [(index, change) for index, write in enumerate(group) for change in write.changes()]
            if not changes:
                return []
            try:
                etags = await self._table.transact([change for _, change in changes])
            except Conflict as conflict:
                if conflict.index is None:
                    break
                lost, change = changes[conflict.index]
                if change.kind == "delete":
                    group[lost] = group[lost].without(change)
                    continue
                if await self._is_written(group[lost].row):
                    return await self._as_written([write.row for write in group])
                dropped = group.pop(lost)
                if dropped.beside and group:
                    group[0] = replace(group[0], beside=dropped.beside, absent=group[0].absent | dropped.absent)
                elif dropped.beside:
                    await self._transact(list(dropped.beside))
                continue
            first = {index: etag for (index, change), etag in reversed(list(zip(changes, etags, strict=True)))}
            return [replace(write.row, etag=first[index]) for index, write in enumerate(group)]
        return await self._save_one_by_one(group)

    async def _save_one_by_one(self, group: list[Write]) -> list[Active]:
        done = []
        if beside := [change for write in group for change in write.beside]:
            await self._transact(beside)
        for write in (replace(write, beside=()) for write in group):
            try:
                etags = await self._transact(write.changes())
            except Conflict:
                done += await self._as_written([write.row])
                continue
            done.append(replace(write.row, etag=etags[0]))
        return done

    async def _is_written(self, stamped: Active) -> bool:
        """Whether the write that lost the race is the one that is there: storage's SDK had repeated it."""
        found = await self.active(stamped.id)
        return found is not None and found.stamp == stamped.stamp

    async def _as_written(self, stamped: Sequence[Active]) -> list[Active]:
        """Return those of the rows that are there as they were to be written, under their new ETags."""
        found = await asyncio.gather(*(self.active(row.id) for row in stamped))  # those of one transaction, at most a hundred
        pairs = zip(stamped, found, strict=True)
        return [replace(row, etag=there.etag) for row, there in pairs if there is not None and there.stamp == row.stamp]

    async def _own_write(self, stamped: Active) -> Active:
        found = await self.active(stamped.id)
        if found is None or found.stamp != stamped.stamp:
            raise Conflict
        return replace(stamped, etag=found.etag)

    async def finish(
        self,
        row: Active,
        detail: JsonObject,
        error: Problem | None,
        result: JsonObject | None = None,
        filters: Mapping[str, str] | None = None,
    ) -> Active:
        """Write the end of an operation in one transaction: the final answer, the list rows, and a row that is yet to be announced.

        `row` has the final status, `filters` are values that lists filter by. Raises `Conflict` when it was written by another meanwhile.
        """
        ended = replace(
            row,
            announce=True,
            group="",
            intent=None,
            attention=None,
            attention_listed=False,
            nonce="",
            lease_until="",
            pending_events=("terminal",),
            stamp=self._ids.new(),
        )
        # what a list shows is final from here on: whatever writes the row once more before it is removed leaves the list rows alone
        ended, entry = self._scheduled(replace(ended, shown_as=listing.shown_as(ended)))
        document = rows.final_document(ended, detail, error, result)
        final = {"PartitionKey": row.partition, "RowKey": f"o|{row.id}", **pieces("final", document)}
        columns = rows.list_state(ended) | listing.final_columns(document) | rows.filter_columns(filters or {})
        changes = [
            Change("merge", rows.active_entity(replace(ended, has_detail=False)), row.etag),
            *entry,
            Change("upsert", final),
            *(Change("upsert", entity) for entity in list_entities(ended, columns)),
        ]
        if row.has_detail:
            changes.append(Change("delete", {"PartitionKey": row.partition, "RowKey": f"d|{row.id}"}))
        if row.attention_listed:
            changes.append(Change("delete", attention_keys(row)))
        try:
            etag = (await self._transact(changes))[0]
        except Conflict:
            return await self._own_write(ended)
        return replace(ended, has_detail=False, etag=etag)

    async def remove(self, row: Active) -> None:
        """Delete the active row of an operation whose end has been announced, with its entry among the due."""
        keys: list[rows.Entity] = [{"PartitionKey": row.partition, "RowKey": rows.active_key(row.id)}, *due.entry_keys(row)]
        try:
            await self._table.transact([Change("delete", each) for each in keys])
        except Conflict:
            # a tick may have moved the entry; it deletes one that has no row any more
            await self._table.delete(row.partition, rows.active_key(row.id))

    async def batch(self, ids: Sequence[str], *, due_in: Sequence[str] | None = None) -> list[Active]:
        """Return the active rows of ids, with one range read per partition; an id that has none is left out.

        `due_in` asks for those of groups of checks that are due or on their way: the range may hold many of the same tenant's rows
        between the wanted ones, and the filter keeps most of them in storage.
        """
        wanted = set(ids)
        now = to_text(self._clock.now())
        found: list[Active] = []
        for partition in sorted({partition_of(operation) for operation in wanted}):
            keys = sorted(operation for operation in wanted if partition_of(operation) == partition)
            # the SDK puts parameters in token by token: brackets need spaces around them
            filters = "PartitionKey eq @partition and RowKey ge @first and RowKey le @last"
            parameters = {"partition": partition, "first": rows.active_key(keys[0]), "last": rows.active_key(keys[-1])}
            if due_in is not None:
                of_group = "group eq @group" if len(due_in) == 1 else "group ne ''"
                filters += f" and {of_group} and ( dispatched eq true or nextAt le @now )"
                parameters |= {"now": now, **({"group": due_in[0]} if len(due_in) == 1 else {})}
            async for item in self._table.range(filters, parameters=parameters):
                row = rows.read_active(item.entity, item.etag)
                if row.id in wanted and (due_in is None or row.group in due_in):
                    found.append(row)
        return found

    async def followed(self, kind: str) -> list[tuple[str, str]]:
        """Return (tenant, code of the attention or empty) of each operation of a kind that the checks follow, over all partitions."""
        filters = "PartitionKey eq @partition and RowKey ge 'a|' and RowKey lt 'a}' and kind eq @kind and group ne ''"
        found: list[tuple[str, str]] = []
        for partition in all_partitions():
            parameters = {"partition": partition, "kind": kind}
            rows_there = self._table.range(filters, select=["PartitionKey", "RowKey", "tenant", "attention"], parameters=parameters)
            found += [(str(item.entity["tenant"]), str(item.entity.get("attention", ""))) async for item in rows_there]
        return found

    async def running_of(self, tenant: str, limit: int) -> list[str]:
        """Return the ids of up to `limit` operations of a tenant that have not ended."""
        filters = "PartitionKey eq @partition and RowKey ge 'a|' and RowKey lt 'a}' and tenant eq @tenant and announce eq false"
        parameters = {"partition": partition_of_tenant(tenant), "tenant": tenant}
        found = self._table.range(filters, select=["PartitionKey", "RowKey"], parameters=parameters, limit=limit)
        return [str(item.entity["RowKey"]).removeprefix("a|") async for item in found]

    async def mend_attention_list(self, partition: str, serves: Callable[[str], bool]) -> None:
        """Write the list rows of operations that need attention and have none, and delete those of operations that need none any more.

        An older version leaves both. `serves` is true for the kinds whose rows this app may write.
        """
        parameters = {"partition": partition}
        filters = "PartitionKey eq @partition and RowKey ge 'q|' and RowKey lt 'q}'"
        listed = [item async for item in self._table.range(filters, select=["PartitionKey", "RowKey"], parameters=parameters)]
        filters = "PartitionKey eq @partition and RowKey ge 'a|' and RowKey lt 'a}' and attentions gt 0 and attention ne ''"
        found = [rows.read_active(item.entity, item.etag) async for item in self._table.range(filters, parameters=parameters)]
        needing, there = {rows.attention_key(row): row for row in found}, {str(item.entity["RowKey"]): item.etag for item in listed}
        missing = [row for key, row in needing.items() if key not in there and serves(row.kind) and not row.is_newer]
        await self.save_all([(replace(row, attention_listed=False), None, True) for row in missing])
        for key in there.keys() - needing.keys():
            await self._table.delete(partition, key, there[key])

    async def list_page(
        self, prefix: str, partition: str, after: str | None, conditions: Mapping[str, Sequence[str]], limit: int
    ) -> list[listing.ListRow]:
        """Return up to `limit` list rows of a range after the list key `after`, newest first.

        `conditions` are columns with the values of which any fits.
        """
        filters, parameters = listing.page_filter(prefix, partition, after, conditions)
        found = self._table.range(filters, select=listing.COLUMNS, parameters=parameters, limit=limit)
        return [listing.read_row(prefix, item.entity) async for item in found]

    async def request(self, operation: str) -> Mapping[str, object] | None:
        """Return the request row of an operation, or None."""
        found = await self._table.get(partition_of(operation), f"o|{operation}")
        return found.entity if found else None


def _hash_of(new: NewOperation) -> str:
    return body_hash(new.body if new.compared is None else new.compared)
