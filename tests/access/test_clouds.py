"""A vault that many tenants share: each has clouds (protection containers) in it, and what lies in them is its own."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.ownership import owner_of
from shared.access.records.rows import RegistryError
from shared.access.records.seeding import read_tenants
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.access.vaults import cloud_key, vault_key
from tests.access.kit import FABRIKAM, NORTHWIND, PROVIDER, Rows, registry_of

FABRIC = f"{PROVIDER.vault_id}/replicationFabrics/vmm"
GOLD, SILVER, BRONZE = (f"{FABRIC}/replicationProtectionContainers/{name}" for name in ("gold", "silver", "bronze"))
SHARING = NORTHWIND.model_copy(update={"clouds": (GOLD, SILVER)})
DOCUMENTS = [tenant.model_dump(mode="json", by_alias=True) for tenant in (PROVIDER, FABRIKAM, SHARING)]


def registry(*tenants: Tenant) -> Registry:
    return registry_of(Rows(*(tenants or (PROVIDER, FABRIKAM, SHARING))))


def unclaimed(*tenants: Tenant) -> Registry:
    return registry_of(Rows(*tenants, claimed=False))


@pytest.mark.parametrize(
    ("resource", "owner"),
    [
        (GOLD, "northwind"),
        (f"{GOLD}/replicationProtectedItems/vm", "northwind"),
        (f"{GOLD}/replicationProtectedItems/vm/recoveryPoints/one".upper().removeprefix("/"), "northwind"),
        (f"{SILVER}/replicationProtectionContainerMappings/policy", "northwind"),
        (f"{GOLD}-two/replicationProtectedItems/vm", "contoso"),
        (f"{BRONZE}/replicationProtectedItems/vm", "contoso"),
        (FABRIC, "contoso"),
        (f"{PROVIDER.vault_id}/replicationRecoveryPlans/gold", "contoso"),
        (PROVIDER.vault_id, "contoso"),
        (GOLD.replace("/vaults/main/", "/vaults/fabrikam/"), "fabrikam"),
    ],
)
async def test_a_cloud_is_the_narrowest_mapping(resource: str, owner: str) -> None:
    assert await owner_of(registry(), resource) == owner


@given(cloud=st.sampled_from([GOLD, SILVER, BRONZE]), below=st.sampled_from(["", "/", "/a", "/a/b"]), data=st.data())
def test_neither_case_nor_a_leading_slash_matters(cloud: str, below: str, data: st.DataObject) -> None:
    upper = data.draw(st.lists(st.booleans(), min_size=len(cloud), max_size=len(cloud)))
    written = "".join(letter.upper() if up else letter.lower() for letter, up in zip(cloud, upper, strict=True))
    assert cloud_key(written.removeprefix("/") + below) == cloud.lower()
    assert vault_key(written + below) == str(PROVIDER.vault_id).lower()
    assert cloud_key(cloud.rsplit("/", 2)[0] + below) is None


async def test_who_shares_a_vault_is_known() -> None:
    found = registry()
    assert await found.is_shared(str(PROVIDER.vault_id).upper())
    assert await found.is_shared(f"{GOLD}/replicationProtectedItems/vm")
    assert await found.shares("northwind", GOLD)
    assert not await found.shares("fabrikam", GOLD)
    assert not await found.is_shared(str(FABRIKAM.vault_id))
    assert not await found.is_shared("no id")


def test_clouds_are_read_as_arm_writes_them() -> None:
    (read,) = read_tenants([{"name": "a", "clouds": [GOLD.upper().removeprefix("/"), GOLD, SILVER]}])
    assert [cloud_key(cloud) for cloud in read.clouds] == [GOLD.lower(), SILVER.lower()]
    assert read.clouds[0].startswith("/subscriptions/")
    (none,) = read_tenants([{"name": "a"}])
    assert none.clouds == ()


@pytest.mark.parametrize("wrong", ["gold", str(PROVIDER.vault_id), FABRIC, f"{GOLD}/replicationProtectedItems/vm", "", 7])
def test_what_is_no_cloud_is_refused(wrong: Any) -> None:
    with pytest.raises(RegistryError, match=r"malformed.*clouds"):
        read_tenants([{"name": "a", "clouds": [wrong]}])


async def test_a_cloud_is_one_tenants_only() -> None:
    with pytest.raises(RegistryError, match=r"cloud .*/gold to fabrikam and northwind"):
        read_tenants([DOCUMENTS[0], {**DOCUMENTS[1], "clouds": [GOLD.upper().removeprefix("/")]}, DOCUMENTS[2]])
    both = FABRIKAM.model_copy(update={"clouds": (GOLD,)})
    with pytest.raises(RegistryError, match="fabrikam and northwind"):
        await owner_of(unclaimed(PROVIDER, both, SHARING), f"{GOLD}/replicationProtectedItems/vm")
    assert await owner_of(unclaimed(PROVIDER, both, SHARING), f"{SILVER}/replicationProtectedItems/vm") == "northwind"


def test_the_default_vault_is_that_of_the_clouds_where_there_is_no_other() -> None:
    elsewhere = GOLD.replace("/vaults/main/", "/vaults/other/")
    assert SHARING.default_vault == PROVIDER.vault_id
    assert PROVIDER.default_vault == PROVIDER.vault_id
    assert FABRIKAM.model_copy(update={"clouds": (GOLD,)}).default_vault == FABRIKAM.vault_id
    assert NORTHWIND.default_vault is None
    assert NORTHWIND.model_copy(update={"clouds": (GOLD, elsewhere)}).default_vault is None
    assert NORTHWIND.model_copy(update={"clouds": (GOLD, SILVER.upper().replace("/SUBSCRIPTIONS", "/subscriptions"))}).default_vault
