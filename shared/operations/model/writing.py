"""The transactions that write an active row: with its entry among the due, its detail and its list rows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

from shared.operations.model import listing, rows
from shared.operations.model.models import JsonObject
from shared.operations.model.rows import Active
from shared.storage.pieces import pieces
from shared.storage.tables import MAX_BATCH, Change


@dataclass(frozen=True, slots=True)
class Write:
    """A row to write under its ETag.

    `entry` moves its entry among the due. `detail` is what a step learned, `seen` what a check saw; None leaves either as it is. `filters`
    are values that lists filter by and that were not known before; `listed` is true where the list rows change.
    """

    row: Active
    entry: tuple[Change, ...] = ()
    detail: JsonObject | None = None
    seen: JsonObject | None = None
    listed: bool = False
    filters: Mapping[str, str] | None = None

    def changes(self) -> list[Change]:
        """Return the changes, that of the row first."""
        row, changes = self.row, [Change("merge", rows.active_entity(self.row), self.row.etag), *self.entry]
        documents = {"detail": self.detail, "seen": self.seen}
        for name, document in documents.items():
            if document is not None:
                entity = {"PartitionKey": row.partition, "RowKey": f"d|{row.id}", "v": rows.VERSION, **pieces(name, document)}
                changes.append(Change("upsert", entity))
        if self.listed or self.filters or any(document is not None for document in documents.values()):
            columns = rows.list_state(row) | rows.filter_columns(self.filters or {}) | listing.shown_columns(row, documents)
            changes += [Change("upsert", entity) for entity in list_entities(row, columns)]
        return changes

    def without_deletions(self) -> Self:
        """Return the write that leaves an entry which it could not delete."""
        return replace(self, entry=tuple(change for change in self.entry if change.kind != "delete"))


def list_entities(row: Active, columns: rows.Entity) -> list[rows.Entity]:
    """Return the two list rows of an operation with these columns."""
    keys = rows.list_keys(row.tenant, row.created_at, row.id)
    return [{"PartitionKey": row.partition, "RowKey": key, **columns} for key in keys]


def groups(writes: Iterable[Write]) -> list[list[Write]]:
    """Split writes of one partition into transactions of at most 100 changes."""
    split: list[list[Write]] = []
    room = 0
    for write in writes:
        size = len(write.changes())
        if size > room:
            split.append([])
            room = MAX_BATCH
        split[-1].append(write)
        room -= size
    return split


def is_lost_deletion(changes: Sequence[Change], index: int | None) -> bool:
    """Whether the change that failed is the deletion of what is not there, which must not keep the row from being written."""
    return index is not None and index < len(changes) and changes[index].kind == "delete"
