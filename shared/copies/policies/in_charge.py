"""Which policy is in charge of a place: a VM's copies in a region (docs/design/copy-policies.md, "Overlap")."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.copies.policies.coverage import Machine, covers
from shared.copies.policies.document import PolicyDocument


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy of a tenant: its name as first written, and its document."""

    name: str
    document: PolicyDocument


def policies_of_place(policies: Iterable[NamedPolicy], machine: Machine, region: str) -> list[NamedPolicy]:
    """Return the enabled policies of a tenant that cover a VM and name a region, the one in charge first.

    A paused policy counts. The lowest priority number is first, then the name that sorts first, in any case.
    """
    found = [policy for policy in policies if _concerns(policy.document, machine, region)]
    return sorted(found, key=lambda policy: (policy.document.priority, policy.name.lower()))


def in_charge(policies: Iterable[NamedPolicy], machine: Machine, region: str) -> NamedPolicy | None:
    """Return the one policy that keeps or deletes the copies of a VM in a region, None where no policy does."""
    return next(iter(policies_of_place(policies, machine, region)), None)


def in_charge_of_source(policies: Iterable[NamedPolicy], machine: Machine) -> NamedPolicy | None:
    """Return the one policy that keeps or deletes the restore points of a VM itself: the first that copies it to any region."""
    found = [policy for policy in policies if _copies(policy.document, machine)]
    return min(found, key=lambda policy: (policy.document.priority, policy.name.lower()), default=None)


def _copies(document: PolicyDocument, machine: Machine) -> bool:
    return document.enabled and any(target.region != machine.region for target in document.targets) and covers(document.selector, machine)


def _concerns(document: PolicyDocument, machine: Machine, region: str) -> bool:
    return document.enabled and any(target.region == region for target in document.targets) and covers(document.selector, machine)
