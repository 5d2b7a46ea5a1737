"""The data objects of the classic guide, field by field: what has a counterpart is taken, what has none is refused by its name."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from shared.errors import Refused
from shared.virtual_machines.requests import changes
from shared.virtual_machines.requests.machine import CreateMachine, DataDisk, Port
from shared.web.documents import parse
from tests.virtual_machines.test_requests import ACCOUNT, BLOB, CAPTURE, DISK, MACHINE, PORT, machine, targets

Json = dict[str, Any]

TAKEN: list[tuple[str, str, type[BaseModel], Json]] = [
    ("VMRole", "RoleName", CreateMachine, machine(name="sampleRole")),
    ("VMRole", "RoleSize", CreateMachine, machine(size="Small")),
    ("VMRole", "OSDisk, DataDisks", CreateMachine, machine(osDisk={"sizeGB": 128}, dataDisks=[{"sizeGB": 10}])),
    ("VMRole", "ConfigurationSets", CreateMachine, machine(computerName="sampleMach1", ports=[PORT])),
    ("OSDisk", "SourceImageName", CreateMachine, machine(image="windows-2022")),
    ("OSDisk", "DiskName", CreateMachine, {"name": "a", "service": "s", "size": "Small", "osDisk": {"existing": "d"}}),
    ("OSDisk", "DisableWriteCache", CreateMachine, machine(osDisk={"caching": "ReadWrite"})),
    ("OSDisk", "DisableWriteCache", CreateMachine, machine(osDisk={"caching": "ReadOnly"})),
    ("DataDisk", "LogicalDiskSizeInGB", DataDisk, {"sizeGB": 10}),
    ("DataDisk", "DiskName", DataDisk, {"existing": "d"}),
    ("DataDisk", "DiskName", DataDisk, {"existing": DISK}),
    ("DataDisk", "SourceMediaLink", DataDisk, {"source": BLOB}),
    *(("DataDisk", "LUN", DataDisk, {"sizeGB": 1, "lun": lun}) for lun in (0, 15, 63)),
    *(
        ("DataDisk", "DisableReadCache, EnableWriteCache", DataDisk, {"sizeGB": 1, "caching": caching})
        for caching in ("ReadOnly", "None", "ReadWrite")
    ),
    ("ProvisioningConfiguration", "AdminPassword", CreateMachine, machine(adminPassword={"value": "myAdminPwd1"})),
    ("ProvisioningConfiguration", "MachineName", CreateMachine, machine(computerName="sampleMach1")),
    ("ProvisioningConfiguration", "(new)", CreateMachine, machine(adminUsername="azureuser")),
    ("NetworkConfiguration", "InputEndpoints", CreateMachine, machine(ports=[PORT])),
    ("ExternalEndpoint", "Name, Protocol, Port, LocalPort", Port, {"name": "web", "protocol": "tcp", "port": 59919, "localPort": 3395}),
]  # fmt: skip
"""Per field the body with its counterpart."""

REFUSED: list[tuple[str, str, type[BaseModel], Json, str]] = [
    ("VMRole", "RoleType", CreateMachine, machine(roleType="PersistentVMRole"), "roleType"),
    ("OSDisk", "MediaLink", CreateMachine, machine(osDisk={"mediaLink": "x"}), "osDisk.mediaLink"),
    ("DataDisk", "MediaLink", CreateMachine, machine(dataDisks=[{"sizeGB": 1, "mediaLink": "x"}]), "dataDisks[0].mediaLink"),
    ("DataDisk", "MediaLink", DataDisk, {"sizeGB": 1, "mediaLink": "x"}, "mediaLink"),
    ("ProvisioningConfiguration", "ConfigurationSetType", CreateMachine, machine(configurationSetType="x"), "configurationSetType"),
    ("ProvisioningConfiguration", "ResetPasswordOnFirstLogon", CreateMachine, machine(resetPasswordOnFirstLogon=False),
     "resetPasswordOnFirstLogon"),
    ("CaptureRoleInstance", "SupportsStatelessDeployment", changes.Capture, {**CAPTURE, "supportsStatelessDeployment": False},
     "supportsStatelessDeployment"),
]  # fmt: skip
"""Per field without a counterpart a body with it, and the field that the refusal names."""

CLASSIC_SPELLING: list[tuple[type[BaseModel], Json, str]] = [
    (CreateMachine, machine(dataDisks=[{"sizeGB": 1, "disableReadCache": True}]), "dataDisks[0].disableReadCache"),
    (CreateMachine, machine(dataDisks=[{"sizeGB": 1, "enableWriteCache": True}]), "dataDisks[0].enableWriteCache"),
    (CreateMachine, machine(dataDisks=[{"sizeGB": 1, "caching": "WriteOnly"}]), "dataDisks[0].caching"),
    (CreateMachine, machine(osDisk={"disableWriteCache": True}), "osDisk.disableWriteCache"),
    (CreateMachine, machine(RoleName="x"), "RoleName"),
    (CreateMachine, machine(callback="x"), "callback"),
    (CreateMachine, machine(deployment={"name": "a", "rollbackAllowed": True}), "deployment.rollbackAllowed"),
    (CreateMachine, machine(deployment={"name": "a", "sdkVersion": "2"}), "deployment.sdkVersion"),
    (CreateMachine, machine(deployment={"name": "a", "locked": False}), "deployment.locked"),
    (Port, {**PORT, "port": "59919"}, "port"),
    (Port, {**PORT, "localPort": "3395"}, "localPort"),
    (Port, {**PORT, "protocol": "TCP"}, "protocol"),
    (DataDisk, {"sizeGB": 1, "lun": "0"}, "lun"),
    (changes.CreateService, {"name": "sampleService2", "location": "West US"}, "location"),
    (changes.CreateImage, {"name": "i", "source": BLOB, "osType": "Windows", "service": "s", "roleSize": "Small"}, "roleSize"),
    (changes.CreateImage, {"name": "i", "source": {"blobUri": BLOB["blobUri"]}, "osType": "Windows", "service": "s"},
     "source.storageAccountId"),
    (changes.ShutDown, {"state": "StoppedDeallocated"}, "state"),
    (changes.Capture, {**CAPTURE, "after": "Delete"}, "after"),
    (changes.Capture, {**CAPTURE, "targetImageName": "x"}, "targetImageName"),
    (changes.UpdateMachine, {"roleSize": "Small"}, "roleSize"),
    (changes.ModifyDataDisk, {"sizeGB": 1, "lun": 1}, "lun"),
    (changes.GrantAccess, {"keyType": "primary"}, "keyType"),
]  # fmt: skip
"""The guide's spellings, and values that it took and Azure does not."""

ANSWERS = {"RoleInstance (answer)", "InputEndpoint (answer)"}
"""Objects of answers only; tests/virtual_machines/test_classic_operations.py reads them."""


@pytest.mark.parametrize(("model", "body"), [pytest.param(*case, id=f"{thing}.{field}") for thing, field, *case in TAKEN])
def test_a_field_with_a_counterpart_is_taken(model: type[BaseModel], body: Json) -> None:
    assert targets(model, body) == []


@pytest.mark.parametrize(("model", "body", "target"), [pytest.param(*case, id=f"{thing}.{field}") for thing, field, *case in REFUSED])
def test_a_field_without_a_counterpart_is_refused_by_its_name(model: type[BaseModel], body: Json, target: str) -> None:
    assert targets(model, body) == [target]


@pytest.mark.parametrize(("model", "body", "target"), CLASSIC_SPELLING)
def test_the_spelling_of_the_guide_is_refused_by_its_name(model: type[BaseModel], body: Json, target: str) -> None:
    assert targets(model, body) == [target]


def test_the_default_of_a_disk_is_that_of_the_guide_or_safer() -> None:
    """(DisableReadCache, EnableWriteCache) defaulted to a read cache; without a choice a data disk has none here."""
    assert parse(DataDisk, {"sizeGB": 1}).caching == "None"
    assert parse(CreateMachine, MACHINE).os_disk.caching == "ReadWrite"


def test_every_row_of_the_page_has_a_case() -> None:
    page = (Path(__file__).parents[2] / "docs" / "service-management.md").read_text(encoding="utf-8")
    section = page.partition("## Data objects")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)[1:]
    without = {(thing, field) for thing, field, counterpart in rows if counterpart.startswith("none")}
    withs = {(thing, field) for thing, field, counterpart in rows if not counterpart.startswith("none") and thing not in ANSWERS}
    assert len(rows) > 20
    assert without == {(thing, field) for thing, field, *_ in REFUSED if thing != "CaptureRoleInstance"}
    assert withs == {(thing, field) for thing, field, *_ in TAKEN}


def test_a_blob_of_another_account_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        parse(DataDisk, {"source": {"blobUri": "https://another.blob.core.windows.net/vhds/a.vhd", "storageAccountId": ACCOUNT}})
    assert refused.value.problem.target == "source.blobUri"
