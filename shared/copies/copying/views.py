"""A copy as callers see it, made of its operation (docs/design/copies.md, "Response")."""

from collections.abc import Mapping

from shared.arm.ids import ResourceId
from shared.clock import from_text
from shared.copies.copying import following
from shared.copies.copying.models import CopiedDisk, CopiedFrom, CopiedTo, Copy, CopyRequest, DiskState
from shared.operations.model.models import JsonObject, Operation, Status


def copy_of(operation: Operation) -> Copy:
    """Return the copy that an operation is about."""
    request = CopyRequest.model_validate({name: value for name, value in operation.body.items() if name not in {"id", "tenant"}})
    detail = operation.detail
    usable = operation.status is Status.SUCCEEDED
    started = detail.get("startedAt")
    checks = following.checks_of(operation.data) or following.checks_of(detail)
    return Copy(
        id=operation.id,
        tenant=operation.tenant,
        status=operation.status,
        step=operation.step,
        percent_complete=100 if usable else min(operation.percent_complete, 99),
        usable=usable,
        source=_source(request, _object(detail, "source")),
        target=_target(request, _object(detail, "target")),
        disks=tuple(_disk(disk) for disk in _disks(detail)),
        created_at=operation.created_at,
        started_at=from_text(str(started)) if started else None,
        completed_at=operation.completed_at,
        error=operation.error,
        checks=checks,
        attention=operation.attention,
        requested_by=operation.actor,
        tags=request.tags,
    )


def _source(request: CopyRequest, known: Mapping[str, object]) -> CopiedFrom:
    taken, vm, point = known.get("takenAt"), known.get("virtualMachineId"), known.get("restorePointId")
    return CopiedFrom(
        virtual_machine_id=str(vm) if vm else request.source.virtual_machine_id,
        restore_point_id=str(point) if point else request.source.restore_point_id,
        region=str(known["region"]) if known.get("region") else None,
        taken_at=from_text(str(taken)) if taken else None,
    )


def _target(request: CopyRequest, known: Mapping[str, object]) -> CopiedTo:
    point = known.get("restorePointId")
    return CopiedTo(restore_point_id=str(ResourceId.parse(str(point))) if point else None, region=request.target.region)


def _disk(disk: JsonObject) -> CopiedDisk:
    percent = disk.get("percentComplete")
    return CopiedDisk(
        id=str(disk.get("id", "")), state=DiskState(str(disk.get("state"))), percent_complete=percent if isinstance(percent, int) else 0
    )


def _disks(detail: JsonObject) -> list[JsonObject]:
    disks = detail.get("disks")
    return [disk for disk in disks if isinstance(disk, dict)] if isinstance(disks, list) else []


def _object(detail: JsonObject, name: str) -> Mapping[str, object]:
    value = detail.get(name)
    return value if isinstance(value, dict) else {}
