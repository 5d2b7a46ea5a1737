"""What Azure would refuse is refused before a call is made, all of it at once."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.copies.copying.models import ConsistencyMode
from shared.copies.copying.rules.eligibility import Reason, consistency_to_send, reasons, reasons_against_point, region_problem
from shared.copies.facts import DiskFacts, RestorePointFacts, VirtualMachineFacts

SUBSCRIPTION = "/subscriptions/00000000-0000-0000-0000-000000000001"
COMPUTE = f"{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Compute"
VM = f"{COMPUTE}/virtualMachines/web"
CRASH = ConsistencyMode.CRASH_CONSISTENT


def disk(name: str) -> str:
    return f"{COMPUTE}/disks/{name}"


def machine(*data: dict[str, Any], os: dict[str, Any] | None = None, **properties: Any) -> dict[str, Any]:
    """A VM as ARM shows it, with an OS disk and data disks."""
    attached = [{"lun": number, "name": f"data{number}", "managedDisk": {"id": disk(f"data{number}")}} for number in range(len(data))]
    storage = {
        "osDisk": {"name": "os", "managedDisk": {"id": disk("os")}, **(os or {})},
        "dataDisks": [one | more for one, more in zip(attached, data, strict=True)],
    }
    return {"id": VM, "location": "North Europe", "properties": {"storageProfile": storage, **properties}}


def facts(vm: dict[str, Any], **disks: dict[str, Any]) -> VirtualMachineFacts:
    return VirtualMachineFacts.from_arm(vm, {disk(name).upper(): body for name, body in disks.items()})


def codes(vm: VirtualMachineFacts, **request: Any) -> list[str]:
    return [problem.code for problem in reasons(vm, **request)]


def test_an_ordinary_vm_has_nothing_against_it() -> None:
    vm = facts(machine({}, {}), os={"sku": {"name": "Premium_LRS"}, "properties": {"diskSizeGB": 30, "maxShares": 1}})
    assert vm.region == "northeurope"
    assert reasons(vm, consistency=CRASH, restore_points=499) == ()


SHARED = {"properties": {"maxShares": 2}}
PRIVATE = {"properties": {"networkAccessPolicy": "AllowPrivate", "diskAccessId": f"{COMPUTE}/diskAccesses/link"}}


@pytest.mark.parametrize(
    ("vm", "disks", "mode", "expected"),
    [
        (machine(securityProfile={"securityType": "ConfidentialVM"}), {}, None, Reason.CONFIDENTIAL_VM),
        (machine({}), {"data0": SHARED}, None, Reason.SHARED_DISK),
        (machine({}), {"data0": PRIVATE}, None, Reason.PRIVATE_LINK),
        (machine(os={"diffDiskSettings": {"option": "Local"}}), {}, None, Reason.EPHEMERAL_OS_DISK),
        (machine({"writeAcceleratorEnabled": True}), {}, CRASH, Reason.WRITE_ACCELERATOR),
        (machine({}), {"data0": {"sku": {"name": "UltraSSD_LRS"}}}, CRASH, Reason.ONLY_APPLICATION_CONSISTENT),
        (machine({}), {"data0": {"sku": {"name": "PremiumV2_LRS"}}}, CRASH, Reason.ONLY_APPLICATION_CONSISTENT),
        (machine({"managedDisk": {}, "vhd": {"uri": "https://x/y.vhd"}}), {}, None, Reason.UNMANAGED_DISK),
    ],
)
def test_each_row_of_not_supported(vm: dict[str, Any], disks: dict[str, Any], mode: ConsistencyMode | None, expected: Reason) -> None:
    problems = reasons(facts(vm, **disks), consistency=mode)
    assert [problem.code for problem in problems] == [expected]
    assert len(problems[0].message.split()) > 4, "in words"


@pytest.mark.parametrize("sku", ["UltraSSD_LRS", "PremiumV2_LRS"])
@pytest.mark.parametrize("mode", [None, ConsistencyMode.APPLICATION_CONSISTENT])
def test_application_consistency_allows_what_crash_consistency_does_not(sku: str, mode: ConsistencyMode | None) -> None:
    vm = facts(machine({"writeAcceleratorEnabled": True}), data0={"sku": {"name": sku}})
    assert codes(vm, consistency=mode) == []


@pytest.mark.parametrize("body", [SHARED, PRIVATE])
def test_an_excluded_disk_is_no_reason_in_whatever_case_it_is_named(body: dict[str, Any]) -> None:
    vm = facts(machine({}, {}), data1=body)
    assert codes(vm)
    assert codes(vm, exclude=[disk("data1").upper()[1:]]) == []


def test_an_ephemeral_os_disk_can_be_excluded_by_its_id_only() -> None:
    ephemeral = {"diffDiskSettings": {"option": "Local"}}
    with_id = facts(machine({}, os=ephemeral))
    assert codes(with_id) == [Reason.EPHEMERAL_OS_DISK]
    assert codes(with_id, exclude=[disk("os")]) == []
    without = reasons(facts(machine({}, os=ephemeral | {"managedDisk": {}})))
    assert [problem.code for problem in without] == [Reason.EPHEMERAL_OS_DISK]
    assert "no id" in without[0].message


def test_a_member_of_a_uniform_scale_set_is_recognised_by_its_id() -> None:
    vm = machine() | {"id": f"{COMPUTE}/virtualMachineScaleSets/set/virtualMachines/0"}
    assert codes(facts(vm)) == [Reason.UNIFORM_SCALE_SET]
    assert codes(facts(machine(virtualMachineScaleSet={"id": f"{COMPUTE}/virtualMachineScaleSets/flexible"}))) == []


def test_excluding_everything_or_anothers_disk_is_refused() -> None:
    vm = facts(machine({}))
    assert codes(vm, exclude=[disk("os"), disk("data0")]) == [Reason.NO_DISKS]
    assert codes(vm, exclude=[disk("elsewhere")]) == [Reason.NOT_A_DISK_OF_THE_VM]


@pytest.mark.parametrize(("count", "refused"), [(None, False), (499, False), (500, True), (501, True)])
def test_the_limit_of_restore_points(count: int | None, refused: bool) -> None:
    assert codes(facts(machine()), restore_points=count) == ([Reason.TOO_MANY_RESTORE_POINTS] if refused else [])


def test_every_reason_is_given_at_once() -> None:
    vm = facts(machine({}, {"writeAcceleratorEnabled": True}, securityProfile={"securityType": "ConfidentialVM"}), data0=SHARED)
    assert codes(vm, consistency=CRASH, restore_points=500) == [
        Reason.CONFIDENTIAL_VM,
        Reason.SHARED_DISK,
        Reason.WRITE_ACCELERATOR,
        Reason.TOO_MANY_RESTORE_POINTS,
    ]


@given(flags=st.lists(st.tuples(*[st.booleans()] * 4, st.sampled_from([None, "Premium_LRS", "UltraSSD_LRS"])), min_size=1, max_size=5))
def test_excluding_more_disks_never_adds_a_reason_about_a_disk(flags: list[tuple[bool, bool, bool, bool, str | None]]) -> None:
    disks = tuple(
        DiskFacts(f"d{number}", disk(f"d{number}"), shared=a, private_link=b, write_accelerator=c, ephemeral=d, sku=sku)
        for number, (a, b, c, d, sku) in enumerate(flags)
    )
    vm = VirtualMachineFacts(VM, "northeurope", disks)
    about = [
        {problem.target for problem in reasons(vm, consistency=CRASH, exclude=[one.id or "" for one in disks[:count]])}
        for count in range(len(disks))
    ]
    for count, targets in enumerate(about):
        assert targets.isdisjoint({one.id for one in disks[:count]})
        assert targets <= about[0]


@pytest.mark.parametrize(
    ("source", "target", "known", "code"),
    [
        ("northeurope", "westeurope", None, None),
        ("northeurope", "westeurope", {"westeurope"}, None),
        ("northeurope", "northeurope", None, "SameRegion"),
        ("northeurope", "northeurope", {"northeurope"}, "SameRegion"),
        ("northeurope", "atlantis", {"westeurope"}, "UnknownRegion"),
    ],
)
def test_target_regions(source: str, target: str, known: set[str] | None, code: str | None) -> None:
    problem = region_problem(source, target, known)
    assert (problem.code if problem else None) == code


def test_only_crash_consistency_is_sent() -> None:
    assert [consistency_to_send(mode) for mode in (None, *ConsistencyMode)] == [None, "CrashConsistent", None, None]


COLLECTION = {"id": f"{COMPUTE}/restorePointCollections/daily", "location": "northeurope", "properties": {"source": {"id": VM[1:]}}}


def point(**properties: Any) -> dict[str, Any]:
    storage = {
        "osDisk": {"name": "os", "diskSizeGB": 30, "managedDisk": {"id": disk("os")}},
        "dataDisks": [{"name": f"data{n}", "diskSizeGB": 100, "managedDisk": {"id": disk(f"data{n}")}} for n in range(2)],
    }
    return {
        "id": f"{COMPUTE}/restorePointCollections/daily/restorePoints/monday",
        "name": "monday",
        "properties": {
            "timeCreated": "2026-03-01T12:00:00.1234567+00:00",
            "provisioningState": "Succeeded",
            "consistencyMode": "CrashConsistent",
            "sourceMetadata": {"storageProfile": storage},
            **properties,
        },
    }


def test_a_restore_point_is_read() -> None:
    read = RestorePointFacts.from_arm(point(excludeDisks=[{"id": disk("DATA0")[1:]}]), COLLECTION)
    assert read.virtual_machine_id == VM, "one official example lacks the leading slash"
    assert (read.region, read.captured, read.size_gb, read.consistency) == ("northeurope", 2, 130, CRASH)
    assert read.taken_at is not None
    assert read.taken_at.isoformat() == "2026-03-01T12:00:00.123456+00:00"
    assert not read.is_copy
    assert reasons_against_point(read) == ()


def test_a_disk_without_an_id_is_excluded_by_its_name() -> None:
    storage = {"osDisk": {"name": "os"}, "dataDisks": [{"name": "data0"}]}
    read = RestorePointFacts.from_arm(point(sourceMetadata={"storageProfile": storage}, excludeDisks=[{"id": disk("os")}]), COLLECTION)
    assert read.captured == 1


def test_a_copy_is_not_copied_again() -> None:
    original = f"{COMPUTE}/restorePointCollections/daily/restorePoints/sunday"
    copied = COLLECTION | {"properties": {"source": {"id": COLLECTION["id"]}}}
    read = RestorePointFacts.from_arm(point(sourceRestorePoint={"id": original}), copied)
    assert (read.source_restore_point_id, read.virtual_machine_id) == (original, None)
    problems = reasons_against_point(read)
    assert [problem.code for problem in problems] == [Reason.COPY_OF_A_COPY]
    assert original in problems[0].message
    assert reasons_against_point(RestorePointFacts.from_arm(point(), copied)), "its collection alone tells"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"provisioningState": "Failed"}, [Reason.RESTORE_POINT_FAILED]),
        ({"provisioningState": "Deleting"}, [Reason.RESTORE_POINT_DELETED]),
        ({"provisioningState": "Creating"}, []),
        ({"sourceMetadata": {"securityProfile": {"securityType": "ConfidentialVM"}}}, [Reason.CONFIDENTIAL_VM]),
    ],
)
def test_restore_points_that_cannot_be_copied(properties: dict[str, Any], expected: list[str]) -> None:
    read = RestorePointFacts.from_arm(point(**properties), COLLECTION)
    assert [problem.code for problem in reasons_against_point(read)] == expected


def test_a_private_link_counts_for_captured_disks_only() -> None:
    vm = facts(machine({}, {}), data0=PRIVATE)
    captured = RestorePointFacts.from_arm(point(), COLLECTION)
    assert [problem.code for problem in reasons_against_point(captured, vm)] == [Reason.PRIVATE_LINK]
    left_out = RestorePointFacts.from_arm(point(excludeDisks=[{"id": disk("data0")}]), COLLECTION)
    assert reasons_against_point(left_out, vm) == ()


OF_A_VM = ["id", "name", "location", "properties", "storageProfile", "osDisk", "dataDisks", "managedDisk", "sku"]
OF_A_POINT = ["source", "sourceMetadata", "excludeDisks", "timeCreated", "diskSizeGB", "sourceRestorePoint"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*OF_A_VM, *OF_A_POINT]), inner, max_size=5),
    max_leaves=20,
)


@given(properties=JSON, other=JSON)
def test_no_json_of_azures_is_too_strange_to_be_read(properties: Any, other: Any) -> None:
    vm = VirtualMachineFacts.from_arm({"id": other, "properties": properties}, {"x": {"properties": other}})
    reasons(vm, consistency=CRASH)
    reasons_against_point(RestorePointFacts.from_arm({"properties": properties}, {"properties": other}), vm)
