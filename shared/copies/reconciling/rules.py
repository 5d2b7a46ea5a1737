"""How the ledger and Azure differ. Pure."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

BETWEEN_LOOKS = timedelta(minutes=10)
"""Between the two looks of which none shows a copy, before it counts as gone."""
SHOWN_FOR = timedelta(days=30)
"""How long what is gone is shown as a difference."""


class DriftKind(StrEnum):
    """A difference between the ledger and Azure."""

    COPY_GONE = "copyGone"
    FOREIGN_COPY = "foreignCopy"
    SOURCE_GONE = "sourceGone"
    VIRTUAL_MACHINE_GONE = "virtualMachineGone"
    VIRTUAL_MACHINE_REPLACED = "virtualMachineReplaced"
    COLLECTION_GONE = "collectionGone"


_TWICE = frozenset({DriftKind.COPY_GONE, DriftKind.SOURCE_GONE, DriftKind.COLLECTION_GONE})
"""Differences that count once two looks have shown them: a list may lag behind."""


@dataclass(frozen=True, slots=True)
class Drift:
    """A difference: `seen_at` is when it was first seen. `is_sure` is false until a second look has confirmed it.

    Of a copy that others made, `region` and `taken_at` are where and of when it is, and `usable` is whether every disk has arrived.
    """

    kind: DriftKind
    id: str
    seen_at: datetime
    is_sure: bool = True
    region: str = ""
    taken_at: datetime | None = None
    usable: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What identifies it."""
        return (self.kind.value, self.id.lower())


def spread_over_a_day(vm_key: str) -> timedelta:
    """Return when in a day a VM is reconciled, from its id, so that the reads are spread."""
    return timedelta(minutes=int.from_bytes(hashlib.sha256(vm_key.encode()).digest()[:4], "big") % (24 * 60))


def missing(kind: DriftKind, known: Iterable[str], listed: Collection[str] | None, now: datetime) -> list[Drift]:
    """Return the differences for ids that Azure does not list; `listed` are keys in lower case, None where the collection is gone."""
    return [Drift(kind, id, now, is_sure=False) for id in known if listed is None or id.lower() not in listed]


def merge(before: Mapping[tuple[str, str], Drift], found: Iterable[Drift], now: datetime) -> list[Drift]:
    """Return the differences of now, each with the moment at which it was first seen; what was gone for sure stays for a while."""
    merged = {one.key: _confirmed(before.get(one.key), one, now) for one in found}
    for key, one in before.items():
        if key not in merged and one.kind in {DriftKind.COPY_GONE, DriftKind.SOURCE_GONE} and one.is_sure and now - one.seen_at < SHOWN_FOR:
            merged[key] = one
    return sorted(merged.values(), key=lambda one: one.key)


def _confirmed(before: Drift | None, found: Drift, now: datetime) -> Drift:
    seen_at = before.seen_at if before is not None else found.seen_at
    is_sure = found.kind not in _TWICE or (before is not None and (before.is_sure or now - before.seen_at >= BETWEEN_LOOKS))
    return Drift(found.kind, found.id, seen_at, is_sure, found.region, found.taken_at, found.usable)
