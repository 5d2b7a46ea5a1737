"""Whether a tenant can be protected, over real HTTP: the nine checks and their messages."""

from tests.support.running import Running


def test_each_tenant_has_the_nine_checks_with_a_reason(stack: Running) -> None:
    reply = stack.caller("Admin", tenant="provider").get("/readiness")
    assert reply.status == 200, reply
    assert [one["tenant"] for one in reply.body["value"]] == ["contoso", "fabrikam", "provider"]
    for one in reply.body["value"]:
        assert {check["number"] for check in one["checks"]} == set(range(1, 10))
        assert all(check["message"] for check in one["checks"])
        found = [check["result"] for check in one["checks"]]
        assert one["result"] == next(result for result in ("failure", "unknown", "warning", "pass") if result in found)
    provider = {check["target"]: check for check in reply.body["value"][2]["checks"] if check["name"] == "providerVersion"}
    assert provider["vmm03.provider.example"]["result"] == "failure"  # 5.1.950 is older than 5.1.1256
    assert provider["vmm01.provider.example"]["result"] == "pass"
    machines = {check["target"]: check["result"] for check in reply.body["value"][2]["checks"] if check["name"] == "machines"}
    assert machines["cluster01"] == "failure"
    cloud = [check for check in reply.body["value"][2]["checks"] if check["name"] == "cloud"]
    assert any(check["result"] == "warning" and "2019" in check["message"] for check in cloud)


def test_a_tenant_reads_its_own_only(stack: Running) -> None:
    tenant = stack.caller("Tenants.Read")
    reply = tenant.get("/tenants/contoso/readiness")
    assert (reply.status, reply.body["tenant"]) == (200, "contoso")
    assert tenant.get("/tenants/fabrikam/readiness").status == 404
    assert tenant.get("/readiness").status == 403
    assert stack.caller("Failovers.Read").get("/tenants/contoso/readiness").status == 403
    admin = stack.caller("Admin", tenant="provider")
    assert admin.get("/tenants/contoso/readiness").body == reply.body


def test_what_cannot_be_read_is_unknown(stack: Running) -> None:
    stack.fault("error", method="GET", path="/vaults/contoso-vault/replicationRecoveryPlans$", status=403, times=5)
    reply = stack.caller("Tenants.Read").get("/tenants/contoso/readiness")
    plans = next(check for check in reply.body["checks"] if check["name"] == "recoveryPlans")
    assert (reply.status, plans["result"]) == (200, "unknown")


def test_a_page_has_at_most_a_hundred_tenants(stack: Running) -> None:
    admin = stack.caller("Admin", tenant="provider")
    assert admin.get("/readiness", top=101).status == 400
    first = admin.get("/readiness", top=2)
    assert [one["tenant"] for one in first.body["value"]] == ["contoso", "fabrikam"]
    assert [one["tenant"] for one in admin.get(first.body["nextLink"]).body["value"]] == ["provider"]


def test_the_mappings_of_the_sample_estate(stack: Running) -> None:
    admin = stack.caller("Admin", tenant="provider")
    found = admin.get("/readiness/mappings")
    assert found.status == 200, found
    unmapped = [one for one in found.body["value"] if one["result"] != "mapped"]
    assert {(one["result"], one["tenants"] == []) for one in unmapped} == {("unmapped", True)}
    assert len([one for one in unmapped if one["kind"] == "subscription"]) == 1
    assert {one["kind"] for one in unmapped} == {"subscription", "vault", "storageAccount"}, "what the spare subscription has"
    assert {one["kind"] for one in found.body["value"]} == {"subscription", "vault", "cloud", "storageAccount"}
    clouds = admin.get("/readiness/mappings", kind="cloud").body["value"]
    assert {tuple(one["tenants"]) for one in clouds} == {("provider",)}
    assert admin.get("/readiness/mappings", result="missing").body == {"value": []}
    assert admin.get("/readiness/mappings", kind="planet").status == 400
    assert stack.caller("Tenants.Read", "Admin").get("/readiness/mappings").status == 403
