"""What of an update of a machine Azure, the hosting plan or its state does not allow: at acceptance, or in the operation's first step."""

from dataclasses import dataclass

from shared.access.plans import HostingPlans
from shared.access.records.tenant import Tenant
from shared.errors import ErrorCode, Refused
from shared.values.reading import same_text
from shared.virtual_machines.creation.checks import unknown_size
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.requests.changes import UpdateMachine
from shared.virtual_machines.resource_manager.catalogue import Catalogue
from shared.virtual_machines.rules.disks import caching_problem
from shared.virtual_machines.rules.power import PowerState
from shared.virtual_machines.rules.sizes import azure_size
from shared.web.documents import wrong

_OFF = frozenset({PowerState.DEALLOCATED, PowerState.HIBERNATED})


@dataclass(frozen=True, slots=True)
class UpdateChecks:
    """Checks updates. Failures of Azure are `CallFailure`."""

    catalogue: Catalogue
    plans: HostingPlans

    async def require(self, tenant: Tenant, update: UpdateMachine, facts: MachineFacts) -> tuple[str | None, bool]:
        """Return Azure's name of the wanted size, and whether the machine is to be deallocated.

        Refuses with 400 an unknown size or a smaller disk, with `NeedsInterruption` and `NeedsDeallocation`.
        """
        size = await self._size(tenant, update, facts)
        deallocates = await self._needs_deallocation(update, facts, size)
        require_accepted(update, facts, size, deallocates=deallocates)
        return size, deallocates

    async def _size(self, tenant: Tenant, update: UpdateMachine, facts: MachineFacts) -> str | None:
        """Return Azure's name of the wanted size; None where the request has none."""
        if update.size is None:
            return None
        record = await self.plans.get(tenant.plan) if tenant.plan is not None else None
        sizes = record.plan.sizes if record is not None and not record.deleted else ()
        named = azure_size(sizes, update.size)
        here = await self.catalogue.region(facts.resource.subscription_id, facts.region)
        found = next((one for one in here.sizes if named is not None and same_text(one.name, named)), None)
        if found is None or found.restriction is not None:
            raise wrong("size", unknown_size(update.size, sizes, here.sizes, found))
        return found.name

    async def _needs_deallocation(self, update: UpdateMachine, facts: MachineFacts, size: str | None) -> bool:
        if facts.power_state in _OFF:
            return False
        wanted = update.os_disk.size_gb if update.os_disk is not None else None
        if wanted is not None and facts.os_disk is not None and wanted > (facts.os_disk.size_gb or wanted):
            return True
        if size is None or same_text(size, facts.size):
            return False
        possible = await self.catalogue.sizes_of(facts.resource)
        return not any(same_text(one, size) for one in possible)


def require_accepted(update: UpdateMachine, facts: MachineFacts, size: str | None, *, deallocates: bool) -> None:
    """Refuse with 400 what is impossible, and with 409 what needs a consent that the request does not give."""
    disk, now_gb = update.os_disk, (facts.os_disk.size_gb if facts.os_disk is not None else None) or 0
    if disk is not None and disk.size_gb is not None and disk.size_gb < now_gb:
        raise wrong("osDisk.sizeGB", f"The disk has {now_gb} GB and cannot shrink.")
    if disk is not None and disk.caching is not None and (reason := caching_problem(disk.caching, disk.size_gb or now_gb)) is not None:
        raise wrong("osDisk.caching", reason)
    if deallocates and not update.accept_deallocation:
        target = "size" if size is not None and not same_text(size, facts.size) else "osDisk.sizeGB"
        message = "This needs the machine to be deallocated for the change. Send acceptDeallocation to allow it."
        raise Refused(ErrorCode.NEEDS_DEALLOCATION, message, target=target)
    if deallocates or update.accept_interruption or facts.power_state is not PowerState.RUNNING:
        return
    resizes = size is not None and not same_text(size, facts.size)
    caches = disk is not None and disk.caching is not None and facts.os_disk is not None and disk.caching != facts.os_disk.caching
    if resizes or caches:
        message = "This restarts the running machine. Send acceptInterruption to allow it."
        raise Refused(ErrorCode.NEEDS_INTERRUPTION, message, target="size" if resizes else "osDisk.caching")
