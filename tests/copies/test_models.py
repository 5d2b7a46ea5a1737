"""The refusal of a wrong request, and what a caller sees of a copy."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.copies.copying.models import CopiedDisk, CopiedFrom, CopiedTo, Copy, CopyRequest, DiskState, normal_region
from shared.errors import Problem
from shared.operations.model.models import Actor, Attention, Status

GROUP = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/shop"
VM = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/web"
POINT = f"{GROUP}/providers/Microsoft.Compute/restorePointCollections/daily/restorePoints/monday"
DISK = f"{GROUP}/providers/Microsoft.Compute/disks/data"
TARGET = {"region": "westeurope", "resourceGroup": "away"}


def request(source: Any = None, target: Any = None, **more: Any) -> dict[str, Any]:
    return {"source": {"restorePointId": POINT} if source is None else source, "target": target or TARGET, **more}


def wrong(body: Any) -> dict[str, str]:
    """The refusals of a body: the path of each field and the message."""
    with pytest.raises(ValidationError) as refused:
        CopyRequest.model_validate(body)
    return {".".join(str(part) for part in error["loc"]): error["msg"] for error in refused.value.errors()}


def test_a_restore_point_and_a_vm_are_understood() -> None:
    of_point = CopyRequest.model_validate(request())
    assert (of_point.source.restore_point_id, of_point.source.virtual_machine_id) == (POINT, None)
    of_vm = CopyRequest.model_validate(
        request({"virtualMachineId": VM, "consistencyMode": "CrashConsistent", "excludeDisks": [DISK, DISK.upper()]})
    )
    assert of_vm.source.virtual_machine_id == VM
    assert len(of_vm.source.exclude_disks) == 1, "one disk, named twice"


def test_an_id_without_its_slash_in_another_case_is_the_same_id() -> None:
    lower = POINT[1:].lower()
    read = CopyRequest.model_validate(request({"restorePointId": lower})).source.restore_point_id
    assert read is not None
    assert read.lower() == POINT.lower()
    assert read.startswith("/subscriptions/")


@pytest.mark.parametrize(
    ("body", "path", "word"),
    [
        (request({}), "source", "neither"),
        (request({"restorePointId": POINT, "virtualMachineId": VM}), "source", "both"),
        (request({"restorePointId": POINT, "consistencyMode": "CrashConsistent"}), "source.consistencyMode", "fixed"),
        (request({"restorePointId": POINT, "excludeDisks": [DISK]}), "source.excludeDisks", "left out"),
        (request({"virtualMachineId": VM, "consistencyMode": "Sometimes"}), "source.consistencyMode", "CrashConsistent"),
        (request({"virtualMachineId": VM, "excludeDisks": [VM]}), "source.excludeDisks.0", "Microsoft.Compute/disks"),
        (request({"virtualMachineId": POINT}), "source.virtualMachineId", "virtualMachines"),
        (request({"restorePointId": ""}), "source.restorePointId", "empty"),
        (request({"restorePointId": "monday"}), "source.restorePointId", "ARM resource id"),
        (request({"restorePointId": 7}), "source.restorePointId", "string"),
        (request({"vmId": VM}), "source.vmId", "not permitted"),
        (request({"virtual_machine_id": VM}), "source.virtual_machine_id", "not permitted"),
        (request(target={**TARGET, "zone": "1"}), "target.zone", "not permitted"),
        (request(colour="red"), "colour", "not permitted"),
        (request(target={"region": "westeurope"}), "target.resourceGroup", "required"),
        (request(target={**TARGET, "region": ""}), "target.region", "empty"),
        (request(target={**TARGET, "region": "west/europe"}), "target.region", "region"),
        (request(target={**TARGET, "resourceGroup": ""}), "target.resourceGroup", "1 to 90"),
        (request(target={**TARGET, "resourceGroup": "away."}), "target.resourceGroup", "full stop"),
        (request(target={**TARGET, "resourceGroup": "a/b"}), "target.resourceGroup", "1 to 90"),
        (request(target={**TARGET, "resourceGroup": "x" * 91}), "target.resourceGroup", "1 to 90"),
        (request(target={**TARGET, "collection": ""}), "target.collection", "1 to 80"),
        (request(target={**TARGET, "collection": "a b"}), "target.collection", "1 to 80"),
        (request(target={**TARGET, "collection": "a."}), "target.collection", "ends with"),
        (request(target={**TARGET, "collection": "x" * 81}), "target.collection", "1 to 80"),
        (request(target={**TARGET, "subscriptionId": "mine"}), "target.subscriptionId", "GUID"),
        (request(tags={str(number): "" for number in range(16)}), "tags", "at most 15"),
        (request(tags={"n" * 513: ""}), "tags", "512"),
        (request(tags={"n": "v" * 257}), "tags", "256"),
        (request(tags={"": "v"}), "tags", "empty"),
        (request(tags={"a/b": "v"}), "tags", "refuses"),
        (request(tags={"a": "1", "A": "2"}), "tags", "case"),
        (request(tags={"farshore-virtual-machine": "v"}), "tags", "reserved"),
        (request(tags={"n": 1}), "tags.n", "string"),
        ({}, "source", "required"),
    ],
)
def test_a_wrong_request_names_its_field_and_states_what_is_wrong(body: dict[str, Any], path: str, word: str) -> None:
    refusals = wrong(body)
    assert path in refusals
    assert word in refusals[path]


@pytest.mark.parametrize("body", [None, [], "text", 7])
def test_what_is_no_object_is_refused(body: Any) -> None:
    assert wrong(body)


def test_every_fault_is_reported_at_once() -> None:
    assert set(wrong({"source": {"vmId": VM}, "target": {"region": "", "resourceGroup": ""}, "x": 1})) == {
        "source.vmId",
        "target.region",
        "target.resourceGroup",
        "x",
    }


@pytest.mark.parametrize("name", ["x", "a-b_c.d(e)", ".hidden", "Über-Gruppe", "x" * 90])
def test_names_that_arm_takes_for_resource_groups_are_taken(name: str) -> None:
    assert CopyRequest.model_validate(request(target={**TARGET, "resourceGroup": name})).target.resource_group == name


@pytest.mark.parametrize("name", ["x", "7", "a.b", "a-_.-b", "ends_", "x" * 80])
def test_names_that_azure_takes_for_collections_are_taken(name: str) -> None:
    assert CopyRequest.model_validate(request(target={**TARGET, "collection": name})).target.collection == name


def test_limits_of_tags_are_inclusive() -> None:
    tags = {f"{number:02}{'n' * 510}": "v" * 256 for number in range(15)}
    assert CopyRequest.model_validate(request(tags=tags)).tags == tags


@pytest.mark.parametrize("text", ["West Europe", "westeurope", " WESTEUROPE ", "west europe"])
def test_display_names_of_regions_are_understood(text: str) -> None:
    assert normal_region(text) == "westeurope"


@given(st.text(max_size=60))
def test_a_region_is_normal_once_and_for_all_or_refused(text: str) -> None:
    try:
        name = normal_region(text)
    except ValueError:
        return
    assert normal_region(name) == name
    assert name.isascii()
    assert name.isalnum()


def test_an_answer_has_the_contracts_members() -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
    answer = Copy(
        id="op",
        tenant="contoso",
        status=Status.FAILED,
        step="replicate",
        percent_complete=42,
        usable=False,
        source=CopiedFrom(virtual_machine_id=VM, restore_point_id=POINT, region="northeurope", taken_at=moment),
        target=CopiedTo(restore_point_id=None, region="westeurope"),
        disks=(CopiedDisk(id=DISK, state=DiskState.REPLICATING, percent_complete=42),),
        created_at=moment,
        error=Problem("CopyFailed", "it failed"),
        attention=Attention("CopyStuck", "it stands", "2026-03-01T12:00:00.000000Z"),
        requested_by=Actor("app", "7", "billing"),
    ).as_json()
    assert answer == {
        "id": "op",
        "tenant": "contoso",
        "status": "Failed",
        "step": "replicate",
        "percentComplete": 42,
        "usable": False,
        "source": {
            "virtualMachineId": VM,
            "restorePointId": POINT,
            "region": "northeurope",
            "takenAt": "2026-03-01T12:00:00.000000Z",
            "vmId": None,
            "consistencyMode": None,
        },
        "target": {"restorePointId": None, "region": "westeurope"},
        "disks": [{"id": DISK, "state": "Replicating", "percentComplete": 42}],
        "createdAt": "2026-03-01T12:00:00.000000Z",
        "startedAt": None,
        "completedAt": None,
        "error": {"code": "CopyFailed", "message": "it failed", "target": None, "details": []},
        "checks": 0,
        "attention": {"code": "CopyStuck", "message": "it stands", "since": "2026-03-01T12:00:00.000000Z"},
        "requestedBy": {"kind": "app", "id": "7", "name": "billing"},
        "tags": {},
        "policy": None,
        "run": None,
        "slot": None,
        "supersededBy": None,
        "deletedAt": None,
        "deletedBy": None,
        "deletion": None,
        "waitingFor": None,
    }


def test_models_describe_themselves_in_camel_case() -> None:
    described = CopyRequest.model_json_schema()
    assert described["required"] == ["source", "target"]
    assert described["additionalProperties"] is False
    assert set(described["$defs"]["CopyTarget"]["properties"]) == {"region", "resourceGroup", "subscriptionId", "collection"}
    assert "percentComplete" in Copy.model_json_schema(mode="serialization")["properties"]
