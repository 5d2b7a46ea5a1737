"""Adds to what an ended operation shows: the one change that is made to an operation after its end."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.operations.model import listing, rows
from shared.operations.model.identity import partition_of
from shared.operations.model.models import JsonObject
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import Change, Conflict, Table


@dataclass(frozen=True, slots=True)
class Amendments:
    """Writes to the final answers of operations, in the table of operations."""

    table: Table

    async def add_to_detail(self, operation: str, members: JsonObject, filters: Mapping[str, str] | None = None) -> None:
        """Set members of the detail of an operation that has ended, and show them in its list rows; harmless to repeat.

        `filters` are values that lists filter by.

        Raises `LookupError` for an operation that has not ended, or does not exist.
        """
        partition = partition_of(operation)
        while True:
            found = await self.table.get(partition, f"o|{operation}")
            final = from_pieces("final", found.entity) if found is not None else None
            if found is None or final is None:
                raise LookupError(f"operation {operation} has no final answer")
            detail = final.get("detail")
            document = final | {"detail": (detail if isinstance(detail, dict) else {}) | members}
            request = {"PartitionKey": partition, "RowKey": f"o|{operation}", **pieces("final", document)}
            keys = rows.list_keys(str(found.entity["tenant"]), str(found.entity["createdAt"]), operation)
            columns = listing.final_columns(document) | rows.filter_columns(filters or {})
            listed = [Change("upsert", {"PartitionKey": partition, "RowKey": key, **columns}) for key in keys]
            try:
                await self.table.transact([Change("merge", request, found.etag), *listed])
            except Conflict:
                continue
            return
