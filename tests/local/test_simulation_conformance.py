"""What the simulated Azure answers fits the REST specification: property names, types, required members."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT4

from tests.local.conformance import problems
from tests.local.simulated import DISKS, Azure, azure_running

SHARED = os.environ.get("FARSHORE_SHARED")
pytestmark = pytest.mark.skipif(not SHARED, reason="FARSHORE_SHARED is not set: the REST specification is not here")

#: Files of the specification, under the names by which they refer to one another.
FILES = {
    "restorePoint.json": "compute_2024-07-01_restorePoint.json",
    "computeRPCommon.json": "compute_2024-07-01_computeRPCommon.json",
    "common.json": "compute_common-types_v1_common.json",
    "disk.json": "disk_2024-03-02_disk.json",
    "diskRPCommon.json": "disk_2024-03-02_diskRPCommon.json",
    "diskRestorePoint.json": "disk_2024-03-02_diskRestorePoint.json",
}


def _flat(node: Any) -> Any:
    """Return a definition with references to file names only, closed against members that it does not have."""
    if isinstance(node, list):
        return [_flat(item) for item in node]
    if not isinstance(node, dict):
        return node
    body = {name: _flat(value) for name, value in node.items() if name not in ("readOnly", "description", "example", "format")}
    if isinstance(body.get("$ref"), str):
        file, _, pointer = body["$ref"].partition("#")
        return {"$ref": f"{file.rsplit('/', 1)[-1]}#{pointer}"}
    return body


def _load() -> Registry[Any]:
    folder = Path(SHARED or "") / "spec"
    files = {name: _flat(json.loads((folder / file).read_text())) for name, file in FILES.items()}
    return Registry().with_resources((name, DRAFT4.create_resource(body)) for name, body in files.items())


def assert_fits(body: Any, reference: str) -> None:
    """Assert that a body has only members of a definition, of the right types, and all that are required."""
    assert problems(_load(), reference, body) == []


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


def test_a_wrong_body_is_noticed() -> None:
    assert_fits({"location": "x", "properties": {"source": {"id": "a"}}}, "restorePoint.json#/definitions/RestorePointCollection")
    with pytest.raises(AssertionError, match="location"):
        assert_fits({"location": 3}, "restorePoint.json#/definitions/RestorePointCollection")
    view = {"diskRestorePoints": [{"replicationStatus": {"completionPercents": 3}}]}
    with pytest.raises(AssertionError, match="completionPercents"):
        assert_fits({"properties": {"instanceView": view}}, "restorePoint.json#/definitions/RestorePoint")


async def test_collections_and_copies(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    collection = "restorePoint.json#/definitions/RestorePointCollection"
    point = "restorePoint.json#/definitions/RestorePoint"
    assert_fits((await azure.call("GET", target)).body, collection)
    assert_fits((await azure.copy(target, "a", source["restorePoints"][0]["id"])).body, point)
    for minutes in ("PT0S", "PT10M", "PT40M"):
        await azure.control.advance(minutes)
        assert_fits((await azure.call("GET", f"{target}/restorePoints/a", _expand="instanceView")).body, point)
    assert_fits((await azure.call("GET", source["restorePoints"][0]["id"], _expand="instanceView")).body, point)
    assert_fits((await azure.call("GET", target, _expand="restorePoints")).body, collection)
    listed = await azure.call("GET", source["id"].rsplit("/", 1)[0])
    assert_fits(listed.body, "restorePoint.json#/definitions/RestorePointCollectionListResult")


async def test_a_failed_copy(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.control.add_fault("failCopy")
    await azure.copy(target, "a", source["restorePoints"][0]["id"])
    await azure.control.advance("PT2H")
    assert_fits(
        (await azure.call("GET", f"{target}/restorePoints/a", _expand="instanceView")).body, "restorePoint.json#/definitions/RestorePoint"
    )


async def test_disks_and_disk_restore_points(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.copy(target, "a", source["restorePoints"][0]["id"])
    for owner in (source["restorePoints"][0]["id"], f"{target}/restorePoints/a"):
        listed = await azure.call("GET", f"{owner}/diskRestorePoints", version=DISKS)
        assert_fits(listed.body, "diskRestorePoint.json#/definitions/DiskRestorePointList")
        one = await azure.call("GET", listed.body["value"][0]["id"], version=DISKS)
        assert_fits(one.body, "diskRestorePoint.json#/definitions/DiskRestorePoint")
    for disk in (await azure.control.estate())["disks"]:
        assert_fits((await azure.call("GET", disk["id"], version=DISKS)).body, "disk.json#/definitions/Disk")


async def test_refusals(azure: Azure) -> None:
    source = await azure.collection()
    for answer in (
        await azure.call("GET", source["id"] + "x"),
        await azure.call("GET", source["id"], version=None),
        await azure.call("PUT", source["id"] + "/restorePoints/a", {"properties": {"consistencyMode": "No"}}),
        await azure.call("DELETE", source["id"], principal="stranger"),
    ):
        assert answer.status >= 400
        assert_fits(answer.body, "common.json#/definitions/CloudError")
