"""Reads what a run, or a plan of one, decides by: the inventory and the policies of the tenant."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from shared.copies.inventory.reader import Inventories
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.in_charge import NamedPolicy
from shared.copies.policies.records.store import PolicyStore
from shared.copies.policies.runs.deciding import Decided, Scope, decide
from shared.copies.policies.runs.request import RunRequest


@dataclass(frozen=True, slots=True)
class Deciding:
    """Decides what a run does; `restore_points` returns how many restore points those VMs of a tenant have that have almost too many."""

    policies: PolicyStore
    inventories: Inventories
    restore_points: Callable[[str], Awaitable[Mapping[str, int]]]

    async def decide(self, tenant: str, name: str, document: PolicyDocument, request: RunRequest) -> Decided:
        """Return what a run of a policy does now; raises `CallFailure` where a VM that it names cannot be read."""
        found = await self.inventories.read(tenant, document.selector)
        policies = [one.record.named for one in await self.policies.of_tenant(tenant)]
        limits = request.limits.over(document.limits)
        near = await self.restore_points(tenant)
        return decide(Scope(NamedPolicy(name, document), policies, limits, request.virtual_machine_ids, near), found)
