"""The index by which the tick finds what is due (docs/design/core.md, "The operations table"). Pure.

A tick reads the range of entries up to now and no row that waits. An entry holds what a tick decides by: kind, version, the group of a due
check, when it was last made and when the end is expected, the budget of the writes that a due step makes, and when the message on its way
was sent. There are two sorts:

- `n|{time}|{id}`, of one row, written in the transactions that write the row. Its time is the row's `nextAt`, or a little earlier while a
  message is on its way.
- `n|{time}|{number}` with `ids`, of many rows that checks have written, so that these take one change each: as many as a transaction holds
  with their entry and the one that held them before. Its time is the latest `nextAt` among them, which are near one another
  (`together`). It is a hint: a row that something else has written since has an entry of its own, and the check finds nothing due. The
  check that its message asks for deletes it; where that is lost, it comes due again. Its rows are of one group, or of several that are
  nothing but a budget (`is_budget`): then `groups` has that of each row.

`Active.due` is the mark of the entry that a row has: a write that moves `nextAt` deletes exactly that entry, unless others share it. A row
that an older version wrote may have none, or one that is too late; the sweep of the tick finds it by its own `nextAt`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from shared.clock import from_text, to_text
from shared.operations.model import rows
from shared.operations.model.rows import Active, Entity
from shared.storage.tables import Change, Found

FIRST, AFTER_LAST = "n|", "n}"
COLUMNS = ("PartitionKey", "RowKey", "v", "kind", "group", "groups", "sentAt", "ids", "seen", "ends", "writes")
MOST_IDS = 98
"""The most rows of an entry: as many as a transaction changes beside two entries; a message names no more than 100."""
_EARLIEST_SHARE = 5
"""An entry may be early by a fifth of the time for which a dispatched row is held."""
_LATEST_SHARE = 16
"""A check may be late by a sixteenth of the time for which its row waits, where it shares an entry."""
_SHARED = "~"


@dataclass(frozen=True, slots=True)
class Waiting:
    """An operation of an entry: when it was checked last and when its end is expected, in seconds since 1970, 0 where that is not known."""

    id: str
    seen: int
    ends: int
    group: str

    @property
    def budget(self) -> str:
        """The key of the budget that a check draws on."""
        return self.group.partition("#")[0]


@dataclass(frozen=True, slots=True)
class Due:
    """An entry: `at` is its time, `group` what a due check is batched by (empty: a step is due), `sent_at` when its message was sent.

    `ids` are the operations; `name` ends its key: the id of the only one, else a number. `seen` and `ends` are when each of them was
    checked last and when its end is expected, in whole seconds since 1970, 0 where that is not known. `writes` is the key of the budget on
    which a due step draws with a write, empty where it makes none. `groups` are those of the operations, empty where all are of `group`.
    """

    partition: str
    name: str
    ids: tuple[str, ...]
    at: str
    kind: str
    group: str
    sent_at: str
    version: int
    etag: str
    seen: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()
    writes: str = ""
    groups: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The operation of an entry that is of one only."""
        return self.ids[0]

    @property
    def is_shared(self) -> bool:
        """Whether it is of rows that do not name it as theirs alone."""
        return self.name != self.ids[0]

    @property
    def key(self) -> str:
        """The entry's row key."""
        return f"{FIRST}{self.at}|{self.name}"

    @property
    def waiting(self) -> Sequence[Waiting]:
        """Its operations; an older version wrote no times."""
        unknown = (0,) * len(self.ids)
        groups = self.groups or (self.group,) * len(self.ids)
        return [Waiting(*one) for one in zip(self.ids, self.seen or unknown, self.ends or unknown, groups, strict=True)]

    @property
    def message_groups(self) -> tuple[str, ...]:
        """The groups of its operations, each once."""
        return tuple(dict.fromkeys(self.groups)) or (self.group,)

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
    _, at, name = str(found.entity["RowKey"]).split("|")
    entity = found.entity
    return Due(
        partition=str(entity["PartitionKey"]),
        name=name,
        ids=tuple(str(entity.get("ids") or name).split(",")),
        at=at,
        kind=str(entity.get("kind", "")),
        group=str(entity.get("group", "")),
        sent_at=str(entity.get("sentAt", "")),
        version=int(entity.get("v") or rows.VERSION),
        etag=found.etag,
        seen=_seconds(entity.get("seen")),
        ends=_seconds(entity.get("ends")),
        writes=str(entity.get("writes") or ""),
        groups=_groups(str(entity.get("groups") or "")),
    )


def is_budget(group: str) -> bool:
    """Whether a group is nothing but the budget of a subscription's reads: rows of several such groups are checked together."""
    return group.endswith("/read")


def family(group: str) -> str:
    """Return what rows that are checked together have in common: their group, or that their groups are budgets."""
    return "" if is_budget(group) else group


def _groups(text: str) -> tuple[str, ...]:
    """Read the groups of the operations: names, then the place of each operation's among them."""
    names, _, places = text.partition("|")
    each = names.split(" ")
    return tuple(each[int(place)] for place in places.split(",")) if places else ()


def _seconds(value: object) -> tuple[int, ...]:
    return tuple(int(one) for one in value.split(",")) if isinstance(value, str) and value else ()


def scheduled(row: Active, now: datetime, hold: timedelta) -> tuple[Active, list[Change]]:
    """Return a row that is to be written with the mark of its entry, and the changes that move the entry there.

    `hold` is how long a dispatched row is held.
    """
    group = row.group if row.awaits_check else ""
    wanted = _mark(row.next_at, group, row.version, row.writes)
    if row.due == wanted or (row.dispatched and _is_near(row.due, wanted, now, hold / _EARLIEST_SHARE)):
        return row, []
    sent = to_text(now) if row.dispatched else ""
    entry = replace(_entry(row.id, [row]), group=group, sent_at=sent)
    changes = [Change("upsert", _entity(entry)), *(Change("delete", keys) for keys in entry_keys(row) if keys["RowKey"] != entry.key)]
    return replace(row, due=wanted), changes


def together(rows_of_one: Sequence[Active], now: datetime, names: Iterable[str]) -> tuple[list[Active], list[Due]]:
    """Return rows of one partition that await checks with the marks of the entries that they share, and these entries.

    `names` are numbers of which each is used once.
    """
    marked: list[Active] = []
    entries: list[Due] = []
    for group, name in zip(_near(rows_of_one, now), names, strict=False):
        last = group[-1]
        entries.append(_entry(name, group))
        marked += [replace(row, due=f"{_SHARED}{_mark(last.next_at, row.group, row.version)}") for row in group]
    return marked, entries


def _entry(name: str, found: Sequence[Active]) -> Due:
    """Return the entry of rows of one kind and family, of which the last is due last."""
    last = found[-1]
    groups = tuple(row.group for row in found)
    return Due(
        partition=last.partition,
        name=name,
        ids=tuple(row.id for row in found),
        at=last.next_at,
        kind=last.kind,
        group=last.group,
        sent_at="",
        version=last.version,
        etag="",
        seen=tuple(_second(row.seen_at) for row in found),
        ends=tuple(_second(row.ends_at) for row in found),
        writes="" if last.awaits_check else last.writes,
        groups=groups if len(set(groups)) > 1 else (),
    )


def _second(moment: str) -> int:
    return int(from_text(moment).timestamp()) if moment else 0


def _near(found: Sequence[Active], now: datetime) -> list[list[Active]]:
    """Split rows by kind, version and family, and so that of each part none waits much longer than the first."""
    parts: list[list[Active]] = []
    for row in sorted(found, key=lambda row: (row.kind, row.version, family(row.group), row.next_at)):
        first = parts[-1][0] if parts else None
        if first is None or len(parts[-1]) == MOST_IDS or not _alike(first, row) or _waits_longer(first, row, now):
            parts.append([])
        parts[-1].append(row)
    return parts


def _alike(one: Active, other: Active) -> bool:
    return (one.kind, one.version, family(one.group)) == (other.kind, other.version, family(other.group))


def _waits_longer(first: Active, row: Active, now: datetime) -> bool:
    waits = max(from_text(first.next_at) - now, timedelta())
    return from_text(row.next_at) - from_text(first.next_at) > waits / _LATEST_SHARE


def is_own(entries: Sequence[Due]) -> bool:
    """Whether entries are one entry of one row."""
    return len(entries) == 1 and not entries[0].is_shared


def held_as(entries: Sequence[Due], until: str, sent_at: str, name: str, stamp: str) -> tuple[Due, list[Change]]:
    """Return the entry that holds the due operations of entries of one family until a time, and the changes: each must be as it was read.

    An entry of one row moves, and its row with it; others are joined under a new name. `sent_at` is when their message is sent, empty where
    none is; `stamp` shows who made the changes.
    """
    first, own = entries[0], is_own(entries)
    waiting = {one.id: one for entry in entries for one in entry.waiting}
    one = replace(
        _of(first, list(waiting.values())),
        name=first.name if own else name,
        at=until,
        sent_at=sent_at or first.sent_at,
        etag="",
    )
    changes = [
        *(Change("delete", _keys(entry), entry.etag) for entry in entries),
        Change("upsert", {**_entity(one), "stamp": stamp}),
    ]
    if own:
        row: Entity = {"nextAt": until, "dispatched": True, "due": _mark(until, first.group, first.version, first.writes)}
        changes.append(Change("merge", {"PartitionKey": first.partition, "RowKey": rows.active_key(first.id), **row}))
    return one, changes


def written(entry: Due) -> Change:
    """Return the change that writes an entry."""
    return Change("upsert", _entity(entry))


def cut(entry: Due, chosen: Collection[str], name: str) -> tuple[Due, Due]:
    """Return an entry with only the chosen ones of its operations, and one of a new name with the others."""
    rest = _of(entry, [one for one in entry.waiting if one.id not in chosen])
    return _of(entry, [one for one in entry.waiting if one.id in chosen]), replace(rest, name=name, etag="")


def _of(entry: Due, waiting: Sequence[Waiting]) -> Due:
    """Return an entry with other operations."""
    groups = tuple(one.group for one in waiting)
    return replace(
        entry,
        ids=tuple(one.id for one in waiting),
        seen=tuple(one.seen for one in waiting),
        ends=tuple(one.ends for one in waiting),
        group=groups[0],
        groups=groups if len(set(groups)) > 1 else (),
    )


def entry_keys(row: Active) -> list[Entity]:
    """Return the keys of the entry that a row has, if any."""
    at = row.due.partition("|")[0] if not row.due.startswith(_SHARED) else ""
    return [{"PartitionKey": row.partition, "RowKey": f"{FIRST}{at}|{row.id}"}] if at else []


def is_late(row: Active, now: datetime) -> bool:
    """Whether the entry of a due row is missing or yet to come: an older version wrote the row."""
    at = row.due.removeprefix(_SHARED).partition("|")[0]
    return not at or at > to_text(now)


def _is_near(mark: str, wanted: str, now: datetime, most: timedelta) -> bool:
    """Whether the entry that a dispatched row has is of the same group and at most `most` early: then it stays."""
    at, _, group = mark.partition("|")
    wanted_at, _, wanted_group = wanted.partition("|")
    return group == wanted_group and to_text(now) < at <= wanted_at and from_text(wanted_at) - from_text(at) <= most


def _mark(at: str, group: str, version: int, writes: str = "") -> str:
    return f"{at}|{blake2b(f'{version}{group}{writes}'.encode(), digest_size=4).hexdigest()}"


def _keys(entry: Due) -> Entity:
    return {"PartitionKey": entry.partition, "RowKey": entry.key}


def _entity(entry: Due) -> Mapping[str, object]:
    more = {"ids": ",".join(entry.ids) if entry.is_shared else "", "seen": _joined(entry.seen), "ends": _joined(entry.ends)}
    names = list(dict.fromkeys(entry.groups))
    more["groups"] = f"{' '.join(names)}|{','.join(str(names.index(one)) for one in entry.groups)}" if names else ""
    known = {name: value for name, value in (more | {"writes": entry.writes}).items() if value}
    return _keys(entry) | {"v": entry.version, "kind": entry.kind, "group": entry.group, "sentAt": entry.sent_at, **known}


def _joined(seconds: Sequence[int]) -> str:
    return ",".join(map(str, seconds)) if any(seconds) else ""
