"""The index by which the tick finds what is due (docs/design/core.md, "The operations table"). Pure.

Each active row has one entry `n|{time}|{id}` in its partition, written in the transactions that write the row. Its time is the row's
`nextAt`, or a little earlier while a message is on its way. A tick reads the range of entries up to now and no row that waits. An entry
holds what a tick decides by: kind, version, the group of a due check, and when the message on its way was sent.

`Active.due` is the mark of the entry that a row has: a write that moves `nextAt` deletes exactly that entry. A row that an older version
wrote may have none, or one that is too late; the sweep of the tick finds it by its own `nextAt`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from shared.clock import from_text, to_text
from shared.operations.model import rows
from shared.operations.model.identity import partition_of
from shared.operations.model.rows import Active, Entity
from shared.storage.tables import Change, Found

FIRST, AFTER_LAST = "n|", "n}"
COLUMNS = ("PartitionKey", "RowKey", "v", "kind", "group", "sentAt")
_EARLIEST_SHARE = 5
"""An entry may be early by a fifth of the time for which a dispatched row is held."""


@dataclass(frozen=True, slots=True)
class Due:
    """An entry: `at` is its time, `group` what a due check is batched by (empty: a step is due), `sent_at` when its message was sent."""

    id: str
    at: str
    kind: str
    group: str
    sent_at: str
    version: int
    etag: str

    @property
    def partition(self) -> str:
        """The entry's partition, the operation's."""
        return partition_of(self.id)

    @property
    def key(self) -> str:
        """The entry's row key."""
        return f"{FIRST}{self.at}|{self.id}"

    @property
    def awaits_check(self) -> bool:
        """Whether a check is due; else a step."""
        return bool(self.group)

    @property
    def is_newer(self) -> bool:
        """Whether a newer version runs the operation."""
        return self.version > rows.VERSION


def read(found: Found) -> Due:
    """Read an entry."""
    _, at, operation = str(found.entity["RowKey"]).split("|")
    entity = found.entity
    return Due(
        id=operation,
        at=at,
        kind=str(entity.get("kind", "")),
        group=str(entity.get("group", "")),
        sent_at=str(entity.get("sentAt", "")),
        version=int(entity.get("v") or rows.VERSION),
        etag=found.etag,
    )


def scheduled(row: Active, now: datetime, hold: timedelta) -> tuple[Active, list[Change]]:
    """Return a row that is to be written with the mark of its entry, and the changes that move the entry there.

    `hold` is how long a dispatched row is held.
    """
    group = row.group if row.awaits_check else ""
    wanted = _mark(row.next_at, group, row.version)
    if row.due == wanted or (row.dispatched and _is_near(row.due, wanted, now, hold / _EARLIEST_SHARE)):
        return row, []
    sent = to_text(now) if row.dispatched else ""
    entry = Due(row.id, row.next_at, row.kind, group, sent, row.version, "")
    changes = [Change("upsert", _entity(entry)), *(Change("delete", keys) for keys in entry_keys(row) if keys["RowKey"] != entry.key)]
    return replace(row, due=wanted), changes


def held(entry: Due, until: str, sent_at: str, stamp: str) -> list[Change]:
    """Return the changes that hold a due operation until a time: its entry moves if it is as it was read, and its row with it.

    `sent_at` is when its message is sent, empty where none is; `stamp` shows who made the changes.
    """
    moved = replace(entry, at=until, sent_at=sent_at or entry.sent_at)
    row: Entity = {"nextAt": until, "dispatched": True, "due": _mark(until, entry.group, entry.version)}
    return [
        Change("delete", _keys(entry), entry.etag),
        Change("upsert", {**_entity(moved), "stamp": stamp}),
        Change("merge", {"PartitionKey": entry.partition, "RowKey": rows.active_key(entry.id), **row}),
    ]


def entry_keys(row: Active) -> list[Entity]:
    """Return the keys of the entry that a row has, if any."""
    at = row.due.partition("|")[0]
    return [{"PartitionKey": row.partition, "RowKey": f"{FIRST}{at}|{row.id}"}] if at else []


def is_late(row: Active, now: datetime) -> bool:
    """Whether the entry of a due row is missing or yet to come: an older version wrote the row."""
    return not row.due or row.due > to_text(now)


def _is_near(mark: str, wanted: str, now: datetime, most: timedelta) -> bool:
    """Whether the entry that a dispatched row has is of the same group and at most `most` early: then it stays."""
    at, _, group = mark.partition("|")
    wanted_at, _, wanted_group = wanted.partition("|")
    return group == wanted_group and to_text(now) < at <= wanted_at and from_text(wanted_at) - from_text(at) <= most


def _mark(at: str, group: str, version: int) -> str:
    return f"{at}|{blake2b(f'{version}{group}'.encode(), digest_size=4).hexdigest()}"


def _keys(entry: Due) -> Entity:
    return {"PartitionKey": entry.partition, "RowKey": entry.key}


def _entity(entry: Due) -> Mapping[str, object]:
    return _keys(entry) | {"v": entry.version, "kind": entry.kind, "group": entry.group, "sentAt": entry.sent_at}
