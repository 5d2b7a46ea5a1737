"""Lists machines and reads one (docs/design/virtual-machines.md, "Lists and reads")."""

from collections.abc import Mapping
from dataclasses import dataclass

from shared.access.plans import HostingPlans
from shared.access.records.plan import HostingPlan, PlanSize
from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId
from shared.operations.accepting.locks import Locks
from shared.operations.model.store import Store
from shared.values.reading import last_segment, same_text
from shared.virtual_machines.answers import ListedMachine, Machine, RunningOperation, listed_machine, machine_body
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.gateway import Gateways, MachineGateway, gateway_of
from shared.virtual_machines.reading.asking import reading_azure
from shared.virtual_machines.reading.pages import page_of_places
from shared.virtual_machines.reading.places import Named, locate, subscriptions_of
from shared.virtual_machines.resource_manager.machines import MACHINE_TYPE
from shared.web.lists import Page


def lock_of(machine_id: ResourceId) -> str:
    """Return the lock of a machine, which a copy takes while it makes a restore point of it."""
    return f"vm|{machine_id.key}"


@dataclass(frozen=True, slots=True)
class MachineFilter:
    """What a list of machines is narrowed to; None does not narrow."""

    service: str | None = None
    deployment: str | None = None
    region: str | None = None
    power_state: str | None = None
    subscription_id: str | None = None

    @staticmethod
    def of(query: Mapping[str, str]) -> "MachineFilter":
        """Return the filter of a query."""
        return MachineFilter(
            query.get("service"), query.get("deployment"), query.get("region"), query.get("powerState"), query.get("subscriptionId")
        )

    def takes(self, machine: MachineFacts) -> bool:
        """Whether the list shows a machine."""
        return (
            (self.service is None or same_text(machine.service, self.service))
            and (self.deployment is None or same_text(last_segment(machine.availability_set), self.deployment))
            and (self.region is None or machine.region == "".join(self.region.split()).lower())
            and (self.power_state is None or machine.power_state == self.power_state)
        )


@dataclass(frozen=True, slots=True)
class MachineReader:
    """Reads machines for callers."""

    gateways: Gateways
    plans: HostingPlans
    locks: Locks
    store: Store

    async def page(self, tenant: Tenant, wanted: MachineFilter, page: Page) -> tuple[list[ListedMachine], str | None]:
        """Return a page of a tenant's machines, by name, and where the next one begins or None; a page has one subscription at most."""
        gateway = gateway_of(self.gateways, tenant)

        async def read(subscription: str) -> list[MachineFacts]:
            return [one for one in await gateway.machines(subscription) if wanted.takes(one)]

        shown, last = await page_of_places(subscriptions_of(tenant, wanted.subscription_id), read, _order, page)
        sizes = await self.sizes(tenant)
        return [listed_machine(one, tenant, sizes) for one in shown], last

    async def get(self, tenant: Tenant, named: Named) -> Machine:
        """Return one machine; refuses with `NotFound`, `AmbiguousName`."""
        gateway = gateway_of(self.gateways, tenant)
        async with reading_azure():
            facts = await self.facts(gateway, tenant, named)
            slot = await gateway.slot_of(facts.availability_set) if facts.availability_set is not None else None
        return await self.shown(tenant, facts, slot)

    async def shown(self, tenant: Tenant, facts: MachineFacts, slot: str | None) -> Machine:
        """Return a machine as its own answer shows it, without its network."""
        return machine_body(facts, tenant, await self.sizes(tenant), slot, await self._operation(facts.resource))

    async def facts(self, gateway: MachineGateway, tenant: Tenant, named: Named) -> MachineFacts:
        """Return what Azure shows of the machine that a caller named; refuses with `NotFound`, `AmbiguousName`."""
        facts = await gateway.machine(await locate(tenant, named, gateway.find))
        if facts is None:
            raise named.missing
        return facts

    async def plan(self, tenant: Tenant) -> HostingPlan | None:
        """Return the hosting plan that a tenant is on, or None."""
        record = await self.plans.get(tenant.plan) if tenant.plan is not None else None
        return record.plan if record is not None and not record.deleted else None

    async def sizes(self, tenant: Tenant) -> tuple[PlanSize, ...]:
        """Return the sizes of a tenant's hosting plan; () where it has none."""
        plan = await self.plan(tenant)
        return plan.sizes if plan is not None else ()

    async def _operation(self, machine: ResourceId) -> RunningOperation | None:
        held = await self.locks.holder([lock_of(machine)])
        operation = await self.store.get(held.owner) if held is not None else None
        return RunningOperation(id=operation.id, action=operation.action) if operation is not None and not operation.status.ended else None


def machine_named(name: str, query: Mapping[str, str]) -> Named:
    """Return the machine that a path and its query name."""
    return Named.of("virtual machine", MACHINE_TYPE, name, query)


def _order(machine: MachineFacts) -> tuple[str, str]:
    return machine.name.lower(), machine.resource.key
