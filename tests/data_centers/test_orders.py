"""Orders over the simulated Azure Pack in memory: what they make, what refuses them, and what is left of one that failed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from local.simulation.azure_pack.sample import STAMP, SUBSCRIPTION
from local.simulation.azure_pack.settling import syncing
from shared.azure_pack.quotas import NetworkQuota
from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import OTHER, PROVIDER, TENANT, Json, installation, order
from tests.support.secrets import OWN

ORDERED = {"vmCount": 4, "cpuCount": 8, "memoryMB": 16384, "storageGB": 500}
WRITES = (
    ("POST", "^/users$"), ("PUT", "^/accounts/"), ("POST", "^/subscriptions$"), ("POST", "^/addons$"), ("POST", "^/addons/.*/services$"),
    ("PUT", "^/addons/.*/quota$"), ("POST", "^/plans/.*/addons$"), ("POST", "^/subscriptions/.*/addons$"),
)  # fmt: skip
"""Each write of an order, in its order."""


def made(app: Bench, before: Json) -> dict[str, int]:
    """Return how many things of each kind the installation has more than before."""
    after = app.state()
    return {name: len(after[name]) - len(before[name]) for name in ("users", "subscriptions", "addOns", "accounts", "machines", "orphans")}


def without_times(state: Json) -> Json:
    """Return what an installation holds, without the state of synchronisations."""
    changing = ("QuotaSyncState", "ActivationSyncState", "LastErrorMessage")
    return {name: [{key: value for key, value in row.items() if key not in changing} for row in rows] for name, rows in state.items()}


async def test_an_order_makes_one_of_each_and_ends_once_the_quota_is_in_force() -> None:
    async with bench() as app:
        before = app.state()
        placed = await app.place()
        assert (placed.status, placed.body["state"]) == (202, "Provisioning"), placed
        (operation,) = await app.until_ended(placed)
        assert (operation["status"], operation["action"], operation["error"]) == ("Succeeded", "create", None), operation
        assert made(app, before) == {"users": 1, "subscriptions": 1, "addOns": 1, "accounts": 1, "machines": 0, "orphans": 0}
        shown = await app.shown()
        assert (shown["state"], shown["quotaSync"]["state"], shown["pending"], shown["resources"]) == ("Active", "InSync", [], ORDERED)
        assert (shown["observed"]["subscriptionState"], shown["observed"]["drift"]) == ("Active", [])
        subscription = next(one for one in app.state()["subscriptions"] if one["SubscriptionID"] == shown["subscriptionId"])
        assert len(subscription["AddOnReferences"]) == 1
        in_force = app.row("subscriptions", shown["subscriptionId"])
        assert in_force["_inForce"] == {"VMCount": 4, "CPUCount": 8, "MemoryMB": 16384, "StorageGB": 500}
        assert next(one for one in app.state()["addOns"] if one["Id"] == shown["addOns"][0]["id"])["State"] == 0, "it must be private"
        assert operation["result"]["welcome"]["secretUrl"] is None, "the address of the secret is in the event alone"
        (event,) = app.events
        assert (event["type"], event["data"]["result"]["dataCenter"]) == ("farshore.dataCenter.succeeded", "10042")
        assert event["data"]["result"]["welcome"]["secretUrl"].startswith("https://farshore.example/api/one-time-secrets#")


async def test_network_limits_go_into_the_add_on_where_the_installation_takes_them() -> None:
    async with bench(document=installation(networkLimits=True)) as app:
        stamp = UUID(STAMP)
        (quota,) = app.row("plans", "gold-plan")["ServiceQuotas"]
        actions = {"Key": "Actions", "Value": NetworkQuota(stamp, 1, 10, 10, 0, None).to_xml()}
        app.change("plans", "gold-plan", ServiceQuotas=[quota | {"Settings": [*quota["Settings"], actions]}])
        limits = {"networks": 3, "bandwidthInMbps": 100, "bandwidthOutMbps": 10, "vpnConnections": 2}
        unlimited = await app.place("1", resources={**ORDERED, "publicAddresses": 2})
        below = await app.place("2", resources={**ORDERED, "bandwidthInMbps": 5})
        assert (unlimited.code, below.code) == ("PlanNotSuitable", "BelowPlan"), (unlimited, below)
        (operation,) = await app.until_ended(await app.place(resources={**ORDERED, **limits}))
        assert operation["status"] == "Succeeded", operation
        shown = await app.shown()
        assert shown["resources"] == {**ORDERED, **limits}
        (service,) = app.row("add_ons", shown["addOns"][0]["id"])["ServiceQuotas"]
        settings = {one["Key"]: one["Value"] for one in service["Settings"]}
        assert NetworkQuota.parse(settings["Actions"]) == (NetworkQuota(stamp, 2, 90, 0, 2, 0),), "the limits of plan and add-on add up"
        assert settings["Actions"].count("<Action ") == 1


async def test_a_late_repetition_of_an_order_changes_nothing() -> None:
    async with bench() as app:
        first = await app.place()
        repeated = await app.place()
        assert (first.status, repeated.status, repeated.operation) == (202, 200, first.operation)
        await app.until_ended(first)
        await app.until_ended(await app.act("change", {"resources": {"cpuCount": 12}}))
        effects = app.effects()
        again = await app.place()
        assert (again.status, again.operation, again.body["resources"]["cpuCount"]) == (200, first.operation, 12)
        await app.advance(timedelta(minutes=5))
        assert app.effects() == effects
        other = await app.place(name="another")
        assert (other.status, other.code) == (409, "DataCenterExists")
        upper = await app.place("10042".upper(), resources={"vmCount": 1})
        assert upper.code == "DataCenterExists"


@pytest.mark.parametrize("step", range(len(WRITES)))
async def test_a_refused_order_leaves_nothing_behind_and_a_new_one_works(step: int) -> None:
    method, path = WRITES[step]
    async with bench() as app:
        before = without_times(app.state())
        app.fault("error", method=method, path=path, status=400, code="Odd", message="No.", times=1)
        placed = await app.place()
        (operation,) = await app.until_ended(placed)
        assert operation["status"] == "Failed", operation
        assert operation["error"]["code"] == "AzurePackRefused"
        assert operation["error"]["details"][0]["code"] == ("AccountsService" if "accounts" in path else "Odd")
        assert without_times(app.state()) == before
        assert (await app.shown())["state"] == "Failed"
        assert not [name for name in app.vaults.names() if "-password" in name]
        again = await app.place()
        assert (again.status, again.body["attempt"]) == (202, 2)
        (operation,) = await app.until_ended(again)
        assert operation["status"] == "Succeeded", operation


async def test_a_user_that_was_there_stays_and_one_of_another_tenants_is_not_available() -> None:
    async with bench() as app:
        refused = await app.place(user={"name": "noone@example.com"})
        assert (refused.status, refused.code, refused.target) == (409, "UserExists", "user.name")
        app.fault("error", method="POST", path="/subscriptions", status=400, code="Odd", times=1)
        (operation,) = await app.until_ended(await app.place(user={"name": "noone@example.com", "existing": True}))
        assert operation["status"] == "Failed"
        assert any(one["Name"] == "noone@example.com" for one in app.state()["users"])
        theirs = await app.place("8", tenant=OTHER, user={"name": "noone@example.com", "existing": True}, resources={"networks": 1})
        assert theirs.code == "ResourceNotSupported", "an order that failed keeps no user"
        await app.until_ended(await app.place(user={"name": "noone@example.com", "existing": True}))
        assert (await app.shown())["user"] == {"name": "noone@example.com", "email": "noone@example.com", "createdByUs": False}
        other = await app.place("7", tenant=OTHER, user={"name": "noone@example.com", "existing": True})
        assert (other.status, other.code) == (409, "UserNotAvailable")
        assert TENANT not in str(other.body)


async def test_what_cannot_be_undone_is_named_and_retry_ends_it() -> None:
    async with bench() as app:
        before = without_times(app.state())
        app.fault("error", method="POST", path="/plans/gold-plan/addons", status=400, code="Odd", times=1)
        app.fault("error", method="DELETE", path="/addons/", status=400, code="Stuck", message="It is stuck.", times=3)
        placed = await app.place()
        await app.advance(timedelta(minutes=4))
        operation = await app.operation(placed)
        assert (operation["status"], operation["attention"]["code"]) == ("Running", "CompensationIncomplete"), operation
        (left,) = (await app.shown())["leftBehind"]
        assert left["kind"] == "addOn"
        hidden = await app.shown(caller=(TENANT, "Tenants.Read"))
        assert hidden.get("leftBehind", []) == []
        app.platform.clear_faults()
        assert (await app.request("POST", f"/operations/{placed.operation}/retry")).status == 202
        (operation,) = await app.until_ended(placed)
        assert (operation["status"], operation["error"]["details"][0]["code"]) == ("Failed", "Odd")
        assert without_times(app.state()) == before


async def test_succeeded_waits_for_the_quota_and_out_of_sync_is_named() -> None:
    async with bench() as app:
        app.fault("outOfSync", method="POST", path="/addons", message="No storage.", times=1)
        app.fault("outOfSync", method="PUT", path="/subscriptions/", message="No storage.", times=5)
        placed = await app.place()
        await app.advance(timedelta(hours=2))
        operation = await app.operation(placed)
        assert (operation["status"], operation["attention"]["code"]) == ("Running", "QuotaOutOfSync"), operation
        assert operation["attention"]["message"] == "No storage."
        assert (await app.shown())["quotaSync"]["state"] == "OutOfSync"
        assert sum(path.endswith("/quota") and path.startswith("/subscriptions") for _, path in app.effects()) == 5
        row = app.row("subscriptions", (await app.shown())["subscriptionId"])
        app.pack.gate.apply((app.pack.gate.state.put("subscriptions", syncing(app.pack.gate.state, row, app.platform.clock.now(), None)),))
        (operation,) = await app.until_ended(placed)
        assert operation["status"] == "Succeeded"


@pytest.mark.parametrize(
    ("changes", "code", "target"),
    [
        ({"plan": "Boundless"}, "PlanNotSuitable", "resources.vmCount"),
        ({"plan": "Retired"}, "PlanNotSuitable", "plan"),
        ({"plan": "nothing"}, "NotFound", "plan"),
        ({"plan": "Silver", "resources": {"cpuCount": 1}}, "BelowPlan", "resources.cpuCount"),
        ({"resources": {"networks": 3}}, "ResourceNotSupported", "resources.networks"),
        ({"addOns": ["backup", "nothing"]}, "NotFound", "addOns[1]"),
        ({"resources": {}}, "InvalidRequest", "resources"),
        ({"user": {"name": "ada"}}, "InvalidRequest", "user.email"),
        ({"user": {"name": "a/b", "email": "ada@example.com"}}, "InvalidRequest", "user.name"),
        ({"installation": "none"}, "NotFound", "installation"),
        ({"user": {"name": "ada@example.com", "password": {"keyVaultSecretId": f"{OWN}/secrets/own"}}}, "NotFound", "user.password"),
    ],
)  # fmt: skip
async def test_an_order_that_cannot_be_carried_out_is_refused_at_once(changes: dict[str, Any], code: str, target: str) -> None:
    async with bench() as app:
        app.vaults.add(f"{OWN}/secrets/own", "ours")
        before, asked = app.effects(), list(app.vaults.asked)
        refused = await app.place(**changes)
        assert (refused.code, refused.target) == (code, target), refused
        assert app.effects() == before
        if target == "user.password":
            assert app.vaults.asked == asked, "the vault must not be asked"
        assert (await app.request("GET", f"/tenants/{TENANT}/data-centers/10042")).status == 404


async def test_the_limit_of_subscriptions_counts_all_pages() -> None:
    async with bench() as app:
        await app.until_ended(await app.place(plan="Single"))
        refused = await app.place("2", plan="Single")
        assert (refused.code, "1" in refused.body["error"]["message"]) == ("MaxSubscriptionsReached", True)
        app.change("plans", "gold-plan", MaxSubscriptionsPerAccount=1001)
        template = next(iter(app.pack.gate.state.subscriptions.values()))
        many = [
            template | {"SubscriptionID": f"{number:08x}-0000-4000-8000-000000000000", "AccountAdminLiveEmailId": "ada@northwind.example"}
            for number in range(1001)
        ]
        app.pack.gate.apply(tuple(app.pack.gate.state.put("subscriptions", one) for one in many))
        refused = await app.place("3")
        assert refused.code == "MaxSubscriptionsReached"


async def test_the_same_message_after_its_order_failed_orders_nothing() -> None:
    async with bench() as app:
        app.fault("error", method="POST", path="/subscriptions", status=400, code="Odd", times=1)
        message = {"id": "m1", "tenant": TENANT, "operation": "dataCenter.create", "dataCenter": "10042", **order()}
        app.send(message)
        await app.advance(timedelta(minutes=5))
        assert (await app.shown())["state"] == "Failed"
        effects = app.effects()
        app.send(message)
        await app.advance(timedelta(minutes=5))
        assert app.effects() == effects
        assert [event["type"] for event in app.events] == ["farshore.dataCenter.failed"]


async def test_an_order_can_be_canceled_before_its_subscription_and_then_leaves_nothing() -> None:
    async with bench() as app:
        before = without_times(app.state())
        app.fault("throttle", method="POST", path="^/subscriptions$", retryAfter=60, times=1)
        placed = await app.place()
        await app.advance()
        assert len(app.state()["users"]) == len(before["users"]) + 1, "the user is made, the subscription is yet to be"
        assert (await app.request("POST", f"/operations/{placed.operation}/cancel")).status == 202
        (operation,) = await app.until_ended(placed)
        assert (operation["status"], operation["error"]) == ("Canceled", None)
        assert without_times(app.state()) == before
        again = await app.place()
        await app.advance(10)
        refused = await app.request("POST", f"/operations/{again.operation}/cancel")
        assert (refused.status, refused.code) == (409, "AlreadyStarted")
        waiting = await app.act("suspend", {})
        assert (await app.request("POST", f"/operations/{waiting.operation}/cancel")).status == 202
        (first, second) = await app.until_ended(again, waiting)
        assert (first["status"], second["status"]) == ("Succeeded", "Canceled")


async def test_create_tenant_makes_a_tenant_once_and_a_deleted_name_is_refused() -> None:
    async with bench() as app:
        assert (await app.place(tenant="fresh")).code == "NotFound"
        placed = await app.place(tenant="fresh", createTenant={"displayName": "Fresh"})
        assert placed.status == 202, placed
        tenant = (await app.request("GET", "/tenants/fresh")).body
        assert (tenant["backend"], tenant["callers"], tenant["displayName"]) == ("azurePack", [], "Fresh")
        await app.until_ended(placed)
        assert (await app.request("DELETE", f"/tenants/{OTHER}?confirm={OTHER}")).status == 204
        refused = await app.place(tenant=OTHER, createTenant={"displayName": "Again"}, user={"name": "eve@example.com"})
        assert (refused.status, refused.code) == (409, "NameUsedBefore")


async def test_a_subscription_that_another_system_made_is_taken_over_without_a_write() -> None:
    async with bench() as app:
        effects = app.effects()
        body = {"adopt": {"subscriptionId": SUBSCRIPTION, "addOnId": "northwind"}}
        placed = await app.request("PUT", f"/tenants/{TENANT}/data-centers/old", body)
        (operation,) = await app.until_ended(placed)
        assert operation["status"] == "Succeeded", operation
        shown = await app.shown("old")
        assert (shown["resources"]["cpuCount"], shown["user"]["name"], shown["plan"]["id"]) == (16, "admin@northwind.example", "gold-plan")
        assert app.effects() == effects
        again = await app.request("PUT", f"/tenants/{OTHER}/data-centers/theirs", body)
        (operation,) = await app.until_ended(again)
        assert (operation["status"], operation["error"]["code"]) == ("Failed", "UserNotAvailable")


async def test_a_refused_sign_in_is_attention_and_never_fails_an_order() -> None:
    async with bench() as app:
        password = app.row("accounts", "farshore")["password"]
        app.change("accounts", "farshore", password="changed")
        placed = await app.place()
        assert placed.status == 202, "what Azure Pack does not answer is left to the first step"
        await app.advance(timedelta(minutes=12))
        operation = await app.operation(placed)
        assert (operation["status"], operation["attention"]["code"]) == ("Running", "SignInFailed")
        tried = app.platform.requests.as_json()
        await app.advance(timedelta(minutes=2))
        assert app.platform.requests.as_json() == tried, "a refused password is not tried again for 15 minutes"
        app.change("accounts", "farshore", password=password)
        put = await app.request("PUT", "/azure-packs/pack", installation(), headers={"If-Match": "*"})
        assert put.status == 200, put
        (operation,) = await app.until_ended(placed)
        assert operation["status"] == "Succeeded"


async def test_a_dry_run_shows_each_check_and_has_no_effect() -> None:
    async with bench() as app:
        path = f"/tenants/{TENANT}/data-centers/10042?dryRun=true"
        good = await app.request("PUT", path, order())
        assert (good.status, {one["result"] for one in good.body["checks"]}) == (200, {"pass"})
        assert [one["name"] for one in good.body["checks"]] == ["installation", "plan", "limits", "user", "subscriptions", "addOns"]
        bad = await app.request("PUT", path, order(plan="Silver", resources={"cpuCount": 1}))
        assert [one["name"] for one in bad.body["checks"] if one["result"] == "failure"] == ["limits"]
        assert (await app.request("GET", f"/tenants/{TENANT}/data-centers/10042")).status == 404


async def test_a_tenants_caller_cannot_write_and_sees_its_own_alone() -> None:
    everything = (TENANT, "Tenants.Write", "Tenants.Read", "Admin", "Copies.Write", "Failovers.Execute")
    async with bench() as app:
        await app.until_ended(await app.place())
        path, body = f"/tenants/{TENANT}/data-centers/10042", order()
        for method, where, sent in (
            ("PUT", path, body), ("PATCH", path, {"name": "x"}), ("POST", f"{path}/suspend", {}), ("POST", f"{path}/resume", {}),
            ("DELETE", path, {}), ("POST", f"{path}/new-secret", None), ("PUT", "/azure-packs/pack", installation()),
            ("DELETE", "/azure-packs/pack", None), ("POST", "/azure-packs/pack/check", None), ("GET", "/azure-packs", None),
            ("GET", "/azure-packs/pack", None), ("GET", "/azure-packs/pack/plans", None), ("GET", "/data-centers", None),
        ):  # fmt: skip
            reply = await app.request(method, where, sent, caller=everything)
            assert (reply.status, reply.code) == (403, "MissingRole"), (method, where, reply)
        operation = (await app.shown())["id"]
        assert operation == "10042"
        assert (await app.request("GET", path, caller=everything)).body["portalUrl"] == "https://portal.pack.example"
        assert (await app.request("GET", path, caller=(OTHER, "Tenants.Read"))).status == 404
        assert (await app.request("GET", f"/tenants/{TENANT}/data-centers", caller=(OTHER, "Tenants.Read"))).status == 404
        suspending = await app.act("suspend", {})
        for command in ("cancel", "retry"):
            reply = await app.request("POST", f"/operations/{suspending.operation}/{command}", caller=everything)
            assert (reply.status, reply.code) == (403, "MissingRole")
        listed = await app.request("GET", "/data-centers?top=1", caller=(PROVIDER, "Admin"))
        assert [one["id"] for one in listed.body["value"]] == ["10042"]
        own = await app.request("GET", f"/tenants/{TENANT}/data-centers?state=Active", caller=(TENANT, "Tenants.Read"))
        assert [one["id"] for one in own.body["value"]] == ["10042"]
