"""The life of a data center by messages and over HTTP: order, change, suspend, resume, delete; their turns and repetitions."""

import json
from datetime import timedelta
from typing import Any

import pytest

from tests.data_centers.bench import bench
from tests.data_centers.documents import TENANT, Json
from tests.data_centers.life import ACTIONS, SUCCEEDED, all_taken_in, expected, messages, until


def as_event(message: Json) -> Json:
    """Return a message as a CloudEvent."""
    kind, _, operation = message["operation"].partition(".")
    data = {name: value for name, value in message.items() if name not in {"id", "tenant", "operation"}}
    head = {"specversion": "1.0", "source": "/billing", "id": message["id"], "type": f"farshore.{kind}.{operation}"}
    return head | {"tenant": message["tenant"], "data": data}


@pytest.mark.parametrize("events", [False, True])
async def test_five_messages_at_once_are_a_life_and_their_events_are_enough_to_bill_by(events: bool) -> None:
    async with bench() as app:
        before = app.state()
        sent = [as_event(one) if events else one for one in messages()]
        await all_taken_in(app, *sent, *sent)
        outcomes = await until(app, 5)
        assert [one["type"] for one in outcomes] == [SUCCEEDED] * 5, outcomes
        assert [one["data"]["action"] for one in outcomes] == ACTIONS
        states = [one["data"]["result"]["state"] for one in outcomes]
        assert states == ["Active", "Active", "Suspended", "Active", "Deleted"]
        assert [one["data"]["result"]["changed"] for one in outcomes] == [True] * 5
        assert outcomes[1]["data"]["result"]["resources"]["cpuCount"] == 12
        assert outcomes[1]["data"]["result"]["previous"]["cpuCount"] == 8
        assert outcomes[4]["data"]["result"]["userDeleted"] is True
        after = app.state()
        assert {name: len(rows) for name, rows in after.items()} == {name: len(rows) for name, rows in before.items()}
        assert not [name for name in app.vaults.names() if "-password" in name]
        assert app.effects() == expected(outcomes[0]["data"]["result"]["subscriptionId"])


@pytest.mark.parametrize("arrival", [(4, 3, 2, 1, 0), (2, 0, 4, 1, 3), (1, 0, 3, 2, 4)])
async def test_with_after_the_order_of_arrival_does_not_matter(arrival: tuple[int, ...]) -> None:
    async with bench() as app:
        sent = messages(after=True)
        await all_taken_in(app, *(sent[number] for number in arrival))
        outcomes = await until(app, 5)
        assert [one["data"]["action"] for one in outcomes] == ACTIONS, outcomes


async def test_a_target_that_never_comes_is_rejected_at_the_fifth_delivery() -> None:
    async with bench() as app:
        for message in (messages()[2], messages(after=True)[1]):
            app.events.clear()
            await all_taken_in(app, message)
            (event,) = app.events
            assert (event["type"], event["data"]["reason"]["code"]) == ("farshore.message.rejected", "NotFound")


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"tenant": None}, "tenant"),
        ({"dataCenter": None}, "dataCenter"),
        ({"user": {"name": "ada@example.com", "password": {"value": "Sample-Passw0rd!"}}}, "user.password"),
        ({"resources": {"cpuCount": -1}}, "resources.cpuCount"),
    ],
)
async def test_a_message_that_is_wrong_is_rejected_with_the_field(changes: dict[str, Any], target: str) -> None:
    async with bench() as app:
        message = {name: value for name, value in (messages()[0] | changes).items() if value is not None}
        await all_taken_in(app, message)
        (event,) = app.events
        assert (event["type"], event["data"]["reason"]["target"]) == ("farshore.message.rejected", target), event
        assert "Sample-Passw0rd!" not in str(event)


async def test_after_an_order_that_failed_what_waits_behind_it_ends_with_not_found() -> None:
    async with bench() as app:
        app.fault("error", method="POST", path="^/subscriptions$", status=400, code="Odd", times=1)
        await all_taken_in(app, messages()[0], messages()[2])
        first, second = await until(app, 2)
        assert (first["type"], second["data"]["error"]["code"]) == ("farshore.dataCenter.failed", "NotFound")
        refused = await app.act("suspend", {})
        assert (refused.status, refused.code) == (409, "DataCenterGone")


async def test_one_id_for_two_actions_is_a_reused_key_and_a_key_answers_for_good() -> None:
    async with bench() as app:
        key = "4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a11"
        placed = await app.place(key=key)
        await app.until_ended(placed)
        path, headers = f"/tenants/{TENANT}/data-centers/10042", {"Repeatability-Request-ID": key}
        reused = await app.request("POST", f"{path}/suspend", {}, headers=headers)
        assert (reused.status, reused.code) == (409, "RepeatabilityKeyReused")
        again = await app.place(key=key)
        assert (again.status, again.operation) == (200, placed.operation)
        sent = messages()[2]
        await all_taken_in(app, sent, {**sent, "operation": "dataCenter.resume"})
        assert [event["data"]["reason"]["code"] for event in app.events if event["type"].endswith("rejected")] == ["RepeatabilityKeyReused"]


async def test_at_most_twenty_operations_wait() -> None:
    async with bench() as app:
        app.fault("slowSync", method="POST", path="addons", delay="PT4H", times=1)
        await app.place()
        await app.advance(60)
        answers = [await app.act("change", {"name": f"name {number}"}) for number in range(20)]
        assert [one.status for one in answers] == [202] * 19 + [409]
        assert answers[-1].code == "TooManyPending"


async def test_a_change_of_plan_moves_the_subscription_and_keeps_the_add_on() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        other = app.row("plans", "gold-plan") | {"Id": "gold-2", "DisplayName": "Gold 2", "AddOnReferences": []}
        app.pack.gate.apply((app.pack.gate.state.put("plans", other),))
        (operation,) = await app.until_ended(await app.act("change", {"plan": "Gold 2", "addOns": [], "resources": {"cpuCount": 10}}))
        assert operation["status"] == "Succeeded", operation
        shown = await app.shown()
        assert (shown["plan"]["id"], shown["resources"]["cpuCount"], shown["observed"]["drift"]) == ("gold-2", 10, [])
        subscription = next(one for one in app.state()["subscriptions"] if one["SubscriptionID"] == shown["subscriptionId"])
        assert (subscription["PlanId"], len(subscription["AddOnReferences"])) == ("gold-2", 1)
        refused = await app.act("change", {"plan": "Silver"})
        assert (refused.status, refused.code, refused.target) == (409, "PlanNotSuitable", "plan"), "it is on another cloud"
        app.fault("error", method="GET", path="/plans/Silver", status=500, times=1)  # without an answer its first step finds it
        (operation,) = await app.until_ended(await app.act("change", {"plan": "Silver"}))
        assert (operation["status"], operation["error"]["code"], operation["error"]["target"]) == ("Failed", "PlanNotSuitable", "plan")


@pytest.mark.parametrize(
    ("changes", "status", "code", "target"),
    [
        ({"plan": "nothing"}, 404, "NotFound", "plan"),
        ({"plan": "Boundless"}, 409, "PlanNotSuitable", "resources.vmCount"),
        ({"plan": "Gold 2"}, 409, "PlanNotSuitable", "plan"),
        ({"resources": {"cpuCount": 1}, "plan": "Gold base"}, 409, "BelowPlan", "resources.cpuCount"),
        ({"resources": {"networks": 1}}, 409, "ResourceNotSupported", "resources.networks"),
        ({"addOns": ["nothing"]}, 404, "NotFound", "addOns[0]"),
    ],
)
async def test_a_change_that_cannot_be_carried_out_is_refused_at_once(changes: Json, status: int, code: str, target: str) -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        gold = app.row("plans", "gold-plan")
        for name in ("gold-2", "gold-3"):  # two plans of one display name
            app.pack.gate.apply((app.pack.gate.state.put("plans", gold | {"Id": name, "DisplayName": "Gold 2", "AddOnReferences": []}),))
        base = json.loads(json.dumps(gold).replace("<RoleCPUCount>0<", "<RoleCPUCount>2<"))
        app.pack.gate.apply((app.pack.gate.state.put("plans", base | {"Id": "base", "DisplayName": "Gold base", "AddOnReferences": []}),))
        effects = app.effects()
        refused = await app.act("change", changes)
        assert (refused.status, refused.code, refused.target) == (status, code, target), refused
        app.fault("error", method="GET", path="^/plans|^/addons", status=500, times=1)  # without an answer the first step finds it
        (operation,) = await app.until_ended(await app.act("change", changes))
        assert (operation["status"], operation["error"]["code"], operation["error"]["target"]) == ("Failed", code, target)
        assert app.effects() == effects


async def test_a_change_subscribes_and_unsubscribes_general_add_ons() -> None:
    async with bench() as app:
        await app.until_ended(await app.place(addOns=["Backup"]))
        assert [one["id"] for one in (await app.shown())["addOns"] if not one["personal"]] == ["backup"]
        await app.until_ended(await app.act("change", {"addOns": ["databases"]}))
        shown = await app.shown()
        assert [one["id"] for one in shown["addOns"] if not one["personal"]] == ["databases"]
        subscription = next(one for one in app.state()["subscriptions"] if one["SubscriptionID"] == shown["subscriptionId"])
        assert {one["AddOnId"] for one in subscription["AddOnReferences"]} == {one["id"] for one in shown["addOns"]}


async def test_a_change_below_what_is_used_is_refused_unless_it_is_accepted() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        subscription = (await app.shown())["subscriptionId"]
        for number in range(3):
            app.machine(f"vm{number}", "Stopped", subscription)
        refused = await app.act("change", {"resources": {"vmCount": 2}})
        assert (refused.status, refused.code, refused.target) == (409, "BelowUsage", "resources.vmCount")
        app.fault("error", method="GET", path="VirtualMachines|QuotaAndUsage", status=500, times=1)
        (operation,) = await app.until_ended(await app.act("change", {"resources": {"vmCount": 2}}))
        assert (operation["error"]["code"], operation["error"]["target"]) == ("BelowUsage", "resources.vmCount")
        (operation,) = await app.until_ended(await app.act("change", {"resources": {"vmCount": 2}, "acceptBelowUsage": True}))
        assert (operation["status"], (await app.shown())["resources"]["vmCount"]) == ("Succeeded", 2)


CHANGING = [
    ("POST", "^/plans/gold-2/addons$"),
    ("PATCH", "^/subscriptions/"),
    ("PUT", "^/addons/.*/quota$"),
    ("POST", "^/subscriptions/.*/addons$"),
]
"""The writes of a change of everything, each of which may be refused."""


@pytest.mark.parametrize(("method", "path"), CHANGING)
async def test_a_refused_change_puts_the_old_values_back(method: str, path: str) -> None:
    async with bench() as app:
        await app.until_ended(await app.place(addOns=["backup"]))
        references = [{"AddOnId": "backup"}, {"AddOnId": "databases"}]
        other = app.row("plans", "gold-plan") | {"Id": "gold-2", "DisplayName": "Gold 2", "AddOnReferences": references}
        app.pack.gate.apply((app.pack.gate.state.put("plans", other),))
        before = await app.shown()
        app.fault("error", method=method, path=path, status=400, code="Odd", times=1)
        changes = {"plan": "Gold 2", "resources": {"cpuCount": 12}, "addOns": ["databases"]}
        (operation,) = await app.until_ended(await app.act("change", changes))
        assert (operation["status"], operation["error"]["code"]) == ("Failed", "AzurePackRefused"), operation
        shown = await app.shown()
        assert (shown["resources"]["cpuCount"], shown["wanted"], shown["observed"]["drift"]) == (8, None, [])
        assert shown["plan"] == before["plan"]
        assert {one["id"] for one in shown["addOns"]} == {one["id"] for one in before["addOns"]}
        row = app.row("subscriptions", shown["subscriptionId"])
        assert row["_inForce"]["CPUCount"] == 8
        assert {one["AddOnId"] for one in row["AddOnReferences"]} == {one["id"] for one in shown["addOns"]}
        assert app.row("plans", "gold-2")["AddOnReferences"] == references, "the personal add-on is not left on the other plan"


async def test_a_change_without_a_difference_ends_unchanged_and_a_suspended_one_is_refused() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        effects = app.effects()
        (operation,) = await app.until_ended(await app.act("change", {"resources": {"cpuCount": 8}}))
        assert (operation["status"], operation["result"]["changed"]) == ("Succeeded", False)
        tag = (await app.request("GET", f"/tenants/{TENANT}/data-centers/10042")).headers["etag"]
        path, stale = f"/tenants/{TENANT}/data-centers/10042", {"If-Match": '"other"'}
        assert (await app.request("PATCH", path, {"name": "x"}, headers=stale)).status == 412
        assert (await app.request("PATCH", path, {"resources": {"cpuCount": 8}}, headers={"If-Match": tag})).status == 202
        (operation,) = await app.until_ended(await app.act("change", {"name": "Renamed"}))
        assert (operation["result"]["changed"], (await app.shown())["name"], app.effects()) == (True, "Renamed", effects)
        await app.until_ended(await app.act("suspend", {}))
        (operation,) = await app.until_ended(await app.act("change", {"name": "Again"}))
        assert (operation["status"], operation["error"]["code"]) == ("Failed", "DataCenterSuspended")


async def test_a_deletion_needs_its_confirmation_and_is_refused_while_there_are_machines() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        subscription = (await app.shown())["subscriptionId"]
        for name, status in (("web", "Running"), ("idle", "Stopped")):
            app.machine(name, status, subscription)
        path = f"/tenants/{TENANT}/data-centers/10042"
        assert (await app.request("DELETE", path)).target == "confirm"
        refused = await app.act("delete")
        assert (refused.status, refused.code) == (409, "MachinesExist")
        assert {one["target"] for one in refused.body["error"]["details"]} == {"web", "idle"}
        app.fault("error", method="GET", path="VirtualMachines", status=500, times=1)
        (operation,) = await app.until_ended(await app.act("delete"))
        assert (operation["status"], operation["error"]["code"]) == ("Failed", "MachinesExist")
        (operation,) = await app.until_ended(await app.act("delete", {"deleteMachines": True}))
        assert (operation["status"], operation["result"]["machinesDeleted"]) == ("Succeeded", 2), operation
        assert not {"web", "idle"} & set(app.power())
        assert (await app.place()).code == "DataCenterDeleted"
        assert (await app.shown())["state"] == "Deleted"
        assert app.forced() == [], "force is sent only where it is asked for"


async def test_a_tenant_with_a_data_center_cannot_be_deleted() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        refused = await app.request("DELETE", f"/tenants/{TENANT}?confirm={TENANT}")
        assert (refused.status, refused.code) == (409, "TenantBusy")
        await app.until_ended(await app.act("delete"))
        assert (await app.request("DELETE", f"/tenants/{TENANT}?confirm={TENANT}")).status == 204


async def test_a_forced_deletion_names_the_machines_that_it_leaves_behind() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        app.machine("web", "Running", (await app.shown())["subscriptionId"])
        (operation,) = await app.until_ended(await app.act("delete", {"force": True, "keepUser": True}))
        assert (operation["status"], len(operation["result"]["leftBehind"])) == ("Succeeded", 1)
        assert [one["Name"] for one in app.state()["orphans"]] == ["web"]
        assert len(app.forced()) == 1
        assert any(one["Name"] == "ada@northwind.example" for one in app.state()["users"])


async def test_a_deletion_that_is_stuck_is_named() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        app.fault("stuckDeletion", method="DELETE", path="^/subscriptions/", times=1)
        deleting = await app.act("delete")
        await app.advance(timedelta(hours=2))
        assert (await app.operation(deleting))["attention"]["code"] == "DeletionStuck"
        subscription = (await app.shown())["subscriptionId"]
        app.change("subscriptions", subscription, _deleting=app.row("subscriptions", subscription)["_deleting"] | {"stuck": False})
        (operation,) = await app.until_ended(deleting)
        assert operation["status"] == "Succeeded"
