"""What can be known of a copy before it is begun: one round of reads, then the refusals in their order (docs/design/http.md,
"Order of checks"). Acceptance reads it within five seconds; what Azure did not answer in time is read again by the first step.
"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key
from shared.copies.copying.models import CopyRequest
from shared.copies.copying.rules.eligibility import reasons, reasons_against_point, region_problem
from shared.copies.copying.rules.naming import source_collection_id, target_collection_id
from shared.copies.facts import RestorePointFacts, VirtualMachineFacts
from shared.copies.gateway import Collection, RestorePointGateway
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused, sentence
from shared.operations.model.identity import is_operation_id

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SourceSnapshot:
    """What Azure shows of a copy's source and target; None where it was not read or not answered.

    `copied_as` is a restore point in the target collection that was copied from the source, but not started here.
    """

    point: RestorePointFacts | None = None
    vm: VirtualMachineFacts | None = None
    regions: frozenset[str] | None = None
    restore_points: int | None = None
    copied_as: str | None = None


def source_id(request: CopyRequest) -> ResourceId:
    """Return the restore point or the VM that a request names."""
    return ResourceId.parse(request.source.restore_point_id or request.source.virtual_machine_id or "")


def collections(request: CopyRequest) -> tuple[ResourceId, ResourceId]:
    """Return the ids of the source and the target collection."""
    source = source_id(request)
    from_collection = source.parent if request.source.restore_point_id else source_collection_id(source)
    if from_collection is None:
        raise ValueError("a restore point lies in a collection")
    target = request.target
    into = target_collection_id(
        from_collection, target.region, target.resource_group, subscription_id=target.subscription_id, collection=target.collection
    )
    return from_collection, into


async def look(gateway: RestorePointGateway, request: CopyRequest, *, of_run: bool = False) -> SourceSnapshot:
    """Read, side by side, what can be a reason to refuse. Raises `CallFailure` where a required read was not answered.

    A copy of a run lists nothing of the subscription: the run has its inventory.

    A source that is not there raises NOT_FOUND; regions, the target collection, and a VM behind a restore point, are left out where they
    cannot be read.
    """
    subscription = request.target.subscription_id or source_id(request).subscription_id
    regions = _or_none(gateway.regions(subscription))
    if request.source.restore_point_id:
        target = _or_none(gateway.collection(collections(request)[1], with_points=True))
        point, known, there = await asyncio.gather(gateway.source_point(source_id(request)), regions, target)
        vm = await _or_none(gateway.virtual_machine(ResourceId.parse(point.virtual_machine_id))) if point.virtual_machine_id else None
        return SourceSnapshot(point=point, vm=vm, regions=known, copied_as=_copied_as(there, source_id(request)))
    vm_id = source_id(request)
    points = _points_of_collection(gateway, vm_id) if of_run else gateway.restore_points_of(vm_id)
    vm, known, count = await asyncio.gather(gateway.virtual_machine(vm_id), regions, _or_none(points))
    return SourceSnapshot(vm=vm, regions=known, restore_points=count)


def refuse(request: CopyRequest, seen: SourceSnapshot) -> None:
    """Refuse what Azure would refuse, with each reason.

    Raises `Refused` (UnknownRegion, SameRegion, CopyNotSupported with each reason, RestorePointAlreadyCopied).
    """
    region = seen.point.region if seen.point is not None else seen.vm.region if seen.vm is not None else ""
    problem = region_problem(region, request.target.region, seen.regions)
    if problem is not None:
        raise Refused(ErrorCode(problem.code), sentence(problem.message), target=problem.target)
    against = _against(request, seen)
    if against:
        reasons_text = "; ".join(reason.message for reason in against)
        details = [replace(reason, message=sentence(reason.message)) for reason in against]
        raise Refused(ErrorCode.COPY_NOT_SUPPORTED, f"Azure would not copy it: {reasons_text}.", target="source", details=details)
    if seen.copied_as is not None:
        message = f"Azure copies a restore point once per region, and it is copied there already, as {seen.copied_as}."
        raise Refused(ErrorCode.RESTORE_POINT_ALREADY_COPIED, message, target=seen.copied_as)


def not_found(request: CopyRequest) -> Refused:
    """Return the refusal of a source that Azure does not have."""
    field = "source.restorePointId" if request.source.restore_point_id else "source.virtualMachineId"
    return Refused(ErrorCode.SOURCE_NOT_FOUND, f"{source_id(request)} was not found in Azure.", target=field)


def _against(request: CopyRequest, seen: SourceSnapshot) -> tuple[Problem, ...]:
    if seen.point is not None:
        return reasons_against_point(seen.point, seen.vm)
    if seen.vm is None:
        return ()
    source = request.source
    return reasons(seen.vm, consistency=source.consistency_mode, exclude=source.exclude_disks, restore_points=seen.restore_points)


async def _points_of_collection(gateway: RestorePointGateway, vm_id: ResourceId) -> int:
    """Count the restore points in the collection that is made for a VM."""
    collection = await gateway.collection(source_collection_id(vm_id), with_points=True)
    return len(collection.points) if collection is not None else 0


def _copied_as(target: Collection | None, source: ResourceId) -> str | None:
    """Return a copy of the source in its target collection that was not started here; the ledger has those that were."""
    for point in target.points if target is not None else ():
        if id_key(point.source_restore_point_id) == source.key and not is_operation_id(point.name):
            return point.id
    return None


async def _or_none(read: Awaitable[T]) -> T | None:
    try:
        return await read
    except CallFailure as failure:
        if failure.kind is FailureKind.THROTTLED:
            raise
        return None
