"""The writes that a set-up request needs, decided on a scripted vault; what Azure would refuse later is refused at once."""

from typing import Any

import pytest

from shared.arm.ids import ResourceId
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused
from shared.failovers.kinds import SetUpKind
from shared.failovers.set_up.planning import Planner
from shared.failovers.set_up.requests import Change
from shared.failovers.set_up.rules import Write
from shared.failovers.set_up.state import SetUpChange
from shared.values.sent import SentBody
from tests.failovers.samples import CONTAINER, GROUP, PLAN, VAULT, item_json
from tests.failovers.scripted import Gateway, registry
from tests.support.clocks import ManualClock

POLICY = f"{VAULT}/replicationPolicies/gold"
MACHINE = f"{CONTAINER}/replicationProtectableItems/11"
REGION = f"{VAULT}/replicationFabrics/west"
REGION_CONTAINER = f"{REGION}/replicationProtectionContainers/west"


async def writes(kind: SetUpKind, change: Change, request: dict[str, Any], *things: dict[str, Any], name: str = "") -> list[Write]:
    gateway = Gateway(ManualClock(), list(things))
    return await Planner(gateway, registry()).writes(SetUpChange(kind, change, ResourceId.parse(VAULT), name, SentBody(request)))


def policy(provider: str) -> dict[str, Any]:
    return {"id": POLICY, "properties": {"providerSpecificDetails": {"instanceType": provider}}}


def mapping(container: str, target: str = "Microsoft Azure") -> dict[str, Any]:
    properties = {"policyId": POLICY, "targetProtectionContainerId": target}
    return {"id": f"{container}/replicationProtectionContainerMappings/m", "properties": properties}


def machine(name: str) -> dict[str, Any]:
    details = {"sourceItemId": "vm-1", "osDetails": None, "diskDetails": [{"vhdId": "os"}]}
    return {"id": MACHINE, "properties": {"friendlyName": name, "customDetails": details}}


@pytest.mark.parametrize("name", ["Kontor Süd 01", "scale_house_02", "web.example", "-web", "x" * 64])
async def test_a_machine_whose_name_azure_refuses_needs_another(name: str) -> None:
    things = (policy("HyperVReplicaAzure"), mapping(CONTAINER), machine(name))
    one = {"protectableItemId": MACHINE, "policy": "gold"}
    for request, target in ((one, "targetVmName"), ({"items": [one]}, "items[0].targetVmName")):
        with pytest.raises(Refused) as refused:
            await writes(SetUpKind.ITEM, Change.CREATE, request, *things)
        assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, target)
        assert name in refused.value.problem.message
    (write,) = await writes(SetUpKind.ITEM, Change.CREATE, {**one, "targetVmName": "kontor-01"}, *things)
    assert write.body is not None
    assert write.body["properties"]["providerSpecificDetails"]["targetAzureVmName"] == "kontor-01"


def in_azure(group: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A machine named web01 of a resource group, and the request that protects it."""
    vm = f"{group}/providers/Microsoft.Compute/virtualMachines/web01"
    disk = {"managedDisk": {"id": f"{group}/providers/Microsoft.Compute/disks/os"}}
    account = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/a"
    request = {"virtualMachineId": vm, "policy": "gold", "resourceGroupId": GROUP, "storageAccountId": account}
    return {"id": vm, "location": "West", "properties": {"storageProfile": {"osDisk": disk}}}, request


async def test_machines_of_one_name_are_protected_in_one_container() -> None:
    fabric = {"id": REGION, "properties": {"customDetails": {"instanceType": "Azure", "location": "west"}}}
    things = [policy("A2A"), mapping(REGION_CONTAINER, f"{VAULT}/replicationFabrics/north/replicationProtectionContainers/north"), fabric]
    paths = []
    for group in (GROUP, f"{GROUP}2"):
        vm, request = in_azure(group)
        (write,) = await writes(SetUpKind.ITEM, Change.CREATE, request, *things, vm)
        paths.append(write.path)
        item = {"fabricObjectId": vm["id"]}
        things.append({**item_json("web01", "A2A", details=item), "id": write.path})
    assert len({path.lower() for path in paths}) == 2
    vm, request = in_azure(GROUP)
    with pytest.raises(Refused) as refused:
        await writes(SetUpKind.ITEM, Change.CREATE, request, *things, vm)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.ACTION_NOT_ALLOWED, "virtualMachineId")


async def test_a_plan_that_would_lose_an_action_is_refused_with_its_name() -> None:
    db, web = item_json("db"), item_json("web")
    groups = [
        {"groupType": "Boot", "replicationProtectedItems": [{"id": db["id"]}], "startGroupActions": [{"actionName": "mount-ledger"}]},
        {"groupType": "Boot", "replicationProtectedItems": [{"id": web["id"]}], "endGroupActions": [{"actionName": "ring-bell"}]},
    ]
    plan = {"id": PLAN, "properties": {"groups": groups}}
    request = {"groups": [{"members": [web["id"]]}]}
    with pytest.raises(Refused) as refused:
        await writes(SetUpKind.PLAN, Change.PUT, request, db, web, plan, name="shop")
    assert refused.value.code == ErrorCode.ACTION_NOT_ALLOWED
    assert [detail.target for detail in refused.value.problem.details] == ["mount-ledger"]
    (write,) = await writes(SetUpKind.PLAN, Change.PUT, {**request, "dropActions": True}, db, web, plan, name="shop")
    assert write.body is not None
    boot = write.body["properties"]["groups"][2]
    assert (boot["startGroupActions"], boot["endGroupActions"]) == ([], [{"actionName": "ring-bell"}])


@pytest.mark.parametrize(
    ("existing", "request_", "target"),
    [
        ("A2A", {"provider": "HyperVReplicaAzure"}, "provider"),
        ("InMageRcm", {}, "provider"),
        (None, {"recoveryPointHours": 72}, "recoveryPointHours"),
        ("A2A", {"startAt": "22:00"}, "startAt"),
    ],
)
async def test_a_policy_is_held_against_the_provider_that_it_has(existing: str | None, request_: dict[str, Any], target: str) -> None:
    things = [policy(existing)] if existing else []
    with pytest.raises(Refused) as refused:
        await writes(SetUpKind.POLICY, Change.PUT, request_, *things, name="gold")
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, target)


@pytest.mark.parametrize(
    "without", [{"properties": None}, {"properties": {}}, {"properties": {"groups": None, "providerSpecificDetails": "?"}}]
)
async def test_what_azure_shows_without_its_settings_is_read_again_and_not_written_over(without: dict[str, Any]) -> None:
    """Azure resets what an update leaves out: settings, actions and networks that one read does not show would be gone."""
    web = item_json("web")
    for kind, change, request, name, shown in (
        (SetUpKind.POLICY, Change.PUT, {"recoveryPointHours": 12}, "gold", POLICY),
        (SetUpKind.PLAN, Change.PUT, {"groups": [{"members": [web["id"]]}]}, "shop", PLAN),
        (SetUpKind.ITEM, Change.UPDATE, {"targetVmName": "web-dr"}, "db", f"{CONTAINER}/replicationProtectedItems/db"),
    ):
        with pytest.raises(CallFailure) as unread:
            await writes(kind, change, request, web, {"id": shown, **without}, name=name)
        assert unread.value.kind is FailureKind.IN_DOUBT
