"""Builds a copy as callers see it from its operation (docs/design/copies.md)."""

from shared.arm.ids import ResourceId
from shared.copies.copying.models import (
    CopiedDisk,
    CopiedFrom,
    CopiedTo,
    Copy,
    CopyDeletion,
    CopyOrigin,
    CopyRequest,
    origin_of,
    request_of,
)
from shared.copies.copying.state import CopyDetail, CopyState, DetailOfDeletion, DetailOfSource, DetailOfTarget
from shared.operations.model.models import Operation, Status


def copy_of(operation: Operation) -> Copy:
    """Return the copy that an operation is about."""
    request = request_of(operation)
    detail, state = CopyDetail.of(operation.detail), CopyState.of(operation.data)
    arrived, origin, deletion = operation.status is Status.SUCCEEDED, origin_of(operation), detail.deletion
    return Copy(
        id=operation.id,
        tenant=operation.tenant,
        status=operation.status,
        step=operation.step,
        percent_complete=100 if arrived else min(operation.percent_complete, 99),
        usable=arrived and deletion is None and detail.gone_at is None,
        source=_source(request, detail.source or DetailOfSource(), origin),
        target=_target(request, detail.target or DetailOfTarget()),
        disks=tuple(CopiedDisk(id=disk.id, state=disk.state, percent_complete=disk.percent_complete) for disk in detail.disks or ()),
        created_at=operation.created_at,
        started_at=detail.started_at,
        completed_at=operation.completed_at,
        error=operation.error,
        checks=state.checks or detail.checks or 0,
        waiting_for=detail.waiting_for if not operation.status.ended else None,
        attention=operation.attention,
        requested_by=operation.actor,
        tags=request.tags,
        policy=origin.policy if origin is not None else None,
        run=origin.run if origin is not None else None,
        slot=origin.slot if origin is not None else None,
        superseded_by=detail.superseded_by,
        deleted_at=deletion.deleted_at if deletion is not None else None,
        deleted_by=deletion.deleted_by if deletion is not None else None,
        deletion=_deletion(deletion) if deletion is not None else None,
    )


def _deletion(known: DetailOfDeletion) -> CopyDeletion:
    return CopyDeletion(operation_id=known.operation_id, rule=known.rule, policy=known.policy, revision=known.revision)


def _source(request: CopyRequest, known: DetailOfSource, origin: CopyOrigin | None) -> CopiedFrom:
    return CopiedFrom(
        virtual_machine_id=known.virtual_machine_id or request.source.virtual_machine_id,
        restore_point_id=known.restore_point_id or request.source.restore_point_id,
        region=known.region or None,
        taken_at=known.taken_at,
        vm_id=origin.vm_id or None if origin is not None else None,
        consistency_mode=known.consistency_mode,
    )


def _target(request: CopyRequest, known: DetailOfTarget) -> CopiedTo:
    point = known.restore_point_id
    return CopiedTo(restore_point_id=str(ResourceId.parse(point)) if point else None, region=request.target.region)
