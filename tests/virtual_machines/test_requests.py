"""Bodies of requests about machines: what each field refuses, and which field the refusal names."""

from typing import Any

import pytest
from pydantic import BaseModel

from shared.errors import ErrorCode, Refused
from shared.values.sent import SentBody
from shared.virtual_machines.requests import changes
from shared.virtual_machines.requests.machine import CreateMachine, DataDisk, MarketplaceImage, Port
from shared.virtual_machines.requests.stored import stored_request
from shared.web.documents import parse

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"
DISK = f"{GROUP}/providers/Microsoft.Compute/disks/d"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/acc"
BLOB = {"blobUri": "https://acc.blob.core.windows.net/vhds/a.vhd", "storageAccountId": ACCOUNT}
PORT = {"name": "rdp", "protocol": "tcp", "port": 59919, "localPort": 3389}
MACHINE: dict[str, Any] = {
    "name": "web01", "service": "shop", "size": "Small", "image": "windows-2022", "adminUsername": "azureuser",
    "adminPassword": {"value": "myAdminPwd1"},
}  # fmt: skip
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPRn1rZmXeEhhDsqxbGXyX3dYpKHaItq4Z4e8Yw0ZQ5v"
SPECIALIZED = {"name": "web01", "service": "shop", "size": "Small", "osDisk": {"existing": "d"}}


def targets(model: type[BaseModel], body: dict[str, Any]) -> list[str | None]:
    """Return what a refusal of the body names, [] where it is taken."""
    try:
        parse(model, body)
    except Refused as refused:
        return [detail.target for detail in refused.problem.details if detail.code == ErrorCode.INVALID_REQUEST]
    return []


def machine(**changed: object) -> dict[str, Any]:
    """Return a good body with some members changed; None takes one out."""
    return {name: value for name, value in {**MACHINE, **changed}.items() if value is not None}


def test_a_body_with_every_field_is_taken() -> None:
    body = machine(
        subscriptionId=SUBSCRIPTION.upper(), region="West Europe", size="Standard_D2s_v5", securityType="TrustedLaunch",
        deployment={"name": "front", "slot": "Staging", "label": "Front", "updateDomainCount": 20, "faultDomainCount": 3},
        image={"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter", "version": "latest"},
        osDisk={"sizeGB": 128, "sku": "Premium_LRS", "caching": "ReadOnly"},
        dataDisks=[{"lun": 0, "sizeGB": 10, "name": "logs", "sku": "StandardSSD_LRS", "caching": "ReadWrite"},
                   {"existing": DISK, "sizeGB": 20}, {"source": BLOB}, {"source": {"id": DISK}, "sizeGB": 64}],
        computerName="web01", subnetId=f"{GROUP}/providers/Microsoft.Network/virtualNetworks/n/subnets/s",
        ports=[{**PORT, "allowedSources": ["203.0.113.7", "2001:db8::/32"]}], tags={"cost": "42"}, keepOnFailure=True,
    )  # fmt: skip
    request = parse(CreateMachine, body)
    assert (request.region, request.subscription_id) == ("westeurope", SUBSCRIPTION)
    assert request.ports[0].allowed_sources == ("203.0.113.7/32", "2001:db8::/32")
    assert isinstance(request.image, MarketplaceImage)


def test_what_is_left_out_has_its_default() -> None:
    request = parse(CreateMachine, MACHINE)
    assert (request.security_type, request.os_disk.caching, request.keep_on_failure) == ("Standard", "ReadWrite", False)
    assert parse(Port, PORT).allowed_sources == ("Internet",)
    assert parse(DataDisk, {"sizeGB": 1}).caching == "None"


@pytest.mark.parametrize(("changed", "expected"), [
    ({"name": "a" * 65}, "name"),
    ({"name": "a_b"}, "name"),
    ({"service": "a/b"}, "service"),
    ({"subscriptionId": "mine"}, "subscriptionId"),
    ({"region": "west-europe"}, "region"),
    ({"deployment": {"name": "front", "slot": "Staged"}}, "deployment.slot"),
    ({"deployment": {"name": "front", "updateDomainCount": 21}}, "deployment.updateDomainCount"),
    ({"deployment": {"name": "front", "faultDomainCount": 4}}, "deployment.faultDomainCount"),
    ({"deployment": {"name": "front"}, "zone": "1"}, "zone"),
    ({"zone": "4"}, "zone"),
    ({"zone": 1}, "zone"),
    ({"size": ""}, "size"),
    ({"securityType": "ConfidentialVM"}, "securityType"),
    ({"image": None}, "image"),
    ({"image": "../x"}, "image"),
    ({"image": {"publisher": "p", "offer": "o", "sku": "s"}}, "image.version"),
    ({"osDisk": {"sizeGB": 4096}}, "osDisk.sizeGB"),
    ({"osDisk": {"sizeGB": "128"}}, "osDisk.sizeGB"),
    ({"osDisk": {"sku": "UltraSSD_LRS"}}, "osDisk.sku"),
    ({"osDisk": {"caching": "WriteOnly"}}, "osDisk.caching"),
    ({"osDisk": {"osType": "Windows"}}, "osDisk.osType"),
    ({"osDisk": {"mediaLink": "x"}}, "osDisk.mediaLink"),
    ({"dataDisks": [{"lun": 64, "sizeGB": 1}]}, "dataDisks[0].lun"),
    ({"dataDisks": [{"lun": -1, "sizeGB": 1}]}, "dataDisks[0].lun"),
    ({"dataDisks": [{"lun": "1", "sizeGB": 1}]}, "dataDisks[0].lun"),
    ({"dataDisks": [{"lun": 3, "sizeGB": 1}, {"sizeGB": 1}, {"lun": 3, "sizeGB": 1}]}, "dataDisks[2].lun"),
    ({"dataDisks": [{"sizeGB": 1}] * 65}, "dataDisks"),
    ({"dataDisks": [{"sizeGB": 0}]}, "dataDisks[0].sizeGB"),
    ({"dataDisks": [{"sizeGB": 32_768}]}, "dataDisks[0].sizeGB"),
    ({"dataDisks": [{}]}, "dataDisks[0]"),
    ({"dataDisks": [{"existing": "d", "source": {"id": DISK}}]}, "dataDisks[0].source"),
    ({"dataDisks": [{"existing": "d", "sku": "Premium_LRS"}]}, "dataDisks[0].sku"),
    ({"dataDisks": [{"sizeGB": 5_000, "caching": "ReadOnly"}]}, "dataDisks[0].caching"),
    ({"dataDisks": [{"sizeGB": 1, "sku": "PremiumV2_LRS"}]}, "dataDisks[0].sku"),
    ({"dataDisks": [{"source": {**BLOB, "blobUri": BLOB["blobUri"] + "?sv=2024&sig=x"}}]}, "dataDisks[0].source.blobUri"),
    ({"dataDisks": [{"source": {**BLOB, "blobUri": "https://other.blob.core.windows.net/a.vhd"}}]}, "dataDisks[0].source.blobUri"),
    ({"dataDisks": [{"source": {**BLOB, "blobUri": "https://acc.blob.core.windows.net/a.vhdx"}}]}, "dataDisks[0].source.blobUri"),
    ({"dataDisks": [{"source": {**BLOB, "blobUri": "http://acc.blob.core.windows.net/a.vhd"}}]}, "dataDisks[0].source.blobUri"),
    ({"dataDisks": [{"source": {"blobUri": BLOB["blobUri"]}}]}, "dataDisks[0].source.storageAccountId"),
    ({"dataDisks": [{"source": {"id": ACCOUNT}}]}, "dataDisks[0].source.id"),
    ({"dataDisks": [{"existing": GROUP}]}, "dataDisks[0].existing"),
    ({"dataDisks": [{"sizeGB": 1, "mediaLink": "x"}]}, "dataDisks[0].mediaLink"),
    ({"computerName": "a b"}, "computerName"),
    ({"adminUsername": None}, "adminUsername"),
    ({"adminPassword": None}, "adminPassword"),
    ({"adminPassword": {"value": "myadminpwd"}}, "adminPassword"),
    ({"adminPassword": {"value": "Aa1!x"}}, "adminPassword"),
    ({"adminPassword": {"value": "P@ssw0rd"}}, "adminPassword"),
    ({"adminPassword": {}}, "adminPassword"),
    ({"adminPassword": {"value": "myAdminPwd1", "keyVaultSecretId": "x"}}, "adminPassword"),
    ({"adminPassword": "myAdminPwd1"}, "adminPassword"),
    ({"sshPublicKeys": ["ssh-rsa AAAA"]}, "sshPublicKeys[0]"),
    ({"sshPublicKeys": [KEY] * 9}, "sshPublicKeys"),
    ({"subnetId": ACCOUNT}, "subnetId"),
    ({"ports": [{**PORT, "port": 0}]}, "ports[0].port"),
    ({"ports": [{**PORT, "port": 65_535}]}, "ports[0].port"),
    ({"ports": [{**PORT, "port": "59919"}]}, "ports[0].port"),
    ({"ports": [{**PORT, "localPort": 65_536}]}, "ports[0].localPort"),
    ({"ports": [{**PORT, "protocol": "icmp"}]}, "ports[0].protocol"),
    ({"ports": [{**PORT, "name": "a" * 32}]}, "ports[0].name"),
    ({"ports": [{**PORT, "allowedSources": ["203.0.113.7/24"]}]}, "ports[0].allowedSources[0]"),
    ({"ports": [{**PORT, "allowedSources": []}]}, "ports[0].allowedSources"),
    ({"ports": [PORT, {**PORT, "name": "b", "localPort": 1}]}, "ports[1].port"),
    ({"ports": [PORT, {**PORT, "name": "b", "port": 1}]}, "ports[1].localPort"),
    ({"ports": [PORT, {**PORT, "port": 1, "localPort": 1}]}, "ports[1].name"),
    ({"ports": [PORT] * 26}, "ports"),
    ({"tags": {"farshore-x": "1"}}, "tags"),
    ({"tags": {"Hidden-title": "1"}}, "tags"),
    ({"tags": {str(number): "" for number in range(16)}}, "tags"),
    ({"tags": {"a": "1", "A": "2"}}, "tags"),
    ({"tags": {"a": 1}}, "tags.a"),
    ({"keepOnFailure": "yes"}, "keepOnFailure"),
    ({"resetPasswordOnFirstLogon": True}, "resetPasswordOnFirstLogon"),
    ({"priority": "Spot"}, "priority"),
])  # fmt: skip
def test_a_bad_field_of_a_new_machine_is_named(changed: dict[str, Any], expected: str) -> None:
    found = targets(CreateMachine, machine(**changed))
    assert expected in found
    assert len(found) == 1 or {target for target in found if target} == {expected}


@pytest.mark.parametrize("member", ["computerName", "adminUsername", "adminPassword", "sshPublicKeys"])
def test_an_existing_os_disk_has_its_own_administrator(member: str) -> None:
    values = {"computerName": "a", "adminUsername": "me", "adminPassword": {"value": "myAdminPwd1"}}
    assert targets(CreateMachine, SPECIALIZED) == []
    assert targets(CreateMachine, {**SPECIALIZED, member: values.get(member, [KEY])}) == [member]


def test_image_and_existing_disk_are_refused_together() -> None:
    assert targets(CreateMachine, {**SPECIALIZED, "image": "windows-2022"}) == ["image"]


CAPTURE = {"imageName": "golden", "after": "delete", "prepared": True, "confirm": "web01"}
AGAIN = {"adminUsername": "me", "adminPassword": {"value": "myAdminPwd1"}}


@pytest.mark.parametrize(("model", "body", "expected"), [
    (changes.ShutDown, {}, "state"),
    (changes.ShutDown, {"state": "paused"}, "state"),
    (changes.ShutDown, {"state": "stopped"}, None),
    (changes.DeleteMachine, {}, "confirm"),
    (changes.DeleteMachine, {"confirm": "web01", "deleteDisks": "data"}, "deleteDisks"),
    (changes.UpdateMachine, {"zone": "1"}, "zone"),
    (changes.UpdateMachine, {"osDisk": {"sku": "Premium_LRS"}}, "osDisk.sku"),
    (changes.UpdateMachine, {"osDisk": {"sizeGB": 5_000}}, "osDisk.sizeGB"),
    (changes.ModifyDataDisk, {}, None),
    (changes.ModifyDataDisk, {"sizeGB": 0}, "sizeGB"),
    (changes.RemoveDataDisk, {}, None),
    (changes.RemoveDataDisk, {"deleteDisk": True}, "confirm"),
    (changes.CreateService, {"name": "a"}, "name"),
    (changes.CreateService, {"name": "a-"}, "name"),
    (changes.CreateService, {"name": "sampleService2", "description": "x" * 1_001}, "description"),
    (changes.CreateService, {"name": "sampleService2", "label": "x" * 101}, "label"),
    (changes.CreateImage, {"name": "i", "source": {"id": DISK}, "osType": "Windows", "service": "shop"}, None),
    (changes.CreateImage, {"name": "i", "source": {"id": DISK}, "service": "shop"}, "osType"),
    (changes.CreateImage, {"name": "i", "source": {"id": DISK}, "osType": "Windows", "generation": 1, "service": "shop"}, "generation"),
    (changes.CreateImage, {"name": "i", "source": {**BLOB, "blobUri": BLOB["blobUri"] + "?s"}, "osType": "Linux", "service": "shop"},
     "source.blobUri"),
    (changes.GrantAccess, {"duration": "PT30S"}, "duration"),
    (changes.GrantAccess, {"duration": "P61D"}, "duration"),
    (changes.GrantAccess, {"duration": 60}, "duration"),
    (changes.GrantAccess, {}, None),
    (changes.Capture, CAPTURE, None),
    (changes.Capture, {**CAPTURE, "prepared": False}, "prepared"),
    (changes.Capture, {**CAPTURE, "prepared": 1}, "prepared"),
    (changes.Capture, {name: value for name, value in CAPTURE.items() if name != "prepared"}, "prepared"),
    (changes.Capture, {**CAPTURE, "after": "reprovision"}, "reprovision"),
    (changes.Capture, {**CAPTURE, "reprovision": AGAIN}, "reprovision"),
    (changes.Capture, {**CAPTURE, "after": "reprovision", "reprovision": AGAIN}, None),
    (changes.Capture, {**CAPTURE, "after": "reprovision", "reprovision": {**AGAIN, "adminPassword": {"value": "Password1"}}},
     "reprovision.adminPassword"),
    (changes.Capture, {**CAPTURE, "supportsStatelessDeployment": True}, "supportsStatelessDeployment"),
])  # fmt: skip
def test_a_bad_field_of_a_change_is_named(model: type[BaseModel], body: dict[str, Any], expected: str | None) -> None:
    found = targets(model, body)
    if expected is None:
        assert found == ([] if (model, body) != (changes.ModifyDataDisk, {}) else [None])
    else:
        assert found == [expected]


def test_no_refusal_repeats_a_secret() -> None:
    for value in ("hunter2", "P@ssw0rd", "x" * 2_000):
        with pytest.raises(Refused) as refused:
            parse(CreateMachine, machine(adminPassword={"value": value}))
        assert value not in str(refused.value.problem)
        assert value not in str(refused.value.__cause__)
    assert "myAdminPwd1" not in repr(parse(CreateMachine, MACHINE))


@pytest.mark.parametrize(("model", "body", "target"), [
    (Port, {**PORT, "allowedSources": ["Internet", "1.2.3.4"]}, "allowedSources"),
    (Port, {**PORT, "allowedSources": ["fe80::1%eth0"]}, "allowedSources[0]"),
    (DataDisk, {"sizeGB": 1, "sku": "Premium LRS"}, "sku"),
    (CreateMachine, machine(ports=[{**PORT, "allowedSources": ["internet", "1.2.3.4"]}]), "ports[0].allowedSources"),
])  # fmt: skip
def test_what_an_earlier_version_accepted_is_read_and_not_accepted_again(model: type[BaseModel], body: dict[str, Any], target: str) -> None:
    assert targets(model, body) == [target]
    assert len(stored_request(model, SentBody(body)).model_fields_set) == len(body)
