"""Which VMs a drill of a policy restores: those whose last good drill is longest ago, never drilled before all others.

A VM of which a drill still runs counts as drilled well when that began.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.copies.restores.rules.names import base_of
from shared.values.reading import last_segment

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A usable copy of a VM in a region with a place for drills.

    `good_at` is its last good drill there, `drilled_at` its last one, `running_since` when one began that still runs.
    """

    virtual_machine_id: str
    region: str
    copy_id: str
    good_at: datetime | None = None
    drilled_at: datetime | None = None
    running_since: datetime | None = None


def choose(candidates: Iterable[Candidate], count: int) -> list[Candidate]:
    """Return one copy of each of up to `count` VMs; of a VM that in the region which was drilled longest ago, then the first by name.

    Of VMs whose names are equal, of several resource groups, a drill restores one: the others come next.
    """
    by_machine: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        by_machine.setdefault(candidate.virtual_machine_id.lower(), []).append(candidate)
    ordered = sorted(by_machine.items(), key=lambda item: (_last_good(item[1]), item[0]))
    chosen = [min(places, key=lambda one: (_latest(one.drilled_at, one.running_since), one.region)) for _, places in ordered]
    by_name: dict[tuple[str, str], Candidate] = {}
    for one in chosen:
        by_name.setdefault((one.region, base_of(last_segment(one.virtual_machine_id)).lower()), one)
    return list(by_name.values())[:count]


def _last_good(places: Sequence[Candidate]) -> datetime:
    return max((_latest(one.good_at, one.running_since) for one in places), default=_NEVER)


def _latest(*moments: datetime | None) -> datetime:
    return max((moment for moment in moments if moment is not None), default=_NEVER)
