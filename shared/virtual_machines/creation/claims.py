"""What an operation's resources will count in the tenant's quotas. Pure."""

from collections.abc import Iterable
from typing import Final

from shared.quotas.admission import Claimed
from shared.quotas.counting import Dimension
from shared.values.reading import an_object, whole
from shared.virtual_machines.creation.pieces import Piece
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.sizes import SizeFacts

_ONE: Final = {Part.ADDRESS: Dimension.PUBLIC_ADDRESSES, Part.IMAGE: Dimension.IMAGES}


def claims_of(pieces: Iterable[Piece]) -> tuple[Claimed, ...]:
    """Return what pieces will count: disks by their size, new or grown, addresses and images each by one."""
    found = []
    for piece in pieces:
        if piece.part in _ONE and not piece.existing:
            found.append(Claimed(piece.id, {_ONE[piece.part]: 1.0}))
        elif piece.part in {Part.DATA_DISK, Part.OS_DISK}:
            size = piece.grow_to or whole(an_object(piece.body, "properties"), "diskSizeGB") or 0
            found += [Claimed(piece.id, {Dimension.DISK_GB: float(size)})] if size else []
    return tuple(found)


def claim_of_machine(machine_id: str, size: SizeFacts | None) -> Claimed:
    """Return what a machine of a size will count."""
    sized = {} if size is None else {Dimension.CORES: float(size.cores), Dimension.MEMORY_GB: size.memory_gb}
    return Claimed(machine_id, {Dimension.VIRTUAL_MACHINES: 1.0, **sized})
