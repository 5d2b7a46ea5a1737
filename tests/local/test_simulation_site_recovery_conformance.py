"""What the simulated Site Recovery answers fits Microsoft's own contract (2025-08-01) and the REST specification (2024-04-01)."""

import json
import os
import re
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from tests.local.site_recovery import PLANNED, Vaults, a_test, failback, unplanned, vaults_running

SHARED = os.environ.get("FARSHORE_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="FARSHORE_SHARED is not set: the REST specification is not here")

RCM_REPROTECT = {
    "properties": {
        "providerSpecificDetails": {
            "instanceType": "InMageRcm",
            "reprotectAgentId": "agent-1",
            "datastoreName": "datastore-1",
            "logStorageAccountId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/logs",
        }
    }
}
#: Beside a job's own members stand those that `Azure-AsyncOperation` is read by (recorded traffic).
BESIDE = {"Job": {"status", "error", "startTime", "endTime"}}

_PLAIN: dict[str, type | tuple[type, ...]] = {"str": str, "int": int, "bool": bool, "float": (int, float), "Any": object}


@cache
def contract() -> dict[str, Any]:
    """Return the models and enums of Microsoft's SDK."""
    return dict(json.loads((Path(SHARED or "") / "spec/contract_siterecovery_2025-08-01_from_sdk.json").read_text()))


@cache
def specification() -> dict[str, Any]:
    """Return the REST specification."""
    return dict(json.loads((Path(SHARED or "") / "spec/siterecovery_2024-04-01_service.json").read_text()))


def _fields(model: str) -> dict[str, Any]:
    body = contract()["models"][model]
    found: dict[str, Any] = {}
    for base in body["bases"]:
        if base in contract()["models"]:
            found |= _fields(base)
    own = body.get("properties") or body.get("fields") or {}
    return found | {field.get("rest_name", name): field for name, field in own.items()}


def _concrete(model: str, value: Any) -> str:
    """Return the model that `instanceType` names, among those that are derived from another."""
    kind = value.get("instanceType") if isinstance(value, dict) else None
    models: dict[str, Any] = contract()["models"]
    for name, body in models.items():
        if kind and body.get("discriminator_value") == kind and model in _lineage(name):
            return name
    return model


def _lineage(model: str) -> set[str]:
    found = {model}
    for base in contract()["models"].get(model, {}).get("bases", []):
        found |= _lineage(base)
    return found


def problems(value: Any, model: str, where: str = "$") -> Iterator[str]:
    """Yield what a value has that its model does not, or in another type."""
    if not isinstance(value, dict):
        yield f"{where}: not an object"
        return
    model = _concrete(model, value)
    fields = _fields(model)
    for name, inner in value.items():
        if name in fields:
            yield from _of_type(inner, fields[name]["type"], f"{where}.{name}")
        elif name not in BESIDE.get(model, ()):
            yield f"{where}.{name}: {model} has no such member"


def _of_type(value: Any, kind: str, where: str) -> Iterator[str]:
    if value is None:
        return
    if inner := re.fullmatch(r"Optional\[(.*)\]", kind):
        yield from _of_type(value, inner.group(1), where)
    elif inner := re.fullmatch(r"(list|dict)\[(?:str, )?(.*)\]", kind):
        yield from _of_container(value, inner.group(1), inner.group(2), where)
    elif kind == "datetime.datetime":
        try:
            datetime.fromisoformat(value)
        except (TypeError, ValueError):
            yield f"{where}: '{value}' is no time"
    elif kind.startswith("Union[str, "):
        known = contract()["enums"].get(kind.removeprefix("Union[str, ").rstrip("]"))
        if known and value not in known:
            yield f"{where}: '{value}' is not one of {known}"
    elif kind in contract()["models"]:
        yield from problems(value, kind, where)
    elif kind in _PLAIN and (not isinstance(value, _PLAIN[kind]) or (isinstance(value, bool) and kind in ("int", "float"))):
        yield f"{where}: {value!r} is not of the type {kind}"


def _of_container(value: Any, container: str, kind: str, where: str) -> Iterator[str]:
    """Return the problems of a list or a dict whose members are of a type."""
    if not isinstance(value, {"list": list, "dict": dict}[container]):
        yield f"{where}: not a {container}"
        return
    for name, each in (dict(enumerate(value)) if isinstance(value, list) else value).items():
        yield from _of_type(each, kind, f"{where}[{name}]")


def assert_fits(body: Any, model: str) -> None:
    """Assert that a body fits both the contract's model and, where it has it, the specification's definition of that name."""
    assert list(problems(body, model)) == []
    if model in specification()["definitions"]:
        schema = {"$ref": f"#/definitions/{model}", "definitions": _definitions()}
        assert [f"{error.json_path}: {error.message}" for error in Draft4Validator(schema).iter_errors(_given(body))] == []


@cache
def _definitions() -> dict[str, Any]:
    """Return the specification's definitions without references to other files, which hold what every resource of Azure has."""
    return {
        name: {**body, "allOf": [each for each in body.get("allOf", []) if str(each.get("$ref", "#")).startswith("#")] or [{}]}
        for name, body in specification()["definitions"].items()
    }


def _given(value: Any) -> Any:
    """Return a value without members that are null: the specification does not define them, and the recordings have many."""
    if isinstance(value, dict):
        return {name: _given(inner) for name, inner in value.items() if inner is not None}
    return [_given(each) for each in value] if isinstance(value, list) else value


@pytest.fixture
async def vaults() -> AsyncIterator[Vaults]:
    async with vaults_running() as running:
        yield running


async def fits(vaults: Vaults, resource: str, model: str) -> None:
    """Assert that what is read fits."""
    reply = await vaults.get(resource)
    assert reply.status == 200, reply.body
    assert_fits(reply.body, model)


def test_a_wrong_body_is_noticed() -> None:
    with pytest.raises(AssertionError, match="tasks"):
        assert_fits({"properties": {"tasks": [{"state": 3}]}}, "Job")
    with pytest.raises(AssertionError, match="colour"):
        assert_fits({"properties": {"providerSpecificDetails": {"instanceType": "A2A", "colour": "red"}}}, "ReplicationProtectedItem")
    with pytest.raises(AssertionError, match="replicationHealth"):
        assert_fits({"properties": {"replicationHealth": 1}}, "ReplicationProtectedItem")


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("replicationFabrics", "Fabric"),
        ("replicationProtectionContainers", "ProtectionContainer"),
        ("replicationProtectionContainerMappings", "ProtectionContainerMapping"),
        ("replicationProtectedItems", "ReplicationProtectedItem"),
        ("replicationRecoveryPlans", "RecoveryPlan"),
        ("replicationJobs", "Job"),
        ("replicationPolicies", "Policy"),
        ("replicationNetworks", "Network"),
        ("replicationNetworkMappings", "NetworkMapping"),
        ("replicationRecoveryServicesProviders", "RecoveryServicesProvider"),
        ("replicationStorageClassifications", "StorageClassification"),
    ],
)
async def test_what_the_vaults_hold(vaults: Vaults, kind: str, model: str) -> None:
    listed = [each for vault in (vaults.provider, vaults.tenant) for each in (await vaults.get(f"{vault}/{kind}")).body["value"]]
    assert listed
    for each in listed:
        assert_fits(each, model)
        assert (await vaults.get(each["id"])).body == each, "a list gives the same as the single read"


async def test_what_is_below_a_cloud_and_an_item(vaults: Vaults) -> None:
    cloud = vaults.item("new01").rsplit("/", 2)[0]
    machines = (await vaults.get(f"{cloud}/replicationProtectableItems")).body["value"]
    assert {each["properties"]["protectionStatus"] for each in machines} == {"Protected", "Unprotected"}
    for each in machines:
        assert_fits(each, "ProtectableItem")
    for friendly in ("erp01", "contoso-web01", "files01", "vault01"):
        for point in (await vaults.points(vaults.item(friendly)))[:3]:
            assert_fits(point, "RecoveryPoint")
    for size in (await vaults.get(f"{vaults.item('erp01')}/targetComputeSizes")).body["value"]:
        assert_fits(size, "TargetComputeSize")
    await fits(vaults, f"{vaults.provider}/replicationVaultHealth", "VaultHealthDetails")


async def test_items_and_jobs_in_every_state(vaults: Vaults) -> None:
    ways: dict[str, list[tuple[str, Any]]] = {
        "erp01": [
            ("testFailover", a_test("HyperVReplicaAzure")),
            ("testFailoverCleanup", {"properties": {}}),
            ("plannedFailover", PLANNED),
            ("failoverCommit", None),
            ("plannedFailover", failback("ForDownTime")),
            ("failoverCommit", None),
            ("reProtect", {"properties": {}}),
        ],
        "contoso-web01": [("unplannedFailover", unplanned("A2A")), ("failoverCommit", None)],
        "files01": [("unplannedFailover", unplanned("InMageRcm")), ("failoverCommit", None), ("reProtect", RCM_REPROTECT)],
        "vault01": [("unplannedFailover", {"properties": {}}), ("failoverCommit", None)],
        "legacy01": [("repairReplication", None)],
    }
    for friendly, operations in ways.items():
        item = vaults.item(friendly)
        await fits(vaults, item, "ReplicationProtectedItem")
        for operation, body in operations:
            job = await vaults.start(item, operation, body)
            for wait in ("PT0S", "PT1M", "PT2H"):
                await vaults.azure.control.advance(wait)
                await fits(vaults, job, "Job")
                await fits(vaults, item, "ReplicationProtectedItem")
            assert (await vaults.properties(job))["state"] == "Succeeded"


async def test_plans_and_their_jobs_also_where_they_fail(vaults: Vaults) -> None:
    plan = vaults.plan("shop")
    await vaults.azure.control.add_fault("failJob", path="unplannedFailover", item="shop-app01")
    out = {"properties": {"failoverDirection": "PrimaryToRecovery", "sourceSiteOperations": "NotRequired"}}
    job = await vaults.start(plan, "unplannedFailover", out)
    for wait in ("PT0S", "PT10M", "PT2H"):
        await vaults.azure.control.advance(wait)
        await fits(vaults, job, "Job")
        await fits(vaults, plan, "RecoveryPlan")
    assert (await vaults.properties(job))["state"] == "Failed"
