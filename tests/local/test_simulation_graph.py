"""Resource Graph of the simulated Azure, management locks, and what deletions of restore points do to others."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.local.machines import GROUP, SUBSCRIPTION, Cloud, estate, interface_body
from tests.local.simulated import Azure, Reply, azure_running

VERSION = "2022-10-01"
PATH = "/providers/Microsoft.ResourceGraph/resources"
COLUMNS = "id, name, tags, size = properties.hardwareProfile.vmSize"
MACHINES = f"resources | where type =~ 'microsoft.compute/virtualmachines' | project {COLUMNS} | order by id asc"


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


async def ask(azure: Azure, query: str = MACHINES, *, principal: str = "farshore", **body: Any) -> Reply:
    return await azure.call("POST", PATH, {"query": query, **body}, version=VERSION, principal=principal)


async def test_the_graph_has_what_resource_manager_lists(azure: Azure) -> None:
    subscriptions = [row["id"] for row in (await azure.control.estate())["subscriptions"]]
    answer = (await ask(azure, subscriptions=subscriptions)).body
    listed = [
        row["id"]
        for subscription in subscriptions
        for row in (await azure.call("GET", f"/subscriptions/{subscription}/providers/Microsoft.Compute/virtualMachines")).body["value"]
    ]
    assert [row["id"] for row in answer["data"]] == sorted(listed, key=str.lower)
    assert (answer["totalRecords"], answer["count"], answer["resultTruncated"]) == (len(listed), len(listed), "false")
    assert {row["size"] for row in answer["data"]} == {"Standard_D4s_v3"}
    assert await azure.control.effects() == []


async def test_pages(azure: Azure) -> None:
    found: list[str] = []
    options: dict[str, Any] = {"$top": 5}
    while True:
        answer = (await ask(azure, options=options)).body
        found += [row["name"] for row in answer["data"]]
        if "$skipToken" not in answer:
            break
        options = {"$top": 5, "$skipToken": answer["$skipToken"]}
    assert len(found) == answer["totalRecords"] == len(set(found)) == 12
    assert (await ask(azure, MACHINES.replace("asc", "desc"), options=options)).code == "InvalidSkipToken"


async def test_the_other_types(azure: Azure) -> None:
    for kind, member in (("disks", "disks"), ("restorePointCollections", "restorePointCollections")):
        query = f"Resources | where type =~ 'Microsoft.Compute/{kind}' | project id, location, subscriptionId | order by id asc"
        rows = (await ask(azure, query)).body["data"]
        assert len(rows) == len((await azure.control.estate())[member])


@pytest.mark.parametrize(
    "query",
    [
        "resources",
        "resources | where type =~ 'microsoft.web/sites'",
        "resourcecontainers | where type =~ 'microsoft.compute/disks'",
        "resources | where type =~ 'microsoft.compute/disks' | summarize count() by location",
        "resources | where type contains 'disks'",
    ],
)
async def test_other_queries_are_refused(azure: Azure, query: str) -> None:
    assert (await ask(azure, query)).code == "BadRequest"


async def test_what_may_not_be_read_is_left_out_in_silence(azure: Azure) -> None:
    own = (await ask(azure, principal="reader")).body
    assert (own["totalRecords"], own["resultTruncated"]) == (4, "false")
    assert (await ask(azure, principal="stranger")).body["data"] == []


async def test_the_quota_of_queries(azure: Azure) -> None:
    for left in range(14, -1, -1):
        answer = await ask(azure)
        assert (answer.status, answer.headers["x-ms-user-quota-remaining"]) == (200, str(left))
    refused = await ask(azure)
    assert (refused.status, refused.code, refused.headers["Retry-After"]) == (429, "RateLimiting", "5")
    await azure.control.advance("PT5S")
    assert (await ask(azure)).status == 200


async def test_a_missing_page(azure: Azure) -> None:
    await azure.control.add_fault("graphPartial")
    answer = (await ask(azure, options={"$top": 5})).body
    assert (answer["count"], answer["totalRecords"], answer["resultTruncated"], "$skipToken" in answer) == (5, 12, "true", False)
    assert (await ask(azure, options={"$top": 5})).body["resultTruncated"] == "false"


async def test_the_graph_is_late() -> None:
    query = "resources | where type =~ 'microsoft.network/networkinterfaces' | project id | order by id asc"
    async with azure_running(estate=estate()) as azure:
        cloud = Cloud(azure)
        nic = await cloud.interface("old")
        await azure.control.add_fault("graphLag", seconds=60, duration="PT1H")
        await cloud.send("PUT", "Microsoft.Network/networkInterfaces/new", interface_body())
        await cloud.ended(await cloud.send("DELETE", "Microsoft.Network/networkInterfaces/old"), "PT10S")
        assert [row["id"] for row in (await ask(azure, query, subscriptions=[SUBSCRIPTION])).body["data"]] == [nic]
        await azure.control.advance("PT1M")
        assert [row["id"] for row in (await ask(azure, query)).body["data"]] == [nic.replace("old", "new")]


async def test_locks_come_and_go() -> None:
    async with azure_running(estate=estate()) as azure:
        cloud = Cloud(azure)
        await cloud.interface()
        lock = {"version": "2020-05-01"}
        made = await cloud.send("PUT", "Microsoft.Authorization/locks/keep", {"properties": {"level": "CanNotDelete"}}, **lock)
        assert made.status == 201
        refused = await cloud.send("DELETE", "Microsoft.Network/networkInterfaces/nic")
        assert (refused.code, GROUP in refused.body["error"]["message"]) == ("ScopeLocked", True)
        assert (await cloud.send("PUT", "Microsoft.Network/networkInterfaces/nic", interface_body())).status == 200
        assert (await cloud.send("DELETE", "Microsoft.Authorization/locks/keep", **lock)).status == 200
        await azure.control.advance("PT5S")
        assert (await cloud.send("DELETE", "Microsoft.Network/networkInterfaces/nic")).status == 202


async def test_a_copy_fails_whose_source_goes(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    first, second, _ = (point["id"] for point in source["restorePoints"])
    await azure.copy(target, "a", first)
    await azure.control.advance("PT2H")
    await azure.copy(target, "b", second)
    assert (await azure.call("DELETE", f"{target}/restorePoints/a")).code == "OperationNotAllowed"
    assert (await azure.call("DELETE", second)).status == 202
    assert (await azure.progress(f"{target}/restorePoints/b"))[0] == "inProgress"
    await azure.control.advance("PT10M")
    assert (await azure.progress(f"{target}/restorePoints/b"))[0] == "failed"
    assert (await azure.progress(f"{target}/restorePoints/a"))[0] == "succeeded"
    assert (await azure.call("DELETE", f"{target}/restorePoints/a")).status == 202


async def test_a_copy_in_progress_can_be_deleted(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.copy(target, "a", source["restorePoints"][0]["id"])
    assert (await azure.call("DELETE", f"{target}/restorePoints/a")).status == 202
    await azure.control.advance("PT1M")
    assert (await azure.call("GET", f"{target}/restorePoints/a")).status == 404
