"""What goes wrong on Azure's side while machines are made and deleted."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from local.simulation.arm.outcome import Received
from shared.clock import from_text
from tests.histories.in_memory import AZURE
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_creation import LINUX, SAMPLE, ids, networks

VMS = "/virtual-machines"


def test_a_machine_that_comes_up_after_the_time_out_succeeds(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("failMachine", at="create", code="OSProvisioningTimedOut", recoversAfter="PT20M")
        ended = await azure.done("POST", VMS, LINUX)
        assert ended["status"] == "Succeeded", ended

    run(test, tmp_path / "log", networks)


def test_one_that_never_comes_up_fails_and_leaves_nothing(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault("failMachine", at="create", code="OSProvisioningTimedOut")
        ended = await azure.done("POST", VMS, SAMPLE)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "ProvisioningFailed"), ended
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def test_what_is_locked_asks_for_attention_and_is_named_at_the_end(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("failMachine", at="create", code="AllocationFailed")
        azure.fault("error", method="DELETE", path="networkSecurityGroups/", status=409, code="ScopeLocked", times=10_000)
        operation = await azure.start("POST", VMS, LINUX)
        await azure.pass_time(timedelta(minutes=2))
        for _ in range(30):
            await azure.pass_time(timedelta(minutes=1))
        waiting = (await azure.call("GET", f"/operations/{operation}")).body
        assert (waiting["status"], waiting["attention"]["code"]) == ("Running", "NotTidied"), waiting
        for _ in range(26):
            await azure.pass_time(timedelta(hours=1))
        ended = (await azure.call("GET", f"/operations/{operation}")).body
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "CapacityUnavailable")
        assert [one["reason"].split(":")[0] for one in ended["result"]["left"]] == ["ScopeLocked"]

    run(test, tmp_path / "log", networks)


@pytest.mark.parametrize("fault", [
    {"fault": "error", "method": "PUT", "path": "virtualMachines/", "status": 409, "code": "AnotherOperationInProgress", "times": 3},
    {"fault": "error", "method": "PUT", "path": "loadBalancers/", "status": 429, "code": "TooManyRequests", "retryAfter": 30, "times": 3},
    {"fault": "error", "method": "DELETE", "path": "networkInterfaces/", "status": 400, "code": "NicReservedForAnotherVm", "times": 2},
])  # fmt: skip
def test_what_passes_is_waited_for(tmp_path: Path, fault: Json) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault(fault["fault"], **{name: value for name, value in fault.items() if name != "fault"})
        ended = await azure.done("POST", VMS, SAMPLE)
        assert ended["status"] == "Succeeded", ended
        gone = await azure.done("DELETE", f"{VMS}/sampleRole?confirm=sampleRole&deleteDisks=all")
        assert gone["status"] == "Succeeded", gone
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


RUNNING, QUERY = f"{VMS}/contoso-web01", "service=contoso-production"
LARGER: Json = {"osDisk": {"sizeGB": 256}, "acceptDeallocation": True}


@pytest.mark.parametrize(("at", "method", "path", "body"), [
    ("create", "POST", VMS, LINUX),
    ("deallocate", "POST", f"{RUNNING}/shut-down?{QUERY}", {"state": "deallocated"}),
    ("deallocate", "PATCH", f"{RUNNING}?{QUERY}", LARGER),
    ("delete", "DELETE", f"{RUNNING}?{QUERY}&confirm=contoso-web01", None),
])  # fmt: skip
def test_what_azure_never_finishes_asks_for_attention(tmp_path: Path, at: str, method: str, path: str, body: Json | None) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("stallMachine", at=at)
        operation = await azure.start(method, path, body)
        for _ in range(30):
            await azure.pass_time(timedelta(minutes=2))
        before = (await azure.call("GET", f"/operations/{operation}")).body
        for _ in range(50):
            await azure.pass_time(timedelta(minutes=2))
        waiting = (await azure.call("GET", f"/operations/{operation}")).body
        assert (before["status"], before["attention"]) == ("Running", None)
        assert (waiting["status"], waiting["attention"]["code"]) == ("Running", "NoProgress"), waiting

    run(test, tmp_path / "log", networks)


def test_a_machine_that_does_not_come_up_again_with_its_larger_disk_fails_with_azures_reason(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("failMachine", at="start", code="AllocationFailed")
        ended = await azure.done("PATCH", f"{RUNNING}?{QUERY}", LARGER)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "CapacityUnavailable"), ended
        assert [one["code"] for one in ended["error"]["details"]] == ["AllocationFailed"]
        assert len(azure.effects("contoso-web01/start")) == 1

    run(test, tmp_path / "log", networks)


@pytest.mark.parametrize("times", [1, 3])
def test_a_machine_that_a_deletion_does_not_see_is_deleted_all_the_same(tmp_path: Path, times: int) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        await azure.done("POST", VMS, LINUX)
        operation = await azure.start("DELETE", f"{VMS}/lin01?confirm=lin01&deleteDisks=all")
        azure.fault("hide", method="GET", path="virtualMachines/lin01$", times=times)
        azure.fault("hide", method="GET", path="networkInterfaces/lin01|networkSecurityGroups/lin01|disks/lin01", times=times)
        assert (await azure.ended(operation))["status"] == "Succeeded"
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def test_azure_that_is_silent_refuses_reads_and_takes_changes(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("error", method="GET", path=".", status=500, times=6)
        read = await azure.of(f"{VMS}/contoso-web01?service=contoso-production")
        assert (read.status, read.code) == (503, "ServiceUnavailable")
        assert read.headers["retry-after"] == "5"
        operation = await azure.start("POST", f"{VMS}/contoso-web01/restart?service=contoso-production")
        assert (await azure.ended(operation))["status"] == "Succeeded"

    run(test, tmp_path / "log", networks)


VERSIONS = {"Authorization": "2016-09-01", "Compute": "2024-07-01", "Network": "2024-05-01"}


def outside(azure: Machines, method: str, path: str, body: Json | None = None) -> int:
    """Send a call to Azure as another app with the same rights does, and return its status."""
    app = azure.app.platform.world.principal("farshore")
    assert app is not None
    token = azure.app.platform.issuer.identity_token(AZURE, "t", app.id, "https://management.azure.com")["access_token"]
    content = b"" if body is None else json.dumps(body).encode()
    version = next(version for provider, version in VERSIONS.items() if f"/Microsoft.{provider}/" in path)
    received = Received(
        method=method, path=path, query={"api-version": version}, body=content, authorization=f"Bearer {token}",
        client_request_id="other", base_url=AZURE,
    )  # fmt: skip
    return azure.app.gate.receive(received).status


def test_the_adapter_of_a_machine_that_was_not_allocated_is_waited_for(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        azure.fault("error", method="PUT", path="virtualMachines/", status=409, code="AllocationFailed", times=1)
        azure.fault("error", method="DELETE", path="networkInterfaces/", status=400, code="NicReservedForAnotherVm", duration="PT3M")
        began = azure.app.platform.clock.now()
        ended = await azure.done("POST", VMS, SAMPLE)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "CapacityUnavailable"), ended
        assert ended["error"]["details"][0]["code"] == "AllocationFailed"
        assert (ended["result"]["left"], ids(azure)) == ([], before)
        (deletion,) = azure.effects("/networkInterfaces/", "DELETE")
        assert from_text(deletion["time"]) - began >= timedelta(seconds=180)  # it was reserved for the failed machine

    run(test, tmp_path / "log", networks)


def test_a_lock_on_the_group_while_tidying_is_waited_for(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before, group = ids(azure), next(one["id"] for one in azure.estate()["resourceGroups"] if one["id"].endswith("contoso-production"))
        lock = f"{group}/providers/Microsoft.Authorization/locks/freeze"
        azure.fault("failMachine", at="create", code="AllocationFailed")
        operation = await azure.start("POST", VMS, LINUX)
        await azure.pass_time(timedelta(seconds=10))
        assert outside(azure, "PUT", lock, {"properties": {"level": "CanNotDelete"}}) == 201
        for _ in range(12):
            await azure.pass_time(timedelta(minutes=1))
        waiting = (await azure.call("GET", f"/operations/{operation}")).body
        assert (waiting["status"], waiting["attention"]["code"]) == ("Running", "NotTidied"), waiting
        assert ids(azure) - before
        assert outside(azure, "DELETE", lock) in {200, 204}
        ended = await azure.ended(operation)
        assert (ended["status"], ended["error"]["code"], ended["result"]["left"]) == ("Failed", "CapacityUnavailable", [])
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)


def test_a_read_only_lock_stops_start_and_restart(tmp_path: Path) -> None:
    def locked(estate: Json) -> None:
        group = next(one for one in estate["resourceGroups"] if one["id"].endswith("contoso-production"))
        group["locks"] = [{"name": "freeze", "level": "ReadOnly"}]

    async def test(azure: Machines) -> None:
        ended = await azure.done("POST", f"{VMS}/contoso-web01/restart")
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "ResourceLocked"), ended
        assert "contoso-production" in ended["error"]["message"]

    run(test, tmp_path / "log", locked)


def test_a_policy_that_forbids_public_addresses(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = ids(azure)
        refusal = {"status": 403, "code": "RequestDisallowedByPolicy", "times": 1_000}
        azure.fault("error", method="PUT", path="publicIPAddresses/", **refusal)
        ended = await azure.done("POST", VMS, SAMPLE)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "PolicyRefused"), ended
        assert ids(azure) == before
        assert (await azure.done("POST", VMS, LINUX))["status"] == "Succeeded"  # it has no port
        opened = await azure.done("POST", f"{VMS}/lin01/ports", SAMPLE["ports"][0])
        assert (opened["status"], opened["error"]["code"]) == ("Failed", "PolicyRefused"), opened

    run(test, tmp_path / "log", networks)


@pytest.mark.parametrize(("name", "azures"), [("cores", "OperationNotAllowed"), ("standardDSv3Family", "QuotaExceeded")])
def test_a_quota_of_cores(tmp_path: Path, name: str, azures: str) -> None:
    def limited(estate: Json) -> None:
        networks(estate)
        estate["usages"] = [{"name": name, "limit": 1}]

    async def test(azure: Machines) -> None:
        before = ids(azure)
        ended = await azure.done("POST", VMS, LINUX)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "AzureQuotaExceeded"), ended
        assert ended["error"]["details"][0]["code"] == azures
        assert ids(azure) == before

    run(test, tmp_path / "log", limited)


def test_a_subnet_that_is_full_is_the_target(tmp_path: Path) -> None:
    def small(estate: Json) -> None:
        networks(estate)
        network = next(one for one in estate["virtualNetworks"] if one["id"].endswith("/contoso-westeurope"))
        network["subnets"] = [{"name": "default", "addressPrefix": "10.10.0.0/29"}]  # of eight addresses Azure keeps five

    async def test(azure: Machines) -> None:
        operations = [await azure.start("POST", VMS, {**LINUX, "name": f"vm{number}"}) for number in range(5)]
        ends = [await azure.ended(operation) for operation in operations]
        made = [end for end in ends if end["status"] == "Succeeded"]
        assert 0 < len(made) <= 3
        for end in ends:
            if end not in made:
                assert (end["error"]["code"], end["error"]["target"]) == ("AzureRefused", "subnetId"), end
                assert end["error"]["details"][0]["code"] == "SubnetIsFull"
                assert end["result"]["left"] == []

    run(test, tmp_path / "log", small)


def test_anothers_operation_in_progress_is_waited_for(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        machine = next(one["id"] for one in azure.estate()["virtualMachines"] if one["id"].endswith("/contoso-web01"))
        assert outside(azure, "POST", f"{machine}/restart") == 202
        ended = await azure.done("POST", f"{VMS}/contoso-web01/shut-down", {"state": "stopped"})
        assert (ended["status"], ended["result"]["powerState"]) == ("Succeeded", "stopped"), ended
        assert outside(azure, "POST", f"{machine}/start") == 202
        added = await azure.done("POST", f"{VMS}/contoso-web01/data-disks", {"sizeGB": 4})
        assert added["status"] == "Succeeded", added

    run(test, tmp_path / "log", networks)


def test_a_disk_that_is_still_being_detached_is_waited_for(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        await azure.done("POST", VMS, LINUX)
        machine = next(one["id"] for one in azure.estate()["virtualMachines"] if one["id"].endswith("/contoso-web01"))
        disk = (await azure.of(f"{VMS}/contoso-web01/data-disks")).body["value"][0]
        operation = await azure.start("POST", f"{VMS}/lin01/data-disks", {"sizeGB": 4, "lun": 5})
        assert (await azure.ended(operation))["status"] == "Succeeded"
        assert outside(azure, "POST", f"{machine}/attachDetachDataDisks", {"dataDisksToDetach": [{"diskId": disk["id"]}]}) == 202
        azure.fault("error", method="POST", path="/attachDetachDataDisks", status=409, code="AttachDiskWhileBeingDetached", times=2)
        for _ in range(4):
            await azure.pass_time(timedelta(seconds=10))
        ended = await azure.done("POST", f"{VMS}/lin01/data-disks", {"existing": disk["name"]})
        assert (ended["status"], ended["result"]["diskId"].lower()) == ("Succeeded", disk["id"].lower()), ended

    run(test, tmp_path / "log", networks)


def test_trusted_launch_by_default_changes_nothing(tmp_path: Path) -> None:
    def trusted(estate: Json) -> None:
        networks(estate)
        for one in estate["subscriptions"]:
            one["trustedLaunchByDefault"] = True

    async def test(azure: Machines) -> None:
        assert (await azure.done("POST", VMS, LINUX))["status"] == "Succeeded"
        assert (await azure.of(f"{VMS}/lin01")).body["securityType"] == "Standard"
        await azure.done("POST", f"{VMS}/lin01/shut-down", {"state": "deallocated"})
        captured = await azure.done("POST", f"{VMS}/lin01/capture", {
            "imageName": "golden", "after": "delete", "prepared": True, "confirm": "lin01",
        })  # fmt: skip
        assert captured["status"] == "Succeeded", captured  # Azure makes no image of trusted launch

    run(test, tmp_path / "log", trusted)


def test_another_operation_of_azure_is_waited_for_30_minutes_and_no_longer(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        web01 = next(one["id"] for one in azure.estate()["virtualMachines"] if one["id"].endswith("/contoso-web01"))
        disks = {one["id"] for one in azure.estate()["disks"]}
        azure.fault("stallMachine", at="deallocate")
        assert outside(azure, "POST", f"{web01}/deallocate") == 202
        began = azure.app.platform.clock.now()
        for method, path, body in (
            ("POST", f"{VMS}/contoso-web01/data-disks", {"sizeGB": 8}),
            ("PATCH", f"{VMS}/contoso-web01/data-disks/0", {"caching": "ReadOnly", "acceptInterruption": True}),
            ("DELETE", f"{VMS}/contoso-web01/data-disks/0", None),
            ("PATCH", f"{VMS}/contoso-web01", {"tags": {"a": "b"}}),
        ):
            ended = await azure.done(method, path, body)
            assert (ended["status"], (ended["error"] or {}).get("code"), ended["result"]["changed"]) == ("Failed", "AzureRefused", False), (
                ended
            )
            passed, began = azure.app.platform.clock.now() - began, azure.app.platform.clock.now()
            assert timedelta(minutes=30) <= passed <= timedelta(minutes=35), (path, passed)
        assert {one["id"] for one in azure.estate()["disks"]} == disks

    run(test, tmp_path / "log", networks)
