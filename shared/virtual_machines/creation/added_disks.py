"""What of a data disk that is added to a machine Azure or the hosting plan does not allow."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.access.plans import HostingPlans
from shared.access.principal import not_found
from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Problem, Refused, refusal_of
from shared.values.reading import same_text
from shared.virtual_machines.creation.checks import existing_problems, not_in_plan, place_problems
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.requests.machine import DataDisk
from shared.virtual_machines.resource_manager.catalogue import Catalogue
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.disks import LAST_LUN, is_premium, lowest_free_lun
from shared.virtual_machines.rules.sizes import SizeFacts
from shared.web.documents import invalid


@dataclass(frozen=True, slots=True)
class AddedDisks:
    """Checks data disks that are added. Failures of Azure are `CallFailure`."""

    resources: ResourceManagerResources
    catalogue: Catalogue
    plans: HostingPlans

    async def require(self, tenant: Tenant, facts: MachineFacts, disk: DataDisk) -> None:
        """Refuse with 400 and a detail for each field, then with `NotFound`, `TooManyDisks`, `LunTaken`, `DiskInUse`."""
        wanted = _existing_id(disk, facts)
        if wanted is not None and wanted.subscription_id not in tenant.subscriptions:
            raise not_found(f"disk '{disk.existing}'", target="existing")
        body = await self.resources.get(wanted) if wanted is not None else None
        if wanted is not None and body is None:
            raise not_found(f"disk '{disk.existing}'", target="existing")
        here = await self.catalogue.region(facts.resource.subscription_id, facts.region) if facts.region else None
        size = next((one for one in here.sizes if same_text(one.name, facts.size)), None) if here is not None else None
        record = await self.plans.get(tenant.plan) if tenant.plan is not None else None
        offered = record.plan.disk_skus if record is not None and not record.deleted else ()
        check_added(disk, facts, DiskFacts.from_arm(body) if body is not None else None, size, offered)


def check_added(disk: DataDisk, facts: MachineFacts, existing: DiskFacts | None, size: SizeFacts | None, offered: Sequence[str]) -> None:
    """Refuse a data disk that the machine cannot have; `size` is None where Azure does not list it."""
    wrong = [Problem(ErrorCode.INVALID_REQUEST, message, field) for field, message in _wrong(disk, facts, existing, size, offered)]
    if wrong:
        raise invalid(wrong)
    count = len(facts.data_disks) + 1
    if size is not None and count > size.max_data_disks:
        message = f"The size {size.name} takes {size.max_data_disks} data disks, and the machine has {count - 1}."
        raise Refused(ErrorCode.TOO_MANY_DISKS, message, target="dataDisks")
    taken = lun_problem(disk.lun, facts)
    if taken is not None:
        raise refusal_of(taken)
    if existing is not None and (existing.attached_to is not None or existing.state.lower() not in {"unattached", ""}):
        raise Refused(ErrorCode.DISK_IN_USE, f"The disk is in use: its state is {existing.state}.", target="existing")


def lun_problem(wanted: int | None, facts: MachineFacts) -> Problem | None:
    """Return why a machine cannot have another disk on a LUN, or on any where none is named."""
    taken = {disk.lun for disk in facts.data_disks if disk.lun is not None}
    if wanted in taken or (wanted is None and lowest_free_lun(taken) is None):
        found = f"The LUN {wanted} is taken" if wanted is not None else f"All {LAST_LUN + 1} LUNs are taken"
        return Problem(ErrorCode.LUN_TAKEN, f"{found}. Choose another one, or remove a disk.", "lun")
    return None


def _wrong(
    disk: DataDisk, facts: MachineFacts, existing: DiskFacts | None, size: SizeFacts | None, offered: Sequence[str]
) -> Iterator[tuple[str, str]]:
    if existing is not None:
        for message in place_problems(existing, facts.region, facts.zone, size, facts.resource.subscription_id):
            yield "existing", message
        yield from existing_problems(disk, existing)
        return
    if disk.existing is None and (problem := not_in_plan(disk.sku, offered)) is not None:
        yield "sku", problem
    if disk.sku is not None and size is not None and not size.premium and is_premium(disk.sku):
        yield "sku", f"The size {size.name} does not take disks of the type {disk.sku}."


def _existing_id(disk: DataDisk, facts: MachineFacts) -> ResourceId | None:
    if disk.existing is None:
        return None
    return ResourceId.parse(disk.existing) if "/" in disk.existing else facts.resource.sibling("disks", disk.existing)
