"""A copy that its owner deletes: what is refused, what Azure is asked, what the copy shows afterwards."""

import json
from pathlib import Path

import pytest

from tests.copies.deletions.kit import TARGET, VM, Start, copy_of, delete, deleted, deletes, ended, shown
from tests.copies.policies.kit import Story, World, run_story

pytestmark = pytest.mark.process


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with a further machine of contoso's."""

    def run(story: Story) -> None:
        run_story(story, tmp_path, machines=1)

    return run


def test_an_older_copy_is_deleted_in_azure_and_stays_in_lists(start: Start) -> None:
    async def story(world: World) -> None:
        older, newer = await copy_of(world), await copy_of(world)
        answer = await delete(world, older)
        assert (answer.status, answer.body["kind"]) == (202, "restorePointDeletion"), answer
        assert answer.headers["location"].endswith(f"/restore-point-copies/{older['id']}")
        assert answer.headers["operation-location"].endswith(f"/operations/{answer.body['id']}")
        deletion = await ended(world, answer.body)
        assert (deletion["status"], deletion["error"], deletion["result"]["copyId"]) == ("Succeeded", None, older["id"])
        assert deletes(world) == [older["target"]["restorePointId"].lower()]
        copy = await shown(world, older)
        assert (copy["status"], copy["usable"], copy["deletedAt"]) == ("Succeeded", False, deletion["result"]["deletedAt"])
        assert copy["deletion"] == {"operationId": deletion["id"], "rule": None, "policy": None, "revision": None}
        assert copy["deletedBy"]["kind"] in {"user", "app"}
        listed = {one["id"]: one for one in (await world.get("/restore-point-copies?top=1000"))["value"]}
        assert listed[older["id"]] == copy
        by_use = {
            use: {one["id"] for one in (await world.get(f"/restore-point-copies?usable={use}"))["value"]} for use in ("true", "false")
        }
        assert (by_use["true"], older["id"] in by_use["false"]) == ({newer["id"]}, True)
        assert (await shown(world, newer))["usable"]
        events = [one["type"] for one in world.take_events() if one["id"].startswith(deletion["id"])]
        assert events == ["farshore.restorePointDeletion.succeeded"]
        assert (await delete(world, older)).status == 204
        assert [partition for partition, _ in world.app.storage.table("locks").rows if partition != "daily"] == []

    start(story)


def test_the_last_usable_copy_and_the_newest_of_a_chain_need_an_acceptance(start: Start) -> None:
    async def story(world: World) -> None:
        older = await copy_of(world)
        last = await delete(world, older, "?acceptFullCopy=true")
        assert (last.status, last.code, last.body["error"]["target"]) == (409, "LastUsableCopy", older["id"])
        newer = await copy_of(world)
        newest = await delete(world, newer, "?acceptLast=true")
        assert (newest.status, newest.code, newest.body["error"]["target"]) == (409, "ChainNeedsIt", newer["id"])
        assert (await deleted(world, newer, "?acceptFullCopy=true"))["status"] == "Succeeded"
        assert (await delete(world, older)).code == "LastUsableCopy"
        assert (await deleted(world, older, "?acceptLast=true"))["status"] == "Succeeded"
        assert len(deletes(world)) == 2
        assert (await copy_of(world))["usable"]  # the chain goes on

    start(story)


def test_a_copy_that_is_not_finished_is_not_deleted_and_a_body_is_refused(start: Start) -> None:
    async def story(world: World) -> None:
        accepted = await world.call("POST", "/restore-point-copies", {"source": {"virtualMachineId": VM}, "target": TARGET})
        refused = await delete(world, accepted.body)
        assert (refused.status, refused.code, refused.body["error"]["target"]) == (409, "NotFinished", accepted.body["id"])
        assert (await delete(world, accepted.body, body={"acceptLast": True})).status == 400
        assert (await delete(world, accepted.body, "?acceptLast=yes")).status == 400
        assert (await delete(world, accepted.body, tenant="fabrikam")).status == 404
        assert (await delete(world, accepted.body, roles="Copies.Read")).code == "MissingRole"
        await world.call("POST", f"/restore-point-copies/{accepted.body['id']}/cancel")
        await world.until_ended(f"/restore-point-copies/{accepted.body['id']}")
        assert deletes(world) == []

    start(story)


def test_a_request_that_is_repeated_is_one_deletion(start: Start) -> None:
    async def story(world: World) -> None:
        older, _ = await copy_of(world), await copy_of(world)
        key = {"Repeatability_Request_ID": "11111111-0000-4000-8000-000000000001"}
        first = await delete(world, older, **key)
        assert (await delete(world, older, **key)).body["id"] == first.body["id"]
        assert (await delete(world, older)).body["id"] == first.body["id"]  # it runs
        assert (await delete(world, older, "?acceptLast=true", **key)).code == "RepeatabilityKeyReused"
        assert (await ended(world, first.body))["status"] == "Succeeded"
        again = await delete(world, older, **key)
        assert (again.status, again.body["id"]) == (200, first.body["id"])
        assert len(deletes(world)) == 1

    start(story)


def test_a_message_deletes_a_copy(start: Start) -> None:
    async def story(world: World) -> None:
        copy = await copy_of(world)
        body = {"type": "farshore.restorePointCopy.delete", "specversion": "1.0", "source": "tests", "tenant": "contoso"}
        for number, members in enumerate(({}, {"acceptLast": True, "abandon": None})):
            message = {**body, "id": f"delete-{number}", "data": {"target": copy["id"], **members}}
            await world.app.storage.queues.send("restore-point-copy-requests", json.dumps(message))
            for _ in range(5):
                await world.advance(minutes=1)
        rejected = [one["data"] for one in world.take_events() if one["type"] == "farshore.message.rejected"]
        assert [one["reason"]["code"] for one in rejected] == ["LastUsableCopy"]
        assert (await shown(world, copy))["deletion"] is not None

    start(story)
