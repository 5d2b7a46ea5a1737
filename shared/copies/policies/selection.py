"""What a run does with each VM: copies it to which targets, or skips it and why; and the bounds of the whole run.

A plan decides by the same code (docs/design/copy-policies.md, "A run").
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from shared.copies.copying.models import ConsistencyMode
from shared.copies.copying.rules.eligibility import MAX_RESTORE_POINTS_PER_VM, reasons
from shared.copies.facts import DiskFacts, VirtualMachineFacts
from shared.copies.policies.coverage import Machine
from shared.copies.policies.document import Limits, PolicyDocument
from shared.copies.policies.in_charge import NamedPolicy, in_charge
from shared.errors import Problem

MAX_COLLECTIONS = 10000
"""Restore point collections of a subscription in a region (docs/azure/restore-points.md)."""


class RunError(StrEnum):
    """The error of a run that failed; of several the first in this order."""

    TOO_MANY_VIRTUAL_MACHINES = "TooManyVirtualMachines"
    INVENTORY_INCOMPLETE = "InventoryIncomplete"
    TOO_FEW_VIRTUAL_MACHINES = "TooFewVirtualMachines"
    COPIES_FAILED = "CopiesFailed"
    TOO_MANY_DELETIONS = "TooManyDeletions"


class Skip(StrEnum):
    """Why a run skips a VM, or a target of a VM."""

    GONE = "Gone"
    NOT_PROVISIONED = "NotProvisioned"
    NOT_SUPPORTED = "NotSupported"
    AT_LIMIT = "AtLimit"
    COLLECTION_LIMIT = "CollectionLimit"
    SAME_REGION = "SameRegion"
    COVERED_BY_ANOTHER_POLICY = "CoveredByAnotherPolicy"


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a run may do: a run with an error ends `Failed` with it, whatever it copied."""

    copies: bool
    prunes: bool
    error: RunError | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A selected VM: as its inventory shows it, and as Azure's answer for the VM itself does.

    `exists` is false only after Resource Manager's own 404. `restore_points` counts those of the VM in all collections, `collections`
    those of its subscription and region, both None where not read; `has_collection`: the one for its restore points exists.
    """

    machine: Machine
    facts: VirtualMachineFacts
    exists: bool = True
    provisioned: bool = True
    restore_points: int | None = None
    collections: int | None = None
    has_collection: bool = False


@dataclass(frozen=True, slots=True)
class TargetDecision:
    """What becomes of a target: copied to, or skipped; `policy` is the one in charge of it where that is another."""

    region: str
    skip: Skip | None = None
    policy: str | None = None


@dataclass(frozen=True, slots=True)
class MachineDecision:
    """What becomes of a VM: its targets, the disks that the restore point leaves out, and why it is skipped where it is.

    A VM without a target that is copied to gets no restore point.
    """

    machine: Machine
    targets: tuple[TargetDecision, ...]
    excluded_disks: tuple[str, ...] = ()
    skip: Skip | None = None
    problems: tuple[Problem, ...] = ()

    @property
    def copies_to(self) -> tuple[str, ...]:
        """The regions to copy to."""
        return () if self.skip is not None else tuple(target.region for target in self.targets if target.skip is None)


def bounds_of_run(selected: int, limits: Limits, *, complete: bool) -> Bounds:
    """Return what a run that selected so many VMs may do; `complete` is whether the inventory was read to its end.

    With too many VMs a run does nothing; with too few, or an incomplete inventory, it copies what it found and deletes nothing.
    """
    if selected > limits.virtual_machines:
        return Bounds(copies=False, prunes=False, error=RunError.TOO_MANY_VIRTUAL_MACHINES)
    if not complete:
        return Bounds(copies=True, prunes=False, error=RunError.INVENTORY_INCOMPLETE)
    if selected < limits.minimum_virtual_machines:
        return Bounds(copies=True, prunes=False, error=RunError.TOO_FEW_VIRTUAL_MACHINES)
    return Bounds(copies=True, prunes=True, error=None)


def error_of_run(errors: Collection[RunError]) -> RunError | None:
    """Return the error with which a run ends, None where it succeeded."""
    return next((error for error in RunError if error in errors), None)


def decide_machine(policy: NamedPolicy, policies: Sequence[NamedPolicy], candidate: Candidate) -> MachineDecision:
    """Return what a run of `policy` does with a VM; `policies` are all of the tenant's.

    A disabled policy, which only a person can run, copies as if it were enabled.
    """
    running = NamedPolicy(policy.name, policy.document.model_copy(update={"enabled": True}))
    rivals = [running, *(one for one in policies if one.name.lower() != policy.name.lower())]
    targets = tuple(_decide_target(running, rivals, candidate.machine, target.region) for target in policy.document.targets)
    consistency = ConsistencyMode(policy.document.consistency.mode.value)
    excluded = _excluded_disks(policy.document, candidate.facts, consistency)
    problems = reasons(candidate.facts, consistency=consistency, exclude=excluded)
    return MachineDecision(candidate.machine, targets, excluded, _skip(candidate, problems), problems)


def _decide_target(policy: NamedPolicy, policies: Sequence[NamedPolicy], machine: Machine, region: str) -> TargetDecision:
    if region == machine.region:
        return TargetDecision(region, Skip.SAME_REGION)
    first = in_charge(policies, machine, region)
    if first is not None and first.name.lower() != policy.name.lower():
        return TargetDecision(region, Skip.COVERED_BY_ANOTHER_POLICY, first.name)
    return TargetDecision(region)


def _skip(candidate: Candidate, problems: Sequence[Problem]) -> Skip | None:
    if not candidate.exists:
        return Skip.GONE
    if not candidate.provisioned:
        return Skip.NOT_PROVISIONED
    if problems:
        return Skip.NOT_SUPPORTED
    if (candidate.restore_points or 0) >= MAX_RESTORE_POINTS_PER_VM:
        return Skip.AT_LIMIT
    if not candidate.has_collection and (candidate.collections or 0) >= MAX_COLLECTIONS:
        return Skip.COLLECTION_LIMIT
    return None


def _excluded_disks(document: PolicyDocument, vm: VirtualMachineFacts, consistency: ConsistencyMode) -> tuple[str, ...]:
    """Return the ids of the VM's disks to leave out; unsupported ones are not left out where no disk would remain."""
    named = {disk.lower() for disk in document.disks.exclude}
    excluded = tuple(disk.id for disk in vm.disks if disk.id is not None and disk.key in named)
    if not document.disks.exclude_unsupported:
        return excluded
    unsupported = tuple(
        disk.id for disk in vm.disks if disk.id is not None and disk.id not in excluded and _is_unsupported(vm, disk, consistency)
    )
    return excluded if len(excluded) + len(unsupported) == len(vm.disks) else (*excluded, *unsupported)


def _is_unsupported(vm: VirtualMachineFacts, disk: DiskFacts, consistency: ConsistencyMode) -> bool:
    alone = replace(vm, disks=(disk,), confidential=False, uniform_scale_set_member=False)
    return bool(reasons(alone, consistency=consistency))
