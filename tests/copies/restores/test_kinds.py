"""What each fault of Azure alone does to restores and drills: they succeed, nothing is made twice, and a drill leaves nothing.

Each fault meets a drill or a restore, in turn; with `--histories 1` both.
"""

from collections import Counter
from itertools import cycle, product
from pathlib import Path

import pytest

from tests.copies.policies.kit import Json, World, run_story
from tests.copies.restores.kit import drill, plant_copies, request, resources, start
from tests.histories.test_kinds import FAULTS

pytestmark = pytest.mark.process
ANY_WRITE = ("PUT", "POST", "PATCH", "DELETE")
HERE = sorted(name for name in FAULTS if not name.startswith(("6:", "2: a job")))
"""Those that are not of Site Recovery alone."""
ASKED = {"a drill": {"keepFor": "PT10M"}, "a restore": {}}
RESOURCES = "restorePoint|virtualMachines|disks|networkInterfaces|virtualNetworks|resourceGroups/[^/]+$"
PATHS = {"2: what exists is hidden for some minutes": RESOURCES}


def planted(world: World, fault: str) -> None:
    definition = dict(FAULTS[fault])
    kind, method = definition.pop("fault"), definition.pop("method", None)
    definition["path"] = PATHS.get(fault, definition.get("path", "."))
    if definition["path"] == "replication":
        definition["path"] = "virtualMachines|disks|networkInterfaces"
    for each in ANY_WRITE if method == "(any write)" else (method,):
        world.fault(kind, method=each, **definition)


async def accepted(world: World, body: Json) -> Json:
    """Ask under the same key until it is accepted, as a careful sender does."""
    for _ in range(90):
        answer = await start(world, body, Repeatability_Request_ID="00000000-0000-4000-8000-000000000001")
        if answer.status in {200, 202}:
            found: Json = answer.body
            return found
        await world.advance(minutes=1)
    raise AssertionError(answer)


async def helped(world: World, restore: Json) -> Json:
    """Return a restore once it has ended; where it asks for attention, a person has it looked at again."""
    for _ in range(240):
        found: Json = await world.get(f"/restores/{restore['id']}")
        if found["status"] in {"Succeeded", "Failed", "Canceled"}:
            return found
        if found["attention"] is not None:
            assert found["attention"]["code"] in {"NoProgress", "CleanUpBlocked"}, found
            await world.call("POST", f"/operations/{restore['id']}/retry")
        await world.advance(minutes=1)
    raise AssertionError(found)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Meet each fault with a drill or a restore, in turn; with both where `--histories` asks for more."""
    if "fault" in metafunc.fixturenames:
        many = metafunc.config.getoption("--histories") is not None
        metafunc.parametrize(("fault", "asked"), list(product(HERE, ASKED)) if many else list(zip(HERE, cycle(ASKED), strict=False)))


def test_a_fault_of_azure_changes_nothing_of_the_end(fault: str, asked: str, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        points, before = plant_copies(world), resources(world)
        sources = [{"source": {"restorePointId": points[0]}, "name": "again"}]
        planted(world, fault)
        make = drill if asked == "a drill" else request
        restore = await helped(world, await accepted(world, make([], machines=sources, bootTimeout="PT40M", **ASKED[asked])))
        assert (restore["status"], restore["error"], restore["verified"]) == ("Succeeded", None, "agent"), restore
        made = {one["id"].lower() for each in restore["machines"] for one in each["resources"]}
        assert resources(world) - before == (set() if asked == "a drill" else made)
        assert before <= resources(world)
        writes = Counter(str(one["path"]).lower() for one in world.effects() if one["method"] == "PUT")
        assert writes == dict.fromkeys(made, 1)

    run_story(story, tmp_path)


@pytest.mark.parametrize(("path", "hours"), [("disks/", 24), ("networkInterfaces/", 3)])
def test_a_restore_that_azure_does_not_go_on_with_asks_for_attention(path: str, hours: int, tmp_path: Path) -> None:
    async def story(world: World) -> None:
        source = {"source": {"restorePointId": plant_copies(world)[0]}, "name": "again"}
        body = await accepted(world, request([], machines=[source], bootTimeout="PT1H"))
        world.fault("hide", method="GET", path=path, duration="P3D")
        shown: Json = {}
        for hour in range(hours + 2):
            shown = await world.get(f"/restores/{body['id']}")
            assert shown["status"] in {"NotStarted", "Running"}, shown
            assert shown["attention"] is None or hour >= hours, (hour, shown["attention"])
            await world.advance(hours=1)
        assert (await world.get(f"/restores/{body['id']}"))["attention"]["code"] == "NoProgress"
        world.app.platform.clear_faults()
        ended = await helped(world, body)
        assert (ended["status"], ended["attention"]) == ("Succeeded", None)

    run_story(story, tmp_path)
