"""Accepts accesses to disks that are granted and revoked, and revokes those that have ended."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import ErrorCode, Refused, refusal_of
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import Actor, JsonObject, NewOperation, Operation
from shared.secrets.keeper import Secrets
from shared.values.durations import duration_text
from shared.virtual_machines.accepting.changes import ChangeRequest, MachineChanges
from shared.virtual_machines.accepting.creations import disk_lock
from shared.virtual_machines.access.records import DiskAccess, DiskAccessStore
from shared.virtual_machines.access.rules import access_problem
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.gateway import gateway_of
from shared.virtual_machines.kinds import VIRTUAL_MACHINE, Action
from shared.virtual_machines.reading.asking import reading_azure, unless_silent
from shared.virtual_machines.reading.estate import DISK_TYPE, EstateReader
from shared.virtual_machines.requests.changes import GrantAccess
from shared.virtual_machines.workflow import BEGINNING
from shared.web.documents import wrong

_log = logging.getLogger(__name__)
_END: Final = Actor("system", "farshore", "end of a disk access")


@dataclass(frozen=True, slots=True)
class DiskAccesses:
    """Accepts `grantAccess` and `revokeAccess`."""

    acceptance: Acceptance
    changes: MachineChanges
    reader: EstateReader
    store: DiskAccessStore
    secrets: Secrets
    registry: Registry
    clock: Clock

    async def grant(self, request: ChangeRequest, wanted: GrantAccess, query: Mapping[str, str]) -> Operation:
        """Accept an access; refuses with `NotOffered`, `NotFound`, `DiskInUse`, `DiskAccessActive`, `DiskNotExportable`, with 400 a
        duration that is longer than the tenant's.
        """
        gateway_of(self.changes.gateways, request.tenant)
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        self._require_offered(request, wanted)
        disk, facts = await self._disk(request, query)
        problem = access_problem(facts) if facts is not None else None
        if problem is not None:
            raise refusal_of(problem)
        return await self._accept(request.as_operation(), disk, {})

    async def revoke(self, request: ChangeRequest, query: Mapping[str, str]) -> Operation:
        """Accept the end of an access; where there is none, the operation succeeds without an effect. Refuses with `NotFound`."""
        gateway_of(self.changes.gateways, request.tenant)
        known = await self.acceptance.known(request.as_operation())
        if known is not None:
            return known
        return await self._accept(request.as_operation(), (await self._disk(request, query))[0], {})

    async def revoke_ended(self) -> None:
        """Accept the revocation of each access that has ended: a job of the timer `schedule`. Of a tenant that is gone it stays."""
        async for access in self.store.ended(self.clock.now()):
            if await self.registry.by_name(access.tenant) is None:
                continue
            try:
                await self._accept(_revocation(access), access.disk, {"access": access.operation})
            except Refused as refused:  # another operation works on the disk: the next minute
                _log.info("the end of a disk access waits: %s", refused.code, extra={"operation": access.operation})

    def _require_offered(self, request: ChangeRequest, wanted: GrantAccess) -> None:
        longest = request.tenant.settings.disk_access_longest
        if longest is None:
            raise Refused(ErrorCode.NOT_OFFERED, "Disks of this tenant are not opened for access (diskAccessLongest).", target="disk")
        if wanted.duration > longest:
            raise wrong("duration", f"Disks of this tenant are opened for {duration_text(longest)} at most.")
        if not self.secrets.own:
            message = "This deployment has no key vault for the SAS (FARSHORE_KEY_VAULT_URL)."
            raise Refused(ErrorCode.NOT_OFFERED, message, target="disk")

    async def _disk(self, request: ChangeRequest, query: Mapping[str, str]) -> tuple[str, DiskFacts | None]:
        """Return a disk's id and what Azure shows of it, None where Azure is silent but the request alone names it."""
        async with reading_azure():
            found = await self.reader.located(request.tenant, DISK_TYPE, "disk", request.named.name, query)
        facts: DiskFacts | None = None
        with unless_silent():
            async with reading_azure():
                facts = DiskFacts.from_arm(await self.reader.existing(DISK_TYPE, "disk", request.named.name, found))
        return str(found) if facts is None else facts.id, facts

    async def _accept(self, new: NewOperation, disk: str, data: JsonObject) -> Operation:
        locks = (disk_lock(ResourceId.parse(disk)),)
        return (await self.acceptance.accept(replace(new, data={"subject": disk, **data}, locks=locks))).operation


def _revocation(access: DiskAccess) -> NewOperation:
    return NewOperation(
        kind=VIRTUAL_MACHINE.name,
        tenant=access.tenant,
        key=f"{access.operation}@end",
        body={"action": str(Action.REVOKE_ACCESS), "target": access.disk, "body": {}},
        actor=_END,
        first_step=BEGINNING,
        action=str(Action.REVOKE_ACCESS),
    )
