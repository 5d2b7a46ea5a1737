"""Which kinds of operations name what their tenant must still own when they start: all but those with a reason."""

from datetime import UTC, datetime
from typing import Any

import pytest

from shared.operations.model.models import Actor, Operation, Status
from shared.operations.running.workflow import Workflow
from tests.support.assembled import assembled

SUBSCRIPTION = "aaaaaaaa-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/g"
MACHINE = f"{GROUP}/providers/Microsoft.Compute/virtualMachines/vm"
POINT = f"{GROUP}/providers/Microsoft.Compute/restorePointCollections/c/restorePoints/p"
VAULT = f"{GROUP}/providers/Microsoft.RecoveryServices/vaults/v"
CLOUD = f"{VAULT}/replicationFabrics/f/replicationProtectionContainers/c"
ITEM = f"{CLOUD}/replicationProtectedItems/i"
NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/n"
Json = dict[str, Any]


def set_up(kind: str, change: str, request: Json | None) -> tuple[Json, Json]:
    return {"kind": kind, "change": change, "vaultId": VAULT, "name": "a-name", "request": request, "only": "contoso"}, {}


ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/cache"
PROTECTED: Json = {
    "virtualMachineId": MACHINE, "policy": "p", "resourceGroupId": GROUP, "network": NETWORK, "cloud": CLOUD, "storageAccountId": ACCOUNT,
}  # fmt: skip
COPIED: Json = {"source": {"restorePointId": POINT}, "target": {"region": "northeurope", "resourceGroup": "g", "collection": "copies"}}
RESTORED: Json = {"kind": "disks", "machines": [{"source": {"restorePointId": POINT}}], "resourceGroup": "g", "reason": "mine"}
FIXED: Json = {"sources": [{"restorePointId": POINT, "virtualMachineId": MACHINE}]}
SAMPLES: dict[str, tuple[Json, Json, set[str]]] = {
    "restorePointCopy": (COPIED, {}, {POINT, f"{GROUP}/providers/Microsoft.Compute/restorePointCollections/copies"}),
    "restorePointDeletion": ({"restorePointId": POINT, "virtualMachineId": MACHINE}, {}, {POINT, MACHINE}),
    "restore": ({**RESTORED, "resolved": FIXED}, {}, {POINT, MACHINE}),
    "failover": ({"scope": {"protectedItemId": ITEM}, "action": "Commit", "reason": "why"}, {}, {ITEM}),
    "protectedItem": (*set_up("protectedItem", "create", PROTECTED), {VAULT, MACHINE, GROUP, NETWORK, CLOUD, ACCOUNT}),
    "recoveryPlan": (*set_up("recoveryPlan", "delete", None), {VAULT}),
    "replicationPolicy": (*set_up("replicationPolicy", "delete", None), {VAULT}),
    "networkMapping": (*set_up("networkMapping", "delete", None), {VAULT}),
    "virtualMachine": ({}, {"machine": MACHINE}, {MACHINE}),
}  # fmt: skip
"""Of each kind a body as sent and the data, and the ids that it names."""
WITHOUT = {
    "copyPolicy": "a run reads its tenant's subscriptions without the cache, and what it starts are operations with ids of their own",
    "dataCenter": "what belongs to it lies on Azure Pack, whose subscriptions are kept in a table of their own",
}
"""Kinds that name no id of Azure, with the reason."""


def operation(kind: str, body: Json, data: Json) -> Operation:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    return Operation(
        "an-id", kind, "contoso", Status.RUNNING, "first", 0, None, False, now, now, None, Actor("user", "a", "A"), body, {}, data, None
    )


def workflows() -> dict[str, Workflow]:
    return dict(assembled().runner.workflows)


def unchecked(found: dict[str, Workflow]) -> list[str]:
    """Return the kinds whose first step starts on whatever the operation was accepted for."""
    return [kind for kind, one in found.items() if kind not in WITHOUT and one.subjects.__name__ == "_no_subjects"]


def test_every_kind_names_what_its_tenant_must_still_own() -> None:
    found = workflows()
    assert unchecked(found) == []
    assert set(found) == {*SAMPLES, *WITHOUT}
    assert unchecked({**found, "planted": Workflow({})}) == ["planted"]


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_ids_that_an_operation_names_are_among_them(kind: str) -> None:
    body, data, ids = SAMPLES[kind]
    named = workflows()[kind].subjects(operation(kind, body, data))
    assert {one.lower() for one in ids} <= {one.lower() for one in named}


def test_an_operation_on_azure_pack_names_none() -> None:
    """Its first step reads the table of its subscriptions: tests/virtual_machines/azure_pack."""
    assert workflows()["virtualMachine"].subjects(operation("virtualMachine", {}, {"installation": "pack"})) == ()
