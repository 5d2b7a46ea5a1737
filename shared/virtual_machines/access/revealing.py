"""Shows the SAS of an access: once, and only to the caller that requested it."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.access.principal import not_found
from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import ErrorCode, Refused
from shared.operations.model.identity import is_operation_id
from shared.operations.model.models import Actor, Operation, Status
from shared.operations.model.store import Store
from shared.secrets.keeper import Secrets
from shared.secrets.revealing import reveal_once
from shared.values.reading import same_text
from shared.virtual_machines.access.records import DiskAccessStore
from shared.virtual_machines.kinds import VIRTUAL_MACHINE, Action
from shared.virtual_machines.listed import RevealedAccess
from shared.virtual_machines.reading.estate import DISK_TYPE
from shared.virtual_machines.reading.places import Named


@dataclass(frozen=True, slots=True)
class AccessRevealing:
    """Shows what an access opened."""

    operations: Store
    store: DiskAccessStore
    secrets: Secrets
    clock: Clock

    async def reveal(self, tenant: Tenant, disk: Named, operation_id: str, caller: Actor) -> RevealedAccess:
        """Return the SAS of an access, and delete it.

        Refuses with `NotFound` what is another caller's or about another disk, with `NotReady` before its operation has ended, and with
        `SecretGone` what was revealed, was revoked or has ended.
        """
        operation = await self.operations.get(operation_id) if is_operation_id(operation_id) else None
        if operation is None or not _is_access(operation, tenant, disk, caller):
            raise not_found(f"access '{operation_id}'")
        if not operation.status.ended:
            raise Refused(ErrorCode.NOT_READY, f"Operation {operation_id} has not ended yet. Wait for its end.", target="operation")
        opened = (operation.result or {}).get("diskId") if operation.status is Status.SUCCEEDED else None
        stored = await self.store.get(tenant.name, ResourceId.parse(str(opened))) if opened is not None else None
        access = stored.document if stored is not None else None
        if (
            stored is None or access is None or access.operation != operation_id
            or access.revealed or access.reference is None or access.expires_at <= self.clock.now()
        ):  # fmt: skip
            raise Refused(ErrorCode.SECRET_GONE, "The SAS was shown before, was revoked or has ended. It is shown once.", target="access")
        sas = await reveal_once(self.secrets, access.reference, lambda: self.store.mark_revealed(stored), target="access")
        return RevealedAccess(access_sas=sas.reveal(), expires_at=access.expires_at)


def disk_named(name: str, query: Mapping[str, str]) -> Named:
    """Return the disk that a path and its query name."""
    return Named.of("disk", DISK_TYPE, name, query)


def _is_access(operation: Operation, tenant: Tenant, disk: Named, caller: Actor) -> bool:
    about = (operation.kind, operation.action) == (VIRTUAL_MACHINE.name, Action.GRANT_ACCESS)
    subject = (operation.result or {}).get("diskId") or operation.data.get("subject") or operation.body.get("target")
    return about and operation.tenant == tenant.name and operation.actor.id == caller.id and _is_named(disk, str(subject))


def _is_named(disk: Named, subject: str) -> bool:
    """Whether the ARM id, or the name, that an operation has of its disk is that of the one that a caller named."""
    if "/" not in subject:
        return same_text(subject, disk.name)
    found = ResourceId.parse(subject)
    in_service = disk.service is None or same_text(disk.service, found.resource_group)
    in_subscription = disk.subscription_id is None or same_text(disk.subscription_id, found.subscription_id)
    return same_text(found.name, disk.name) and in_service and in_subscription
