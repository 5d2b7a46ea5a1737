"""What a run does with each VM, and its bounds; docs/design/copy-policies.md, "A run"."""

from dataclasses import replace
from typing import Any

import pytest

from shared.copies.facts import DiskFacts, VirtualMachineFacts
from shared.copies.policies.document import Limits, PolicyDocument
from shared.copies.policies.in_charge import NamedPolicy
from shared.copies.policies.selection import (
    Bounds,
    Candidate,
    RunError,
    Skip,
    TargetDecision,
    bounds_of_run,
    decide_machine,
    error_of_run,
)
from tests.copies.policies.documents import SUBSCRIPTION, document, machine, vm_id

DISKS = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/web/providers/Microsoft.Compute/disks"
OS, DATA, SHARED = (
    DiskFacts(id=f"{DISKS}/{name}", name=name, is_os=name == "os", shared=name == "shared") for name in ("os", "data", "shared")
)
BOTH = [{"region": "northeurope", "resourceGroup": "copies"}, {"region": "westeurope", "resourceGroup": "copies"}]


def _policy(name: str = "daily", **changes: Any) -> NamedPolicy:
    return NamedPolicy(name, PolicyDocument.model_validate(document(**changes)))


def _candidate(*disks: DiskFacts, **facts: Any) -> Candidate:
    vm = VirtualMachineFacts(vm_id("web-1"), "westeurope", disks or (OS, DATA))
    return replace(Candidate(machine(), vm), **facts)


@pytest.mark.parametrize(
    ("selected", "complete", "bounds"),
    [
        (10, True, Bounds(copies=True, prunes=True, error=None)),
        (11, True, Bounds(copies=False, prunes=False, error=RunError.TOO_MANY_VIRTUAL_MACHINES)),
        (11, False, Bounds(copies=False, prunes=False, error=RunError.TOO_MANY_VIRTUAL_MACHINES)),
        (2, True, Bounds(copies=True, prunes=True, error=None)),
        (1, True, Bounds(copies=True, prunes=False, error=RunError.TOO_FEW_VIRTUAL_MACHINES)),
        (0, False, Bounds(copies=True, prunes=False, error=RunError.INVENTORY_INCOMPLETE)),
        (5, False, Bounds(copies=True, prunes=False, error=RunError.INVENTORY_INCOMPLETE)),
    ],
)
def test_the_bounds_of_a_run(selected: int, complete: bool, bounds: Bounds) -> None:
    limits = Limits.model_validate({"virtualMachines": 10, "minimumVirtualMachines": 2})
    assert bounds_of_run(selected, limits, complete=complete) == bounds


def test_a_run_ends_with_the_first_of_its_errors() -> None:
    assert error_of_run([RunError.TOO_MANY_DELETIONS, RunError.COPIES_FAILED]) is RunError.COPIES_FAILED
    assert error_of_run([RunError.COPIES_FAILED, RunError.INVENTORY_INCOMPLETE]) is RunError.INVENTORY_INCOMPLETE
    assert error_of_run([]) is None


@pytest.mark.parametrize(
    ("facts", "skip"),
    [
        ({}, None),
        ({"exists": False, "provisioned": False}, Skip.GONE),
        ({"provisioned": False, "restore_points": 500}, Skip.NOT_PROVISIONED),
        ({"restore_points": 499}, None),
        ({"restore_points": 500}, Skip.AT_LIMIT),
        ({"collections": 10000}, Skip.COLLECTION_LIMIT),
        ({"collections": 10000, "has_collection": True}, None),
        ({"collections": 9999}, None),
    ],
)
def test_a_vm_is_skipped(facts: dict[str, Any], skip: Skip | None) -> None:
    decision = decide_machine(_policy(), [_policy()], _candidate(**facts))
    assert decision.skip is skip
    assert decision.copies_to == (("northeurope",) if skip is None else ())


def test_a_vm_that_azure_does_not_support_is_skipped_with_each_reason() -> None:
    vm = VirtualMachineFacts(vm_id("web-1"), "westeurope", (OS, SHARED), confidential=True)
    decision = decide_machine(_policy(), [_policy()], replace(_candidate(), facts=vm))
    assert decision.skip is Skip.NOT_SUPPORTED
    assert [problem.code for problem in decision.problems] == ["ConfidentialVirtualMachineNotSupported", "SharedDiskNotSupported"]


def test_an_unsupported_disk_is_left_out_where_the_policy_allows_it() -> None:
    decision = decide_machine(_policy(disks={"excludeUnsupported": True}), [_policy()], _candidate(OS, SHARED))
    assert (decision.skip, decision.excluded_disks) == (None, (SHARED.id,))


def test_the_last_disk_is_not_left_out() -> None:
    policy = _policy(disks={"excludeUnsupported": True, "exclude": [OS.id]})
    decision = decide_machine(policy, [policy], _candidate(OS, SHARED))
    assert (decision.skip, decision.excluded_disks) == (Skip.NOT_SUPPORTED, (OS.id,))


def test_disks_of_other_vms_that_the_policy_excludes_are_no_fault_of_this_one() -> None:
    policy = _policy(disks={"exclude": [f"{DISKS}/elsewhere", str(DATA.id).upper().replace("/SUBSCRIPTIONS", "/subscriptions")]})
    decision = decide_machine(policy, [policy], _candidate())
    assert (decision.skip, decision.excluded_disks) == (None, (DATA.id,))


def test_the_target_in_the_vms_own_region_is_skipped() -> None:
    policy = _policy(targets=BOTH)
    decision = decide_machine(policy, [policy], _candidate())
    assert decision.targets == (TargetDecision("northeurope"), TargetDecision("westeurope", Skip.SAME_REGION))
    assert decision.copies_to == ("northeurope",)


def test_a_target_of_which_another_policy_is_in_charge_is_skipped_and_names_it() -> None:
    policy, first = _policy(), _policy("First", priority=1)
    assert decide_machine(policy, [policy, first], _candidate()).targets == (
        TargetDecision("northeurope", Skip.COVERED_BY_ANOTHER_POLICY, "First"),
    )
    assert decide_machine(first, [policy, first], _candidate()).copies_to == ("northeurope",)


def test_a_disabled_policy_that_a_person_runs_copies_as_if_it_were_enabled() -> None:
    first, last, other = _policy("a", enabled=False), _policy("c", enabled=False), _policy("b")
    assert decide_machine(first, [first, other], _candidate()).copies_to == ("northeurope",)
    assert decide_machine(last, [last, other], _candidate()).copies_to == ()
    assert decide_machine(other, [first, other], _candidate()).copies_to == ("northeurope",)
