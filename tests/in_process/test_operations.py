"""Lists, operations, tenants and health over real HTTP; and what each tenant's caller sees of them: its own, and nothing else."""

import pytest

from tests.support.api import Caller, Reply
from tests.support.running import READ_WRITE, Running

START = "/restore-point-copies"


def pages(caller: Caller, path: str, **query: object) -> list[dict[str, object]]:
    """Follow a list to its end."""
    reply, found = caller.get(path, **query), []
    while True:
        assert reply.status == 200, reply
        found += reply.body["value"]
        if "nextLink" not in reply.body:
            return found
        assert len(reply.body["value"]) == query["top"]
        reply = caller.get(reply.body["nextLink"])


def accepted(stack: Running, caller: Caller, body: object) -> Reply:
    """Start a copy, later than whatever was started before: the order of a list is that of time."""
    stack.advance()
    reply = caller.post(START, body)
    assert reply.status == 202, reply
    return reply


def test_copies_are_listed_newest_first_page_by_page_by_each_filter(stack: Running, contoso: Caller) -> None:
    machine, other = stack.machine(), stack.machine()
    copies = [accepted(stack, contoso, machine.copy(number)).body["id"] for number in (0, 1, 2)]
    from_vm = accepted(stack, contoso, {"source": {"virtualMachineId": other.id}, "target": other.target()}).body["id"]
    stack.until_ended(contoso, f"{START}/{copies[0]}")
    contoso.post(f"{START}/{copies[2]}/cancel")
    stack.advance()

    everything = pages(contoso, START, top=1000)
    assert [copy["id"] for copy in everything][:4] == [from_vm, *reversed(copies)]
    assert pages(contoso, START, top=3) == everything[:3] + pages(contoso, START, top=1000)[3:]
    ours = pages(contoso, START, virtualMachineId=machine.id.upper(), top=2)
    assert [copy["id"] for copy in ours] == list(reversed(copies))
    assert [copy["id"] for copy in pages(contoso, START, virtualMachineId=machine.id, status="Canceled", top=2)] == [copies[2]]
    assert [copy["id"] for copy in pages(contoso, START, virtualMachineId=other.id, top=2)] == [from_vm]
    assert {copy["id"] for copy in pages(contoso, START, region="North Europe", top=1000)} >= set(copies)
    assert pages(contoso, START, region="westeurope", virtualMachineId=machine.id, top=2) == []
    assert pages(contoso, START, policy="nightly", top=2) == []
    one = contoso.get(f"{START}/{copies[0]}").body
    assert one in ours, "a list says of a copy what the copy says of itself"


def test_a_continuation_is_the_callers_and_the_filters_own(stack: Running, contoso: Caller) -> None:
    for number in (0, 1):
        accepted(stack, contoso, stack.machine().copy(number))
    link = contoso.get(START, top=1).body["nextLink"]
    assert link.startswith(f"{stack.api}{START}?")
    somebody = stack.caller(*READ_WRITE, app="another")
    for reply in (somebody.get(link), contoso.get(link + "&region=northeurope"), contoso.get(link[:-1])):
        assert (reply.status, reply.error["target"]) == (400, "continuation")


def test_operations_are_listed_with_their_filters(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    copy = accepted(stack, contoso, machine.copy()).body["id"]
    listed = contoso.get("/operations", top=1, kind="restorePointCopy").body["value"]
    assert listed == [contoso.get(f"/operations/{copy}").body]
    assert set(listed[0]) == {
        "id", "kind", "tenant", "status", "step", "percentComplete", "action", "result", "attention", "createdAt", "lastUpdatedAt",
        "resourceLocation", "error",
    }  # fmt: skip
    assert listed[0]["resourceLocation"] == f"{stack.api}{START}/{copy}"
    stack.until_ended(contoso, f"/operations/{copy}")
    assert copy in {one["id"] for one in pages(contoso, "/operations", status="Succeeded", tenant="contoso", top=100)}
    assert {one["status"] for one in pages(contoso, "/operations", status="Succeeded", top=100)} == {"Succeeded"}


def test_operations_that_ask_for_a_person(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    copy = accepted(stack, contoso, machine.copy()).body["id"]
    stack.advance()
    stack.fault("error", method="GET", path=f"/restorePoints/{copy}", times=1000)
    for _ in range(20):
        stack.advance("PT30M")
        operation = contoso.get(f"/operations/{copy}").body
        if operation["attention"]:
            break
    assert operation["status"] == "Running"
    assert operation["attention"]["code"] == "NoProgress"
    assert contoso.get(f"{START}/{copy}").body["attention"] == operation["attention"]
    standing = contoso.get("/operations", attention="true").body["value"]
    assert copy in {one["id"] for one in standing}
    assert all(one["attention"] for one in standing)
    assert copy not in {
        one["id"] for one in stack.caller(*READ_WRITE, tenant="fabrikam").get("/operations", attention="true").body["value"]
    }
    (event,) = stack.events(subject=copy, kind="farshore.restorePointCopy.attention")
    assert (event["id"], event["data"]["attention"]["code"]) == (f"{copy}/attention/1", "NoProgress")
    stack.control("DELETE", "faults")
    retried = contoso.post(f"/operations/{copy}/retry")
    assert retried.status == 202, retried
    assert retried.headers["operation-location"] == f"{stack.api}/operations/{copy}"
    stack.advance()
    assert contoso.get(f"/operations/{copy}").body["attention"] is None
    assert stack.until_ended(contoso, f"{START}/{copy}").body["usable"]
    ended = contoso.post(f"/operations/{copy}/retry")
    assert (ended.status, ended.code) == (409, "AlreadyEnded")


def test_an_operation_can_be_canceled_as_such(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    accepted(stack, contoso, machine.copy(0))
    copy = accepted(stack, contoso, machine.copy(1)).body["id"]
    stack.advance()
    canceled = contoso.post(f"/operations/{copy}/cancel")
    assert canceled.status in {200, 202}, canceled
    stack.advance()
    assert contoso.get(f"/operations/{copy}").body["status"] == "Canceled"
    assert [event["type"] for event in stack.events(subject=copy)] == ["farshore.restorePointCopy.canceled"]


def test_another_tenants_things_are_as_if_they_were_not_there(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    copy = accepted(stack, contoso, machine.copy()).body["id"]
    everything = (*READ_WRITE, "Tenants.Read", "Tenants.Write", "Failovers.Read")
    for stranger in (
        stack.caller(*everything, "Admin", tenant="fabrikam"),  # Admin counts for nothing here
        stack.caller(*everything, tenant="provider"),  # the provider without Admin
    ):
        nobodys = "a" * 26
        for path in (f"{START}/{{}}", "/operations/{}"):
            seen, unseen = stranger.get(path.format(copy)), stranger.get(path.format(nobodys))
            assert (seen.status, seen.code) == (unseen.status, unseen.code) == (404, "NotFound")
            assert seen.error["message"].replace(copy, nobodys) == unseen.error["message"]
        for path in (f"{START}/{copy}/cancel", f"{START}/{copy}/redo", f"/operations/{copy}/cancel", f"/operations/{copy}/retry"):
            assert stranger.post(path).status == 404
        for path in (START, "/operations"):
            assert copy not in {one["id"] for one in pages(stranger, path, top=1000)}
        for query in ({"tenant": "contoso"}, {"tenant": "nobody"}):
            assert stranger.get("/operations", **query).status == 404
        assert stranger.get("/tenants/contoso").status == 404
        for body in (machine.copy(1), {"source": {"virtualMachineId": machine.id}, "target": machine.target()}):
            refused = stranger.post(START, body)
            assert (refused.status, refused.code) == (404, "NotFound")
        assert "contoso" not in {tenant["name"] for tenant in stranger.get("/tenants").body["value"]}
    assert contoso.get(f"{START}/{copy}").status == 200


def test_a_target_of_another_tenant_is_refused(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    theirs = next(one for one in stack.control("GET", "estate")["tenants"] if one["name"] == "fabrikam")["subscriptions"][0]
    body = {**machine.copy(), "target": machine.target(subscriptionId=theirs)}
    for caller in (contoso, stack.caller(*READ_WRITE, "Admin", tenant="provider")):
        refused = caller.post(START, body)
        assert (refused.status, refused.code, refused.error["target"]) == (404, "NotFound", "target")


def test_the_providers_admin_sees_and_touches_everything(stack: Running, contoso: Caller) -> None:
    admin = stack.caller("Admin", tenant="provider")
    machine = stack.machine()
    copy = accepted(stack, contoso, machine.copy()).body["id"]
    assert admin.get(f"{START}/{copy}").body["tenant"] == "contoso"
    assert copy in {one["id"] for one in pages(admin, "/operations", top=100, tenant="contoso")}
    assert copy in {one["id"] for one in pages(admin, START, top=7)}
    assert [tenant["name"] for tenant in admin.get("/tenants").body["value"]] == ["contoso", "fabrikam", "provider"]
    refused = admin.post(START, machine.copy(1))  # a role that writes, Admin does not stand in for
    assert (refused.status, refused.error["target"]) == (403, "Copies.Write")
    writer = stack.caller("Admin", "Copies.Write", tenant="provider", user="ada")
    begun = accepted(stack, writer, machine.copy(1)).body
    assert (begun["tenant"], begun["requestedBy"]["kind"]) == ("contoso", "user")
    assert contoso.get(f"{START}/{begun['id']}").status == 200
    assert copy not in {one["id"] for one in pages(admin, "/operations", tenant="fabrikam", top=100)}
    assert admin.get("/operations", tenant="nobody").status == 404


def test_a_role_that_writes_does_not_read(stack: Running) -> None:
    writer = stack.caller("Copies.Write")
    copy = accepted(stack, writer, stack.machine().copy()).body["id"]
    for path in (START, f"{START}/{copy}", "/operations", f"/operations/{copy}"):
        assert writer.get(path).status == 403


def test_operations_of_kinds_that_the_caller_may_not_read_are_not_shown(stack: Running, contoso: Caller) -> None:
    copy = accepted(stack, contoso, stack.machine().copy()).body["id"]
    other = stack.caller("Tenants.Read", "Tenants.Write")
    shown = other.get("/operations", top=1000).body["value"]
    assert {one["kind"] for one in shown} <= {"virtualMachine", "dataCenter"}
    assert copy not in {one["id"] for one in shown}
    assert other.get(f"/operations/{copy}").status == 404
    refused = other.post(f"/operations/{copy}/cancel")
    assert (refused.status, refused.error["target"]) == (403, "Copies.Write")


def test_tenants(stack: Running) -> None:
    body = stack.caller("Tenants.Read").get("/tenants/contoso").body
    assert set(body) == {
        *("name", "displayName", "kind", "backend", "shape", "plan", "quotas", "region", "settings", "createdAt", "lastUpdatedAt"),
        *("subscriptions", "vaultId", "clouds", "networks", "storageAccounts"),
    }, "a tenant's own caller sees no callers, Entra tenant, key vault or who wrote it"
    assert (body["name"], body["kind"], body["settings"]["twoPersonRule"]) == ("contoso", "tenant", False)
    admin = stack.caller("Admin", tenant="provider")
    assert admin.get("/tenants/provider").body["kind"] == "provider"
    assert admin.get("/tenants/fabrikam").body["settings"]["twoPersonRule"] is True


@pytest.mark.parametrize("roles", [(), ("Admin",)])
def test_health_shows_details_to_the_providers_admin_only(stack: Running, roles: tuple[str, ...]) -> None:
    anybody = Caller(stack.api, None, stack.description)
    assert anybody.get("/health").body == {"status": "up"}
    assert stack.caller(*roles).get("/health").body == {"status": "up"}
    assert ("details" in stack.caller(*roles, tenant="provider").get("/health").body) is bool(roles)


def test_the_description_is_open_and_states_where_it_is(stack: Running) -> None:
    anybody = Caller(stack.api, None, stack.description)
    assert anybody.get("/openapi.json").body["servers"] == [{"url": stack.api}]
    page = anybody.get("/docs")
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
