"""The classic sample through this API: service, machine, deployment by slot, shut-down, capture, and everything removed."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.secrets import OWN
from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_creation import KINDS, LINUX, SAMPLE, networks
from tests.virtual_machines.test_power_actions import with_power

SERVICE = "sampleService2"
VM = "/virtual-machines/contoso-web01"


def plan(estate: Json) -> None:
    """Register networks and a region for contoso."""
    networks(estate)
    next(one for one in estate["tenants"] if one["name"] == "contoso")["region"] = "westeurope"


def test_the_classic_sample(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = {kind: len(azure.estate().get(kind, [])) for kind in (*KINDS, "images", "resourceGroups")}
        made = await azure.done("POST", "/services", {"name": SERVICE, "label": "A sample", "description": "x" * 1_000})
        assert made["status"] == "Succeeded", made
        shown = (await azure.of(f"/services/{SERVICE}")).body
        assert (shown["label"], shown["description"], shown["region"]) == ("A sample", "x" * 1_000, "westeurope")
        taken = await azure.call("POST", "/tenants/contoso/services", {"name": SERVICE})
        assert (taken.status, taken.code, taken.target) == (409, "NameTaken", "name")
        body = {**SAMPLE, "service": SERVICE}
        created = await azure.done("POST", "/virtual-machines", body)
        assert created["status"] == "Succeeded", created
        (deployment,) = (await azure.of(f"/services/{SERVICE}/deployments?slot=Staging")).body["value"]
        assert [one["name"] for one in deployment["virtualMachines"]] == ["sampleRole"]
        assert [(one["port"], one["virtualMachine"]) for one in deployment["inputPorts"]] == [(59919, "sampleRole")]
        await azure.done("POST", "/virtual-machines/sampleRole/shut-down", {"state": "deallocated"})
        captured = await azure.done("POST", "/virtual-machines/sampleRole/capture", {
            "imageName": "golden", "label": "Golden", "after": "delete", "prepared": True, "confirm": "sampleRole", "deleteDisks": "os",
        })  # fmt: skip
        assert captured["status"] == "Succeeded", captured
        (data,) = [disk["name"] for disk in (await azure.of("/disks?state=Unattached")).body["value"] if disk["service"] == SERVICE]
        await azure.done("DELETE", f"/disks/{data}", {"confirm": data})
        assert captured["result"]["imageId"].endswith("/images/golden")
        assert [(one["name"], one["label"], one["kind"]) for one in (await azure.of("/images")).body["value"]] == [
            ("golden", "Golden", "own")
        ]
        assert (await azure.of("/virtual-machines/sampleRole")).code == "NotFound"
        again = await azure.done("POST", "/virtual-machines", {**body, "name": "second", "image": "golden", "computerName": "second"})
        assert again["status"] == "Succeeded", again
        await azure.done("DELETE", "/virtual-machines/second?confirm=second&deleteDisks=all")
        gone = await azure.done("DELETE", "/images/golden", {"confirm": "golden"})
        assert gone["status"] == "Succeeded", gone
        estate = azure.estate()
        after = {kind: len(estate.get(kind, [])) for kind in before}
        assert after == {**before, "resourceGroups": before["resourceGroups"] + 1}

    run(test, tmp_path / "log", plan)


def test_the_classic_sample_by_messages_alone(tmp_path: Path) -> None:
    """Each message waits for the event of the one before; a later one names what an earlier one made by that one's id."""

    async def test(azure: Machines) -> None:
        before = {kind: len(azure.estate().get(kind, [])) for kind in (*KINDS, "images", "resourceGroups")}
        azure.app.vaults.add(f"{OWN}/secrets/incoming-1", "myAdminPwd1", {"tenant": "contoso"})
        disks = [{"lun": 0, "sizeGB": 10, "name": "data"}]
        machine = {**SAMPLE, "service": SERVICE, "dataDisks": disks, "adminPassword": {"keyVaultSecretId": f"{OWN}/secrets/incoming-1"}}
        for action, body in (
            ("createService", {"name": SERVICE}),
            ("create", machine),
            ("shutDown", {"target": "m-create", "state": "deallocated"}),
            ("capture", {"target": "sampleRole", "imageName": "golden", "after": "delete", "prepared": True, "deleteDisks": "os"}),
            ("deleteDisk", {"target": "data", "confirm": "data", "service": SERVICE}),
            ("deleteImage", {"target": "m-capture"}),
        ):
            await azure.send({"id": f"m-{action}", "tenant": "contoso", "operation": f"virtualMachine.{action}", **body})
            newest = (await azure.call("GET", "/operations?kind=virtualMachine")).body["value"][0]
            assert newest["action"] == action
            ended = await azure.ended(newest["id"])
            assert ended["status"] == "Succeeded", ended
        rejected = (await azure.call("GET", "/rejected-messages", tenant="provider", roles=("Admin",))).body["value"]
        assert rejected == []
        estate = azure.estate()
        assert {kind: len(estate.get(kind, [])) for kind in before} == {**before, "resourceGroups": before["resourceGroups"] + 1}
        events = [json.loads(text) for text in azure.app.storage.queues.messages["outcomes"]]
        assert [one["data"]["action"] for one in events if one["type"].endswith(".succeeded")] == [
            "createService", "create", "shutDown", "capture", "deleteDisk", "deleteImage",
        ]  # fmt: skip

    run(test, tmp_path / "log", plan)


@pytest.mark.parametrize(("members", "changed", "code", "target"), [
    ({"powerState": "running"}, {}, "NotStopped", "powerState"),
    ({"powerState": "stopped", "securityType": "TrustedLaunch"}, {}, "CaptureNotSupported", "contoso-web01"),
    ({"powerState": "stopped"}, {"confirm": "another"}, "InvalidRequest", "confirm"),
    ({"powerState": "stopped"}, {"prepared": False}, "InvalidRequest", "prepared"),
    ({"powerState": "stopped", "scaleSet": "Flexible"}, {}, "ManagedElsewhere", "contoso-web01"),
])  # fmt: skip
def test_CaptureRoleInstance_is_refused(tmp_path: Path, members: Json, changed: Json, code: str, target: str) -> None:
    async def test(azure: Machines) -> None:
        body = {"imageName": "golden", "after": "delete", "prepared": True, "confirm": "contoso-web01", **changed}
        answer = await azure.call("POST", f"/tenants/contoso{VM}/capture", body)
        assert (answer.code, answer.target) == (code, target)
        assert azure.effects("contoso-web01") == []

    run(test, tmp_path / "log", with_power(**members))


def test_a_failed_image_leaves_the_machine_and_no_image(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("failMachine", at="image", code="InternalExecutionError")
        body = {"imageName": "golden", "after": "delete", "prepared": True, "confirm": "contoso-web01"}
        ended = await azure.done("POST", f"{VM}/capture", body)
        assert ended["status"] == "Failed", ended
        assert (await azure.of(VM)).body["generalized"]
        assert (await azure.of("/images")).body["value"] == []

    run(test, tmp_path / "log", with_power(powerState="deallocated"))


def test_CreateOSImage_of_a_disk(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        disk = (await azure.of(VM)).body["osDisk"]["id"]
        body = {"name": "golden", "source": {"id": disk}, "osType": "Windows", "service": "contoso-production", "category": "mine"}
        refused = await azure.call("POST", "/tenants/contoso/images", body)
        assert (refused.status, refused.code, refused.target) == (409, "DiskInUse", "source.id")
        await azure.done("POST", f"{VM}/shut-down", {"state": "deallocated"})
        made = await azure.done("POST", "/images", body)
        assert made["status"] == "Succeeded", made
        image = (await azure.of("/images/golden")).body
        assert (image["category"], image["source"], image["osType"]) == ("mine", disk, "Windows")
        assert (await azure.call("POST", "/tenants/contoso/images", body)).code == "NameTaken"

    run(test, tmp_path / "log", with_power(powerState="running"))


def test_a_disk_is_deleted_only_while_it_is_unattached(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        used = await azure.call("DELETE", "/tenants/contoso/disks/contoso-web01-os?confirm=contoso-web01-os")
        assert (used.status, used.code) == (409, "DiskInUse")
        disk = (await azure.of(f"{VM}/data-disks")).body["value"][0]
        await azure.done("DELETE", f"{VM}/data-disks/{disk['lun']}")
        gone = await azure.done("DELETE", f"/disks/{disk['name']}", {"confirm": disk["name"]})
        assert gone["status"] == "Succeeded", gone
        assert (await azure.of(f"/disks/{disk['name']}")).code == "NotFound"

    run(test, tmp_path / "log")


def test_a_deletion_that_is_canceled_in_time_touches_nothing(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        await azure.done("POST", "/virtual-machines", LINUX)
        before = azure.estate()
        operation = await azure.start("DELETE", "/virtual-machines/lin01?confirm=lin01&deleteDisks=all")
        assert (await azure.call("POST", f"/operations/{operation}/cancel")).status in {200, 202}
        assert (await azure.ended(operation))["status"] == "Canceled"
        for kind in KINDS:
            assert in_group(azure.estate(), kind, "contoso-production") == in_group(before, kind, "contoso-production")
        await azure.pass_time(timedelta(minutes=1))

    run(test, tmp_path / "log", plan)
