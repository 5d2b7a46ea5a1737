"""The transactions that write an active row: with its entry among the due, its detail and its list rows. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    are values that lists filter by and that were not known before; `listed` is true where the list rows change. `list_row` holds columns of
    a new list row among those that need attention; `leaves_attention_list` is true where that row is deleted. `absent` are the row keys
    of deletions that found nothing. `beside` are changes that go into the same transaction, for several rows: it passes to the next row
    where this one is dropped.
    """

    row: Active
    entry: tuple[Change, ...] = ()
    detail: JsonObject | None = None
    seen: JsonObject | None = None
    listed: bool = False
    filters: Mapping[str, str] | None = None
    list_row: Mapping[str, object] = field(default_factory=dict)
    leaves_attention_list: bool = False
    absent: frozenset[str] = frozenset()
    beside: tuple[Change, ...] = ()

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
            if row.attention_listed:
                changes.append(Change("upsert", {**self.list_row, **columns, **attention_keys(row)}))
        if self.leaves_attention_list:
            changes.append(Change("delete", attention_keys(row)))
        changes += self.beside
        return [change for change in changes if change.kind != "delete" or change.entity["RowKey"] not in self.absent]

    def without(self, change: Change) -> Self:
        """Return the write without a deletion that found nothing."""
        return replace(self, absent=self.absent | {str(change.entity["RowKey"])})


def attention_keys(row: Active) -> rows.Entity:
    """Return the keys of the list row of operations that need attention."""
    return {"PartitionKey": row.partition, "RowKey": rows.attention_key(row)}


def list_entities(row: Active, columns: rows.Entity) -> list[rows.Entity]:
    """Return the two list rows of an operation with these columns."""
    keys = rows.list_keys(row.tenant, row.created_at, row.id)
    return [{"PartitionKey": row.partition, "RowKey": key, **columns} for key in keys]


def in_one(writes: Sequence[Write], beside: Sequence[Change]) -> list[Write] | None:
    """Return writes of one partition with the changes beside them, where all of it is one transaction; else None."""
    if not writes or sum(len(write.changes()) for write in writes) + len(beside) > MAX_BATCH:
        return None
    return [replace(writes[0], beside=tuple(beside)), *writes[1:]]


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
