"""Setting up protection over real HTTP: each write once, followed to its job's end, and read back."""

from typing import Any

import pytest

from tests.support.api import Caller
from tests.support.running import Running, new_key
from tests.support.set_up import ROLES, cloud, done, send, values, writes

pytestmark = pytest.mark.usefixtures("full_bucket")


@pytest.fixture
def provider(stack: Running) -> Caller:
    """A caller of the provider's who may set up protection."""
    return stack.caller(*ROLES, tenant="provider")


@pytest.fixture
def tenant(stack: Running) -> Caller:
    """A caller of contoso's who may set up protection."""
    return stack.caller(*ROLES)


POLICY = {"copyFrequencySeconds": 30, "recoveryPointHours": 12, "applicationConsistentSnapshotHours": 4, "startAt": "22:30"}


def test_a_policy_is_made_changed_associated_and_deleted(stack: Running, provider: Caller) -> None:
    gold = cloud(provider, "cloud-gold")
    path = "/replication-policies/nightly"
    reply = send(provider, "PUT", path, {**POLICY, "clouds": [{"cloud": gold}]})
    assert reply.status == 202, reply
    assert (reply.body["kind"], reply.body["tenant"]) == ("replicationPolicy", "provider")
    assert reply.headers["location"] == f"{stack.api}{path}"
    ended = stack.until_ended(provider, reply.headers["operation-location"], step="PT1M").body
    assert (ended["status"], ended["percentComplete"], ended["error"]) == ("Succeeded", 100, None)
    made = provider.get(reply.headers["location"]).body
    assert {name: made[name] for name in POLICY} == POLICY
    assert [one["cloud"] for one in made["clouds"]] == [gold]
    assert made["warnings"] == []
    done(stack, provider, "PUT", path, {**POLICY, "clouds": [{"cloud": gold}]})
    assert writes(stack, "/replicationPolicies/nightly") == ["PUT"]  # it was so already: nothing is written
    done(stack, provider, "PUT", path, {**POLICY, "recoveryPointHours": 24, "clouds": []})
    changed = provider.get(path).body
    assert (changed["recoveryPointHours"], changed["clouds"]) == (24, [])
    assert writes(stack, "/replicationPolicies/nightly") == ["PUT", "PATCH"]
    assert writes(stack, f"{gold}/replicationProtectionContainerMappings/") == ["PUT", "POST"]
    done(stack, provider, "DELETE", path)
    assert provider.get(path).status == 404
    assert send(provider, "DELETE", path).status == 404


def test_what_a_request_leaves_out_of_a_policy_stays(stack: Running, provider: Caller) -> None:
    path = "/replication-policies/fortnight"
    done(stack, provider, "PUT", path, {"provider": "A2A", "recoveryPointHours": 360, "applicationConsistentSnapshotHours": 4})
    done(stack, provider, "PUT", path, {"clouds": [], "startAt": None})
    made = provider.get(path).body
    assert (made["recoveryPointHours"], made["applicationConsistentSnapshotHours"]) == (360, 4)
    assert writes(stack, "replicationPolicies/fortnight") == ["PUT"]
    done(stack, provider, "PUT", path, {"applicationConsistentSnapshotHours": 2})
    made = provider.get(path).body
    assert (made["recoveryPointHours"], made["applicationConsistentSnapshotHours"]) == (360, 2)


def test_a_copy_frequency_of_15_minutes_is_legacy(stack: Running, provider: Caller) -> None:
    reply = send(provider, "PUT", "/replication-policies/old", {**POLICY, "copyFrequencySeconds": 900})
    assert reply.status == 202
    assert "legacy" in reply.headers["warning"]
    stack.until_ended(provider, reply.headers["operation-location"], step="PT1M")
    assert "900" in provider.get("/replication-policies/old").body["warnings"][0]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"copyFrequencySeconds": 60}, "copyFrequencySeconds"),
        ({"recoveryPointHours": 25}, "recoveryPointHours"),
        ({"recoveryPointHours": -1}, "recoveryPointHours"),
        ({"startAt": "half past ten"}, "startAt"),
        ({"provider": "Carrier pigeon"}, "provider"),
        ({"clouds": [{"cloud": "/subscriptions/x"}]}, "clouds[0].cloud"),
        ({"colour": "red"}, "colour"),
        ({"provider": "A2A", "recoveryPointHours": 361}, "recoveryPointHours"),
    ],
)
def test_a_policy_that_cannot_be_is_refused_with_the_field(stack: Running, provider: Caller, change: dict[str, Any], field: str) -> None:
    reply = send(provider, "PUT", "/replication-policies/wrong", {**POLICY, **change})
    assert (reply.status, reply.targets) == (400, {field})
    assert not writes(stack, "replicationPolicies/wrong")


def test_a_policy_in_use_is_not_deleted(stack: Running, provider: Caller) -> None:
    reply = send(provider, "DELETE", "/replication-policies/every-5-minutes")
    assert (reply.status, reply.code) == (409, "ActionNotAllowed")
    assert "protected items use the policy" in reply.error["message"]
    assert not writes(stack, "replicationPolicies/every-5-minutes")


def test_the_same_key_gives_the_same_operation(stack: Running, provider: Caller) -> None:
    key = new_key()
    first = send(provider, "PUT", "/replication-policies/keyed", POLICY, key)
    again = send(provider, "PUT", "/replication-policies/keyed", POLICY, key)
    assert first.body["id"] == again.body["id"]
    other = send(provider, "PUT", "/replication-policies/keyed-too", POLICY, key)
    assert (other.status, other.code) == (409, "RepeatabilityKeyReused")
    stack.until_ended(provider, first.headers["operation-location"], step="PT1M")
    assert writes(stack, "replicationPolicies/keyed") == ["PUT"]


def test_two_changes_of_one_thing_exclude_each_other(stack: Running, provider: Caller) -> None:
    first = send(provider, "PUT", "/replication-policies/contested", POLICY)
    second = send(provider, "PUT", "/replication-policies/contested", {**POLICY, "recoveryPointHours": 24})
    assert (second.status, second.code) == (409, "ScopeBusy")
    stack.until_ended(provider, first.headers["operation-location"], step="PT1M")


@pytest.mark.parametrize("fault", ["lostResponse", "errorAfterEffect", "error", "throttle"])
def test_a_lost_or_late_answer_makes_no_second_write(stack: Running, provider: Caller, fault: str) -> None:
    name = f"{fault.lower()}-met"
    stack.fault(fault, method="PUT", path=f"replicationPolicies/{name}$")
    done(stack, provider, "PUT", f"/replication-policies/{name}", POLICY)
    assert provider.get(f"/replication-policies/{name}").status == 200
    assert writes(stack, f"replicationPolicies/{name}") == ["PUT"]


def test_azures_refusal_is_reported(stack: Running, provider: Caller) -> None:
    stack.fault("error", method="PUT", path="replicationPolicies/forbidden$", status=403)
    ended = done(stack, provider, "PUT", "/replication-policies/forbidden", POLICY, status="Failed")
    assert ended["error"]["code"] == "AuthorizationFailed"
    assert ended["error"]["details"]


def test_a_network_is_mapped_and_given_back(stack: Running, provider: Caller) -> None:
    mapping = values(provider, "/network-mappings")[0]
    path = f"/network-mappings/{mapping['id'].rpartition('/')[2]}"
    done(stack, provider, "DELETE", path)
    assert provider.get(path).status == 404
    body = {"primaryNetwork": mapping["primaryNetwork"], "recoveryNetwork": mapping["recoveryNetwork"]}
    done(stack, provider, "PUT", path, body)
    again = provider.get(path).body
    assert (again["primaryNetwork"], again["recoveryNetwork"]) == (mapping["primaryNetwork"], mapping["recoveryNetwork"])
    wrong = send(provider, "PUT", path, {**body, "recoveryNetwork": f"{mapping['recoveryNetwork']}-not"})
    assert (wrong.status, wrong.targets) == (400, {"recoveryNetwork"})


def test_virtual_networks_are_mapped_changed_and_given_back(stack: Running, tenant: Caller) -> None:
    names = ("contoso-westeurope", "contoso-northeurope", "drill-contoso-northeurope", "fabrikam-northeurope")
    known = {one["id"].rpartition("/")[2]: one["id"] for one in stack.control("GET", "estate")["virtualNetworks"]}
    here, there, drill, theirs = (known[name] for name in names)
    path, body = "/network-mappings/west-to-north", {"primaryNetwork": here, "recoveryNetwork": there}
    for change, field in (
        ({"recoveryNetwork": here}, "recoveryNetwork"),  # the same region
        ({"recoveryNetwork": f"{there}-not"}, "recoveryNetwork"),
        ({"recoveryNetwork": theirs}, "recoveryNetwork"),
        ({"primaryNetwork": f"{here}-not"}, "primaryNetwork"),
        ({"primaryNetwork": theirs}, "primaryNetwork"),
        ({"colour": "red"}, "colour"),
    ):
        reply = send(tenant, "PUT", path, {**body, **change})
        assert (reply.status, reply.targets) == (400, {field}), (change, reply)
    done(stack, tenant, "PUT", path, body)
    made = tenant.get(path).body
    assert (made["primaryNetwork"], made["recoveryNetwork"], made["name"]) == (here, there, "west-to-north")
    assert made["primaryFabric"].endswith("/contoso-westeurope")
    assert made["recoveryFabric"].endswith("/contoso-northeurope")
    assert [one["id"] for one in values(tenant, "/network-mappings")] == [made["id"]]
    done(stack, tenant, "PUT", path, body)
    assert writes(stack, made["id"]) == ["PUT"]  # it was so already: nothing is written
    done(stack, tenant, "PUT", path, {**body, "recoveryNetwork": drill})
    assert tenant.get(path).body["recoveryNetwork"] == drill
    back = send(tenant, "PUT", path, {"primaryNetwork": there, "recoveryNetwork": here})
    assert (back.status, back.targets) == (400, {"primaryNetwork"})  # the name is taken in the other region
    done(stack, tenant, "DELETE", path)
    assert tenant.get(path).status == 404
    assert writes(stack, made["id"]) == ["PUT", "PATCH", "DELETE"]


def test_a_vault_is_set_up_by_its_own_tenant_only(stack: Running, provider: Caller, tenant: Caller) -> None:
    vault = values(provider, "/fabrics")[0]["id"].partition("/replicationFabrics/")[0]
    plan = {"groups": [{"members": [values(provider, "/protected-items")[0]["id"]]}]}
    calls = (
        ("PUT", "/replication-policies/stolen", POLICY),
        ("DELETE", "/replication-policies/every-5-minutes", None),
        ("DELETE", "/network-mappings/one", None),
        ("PATCH", "/protected-items/erp01", {"targetVmName": "stolen"}),
        ("DELETE", "/protected-items/erp01?confirm=erp01", None),
        ("PUT", "/recovery-plans/shop", plan),
        ("DELETE", "/recovery-plans/shop", None),
    )
    reader = stack.caller("Failovers.Read", tenant="provider")
    before = len(stack.control("GET", "effects")["value"])
    for method, path, body in calls:
        join = "&" if "?" in path else "?"
        assert send(tenant, method, f"{path}{join}vaultId={vault}", body).status == 404
        assert send(tenant, method, path, body).status in {400, 404} or path == "/replication-policies/stolen"
        refused = send(reader, method, path, body)
        assert (refused.status, refused.code) == (403, "MissingRole")
    stack.advance("PT10M")
    now = stack.control("GET", "effects")["value"][before:]
    assert all("contoso" in effect["path"] for effect in now), now


def test_what_is_another_tenants_is_neither_protected_nor_used(stack: Running, provider: Caller, tenant: Caller) -> None:
    estate = stack.control("GET", "estate")
    vm = stack.machine()
    group = vm.id.partition("/providers/")[0].replace("production", "recovery")
    account = f"{group}/providers/Microsoft.Storage/storageAccounts/cache"
    network = next(one["id"] for one in estate["virtualNetworks"] if one["id"].endswith("/contoso-northeurope"))
    good = {"virtualMachineId": vm.id, "policy": "a2a-day", "resourceGroupId": group, "storageAccountId": account, "network": network}
    theirs = next(one["id"] for one in estate["virtualMachines"] if one["id"].endswith("/fabrikam-web01"))
    before = len(stack.control("GET", "effects")["value"])
    answers = [send(tenant, "POST", "/protected-items", {**good, "virtualMachineId": id_}) for id_ in (theirs, f"{theirs}-not")]
    assert [(reply.status, reply.code, reply.error["target"]) for reply in answers] == [(404, "NotFound", "virtualMachineId")] * 2
    made = {"provider": "A2A", "recoveryPointHours": 24}
    done(stack, provider, "PUT", "/replication-policies/a2a-of-provider", made)
    reply = send(provider, "POST", "/protected-items", {**good, "virtualMachineId": theirs, "policy": "a2a-of-provider"})
    assert (reply.status, reply.code) == (404, "NotFound"), "nor does the provider, in its own vault"
    before = len(stack.control("GET", "effects")["value"])
    subscriptions = {one["name"]: one["subscriptions"][0] for one in estate["tenants"]}
    for field in ("resourceGroupId", "storageAccountId", "network"):
        named = str(good[field]).replace(subscriptions["contoso"], subscriptions["fabrikam"]).replace("contoso", "fabrikam")
        for other in (named, f"{named}-not"):
            reply = send(tenant, "POST", "/protected-items", {**good, field: other})
            assert (reply.status, reply.error["target"]) == (404, field), reply
            assert other in reply.error["message"]
    policy = {"storageAccountId": account.replace(subscriptions["contoso"], subscriptions["fabrikam"])}
    assert send(tenant, "PUT", "/replication-policies/borrowed", policy).error["target"] == "storageAccountId"
    assert len(stack.control("GET", "effects")["value"]) == before
