"""What a run does with each VM: the code that a plan and the run itself share. Pure."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from shared.arm.ids import ResourceId
from shared.copies.inventory.facts import Inventory, InventoryMachine, TenantInventory
from shared.copies.policies.coverage import Machine, covers
from shared.copies.policies.document import Limits
from shared.copies.policies.in_charge import NamedPolicy, in_charge_of_source, policies_of_place
from shared.copies.policies.runs.items import Decision, InterfaceItem, RunItem, TargetItem
from shared.copies.policies.selection import (
    Bounds,
    Candidate,
    MachineDecision,
    RunError,
    Skip,
    TargetDecision,
    bounds_of_run,
    decide_machine,
)
from shared.errors import Problem, sentence
from shared.values.canonical import canonical

_MESSAGES = {
    Skip.GONE: "The VM is not in Azure.",
    Skip.NOT_PROVISIONED: "The VM is being created or deleted, or its provisioning has failed.",
    Skip.AT_LIMIT: "The VM has 500 restore points, the most that Azure keeps.",
    Skip.COLLECTION_LIMIT: "The subscription has 10,000 restore point collections in the region, the most that Azure allows.",
    Skip.SAME_REGION: "The VM is in this region.",
}
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run is about: its policy, all policies of the tenant, the limits, and the only VMs to copy where some are named.

    `restore_points` is how many restore points those VMs have, by their ids in lower case, that have almost as many as Azure keeps.
    """

    policy: NamedPolicy
    policies: Sequence[NamedPolicy]
    limits: Limits
    only: tuple[str, ...] = ()
    restore_points: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a run does: its bounds, and each VM. `covered` is how many VMs of the inventory the policy covers.

    `not_covered` are named VMs that the policy does not cover; the run then does nothing. `overlaps` are other enabled policies, each with
    how many VMs both cover and copy to a same region. `near_limit` are those of its VMs that have 400 restore points or more, and how many.
    """

    inventory: Inventory
    bounds: Bounds
    items: tuple[RunItem, ...]
    covered: int
    not_covered: tuple[str, ...] = ()
    overlaps: tuple[tuple[str, int], ...] = ()
    near_limit: tuple[tuple[str, int], ...] = ()

    @property
    def hash(self) -> str:
        """A digest of all decisions: of two plans with equal digests a run does the same."""
        decisions = [item.model_copy(update={"interfaces": ()}).as_json() for item in self.items]
        bounds = [self.bounds.copies, self.bounds.prunes, self.bounds.error]
        return hashlib.sha256(canonical([bounds, decisions, list(self.not_covered)])).hexdigest()[:32]


def decide(scope: Scope, found: TenantInventory) -> Decided:
    """Return what a run does with what an inventory shows."""
    selector, inventory = scope.policy.document.selector, found.inventory
    covered = [one for one in inventory.machines if covers(selector, one.machine)]
    gone = [one for one in found.gone if covers(selector, Machine(one, "", {}))]
    named = {ResourceId.parse(one).key for one in scope.only}
    known = {one.key for one in covered} | {one.key for one in gone}
    not_covered = tuple(one for one in scope.only if ResourceId.parse(one).key not in known)
    bounds = bounds_of_run(len(covered), scope.limits, complete=inventory.complete)
    if not bounds.copies or not_covered:
        return Decided(inventory, bounds, (), len(covered), not_covered)
    items = [_item(scope, inventory, one) for one in covered if not named or one.key in named]
    items += [_skipped(one, Skip.GONE) for one in gone if not named or one.key in named]
    in_order = tuple(sorted(items, key=lambda item: item.key))
    near = tuple((item.virtual_machine_id, count) for item in in_order if (count := scope.restore_points.get(item.vm.key)) is not None)
    overlaps = _overlaps(scope, [one.machine for one in covered])
    return Decided(inventory, bounds, in_order, len(covered), overlaps=overlaps, near_limit=near)


def _overlaps(scope: Scope, machines: Iterable[Machine]) -> tuple[tuple[str, int], ...]:
    """Return the other enabled policies that concern a place of the policy, with the numbers of VMs."""
    own, regions = scope.policy.name.lower(), [target.region for target in scope.policy.document.targets]
    others = [policy for policy in scope.policies if policy.name.lower() != own]
    counts: Counter[str] = Counter()
    for machine in machines:
        counts.update({one.name for region in regions for one in policies_of_place(others, machine, region)})
    return tuple(sorted(counts.items()))


def problem_of_run(decided: Decided, limits: Limits) -> Problem | None:
    """Return why a run fails before it has copied anything, or although all of its copies are usable; None where nothing does."""
    match decided.bounds.error:
        case RunError.TOO_MANY_VIRTUAL_MACHINES as code:
            most = limits.virtual_machines
            message = f"The policy covers {decided.covered} VMs and limits.virtualMachines is {most}. Nothing was copied."
        case RunError.TOO_FEW_VIRTUAL_MACHINES as code:
            least = limits.minimum_virtual_machines
            message = f"The policy covers {decided.covered} VMs and limits.minimumVirtualMachines is {least}. Nothing was deleted."
        case RunError.INVENTORY_INCOMPLETE as code:
            message = "The inventory was not read to its end. The VMs that were found are copied, nothing is deleted."
        case _:
            return None
    return Problem(code, message, details=decided.inventory.problems[:_MOST_NAMED])


def _item(scope: Scope, inventory: Inventory, one: InventoryMachine) -> RunItem:
    candidate = Candidate(
        machine=one.machine,
        facts=one.facts,
        provisioned=one.provisioned,
        restore_points=scope.restore_points.get(one.key),
        collections=inventory.collections_beside(one.machine),
        has_collection=inventory.has_collection(one.machine),
    )
    decision = decide_machine(scope.policy, scope.policies, candidate)
    targets = tuple(_target(target, decision) for target in decision.targets)
    copied = any(target.decision is Decision.COPIED for target in targets)
    code, message = _why(decision)
    return RunItem(
        virtual_machine_id=str(one.machine.id),
        vm_id=one.vm_id,
        decision=Decision.COPIED if copied else Decision.SKIPPED,
        code=code,
        message=message,
        excluded_disks=decision.excluded_disks,
        targets=targets,
        disks=tuple(disk.key for disk in one.facts.disks if disk.key),
        interfaces=tuple(InterfaceItem(**asdict(interface)) for interface in one.interfaces) if copied else (),
        prunes_source=(copied or decision.skip is Skip.AT_LIMIT) and _is_in_charge_of_source(scope, one.machine),
    )


def _is_in_charge_of_source(scope: Scope, machine: Machine) -> bool:
    first = in_charge_of_source(scope.policies, machine)
    return first is not None and first.name.lower() == scope.policy.name.lower()


def _target(target: TargetDecision, decision: MachineDecision) -> TargetItem:
    if decision.skip is not None:
        return TargetItem(region=target.region, decision=Decision.SKIPPED, code=decision.skip)
    if target.skip is None:
        return TargetItem(region=target.region, decision=Decision.COPIED)
    message = f"The policy '{target.policy}' is in charge of it." if target.policy is not None else _MESSAGES[target.skip]
    return TargetItem(region=target.region, decision=Decision.SKIPPED, code=target.skip, message=message)


def _why(decision: MachineDecision) -> tuple[str | None, str | None]:
    """Return the code and the message of a VM that is skipped, else None twice."""
    if decision.skip is Skip.NOT_SUPPORTED:
        return decision.skip, sentence("; ".join(problem.message for problem in decision.problems))
    if decision.skip is not None:
        return decision.skip, _MESSAGES[decision.skip]
    if decision.copies_to:
        return None, None
    first = decision.targets[0]  # a policy has at least one target
    return first.skip, "No target is left."


def _skipped(vm: ResourceId, skip: Skip) -> RunItem:
    return RunItem(virtual_machine_id=str(vm), decision=Decision.SKIPPED, code=skip, message=_MESSAGES[skip])
