"""A vault's inventory over real HTTP: what there is, in which shape, for whom."""

import json
from datetime import datetime
from typing import Any

import pytest

from tests.support.api import Caller
from tests.support.running import Running

pytestmark = pytest.mark.usefixtures("full_bucket")

READ = "Failovers.Read"
LISTS = (
    "/fabrics",
    "/clouds",
    "/recovery-services-providers",
    "/protected-items",
    "/protectable-items",
    "/recovery-plans",
    "/jobs",
    "/replication-policies",
    "/network-mappings",
)
ITEM = {
    *("id", "name", "tenant", "vaultId", "provider", "protectionState", "activeLocation", "testFailoverState", "replicationHealth"),
    *("healthErrors", "allowedOperations", "recoveryPointObjectiveSeconds", "lastTestFailover", "currentJob", "policy", "target"),
}


@pytest.fixture
def provider(stack: Running) -> Caller:
    """A caller of the provider's who may read failovers."""
    return stack.caller(READ, tenant="provider")


@pytest.fixture
def tenant(stack: Running) -> Caller:
    """A caller of contoso's who may read failovers."""
    return stack.caller(READ)


def values(caller: Caller, path: str, **query: object) -> list[dict[str, Any]]:
    reply = caller.get(path, **query)
    assert reply.status == 200, reply
    found: list[dict[str, Any]] = reply.body["value"]
    return found


def vault(stack: Running, tenant: str) -> str:
    found = next(one for one in stack.control("GET", "estate")["tenants"] if one["name"] == tenant)
    return str(found["vaultId"])


def last(id_: str) -> str:
    return id_.rpartition("/")[2]


def test_the_sample_vault_holds_what_it_should(provider: Caller) -> None:
    items = values(provider, "/protected-items")
    kinds = {kind: [item for item in items if item["provider"] == kind] for kind in {item["provider"] for item in items}}
    assert len(kinds["HyperVReplicaAzure"]) >= 12, sorted(item["name"] for item in items)
    assert {"HyperVReplica2012R2", "InMageRcm"} <= kinds.keys()
    for item in items:
        assert item.keys() == ITEM
        assert item["tenant"] == "provider"
        assert item["target"].keys() == {"vmName", "vmSize", "network", "storageAccount", "encrypted"}
    fabrics = values(provider, "/fabrics")
    assert {"VMM", "HyperVSite"} <= {fabric["type"] for fabric in fabrics}
    plans = values(provider, "/recovery-plans")
    assert [len(group["members"]) for group in plans[0]["groups"] if group["type"] == "Boot"] == [1, 1, 1]
    assert plans[0].keys() == {"id", "name", "primary", "recovery", "groups"}


@pytest.mark.parametrize("path", LISTS)
def test_a_list_gives_the_same_objects_as_the_single_read(provider: Caller, path: str) -> None:
    found = values(provider, path)
    if path != "/network-mappings":
        assert found
    for thing in found:
        reply = provider.get(f"{path}/{last(thing['id'])}")
        assert (reply.status, reply.body) == (200, thing)
    assert provider.get(f"{path}/nobody-has-this").status == 404


@pytest.mark.parametrize("path", LISTS)
def test_a_tenant_sees_its_own_vault_only(stack: Running, tenant: Caller, provider: Caller, path: str) -> None:
    mine, others = vault(stack, "contoso"), vault(stack, "provider")
    assert all(thing["id"].lower().startswith(mine.lower() + "/") for thing in values(tenant, path))
    assert values(tenant, path) == values(tenant, path, vaultId=mine)
    assert tenant.get(path, vaultId=others).status == 404
    assert provider.get(path, vaultId=mine).status == 404  # the provider's caller needs Admin for another tenant's things
    for thing in values(provider, path)[:2]:
        assert tenant.get(f"{path}/{last(thing['id'])}", vaultId=others).status == 404
        assert thing["id"] not in json.dumps(tenant.get(path).body)
    admin = stack.caller("Admin", tenant="provider")
    assert values(admin, path, vaultId=mine) == values(tenant, path)


@pytest.mark.parametrize("path", [*LISTS, "/fabrics/one", "/protected-items/one/recovery-points"])
def test_another_role_does_not_do(stack: Running, path: str) -> None:
    reply = stack.caller("Failovers.Execute", "Copies.Read").get(path)
    assert (reply.status, reply.code) == (403, "MissingRole")
    assert "Failovers.Read" in reply.error["message"]
    assert Caller(stack.api, None, stack.description).get(path).status == 401


def test_what_is_no_vault_is_refused_with_the_field(tenant: Caller) -> None:
    for wrong in ("vault", "/subscriptions/x", "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/a"):
        reply = tenant.get("/fabrics", vaultId=wrong)
        assert (reply.status, reply.targets) == (400, {"vaultId"})
    nowhere = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/a/providers/Microsoft.RecoveryServices/vaults/b"
    assert tenant.get("/fabrics", vaultId=nowhere).status == 404


def test_items_can_be_asked_for_by_provider_health_state_and_tests(stack: Running, provider: Caller) -> None:
    everything = values(provider, "/protected-items")
    for filters in (
        {"provider": "HyperVReplica2012R2"},
        {"health": "Critical"},
        {"health": "Normal", "provider": "HyperVReplicaAzure"},
        {"state": "Protected"},
        {"neverTested": "true"},
        {"neverTested": "false"},
        {"tenant": "provider"},
    ):
        found = values(provider, "/protected-items", **filters)
        wanted = [item for item in everything if _fits(item, filters)]
        assert found == wanted
        assert found or filters == {"neverTested": "true"}, filters  # by now all may have been drilled
    never = values(provider, "/protected-items", neverTested="true")
    assert all(item["lastTestFailover"] is None for item in never)
    for name, value in (("health", "Splendid"), ("provider", "Carrier pigeon"), ("neverTested", "perhaps"), ("colour", "red")):
        reply = provider.get("/protected-items", **{name: value})
        assert (reply.status, reply.targets) == (400, {name})
    assert provider.get("/protected-items", tenant="contoso").status == 404
    admin = stack.caller("Admin", tenant="provider")
    assert {item["tenant"] for item in values(admin, "/protected-items", tenant="contoso")} == {"contoso"}


def _fits(item: dict[str, Any], filters: dict[str, str]) -> bool:
    known = {
        "provider": item["provider"],
        "health": item["replicationHealth"],
        "state": item["protectionState"],
        "neverTested": "true" if item["lastTestFailover"] is None else "false",
        "tenant": item["tenant"],
    }
    return all(known[name] == value for name, value in filters.items())


def test_recovery_points_are_reported_newest_first(provider: Caller, tenant: Caller) -> None:
    item = next(item for item in values(provider, "/protected-items", provider="HyperVReplicaAzure", health="Normal"))
    path = f"/protected-items/{last(item['id'])}/recovery-points"
    points = values(provider, path)
    assert points
    assert all(point.keys() == {"id", "time", "type"} and point["id"].startswith(f"{item['id']}/recoveryPoints/") for point in points)
    times = [datetime.fromisoformat(point["time"]) for point in points]
    assert times == sorted(times, reverse=True)
    assert tenant.get(path).status == 404


def test_pages_together_are_the_list(provider: Caller, tenant: Caller) -> None:
    everything = values(provider, "/protected-items", state="Protected")
    pages, reply = [], provider.get("/protected-items", state="Protected", top=3)
    first = reply.body["nextLink"]
    while True:
        assert len(reply.body["value"]) <= 3
        pages += reply.body["value"]
        if "nextLink" not in reply.body:
            break
        reply = provider.get(reply.body["nextLink"])
    assert pages == everything
    assert tenant.get(first).status == 400  # it was made for another caller


def test_jobs_can_be_asked_for_by_state_target_and_start(provider: Caller) -> None:
    jobs = values(provider, "/jobs")
    fields = {"id", "name", "state", "stateDescription", "scenario", "target", "startTime", "endTime", "allowedActions"}
    assert all(job.keys() == fields for job in jobs)
    running = values(provider, "/jobs", state="InProgress")
    assert running
    assert {job["state"] for job in running} == {"InProgress"}
    target = running[0]["target"]
    assert running[0] in values(provider, "/jobs", target=target)
    item = next(item for item in values(provider, "/protected-items") if item["currentJob"] == running[0]["name"])
    assert running[0] in values(provider, "/jobs", target=item["id"])
    assert values(provider, "/jobs", since="2999-01-01T00:00:00Z") == []
    assert running[0] in values(provider, "/jobs", since=running[0]["startTime"])
    assert provider.get("/jobs", since="yesterday").targets == {"since"}
    assert provider.get("/jobs", state="Happy").status == 400


def test_a_version_is_compared_as_numbers(stack: Running) -> None:
    estate = stack.control("GET", "estate")
    versions = {"5.1.999.0": "failure", "5.1.1256.0": "pass", "5.1.10000.0": "pass", "4.9": "failure", "unheard-of": "unknown"}
    fabric = next(
        fabric for one in estate["vaults"] if one["id"] == vault(stack, "provider") for fabric in one["fabrics"] if fabric.get("providers")
    )
    model = fabric["providers"][0]
    fabric["providers"] = [
        {
            **model,
            "id": f"{model['id']}-{number}",
            "properties": {**model["properties"], "friendlyName": f"host{number}", "providerVersion": version},
        }
        for number, version in enumerate(versions)
    ]
    before = stack.control("GET", "estate")
    stack.control("PUT", "estate", estate)
    try:
        found = values(stack.caller(READ, tenant="provider"), "/recovery-services-providers")
        told = {one["version"]: one["versionCheck"] for one in found}
        assert {version: told.get(version) for version in versions} == versions
        assert all(one["message"] for one in found)
    finally:
        stack.control("PUT", "estate", before)


def test_azure_out_of_reach_is_503_and_its_refusal_is_reported(stack: Running, provider: Caller) -> None:
    stack.fault("error", method="GET", path="/replicationFabrics$", status=503, times=20)
    assert provider.get("/fabrics").status == 503
    stack.control("DELETE", "faults")
    stack.fault("error", method="GET", path="/replicationFabrics$", status=403, times=20)
    assert (provider.get("/fabrics").status, provider.get("/fabrics").code) == (409, "AuthorizationFailed")
