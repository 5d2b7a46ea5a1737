"""Which disks of a VM its next copy to a region copies whole, and why: by the ledger's copies and restore points. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.copies.facts import DiskFacts
from shared.copies.ledger import UsableCopy
from shared.copies.points.records import MadePoint
from shared.copies.policies.forecast import DiskHistory, FullBecause, full_because


def whole_disks(disks: Sequence[DiskFacts], copies: Sequence[UsableCopy], points: Sequence[MadePoint]) -> Mapping[str, FullBecause]:
    """Return why disks are copied whole, by their names or ids as Azure shows them; those of which only changes are copied are left out.

    `copies` are the finished copies to the region, newest first, deleted ones too; so are `points`, the VM's restore points. A copy whose
    restore point is not in the ledger counts as one of all disks, as they are now.
    """
    usable = [copy for copy in copies if copy.is_there]
    by_id = {made.point.key: made for made in points}
    newest = by_id.get(usable[0].source_point.lower()) if usable else None
    found: dict[str, FullBecause] = {}
    for disk in disks:
        because = full_because(
            DiskHistory(disk.size_gb or 0, _copied_gb(disk, newest), base_is_there=_has_base(disk, points)),
            has_usable_copy=bool(usable),
            newest_is_there=bool(copies) and copies[0].is_there,
        )
        if because is not None:
            found[disk.id or disk.name] = because
    return found


def _copied_gb(disk: DiskFacts, newest: MadePoint | None) -> int | None:
    """Return the size of a disk in the newest usable copy, None where it is not in it."""
    if newest is None or not disk.key:
        return disk.size_gb or 0
    return newest.sizes.get(disk.key, disk.size_gb or 0) if disk.key in newest.disks else None


def _has_base(disk: DiskFacts, points: Sequence[MadePoint]) -> bool:
    """Return whether the oldest restore point with a disk is there; once it is gone, the next one that is made takes its place."""
    gone_at: datetime | None = None
    for made in sorted((one for one in points if disk.key in one.disks), key=lambda one: one.taken_at):
        if gone_at is not None and made.taken_at < gone_at:
            continue
        gone_at = made.gone_at
        if gone_at is None:
            return True
    return gone_at is None
