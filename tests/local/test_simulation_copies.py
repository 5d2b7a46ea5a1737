"""Copies of restore points to another region: each rule of Azure's, asked over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.local.simulated import Azure, azure_running


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


async def test_a_copy_goes_from_0_to_100_in_steps_of_ten_minutes(azure: Azure) -> None:
    source = await azure.collection()  # its disks take 25 and 40 minutes
    target = await azure.target(source)
    started = await azure.copy(target, "first", source["restorePoints"][0]["id"])
    assert started.status == 201
    assert started.headers["Location"]
    assert int(started.headers["Retry-After"]) > 0
    assert started.headers["Azure-AsyncOperation"]
    point = f"{target}/restorePoints/first"
    assert (await azure.call("GET", point)).body["properties"]["provisioningState"] == "Succeeded", "the copy has only started"
    assert await azure.progress(point) == ("inProgress", [0, 0])
    await azure.control.advance("PT9M59S")
    assert await azure.progress(point) == ("inProgress", [0, 0]), "nothing is refreshed before ten minutes"
    await azure.control.advance("PT1S")
    assert await azure.progress(point) == ("inProgress", [40, 25])
    await azure.control.advance("PT20M")
    assert await azure.progress(point) == ("inProgress", [100, 75])
    await azure.control.advance("PT10M")
    assert await azure.progress(point) == ("succeeded", [100, 100])


async def test_some_copies_show_only_0_and_100(azure: Azure) -> None:
    estate = await azure.control.estate()
    source = next(item for item in estate["restorePointCollections"] if item["source"].endswith("/provider-web01"))
    target = source["id"].replace("-points", "-target")
    copy = {"id": f"{target}/restorePoints/a", "sourceRestorePoint": source["restorePoints"][0]["id"], "coarse": True}
    copy |= {"startedAt": "2025-03-03T12:00:00Z"}
    estate["restorePointCollections"].append({"id": target, "location": "northeurope", "source": source["id"], "restorePoints": [copy]})
    await azure.control.put_estate(estate)
    await azure.control.advance("PT30M")
    assert await azure.progress(copy["id"]) == ("inProgress", [100, 0])
    await azure.control.advance("PT10M")
    assert await azure.progress(copy["id"]) == ("succeeded", [100, 100])


async def test_chance_makes_some_copies_coarse_and_others_not(azure: Azure) -> None:
    estate = await azure.control.estate()
    source = next(item for item in estate["restorePointCollections"] if item["source"].endswith("/provider-web01"))
    template = source["restorePoints"][0]
    for disk in estate["disks"]:
        disk.pop("coarse", None)
    for number in range(40):
        clone = {**source, "id": f"{source['id']}-{number}", "restorePoints": []}
        clone["restorePoints"] = [{"id": f"{clone['id']}/restorePoints/p", "timeCreated": template["timeCreated"]}]
        estate["restorePointCollections"].append(clone)
    await azure.control.put_estate(estate)
    shown = []
    for number in range(40):
        clone = {**source, "id": f"{source['id']}-{number}"}
        target = await azure.target(clone, f"t{number}")
        assert (await azure.copy(target, "p", f"{clone['id']}/restorePoints/p")).status == 201
        shown.append(f"{target}/restorePoints/p")
    await azure.control.advance("PT10M")
    percents = [(await azure.progress(point))[1] for point in shown]
    assert [0, 0] in percents
    assert [40, 25] in percents


async def test_the_target_collection_must_exist(azure: Azure) -> None:
    source = await azure.collection()
    missing = source["id"].replace("-points", "-nowhere")
    answer = await azure.copy(missing, "first", source["restorePoints"][0]["id"])
    assert (answer.status, answer.code) == (404, "ResourceNotFound")


async def test_a_restore_point_that_exists_answers_conflict_and_stays(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.copy(target, "first", source["restorePoints"][0]["id"])
    before = await azure.control.effects()
    again = await azure.copy(target, "FIRST", source["restorePoints"][0]["id"])
    assert (again.status, again.code) == (409, "Conflict")
    assert await azure.control.effects() == before


async def test_a_chain_goes_one_at_a_time_and_in_order(azure: Azure) -> None:
    source = await azure.collection()
    first, second, third = [point["id"] for point in source["restorePoints"]]
    target = await azure.target(source)
    assert (await azure.copy(target, "first", first)).status == 201
    busy = await azure.copy(target, "third", third)
    assert (busy.status, busy.code) == (409, "OperationNotAllowed")
    assert "in progress" in busy.body["error"]["message"]
    await azure.control.advance("PT40M")
    assert (await azure.copy(target, "third", third)).status == 201
    await azure.control.advance("PT40M")
    late = await azure.copy(target, "second", second)
    assert (late.status, late.code) == (409, "OperationNotAllowed")
    assert "order" in late.body["error"]["message"]


async def test_what_was_skipped_stays_skipped_though_the_newer_copy_is_deleted(azure: Azure) -> None:
    source = await azure.collection()
    _, second, third = [point["id"] for point in source["restorePoints"]]
    target = await azure.target(source)
    await azure.copy(target, "third", third)
    await azure.control.advance("PT40M")
    assert (await azure.call("DELETE", f"{target}/restorePoints/third")).status == 202
    await azure.control.advance("PT1M")
    assert (await azure.copy(target, "second", second)).status == 409
    assert (await azure.copy(target, "again", third)).status == 201, "the same one may be copied anew once its copy is gone"


async def test_a_restore_point_is_copied_once_per_region(azure: Azure) -> None:
    source = await azure.collection()
    first = source["restorePoints"][0]["id"]
    target = await azure.target(source)
    await azure.copy(target, "first", first)
    await azure.control.advance("PT40M")
    for where, name in ((target, "other-name"), (await azure.target(source, "other-target"), "first")):
        answer = await azure.copy(where, name, first)
        assert (answer.status, answer.code) == (409, "OperationNotAllowed")
        assert "already" in answer.body["error"]["message"]


async def test_three_copies_an_hour_then_429_with_the_time_to_wait(azure: Azure) -> None:
    estate = await azure.control.estate()
    for disk in estate["disks"]:
        disk["copyMinutes"] = 5
    source = next(item for item in estate["restorePointCollections"] if item["source"].endswith("/provider-web01"))
    points = [{"id": f"{source['id']}/restorePoints/p{day}", "timeCreated": f"2025-02-0{day}T00:00:00Z"} for day in range(1, 6)]
    source["restorePoints"] = points
    await azure.control.put_estate(estate)
    target = await azure.target(source)
    for number in range(3):
        assert (await azure.copy(target, f"c{number}", points[number]["id"])).status == 201
        await azure.control.advance("PT10M")
    refused = await azure.copy(target, "c3", points[3]["id"])
    assert refused.status == 429
    assert refused.headers["Retry-After"] == "1800", "the first of the three was thirty minutes ago"
    assert (await azure.call("GET", f"{target}/restorePoints/c3")).status == 404, "a 429 has no effect"
    await azure.control.advance("PT29M59S")
    assert (await azure.copy(target, "c3", points[3]["id"])).status == 429
    await azure.control.advance("PT1S")
    assert (await azure.copy(target, "c3", points[3]["id"])).status == 201


async def test_a_deleted_copy_still_counts_among_the_three(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    for number in range(3):
        assert (await azure.copy(target, f"c{number}", source["restorePoints"][0]["id"])).status == 201
        await azure.call("DELETE", f"{target}/restorePoints/c{number}")
        await azure.control.advance("PT1M")
    assert (await azure.copy(target, "c3", source["restorePoints"][0]["id"])).status == 429


async def test_a_copy_of_a_copy_is_refused(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.copy(target, "first", source["restorePoints"][0]["id"])
    second = source["id"].replace("-points", "-second")
    answer = await azure.call("PUT", second, {"location": "westeurope", "properties": {"source": {"id": target}}})
    assert (answer.status, answer.code) == (400, "InvalidParameter")


async def test_the_same_region_is_refused(azure: Azure) -> None:
    source = await azure.collection()
    body = {"location": source["location"], "properties": {"source": {"id": source["id"]}}}
    answer = await azure.call("PUT", source["id"] + "-same", body)
    assert (answer.status, answer.code) == (400, "InvalidParameter")


async def test_copies_of_several_source_collections_cannot_share_a_target(azure: Azure) -> None:
    source, other = await azure.collection(), await azure.collection("provider-app01")
    target = await azure.target(source)
    answer = await azure.copy(target, "first", other["restorePoints"][0]["id"])
    assert (answer.status, answer.code) == (400, "InvalidParameter")


@pytest.mark.parametrize(
    "properties",
    [
        {"excludeDisks": [{"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d"}]},
        {"consistencyMode": "CrashConsistent"},
    ],
)
async def test_disks_and_consistency_are_chosen_at_creation_not_at_the_copy(azure: Azure, properties: dict[str, Any]) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    body = {"properties": {"sourceRestorePoint": {"id": source["restorePoints"][0]["id"]}, **properties}}
    answer = await azure.call("PUT", f"{target}/restorePoints/first", body)
    assert (answer.status, answer.code) == (400, "InvalidParameter")


async def test_several_regions_in_parallel_are_fine(azure: Azure) -> None:
    estate = await azure.control.estate()
    for subscription in estate["subscriptions"]:
        subscription["locations"].append("eastus")
    await azure.control.put_estate(estate)
    source = await azure.collection()
    first = source["restorePoints"][0]["id"]
    assert (await azure.copy(await azure.target(source, "north"), "a", first)).status == 201
    assert (await azure.copy(await azure.target(source, "east", "eastus"), "a", first)).status == 201


async def test_a_failed_disk_fails_the_copy_without_details(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.control.add_fault("failCopy", path=f"{target}/restorePoints/", diskIndex=1)
    assert (await azure.copy(target, "first", source["restorePoints"][0]["id"])).status == 201
    await azure.control.advance("PT10M")
    assert (await azure.progress(f"{target}/restorePoints/first"))[0] == "inProgress"
    await azure.control.advance("PT1H")
    point = (await azure.call("GET", f"{target}/restorePoints/first", _expand="instanceView")).body["properties"]
    assert point["provisioningState"] == "Succeeded", "the provisioning state does not depend on the replication"
    failed = point["instanceView"]["diskRestorePoints"][1]["replicationStatus"]
    assert failed["status"]["level"] == "Error"
    assert failed["status"]["code"] == "ReplicationState/failed"
    assert "message" not in failed["status"]
    assert failed["completionPercent"] == 0
    assert (await azure.control.faults())[0]["remaining"] == 0
    following = await azure.copy(target, "second", source["restorePoints"][1]["id"])
    assert following.status == 201, "a failed copy is no longer in the way"


async def test_a_stalled_copy_stays_until_azure_ends_it_after_two_weeks(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.control.add_fault("stallCopy", path="restorePoints/first$")
    await azure.copy(target, "first", source["restorePoints"][0]["id"])
    await azure.control.advance("P1D")
    after_a_day = await azure.progress(f"{target}/restorePoints/first")
    assert after_a_day[0] == "inProgress"
    await azure.control.advance("P12D")
    assert await azure.progress(f"{target}/restorePoints/first") == after_a_day
    await azure.control.advance("P1D")
    assert (await azure.progress(f"{target}/restorePoints/first"))[0] == "failed"


async def test_the_next_copy_is_full_again_once_the_base_is_deleted(azure: Azure) -> None:
    estate = await azure.control.estate()
    for disk in estate["disks"]:
        disk.pop("copyMinutes", None)
        disk["sizeGB"] = 2000  # ten hours in full, two and a half after that
    await azure.control.put_estate(estate)
    source = await azure.collection()
    source_points = [point["id"] for point in source["restorePoints"]]
    await azure.control.put_estate(_without_copy_minutes(await azure.control.estate(), 2000))
    target = await azure.target(source)
    took = []
    for number, point in enumerate(source_points):
        if number == 2:
            assert (await azure.call("DELETE", source_points[0])).status == 202
        assert (await azure.copy(target, f"c{number}", point)).status == 201
        for hours in range(1, 12):
            await azure.control.advance("PT1H")
            if (await azure.progress(f"{target}/restorePoints/c{number}"))[0] == "succeeded":
                took.append(hours)
                break
    assert took == [10, 3, 10]


def _without_copy_minutes(estate: dict[str, Any], size: int) -> dict[str, Any]:
    for collection in estate["restorePointCollections"]:
        for point in collection["restorePoints"]:
            for disk in point["disks"]:
                disk.pop("copyMinutes", None)
                disk["sizeGB"] = size
    return estate


async def test_the_caller_needs_the_right_to_read_the_source_too(azure: Azure) -> None:
    estate = await azure.control.estate()
    source = next(item for item in estate["restorePointCollections"] if item["source"].endswith("/provider-web01"))
    target = await azure.target(source)
    scope = target.rsplit("/", 1)[0] + "/copies"
    actions = ["Microsoft.Compute/restorePointCollections/restorePoints/write"]
    estate = await azure.control.estate()
    estate["principals"].append(
        {"id": "11111111-0000-0000-0000-000000000001", "name": "half", "roleAssignments": [{"scope": scope, "actions": actions}]}
    )
    await azure.control.put_estate(estate)
    answer = await azure.copy(target, "first", source["restorePoints"][0]["id"], principal="half")
    assert (answer.status, answer.code) == (403, "LinkedAuthorizationFailed")
