"""Finds the restore points that a request means, by copies and the ledger alone: Azure is not asked, and fixes nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.access.ownership import owner_of
from shared.access.principal import not_found
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.copies.copying.state import CopyDetail
from shared.copies.deletions.request import is_deleted, machine_of, point_of
from shared.copies.kinds import COPY
from shared.copies.restores.request import ResolvedSource, RestoreRequest, RestoreSource
from shared.copies.retention.places import PlaceKey, Places
from shared.errors import ErrorCode, Refused
from shared.operations.model.identity import is_operation_id
from shared.operations.model.models import Operation, Status
from shared.operations.model.store import Store


@dataclass(frozen=True, slots=True)
class Sources:
    """Finds sources, and whose they are."""

    store: Store
    places: Places
    registry: Registry

    async def tenant_of(self, request: RestoreRequest, reaches: Callable[[str], bool]) -> str:
        """Return the tenant that all sources of a request belong to; refuses with `NotFound` what the caller does not reach."""
        owner: str | None = None
        for number, machine in enumerate(request.machines):
            found = await self._owner(machine.source)
            if found is None or not reaches(found) or (owner is not None and found != owner):
                raise not_found(_noun(machine.source), target=f"machines[{number}].source")
            owner = found
        return owner or ""

    async def _owner(self, source: RestoreSource) -> str | None:
        if source.copy_id is not None:
            copy = await self._copy(source.copy_id)
            return copy.tenant if copy is not None else None
        return await owner_of(self.registry, source.restore_point_id or source.virtual_machine_id or "")

    async def _copy(self, copy_id: str) -> Operation | None:
        found = await self.store.get(copy_id) if is_operation_id(copy_id) else None
        return found if found is not None and found.kind == COPY.name else None

    async def resolve(self, tenant: str, request: RestoreRequest) -> tuple[ResolvedSource, ...]:
        """Return the restore point of each machine; refuses with `SourceNotFound`, `CopyNotUsable` and `CopyGone`."""
        found: list[ResolvedSource] = []
        for number, machine in enumerate(request.machines):
            found.append(await self._resolve(tenant, machine.source, request.at, f"machines[{number}].source"))
        return tuple(found)

    async def _resolve(self, tenant: str, source: RestoreSource, at: datetime | None, path: str) -> ResolvedSource:
        if source.restore_point_id is not None:
            return await self._of_point(tenant, source.restore_point_id)
        if source.copy_id is not None:
            copy = await self._copy(source.copy_id)
            if copy is None or copy.tenant != tenant:
                raise not_found(_noun(source), target=path)
            return _of_copy(copy, path)
        return await self._newest(tenant, source, at, path)

    async def _of_point(self, tenant: str, restore_point_id: str) -> ResolvedSource:
        """Return a restore point, with the copy that it is of: its name is the copy's id. Azure shows whether it can be used.

        Where the VM has no owner any more, only the restore point must be the tenant's, as of a copy that Farshore has not made.
        """
        point = ResourceId.parse(restore_point_id)
        copy = await self._copy(point.name.lower())
        known = point_of(copy) if copy is not None and copy.tenant == tenant else None
        if copy is None or known is None or known.key != point.key:
            return ResolvedSource(restore_point_id=restore_point_id)
        found = _resolved(copy, known)
        vm = found.virtual_machine_id
        has_owner = vm is not None and await owner_of(self.registry.uncached(), vm) is not None
        return found if has_owner else found.model_copy(update={"virtual_machine_id": None})

    async def _newest(self, tenant: str, source: RestoreSource, at: datetime | None, path: str) -> ResolvedSource:
        place = PlaceKey(source.virtual_machine_id, "", source.region or "")
        for one in await self.places.usable(place):
            if at is not None and one.taken_at > at:
                continue
            copy = await self._copy(one.operation)
            if copy is not None and copy.tenant == tenant and not is_deleted(copy):
                return ResolvedSource(
                    copy_id=one.operation,
                    restore_point_id=str(one.point),
                    virtual_machine_id=source.virtual_machine_id,
                    taken_at=one.taken_at,
                )
        when = f" that was taken by {at.isoformat()}" if at is not None else ""
        message = f"{source.virtual_machine_id} has no usable copy in {source.region}{when}."
        raise Refused(ErrorCode.SOURCE_NOT_FOUND, message, target=path)


def _of_copy(copy: Operation, path: str) -> ResolvedSource:
    point = point_of(copy)
    if is_deleted(copy):
        raise Refused(ErrorCode.COPY_GONE, f"The copy {copy.id} was deleted. Restore another copy.", target=path)
    if point is None or copy.status in {Status.CANCELED, Status.FAILED}:
        raise Refused(ErrorCode.COPY_NOT_USABLE, f"The copy {copy.id} is {copy.status}, not usable. Restore another copy.", target=path)
    return _resolved(copy, point)


def _resolved(copy: Operation, point: ResourceId) -> ResolvedSource:
    detail = CopyDetail.of(dict(copy.detail))
    return ResolvedSource(
        copy_id=copy.id,
        restore_point_id=str(point),
        virtual_machine_id=machine_of(copy),
        taken_at=detail.source.taken_at if detail.source is not None else None,
    )


def _noun(source: RestoreSource) -> str:
    if source.copy_id is not None:
        return f"copy '{source.copy_id}'"
    return f"'{source.restore_point_id or source.virtual_machine_id}'"


def named_sources(sources: Sequence[ResolvedSource]) -> list[str]:
    """Return the ARM ids of sources, which the tenant must still own."""
    return [one for source in sources for one in (source.restore_point_id, source.virtual_machine_id) if one is not None]
