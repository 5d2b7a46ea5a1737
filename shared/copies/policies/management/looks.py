"""What Azure shows of a policy that is written: one round of reads within five seconds, which refuses or warns."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.arm.reading import region_of
from shared.copies.gateway import RestorePointGateway
from shared.copies.policies.document import PolicyDocument, Target
from shared.copies.policies.runs.deciding import Decided
from shared.copies.policies.runs.items import RunItem
from shared.copies.policies.runs.reading import Deciding
from shared.copies.policies.runs.request import RunRequest
from shared.copies.policies.selection import RunError, Skip
from shared.copies.policies.warnings import PolicyWarning, WarningCode
from shared.copies.restores.gateway import RestoreGateway
from shared.copies.restores.rules.isolation import why_connected
from shared.errors import CallFailure, ErrorCode, Problem

T = TypeVar("T")
READS_SECONDS = 4.5
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Looked:
    """What was seen: problems, which refuse the document, warnings, and the decisions of a run where the inventory was read in time."""

    problems: tuple[Problem, ...]
    warnings: tuple[PolicyWarning, ...]
    decided: Decided | None


@dataclass(frozen=True, slots=True)
class Looks:
    """Looks at what a document names."""

    gateway: RestorePointGateway
    registry: Registry
    deciding: Deciding
    networks: RestoreGateway

    async def look(self, tenant: str, name: str, document: PolicyDocument) -> Looked:
        """Read what can be known of a document now; what Azure does not answer in time is the warning `NotChecked`."""
        targets, groups, decided = await asyncio.gather(
            find_in_time(self._targets(tenant, document)),
            find_in_time(self._groups(document)),
            find_in_time(self.deciding.decide(tenant, name, document, RunRequest())),
        )
        warnings = list(warnings_of(document, decided)) if decided is not None else []
        if targets is None or groups is None or decided is None or not decided.inventory.complete:
            message = "Azure did not answer everything in time. The policy is stored; a run reads it again."
            warnings.insert(0, PolicyWarning(code=WarningCode.NOT_CHECKED, message=message))
        problems, of_targets = targets if targets is not None else ((), ())
        return Looked(tuple(problems), (*warnings, *(groups or ()), *of_targets), decided)

    async def _groups(self, document: PolicyDocument) -> list[PolicyWarning]:
        """Return a warning for each resource group of the selector that is not there; of many groups the first are looked at."""
        named = [(group, group.split("/")) for group in document.selector.resource_groups[:_MOST_NAMED]]
        there = await asyncio.gather(*(self.gateway.has_resource_group(parts[2], parts[4]) for _, parts in named))
        return [
            _not_there(group, f"selector.resourceGroups[{number}]")
            for number, ((group, _), is_there) in enumerate(zip(named, there, strict=True))
            if not is_there
        ]

    async def _targets(self, tenant: str, document: PolicyDocument) -> tuple[list[Problem], list[PolicyWarning]]:
        found = await self.registry.by_name(tenant)
        own = found.subscriptions if found is not None else ()
        looked = await asyncio.gather(*(self._target(number, target, own) for number, target in enumerate(document.targets)))
        return [problem for problems, _ in looked for problem in problems], [warning for _, warnings in looked for warning in warnings]

    async def _target(self, number: int, target: Target, own: Sequence[str]) -> tuple[list[Problem], list[PolicyWarning]]:
        """Look at a target; without a subscription of its own it may be in any of the tenant's."""
        subscriptions = (target.subscription_id,) if target.subscription_id is not None else own
        if not subscriptions:
            return [], []
        known, there = await asyncio.gather(
            asyncio.gather(*(self.gateway.regions(one) for one in subscriptions)),
            asyncio.gather(*(self.gateway.has_resource_group(one, target.resource_group) for one in subscriptions)),
        )
        problems, warnings = [], []
        if all(target.region not in regions for regions in known):
            message = f"'{target.region}' is not a region of the target's subscription."
            problems.append(Problem(ErrorCode.UNKNOWN_REGION, message, f"targets[{number}].region"))
        path = f"targets[{number}].resourceGroup"
        if not any(there):
            message = f"The resource group '{target.resource_group}' was not found. Create it first."
            problems.append(Problem(ErrorCode.INVALID_REQUEST, message, path))
        for one, is_there in zip(subscriptions, there, strict=True):
            if not is_there and any(there):
                message = f"The subscription {one} has no resource group '{target.resource_group}': its VMs cannot be copied there."
                warnings.append(PolicyWarning(code=WarningCode.NOT_THERE, message=message, target=path))
        if target.drill_in is not None:
            of_drills = [self.gateway.has_resource_group(one, target.drill_in.resource_group) for one in subscriptions]
            if not any(await asyncio.gather(*of_drills)):
                warnings.append(
                    _not_there(f"The resource group '{target.drill_in.resource_group}'", f"targets[{number}].drillIn.resourceGroup")
                )
        subnet = target.drill_in.subnet_id if target.drill_in is not None else None
        if subnet is not None:
            await self._network(target, subnet, f"targets[{number}].drillIn.subnetId", problems, warnings)
        return problems, warnings

    async def _network(self, target: Target, subnet: str, path: str, problems: list[Problem], warnings: list[PolicyWarning]) -> None:
        """Look at the network of a target's drills: one in another region is refused, one that is not there or not isolated a warning."""
        subnet_id = ResourceId.parse(subnet)
        network = await self.networks.get(subnet_id.parent or subnet_id)
        if network is None:
            warnings.append(_not_there(subnet, path))
            return
        if region_of(network) != target.region:
            message = f"The subnet is in {region_of(network)}. Drills of copies in {target.region} need a subnet there."
            problems.append(Problem(ErrorCode.INVALID_REQUEST, message, path))
        elif (why := why_connected(network)) is not None:
            message = f"The network is not isolated: {why}. A drill into it is refused."
            warnings.append(PolicyWarning(code=WarningCode.NETWORK_NOT_ISOLATED, message=message, target=path))


def warnings_of(document: PolicyDocument, decided: Decided) -> Iterator[PolicyWarning]:
    """Yield the warnings that follow from what a run would do now."""
    if decided.bounds.error is RunError.TOO_MANY_VIRTUAL_MACHINES:
        return  # the plan shows it as the error of the run
    if decided.inventory.complete and not decided.covered:
        yield PolicyWarning(code=WarningCode.NOTHING_SELECTED, message="The policy covers no VM now.", target="selector")
    for item in [one for one in decided.items if one.code == Skip.GONE][:_MOST_NAMED]:
        yield _not_there(item.virtual_machine_id, "selector.virtualMachineIds")
    if decided.inventory.complete:
        yield from _absent_disks(document, decided.items)
    for policy, count in decided.overlaps:
        message = f"The policy '{policy}' covers {count} of its VMs for the same region. Only the one in charge copies them."
        yield PolicyWarning(code=WarningCode.OVERLAP, message=message, target=policy)


def _absent_disks(document: PolicyDocument, items: Sequence[RunItem]) -> Iterator[PolicyWarning]:
    left_out = {disk.lower() for item in items for disk in item.excluded_disks}
    for disk in [one for one in document.disks.exclude if one.lower() not in left_out][:_MOST_NAMED]:
        yield _not_there(disk, "disks.exclude")


def _not_there(thing: str, path: str) -> PolicyWarning:
    return PolicyWarning(code=WarningCode.NOT_THERE, message=f"{thing} was not found.", target=path)


async def find_in_time(read: Awaitable[T]) -> T | None:
    """Return what a read finds, None where it takes too long or Azure does not answer."""
    try:
        async with asyncio.timeout(READS_SECONDS):
            return await read
    except (TimeoutError, CallFailure):
        return None
