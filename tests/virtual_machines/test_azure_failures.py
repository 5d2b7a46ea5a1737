"""What goes wrong on Azure's side while machines are made and deleted."""

from datetime import timedelta
from pathlib import Path

import pytest

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


def test_twenty_machines_of_one_deployment_share_one_balancer(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before, names = ids(azure), [f"role{number}" for number in range(20)]
        operations = []
        for number, name in enumerate(names):
            port = {"name": "ssh", "protocol": "tcp", "port": 50_000 + number, "localPort": 22}
            operations.append(await azure.start("POST", VMS, {**LINUX, "name": name, "deployment": {"name": "front"}, "ports": [port]}))
        for operation in operations:
            assert (await azure.ended(operation))["status"] == "Succeeded"
        found = (await azure.of("/services/contoso-production/deployments/front")).body
        assert {(one["virtualMachine"], one["port"]) for one in found["inputPorts"]} == {
            (name, 50_000 + number) for number, name in enumerate(names)
        }
        deletions = [await azure.start("DELETE", f"{VMS}/{name}?confirm={name}&deleteDisks=all") for name in names]
        for operation in deletions:
            assert (await azure.ended(operation))["status"] == "Succeeded"
        assert ids(azure) == before

    run(test, tmp_path / "log", networks)
