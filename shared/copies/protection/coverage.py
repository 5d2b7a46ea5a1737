"""What the policies of a tenant do for a VM: which regions it is copied to, by which policy, and why it is unprotected. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.copies.inventory.facts import InventoryMachine
from shared.copies.policies.coverage import covers
from shared.copies.policies.in_charge import NamedPolicy
from shared.copies.policies.selection import Candidate, Skip, decide_machine
from shared.copies.protection.records.record import LastFailure, ProtectionRecord, Reason, RegionRecord
from shared.copies.protection.usable import UsableCopies


@dataclass(frozen=True, slots=True)
class CoveredRegion:
    """A region that a VM is copied to: the policy in charge, and its objective."""

    region: str
    policy: str
    objective: timedelta | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """The regions that a VM is copied to, the enabled policies that cover it, and why no region is."""

    regions: tuple[CoveredRegion, ...] = ()
    policies: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()


def coverage_of(machine: InventoryMachine, policies: Sequence[NamedPolicy], objective: timedelta | None) -> Coverage:
    """Return what the policies of a tenant do for a VM; `objective` is the tenant's, for policies without one of their own."""
    covering = [policy for policy in policies if covers(policy.document.selector, machine.machine)]
    enabled = [policy for policy in covering if policy.document.enabled]
    regions: list[CoveredRegion] = []
    skips: set[Skip | None] = set()
    for policy in enabled:
        decision = decide_machine(policy, policies, Candidate(machine.machine, machine.facts))
        skips |= {decision.skip, *(target.skip for target in decision.targets)}
        if decision.skip is not Skip.NOT_SUPPORTED:
            own = policy.document.objective or objective
            regions += [CoveredRegion(one.region, policy.name, own) for one in decision.targets if one.skip is None]
    names = tuple(sorted(policy.name for policy in enabled))
    if regions:
        return Coverage(tuple(sorted(regions, key=lambda one: one.region)), names)
    if not enabled:
        return Coverage((), (), (Reason.POLICY_DISABLED if covering else Reason.NO_POLICY,))
    shown = [
        reason for skip, reason in ((Skip.SAME_REGION, Reason.SAME_REGION), (Skip.NOT_SUPPORTED, Reason.NOT_SUPPORTED)) if skip in skips
    ]
    return Coverage((), names, tuple(shown))


def with_coverage(record: ProtectionRecord, coverage: Coverage, since: datetime | None) -> ProtectionRecord:
    """Return a record with another coverage: a region that was covered before keeps since when, others are covered `since` then."""
    before = {target.region: target for target in record.targets}
    covered = [_covered(before.get(one.region), one, since) for one in coverage.regions]
    named = {one.region for one in coverage.regions}
    empty = {"policy": None, "objective": None, "covered_since": None}
    others = [target.model_copy(update=empty) for target in record.targets if target.region not in named]
    update = {"policies": coverage.policies, "reasons": coverage.reasons, "targets": _kept([*covered, *others])}
    return record.model_copy(update=update)


def without_coverage(record: ProtectionRecord, *, gone: bool) -> ProtectionRecord:
    """Return the record of a VM that no policy covers any more; `gone` where Azure has shown that it is not there."""
    reasons = () if gone else (Reason.NO_POLICY,)
    return with_coverage(record, Coverage(reasons=reasons), None).model_copy(update={"gone": gone})


def with_copies(record: ProtectionRecord, usable: UsableCopies) -> ProtectionRecord:
    """Return a record with the usable copies that the ledger has of its VM."""
    regions = {target.region: target for target in record.targets}
    for region in usable.counts:
        regions.setdefault(region, RegionRecord(region=region))
    targets = [
        target.model_copy(update={"newest": usable.newest.get(region), "usable_copies": usable.counts.get(region, 0)})
        for region, target in regions.items()
    ]
    points = {"restore_points": usable.restore_points, "newest_point": usable.newest_point}
    return record.model_copy(update={"targets": _kept(targets), "drift": usable.drift, **points})


def with_failure(record: ProtectionRecord, region: str, failure: LastFailure) -> ProtectionRecord:
    """Return a record with the last failure in a region; an earlier one than is recorded changes nothing."""
    return record.model_copy(update={"targets": tuple(_failed(target, region, failure) for target in record.targets)})


def _failed(target: RegionRecord, region: str, failure: LastFailure) -> RegionRecord:
    known = target.last_failure
    if target.region != region or (known is not None and known.at >= failure.at):
        return target
    return target.model_copy(update={"last_failure": failure})


def _covered(before: RegionRecord | None, one: CoveredRegion, since: datetime | None) -> RegionRecord:
    known = before or RegionRecord(region=one.region)
    return known.model_copy(update={"policy": one.policy, "objective": one.objective, "covered_since": known.covered_since or since})


def _kept(targets: Iterable[RegionRecord]) -> tuple[RegionRecord, ...]:
    """Return, by region, the targets that a policy covers or that have copies."""
    return tuple(sorted((one for one in targets if one.policy is not None or one.usable_copies), key=lambda one: one.region))
