"""The pure rules of restores: documents, names, groups, isolation, sizes, checks of readiness."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.copies.copying.rules.replication import Replication, ReplicationState
from shared.copies.facts import RestorePointFacts
from shared.copies.restores.request import ResolvedSource, RestoredMachine, RestoreNetwork, RestoreRequest, WaitFor, request_of
from shared.copies.restores.rules.captured import CapturedDisk, CapturedInterface, MachineAsItWas, absent, captured, chosen
from shared.copies.restores.rules.checks import AzureSeen, PointSeen, findings, refusal
from shared.copies.restores.rules.documents import MachineSpec, disk_document, interface_document, machine_document, not_restored
from shared.copies.restores.rules.fields import problems_of
from shared.copies.restores.rules.groups import due_group, is_ready, may_be_deleted, may_fill, problem_at_end
from shared.copies.restores.rules.isolation import why_connected
from shared.copies.restores.rules.names import disk_name, interface_name, machine_name
from shared.copies.restores.rules.readiness import read_view
from shared.copies.restores.rules.sizes import cores_needed, quota_problems, size_problem
from shared.copies.restores.state import MachineDetail, Part, ResourceDetail, ResourceState, RestoredState, SourceDetail
from shared.operations.model.models import Actor, Operation, Status

_GROUP = "/subscriptions/5d0b6a52-7c1e-4f7e-9a55-0c8e6d1f2a31/resourceGroups/g/providers"
POINT = f"{_GROUP}/Microsoft.Compute/restorePointCollections/c/restorePoints/p"
NETWORK = f"{_GROUP}/Microsoft.Network"
SUBNET = f"{NETWORK}/virtualNetworks/v/subnets/s"


def disk(lun: int | None, **more: Any) -> dict[str, Any]:
    known = {"name": f"d{lun}", "diskRestorePoint": {"id": f"{POINT}/diskRestorePoints/d{lun}"}, "diskSizeGB": 64, **more}
    return known if lun is None else {"lun": lun, **known}


def point(security: dict[str, Any] | None = None, **os_disk: Any) -> dict[str, Any]:
    metadata = {
        "hardwareProfile": {"vmSize": "Standard_D4s_v3"},
        "hyperVGeneration": "V2",
        "licenseType": "Windows_Server",
        "securityProfile": security or {},
        "storageProfile": {
            "diskControllerType": "NVMe",
            "osDisk": disk(None, osType="Windows", caching="ReadWrite", managedDisk={"storageAccountType": "Premium_LRS"}, **os_disk),
            "dataDisks": [disk(4, caching="None", managedDisk={"storageAccountType": "UltraSSD_LRS"}), {"lun": 5, "name": "left-out"}],
        },
    }
    return {"id": POINT, "properties": {"sourceMetadata": metadata}}


def spec(was: MachineAsItWas, *, drill: bool = False, **request: Any) -> MachineSpec:
    asked = RestoredMachine.model_validate({"source": {"restorePointId": POINT}, **request})
    return MachineSpec(asked, was, "northeurope", RestoreNetwork.model_validate({"subnetId": SUBNET}), drill, {"farshore-restore": "x"})


def of(machine: dict[str, Any]) -> Operation:
    """Return a stored restore of one machine of a copy."""
    body: dict[str, Any] = {
        "kind": "virtualMachine",
        "machines": [{"source": {"copyId": "a" * 26}, **machine}],
        "resourceGroup": "g",
        "network": {"subnetId": SUBNET},
        "reason": "r",
    }
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Operation(
        "o", "restore", "contoso", Status.RUNNING, "planning", 0, None, False, now, now, None, Actor("user", "a"), body, {}, {}, None
    )


def test_a_machine_is_read_from_its_restore_point_without_the_disks_that_were_left_out() -> None:
    security = {"securityType": "TrustedLaunch", "uefiSettings": {"secureBootEnabled": True, "vTpmEnabled": True}}
    was = captured(point(security), {"properties": {"purchasePlan": {"name": "n", "publisher": "p", "product": "o"}}})
    assert (was.size, was.os_type, was.generation, was.license_type) == ("Standard_D4s_v3", "Windows", "V2", "Windows_Server")
    assert (was.security_type, was.uefi) == ("TrustedLaunch", {"secureBootEnabled": True, "vTpmEnabled": True})
    assert [one.lun for one in was.disks] == [None, 4]
    assert was.plan == {"name": "n", "publisher": "p", "product": "o"}
    assert (absent(was.disks, ["os", 5]), [one.lun for one in chosen(was.disks, [4])]) == ([5], [4])
    assert captured({}).os_disk is None


def test_the_documents_are_as_captured_and_have_no_os_profile() -> None:
    was = captured(point({"securityType": "Standard"})).model_copy(
        update={"zones": ("3",), "network_interfaces": (CapturedInterface(id="i", accelerated_networking=True),)}
    )
    made = spec(was, drill=True, privateIpAddress="10.0.0.9")
    os_disk, data = (disk_document(made, one) for one in was.disks)
    assert os_disk["properties"]["creationData"] == {"createOption": "Restore", "sourceResourceId": f"{POINT}/diskRestorePoints/dNone"}
    assert (os_disk["properties"]["hyperVGeneration"], os_disk["zones"], data["sku"]) == ("V2", ["3"], {"name": "UltraSSD_LRS"})
    assert "securityProfile" not in os_disk["properties"]
    nic = interface_document(made)["properties"]
    assert (nic["ipConfigurations"][0]["properties"]["privateIPAddress"], nic["enableAcceleratedNetworking"]) == ("10.0.0.9", True)
    assert "publicIPAddress" not in str(nic)
    body = machine_document(made, {None: "os-id", 4: "data-id"}, "nic-id")
    properties = body["properties"]
    assert "osProfile" not in properties
    assert "securityProfile" not in properties
    assert properties["additionalCapabilities"] == {"ultraSSDEnabled": True}
    assert properties["storageProfile"]["osDisk"]["createOption"] == "Attach"
    assert {one["deleteOption"] for one in (properties["storageProfile"]["osDisk"], *properties["storageProfile"]["dataDisks"])} == {
        "Delete"
    }
    assert (properties["storageProfile"]["diskControllerType"], properties["licenseType"]) == ("NVMe", "Windows_Server")
    assert machine_document(spec(was), {None: "o", 4: "d"}, "n")["properties"]["storageProfile"]["osDisk"]["deleteOption"] == "Detach"


def test_a_zone_that_is_asked_for_wins_and_a_set_has_none() -> None:
    was = MachineAsItWas(zones=("2",))
    assert (spec(was).zone, spec(was, zone="1").zone) == ("2", "1")
    assert spec(was, availabilitySetId=f"{POINT.partition('/restorePointCollections')[0]}/availabilitySets/a").zone is None


@given(name=st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,200}[A-Za-z0-9_-])?", fullmatch=True), lun=st.none() | st.integers(0, 63))
def test_names_end_in_the_restores_own_suffix_and_fit(name: str, lun: int | None) -> None:
    base = machine_name(None, name, "abcdefgh")
    assert base.endswith("-abcdefgh")
    assert len(base) <= 64
    for made in (disk_name(base, "abcdefgh", lun), interface_name(base, "abcdefgh")):
        assert len(made) <= 80
        assert "." not in made
        assert "-abcdefgh-" in made


def machine(index: int, group: int, state: RestoredState, *parts: ResourceDetail) -> MachineDetail:
    return MachineDetail(
        index=index, name=f"m{index}", group=group, source=SourceDetail(restore_point_id=POINT), state=state, resources=parts
    )


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(list(RestoredState))), min_size=1, max_size=8))
def test_no_group_begins_before_the_ones_below_are_settled_nor_after_a_failure(drawn: list[tuple[int, RestoredState]]) -> None:
    machines = [machine(number, group, state) for number, (group, state) in enumerate(drawn)]
    due = due_group(machines)
    open_groups = {one.group for one in machines if not one.settled}
    failed = [one.group or 1 for one in machines if one.failed]
    if due is None:
        assert not open_groups or (failed and min(one or 1 for one in open_groups) > min(failed))
    else:
        assert due in open_groups
        assert all(one.settled for one in machines if (one.group or 1) < due)
        assert not [one for one in failed if one < due]


_ENDS = (RestoredState.READY, RestoredState.NOT_READY, RestoredState.FAILED)


def test_how_a_restore_ends_follows_from_its_machines() -> None:
    ready, late, failed = (machine(number, 1, state) for number, state in enumerate(_ENDS))
    assert problem_at_end([ready]) is None
    ends = [problem_at_end(machines) for machines in ([ready, late], [ready, late, failed], [machine(0, 2, RestoredState.WAITING)])]
    assert [end.code if end is not None else None for end in ends] == ["MachinesNotReady", "PartiallyRestored", "PartiallyRestored"]


def test_a_real_restore_deletes_no_machine_and_nothing_that_one_may_use() -> None:
    parts = [ResourceDetail(id="d", part=Part.DISK), ResourceDetail(id="v", part=Part.MACHINE)]
    failed = machine(0, 1, RestoredState.FAILED, *parts)
    there = machine(0, 1, RestoredState.FAILED, parts[0], parts[1].model_copy(update={"state": ResourceState.MADE}))
    late = machine(0, 1, RestoredState.NOT_READY, *parts)
    assert [may_be_deleted(failed, one, drill=False) for one in parts] == [True, False]
    assert not any(may_be_deleted(one, part, drill=False) for one in (there, late) for part in one.resources)
    assert all(may_be_deleted(one, part, drill=True) for one in (failed, there, late) for part in one.resources)


def test_slowly_filled_disks_are_made_a_few_at_a_time() -> None:
    assert may_fill("a", ["a"] * 4)
    assert not may_fill("a", ["a"] * 5)
    assert may_fill("b", ["a"] * 5)
    assert not may_fill("b", [str(number) for number in range(50)])


def copied(disks: tuple[CapturedDisk, ...], *, confidential: bool = False) -> list[str]:
    """Return the codes with which a machine and its disks are refused, of a finished copy of such a machine."""
    was, codes = MachineAsItWas(os_type="Linux", disks=disks, security_type="ConfidentialVM" if confidential else None), []
    seen = PointSeen(
        RestorePointFacts(POINT, "p", "northeurope", "c", source_collection_id="s"), Replication(ReplicationState.USABLE, 100, ()), was
    )
    network = {"location": "northeurope", "properties": {"subnets": [{"name": "s"}]}}
    azure = AzureSeen((seen,), {}, {SUBNET.partition("/subnets")[0].lower(): network})
    for kind in ("virtualMachine", "disks"):
        body = {"kind": kind, "machines": [{"source": {"restorePointId": POINT}}], "resourceGroup": "g"}
        asked = RestoreRequest.model_validate(body | ({"network": {"subnetId": SUBNET}} if kind == "virtualMachine" else {}))
        one = MachineSpec(asked.machines[0], was, "northeurope", asked.network, False, {})
        problem = refusal(findings(asked, [ResolvedSource(restore_point_id=POINT)], [one], azure))
        codes.append(problem.code if problem is not None else "")
    return codes


OS = CapturedDisk(restore_point_id=f"{POINT}/diskRestorePoints/os")
DATA = CapturedDisk(restore_point_id=f"{POINT}/diskRestorePoints/a", lun=0)


@pytest.mark.parametrize(
    ("disks", "confidential", "codes"),
    [
        ((OS, DATA), False, ["", ""]),
        ((DATA,), False, ["RestoreNotSupported", ""]),  # the OS disk was left out
        ((OS, DATA.model_copy(update={"encrypted": True})), False, ["RestoreNotSupported", ""]),  # Azure Disk Encryption
        ((OS, DATA), True, ["RestoreNotSupported", ""]),
    ],
)
def test_of_what_no_machine_can_be_made_the_disks_can(disks: tuple[CapturedDisk, ...], confidential: bool, codes: list[str]) -> None:
    assert copied(disks, confidential=confidential) == codes


def test_what_a_machine_does_not_have_again_is_named() -> None:
    interfaces = (CapturedInterface(id="a"), CapturedInterface(id="b"))
    left_out = not_restored(MachineAsItWas(network_interfaces=interfaces, tags={"env": "prod"}, availability_set_id="s"))
    assert {"furtherNetworkInterfaces", "tags", "availabilitySet", "identity"} <= set(left_out)
    assert not {"furtherNetworkInterfaces", "tags", "vTpmState"} & set(not_restored(MachineAsItWas(network_interfaces=interfaces[:1])))


def test_a_machine_is_ready_by_what_was_asked_for() -> None:
    assert is_ready(WaitFor.RUNNING, "running", None)
    assert not is_ready(WaitFor.AGENT, "running", "Unavailable")
    assert is_ready(WaitFor.AGENT, "Running", "Succeeded")
    assert not is_ready(WaitFor.RUNNING, "starting", "succeeded")


def test_a_network_with_a_peering_a_gateway_or_the_source_is_not_isolated() -> None:
    def network(**properties: Any) -> dict[str, Any]:
        return {"properties": properties}

    peering = {"properties": {"peeringState": "Connected", "remoteVirtualNetwork": {"id": f"{NETWORK}/virtualNetworks/hub"}}}
    assert "hub" in (why_connected(network(virtualNetworkPeerings=[peering])) or "")
    apart = {"properties": {"peeringState": "Disconnected"}}
    assert why_connected(network(virtualNetworkPeerings=[apart], subnets=[{"name": "s"}])) is None
    users = [{"id": f"{NETWORK}/virtualNetworkGateways/gw/ipConfigurations/a"}]
    assert "gateway" in (why_connected(network(subnets=[{"name": "GatewaySubnet", "properties": {"ipConfigurations": users}}])) or "")
    nic = f"{NETWORK}/networkInterfaces/web-nic"
    own = MachineAsItWas(network_interfaces=(CapturedInterface(id=nic),))
    inside = network(subnets=[{"name": "s", "properties": {"ipConfigurations": [{"id": f"{nic}/ipConfigurations/a"}]}}])
    assert "source" in (why_connected(inside, own) or "")
    assert why_connected(inside, MachineAsItWas()) is None


SKUS = [
    {
        "resourceType": "virtualMachines", "name": "Standard_D4s_v3", "family": "f",
        "locationInfo": [{"zones": ["1", "2"]}], "capabilities": [{"name": "vCPUs", "value": "4"}],
        "restrictions": [{"type": "Zone", "restrictionInfo": {"zones": ["2"]}}],
    },
    {"resourceType": "virtualMachines", "name": "Standard_A", "restrictions": [{"type": "Location"}]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("size", "zone", "found"),
    [
        ("standard_d4s_v3", None, []), ("Standard_D4s_v3", "1", []), ("Standard_D4s_v3", "2", ["zone"]), ("Standard_D4s_v3", "3", ["zone"]),
        ("Standard_A", None, ["size"]), ("Standard_None", None, ["size"]),
    ],
)  # fmt: skip
def test_a_size_and_its_zone_must_be_usable(size: str, zone: str | None, found: list[str]) -> None:
    assert [name for name, _ in size_problem(size, zone, SKUS)] == found
    assert list(size_problem(size, zone, [])) == []


def test_quotas_count_all_machines_of_a_restore() -> None:
    needed = cores_needed(["Standard_D4s_v3"] * 3, SKUS)
    assert needed == {"cores": 12, "f": 12}
    usage = {"name": {"value": "F"}, "limit": 20, "currentValue": 8}
    assert list(quota_problems(needed, [usage])) == []
    assert (
        len(list(quota_problems(needed, [{**usage, "currentValue": 9}, {"name": {"value": "cores"}, "limit": 11, "currentValue": 0}]))) == 2
    )


def test_an_instance_view_gives_power_agent_and_why_a_machine_failed() -> None:
    view = {
        "statuses": [{"code": "ProvisioningState/failed/AllocationFailed", "message": "No capacity"}, {"code": "PowerState/running"}],
        "vmAgent": {"statuses": [{"code": "ProvisioningState/succeeded"}]},
    }
    failed = read_view({"properties": {"provisioningState": "Failed", "instanceView": view}})
    assert (failed.power, failed.agent, failed.failure.code if failed.failure else None) == ("running", "succeeded", "CapacityUnavailable")
    assert read_view({"properties": {"provisioningState": "Odd"}}).provisioned is False


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        *(("disks.sku", {"disks": {"sku": sku}}) for sku in ("Standard_ZRS", "PremiumV2_ZRS", "UltraSSD_ZRS")),
        *(("privateIpAddress", {"privateIpAddress": address}) for address in ("10.0.0.300", "1.2.3", "::1::", "1" * 45)),
    ],
)
def test_what_azure_cannot_make_is_refused_at_acceptance_and_still_read_where_an_earlier_version_took_it(
    path: str, changed: dict[str, Any]
) -> None:
    stored = of(changed)
    assert request_of(stored).machines[0].source.copy_id == "a" * 26
    assert [(problem.code, problem.target) for problem in problems_of(request_of(stored))] == [("InvalidRequest", f"machines[0].{path}")]


@pytest.mark.parametrize("address", ["fe80::1%x y<>", "fe80::1%eth0", "0" * 46, ""])
def test_an_address_with_a_scope_or_beyond_45_characters_is_not_read(address: str) -> None:
    with pytest.raises(ValidationError, match="privateIpAddress"):
        request_of(of({"privateIpAddress": address}))


@pytest.mark.parametrize("address", ["10.0.0.4", "fe80::1", "2001:DB8::10.0.0.4"])
def test_addresses_of_both_families_are_accepted(address: str) -> None:
    assert problems_of(request_of(of({"privateIpAddress": address}))) == []
