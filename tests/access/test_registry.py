"""The tenant registry's read side, against a real table, and what it does when it contradicts itself."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from shared.access.ownership import owner_of, require_owner
from shared.access.records.rows import TABLE, RegistryError
from shared.access.records.seeding import read_tenants, seed
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.access.roles import Role
from shared.errors import ErrorCode, Refused
from shared.storage.tables import Found, connect
from tests.access.kit import FABRIKAM, NORTHWIND, PROVIDER, TENANTS, MovedClock, Rows, principal, registry_of

DOCUMENTS = [tenant.model_dump(mode="json", by_alias=True) for tenant in TENANTS]
VM = "/subscriptions/{}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"


async def test_what_is_seeded_is_read(azurite: Any) -> None:
    await seed(azurite.connection_string, DOCUMENTS)
    storage = connect(azurite.connection_string)
    try:
        registry = Registry(storage.table(TABLE), MovedClock())
        assert tuple([tenant async for tenant in registry.each()]) == TENANTS
        assert await registry.provider() == PROVIDER
        assert await registry.by_name("fabrikam") == FABRIKAM
        assert await registry.by_entra_tenant(str(FABRIKAM.tenant_id).upper()) == FABRIKAM
        assert await registry.owner_of_subscription(NORTHWIND.subscriptions[0].upper()) == NORTHWIND
        assert await registry.owner_of_subscription("dddddddd-0000-4000-8000-000000000004") is None

        changed = [
            {
                **DOCUMENTS[2],
                "displayName": "Northwind Traders",
                "settings": {"twoPersonRule": False, "recoveryPointObjective": "P1DT12H", "drillHour": 4},
            }
        ]
        await seed(azurite.connection_string, changed)
        registry.forget()
        found = await registry.by_name("northwind")
        assert found is not None
        assert found.display_name == "Northwind Traders"
        assert found.settings.recovery_point_objective == timedelta(hours=36)
        written = found.settings.model_dump(mode="json", by_alias=True)
        expected = {"twoPersonRule": False, "recoveryPointObjective": "P1DT12H", "drillHour": 4}
        assert {name: written[name] for name in expected} == expected
        assert await registry.by_name("fabrikam") == FABRIKAM
    finally:
        await storage.close()


@pytest.mark.parametrize("wrong", ["", "4 hours", "PT30S", "P2Y", "P367D", 3600, True, ["PT4H"]])
def test_an_objective_is_a_duration_of_a_minute_to_a_year(wrong: object) -> None:
    with pytest.raises(RegistryError, match="recoveryPointObjective"):
        read_tenants([{**DOCUMENTS[2], "settings": {"recoveryPointObjective": wrong}}])


@pytest.mark.parametrize("none", [{}, {"recoveryPointObjective": None}])
def test_an_objective_may_be_absent(none: dict[str, object]) -> None:
    (tenant,) = read_tenants([{**DOCUMENTS[2], "settings": none}])
    assert tenant.settings.recovery_point_objective is None


async def test_a_document_is_read_once_a_minute_however_many_ask() -> None:
    clock, rows = MovedClock(), Rows(*TENANTS)
    registry = registry_of(rows, clock)
    await asyncio.gather(*(registry.by_name("contoso") for _ in range(50)))
    clock.seconds += 57
    assert await registry.by_name("contoso") == PROVIDER
    assert len(rows.reads) == len(set(rows.reads)) == 3, "its document, and the claims of its subscription and vault"
    clock.seconds += 2
    rows.tenants = (FABRIKAM,)
    assert await registry.by_name("contoso") is None
    assert rows.reads[3:] == ["tenant|contoso"]


@pytest.mark.parametrize("claimed", [True, False])
async def test_a_tenant_has_of_what_its_document_lists_only_what_belongs_to_it(claimed: bool) -> None:
    """Both list the same things: with claims those are fabrikam's, without any they belong to neither."""
    group = f"/subscriptions/{FABRIKAM.subscriptions[0]}/resourceGroups/g/providers"
    both = {
        "subscriptions": FABRIKAM.subscriptions, "vault_id": FABRIKAM.vault_id, "key_vault_url": "https://a-vault.vault.azure.net",
        "clouds": (f"{PROVIDER.vault_id}/replicationFabrics/f/replicationProtectionContainers/c",),
        "storage_accounts": (f"{group}/Microsoft.Storage/storageAccounts/a",),
        "networks": ({"region": "westeurope", "subnetId": f"{group}/Microsoft.Network/virtualNetworks/n/subnets/s"},),
    }  # fmt: skip
    first, second = (Tenant.model_validate({**one.model_dump(), **both}) for one in (FABRIKAM, NORTHWIND))
    second = second.model_copy(update={"subscriptions": (*NORTHWIND.subscriptions, *FABRIKAM.subscriptions)})
    for registry in (
        registry_of(Rows(PROVIDER, first, second, claimed=claimed)).uncached(),
        registry_of(Rows(first, second, claimed=claimed)),
    ):
        found = await registry.by_name("northwind")
        assert found == NORTHWIND
        assert await registry.by_name("fabrikam") == (first if claimed else first.model_copy(update=NOTHING))


NOTHING: dict[str, Any] = {
    "subscriptions": (), "vault_id": None, "key_vault_url": None, "clouds": (), "storage_accounts": (), "networks": (),
}  # fmt: skip


async def test_an_owner_is_two_point_reads_at_first_and_then_none() -> None:
    rows = Rows(*TENANTS)
    registry = registry_of(rows)
    for _ in range(3):
        assert await registry.owner_of_subscription(NORTHWIND.subscriptions[0]) == NORTHWIND
    assert [read.partition("|")[0] for read in rows.reads] == ["claim", "tenant"]


async def test_that_a_thing_is_unowned_is_remembered_too() -> None:
    rows = Rows(*TENANTS)
    registry = registry_of(rows)
    for _ in range(3):
        assert await registry.owner_of_subscription("dddddddd-0000-4000-8000-000000000004") is None
    assert [read.partition("|")[0] for read in rows.reads] == ["claim", "meta"]


async def test_a_claim_that_the_document_does_not_list_gives_no_owner() -> None:
    rows = Rows(*TENANTS)
    without = FABRIKAM.model_copy(update={"subscriptions": ()})
    rows.documents = (PROVIDER, without, NORTHWIND)
    assert await registry_of(rows).owner_of_subscription(FABRIKAM.subscriptions[0]) is None


async def test_without_a_cache_each_question_is_asked_anew() -> None:
    rows = Rows(*TENANTS)
    registry = registry_of(rows)
    assert await registry.by_name("fabrikam") == FABRIKAM
    rows.tenants = (PROVIDER,)
    assert await registry.by_name("fabrikam") == FABRIKAM
    assert await registry.uncached().by_name("fabrikam") is None


@pytest.mark.parametrize(
    ("resource", "owner"),
    [
        (VM.format(FABRIKAM.subscriptions[0]), "fabrikam"),
        (VM.format(FABRIKAM.subscriptions[0]).upper().removeprefix("/"), "fabrikam"),
        (
            str(FABRIKAM.vault_id).upper() + "/replicationFabrics/a/replicationProtectionContainers/b/replicationProtectedItems/c",
            "fabrikam",
        ),
        (f"{FABRIKAM.vault_id}-two", "contoso"),
        (PROVIDER.vault_id, "contoso"),
        (VM.format("dddddddd-0000-4000-8000-000000000004"), None),
        ("not an id", None),
        ("", None),
    ],
)
async def test_whose_a_resource_is(resource: str, owner: str | None) -> None:
    assert await owner_of(registry_of(Rows(*TENANTS)), resource) == owner


async def test_anothers_machine_is_not_found_and_the_answer_states_no_more() -> None:
    registry, machine = registry_of(Rows(*TENANTS)), VM.format(NORTHWIND.subscriptions[0])
    with pytest.raises(Refused) as refused:
        await require_owner(registry, principal(FABRIKAM, Role.COPIES_WRITE), machine, "virtual machine", target="source.virtualMachineId")
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert refused.value.problem.target == "source.virtualMachineId"
    assert "northwind" not in str(refused.value)
    caller = principal(PROVIDER, Role.ADMIN, Role.COPIES_WRITE)
    assert await require_owner(registry, caller, machine, "virtual machine") == "northwind"


async def test_a_subscription_of_two_unclaimed_tenants_is_not_guessed() -> None:
    both = NORTHWIND.model_copy(update={"subscriptions": FABRIKAM.subscriptions})
    registry = registry_of(Rows(PROVIDER, FABRIKAM, both, claimed=False))
    with pytest.raises(RegistryError, match="fabrikam and northwind"):
        await registry.owner_of_subscription(FABRIKAM.subscriptions[0])
    assert await registry.owner_of_subscription(PROVIDER.subscriptions[0]) == PROVIDER


async def test_rows_without_claims_are_read_as_before() -> None:
    registry = registry_of(Rows(*TENANTS, claimed=False))
    assert await registry.provider() == PROVIDER
    assert await registry.by_entra_tenant(str(FABRIKAM.tenant_id)) == FABRIKAM
    assert await registry.owner_of_vault(str(FABRIKAM.vault_id)) == FABRIKAM


@pytest.mark.parametrize("providers", [0, 2])
async def test_there_is_exactly_one_provider(providers: int) -> None:
    rows = [PROVIDER.model_copy(update={"name": f"p{number}"}) for number in range(providers)]
    with pytest.raises(RegistryError, match="provider"):
        await registry_of(Rows(FABRIKAM, *rows, claimed=False)).provider()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "fabrikam"}, "name fabrikam"),
        ({"subscriptions": [FABRIKAM.subscriptions[0].upper()]}, "subscription .* fabrikam and northwind"),
        ({"tenantId": FABRIKAM.tenant_id}, "entra .* fabrikam and northwind"),
        ({"vaultId": str(FABRIKAM.vault_id).upper()}, "vault .* fabrikam and northwind"),
        ({"name": "a/b"}, "malformed"),
        ({"kind": "reseller"}, "malformed"),
    ],
)
def test_a_contradiction_is_refused_before_it_is_written(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RegistryError, match=words):
        read_tenants([*DOCUMENTS[:2], {**DOCUMENTS[2], **changes}])


def test_the_two_person_rule_is_on_unless_a_tenant_states_otherwise() -> None:
    (tenant,) = read_tenants([{"name": "new"}])
    assert tenant.settings.two_person_rule is True


async def test_a_row_that_cannot_be_read_is_named() -> None:
    class Bad(Rows):
        async def get(self, partition: str, row: str) -> Found | None:
            found = await super().get(partition, row)
            return Found({"RowKey": row}, "") if partition == "tenant" else found

    with pytest.raises(RegistryError, match="'contoso'"):
        await registry_of(Bad(PROVIDER)).by_name("contoso")
