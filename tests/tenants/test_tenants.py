"""`PUT`, `GET` and `DELETE` of tenants: every field, its bounds and its refusals (docs/design/tenants.md)."""

import asyncio
from typing import Any

import pytest

from shared.access.records.azure_pack_subscriptions import Access, MappedSubscription
from shared.access.records.tenant import Tenant
from shared.access.roles import Role
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Actor, NewOperation
from shared.tenants.answers import tag_of_tenant, tenant_body, written_body
from shared.tenants.documents import TenantFilter
from shared.tenants.shapes import shape_of
from shared.web.conditional import Condition
from shared.web.lists import Page
from tests.tenants.kit import ENTRA, UNREADABLE, Documents, caller, refusal

ONE, TWO = "aaaaaaaa-0000-4000-8000-000000000001", "bbbbbbbb-0000-4000-8000-000000000002"
GUIDS = [f"{number:08d}-0000-4000-8000-000000000001" for number in range(21)]


def vault(subscription: str, name: str = "main") -> str:
    return f"/subscriptions/{subscription}/resourceGroups/dr/providers/Microsoft.RecoveryServices/vaults/{name}"


def cloud(number: int = 1, of: str = ONE) -> str:
    return f"{vault(of, 'shared')}/replicationFabrics/vmm/replicationProtectionContainers/cloud{number}"


def account(subscription: str, number: int = 1) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/replicas{number}"


def subnet(subscription: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/net/subnets/machines"


ACCEPTED: list[dict[str, Any]] = [
    {},
    {"displayName": "n" * 128},
    {"shape": "site", "vaultId": vault(ONE)},
    {"tenantId": ENTRA.upper()},
    {"tenantId": None, "vaultId": None, "region": None, "plan": None},
    {"callers": [{"tenantId": ENTRA, "appId": guid} for guid in GUIDS[:20]]},
    {"callers": [{"tenantId": ENTRA, "groupId": GUIDS[0]}, {"tenantId": ENTRA, "appId": GUIDS[0]}]},
    {"subscriptions": GUIDS[:20]},
    {"clouds": [cloud(number) for number in range(20)]},
    {"subscriptions": [ONE], "storageAccounts": [account(ONE, number) for number in range(10)]},
    {"subscriptions": [ONE, TWO], "networks": [{"region": "westeurope", "subnetId": subnet(one)} for one in (ONE, TWO)]},
    {"subscriptions": [ONE], "region": "westeurope"},
    {"keyVaultUrl": "https://contoso-secrets.vault.azure.net"},
    {"quotas": {"virtualMachines": 0, "cores": 10_000_000, "memoryGB": None, "diskGB": 1, "publicAddresses": 1, "images": 1}},
    {"settings": {"recoveryPointObjective": "PT1M", "testFailoverMaxAgeDays": 3650, "blastRadius": 100_000, "diskAccessLongest": "P60D"}},
    {"settings": {"recoveryPointObjective": None, "diskAccessLongest": None, "twoPersonRule": False, "dataCenters": {}}},
    {"settings": {"dataCenters": {"operationAfterSuspension": "save", "startOnResume": True}, "observeOnly": False}},
]

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "other"}, "name"),
    ({"unknown": 1}, "unknown"),
    ({"displayName": "n" * 129}, "displayName"),
    ({"displayName": "a\u0007b"}, "displayName"),
    ({"displayName": 7}, "displayName"),
    ({"kind": "reseller"}, "kind"),
    ({"backend": "aws"}, "backend"),
    ({"shape": "round"}, "shape"),
    ({"shape": "shared", "vaultId": vault(ONE)}, "vaultId"),
    ({"plan": "nosuch"}, "plan"),
    ({"plan": "not/a/name"}, "plan"),
    ({"tenantId": "contoso.com"}, "tenantId"),
    ({"callers": [{"tenantId": ENTRA, "appId": guid} for guid in GUIDS]}, "callers"),
    ({"callers": [{"tenantId": ENTRA}]}, "callers[0]"),
    ({"callers": [{"tenantId": ENTRA, "appId": GUIDS[0], "groupId": GUIDS[1]}]}, "callers[0]"),
    ({"callers": [{"tenantId": ENTRA, "appId": "an-app"}]}, "callers[0].appId"),
    ({"callers": [{"tenantId": ENTRA, "appId": GUIDS[0]}] * 2}, "callers[1]"),
    ({"subscriptions": GUIDS}, "subscriptions"),
    ({"subscriptions": ["one"]}, "subscriptions[0]"),
    ({"subscriptions": [ONE, ONE.upper()]}, "subscriptions"),
    ({"vaultId": account(ONE)}, "vaultId"),
    ({"vaultId": "main"}, "vaultId"),
    ({"clouds": [cloud(number) for number in range(21)]}, "clouds"),
    ({"clouds": [vault(ONE)]}, "clouds[0]"),
    ({"clouds": [cloud()], "vaultId": vault(ONE, "shared")}, "clouds[0]"),
    ({"subscriptions": [ONE], "storageAccounts": [account(ONE, number) for number in range(11)]}, "storageAccounts"),
    ({"subscriptions": [ONE], "storageAccounts": [account(ONE), account(TWO)]}, "storageAccounts[1]"),
    ({"subscriptions": [ONE], "networks": [{"region": "westeurope", "subnetId": subnet(ONE)}] * 21}, "networks"),
    ({"subscriptions": [ONE], "networks": [{"region": "westeurope", "subnetId": subnet(ONE)}] * 2}, "networks[1]"),
    ({"subscriptions": [ONE], "networks": [{"region": "westeurope", "subnetId": subnet(TWO)}]}, "networks[0].subnetId"),
    ({"subscriptions": [ONE], "networks": [{"region": "West Europe", "subnetId": subnet(ONE)}]}, "networks[0].region"),
    ({"region": "West Europe"}, "region"),
    ({"region": "a" * 65}, "region"),
    ({"keyVaultUrl": "http://contoso.vault.azure.net"}, "keyVaultUrl"),
    ({"keyVaultUrl": "https://contoso.vault.azure.net.evil.example"}, "keyVaultUrl"),
    ({"keyVaultUrl": "https://evil.example/contoso.vault.azure.net"}, "keyVaultUrl"),
    ({"keyVaultUrl": "https://user@contoso.vault.azure.net"}, "keyVaultUrl"),
    ({"keyVaultUrl": "https://FARSHORE.vault.azure.net"}, "keyVaultUrl"),
    ({"quotas": {"cores": -1}}, "quotas.cores"),
    ({"quotas": {"cores": 10_000_001}}, "quotas.cores"),
    ({"quotas": {"cores": 1.5}}, "quotas.cores"),
    ({"quotas": {"machines": 1}}, "quotas.machines"),
    ({"settings": {"recoveryPointObjective": "PT59S"}}, "settings.recoveryPointObjective"),
    ({"settings": {"recoveryPointObjective": "P367D"}}, "settings.recoveryPointObjective"),
    ({"settings": {"testFailoverMaxAgeDays": 0}}, "settings.testFailoverMaxAgeDays"),
    ({"settings": {"testFailoverMaxAgeDays": 3651}}, "settings.testFailoverMaxAgeDays"),
    ({"settings": {"blastRadius": 0}}, "settings.blastRadius"),
    ({"settings": {"blastRadius": 100_001}}, "settings.blastRadius"),
    ({"settings": {"diskAccessLongest": "PT59S"}}, "settings.diskAccessLongest"),
    ({"settings": {"diskAccessLongest": "P61D"}}, "settings.diskAccessLongest"),
    ({"settings": {"twoPersonRule": "yes"}}, "settings.twoPersonRule"),
    ({"settings": {"dataCenters": {"operationAfterSuspension": "burn"}}}, "settings.dataCenters.operationAfterSuspension"),
    ({"settings": {"observeOnly": True}}, "settings.observeOnly"),
    ({"settings": {"drillHour": 4}}, "settings.drillHour"),
    ({"kind": "provider", "plan": "gold"}, "plan"),
    ({"kind": "provider", "shape": "site"}, "shape"),
    ({"kind": "provider", "quotas": {"cores": 1}}, "quotas"),
]


@pytest.mark.parametrize("body", ACCEPTED, ids=lambda body: ",".join(body) or "nothing")
async def test_what_is_within_its_bounds_is_written_and_read_again(documents: Documents, body: dict[str, Any]) -> None:
    written = await documents.put("fabrikam", **body)
    assert written.created
    read = await documents.tenants.get(caller(), "fabrikam")
    assert read.tenant == written.record.tenant
    again = await documents.put("fabrikam", **body)
    assert (again.created, tag_of_tenant(again.record.tenant)) == (False, tag_of_tenant(read.tenant)), "equal documents need no condition"


@pytest.mark.parametrize(("body", "target"), REFUSED, ids=[f"{target}-{number}" for number, (_, target) in enumerate(REFUSED)])
async def test_what_is_wrong_is_refused_with_its_field(documents: Documents, body: dict[str, Any], target: str) -> None:
    with pytest.raises(Refused) as found:
        await documents.put("fabrikam", **body)
    assert found.value.code is ErrorCode.INVALID_REQUEST
    assert target in {detail.target for detail in found.value.problem.details}
    assert await documents.tenants.registrar.get("fabrikam") is None


@pytest.mark.parametrize("name", ["", "-a", "a/b", "a b", "ä", "n" * 64])
async def test_a_name_that_is_none_is_refused(documents: Documents, name: str) -> None:
    found = await refusal(documents.put(name))
    assert (found.code, found.problem.target) == (ErrorCode.INVALID_REQUEST, "tenant")


async def test_a_region_that_the_subscriptions_do_not_have_is_unknown(documents: Documents) -> None:
    found = await refusal(documents.put("fabrikam", subscriptions=[ONE], region="moonbase1"))
    assert (found.code, found.problem.target) == (ErrorCode.UNKNOWN_REGION, "region")
    await documents.put("fabrikam", subscriptions=[UNREADABLE], region="moonbase1")


async def test_a_vault_in_the_providers_subscription_is_accepted_and_one_in_anothers_is_not(documents: Documents) -> None:
    await documents.put("contoso", kind="provider", tenantId=ENTRA, subscriptions=[ONE])
    await documents.put("northwind", subscriptions=[TWO])
    await documents.put("fabrikam", vaultId=vault(ONE))
    found = await refusal(documents.change("fabrikam", vaultId=vault(TWO)))
    assert (found.code, found.problem.target) == (ErrorCode.INVALID_REQUEST, "vaultId")


async def test_a_caller_without_an_entra_tenant_is_the_providers(documents: Documents) -> None:
    await documents.put("contoso", kind="provider", tenantId=ENTRA)
    written = await documents.put("fabrikam", callers=[{"appId": GUIDS[0]}])
    assert [one.tenant_id for one in written.record.tenant.callers] == [ENTRA]


async def test_a_caller_is_given_twice_also_where_one_entry_leaves_its_entra_tenant_out(documents: Documents) -> None:
    await documents.put("contoso", kind="provider", tenantId=ENTRA)
    twice = [{"appId": GUIDS[0]}, {"tenantId": ENTRA.upper(), "appId": GUIDS[0].upper()}]
    found = await refusal(documents.put("fabrikam", callers=twice))
    assert (found.code, found.problem.target) == (ErrorCode.INVALID_REQUEST, "callers[1]")


async def test_a_caller_names_its_entra_tenant_where_the_provider_has_none(documents: Documents) -> None:
    await documents.put("contoso", kind="provider")
    found = await refusal(documents.put("fabrikam", callers=[{"groupId": GUIDS[0]}]))
    assert (found.code, found.problem.target) == (ErrorCode.INVALID_REQUEST, "callers[0].tenantId")
    assert (await refusal(documents.change("contoso", kind="provider", callers=[{"groupId": GUIDS[0]}]))).problem.target == (
        "callers[0].tenantId"
    )


async def test_plan_backend_and_clouds_must_fit(documents: Documents) -> None:
    await documents.put_plan("gold", clouds=[cloud(1)])
    await documents.put_plan("pack", backend="azurePack")
    await documents.put("fabrikam", plan="gold", clouds=[cloud(1).upper().removeprefix("/")])
    assert (await refusal(documents.put("northwind", plan="gold", clouds=[cloud(2)]))).problem.target == "clouds[0]"
    assert (await refusal(documents.put("northwind", plan="pack"))).problem.target == "plan"


async def test_conditions(documents: Documents) -> None:
    assert (await refusal(documents.put("fabrikam", Condition(tag="*")))).code is ErrorCode.PRECONDITION_FAILED
    first = await documents.put("fabrikam", Condition(must_be_absent=True))
    tag = tag_of_tenant(first.record.tenant)
    assert (await refusal(documents.put("fabrikam", Condition(must_be_absent=True)))).code is ErrorCode.PRECONDITION_FAILED
    assert (await refusal(documents.put("fabrikam", displayName="F"))).code is ErrorCode.PRECONDITION_REQUIRED
    await documents.put("fabrikam", Condition(tag=tag), displayName="F")
    found = await refusal(documents.put("fabrikam", Condition(tag=tag), displayName="G"))
    assert found.code is ErrorCode.PRECONDITION_FAILED
    assert found.beside["etag"] != tag


async def test_of_two_puts_under_one_tag_one_is_412(documents: Documents) -> None:
    tag = tag_of_tenant((await documents.put("fabrikam")).record.tenant)
    both = [documents.put("fabrikam", Condition(tag=tag), displayName=name, subscriptions=[ONE]) for name in ("A", "B")]
    ends = await asyncio.gather(*both, return_exceptions=True)
    refusals = [end for end in ends if isinstance(end, Refused)]
    assert [found.code for found in refusals] == [ErrorCode.PRECONDITION_FAILED]
    (won,) = (end for end in ends if not isinstance(end, BaseException))
    assert (await documents.tenants.get(caller(), "fabrikam")).tenant == won.record.tenant
    assert refusals[0].beside["etag"] == tag_of_tenant(won.record.tenant)
    owner = await documents.tenants.registry.owner_of_subscription(ONE)
    assert owner is not None, "what the loser claimed and released is the winner's"


async def test_a_condition_is_judged_before_what_is_in_the_way(documents: Documents) -> None:
    await documents.put("northwind", subscriptions=[ONE])
    await documents.put("fabrikam")
    found = await refusal(documents.put("fabrikam", Condition(tag='"other"'), subscriptions=[ONE]))
    assert found.code is ErrorCode.PRECONDITION_FAILED


async def test_a_kind_is_for_good(documents: Documents) -> None:
    await documents.put("fabrikam")
    found = await refusal(documents.change("fabrikam", kind="provider"))
    assert (found.code, found.problem.target) == (ErrorCode.KIND_FIXED, "kind")


async def running(documents: Documents, tenant: str, key: str = "one") -> str:
    """Have an operation of a tenant run, and return its id."""
    new = NewOperation("toy", tenant, key, {"a": 1}, Actor("user", "a", "A"), "starting")
    await documents.store.insert(new, documents.store.id_for(new))
    return documents.store.id_for(new)


@pytest.mark.parametrize(
    ("without", "target"),
    [
        ({"subscriptions": [ONE]}, "subscriptions"),
        ({"subscriptions": [ONE, TWO], "vaultId": None}, "vaultId"),
        ({"subscriptions": [ONE, TWO], "vaultId": vault(ONE), "clouds": []}, "clouds"),
        ({"subscriptions": [ONE, TWO], "vaultId": vault(ONE), "clouds": [cloud()]}, "storageAccounts"),
        (
            {
                "subscriptions": [ONE, TWO], "vaultId": vault(ONE), "clouds": [cloud()], "storageAccounts": [account(ONE)],
                "backend": "azurePack",
            },
            "backend",
        ),
    ],
)  # fmt: skip
async def test_nothing_is_taken_away_while_operations_run(documents: Documents, without: dict[str, Any], target: str) -> None:
    whole: dict[str, Any] = {"subscriptions": [ONE, TWO], "vaultId": vault(ONE), "clouds": [cloud()], "storageAccounts": [account(ONE)]}
    await documents.put("fabrikam", **whole)
    operation = await running(documents, "fabrikam")
    await running(documents, "northwind")
    found = await refusal(documents.change("fabrikam", **without))
    assert (found.code, found.problem.target) == (ErrorCode.TENANT_BUSY, target)
    assert [detail.target for detail in found.problem.details] == [operation]
    await documents.change("fabrikam", **whole, displayName="what takes nothing away is accepted")


async def test_a_deletion(documents: Documents) -> None:
    await documents.put("contoso", kind="provider", tenantId=ENTRA)
    await documents.put("fabrikam", subscriptions=[ONE])
    assert (await refusal(documents.tenants.delete(caller(), "nosuch", "nosuch", Condition()))).code is ErrorCode.NOT_FOUND
    for confirm in (None, "", "Fabrikam", "northwind"):
        found = await refusal(documents.tenants.delete(caller(), "fabrikam", confirm, Condition()))
        assert (found.code, found.problem.target) == (ErrorCode.INVALID_REQUEST, "confirm")
    assert (await refusal(documents.tenants.delete(caller(), "fabrikam", "fabrikam", Condition(tag='"old"')))).code is (
        ErrorCode.PRECONDITION_FAILED
    )
    found = await refusal(documents.tenants.delete(caller(), "contoso", "contoso", Condition()))
    assert found.code is ErrorCode.PROVIDER_CANNOT_BE_DELETED
    for _ in range(2):
        await documents.tenants.delete(caller(), "fabrikam", "fabrikam", Condition())
    shrunk = await documents.tenants.get(caller(), "fabrikam")
    assert tenant_body(shrunk, admin=True).as_json() == {"name": "fabrikam", "displayName": "", "state": "deleted"}
    own = await refusal(documents.tenants.get(caller("fabrikam", Role.TENANTS_READ, provider=False), "fabrikam"))
    assert own.code is ErrorCode.NOT_FOUND
    assert (await refusal(documents.put("fabrikam"))).code is ErrorCode.NAME_USED_BEFORE
    assert (await refusal(documents.put("Fabrikam"))).code is ErrorCode.NAME_USED_BEFORE


async def test_a_tenant_with_running_operations_is_not_deleted(documents: Documents) -> None:
    await documents.put("fabrikam")
    operation = await running(documents, "fabrikam")
    found = await refusal(documents.tenants.delete(caller(), "fabrikam", "fabrikam", Condition()))
    assert (found.code, [detail.target for detail in found.problem.details]) == (ErrorCode.TENANT_BUSY, [operation])


async def test_a_tenant_with_subscriptions_of_azure_pack_is_not_deleted(documents: Documents) -> None:
    await documents.put("fabrikam", backend="azurePack")
    await documents.packs.add(MappedSubscription(TWO, "pack", "fabrikam", "gold", Access.PROVIDER))
    found = await refusal(documents.tenants.delete(caller(), "fabrikam", "fabrikam", Condition()))
    assert (found.code, [detail.target for detail in found.problem.details]) == (ErrorCode.TENANT_BUSY, [TWO])
    await documents.packs.remove("pack", TWO, "fabrikam")
    await documents.tenants.delete(caller(), "fabrikam", "fabrikam", Condition())


async def test_what_an_answer_to_a_put_adds(documents: Documents) -> None:
    await documents.put_plan("gold", shape="dedicated")
    written = await documents.put("fabrikam", plan="gold", shape="site", subscriptions=[UNREADABLE])
    body = written_body(written.record, written.warnings).as_json()
    assert body["effectiveAt"] == "2026-03-03T10:01:00.000000Z"
    assert body["createdAt"] == body["lastUpdatedAt"] == "2026-03-03T10:00:00.000000Z"
    assert body["updatedBy"] == "an-admin"
    assert len(written.warnings) == 2


@pytest.mark.parametrize(
    ("members", "warned"),
    [({"quotas": {"cores": 4}}, 1), ({"quotas": {"cores": None}}, 1), ({}, 0)],
)
async def test_on_azure_pack_what_counts_for_nothing_is_a_warning(documents: Documents, members: dict[str, Any], warned: int) -> None:
    assert len((await documents.put("fabrikam", backend="azurePack", **members)).warnings) == warned


@pytest.mark.parametrize(
    ("members", "warned"),
    [
        ({"shape": "site", "vaultId": vault(ONE)}, False),
        ({"shape": "azure", "vaultId": vault(ONE)}, True),
        ({"shape": "site", "vaultId": vault(ONE, "vmm")}, True),
        ({"shape": "dedicated", "vaultId": vault(ONE, "vmm")}, False),
        ({"shape": "shared", "clouds": [cloud()]}, True),
        ({"vaultId": vault(ONE)}, False),
        ({"shape": "site"}, False),
    ],
)
async def test_a_shape_that_the_vault_contradicts_is_warned_of(documents: Documents, members: dict[str, Any], warned: bool) -> None:
    written = await documents.put("fabrikam", **members)
    assert bool(written.warnings) is warned
    assert all("shape" in one for one in written.warnings)


@pytest.mark.parametrize(
    ("kinds", "shared", "shape"),
    [
        (["VMM"], True, "shared"),
        (["VMM", "Azure"], False, "dedicated"),
        (["HyperVSite", "Azure"], False, "site"),
        (["Azure", "Azure"], False, "azure"),
        ([], False, None),
        ([None], False, None),
    ],
)
def test_the_shape_that_fabrics_show(kinds: list[str | None], shared: bool, shape: str | None) -> None:
    assert shape_of([{"properties": {"customDetails": {"instanceType": kind}}} for kind in kinds], shared=shared) == shape


async def test_its_own_reader_does_not_get_who_may_call(documents: Documents) -> None:
    written = await documents.put("fabrikam", tenantId=ENTRA, keyVaultUrl="https://fabrikam.vault.azure.net")
    hidden = {"tenantId", "callers", "keyVaultUrl", "updatedBy"}
    assert hidden <= tenant_body(written.record, admin=True).as_json().keys()
    assert not hidden & tenant_body(written.record, admin=False).as_json().keys()


async def test_members_of_a_newer_version_survive_a_put(documents: Documents) -> None:
    settings = {"drillHour": 4, "dataCenters": {"wake": True}}
    newer = Tenant.model_validate({"name": "fabrikam", "zone": 2, "settings": settings, "quotas": {"gpus": 1}})
    await documents.tenants.registrar.put(newer, None, "a newer version")
    await documents.change("fabrikam", displayName="F", settings={"dataCenters": {"startOnResume": True}})
    read = (await documents.tenants.get(caller(), "fabrikam")).tenant.model_dump(mode="json", by_alias=True)
    assert (read["displayName"], read["zone"], read["settings"]["drillHour"], read["quotas"]) == ("F", 2, 4, {"gpus": 1})
    assert read["settings"]["dataCenters"] == {"operationAfterSuspension": "stop", "startOnResume": True, "wake": True}


async def test_a_list_has_a_cursor_into_storage(documents: Documents) -> None:
    for number in range(7):
        await documents.put(f"tenant-{number}", backend="azurePack" if number % 2 else "resourceManager")
    seen: list[str] = []
    after: str | None = None
    while True:
        found, after = await documents.tenants.page(caller(), TenantFilter(), Page(3, after))
        seen += [record.tenant.name for record in found]
        if after is None:
            break
    assert seen == [f"tenant-{number}" for number in range(7)]
    filtered, last = await documents.tenants.page(caller(), TenantFilter(backend="azurePack"), Page(3, None))
    assert [record.tenant.name for record in filtered] == ["tenant-1", "tenant-3", "tenant-5"]
    rest, end = await documents.tenants.page(caller(), TenantFilter(backend="azurePack"), Page(3, last))
    assert (rest, end) == ([], None)
    own, _ = await documents.tenants.page(caller("tenant-2", Role.TENANTS_READ, provider=False), TenantFilter(), Page(3, None))
    assert [record.tenant.name for record in own] == ["tenant-2"]
