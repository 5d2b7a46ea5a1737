"""Whose plans and jobs are in a vault that tenants share, and what of it one of them may read."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Refused
from shared.failovers.set_up.tenant_view import TenantView
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts
from shared.failovers.vault.inventory import Inventory
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.listing import Vault
from shared.failovers.vault.owners import owner_of_plan, owner_of_scope, owners_of_jobs
from tests.access.kit import MovedClock, Rows
from tests.failovers.samples import VAULT, job

CLOUDS = {name: f"{VAULT}/replicationFabrics/vmm/replicationProtectionContainers/{name}" for name in ("blue", "green", "gold")}
SUBSCRIPTIONS = {name: f"00000000-0000-0000-0000-00000000000{number}" for name, number in (("blue", 2), ("green", 3))}
TENANTS = (
    Tenant(name="host", kind="provider", subscriptions=("00000000-0000-0000-0000-000000000001",), vault_id=VAULT),
    *(Tenant(name=name, subscriptions=(SUBSCRIPTIONS[name],), clouds=(CLOUDS[name].upper(),)) for name in ("blue", "green")),
)
OWNERS = {"blue": "blue", "green": "green", "gold": "host"}
clouds = st.sampled_from(sorted(CLOUDS))


def registry() -> Registry:
    return Registry(Rows(*TENANTS), MovedClock())  # type: ignore[arg-type]  # a stand-in for the table


def item(cloud: str, name: str = "web") -> str:
    return f"{CLOUDS[cloud]}/replicationProtectedItems/{name}"


def plan_json(name: str, members: Sequence[str]) -> dict[str, Any]:
    groups = [{"groupType": "Boot", "replicationProtectedItems": [{"id": member} for member in members]}]
    return {"id": f"{VAULT}/replicationRecoveryPlans/{name}", "name": name, "properties": {"groups": groups}}


def facts(cloud: str, name: str) -> ProtectedItemFacts:
    return ProtectedItemFacts.from_arm({"id": item(cloud, name), "name": name})


@given(members=st.lists(clouds, max_size=6))
async def test_a_plan_is_a_tenants_only_if_all_its_members_are(members: list[str]) -> None:
    plan = PlanFacts.from_arm(plan_json("one", [item(cloud, f"vm{number}") for number, cloud in enumerate(members)]))
    owners = {OWNERS[cloud] for cloud in members}
    assert await owner_of_plan(registry(), plan) == (owners.pop() if len(owners) == 1 else "host")


async def test_a_plan_is_read_only_where_its_vault_is_shared() -> None:
    reads = Reads(plan_json("one", [item("blue")]))
    scope = ResourceId.parse(f"{VAULT}/replicationRecoveryPlans/one")
    assert await owner_of_scope(registry(), reads, scope) == "blue"  # type: ignore[arg-type]  # a stand-in for the gateway's reads
    alone = Registry(Rows(TENANTS[0]), MovedClock())  # type: ignore[arg-type]  # a stand-in for the table
    assert await owner_of_scope(alone, None, scope) == "host"  # type: ignore[arg-type]  # nothing is read
    assert await owner_of_scope(registry(), None, ResourceId.parse(item("green"))) == "green"  # type: ignore[arg-type]  # the same
    nowhere = ResourceId.parse(f"{VAULT}/replicationRecoveryPlans/none")
    assert await owner_of_scope(registry(), reads, nowhere) == "host"  # type: ignore[arg-type]  # a stand-in


def on(name: str, target: str, kind: str = "ProtectionEntity") -> JobFacts:
    return job(name=name, targetObjectId=target, targetInstanceType=kind)


async def test_a_job_is_whose_item_or_plan_it_works_on() -> None:
    jobs = [
        on("item", "web"),
        on("twin", "twin"),
        on("plan", "web", "RecoveryPlan"),
        on("mixed", "both", "RecoveryPlan"),
        on("policy", "web", "replicationPolicies"),
        on("gone", "nobody"),
        on("named", item("green", "nobody")),
    ]
    items = [facts("blue", "web"), facts("blue", "twin"), facts("green", "twin")]
    plans = [PlanFacts.from_arm(plan_json("web", [item("green")])), PlanFacts.from_arm(plan_json("both", [item("green"), item("blue")]))]
    found = await owners_of_jobs(registry(), ResourceId.parse(VAULT), jobs, items, plans)
    assert found == {
        "item": "blue",
        "twin": "host",
        "plan": "green",
        "mixed": "host",
        "policy": "host",
        "gone": "host",
        "named": "green",
    }


async def test_a_job_with_a_guid_as_target_is_whose_plan_or_machine_its_name_shows() -> None:
    """Azure gives a job of a recovery plan, and of a machine of Azure to Azure, a GUID as `targetObjectId`."""
    named = {"scenarioName": "TestFailover", "targetObjectId": "5b3a1c80-3c0e-4d7e-8d5e-6b1f0a7c9d21"}
    jobs = [
        job("InProgress", "plan", targetObjectName="web", targetInstanceType="RecoveryPlan", **named),
        job("InProgress", "machine", targetObjectName="Web-VM", targetInstanceType="ProtectionEntity", **named),
        job("InProgress", "twin", targetObjectName="twin-vm", targetInstanceType="ProtectionEntity", **named),
        job("InProgress", "nobodys", targetObjectName="gone", targetInstanceType="RecoveryPlan", **named),
    ]
    shown = [("blue", "a1", "web-vm"), ("blue", "b1", "twin-vm"), ("green", "b2", "twin-vm")]
    items = [
        ProtectedItemFacts.from_arm({"id": item(cloud, name), "name": name, "properties": {"friendlyName": vm}})
        for cloud, name, vm in shown
    ]
    plans = [PlanFacts.from_arm(plan_json("web", [item("green")]))]
    found = await owners_of_jobs(registry(), ResourceId.parse(VAULT), jobs, items, plans)
    assert found == {"plan": "green", "machine": "blue", "twin": "host", "nobodys": "host"}


class Reads:
    """The gateway's reads over some things by their ids; counts what is read."""

    def __init__(self, *things: dict[str, Any]) -> None:
        self.things = {ResourceId.parse(thing["id"]).key: thing for thing in things}
        self.read: list[str] = []

    async def find(self, resource: ResourceId) -> dict[str, Any] | None:
        self.read.append(resource.key)
        return self.things.get(resource.key)

    async def children(self, parent: ResourceId, kind: str) -> list[dict[str, Any]]:
        return [thing for key, thing in self.things.items() if key.split("/")[-2] == kind.lower() and key.startswith(parent.key)]

    machine = network = find


def mapping(cloud: str, target: str) -> dict[str, Any]:
    return {
        "id": f"{CLOUDS[cloud]}/replicationProtectionContainerMappings/{target}",
        "properties": {"targetProtectionContainerId": CLOUDS.get(target, "Microsoft Azure")},
    }


async def test_the_other_side_of_a_pair_is_reported_to_who_may_know_of_it() -> None:
    cloud = {"id": CLOUDS["blue"], "name": "blue", "properties": {}}
    inventory = Inventory(Reads(cloud, mapping("blue", "green"), mapping("blue", "azure")), registry())  # type: ignore[arg-type]  # a stand-in
    vault = ResourceId.parse(VAULT)

    async def targets(reader: Vault) -> list[Any]:
        (entry,) = await inventory.clouds(reader)
        return [policy["target"] for policy in entry.answer.as_json()["policies"]]

    assert await targets(Vault(vault, "blue")) == [None, "Microsoft Azure"]
    assert await targets(Vault(vault, "green")) == [], "that blue's cloud is paired is blue's own affair"
    assert await targets(Vault(vault, "host", everything=True)) == [CLOUDS["green"], "Microsoft Azure"]


@pytest.mark.parametrize("tenant", ["blue", "green", "host"])
async def test_what_is_anothers_is_not_there(tenant: str) -> None:
    things = [{"id": item(cloud, f"vm-{cloud}")} for cloud in CLOUDS]
    mappings = [mapping("blue", "azure"), mapping("blue", "green"), mapping("green", "azure"), mapping("gold", "azure")]
    policies = [{"id": f"{VAULT}/replicationPolicies/hourly"}]
    confined = TenantView(Reads(*things, *mappings, *policies), registry(), tenant)
    vault = ResourceId.parse(VAULT)
    mine = next(cloud for cloud, owner in OWNERS.items() if owner == tenant)
    assert await confined.children(vault, "replicationProtectedItems") == [{"id": item(mine, f"vm-{mine}")}]
    assert await confined.children(vault, "replicationProtectionContainerMappings") == [mapping(mine, "azure")]
    assert await confined.children(vault, "replicationPolicies") == policies
    for cloud in CLOUDS:
        found = await confined.find(ResourceId.parse(item(cloud, f"vm-{cloud}")))
        assert (found is not None) == (cloud == mine)


async def test_a_plan_that_is_anothers_is_refused_and_not_made_anew() -> None:
    both = plan_json("both", [item("green"), item("blue")])
    reads = Reads(plan_json("own", [item("blue")]), plan_json("green", [item("green")]), both)
    confined = TenantView(reads, registry(), "blue")
    assert await confined.find(ResourceId.parse(f"{VAULT}/replicationRecoveryPlans/own")) is not None
    assert await confined.find(ResourceId.parse(f"{VAULT}/replicationRecoveryPlans/none")) is None
    for name in ("green", "both"):
        with pytest.raises(Refused) as refused:
            await confined.find(ResourceId.parse(f"{VAULT}/replicationRecoveryPlans/{name}"))
        assert refused.value.code is ErrorCode.NOT_FOUND
        assert "/subscriptions/" not in str(refused.value)


async def test_machines_and_networks_are_read_of_ones_own_subscription_only() -> None:
    network = "resourceGroups/g/providers/Microsoft.Network/virtualNetworks/n"
    ids = {name: f"/subscriptions/{guid}/{network}" for name, guid in SUBSCRIPTIONS.items()}
    reads = Reads(*({"id": id_} for id_ in ids.values()))
    confined = TenantView(reads, registry(), "blue")
    for read in (confined.network, confined.machine):
        assert await read(ResourceId.parse(ids["blue"])) is not None
        assert await read(ResourceId.parse(ids["green"])) is None
    assert ResourceId.parse(ids["green"]).key not in reads.read
