"""Runs of copy policies whose inventory is not complete, or not plausible: they end as failed, and nothing is copied or deleted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.copies.policies.kit import CONTOSO, Json, Story, World, by_hand, ended, machine_id, policy, run_story

pytestmark = pytest.mark.process
Start = Callable[[Story], None]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with three further machines of contoso's."""
    return lambda story: run_story(story, tmp_path, machines=3)


LISTS = f"{CONTOSO}/providers/Microsoft.Compute"
LASTS = {"rate": 1, "seed": "s", "duration": "PT12H"}
UNREADABLE = [
    {"path": f"{LISTS}/virtualMachines$", "status": 500},
    {"path": f"{LISTS}/disks$", "status": 403},
    {"path": "^/subscriptions$", "status": 403},
]


@pytest.mark.parametrize("fault", UNREADABLE, ids=lambda fault: str(fault["path"]).rpartition("/")[2])
def test_an_inventory_that_is_not_complete_ends_the_run_as_failed_and_deletes_nothing(start: Start, fault: Json) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False, selector={"virtualMachineIds": [machine_id("fleet000")]}))
        world.fault("error", method="GET", **fault, **LASTS)
        run = await ended(world, await by_hand(world), minutes=10)
        assert (run["status"], run["error"]["code"], run["inventory"]["complete"]) == ("Failed", "InventoryIncomplete", False)
        assert run["error"]["details"]
        assert [event["data"]["error"]["code"] for event in world.take_events() if event["id"] == f"{run['id']}/terminal"] == [
            "InventoryIncomplete"
        ]
        assert [one for one in world.effects() if one["method"] == "DELETE"] == []

    start(story)


def test_a_page_of_the_graph_that_is_missing_ends_the_run_as_failed(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        world.fault("graphPartial", path="ResourceGraph", **LASTS)
        run = await ended(world, await by_hand(world), minutes=10)
        assert (run["status"], run["error"]["code"]) == ("Failed", "InventoryIncomplete")
        assert (run["inventory"]["source"], run["inventory"]["complete"]) == ("resourceGraph", False)
        assert run["counts"]["copies"]["usable"] == 3, "what was found is copied"

    start(story)


def test_both_inventories_select_the_same_and_listing_takes_over_where_the_graph_does_not_answer(start: Start) -> None:
    async def story(world: World) -> None:
        everything = {"everything": True, "exclude": {"virtualMachineIds": [machine_id("fleet002")]}}
        await world.put("daily", policy(enabled=False, selector=everything))
        by_graph = await world.get("/copy-policies/daily/plan")
        world.fault("error", method="POST", path="ResourceGraph", status=503, **LASTS)
        by_listing = await world.get("/copy-policies/daily/plan")
        assert [plan["inventory"]["source"] for plan in (by_graph, by_listing)] == ["resourceGraph", "listing"]
        assert (by_graph["hash"], by_graph["value"]) == (by_listing["hash"], by_listing["value"])
        assert (by_graph["forecast"]["calls"]["graphQueries"], by_listing["forecast"]["calls"]["graphQueries"]) == (1, 0)

    start(story)


def test_a_subscription_that_the_identity_lost_ends_the_run_as_failed(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        estate = world.app.platform.estate()
        for principal in estate["principals"]:
            principal["roleAssignments"] = [one for one in principal["roleAssignments"] if CONTOSO not in one["scope"]]
        world.app.platform.replace_estate(estate)
        run = await ended(world, await by_hand(world), minutes=10)
        assert (run["status"], run["error"]["code"], run["counts"]["selected"]) == ("Failed", "InventoryIncomplete", 0)
        assert CONTOSO in {detail["target"] for detail in run["error"]["details"]}

    start(story)


def test_a_tag_that_was_removed_from_every_vm_ends_the_run_as_failed(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False))
        estate = world.app.platform.estate()
        for machine in estate["virtualMachines"]:
            machine["tags"] = {}
        world.app.platform.replace_estate(estate)
        run = await ended(world, await by_hand(world))
        assert (run["status"], run["error"]["code"], run["counts"]["selected"]) == ("Failed", "TooFewVirtualMachines", 0)

    start(story)


def test_a_selector_over_its_cap_ends_the_run_as_failed_and_copies_nothing(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(enabled=False, limits={"virtualMachines": 2}))
        run = await ended(world, await by_hand(world))
        assert (run["status"], run["error"]["code"]) == ("Failed", "TooManyVirtualMachines")
        assert "3" in run["error"]["message"]
        assert "2" in run["error"]["message"]
        assert world.effects() == []

    start(story)
