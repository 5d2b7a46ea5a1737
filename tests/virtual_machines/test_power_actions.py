"""Lists and reads of machines, and actions on their power, from the request to Azure and back."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.virtual_machines.kit import Json, Machines, run

VM = "/virtual-machines/contoso-web01"
SECOND = "11111111-0000-4000-8000-0000000000c2"


def machine(estate: Json, name: str = "contoso-web01") -> Json:
    return next(one for one in estate["virtualMachines"] if one["id"].endswith(f"/{name}"))


def with_power(**members: Any) -> Any:
    """Change the machine that the tests are about."""
    return lambda estate: machine(estate).update(members)


def second_subscription(estate: Json) -> None:
    """Give contoso a second subscription, with a machine of a name that the first has too."""
    tenant = next(one for one in estate["tenants"] if one["name"] == "contoso")
    first = tenant["subscriptions"][0]
    tenant["subscriptions"].append(SECOND)
    known = next(one for one in estate["subscriptions"] if one["id"] == first)
    estate["subscriptions"].append({**known, "id": SECOND})
    for principal in estate["principals"]:
        if principal["name"] == "farshore":
            principal["roleAssignments"].append({"scope": f"/subscriptions/{SECOND}", "actions": ["*"]})
    for kind in ("resourceGroups", "disks", "virtualMachines"):
        wanted = [one for one in estate[kind] if first in one["id"] and ("web01" in one["id"] or one["id"].endswith("production"))]
        for one in wanted:
            moved = {**one, "id": one["id"].replace(first, SECOND)}
            if "disks" in one:
                moved["disks"] = [disk.replace(first, SECOND) for disk in one["disks"]]
            estate[kind].append(moved)


def test_GetRole_and_the_list_show_a_machine(tmp_path: Path) -> None:  # noqa: N802  # the operation's name
    async def test(azure: Machines) -> None:
        listed = (await azure.of("/virtual-machines")).body["value"]
        assert [one["name"] for one in listed] == ["contoso-app01", "contoso-db01", "contoso-vault01", "contoso-web01"]
        shown = (await azure.of(VM)).body
        assert (shown["service"], shown["region"], shown["powerState"], shown["operation"]) == (
            "contoso-production", "westeurope", "running", None,
        )  # fmt: skip
        assert (shown["osDisk"]["name"], [disk["lun"] for disk in shown["dataDisks"]]) == ("contoso-web01-os", [0, 1])
        assert {**shown, **listed[3]} == shown
        assert set(shown) - set(listed[3]) == {
            "updateDomain", "faultDomain", "privateIp", "publicIp", "subnetId", "ports", "operation",
        }  # fmt: skip
        assert (await azure.of(f"{VM}?service=Contoso-Production")).body == shown

    run(test, tmp_path / "log")


def test_a_list_is_narrowed_and_paged(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        async def names(query: str) -> list[str]:
            answer = await azure.of(f"/virtual-machines?{query}")
            assert answer.status == 200, answer
            return [one["name"] for one in answer.body["value"]]

        assert await names("region=North%20Europe") == ["contoso-app01", "contoso-db01"]
        assert await names("powerState=deallocated") == []
        assert await names("service=elsewhere") == []
        found, query = list[str](), "top=3"
        while query:
            page = (await azure.of(f"/virtual-machines?{query}")).body
            found += [one["name"] for one in page["value"]]
            query = page.get("nextLink", "").partition("?")[2]
        assert found == ["contoso-app01", "contoso-db01", "contoso-vault01", "contoso-web01", "contoso-web01"]
        assert await names(f"subscriptionId={SECOND}") == ["contoso-web01"]
        assert (await azure.of("/virtual-machines?subscriptionId=22222222-0000-4000-8000-000000000000")).code == "NotFound"

    run(test, tmp_path / "log", second_subscription)


def test_a_name_in_two_subscriptions_is_ambiguous(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        answer = await azure.of(VM)
        assert (answer.status, answer.code, len(answer.body["error"]["details"])) == (409, "AmbiguousName", 2)
        assert (await azure.of(f"{VM}?subscriptionId={SECOND}")).body["subscriptionId"] == SECOND
        assert (await azure.call("POST", f"/tenants/contoso{VM}/start")).code == "AmbiguousName"

    run(test, tmp_path / "log", second_subscription)


@pytest.mark.parametrize(("path", "status", "code"), [
    ("/virtual-machines/never-was", 404, "NotFound"),
    ("/virtual-machines/fabrikam-web01", 404, "NotFound"),
    ("/virtual-machines/contoso-web01?service=never-was", 404, "NotFound"),
    ("/virtual-machines/contoso-web01?service=a%25b", 404, "NotFound"),
    ("/virtual-machines?powerState=asleep", 400, "InvalidRequest"),
])  # fmt: skip
def test_what_is_not_there_is_404(tmp_path: Path, path: str, status: int, code: str) -> None:
    async def test(azure: Machines) -> None:
        answer = await azure.of(path)
        assert (answer.status, answer.code) == (status, code)

    run(test, tmp_path / "log")


STOPPED, DEALLOCATED = {"state": "stopped"}, {"state": "deallocated"}
ACTIONS: dict[str, tuple[str, Json | None]] = {
    "StartRole": ("start", None), "stop": ("shut-down", STOPPED), "deallocate": ("shut-down", DEALLOCATED), "restart": ("restart", None),
}  # fmt: skip
_ACTIVITY: Json = {"beganAt": "2026-09-01T07:58:00Z", "endsAt": "2026-09-01T07:59:00Z"}
"""An activity of Azure's that ended before the tests begin."""
STATES: dict[str, Json] = {
    "running": {"powerState": "running"},
    "stopped": {"powerState": "stopped"},
    "deallocated": {"powerState": "deallocated"},
    "generalized": {"powerState": "deallocated", "generalized": True},
    "hibernated": {"powerState": "deallocated", "hibernated": True},
    "scale-set member": {"powerState": "running", "scaleSet": "Flexible"},
    "failed": {
        "powerState": "running",
        "activity": {**_ACTIVITY, "kind": "update", "error": {"code": "InternalExecutionError", "message": "x"}},
    },
}
SENT = {
    "StartRole": {"stopped": "running", "deallocated": "running", "hibernated": "running"},
    "stop": {"running": "stopped", "scale-set member": "stopped", "failed": "stopped"},
    "deallocate": {"running": "deallocated", "stopped": "deallocated", "scale-set member": "deallocated", "failed": "deallocated"},
    "restart": {"running": "running", "scale-set member": "running", "failed": "running"},
}
REFUSED = {("StartRole", "generalized"): "Generalized"} | {
    ("restart", state): "NotRunning" for state in ("stopped", "deallocated", "generalized", "hibernated")
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ACTIONS)
def test_each_action_in_each_state(tmp_path: Path, action: str, state: str) -> None:
    path, body = ACTIONS[action]

    async def test(azure: Machines) -> None:
        refused = REFUSED.get((action, state))
        if refused is not None:
            answer = await azure.call("POST", f"/tenants/contoso{VM}/{path}", body)
            assert (answer.status, answer.code) == (409, refused)
            assert azure.effects("virtualMachines/contoso-web01") == []
            return
        ended = await azure.done("POST", f"{VM}/{path}", body)
        assert ended["status"] == "Succeeded", ended
        wanted = SENT[action].get(state)
        assert len(azure.effects("virtualMachines/contoso-web01")) == (1 if wanted else 0)
        assert ended["result"]["changed"] == bool(wanted)
        shown = (await azure.of(VM)).body["powerState"]
        assert ended["result"]["powerState"] == shown
        assert wanted in {None, shown}

    run(test, tmp_path / "log", with_power(**STATES[state]))


WHILE_BUSY: dict[tuple[str, str], tuple[str, int]] = {
    ("creating", "StartRole"): ("Succeeded", 0),  # it runs once it is created
    ("creating", "stop"): ("Succeeded", 1),
    ("creating", "deallocate"): ("Succeeded", 1),
    ("creating", "restart"): ("Succeeded", 1),
    **{("deleting", action): ("Failed", 0) for action in ACTIONS},
}
"""What an action does that comes while another creates or deletes the machine: its end, and how often it is sent."""


@pytest.mark.parametrize(("state", "action"), WHILE_BUSY)
def test_an_action_while_azure_creates_or_deletes_waits(tmp_path: Path, state: str, action: str) -> None:
    activity = {"kind": {"creating": "create", "deleting": "delete"}[state], "beganAt": "2026-09-01T07:59:00Z", "endsAt": END}
    members: Json = {"powerState": "running", "activity": {**activity, "runsAt": END} if state == "creating" else activity}
    path, body = ACTIONS[action]

    async def test(azure: Machines) -> None:
        if state == "creating":
            assert (await azure.of(VM)).body["powerState"] == "creating"
        ended = await azure.done("POST", f"{VM}/{path}", body)
        status, sent = WHILE_BUSY[state, action]
        assert (ended["status"], len(azure.effects("virtualMachines/contoso-web01"))) == (status, sent), ended
        if status == "Failed":
            assert ended["error"]["code"] == "NotFound"

    run(test, tmp_path / "log", with_power(**members, **({"deletedAt": END} if state == "deleting" else {})))


END = "2026-09-01T08:03:00Z"
"""When an activity of Azure's ends that runs as the tests begin."""


def test_ShutdownRoleInstance_needs_its_state(tmp_path: Path) -> None:  # noqa: N802  # the operation's name
    async def test(azure: Machines) -> None:
        answer = await azure.call("POST", f"/tenants/contoso{VM}/shut-down", {})
        assert (answer.status, answer.code, answer.target) == (400, "InvalidRequest", "state")

    run(test, tmp_path / "log")


def test_one_action_at_a_time_and_each_key_once(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        key = "00000000-0000-4000-8000-000000000001"
        operation = await azure.start("POST", f"{VM}/restart", key=key)
        assert (await azure.call("POST", f"/tenants/contoso{VM}/shut-down", STOPPED)).code == "ScopeBusy"
        assert await azure.start("POST", f"{VM}/restart", key=key) == operation
        reused = await azure.call("POST", "/tenants/contoso/virtual-machines/contoso-app01/restart", key=key)
        assert (reused.status, reused.code) == (409, "RepeatabilityKeyReused")
        await azure.pass_time(timedelta(seconds=1))
        assert (await azure.of(VM)).body["operation"] == {"id": operation, "action": "restart"}
        assert (await azure.ended(operation))["action"] == "restart"
        assert (await azure.of(VM)).body["operation"] is None
        assert len(azure.effects("virtualMachines/contoso-web01")) == 1

    run(test, tmp_path / "log")


def test_RestartRoleInstance_by_message_and_its_event(tmp_path: Path) -> None:  # noqa: N802  # the operation's name
    async def test(azure: Machines) -> None:
        await azure.send({"id": "m1", "tenant": "contoso", "operation": "virtualMachine.restart", "target": "contoso-web01"})
        (operation,) = (await azure.call("GET", "/operations?kind=virtualMachine")).body["value"]
        assert (await azure.ended(operation["id"]))["status"] == "Succeeded"
        assert len(azure.effects("/restart")) == 1
        await azure.send({"id": "m2", "tenant": "contoso", "operation": "virtualMachine.restart", "target": "fabrikam-web01"})
        await azure.pass_time(timedelta(minutes=5))  # to its fifth delivery: one look at Azure may be wrong
        rejected = (await azure.call("GET", "/rejected-messages", tenant="provider", roles=("Admin",))).body["value"]
        assert [one["reason"]["code"] for one in rejected] == ["NotFound"]

    run(test, tmp_path / "log")


def test_a_restart_whose_answer_was_lost_waits_for_a_person(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("error", method="POST", path="/restart", status=500, times=1)
        operation = await azure.start("POST", f"{VM}/restart")
        for _ in range(40):
            await azure.pass_time(timedelta(minutes=1))
        waiting = (await azure.call("GET", f"/operations/{operation}")).body
        assert (waiting["status"], waiting["attention"]["code"]) == ("Running", "OutcomeUnknown")
        assert azure.effects("/restart") == []
        answer = await azure.call("POST", f"/operations/{operation}/resolve", {"outcome": "notStarted"})
        assert answer.status == 202, answer
        assert (await azure.ended(operation))["status"] == "Succeeded"
        assert len(azure.effects("/restart")) == 1

    run(test, tmp_path / "log")


@pytest.mark.parametrize("minutes", [0, 12])
def test_a_restart_that_is_found_or_resolved_after_its_end_succeeds(tmp_path: Path, minutes: int) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("errorAfterEffect", method="POST", path="/restart", status=500, times=1)
        operation = await azure.start("POST", f"{VM}/restart?service=contoso-production")
        if minutes:  # no look shows the machine: a person resolves
            azure.fault("error", method="GET", path="/contoso-web01$", status=403, code="AuthorizationFailed", duration=f"PT{minutes}M")
        for _ in range(minutes):
            await azure.pass_time(timedelta(minutes=1))
        if minutes:
            await azure.call("POST", f"/operations/{operation}/resolve", {"outcome": "started"})
        ended = await azure.ended(operation)
        assert (ended["status"], ended["result"]["changed"]) == ("Succeeded", True), ended
        assert len(azure.effects("/restart")) == 1

    run(test, tmp_path / "log")


def test_many_starts_are_followed_by_one_list(tmp_path: Path) -> None:
    def off(estate: Json) -> None:
        for one in estate["virtualMachines"]:
            one["powerState"] = "deallocated"

    async def test(azure: Machines) -> None:
        names = ["contoso-app01", "contoso-db01", "contoso-vault01", "contoso-web01"]
        operations = [await azure.start("POST", f"/virtual-machines/{name}/start") for name in names]
        for operation in operations:
            assert (await azure.ended(operation))["result"]["powerState"] == "running"
        assert len(azure.effects("/start")) == 4

    run(test, tmp_path / "log", off)


def test_a_failed_start_has_the_code_of_azures_refusal(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("failMachine", at="start", code="AllocationFailed", path="contoso-web01")
        ended = await azure.done("POST", f"{VM}/start")
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "CapacityUnavailable")
        assert ended["error"]["details"][0]["code"] == "AllocationFailed"

    run(test, tmp_path / "log", with_power(powerState="deallocated"))
