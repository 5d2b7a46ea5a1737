"""Protection policies over real HTTP: a cloud's new machines are protected once, without anybody asking, and never what was let go."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from functions.capabilities import load
from local.simulation.sample_fabrics import make_unprotected
from shared.composition import Runtime, build
from shared.failovers.protection.service import Protection
from shared.settings import Settings
from tests.support.accounts import Accounts
from tests.support.api import Caller, Reply
from tests.support.in_process import in_process
from tests.support.running import Running

ROLES = ("Failovers.Read", "Failovers.Execute")
Json = dict[str, Any]


@pytest.fixture(scope="module")
def clouds(accounts: Accounts) -> Iterator[Running]:
    """A stack for this module alone: machines come and go in it."""
    with accounts.lend() as account, in_process(account) as one:
        yield one


@pytest.fixture(autouse=True)
def _alone(clouds: Running) -> Iterator[None]:
    """No fault and no policy is left to the next test."""
    clouds.advance("PT2M")
    yield
    clouds.control("DELETE", "faults")
    caller = clouds.caller(*ROLES, tenant="provider")
    for policy in caller.get("/protection-policies").body["value"]:
        assert caller.call("DELETE", f"/protection-policies/{policy['name']}").status == 204


@pytest.fixture
def provider(clouds: Running) -> Caller:
    """A caller of the provider's who may set up protection."""
    return clouds.caller(*ROLES, tenant="provider")


def put(caller: Caller, name: str, body: Json, query: str = "") -> Reply:
    return caller.call("PUT", f"/protection-policies/{name}{query}", json.dumps(body).encode(), {"Content-Type": "application/json"})


def silver(caller: Caller) -> str:
    return str(next(one["id"] for one in caller.get("/clouds").body["value"] if one["name"] == "cloud-silver"))


def network(caller: Caller) -> str:
    return str(caller.get("/network-mappings").body["value"][0]["recoveryNetwork"])


def policy(caller: Caller, *include: str, **more: object) -> Json:
    protection = {"policy": "every-5-minutes", "network": network(caller), "targetVmSize": "Standard_D4s_v3"}
    return {"cloud": silver(caller), "include": list(include), "protection": protection, **more}


def appear(stack: Running, caller: Caller, *names: str, errors: tuple[str, ...] = ()) -> None:
    """Let new machines come into the cloud, as VMM shows them."""
    estate, cloud = stack.control("GET", "estate"), silver(caller)
    fabric = next(fabric for vault in estate["vaults"] for fabric in vault["fabrics"] if cloud.startswith(f"{fabric['id']}/"))
    fabric["protectableItems"] += [make_unprotected(cloud, name, "VmmVirtualMachine", errors) for name in names]
    stack.control("PUT", "estate", estate)


def plan(caller: Caller, name: str) -> dict[str, Json]:
    reply = caller.get(f"/protection-policies/{name}/plan")
    assert reply.status == 200, reply
    assert reply.body["toProtect"] == sum(one["protects"] for one in reply.body["value"])
    return {one["name"]: one for one in reply.body["value"]}


def seen(caller: Caller, name: str) -> Json:
    reply = caller.get(f"/protection-policies/{name}")
    assert reply.status == 200, reply
    found: Json = reply.body
    return found


def pass_time(stack: Running, times: int, step: str = "PT1M") -> None:
    for _ in range(times):
        stack.advance(step)


def protected(caller: Caller) -> dict[str, Json]:
    return {one["name"]: one for one in caller.get("/protected-items").body["value"]}


def enabled(stack: Running, name: str, caller: Caller) -> int:
    """Return how often Azure was called to protect a machine of this name."""
    machine = next(one for one in caller.get("/protectable-items").body["value"] if one["name"] == name)
    return len([one for one in stack.writes(f"/replicationProtectedItems/{machine['id'].rpartition('/')[2]}") if one["method"] == "PUT"])


def test_a_new_machine_is_protected_without_anybody_asking(clouds: Running, provider: Caller) -> None:
    made = put(provider, "new-ones", policy(provider, "shop-*", exclude=["*-test"]))
    assert made.status == 200, made
    assert (made.body["protected"], made.body["failed"], made.body["machines"]) == (0, 0, [])
    pass_time(clouds, 3)
    assert clouds.writes("/replicationProtectedItems/") == []  # there is no such machine yet

    appear(clouds, provider, "shop-web7", "shop-db7", "shop-test", "other", "shop_under")
    appear(clouds, provider, "shop-cluster", errors=("It has a shared virtual hard disk.",))
    told = plan(provider, "new-ones")
    assert {name: one["reason"] for name, one in told.items() if name.startswith(("shop", "other", "intranet"))} == {
        "shop-web7": "New",
        "shop-db7": "New",
        "shop-test": "NotChosen",
        "other": "NotChosen",
        "shop_under": "NotChosen",
        "shop-cluster": "NotReady",
        "intranet01": "NotChosen",
        "intranet02": "NotChosen",
    }
    assert "shared virtual hard disk" in told["shop-cluster"]["message"]
    assert clouds.writes("/replicationProtectedItems/") == [], "a plan changes nothing"

    pass_time(clouds, 14)
    items = protected(provider)
    assert {"shop-web7", "shop-db7"} <= items.keys()
    assert not {"shop-test", "other", "shop_under", "shop-cluster"} & items.keys()
    target = items["shop-web7"]["target"]
    assert (target["vmSize"], target["network"].lower()) == ("Standard_D4s_v3", network(provider).lower())
    assert (enabled(clouds, "shop-web7", provider), enabled(clouds, "shop-db7", provider)) == (1, 1)
    body = seen(provider, "new-ones")
    assert (body["protected"], body["failed"], body["machines"]) == (2, 0, [])
    begun = [one for one in provider.get("/operations", kind="protectedItem").body["value"] if one["status"] == "Succeeded"]
    assert len(begun) == 2
    assert {one["tenant"] for one in begun} == {"provider"}
    pass_time(clouds, 3, "PT20M")
    assert (enabled(clouds, "shop-web7", provider), enabled(clouds, "shop-db7", provider)) == (1, 1)


def test_limits_are_reported_before_anything_is_tried(clouds: Running, provider: Caller) -> None:
    appear(clouds, provider, "big_one")
    assert put(provider, "limits", policy(provider, "big*")).status == 200
    told = plan(provider, "limits")["big_one"]
    assert (told["protects"], told["reason"]) == (False, "BeyondLimits")
    assert "letters, digits and hyphens" in told["message"]
    pass_time(clouds, 12)
    assert enabled(clouds, "big_one", provider) == 0
    assert seen(provider, "limits")["machines"] == []


def test_what_was_let_go_is_not_protected_again_without_asking(clouds: Running, provider: Caller) -> None:
    appear(clouds, provider, "let-go1")
    assert put(provider, "letting", policy(provider, "let-go*")).status == 200
    pass_time(clouds, 4)
    machine = next(one for one in provider.get("/protectable-items").body["value"] if one["name"] == "let-go1")
    path = f"/protected-items/{machine['protectedItemId'].rpartition('/')[2]}"
    pass_time(clouds, 2, "PT1H")
    ended = provider.call("DELETE", f"{path}?confirm=let-go1")
    assert ended.status == 202, ended
    clouds.until_ended(provider, ended.headers["operation-location"], step="PT1M")
    pass_time(clouds, 4, "PT15M")
    told = plan(provider, "letting")["let-go1"]
    assert (told["protects"], told["reason"]) == (False, "LetGo")
    # nor by another policy, nor by this one made anew
    assert put(provider, "another", policy(provider, "let*")).status == 200
    assert provider.call("DELETE", "/protection-policies/letting").status == 204
    assert put(provider, "letting", policy(provider, "let-go*")).status == 200
    pass_time(clouds, 4, "PT15M")
    assert enabled(clouds, "let-go1", provider) == 1
    asked = provider.post("/protected-items", {"protectableItemId": machine["id"], "policy": "every-5-minutes"})
    assert asked.status == 202, asked
    clouds.until_ended(provider, asked.headers["operation-location"], step="PT1M")
    assert plan(provider, "letting")["let-go1"]["reason"] == "Protected"


def test_what_somebody_protected_by_hand_and_let_go_stays_so(clouds: Running, provider: Caller) -> None:
    appear(clouds, provider, "by-hand1")
    machine = next(one for one in provider.get("/protectable-items").body["value"] if one["name"] == "by-hand1")
    asked = provider.post("/protected-items", {"protectableItemId": machine["id"], "policy": "every-5-minutes"})
    clouds.until_ended(provider, asked.headers["operation-location"], step="PT1M")
    assert put(provider, "hands", policy(provider, "by-hand*")).status == 200
    pass_time(clouds, 2, "PT1H")
    ended = provider.call("DELETE", f"/protected-items/{machine['id'].rpartition('/')[2]}?confirm=by-hand1")
    clouds.until_ended(provider, ended.headers["operation-location"], step="PT1M")
    pass_time(clouds, 4, "PT15M")
    assert plan(provider, "hands")["by-hand1"]["reason"] == "LetGo"
    assert enabled(clouds, "by-hand1", provider) == 1
    assert seen(provider, "hands")["protected"] == 0  # it was not the policy's


def test_a_protection_that_failed_is_shown_and_tried_again_at_a_bounded_rate(clouds: Running, provider: Caller) -> None:
    appear(clouds, provider, "unlucky1")
    machine = next(one["id"] for one in provider.get("/protectable-items").body["value"] if one["name"] == "unlucky1").rpartition("/")[2]
    clouds.fault("failJob", method="PUT", path=f"/replicationProtectedItems/{machine}$", times=2, code="12345")
    assert put(provider, "unlucky", policy(provider, "unlucky*")).status == 200
    pass_time(clouds, 6)
    body = seen(provider, "unlucky")
    assert body["failed"] == 1
    (failed,) = body["machines"]
    assert (failed["name"], failed["status"], failed["attempts"], failed["error"]["code"]) == ("unlucky1", "Failed", 1, "SetUpFailed")
    operation = provider.get(f"/operations/{failed['operationId']}").body
    assert (operation["status"], operation["error"]["code"]) == ("Failed", "SetUpFailed")
    assert plan(provider, "unlucky")["unlucky1"]["reason"] == "FailedLately"
    pass_time(clouds, 8)
    assert enabled(clouds, "unlucky1", provider) == 1, "it is not hammered"
    pass_time(clouds, 2, "PT10M")
    pass_time(clouds, 6)
    assert enabled(clouds, "unlucky1", provider) == 2
    assert seen(provider, "unlucky")["machines"][0]["attempts"] == 2
    assert put(provider, "unlucky", policy(provider, "unlucky*")).status == 200  # changed: perhaps it is mended
    pass_time(clouds, 8)
    assert enabled(clouds, "unlucky1", provider) == 3
    body = seen(provider, "unlucky")
    assert (body["protected"], body["failed"], body["machines"]) == (1, 0, [])


def test_a_policy_that_is_off_protects_nothing(clouds: Running, provider: Caller) -> None:
    appear(clouds, provider, "off1")
    assert put(provider, "off", policy(provider, "off*", enabled=False)).status == 200
    pass_time(clouds, 12)
    assert plan(provider, "off")["off1"]["protects"] is True
    assert enabled(clouds, "off1", provider) == 0


def test_a_round_begins_so_many_and_no_more(clouds: Running, provider: Caller) -> None:
    names = [f"many{number:02}" for number in range(13)]
    appear(clouds, provider, *names)
    assert put(provider, "many", policy(provider, "many*")).status == 200
    known = {one["id"] for one in provider.get("/operations", kind="protectedItem", top=1000).body["value"]}
    counts = []
    for _ in range(3):
        clouds.advance("PT1M")
        now = {one["id"] for one in provider.get("/operations", kind="protectedItem", top=1000).body["value"]}
        counts.append(len(now - known))
        known = now
    assert counts == [10, 3, 0]
    pass_time(clouds, 6)
    assert {enabled(clouds, name, provider) for name in names} == {1}


async def test_a_doubled_timer_on_two_instances_begins_one_operation(clouds: Running, provider: Caller) -> None:
    appear(clouds, provider, "twice1", "twice2")
    assert put(provider, "twice", policy(provider, "twice*")).status == 200
    before = len(provider.get("/operations", kind="protectedItem", top=1000).body["value"])
    async with AsyncExitStack() as apps:
        two = [await another_app(clouds, apps) for _ in range(2)]
        await asyncio.gather(*(app.of(Protection).run() for app in (*two, *two)))
    pass_time(clouds, 12)
    assert (enabled(clouds, "twice1", provider), enabled(clouds, "twice2", provider)) == (1, 1)
    assert seen(provider, "twice")["protected"] == 2
    assert len(provider.get("/operations", kind="protectedItem", top=1000).body["value"]) == before + 2


async def another_app(stack: Running, apps: AsyncExitStack) -> Runtime:
    """The app once more, in this process, on the same storage and the same Azure."""
    values: dict[str, Any] = {"storage_connection": stack.storage, "clock_url": f"{stack.azure}/_simulation/clock"}
    app = await build(Settings(**values, resource_manager_url=stack.azure), load(()))
    apps.push_async_callback(app.close)
    return app


def test_a_protection_survives_the_death_of_all_workers(clouds: Running, provider: Caller) -> None:
    appear(clouds, provider, "dying1")
    assert put(provider, "dying", policy(provider, "dying*")).status == 200
    pass_time(clouds, 1)
    clouds.restart()
    pass_time(clouds, 12)
    assert enabled(clouds, "dying1", provider) == 1
    assert seen(provider, "dying")["protected"] == 1


def test_what_cannot_be_a_policy_is_refused_with_the_field(clouds: Running, provider: Caller) -> None:
    good = policy(provider, "x*")
    protection = good["protection"]
    azure = clouds.caller(*ROLES).get("/clouds").body["value"][0]["id"]
    east = next(one["id"] for one in provider.get("/clouds").body["value"] if one["name"] == "cloud-east")
    vmware = next(one["id"] for one in provider.get("/clouds").body["value"] if one["name"] == "vmware01-container")
    for change, field in (
        ({"cloud": "somewhere"}, "cloud"),
        ({"cloud": azure}, "cloud"),  # another vault's
        ({"cloud": vmware}, "cloud"),
        ({"cloud": east}, "protection.policy"),  # not associated with it
        ({"include": []}, "include"),
        ({"include": ["[a-z]"]}, "include[0]"),
        ({"exclude": [""]}, "exclude[0]"),
        ({"protection": {**protection, "policy": "nobody-has-this"}}, "protection.policy"),
        ({"protection": {**protection, "policy": "vmware"}}, "protection.policy"),
        ({"protection": {**protection, "targetVmName": "one-name-for-all"}}, "protection.targetVmName"),
        ({"protection": {**protection, "network": "somewhere"}}, "protection.network"),
        ({"enabled": "yes"}, "enabled"),
        ({"colour": "red"}, "colour"),
    ):
        reply = put(provider, "wrong", {**good, **change})
        assert (reply.status, reply.targets) == (400, {field}), (change, reply)
    assert put(provider, "wrong.", good).status == 400
    assert provider.get("/protection-policies/wrong").status == 404
    assert provider.get("/protection-policies/wrong/plan").status == 404
    assert provider.call("DELETE", "/protection-policies/wrong").status == 404


def test_policies_are_the_vaults_own(clouds: Running, provider: Caller) -> None:
    good = policy(provider, "own*", enabled=False)
    made = put(provider, "own", good).body
    assert provider.get("/protection-policies").body["value"] == [provider.get("/protection-policies/own").body] == [made]
    tenant, vault = clouds.caller(*ROLES), made["vaultId"]
    assert tenant.get("/protection-policies").body["value"] == []
    for path in ("/protection-policies/own", "/protection-policies/own/plan"):
        assert tenant.get(path).status == 404
        assert tenant.get(path, vaultId=vault).status == 404
    assert tenant.get("/protection-policies", vaultId=vault).status == 404
    assert put(tenant, "own", good, f"?vaultId={vault}").status == 404
    assert put(tenant, "own", good).targets == {"cloud"}  # another's cloud
    assert tenant.call("DELETE", f"/protection-policies/own?vaultId={vault}").status == 404
    reader = clouds.caller("Failovers.Read", tenant="provider")
    assert reader.get("/protection-policies/own/plan").status == 200
    assert put(reader, "own", good).status == 403
    assert reader.call("DELETE", "/protection-policies/own").status == 403
    writer = clouds.caller("Failovers.Execute", tenant="provider")
    for path in ("/protection-policies", "/protection-policies/own", "/protection-policies/own/plan"):
        refused = writer.get(path)
        assert (refused.status, refused.code) == (403, "MissingRole")
    admin = clouds.caller("Admin", tenant="provider")
    assert admin.get("/protection-policies/own", vaultId=vault).status == 200
    assert provider.get("/protection-policies/own").body == made
