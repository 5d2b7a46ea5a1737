"""Which VMs a selector covers, and which policy is in charge of a place."""

from itertools import permutations
from typing import Any

import pytest

from shared.copies.policies.coverage import covers
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.in_charge import NamedPolicy, in_charge, policies_of_place
from shared.copies.policies.selector import Selector
from tests.copies.policies.documents import OTHER_SUBSCRIPTION, SUBSCRIPTION, document, machine, vm_id

WEB = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/WEB"


@pytest.mark.parametrize(
    ("selector", "covered"),
    [
        ({"everything": True}, True),
        ({"virtualMachineIds": [vm_id("WEB-1")]}, True),
        ({"virtualMachineIds": [vm_id("web-2")]}, False),
        ({"virtualMachineIds": [vm_id("web-1")], "regions": ["northeurope"]}, True),
        ({"subscriptions": [SUBSCRIPTION]}, True),
        ({"subscriptions": [OTHER_SUBSCRIPTION]}, False),
        ({"resourceGroups": [WEB]}, True),
        ({"regions": ["westeurope", "northeurope"]}, True),
        ({"regions": ["westeurope"], "subscriptions": [OTHER_SUBSCRIPTION]}, False),
        ({"tags": {"all": {"ENV": "prod", "tier": ["gold", "silver"]}}}, True),
        ({"tags": {"all": {"env": "Prod"}}}, False),
        ({"tags": {"all": {"env": "prod", "owner": None}}}, False),
        ({"tags": {"any": {"owner": None, "tier": "gold"}}}, True),
        ({"tags": {"any": {"owner": None, "tier": "bronze"}}}, False),
        ({"tags": {"none": {"owner": None}}}, True),
        ({"tags": {"none": {"env": ["prod", "test"]}}}, False),
        ({"everything": True, "exclude": {"virtualMachineIds": [vm_id("web-1")]}}, False),
        ({"virtualMachineIds": [vm_id("web-1")], "exclude": {"resourceGroups": [WEB]}}, False),
        ({"everything": True, "exclude": {"tags": {"any": {"env": "prod", "x": None}}}}, False),
        ({"everything": True, "exclude": {"tags": {"any": {"env": "test"}}}}, True),
    ],
)
def test_a_vm_is_covered(selector: dict[str, Any], covered: bool) -> None:
    assert covers(Selector.model_validate(selector), machine(tags={"env": "prod", "tier": "gold"})) is covered


def test_what_a_restore_has_made_is_never_covered() -> None:
    restored = machine(tags={"Farshore-Restore": "id"})
    assert not covers(Selector.model_validate({"virtualMachineIds": [vm_id("web-1")]}), restored)


def test_a_member_of_a_uniform_scale_set_is_never_covered() -> None:
    assert not covers(Selector.model_validate({"everything": True}), machine(uniform=True))


def _policy(name: str, **changes: Any) -> NamedPolicy:
    return NamedPolicy(name, PolicyDocument.model_validate(document(**changes)))


def test_the_lowest_priority_then_the_first_name_is_in_charge_in_any_order() -> None:
    policies = [_policy("b", priority=5), _policy("C", priority=5), _policy("a", priority=6), _policy("0", priority=100)]
    for order in permutations(policies):
        assert [policy.name for policy in policies_of_place(order, machine(), "northeurope")] == ["b", "C", "a", "0"]
    assert in_charge([_policy("B"), _policy("a")], machine(), "northeurope") == _policy("a")


def test_a_paused_policy_is_in_charge_and_a_disabled_one_is_not() -> None:
    paused, disabled, other = _policy("a", pausedUntil="2099-01-01T00:00:00Z"), _policy("0", enabled=False), _policy("b")
    assert in_charge([disabled, paused, other], machine(), "northeurope") == paused


def test_a_policy_of_another_region_or_other_vms_is_not_in_charge() -> None:
    elsewhere = _policy("a", targets=[{"region": "uksouth", "resourceGroup": "copies"}])
    others = _policy("b", selector={"virtualMachineIds": [vm_id("web-2")]})
    assert in_charge([elsewhere, others], machine(), "northeurope") is None
