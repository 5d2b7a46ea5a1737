"""`PUT`, `GET` and `DELETE` of hosting plans (docs/design/tenants.md, "Hosting plans")."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from shared.access.plans import HostingPlans
from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Backend
from shared.access.roles import Role
from shared.errors import ErrorCode, Refused
from shared.web.conditional import Condition
from shared.web.lists import Page
from tests.tenants.kit import Documents, caller, refusal
from tests.tenants.test_tenants import ONE, cloud

IMAGE = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter", "version": "latest"}
GALLERY = f"/subscriptions/{ONE}/resourceGroups/g/providers/Microsoft.Compute/galleries/g/images/i/versions/1.0.0"
MANAGED = f"/subscriptions/{ONE}/resourceGroups/g/providers/Microsoft.Compute/images/i"

ACCEPTED: list[dict[str, Any]] = [
    {},
    {"displayName": "n" * 128, "description": "d" * 1000, "backend": "azurePack", "shape": "shared", "ports": False},
    {"clouds": [cloud(number) for number in range(100)]},
    {"regions": [f"region{number}" for number in range(60)]},
    {"sizes": [{"name": f"Size {number}", "size": "Standard_D2s_v5"} for number in range(200)]},
    {"images": [{"name": "win", "label": "Windows", "reference": IMAGE}, {"name": "own", "reference": {"id": GALLERY}}]},
    {"diskSkus": ["Premium_LRS"]},
    {"quotas": {"cores": 0, "diskGB": None}},
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": "other"}, "name"),
    ({"unknown": 1}, "unknown"),
    ({"displayName": "n" * 129}, "displayName"),
    ({"description": "d" * 1001}, "description"),
    ({"backend": "aws"}, "backend"),
    ({"shape": "round"}, "shape"),
    ({"clouds": [cloud(number) for number in range(101)]}, "clouds"),
    ({"clouds": ["gold"]}, "clouds[0]"),
    ({"regions": [f"region{number}" for number in range(61)]}, "regions"),
    ({"regions": ["West Europe"]}, "regions[0]"),
    ({"sizes": [{"name": f"s{number}", "size": "S"} for number in range(201)]}, "sizes"),
    ({"sizes": [{"name": "Small", "size": "A"}, {"name": "SMALL", "size": "B"}]}, "sizes[1].name"),
    ({"sizes": [{"name": "", "size": "A"}]}, "sizes[0].name"),
    ({"sizes": [{"name": "n" * 65, "size": "A"}]}, "sizes[0].name"),
    ({"images": [{"name": "n" * 81, "reference": IMAGE}]}, "images[0].name"),
    ({"images": [{"name": "a", "reference": {"id": MANAGED}}]}, "images[0].reference.id"),
    ({"images": [{"name": "a", "reference": IMAGE}, {"name": "A", "reference": IMAGE}]}, "images[1].name"),
    ({"images": [{"name": "a", "reference": {**IMAGE, "version": ""}}]}, "images[0].reference.version"),
    ({"images": [{"name": "a", "reference": {"id": GALLERY, "sku": "x"}}]}, "images[0].reference.sku"),
    ({"images": [{"name": "a", "reference": {}}]}, "images[0].reference.publisher"),
    ({"images": [{"name": "a"}]}, "images[0].reference"),
    ({"images": [{"name": "a", "reference": "latest"}]}, "images[0].reference"),
    ({"diskSkus": ["UltraSSD_LRS"]}, "diskSkus[0]"),
    ({"ports": "yes"}, "ports"),
    ({"quotas": {"cores": -1}}, "quotas.cores"),
]


@pytest.mark.parametrize("body", ACCEPTED, ids=lambda body: ",".join(body) or "nothing")
async def test_what_is_within_its_bounds_is_written_and_read_again(documents: Documents, body: dict[str, Any]) -> None:
    written = await documents.put_plan("gold", **body)
    assert (await documents.plans.get(caller(), "gold")).plan == written.plan


@pytest.mark.parametrize(("body", "target"), REFUSED, ids=[f"{target}-{number}" for number, (_, target) in enumerate(REFUSED)])
async def test_what_is_wrong_is_refused_with_its_field(documents: Documents, body: dict[str, Any], target: str) -> None:
    with pytest.raises(Refused) as found:
        await documents.put_plan("gold", **body)
    assert found.value.code is ErrorCode.INVALID_REQUEST
    assert target in {detail.target for detail in found.value.problem.details}
    within = target.removesuffix(".publisher")  # an empty reference lacks all of its members
    assert all(str(detail.target).startswith(within) for detail in found.value.problem.details), "what is not wrong is not named"


async def test_names_of_plans_are_unique_without_regard_to_case(documents: Documents) -> None:
    await documents.put_plan("gold")
    found = await refusal(documents.put_plan("Gold"))
    assert (found.code, found.problem.target) == (ErrorCode.NAME_TAKEN, "name")
    assert (await refusal(documents.plans.get(caller(), "Gold"))).code is ErrorCode.NOT_FOUND
    await documents.plans.delete(caller(), "gold", "gold", Condition())
    await documents.put_plan("Gold")
    assert (await refusal(documents.put_plan("gold"))).code is ErrorCode.NAME_TAKEN


async def test_of_two_plans_that_are_made_at_once_and_differ_by_case_one_at_most_is_left(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    before(monkeypatch, "put", lambda: documents.put_plan("GOLD"))
    assert (await refusal(documents.put_plan("gold"))).code is ErrorCode.NAME_TAKEN
    assert [record.plan.name for record in (await documents.plans.page(caller(), Page(10, None)))[0]] == ["GOLD"]


async def test_a_new_plan_that_a_tenant_is_on_already_is_not_taken_back(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    before(monkeypatch, "put", lambda: documents.put_plan("GOLD"))
    before(monkeypatch, "begin_deletion", lambda: documents.put("fabrikam", plan="gold", subscriptions=[ONE]))
    await documents.put_plan("gold")
    assert (await documents.plans.get(caller(), "gold")).plan.name == "gold"


async def test_a_deletion_is_confirmed_before_anything_is_looked_for(documents: Documents) -> None:
    for call in (documents.plans.delete, documents.tenants.delete):
        found = await refusal(call(caller(), "nosuch", None, Condition()))
        assert (found.code, found.problem.target) == (ErrorCode.INVALID_REQUEST, "confirm")


async def test_plans_of_one_backend(documents: Documents) -> None:
    await documents.put_plan("gold")
    await documents.put_plan("pack", backend="azurePack")
    found, _ = await documents.plans.page(caller(), Page(10, None), Backend.AZURE_PACK)
    assert [record.plan.name for record in found] == ["pack"]


async def test_members_of_a_newer_version_survive_a_put(documents: Documents) -> None:
    newer = HostingPlan.model_validate({"name": "gold", "tier": 2, "quotas": {"gpus": 1}})
    await documents.plans.plans.put(newer, None, "a newer version")
    await documents.put_plan("gold", Condition(tag="*"), displayName="G", quotas={"cores": 1})
    read = (await documents.plans.get(caller(), "gold")).plan.model_dump(mode="json", by_alias=True)
    assert (read["displayName"], read["tier"], read["quotas"]) == ("G", 2, {"cores": 1, "gpus": 1})


async def test_a_plan_with_tenants_is_neither_deleted_nor_moved(documents: Documents) -> None:
    await documents.put_plan("gold")
    await documents.put("fabrikam", plan="gold")
    found = await refusal(documents.plans.delete(caller(), "gold", "gold", Condition()))
    assert (found.code, [detail.target for detail in found.problem.details]) == (ErrorCode.PLAN_IN_USE, ["fabrikam"])
    moved = await refusal(documents.put_plan("gold", Condition(tag="*"), backend="azurePack"))
    assert (moved.code, moved.problem.target) == (ErrorCode.PLAN_IN_USE, "backend")
    await documents.change("fabrikam")
    for _ in range(2):
        await documents.plans.delete(caller(), "gold", "gold", Condition())
    assert (await refusal(documents.plans.get(caller(), "gold"))).code is ErrorCode.NOT_FOUND
    assert (await refusal(documents.plans.delete(caller(), "nosuch", "nosuch", Condition()))).code is ErrorCode.NOT_FOUND
    await documents.put_plan("gold", description="the name of a plan may be used again")


async def test_a_cloud_of_a_tenant_is_not_left_out(documents: Documents) -> None:
    await documents.put_plan("gold", clouds=[cloud(1), cloud(2)])
    await documents.put("fabrikam", plan="gold", clouds=[cloud(2)])
    found = await refusal(documents.put_plan("gold", Condition(tag="*"), clouds=[cloud(1)]))
    assert (found.code, found.problem.target) == (ErrorCode.CLOUD_IN_USE, "clouds")
    await documents.put_plan("gold", Condition(tag="*"), clouds=[cloud(2), cloud(3)])


async def test_the_administrator_sees_which_cloud_is_whose(documents: Documents) -> None:
    await documents.put_plan("gold", clouds=[cloud(1), cloud(2)])
    await documents.put("fabrikam", plan="gold", clouds=[cloud(2)])
    await documents.put("northwind", plan="gold")
    usage = await documents.plans.usage((await documents.plans.get(caller(), "gold")).plan)
    assert usage.as_json() == {
        "tenants": 2,
        "mapping": [{"cloud": cloud(1), "tenant": None}, {"cloud": cloud(2), "tenant": "fabrikam"}, {"cloud": None, "tenant": "northwind"}],
    }


async def test_a_tenant_sees_the_plan_that_it_is_on_and_no_other(documents: Documents) -> None:
    await documents.put_plan("gold")
    await documents.put_plan("silver")
    await documents.put("fabrikam", plan="gold")
    reader = caller("fabrikam", Role.TENANTS_READ, provider=False)
    assert (await documents.plans.get(reader, "gold")).plan.name == "gold"
    for name in ("silver", "nosuch"):
        assert (await refusal(documents.plans.get(reader, name))).code is ErrorCode.NOT_FOUND
    assert [record.plan.name for record in (await documents.plans.page(reader, Page(10, None)))[0]] == ["gold"]
    assert [record.plan.name for record in (await documents.plans.page(caller(), Page(10, None)))[0]] == ["gold", "silver"]


def before(monkeypatch: pytest.MonkeyPatch, method: str, happens: Callable[[], Awaitable[object]]) -> None:
    """Let something happen once, right before a call of the store of plans."""
    original, pending = getattr(HostingPlans, method), [happens]

    async def call(self: HostingPlans, *arguments: object) -> object:
        while pending:
            await pending.pop()()
        return await original(self, *arguments)

    monkeypatch.setattr(HostingPlans, method, call)


async def test_a_plan_that_is_deleted_while_a_tenant_is_put_on_it_takes_no_tenant(
    documents: Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    await documents.put_plan("gold")
    before(monkeypatch, "note_use", lambda: documents.plans.delete(caller(), "gold", "gold", Condition()))
    found = await refusal(documents.put("fabrikam", plan="gold", subscriptions=[ONE]))
    assert (found.code, found.problem.target) == (ErrorCode.INVALID_REQUEST, "plan")
    assert await documents.tenants.registrar.get("fabrikam") is None
    assert await documents.tenants.registry.owner_of_subscription(ONE) is None


async def test_a_tenant_that_is_put_on_a_plan_while_it_is_deleted_keeps_it(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    await documents.put_plan("gold")
    before(monkeypatch, "begin_deletion", lambda: documents.put("fabrikam", plan="gold"))
    found = await refusal(documents.plans.delete(caller(), "gold", "gold", Condition()))
    assert (found.code, [one.target for one in found.problem.details]) == (ErrorCode.PLAN_IN_USE, ["fabrikam"])
    await documents.put("northwind", plan="gold")


async def test_a_cloud_that_a_tenant_gets_while_its_plan_leaves_it_out(documents: Documents, monkeypatch: pytest.MonkeyPatch) -> None:
    await documents.put_plan("gold", clouds=[cloud(1), cloud(2)])
    before(monkeypatch, "note_use", lambda: documents.put_plan("gold", Condition(tag="*"), clouds=[cloud(2)]))
    found = await refusal(documents.put("fabrikam", plan="gold", clouds=[cloud(1)]))
    assert (found.code, found.problem.target) == (ErrorCode.INVALID_REQUEST, "clouds[0]")
    before(monkeypatch, "put", lambda: documents.put("fabrikam", plan="gold", clouds=[cloud(2)]))
    refused = await refusal(documents.put_plan("gold", Condition(tag="*"), clouds=[cloud(3)]))
    assert refused.code is ErrorCode.CLOUD_IN_USE
    assert (await documents.plans.get(caller(), "gold")).plan.clouds == (cloud(2),)


async def test_a_plan_whose_deletion_was_broken_off_takes_no_tenant_until_it_is_deleted_or_written(documents: Documents) -> None:
    record = await documents.put_plan("gold")
    await documents.plans.plans.begin_deletion(record, "a worker that ends here")
    assert (await refusal(documents.put("fabrikam", plan="gold"))).problem.target == "plan"
    await documents.put_plan("gold")
    await documents.put("fabrikam", plan="gold")


async def test_no_tenant_is_on_a_deleted_plan_whoever_is_first(documents: Documents) -> None:
    for number in range(10):
        await documents.put_plan(f"plan-{number}")
        put, deleted = (
            documents.put(f"t-{number}", plan=f"plan-{number}"),
            documents.plans.delete(caller(), f"plan-{number}", f"plan-{number}", Condition()),
        )
        await asyncio.gather(put, deleted, return_exceptions=True)
        tenant = await documents.tenants.registrar.get(f"t-{number}")
        plan = await documents.plans.plans.get(f"plan-{number}")
        assert plan is not None
        assert tenant is None or not plan.deleted
