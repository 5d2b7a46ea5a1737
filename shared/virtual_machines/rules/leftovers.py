"""What a creation that failed leaves, and in which order it is deleted (docs/design/virtual-machines.md, "After a failed creation")."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Part(StrEnum):
    """What an operation makes for a machine, in the order in which it is deleted."""

    MACHINE = "machine"
    SECURITY_RULE = "securityRule"
    NAT_RULE = "natRule"
    ADAPTER = "adapter"
    POOL = "pool"
    SECURITY_GROUP = "securityGroup"
    OS_DISK = "osDisk"
    DATA_DISK = "dataDisk"
    SET = "set"
    BALANCER = "balancer"
    ADDRESS = "address"
    IMAGE = "image"


SHARED = frozenset({Part.SET, Part.BALANCER, Part.ADDRESS})
"""What machines of a deployment share: deleted only while no machine is left in it."""
_ORDER = {part: place for place, part in enumerate(Part)}


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that an operation makes; `existing` is true for what was there before, such as a disk that the caller named."""

    part: Part
    id: str
    existing: bool = False


@dataclass(frozen=True, slots=True)
class Tidying:
    """What is deleted, in this order, and what is kept."""

    delete: tuple[Piece, ...]
    kept: tuple[Piece, ...]


def after_failure(pieces: Iterable[Piece], *, keep: bool, set_is_empty: bool, outcome_known: bool) -> Tidying:
    """Decide what a failed or cancelled creation deletes.

    Nothing is deleted while the outcome of the machine's PUT is unknown, nor where the caller wants to keep it; never what was there
    before; what a deployment's machines share only while none is left in it.
    """
    made = sorted((piece for piece in pieces if not piece.existing), key=lambda piece: _ORDER[piece.part])
    if keep or not outcome_known:
        return Tidying((), tuple(made))
    kept = tuple(piece for piece in made if piece.part in SHARED and not set_is_empty)
    return Tidying(tuple(piece for piece in made if piece not in kept), kept)
