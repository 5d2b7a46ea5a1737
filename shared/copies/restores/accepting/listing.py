"""Lists the restores of one VM, those of several VMs among them: list rows name a VM only where it is the only one."""

from shared.arm.ids import ResourceId
from shared.copies.restores.request import stored_of
from shared.operations.model.lists import Lists, Query
from shared.operations.model.models import Listed, Operation

_MOST_READS = 20


async def restores_of(lists: Lists, query: Query, vm_key: str, top: int, after: str | None) -> Listed:
    """Return up to `top` restores of a VM after a place, newest first; a page may be shorter although another one follows."""
    found: list[Operation] = []
    place = after
    for _ in range(_MOST_READS):
        read = await lists.page(query, top - len(found), place)
        found += [operation for operation in read.operations if _is_of(operation, vm_key)]
        place = read.last
        if place is None or len(found) > top // 2:
            break
    return Listed(tuple(found), place)


def _is_of(operation: Operation, vm_key: str) -> bool:
    named = [source.virtual_machine_id for source in stored_of(operation).sources if source.virtual_machine_id is not None]
    return any(ResourceId.parse(one).key == vm_key for one in named)
