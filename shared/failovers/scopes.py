"""The locks of what operations work on: protected items, recovery plans and other things of a vault, by their ARM ids."""

from shared.arm.ids import ResourceId
from shared.operations.model.identity import short_hash


def lock_names(*ids: str) -> tuple[str, ...]:
    """Return the names of the locks of some ARM ids, sorted and each once.

    Names are hashes: the row of a recovery plan's operation names up to a hundred of them.
    """
    return tuple(sorted({f"scope|{short_hash(ResourceId.parse(one).key)}" for one in ids}))
