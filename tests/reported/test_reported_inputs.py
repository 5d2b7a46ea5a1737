"""Inputs that people reported of other tools that call Azure, with invented names; each file of them is one test, by its values.

What needs the steps of a copy is in tests/copies: `test_absence.py` (a 404 of a status read) and `test_restore_points_of_machines.py` (a
restore point that fails later, states in other spellings, tags that a policy requires). The expired token is in tests/arm/test_clients.py.
"""

import base64
import json
from typing import Any

import azure.functions as func
import pytest

from functions.failovers.endpoints import start_failover
from local.simulation.faults.fault import Fault
from shared.access.roles import Role
from shared.arm.ids import ResourceId
from shared.copies.copying.models import CopyRequest
from shared.errors import ErrorCode, Refused
from shared.failovers.kinds import SetUpKind
from shared.failovers.set_up.planning import Planner
from shared.failovers.set_up.requests import Change, PolicyRequest, ProtectRequest, RecoveryPlanRequest
from shared.failovers.set_up.rules import Write, protect_azure
from shared.failovers.set_up.state import SetUpChange
from shared.operations.outside.intake import decode, understand
from shared.values.sent import SentBody
from shared.web.calls import Endpoint
from shared.web.documents import parse
from shared.web.entry import answer
from tests.access.kit import PROVIDER
from tests.failovers.scripted import Gateway, registry
from tests.support.clocks import ManualClock
from tests.web.conftest import app, issuer
from tests.web.kit import App, Issuer, bearer, body_of

__all__ = ["app", "issuer"]

SUBSCRIPTION = "/subscriptions/5d0b6a52-7c1e-4f7e-9a55-0c8e6d1f2a31"
PRODUCTION = f"{SUBSCRIPTION}/resourceGroups/harbour-prod/providers/Microsoft.Compute"
RECOVERY = f"{SUBSCRIPTION}/resourceGroups/harbour-dr"
VAULT = f"{RECOVERY}/providers/Microsoft.RecoveryServices/vaults/harbour-vault"
CONTAINER = f"{VAULT}/replicationFabrics/harbour-westeurope/replicationProtectionContainers/harbour-westeurope"
CLOUD = f"{VAULT}/replicationFabrics/harbour-site/replicationProtectionContainers/cloud-quay"
MACHINE = f"{PRODUCTION}/virtualMachines/quay01"


def item(name: str) -> str:
    return f"{CONTAINER}/replicationProtectedItems/{name}"


async def planned(kind: SetUpKind, change: Change, name: str, request: dict[str, Any], *things: dict[str, Any]) -> list[Write]:
    """Return the writes that a change of the vault needs, which has some things."""
    return await Planner(Gateway(ManualClock(), list(things)), registry()).writes(
        SetUpChange(kind, change, ResourceId.parse(VAULT), name, SentBody(request))
    )


@pytest.mark.parametrize("path", ["/api/failovers?dryRun", "/api/failovers?dryRun="])
async def test_01_a_dry_run_without_a_value_starts_nothing(app: App, issuer: Issuer, path: str) -> None:
    body = {
        "scope": {"protectedItemId": item("quay01")},
        "action": "UnplannedFailover",
        "reason": "What would it do?",
        "acceptUntested": True,
        "acceptWarnings": True,
    }
    token = issuer.token(PROVIDER, roles=[str(Role.FAILOVERS_EXECUTE)], scp="user_impersonation")
    headers = {"authorization": bearer(token), "content-type": "application/json"}
    # the host drops what has no value from `params`: only the URL still has it
    sent = func.HttpRequest("POST", f"http://localhost{path}", headers=headers, params={}, route_params={}, body=json.dumps(body).encode())

    async def never(_call: object) -> Any:
        raise AssertionError("the handler ran")

    reply = await answer(sent, app, Endpoint(start_failover.route, never, start_failover.name, start_failover.summary))
    assert (reply.status_code, body_of(reply)["error"]["code"], body_of(reply)["error"]["target"]) == (400, "InvalidRequest", "dryRun")


def action(name: str, kind: str, **details: str) -> dict[str, Any]:
    return {
        "actionName": name,
        "failoverTypes": ["UnplannedFailover"],
        "failoverDirections": ["PrimaryToRecovery"],
        "customDetails": {"instanceType": kind, **details},
    }


def script(name: str) -> dict[str, Any]:
    return action(name, "ScriptActionDetails", path=f"\\\\share\\{name}.ps1", fabricLocation="Recovery")


def manual(name: str) -> dict[str, Any]:
    return action(name, "ManualActionDetails", description=name)


def boot(member: str, start: list[dict[str, Any]], end: list[dict[str, Any]]) -> dict[str, Any]:
    members = [{"id": item(member)}]
    return {"groupType": "Boot", "replicationProtectedItems": members, "startGroupActions": start, "endGroupActions": end}


async def test_05_the_actions_of_a_plan_follow_their_group() -> None:
    groups = {
        "tide-db": boot("tide-db", [script("mount-ledger")], [manual("harbour-master-nods")]),
        "tide-app": boot("tide-app", [script("turn-names")], []),
        "tide-web": boot("tide-web", [], [manual("ring-bell")]),
    }
    plan = {"id": f"{VAULT}/replicationRecoveryPlans/tide", "properties": {"groups": list(groups.values())}}
    request = {"groups": [{"members": [item(name)]} for name in ("tide-app", "tide-db", "tide-web")]}
    members = [{"id": item(name), "properties": {"providerSpecificDetails": {"instanceType": "A2A"}}} for name in groups]
    (write,) = await planned(SetUpKind.PLAN, Change.PUT, "tide", request, plan, *members)
    assert write.body is not None
    for group, name in zip(write.body["properties"]["groups"][2:], ("tide-app", "tide-db", "tide-web"), strict=True):
        assert [one["id"] for one in group["replicationProtectedItems"]] == [item(name)]
        assert group["startGroupActions"] == groups[name]["startGroupActions"]
        assert group["endGroupActions"] == groups[name]["endGroupActions"]


FORTNIGHT = {
    "id": f"{VAULT}/replicationPolicies/fortnight",
    "properties": {
        "providerSpecificDetails": {
            "instanceType": "A2A",
            "recoveryPointHistory": 21600,
            "appConsistentFrequencyInMinutes": 240,
            "crashConsistentFrequencyInMinutes": 5,
            "multiVmSyncStatus": "Enabled",
        }
    },
}


@pytest.mark.parametrize(
    ("name", "body", "kept"),
    [
        ("fortnight", {"provider": "A2A", "recoveryPointHours": 360, "applicationConsistentSnapshotHours": 4}, None),
        ("fortnight", {"clouds": []}, None),
        ("three-days", {"provider": "A2A", "recoveryPointHours": 72}, 4320),
        ("too-long", {"provider": "A2A", "recoveryPointHours": 361}, 400),
        ("hyper-v", {"provider": "HyperVReplicaAzure", "recoveryPointHours": 72}, 400),
    ],
)
async def test_06_a_policy_keeps_points_for_fifteen_days(name: str, body: dict[str, Any], kept: int | None) -> None:
    if kept == 400:
        with pytest.raises(Refused) as refused:
            parse(PolicyRequest, body)
        assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, "recoveryPointHours")
        return
    writes = await planned(SetUpKind.POLICY, Change.PUT, name, body, FORTNIGHT)
    found = [(write.body or {})["properties"]["providerSpecificInput"]["recoveryPointHistory"] for write in writes]
    assert found == ([] if kept is None else [kept])


@pytest.mark.parametrize("name", ["Kontor Süd 01", "scale_house_02"])
async def test_13_a_machine_whose_name_azure_does_not_take_is_refused(name: str) -> None:
    machine = f"{CLOUD}/replicationProtectableItems/6d0f7a52-1c1e-4f7e-9a55-0c8e6d1f2a31"
    policy = f"{VAULT}/replicationPolicies/every-5-minutes"
    things: list[dict[str, Any]] = [
        {"id": policy, "properties": {"providerSpecificDetails": {"instanceType": "HyperVReplicaAzure"}}},
        {"id": f"{CLOUD}/replicationProtectionContainerMappings/m", "properties": {"policyId": policy}},
        {"id": machine, "properties": {"friendlyName": name, "customDetails": {"diskDetails": [{"vhdId": "os"}]}}},
    ]
    body = {"protectableItemId": machine, "policy": "every-5-minutes", "targetVmSize": "Standard_D2s_v5"}
    with pytest.raises(Refused) as refused:
        await planned(SetUpKind.ITEM, Change.CREATE, "", body, *things)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, "targetVmName")


def test_13_a_plan_of_eight_boot_groups_is_refused() -> None:
    body = {"groups": [{"members": [item(f"berth{number}")]} for number in range(8)]}
    with pytest.raises(Refused) as refused:
        parse(RecoveryPlanRequest, body)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, "groups")


TIDE_7 = {
    "id": "tide-7",
    "source": {"restorePointId": f"{PRODUCTION}/restorePointCollections/quay01-points/restorePoints/quay01-monday"},
    "target": {"region": "northeurope", "resourceGroup": "harbour-dr"},
}
TEXT = json.dumps(TIDE_7)


@pytest.mark.parametrize(
    "message",
    [TEXT.encode("utf-8-sig"), base64.b64encode(TEXT.encode("utf-8-sig")), base64.b64encode(TEXT.encode("utf-16-le"))],
    ids=["mark, plain", "mark, in base64", "UTF-16 little endian without a mark, in base64"],
)
def test_14_a_message_with_a_byte_order_mark_is_read(message: bytes) -> None:
    understood = understand(decode(message), frozenset({"restorePointCopy"}))
    assert (understood.key, understood.body) == ("tide-7", {name: TIDE_7[name] for name in ("source", "target")})


def test_17_null_counts_as_absent() -> None:
    body = {
        "source": {"restorePointId": None, "virtualMachineId": MACHINE, "consistencyMode": None, "excludeDisks": None},
        "target": {"region": "northeurope", "resourceGroup": "harbour-dr", "subscriptionId": None, "collection": None},
        "tags": None,
    }
    source, target = {"virtualMachineId": MACHINE}, {"region": "northeurope", "resourceGroup": "harbour-dr"}
    assert parse(CopyRequest, body) == parse(CopyRequest, {"source": source, "target": target})


@pytest.mark.parametrize(
    ("given", "where", "sent"),
    [
        ({"availabilityZone": "2"}, "machine", {"recoveryAvailabilityZone": "2"}),
        (
            {"diskEncryptionSetId": f"{RECOVERY}/providers/Microsoft.Compute/diskEncryptionSets/harbour-keys"},
            "disk",
            {"recoveryDiskEncryptionSetId": f"{RECOVERY}/providers/Microsoft.Compute/diskEncryptionSets/harbour-keys"},
        ),
        ({"diskType": "PremiumV2_LRS"}, "disk", {"recoveryTargetDiskAccountType": "PremiumV2_LRS"}),
    ],
)
def test_32_a_machine_in_azure_goes_where_it_is_asked_to(given: dict[str, str], where: str, sent: dict[str, str]) -> None:
    body = {
        "virtualMachineId": MACHINE,
        "policy": "a2a-day",
        "resourceGroupId": RECOVERY,
        "storageAccountId": f"{RECOVERY}/providers/Microsoft.Storage/storageAccounts/harbourcache",
        **given,
    }
    write = protect_azure(item("quay01"), parse(ProtectRequest, body), [f"{PRODUCTION}/disks/os"], CONTAINER, "policy")
    assert write.body is not None
    details = write.body["properties"]["providerSpecificDetails"]
    holder = details if where == "machine" else details["vmManagedDisks"][0]
    assert sent.items() <= holder.items()


@pytest.mark.parametrize(
    "fault",
    [
        {
            "match": {"method": "GET", "path": "/restorePoints/", "query": "instanceView"},
            "fault": "error", "status": 404, "code": "ResourceNotFound",
        },
        {
            "match": {"method": "PUT", "path": "/restorePoints/"},
            "fault": "error", "status": 403, "code": "LinkedAuthorizationFailed", "message": "…",
        },
        {
            "match": {"method": "PUT", "path": "/restorePointCollections/[^/]+$"},
            "fault": "error", "status": 409, "code": "AnotherOperationInProgress",
        },
        {
            "match": {"method": "PUT", "path": "/restorePoints/"},
            "fault": "failRestorePoint", "code": "VMAgentStatusCommunicationError",
        },
        {"match": {"method": "POST", "path": "/testFailover$"}, "fault": "hideJob", "duration": "PT1M"},
    ],
    ids=lambda fault: f"{fault['fault']} {fault.get('code', '')}",
)  # fmt: skip
def test_33_the_simulation_has_faults_of_these_shapes(fault: dict[str, Any]) -> None:
    read = Fault.read(fault)
    match = fault["match"]
    assert (read.kind, read.method, read.path.pattern) == (fault["fault"], match["method"], match["path"])
    assert (read.query.pattern if read.query else None) == match.get("query")
    for member in ("status", "code", "message"):
        assert read.definition.get(member) == fault.get(member)
