"""Readiness against what Azure answers: a healthy tenant of each shape, each fault that can be planted, each read that fails."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.access.records.tenant import Backend, Shape
from shared.reads.timed import Memo
from shared.values.checks import CheckResult
from tests.access.kit import MovedClock
from tests.failovers.readiness_kit import ACCOUNT, ELSEWHERE, GROUP, MAIN, NETWORK, OTHERS, OWN, THEIRS, Estate, estate_of, failure

FAILURE, UNKNOWN, WARNING, PASS = CheckResult.FAILURE, CheckResult.UNKNOWN, CheckResult.WARNING, CheckResult.PASS
Change = Callable[[Estate], Any]


@pytest.mark.parametrize("shape", Shape)
async def test_a_healthy_tenant_passes_all_nine_and_on_vmm_has_the_one_warning(shape: Shape) -> None:
    found = await estate_of(shape).findings()
    assert {one.number for one in found} == set(range(1, 10))
    warned = [(one.number, one.result) for one in found if one.result is not PASS]
    assert warned == ([(5, WARNING)] if shape in {Shape.SHARED, Shape.DEDICATED} else [])
    assert all((one.action is None) == (one.result is PASS) for one in found)


def unchanged(_: Estate) -> None:
    """A healthy tenant."""


def tenant(**changed: object) -> Change:
    def change(estate: Estate) -> None:
        estate.tenant = estate.tenant.model_copy(update=changed)

    return change


def another_has(**changed: object) -> Change:
    def change(estate: Estate) -> None:
        estate.others = (estate.others[0].model_copy(update=changed),)

    return change


def put(path: str, **changed: object) -> Change:
    def change(estate: Estate) -> None:
        found = estate.azure.documents[path.lower()]
        assert isinstance(found, dict)
        found.update(changed)

    return change


def gone(path: str) -> Change:
    return lambda estate: estate.azure.documents.pop(path.lower())


def gone_below(kind: str) -> Change:
    return lambda estate: estate.azure.list_of(estate.path(kind)).clear()


def detail(**changed: object) -> Change:
    return lambda estate: estate.details().update(changed)


def machine(**changed: object) -> Change:
    return lambda estate: estate.machines[0]["properties"]["customDetails"].update(changed)


def disks(*sizes_gb: int) -> Change:
    found = [
        {"vhdId": str(number), "maxSizeMB": size * 1024, "vhdType": "OperatingSystem" if number == 0 else "DataDisk"}
        for number, size in enumerate(sizes_gb)
    ]
    return machine(diskDetails=found)


def second_generation(size_gb: int) -> Change:
    def change(estate: Estate) -> None:
        machine(generation="2")(estate)
        disks(size_gb)(estate)

    return change


def rename(name: str) -> Change:
    return lambda estate: estate.machines[0]["properties"].update(friendlyName=name)


def interval(seconds: int) -> Change:
    def change(estate: Estate) -> None:
        policy = estate.azure.list_of(estate.path("replicationPolicies"))[0]
        policy["properties"]["providerSpecificDetails"]["replicationInterval"] = seconds

    return change


def version(text: str | None) -> Change:
    def change(estate: Estate) -> None:
        agent = estate.azure.list_of(estate.path("replicationRecoveryServicesProviders"))[0]["properties"]
        agent |= {"providerVersion": text, "providerVersionDetails": {"version": text} if text else None}

    return change


def second_cloud(estate: Estate) -> None:
    first = estate.azure.list_of(estate.path("replicationProtectionContainers"))[0]
    second = {**first, "id": first["id"].replace("/blue", "/green")}
    estate.azure.list_of(estate.path("replicationProtectionContainers")).append(second)
    estate.azure.put(f"{second['id']}/replicationProtectableItems", estate.machines)
    if estate.tenant.clouds:
        estate.tenant = estate.tenant.model_copy(update={"clouds": (*estate.tenant.clouds, second["id"])})


def second_region(estate: Estate) -> None:
    item = estate.items[0]
    details = {**item["properties"]["providerSpecificDetails"], "recoveryFabricLocation": "northeurope"}
    estate.items.append({"id": f"{item['id']}2", "properties": {**item["properties"], "providerSpecificDetails": details}})


def named_by_another(estate: Estate) -> None:
    """An item of another tenant, in that tenant's own vault, replicates to the account."""
    item = f"{ELSEWHERE}/replicationFabrics/f/replicationProtectionContainers/c/replicationProtectedItems/i"
    details = {
        "instanceType": "HyperVReplicaAzure",
        "recoveryAzureStorageAccount": ACCOUNT.upper().replace("/SUBSCRIPTIONS", "/subscriptions"),
    }
    body = {"id": item, "properties": {"providerSpecificDetails": details}}
    estate.azure.put(f"{ELSEWHERE}/replicationProtectedItems", [body])


def no_targets(estate: Estate) -> None:
    for name in ("selectedRecoveryAzureNetworkId", "recoveryAzureStorageAccount"):
        estate.details().pop(name, None)


CLASSIC = ACCOUNT.replace("Microsoft.Storage", "Microsoft.ClassicStorage")
PLANTED: list[tuple[Shape, int, CheckResult, Change]] = [
    # 1: whose subscription the vault lies in
    (Shape.DEDICATED, 1, WARNING, tenant(shape=Shape.SITE)),
    (Shape.SITE, 1, FAILURE, gone(OWN)),
    (Shape.SITE, 1, PASS, tenant(shape=Shape.SITE)),
    (Shape.SHARED, 1, PASS, tenant(shape=Shape.SHARED)),
    # 2: owners
    (Shape.SITE, 2, FAILURE, tenant(backend=Backend.AZURE_PACK, subscriptions=())),
    (Shape.SITE, 2, FAILURE, detail(recoveryAzureStorageAccount=ACCOUNT.replace(THEIRS, OTHERS))),
    (Shape.SITE, 2, FAILURE, another_has(tenant_id="22222222-0000-4000-8000-000000000002")),
    (Shape.SITE, 2, FAILURE, tenant(tenant_id="contoso.com")),
    (Shape.SITE, 2, FAILURE, tenant(subscriptions=())),
    (Shape.SITE, 2, FAILURE, another_has(subscriptions=(OTHERS, THEIRS))),
    (Shape.SITE, 2, FAILURE, detail(selectedRecoveryAzureNetworkId=NETWORK.replace(THEIRS, OTHERS))),
    (Shape.SITE, 2, WARNING, lambda estate: estate.azure.put("/subscriptions", [])),
    # 3: regions
    (Shape.SITE, 3, FAILURE, put(NETWORK, location="northeurope")),
    (Shape.SITE, 3, FAILURE, put(ACCOUNT, location="northeurope")),
    (Shape.SITE, 3, FAILURE, gone(NETWORK)),
    (Shape.SITE, 3, FAILURE, gone(ACCOUNT)),
    (Shape.SITE, 3, PASS, put(NETWORK, location="West Europe")),
    (Shape.AZURE, 3, PASS, put(OWN, location="northeurope")),
    (Shape.AZURE, 3, FAILURE, second_region),
    (Shape.AZURE, 3, FAILURE, put(OWN, location="UK South")),
    (Shape.SITE, 3, WARNING, put(GROUP, location="northeurope")),
    (Shape.AZURE, 3, WARNING, put(GROUP, location="northeurope")),
    (Shape.SITE, 3, FAILURE, gone(GROUP)),
    (Shape.SITE, 3, UNKNOWN, no_targets),
    (Shape.SITE, 3, UNKNOWN, put(NETWORK, location=None)),
    # 4: storage accounts
    (Shape.SITE, 4, FAILURE, detail(recoveryAzureStorageAccount=CLASSIC)),
    (Shape.SITE, 4, FAILURE, named_by_another),
    (Shape.SHARED, 4, FAILURE, named_by_another),
    (Shape.SITE, 4, FAILURE, another_has(storage_accounts=(ACCOUNT,))),
    (Shape.SITE, 4, FAILURE, gone(ACCOUNT)),
    (Shape.SITE, 4, WARNING, put(ACCOUNT, sku={"name": "Standard_LRS"})),
    (Shape.SITE, 4, WARNING, put(ACCOUNT, sku={"name": "Premium_ZRS"})),
    (Shape.SITE, 4, PASS, put(ACCOUNT, sku={"name": "Standard_GZRS"})),
    (Shape.AZURE, 4, PASS, no_targets),
    (Shape.AZURE, 4, FAILURE, tenant(storage_accounts=(f"{ACCOUNT}-gone",))),
    (Shape.SITE, 4, UNKNOWN, put(ACCOUNT, sku=None)),
    (Shape.SITE, 4, UNKNOWN, no_targets),
    # 5: clouds
    (Shape.DEDICATED, 5, FAILURE, second_cloud),
    (Shape.SHARED, 5, FAILURE, second_cloud),
    (Shape.SHARED, 5, FAILURE, lambda estate: tenant(clouds=(*estate.tenant.clouds, f"{estate.container}-lost"))(estate)),
    (Shape.SHARED, 5, FAILURE, tenant(clouds=())),
    (Shape.DEDICATED, 5, FAILURE, lambda estate: estate.machines.clear()),
    (Shape.DEDICATED, 5, WARNING, unchanged),
    (Shape.DEDICATED, 5, PASS, unchanged),
    # 6: provider versions
    (Shape.SITE, 6, FAILURE, version("5.1.999.0")),
    (Shape.SITE, 6, FAILURE, gone_below("replicationRecoveryServicesProviders")),
    (Shape.SITE, 6, UNKNOWN, version(None)),
    (Shape.SITE, 6, PASS, version("5.1.1256.0")),
    (Shape.AZURE, 6, PASS, gone_below("replicationRecoveryServicesProviders")),
    # 7: copy frequency
    (Shape.SITE, 7, FAILURE, interval(60)),
    (Shape.SITE, 7, WARNING, interval(900)),
    (Shape.SITE, 7, UNKNOWN, gone_below("replicationProtectionContainerMappings")),
    (Shape.SITE, 7, PASS, interval(30)),
    (Shape.AZURE, 7, PASS, gone_below("replicationProtectionContainerMappings")),
    # 8: machines
    (Shape.SITE, 8, FAILURE, rename("web_01")),
    (Shape.SITE, 8, FAILURE, rename("w" * 64)),
    (Shape.SITE, 8, FAILURE, disks(2049)),
    (Shape.SITE, 8, FAILURE, second_generation(301)),
    (Shape.SITE, 8, FAILURE, disks(64, *[10] * 17)),
    (Shape.SITE, 8, FAILURE, disks(64, 4096)),
    (Shape.SITE, 8, FAILURE, machine(hasSharedVhd="Present")),
    (Shape.SITE, 8, FAILURE, machine(hasFibreChannelAdapter="Present")),
    (Shape.SITE, 8, UNKNOWN, machine(generation=None)),
    (Shape.SITE, 8, UNKNOWN, machine(hasSharedVhd="NotAvailable")),
    (Shape.SITE, 8, UNKNOWN, machine(diskDetails=[])),
    (Shape.SITE, 8, UNKNOWN, lambda estate: estate.machines.clear()),
    (Shape.SITE, 8, PASS, rename("W-1")),
    (Shape.SITE, 8, PASS, second_generation(300)),
    (Shape.SITE, 8, PASS, disks(2048, *[4095] * 16)),
    (Shape.AZURE, 8, PASS, unchanged),
    # 9: recovery plans
    (Shape.SITE, 9, WARNING, gone_below("replicationRecoveryPlans")),
]


@pytest.mark.parametrize(("shape", "number", "result", "change"), PLANTED, ids=[f"{one[1]}-{one[2]}-{n}" for n, one in enumerate(PLANTED)])
async def test_a_planted_fault_is_found_by_its_check(shape: Shape, number: int, result: CheckResult, change: Change) -> None:
    estate = estate_of(shape)
    change(estate)
    found = [one for one in await estate.findings() if one.number == number and one.result is result]
    assert found
    assert all((one.action is None) == (result is PASS) for one in found)


CELLS = {
    (1, FAILURE), (1, WARNING), (1, PASS), (2, FAILURE), (2, WARNING), *((number, one) for number in (3, 4, 5, 7) for one in CheckResult),
    (6, FAILURE), (6, UNKNOWN), (6, PASS), (8, FAILURE), (8, UNKNOWN), (8, PASS), (9, WARNING), (9, UNKNOWN), (9, PASS),
}  # fmt: skip
"""The cells of the table of docs/design/inventory.md that are not empty, by check and result."""


def test_each_cell_of_the_table_is_planted_or_a_healthy_tenants_or_a_read_that_fails() -> None:
    of_reads = {(number, UNKNOWN) for _, numbers in READS for number in numbers}
    healthy = {(number, PASS) for number in range(1, 10)}
    assert {(number, result) for _, number, result, _ in PLANTED} | of_reads | healthy >= CELLS


async def test_a_shared_vault_outside_of_the_providers_subscriptions_fails() -> None:
    estate = estate_of(Shape.DEDICATED)
    cloud = estate.container
    estate.others = (estate.others[0], estate.tenant.model_copy(update={"name": "host"}))
    estate.tenant = estate.tenant.model_copy(update={"vault_id": None, "clouds": (cloud,), "subscriptions": (), "tenant_id": None})
    assert (1, FAILURE) in [(one.number, one.result) for one in await estate.findings()]


async def test_without_a_vault_the_first_two_are_judged() -> None:
    estate = estate_of(Shape.SITE)
    estate.tenant = estate.tenant.model_copy(update={"vault_id": None, "backend": Backend.AZURE_PACK})
    assert [one.result for one in await estate.findings()] == [PASS] * 9


OF_VAULT = {
    "replicationFabrics": {1, 5},
    "replicationRecoveryServicesProviders": {6},
    "replicationPolicies": {7},
    "replicationRecoveryPlans": {9},
    "replicationProtectionContainers": {5, 8},
    "replicationProtectedItems": {2, 3, 4},
    "replicationProtectionContainerMappings": {7},
}
READS: list[tuple[str, set[int]]] = [
    *((f"{OWN}/{kind}", numbers) for kind, numbers in OF_VAULT.items()),
    (f"{OWN}/replicationFabrics/server/replicationProtectionContainers/blue/replicationProtectableItems", {5, 8}),
    (OWN, {3}),
    (NETWORK, {3}),
    (ACCOUNT, {4}),
    (GROUP, {3}),
    ("/subscriptions", {2}),
    (f"{ELSEWHERE}/replicationProtectedItems", {4}),
]
FAILURES = [(403, "AuthorizationFailed"), (429, "TooManyRequests"), (504, "GatewayTimeout")]


@pytest.mark.parametrize(("status", "code"), FAILURES)
@pytest.mark.parametrize(("path", "numbers"), READS, ids=[path.rpartition("/")[2] for path, _ in READS])
async def test_a_read_that_fails_is_unknown_with_azures_code(path: str, numbers: set[int], status: int, code: str) -> None:
    estate = estate_of(Shape.SITE)
    estate.azure.failing[path.lower()] = failure(status, code)
    found = await estate.findings()
    unknown = {one.number for one in found if one.result is UNKNOWN}
    assert numbers <= unknown
    assert {one.number for one in found if one.result is FAILURE} == set(), "what was not read is no failure"
    assert all(code in one.message for one in found if one.result is UNKNOWN)


@pytest.mark.parametrize(("path", "numbers"), READS, ids=[path.rpartition("/")[2] for path, _ in READS])
async def test_what_is_not_read_in_time_is_unknown(path: str, numbers: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    estate = estate_of(Shape.SITE)
    estate.azure.never = path.lower()
    monkeypatch.setattr("shared.failovers.readiness.reader.SECONDS", 0.02)
    found = await estate.findings()
    unknown = {one.number for one in found if one.result is UNKNOWN}
    assert numbers <= unknown
    assert {one.number for one in found if one.result is FAILURE} == set(), "what was not read is no failure"
    assert all("NotReadInTime" in one.message for one in found if one.result is UNKNOWN)


@pytest.mark.parametrize("shape", Shape)
async def test_a_read_that_fails_is_no_failure_of_a_tenant_of_any_shape(shape: Shape) -> None:
    """Each read that a healthy tenant's readiness makes, one after another."""
    healthy = estate_of(shape)
    await healthy.findings()
    for path in dict.fromkeys(healthy.azure.reads):
        estate = estate_of(shape)
        estate.azure.failing[path] = failure(403, "AuthorizationFailed")
        found = await estate.findings()
        assert {one.number for one in found} == set(range(1, 10)), path
        assert {one.number for one in found if one.result is FAILURE} == set(), path
        assert all("AuthorizationFailed" in one.message for one in found if one.result is UNKNOWN), path
        if shape in {Shape.SHARED, Shape.DEDICATED}:
            assert [one.number for one in found if one.result is WARNING] == [5], path


async def test_each_read_of_a_healthy_tenant_on_site_is_tried() -> None:
    estate = estate_of(Shape.SITE)
    await estate.findings()
    tried = {path.lower() for path, _ in READS}
    assert {path for path in estate.azure.reads if not path.startswith(f"{MAIN}/".lower())} == tried


async def test_a_vault_that_tenants_share_is_read_once_for_one_answer() -> None:
    estate = estate_of(Shape.SHARED)
    green = estate.tenant.model_copy(
        update={"name": "green", "clouds": (f"{estate.container}-green",), "subscriptions": (), "tenant_id": None}
    )
    estate.others = (*estate.others, green)
    memo = Memo(MovedClock(), 600)
    await estate.findings(memo)
    before = len(estate.azure.reads)
    await estate.findings(memo, tenant=green)
    assert before == len(set(estate.azure.reads[:before]))
    assert estate.azure.reads[before:] == []


async def test_a_vault_of_another_tenant_that_is_gone_hides_nothing() -> None:
    estate = estate_of(Shape.SITE)
    del estate.azure.documents[f"{ELSEWHERE}/replicationProtectedItems".lower()]
    assert [one.result for one in await estate.findings() if one.number == 4] == [PASS]


async def test_who_else_uses_an_account_is_not_named() -> None:
    estate = estate_of(Shape.SITE)
    named_by_another(estate)
    assert not [one for one in await estate.findings() if "other'" in one.message or "elsewhere" in one.message]
