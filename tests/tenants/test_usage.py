"""What a tenant has of each quota: counted over its subscriptions, null where something was not read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Tenant
from shared.errors import CallFailure, FailureKind
from shared.quotas.counting import Dimension, Listed, count, limits_of, sizes_of
from shared.quotas.usage import UsageReader
from tests.support.clocks import ManualClock

SKUS: list[dict[str, Any]] = [
    {"name": "Standard_D2s_v5", "capabilities": [{"name": "vCPUs", "value": "2"}, {"name": "MemoryGB", "value": "8"}]},
    {"name": "Standard_B1ls", "capabilities": [{"name": "vCPUs", "value": "1"}, {"name": "MemoryGB", "value": "0.5"}]},
    {"name": "Premium_LRS", "capabilities": []},
]
EVERY = set(Dimension)


def machine(size: str) -> dict[str, Any]:
    return {"properties": {"hardwareProfile": {"vmSize": size}}}


def listed(**changed: Any) -> Listed:
    found: dict[str, Any] = {
        "machines": [machine("standard_d2s_v5"), machine("Standard_B1ls")],
        "disks": [{"properties": {"diskSizeGB": 128}}, {"properties": {"diskSizeBytes": 1024**3 + 1}}],
        "addresses": [{}], "images": [], "skus": SKUS,
    }  # fmt: skip
    return Listed(**{**found, **changed})


def test_each_dimension_is_counted() -> None:
    assert list(count([listed()]).values()) == [2, 3, 9, 130, 1, 0]
    assert list(count([listed(), listed()]).values()) == [4, 6, 17, 260, 2, 0]
    assert set(count([]).values()) == {0}


@pytest.mark.parametrize(
    ("changed", "unknown"),
    [
        ({"machines": None}, {"virtualMachines", "cores", "memoryGB"}),
        ({"skus": None}, {"cores", "memoryGB"}),
        ({"machines": [machine("Standard_Unlisted")]}, {"cores", "memoryGB"}),
        ({"disks": None}, {"diskGB"}),
        ({"disks": [{"properties": {}}]}, {"diskGB"}),
        ({"addresses": None}, {"publicAddresses"}),
        ({"images": None}, {"images"}),
        ({"machines": [], "skus": None}, set()),
    ],
)
def test_what_was_not_read_is_not_counted(changed: dict[str, Any], unknown: set[str]) -> None:
    found = count([listed(), listed(**changed)])
    assert {str(name) for name, number in found.items() if number is None} == unknown


def test_the_tenants_member_counts_before_the_plans() -> None:
    tenant = Tenant.model_validate({"name": "a", "quotas": {"cores": None, "images": 0}})
    plan = HostingPlan.model_validate({"name": "gold", "quotas": {"cores": 4, "images": 9, "diskGB": 100}})
    found = limits_of(tenant, plan)
    assert (found[Dimension.CORES], found[Dimension.IMAGES], found[Dimension.DISK_GB]) == (None, 0, 100)
    assert found[Dimension.MEMORY_GB] is limits_of(tenant, None)[Dimension.DISK_GB] is None


@given(st.lists(st.sampled_from(["Standard_D2s_v5", "Standard_B1ls"]), max_size=30))
def test_cores_are_those_of_the_sizes(names: list[str]) -> None:
    sizes = sizes_of(SKUS)
    assert count([listed(machines=[machine(name) for name in names])])[Dimension.CORES] == sum(sizes[name.lower()].cores for name in names)


async def test_a_read_that_is_refused_leaves_its_dimensions_null() -> None:
    class Clients:
        async def read_all(self, path: str, *, api_version: str, limit: int) -> list[dict[str, Any]]:
            assert api_version
            assert limit
            if path.endswith("/disks"):
                raise CallFailure(FailureKind.REFUSED, code="AuthorizationFailed", message="no", status=403)
            return [{}] if path.endswith("/publicIPAddresses") else []

    reader = UsageReader(Clients(), ManualClock())  # type: ignore[arg-type]  # a stand-in
    found = {one.name: one for one in await reader.of(Tenant(name="a", subscriptions=("s",)), None)}
    assert set(found) == EVERY
    assert (found[Dimension.DISK_GB].used, found[Dimension.PUBLIC_ADDRESSES].used, found[Dimension.CORES].used) == (None, 1, 0)
    assert {one.reserved for one in found.values()} == {0}
